"""Filter, smoother, prediction and best path against going through all paths; laws."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bsm.engine import temporal
from tests.engine.temporal.chains import Example, dense, enumerated, examples

ATOL = 1e-10
MANY = settings(max_examples=300)


def close(ours: torch.Tensor, theirs: np.ndarray | float, atol: float = ATOL) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=atol)


def many(example: Example, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same chain with `count` rows of evidence, the first its own and the others blanker and blanker."""
    initial, transition, evidence = example.tensors()
    keep = torch.arange(evidence.shape[0], dtype=torch.float64).unsqueeze(-1)
    rows = [torch.where(keep < evidence.shape[0] - n % 3, evidence, 0.0) for n in range(count)]
    return initial, transition, torch.stack(rows)


@MANY
@given(examples(), st.sampled_from([1, 2, 9, 17]))
def test_every_answer_equals_going_through_all_paths(example, count):
    """One sequence goes through `rows`, nine and seventeen through `lanes`."""
    initial, transition, evidence = many(example, count)
    answers = [enumerated(Example(example.initial, example.transition, row.numpy())) for row in evidence]
    found = temporal.smooth(initial, transition, evidence, varying=example.varying, on_impossible="mask")
    alone = temporal.filter(initial, transition, evidence, varying=example.varying, on_impossible="mask")
    best = temporal.path(initial, transition, evidence, varying=example.varying, on_impossible="mask")
    for row, answer in enumerate(answers):
        if answer is None:
            assert found.log_evidence[row] == alone.log_evidence[row] == best.log_joint[row] == -torch.inf
            assert (found.filtered[row] == 0).all()
            assert (found.smoothed[row] == 0).all()
            assert (best.states[row] == -1).all()
            continue
        close(found.filtered[row], answer.filtered)
        close(found.smoothed[row], answer.smoothed)
        close(found.log_evidence[row], answer.log_evidence, atol=ATOL * max(1, abs(answer.log_evidence)))
        close(alone.filtered[row], answer.filtered)
        close(best.log_joint[row], answer.log_joint.max(), atol=ATOL * max(1, abs(answer.log_evidence)))
        place = (answer.paths == best.states[row].numpy()).all(-1).argmax()
        close(best.log_joint[row], answer.log_joint[place], atol=ATOL * max(1, abs(answer.log_evidence)))
    assert torch.equal(alone.log_evidence, found.log_evidence)


@MANY
@given(examples())
def test_zeros_are_zeros_and_nothing_possible_is_zero(example):
    answer = enumerated(example)
    assume(answer is not None)
    found = temporal.smooth(*example.tensors(), varying=example.varying)
    assert ((found.filtered.numpy() > 0) == (answer.filtered > 0)).all()
    assert ((found.smoothed.numpy() > 0) == (answer.smoothed > 0)).all()


@given(examples(), st.integers(0, 4))
def test_prediction_equals_multiplying_step_by_step(example, steps):
    initial, transition, _ = example.tensors()
    steps = min(steps, len(transition)) if example.varying else steps
    expected = [example.initial]
    for t in range(steps):
        expected.append(expected[-1] @ example.step(t))
    close(temporal.predict(initial, transition, steps, varying=example.varying), expected[-1])
    several = [steps, 0, *range(steps)]
    close(temporal.predict(initial, transition, several, varying=example.varying), np.array(expected)[several])


# --- laws --------------------------------------------------------------------------------------------------


@given(examples(most_steps=1))
def test_one_step_is_bayes_rule(example):
    assume(((example.initial > 0) & (example.evidence[0] > -np.inf)).any())
    joint = example.initial * np.exp(example.evidence[0] - example.evidence[0].max())
    found = temporal.smooth(*example.tensors(), varying=example.varying)
    close(found.smoothed[0], joint / joint.sum())


@given(examples(most_states=6, most_steps=12))
def test_the_last_filtered_row_is_the_last_smoothed_row(example):
    found = temporal.smooth(*example.tensors(), varying=example.varying, on_impossible="mask")
    assert torch.equal(found.filtered[-1], found.smoothed[-1])


@given(examples(most_steps=8), st.integers(1, 7))
def test_splitting_the_time_in_two_changes_nothing(example, cut):
    steps = len(example.evidence)
    assume(steps > cut)
    initial, transition, evidence = example.tensors()
    assume(temporal.filter(initial, transition, evidence, varying=example.varying, on_impossible="mask")[1] > -1e9)
    whole = temporal.filter(initial, transition, evidence, varying=example.varying)
    halves = (transition[: cut - 1], transition[cut - 1 : cut], transition[cut:])
    early, between, late = halves if example.varying else (transition, transition.unsqueeze(0), transition)
    first = temporal.filter(initial, early, evidence[:cut], varying=example.varying)
    middle = temporal.predict(first.filtered[-1], between, 1, varying=True)
    second = temporal.filter(middle, late, evidence[cut:], varying=example.varying)
    close(torch.cat([first.filtered, second.filtered]), whole.filtered.numpy())
    scale = max(1.0, float(whole.log_evidence.abs()))
    close(first.log_evidence + second.log_evidence, float(whole.log_evidence), atol=1e-12 * scale)


@given(examples(), st.randoms(use_true_random=False))
def test_another_order_of_states_gives_the_same_in_that_order(example, random):
    order = list(range(len(example.initial)))
    random.shuffle(order)
    turned = Example(example.initial[order], example.transition[..., order, :][..., order], example.evidence[:, order])
    ours = temporal.smooth(*example.tensors(), varying=example.varying, on_impossible="mask")
    theirs = temporal.smooth(*turned.tensors(), varying=example.varying, on_impossible="mask")
    close(theirs.smoothed, ours.smoothed[:, order].numpy())
    close(theirs.filtered, ours.filtered[:, order].numpy())


@given(examples(), st.floats(-1e6, 1e6))
def test_a_constant_in_the_evidence_only_adds_to_the_log_evidence(example, constant):
    initial, transition, evidence = example.tensors()
    plain = temporal.smooth(initial, transition, evidence, varying=example.varying, on_impossible="mask")
    moved = temporal.smooth(initial, transition, evidence + constant, varying=example.varying, on_impossible="mask")
    close(moved.smoothed, plain.smoothed.numpy(), atol=1e-7)
    expected = plain.log_evidence + constant * len(evidence)
    np.testing.assert_allclose(moved.log_evidence, expected, rtol=1e-12, atol=1e-9)


def test_a_table_for_each_step_that_never_changes_is_the_constant_table():
    example = dense(np.random.default_rng(0), 5, 30)
    initial, transition, evidence = example.tensors()
    same = temporal.smooth(initial, transition.expand(29, 5, 5), evidence)
    for one, other in zip(temporal.smooth(initial, transition, evidence), same, strict=True):
        assert torch.equal(one, other)
