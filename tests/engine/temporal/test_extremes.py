"""Long chains, evidence of any size, and states that all but vanish: against recursion in 60 decimal digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import temporal
from bsm.engine.temporal.compiled import Arrays, passed
from bsm.engine.temporal.inputs import chain
from tests.engine.temporal.chains import Example, dense, enumerated, exact


def agrees(example: Example, count: int = 1, rtol: float = 1e-9, gradient: bool = False) -> None:
    """Every probability relatively right down to the smallest that float64 holds, compiled or in torch."""
    filtered, smoothed, log_evidence = exact(example)
    initial, transition, evidence = example.tensors()
    evidence = evidence.expand(count, *evidence.shape).clone().requires_grad_(gradient)
    found = [x.detach() for x in temporal.smooth(initial, transition, evidence, varying=example.varying)]
    for ours, theirs in zip(found[:2], (filtered, smoothed), strict=True):
        held = np.where(theirs > 1e-300, theirs, 0.0)
        for row in ours.numpy():
            np.testing.assert_allclose(np.where(theirs > 1e-300, row, 0.0), held, rtol=rtol, atol=0)
    np.testing.assert_allclose(found[2], log_evidence, rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize(("count", "gradient"), [(1, False), (20, False), (1, True)])
def test_ten_thousand_steps_with_evidence_at_each(count, gradient):
    """Log evidence near -60,000: far below what a float64 probability can hold."""
    example = dense(np.random.default_rng(0), 3, 10_000, spread=4.0)
    agrees(example, count, gradient=gradient, rtol=1e-10)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_log_likelihoods_of_any_size(size, gradient):
    rng = np.random.default_rng(1)
    plain = dense(rng, 4, 30)
    agrees(Example(plain.initial, plain.transition, -size * rng.random((30, 4))), gradient=gradient)


def test_a_state_1e400_times_less_probable_comes_back():
    """Two states that hardly mix; 921 nats against the second, then 2,000 nats for it."""
    mix = 1e-12
    transition = np.array([[1 - mix, mix], [mix, 1 - mix]])
    apart = Example(np.array([1.0, 0.0]), np.eye(2), np.zeros((1, 2)))  # the second never was possible
    for initial in (np.array([0.5, 0.5]), np.array([1.0, 0.0])):
        evidence = np.array([[0.0, -921.0], [0.0, -921.0], [-2000.0, 0.0], [-2000.0, 0.0], [0.0, 0.0]])
        agrees(Example(initial, transition, evidence))
        agrees(Example(initial, transition, evidence), count=30)
        agrees(Example(initial, transition, evidence), gradient=True)
    assert temporal.smooth(*apart.tensors()).smoothed[0, 1] == 0


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("count", [1, 20])
def test_a_state_that_never_mixes_is_not_lost_however_long(count, gradient):
    """No transitions at all: 100 steps against a state (in all 1e-2000), then 120 for it."""
    evidence = np.zeros((220, 3))
    evidence[:100, 1], evidence[100:, 0], evidence[:, 2] = -46.0, -46.0, -np.inf
    agrees(Example(np.array([0.4, 0.4, 0.2]), np.eye(3), evidence), count, gradient=gradient)


def test_only_the_sequences_that_need_it_take_the_slow_way():
    example = dense(np.random.default_rng(3), 3, 10)
    initial, transition, evidence = example.tensors()
    rows = evidence.repeat(12, 1, 1)
    rows[5, 4] = torch.tensor([0.0, -400.0, 0.0])
    found = passed(Arrays(chain(initial, transition, rows, False)), both=True)
    assert found.doubtful.nonzero().flatten().tolist() == [5]
    lone = passed(Arrays(chain(initial, transition, rows[5:6], False)), both=True)
    assert torch.equal(lone.smoothed[0], found.smoothed[5])
    assert torch.equal(lone.log_evidence[0], found.log_evidence[5])


def test_the_answer_to_a_sequence_does_not_depend_on_its_neighbours():
    example = dense(np.random.default_rng(4), 5, 40)
    initial, transition, _ = example.tensors()
    rows = torch.tensor(np.random.default_rng(5).normal(size=(77, 40, 5)) * 9)
    whole = temporal.smooth(initial, transition, rows)
    part = temporal.smooth(initial, transition, rows[30:60])
    for one, other in zip(whole, part, strict=True):
        assert torch.equal(one[30:60], other)


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_tables_with_entries_of_any_size(seed, gradient):
    """Entries down to 1e-300, evidence down to -3,000 nats, in chains that enumeration can settle in logs."""
    rng = np.random.default_rng(seed)
    table = 10.0 ** -(300 * rng.random((3, 3)) ** 2)
    initial = 10.0 ** -(300 * rng.random(3) ** 2)
    example = Example(initial / initial.sum(), table / table.sum(-1, keepdims=True), -3e3 * rng.random((4, 3)) ** 3)
    agrees(example, gradient=gradient)
    answer = enumerated(example)
    best = temporal.path(*example.tensors())
    np.testing.assert_allclose(best.log_joint, answer.log_joint.max(), rtol=1e-12)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 30]))
def test_paths_are_drawn_rightly_where_float64_alone_would_lose_a_state(seed, count):
    """The only possible paths cross from states that are 1e-400 times less probable when they are left."""
    rng = np.random.default_rng(seed)
    mix = 10.0 ** -rng.integers(1, 80)
    transition = np.array([[1 - mix, mix], [mix, 1 - mix]])
    evidence = np.array([[0.0, -921.0], [0.0, -921.0], [-3000.0, 0.0], [-3000.0, 0.0]])
    example = Example(np.array([0.5, 0.5]), transition, evidence)
    answer = enumerated(example)
    initial, moves, rows = example.tensors()
    drawn = temporal.sample(initial, moves, rows.expand(count, 4, 2), 50, seed)
    assert (drawn[..., 2:] == 1).all()
    likely = answer.paths[answer.posterior > 1e-9].tolist()
    assert all(path in likely for path in drawn.reshape(-1, 4).tolist())


@pytest.mark.parametrize(("count", "gradient"), [(1, False), (20, False), (1, True)])
def test_evidence_for_a_state_that_cannot_be_reached_changes_nothing(count, gradient):
    """50 nats for it at each of 60 steps: its message would overflow, and infinity times zero is no number."""
    transition = np.array([[0.7, 0.3, 0.0], [0.4, 0.6, 0.0], [0.1, 0.2, 0.7]])
    evidence = np.random.default_rng(0).normal(size=(60, 3))
    evidence[:, 2] += 50
    agrees(Example(np.array([0.5, 0.5, 0.0]), transition, evidence), count, gradient=gradient)


@pytest.mark.parametrize(("count", "gradient"), [(1, False), (20, False), (1, True)])
def test_what_the_way_back_loses_is_below_what_can_be_held(count, gradient):
    """A route of six crossings of 1e-60 each, next to states that are always refilled: forward nothing is small."""
    stages, rare = 8, 1e-60
    transition = np.zeros((stages + 2, stages + 2))
    transition[0, : stages + 1] = 1 / (stages + 1)  # from the first anywhere, but for the last
    for stage in range(1, stages + 1):
        transition[stage, stage + 1 if stage < stages else 0] = rare
        transition[stage, -1] = 1 - rare
    transition[-1, -1] = 1.0
    evidence = np.zeros((stages + 1, stages + 2))
    evidence[1:, -1] = -np.inf  # nobody is seen in the last
    initial = np.append(np.full(stages + 1, 1 / (stages + 1)), 0.0)
    agrees(Example(initial, transition, evidence), count, gradient=gradient)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("count", [1, 20])
def test_what_is_added_to_the_largest_log_likelihood_is_not_lost(count, gradient):
    """Beyond 1e11 nats they are refused: at 1e300 a later nat would round away, and the smoothed answer be wrong."""
    initial, stay = torch.tensor([0.5, 0.5], dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    evidence = torch.tensor([[0.0, -1e11], [-1e11, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    rows = evidence.repeat(count, 1, 1).requires_grad_(gradient)
    found = temporal.smooth(initial, stay, rows)
    expected = torch.tensor([-1.0, 0.0], dtype=torch.float64).softmax(0)
    torch.testing.assert_close(found.smoothed.detach(), expected.expand(count, 3, 2), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"has log_likelihood -1e\+300 at time step 0, state 1; .* -inf where"):
        temporal.smooth(initial, stay, (rows * 1e289).clamp(min=-1e300))
