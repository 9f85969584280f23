"""Paths drawn from the posterior: frequencies of states and of pairs of states, by chi-square."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from bsm.engine import temporal
from tests.engine.temporal.chains import Answer, Example, dense, enumerated

COUNT = 40_000
Sampler = Callable[[Example, int], np.ndarray]


def exact_paths(example: Example, batch: int) -> np.ndarray:
    initial, transition, evidence = example.tensors()
    rows = evidence.expand(batch, *evidence.shape)
    return temporal.sample(initial, transition, rows, COUNT // batch, seed=5).flatten(0, 1).numpy()


def each_step_by_itself(example: Example, batch: int) -> np.ndarray:
    """Wrong: every marginal is right, and no pair is."""
    rng, smoothed = np.random.default_rng(5), enumerated(example).smoothed
    return np.stack([rng.choice(len(row), p=row / row.sum(), size=COUNT) for row in smoothed], axis=1)


def from_filtered(example: Example, batch: int) -> np.ndarray:
    """Wrong: a forward pass that does not look back from later evidence."""
    rng, filtered = np.random.default_rng(5), enumerated(example).filtered
    return np.stack([rng.choice(len(row), p=row / row.sum(), size=COUNT) for row in filtered], axis=1)


def p_value(cells: np.ndarray, expected: np.ndarray) -> float:
    """Chi-square of counted cells against probabilities, rare cells pooled; 0 where a cell of probability 0 is hit."""
    counts = np.bincount(cells, minlength=len(expected)).astype(float)
    if counts[expected == 0].any():
        return 0.0
    common = expected * COUNT >= 10
    seen = np.append(counts[common], counts[~common].sum())
    hoped = np.append(expected[common], expected[~common].sum()) * COUNT
    kept = hoped > 0
    return float(stats.chisquare(seen[kept], hoped[kept] * seen[kept].sum() / hoped[kept].sum()).pvalue)


def marginals(paths: np.ndarray, answer: Answer) -> float:
    """The least p-value over the steps."""
    return min(p_value(paths[:, t], row) for t, row in enumerate(answer.smoothed))


def pairs(paths: np.ndarray, answer: Answer) -> float:
    """The least p-value over pairs of neighbouring steps."""
    steps, states = answer.smoothed.shape
    found = []
    for t in range(steps - 1):
        joint = np.bincount(
            answer.paths[:, t] * states + answer.paths[:, t + 1], weights=answer.posterior, minlength=states**2
        )
        found.append(p_value(paths[:, t] * states + paths[:, t + 1], joint))
    return min(found)


@pytest.mark.parametrize(
    ("sampler", "states_right", "pairs_right"),
    [(exact_paths, True, True), (each_step_by_itself, True, False), (from_filtered, False, False)],
)
@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("batch", [1, 20])
def test_states_and_pairs_come_as_often_as_they_should(sampler, states_right, pairs_right, varying, batch):
    for seed in range(3):
        example = dense(np.random.default_rng(seed), 3, 6, varying, spread=1.5)
        answer = enumerated(example)
        paths = sampler(example, batch)
        assert (marginals(paths, answer) > 1e-4) == states_right
        assert (pairs(paths, answer) > 1e-4) == pairs_right


def test_whole_paths_come_as_often_as_they_should_where_states_are_excluded():
    rng = np.random.default_rng(7)
    plain = dense(rng, 3, 4, spread=1.0)
    transition = np.where(np.eye(3) > 0, 0.0, plain.transition)  # it never stays
    evidence = plain.evidence.copy()
    evidence[2, 1] = -np.inf
    example = Example(plain.initial, transition / transition.sum(-1, keepdims=True), evidence)
    answer = enumerated(example)
    paths = exact_paths(example, 1)
    assert p_value(paths @ 3 ** np.arange(4)[::-1], answer.posterior) > 1e-4


def test_the_same_seed_gives_the_same_paths_and_a_generator_moves_on():
    example = dense(np.random.default_rng(0), 3, 5)
    tensors = example.tensors()
    first = temporal.sample(*tensors, 100, 3)
    assert torch.equal(first, temporal.sample(*tensors, 100, 3))
    assert torch.equal(first, temporal.sample(*tensors, 100, torch.Generator().manual_seed(3)))
    generator = torch.Generator().manual_seed(3)
    one, other = temporal.sample(*tensors, 100, generator), temporal.sample(*tensors, 100, generator)
    assert torch.equal(first, one)
    assert not torch.equal(one, other)


def test_impossible_sequences_are_masked_and_the_others_drawn():
    stay = torch.eye(2, dtype=torch.float64)
    evidence = torch.zeros(10, 2, 2, dtype=torch.float64)
    evidence[4, 0, 0] = evidence[4, 1, 1] = -torch.inf
    drawn = temporal.sample(stay[0], stay, evidence, 4, 0, on_impossible="mask")
    assert (drawn[:, 4] == -1).all()
    assert (drawn[:, torch.arange(10) != 4] == 0).all()


def test_of_paths_that_tie_the_one_whose_states_come_first():
    flat = torch.full((3, 3), 1 / 3, dtype=torch.float64)
    assert temporal.path(flat[0], flat, torch.zeros(5, 3, dtype=torch.float64)).states.tolist() == [0] * 5
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    found = temporal.path(torch.tensor([0.5, 0.5], dtype=torch.float64), swap, torch.zeros(3, 2, dtype=torch.float64))
    assert found.states.tolist() == [0, 1, 0]
    assert float(found.log_joint.exp()) == pytest.approx(0.5)
