"""Powers of non-negative matrices: against the loop, in logs, at any number of steps."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from time import perf_counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import temporal
from bsm.engine.temporal.powers import moved, power

MILLION = 1_000_000


def selection(states: int, mixing: float, seed: int, one_way: bool = False) -> np.ndarray:
    """Fitness of the state that is entered times drift towards any state, or only to later ones."""
    rng = np.random.default_rng(seed)
    drift = (1 - mixing) * np.eye(states) + mixing * rng.dirichlet(np.ones(states), size=states)
    return (np.triu(drift) if one_way else drift) * rng.uniform(0.05, 1, size=states)


def looped(matrix: np.ndarray, steps: int, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights after so many products, one by one, each divided by its sum; and the sum of the logs."""
    weights, logs = start / start.sum(), []
    for _ in range(steps):
        weights = weights @ matrix
        total = weights.sum()
        logs.append(np.log(total))
        weights = weights / total
    return weights, float(np.sum(logs))


def by_decimals(matrix: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that sum to one and the logs of their sums, by products one by one in 60 digits."""
    size = len(matrix)
    with localcontext(Context(prec=60, Emin=-(10**18) + 1, Emax=10**18 - 1)):
        given = [[Decimal(float(x)) for x in row] for row in matrix]
        found = [[Decimal(int(i == j)) for j in range(size)] for i in range(size)]
        for _ in range(steps):
            found = [[sum(row[i] * given[i][j] for i in range(size)) for j in range(size)] for row in found]
        sums = [sum(row) for row in found]
        rows = [[float(x / s) if s else 0.0 for x in row] for row, s in zip(found, sums, strict=True)]
        return np.array(rows), np.array([float(s.ln()) if s else -np.inf for s in sums])


@pytest.mark.parametrize(("states", "mixing"), [(2, 0.3), (5, 1e-3), (8, 1e-6), (17, 0.05)])
def test_a_million_steps_equal_the_loop(states, mixing):
    matrix, start = selection(states, mixing, 0), np.ones(states)
    weights, log_mass = looped(matrix, MILLION, start)
    found = moved(torch.tensor(start), torch.tensor(matrix), MILLION)
    np.testing.assert_allclose(found.weights, weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.log_mass, log_mass + np.log(start.sum()), rtol=1e-11)


def test_a_million_steps_of_drift_alone_are_a_prediction():
    drift = torch.tensor(selection(6, 0.01, 1) / selection(6, 0.01, 1).sum(-1, keepdims=True))
    start = torch.tensor(np.random.default_rng(1).dirichlet(np.ones(6)))
    weights, _ = looped(drift.numpy(), MILLION, start.numpy())
    np.testing.assert_allclose(temporal.predict(start, drift, MILLION), weights, rtol=1e-9)


@settings(max_examples=150)
@given(st.integers(1, 5), st.integers(0, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_any_power_of_any_matrix_row_by_row(states, steps, seed, gradient):
    """Entries from 1e-200 to 1e200 and zeros; entries of the answer down to 1e-290 of their row are right."""
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((states, states)) < 0.3, 0.0, 10.0 ** rng.uniform(-200, 200, (states, states)))
    rows, log_scale = by_decimals(matrix, steps)
    found = power(torch.tensor(matrix, requires_grad=gradient), steps)
    ours = found.matrix.detach().numpy()
    np.testing.assert_allclose(np.where(rows > 1e-290, ours, 0), np.where(rows > 1e-290, rows, 0), rtol=1e-9, atol=0)
    np.testing.assert_allclose(found.log_scale.detach(), log_scale, rtol=1e-12, atol=1e-9)
    sums = found.matrix.detach().sum(-1).numpy()
    np.testing.assert_allclose(sums, (log_scale > -np.inf).astype(float), atol=1e-12)


def test_a_weight_that_all_but_vanished_takes_over():
    """The second state multiplies faster and is reached by a route of 1e-250; 2,000 steps later it is all there is."""
    matrix = np.array([[0.5, 1e-125, 0.0], [0.0, 1e-125, 1e-125], [0.0, 0.0, 0.9]])
    rows, log_scale = by_decimals(matrix, 2000)
    found = power(torch.tensor(matrix), 2000)
    np.testing.assert_allclose(found.matrix, rows, atol=1e-12)
    np.testing.assert_allclose(found.log_scale, log_scale, rtol=1e-12)
    assert found.matrix[0, 2] > 0.999


def test_a_route_that_is_lost_in_the_first_squares_takes_over():
    """No entry is below 1e-90 of its row, yet the only way to the state that grows fastest is one of 1e-360."""
    matrix = np.diag([0.5, 0.0, 0.0, 0.0, 0.9])
    for i in range(4):
        matrix[i, i + 1] = 1e-90
    rows, log_scale = by_decimals(matrix, 2000)
    found = power(torch.tensor(matrix), 2000)
    np.testing.assert_allclose(found.matrix, rows, atol=1e-12)
    np.testing.assert_allclose(found.log_scale, log_scale, rtol=1e-12)


def test_a_route_through_a_row_that_all_but_vanished_takes_over():
    """0 -> 1 -> 2 -> 3 -> 4 with two crossings of 1e-200, each the whole of its row; 0 -> 5 stays as large as it is."""
    matrix = np.zeros((6, 6))
    matrix[0, 1] = matrix[0, 5] = matrix[1, 2] = matrix[5, 5] = 1.0
    matrix[2, 3] = matrix[3, 4] = 1e-200
    matrix[4, 4] = 1.5
    rows, log_scale = by_decimals(matrix, 4000)
    found = power(torch.tensor(matrix), 4000)
    np.testing.assert_allclose(found.matrix, rows, atol=1e-12)
    np.testing.assert_allclose(found.log_scale, log_scale, rtol=1e-12)
    assert found.matrix[0, 4] > 0.999


def test_a_route_of_1e400_of_its_row_takes_over():
    """Both numbers of the first row are ordinary, but one is so much larger that the other is nothing beside it."""
    matrix = np.array([[1e200, 1e-200], [0.0, 1e250]])
    rows, log_scale = by_decimals(matrix, 20)
    found = power(torch.tensor(matrix), 20)
    np.testing.assert_allclose(found.matrix, rows, atol=1e-12)
    np.testing.assert_allclose(found.log_scale, log_scale, rtol=1e-12)
    assert found.matrix[0, 1] > 0.999


def test_a_diagonal_matrix_in_closed_form():
    kept = torch.tensor([[1.0, 0.5, 0.0], [2.0, 1e-300, 1e300]], dtype=torch.float64)
    found = power(torch.diag_embed(kept), 1e9)
    assert torch.equal(found.log_scale, 1e9 * kept.log())
    assert torch.equal(found.matrix, torch.diag_embed((kept > 0).double()))
    half = moved(torch.tensor([0.5, 0.5], dtype=torch.float64), torch.diag(kept[0, :2]), 2.5)
    np.testing.assert_allclose(half.weights, np.array([1, 0.5**2.5]) / (1 + 0.5**2.5))
    nothing = power(torch.diag(kept[0]), 0)
    assert torch.equal(nothing.matrix, torch.eye(3, dtype=torch.float64))
    assert (nothing.log_scale == 0).all()


def test_each_member_of_a_batch_has_its_own_steps():
    matrices = torch.tensor(np.stack([selection(4, 0.1, seed) for seed in range(3)]))
    steps = torch.tensor([[0, 1, 1000], [7, 2, 3]])
    found = power(matrices, steps)
    assert found.matrix.shape == (2, 3, 4, 4)
    for place in np.ndindex(2, 3):
        alone = power(matrices[place[1]], int(steps[place]))
        np.testing.assert_allclose(found.matrix[place], alone.matrix, rtol=1e-14)
        np.testing.assert_allclose(found.log_scale[place], alone.log_scale, rtol=1e-14)


@given(st.integers(0, 2000), st.integers(0, 2000), st.booleans())
def test_splitting_the_steps_changes_nothing(first, second, one_way):
    matrix = torch.tensor(selection(5, 0.02, 3, one_way))
    start = torch.tensor([0.1, 0.2, 0.3, 0.2, 0.2], dtype=torch.float64)
    whole = moved(start, matrix, first + second)
    part = moved(start, matrix, first)
    rest = moved(part.weights, matrix, second)
    np.testing.assert_allclose(rest.weights, whole.weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(part.log_mass + rest.log_mass, whole.log_mass, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("states", [2, 12, 64])
def test_a_million_steps_take_about_a_millisecond(states):
    """Measured at 0.1 to 0.4 ms on one core; ten times that would be a loop."""
    matrix = torch.tensor(selection(states, 0.01, 0))
    power(matrix, MILLION)
    taken = []
    for _ in range(20):
        start = perf_counter()
        power(matrix, MILLION)
        taken.append(perf_counter() - start)
    assert min(taken) < 4e-3


@pytest.mark.parametrize(
    ("matrix", "steps", "message"),
    [
        ([[1.0, 0.0]], 1, r"got \(1, 2\)"),
        ([[1.0, -0.5], [0.0, 1.0]], 1, r"matrix\[0, 1\] is -0.5"),
        ([[1.0, torch.nan], [0.0, 1.0]], 1, r"matrix\[0, 1\] is nan"),
        ([[1.0, 0.5], [0.0, 1.0]], -1, "steps is -1"),
        ([[1.0, 0.5], [0.0, 1.0]], 0.5, r"steps is 0.5; only a diagonal matrix"),
        ([[1.0, 0.5], [0.0, 1.0]], torch.inf, "steps is inf"),
    ],
)
def test_what_has_no_power_is_refused(matrix, steps, message):
    with pytest.raises(ValueError, match=message):
        power(torch.tensor(matrix, dtype=torch.float64), steps)


def test_weights_of_which_nothing_is_left_are_refused():
    gone = torch.tensor([[0.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="nothing is left"):
        moved(torch.tensor([1.0, 0.0], dtype=torch.float64), gone, 3)
    with pytest.raises(ValueError, match="weights are finite and at least 0"):
        moved(torch.tensor([1.0, -1.0], dtype=torch.float64), gone, 3)
