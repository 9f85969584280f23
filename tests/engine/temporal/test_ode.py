"""Softmax policy gradient as an ordinary differential equation: closed forms, laws and other solvers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from torch.autograd import gradcheck

from bsm.engine.temporal.ode import flow, softmax_flow

DOUBLE = torch.float64


def of_two(start: float, gain: float, time: float) -> float:
    """theta_1 - theta_2 at this time, from sinh d + d = sinh d_0 + d_0 + gain * time."""
    total = np.sinh(start) + start + gain * time
    return brentq(lambda d: np.sinh(d) + d - total, -60, 60, xtol=1e-13, rtol=1e-14)


def slopes(_: float, theta: np.ndarray, fitness: np.ndarray) -> np.ndarray:
    share = np.exp(theta - theta.max())
    share /= share.sum()
    return share * (fitness - share @ fitness)


@pytest.mark.parametrize("time", [0.0, 1e-3, 1.0, 30.0, 1e4, 1e7, 1e9])
@pytest.mark.parametrize(("start", "gain"), [(0.0, 1.0), (-6.0, 0.3), (3.0, -2.0), (1.0, 0.0), (-20.0, 1.0)])
def test_two_states_have_a_closed_form(start, gain, time):
    logits = torch.tensor([0.25 + start / 2, 0.25 - start / 2], dtype=DOUBLE)
    found = softmax_flow(logits, torch.tensor([gain + 7.0, 7.0], dtype=DOUBLE), time)
    assert abs(float(found[0] - found[1]) - of_two(start, gain, time)) < 2e-9
    assert abs(float(found.sum()) - 0.5) < 1e-10


@pytest.mark.parametrize("method", ["DOP853", "Radau"])
@pytest.mark.parametrize("seed", range(3))
def test_other_solvers_agree(method, seed):
    rng = np.random.default_rng(seed)
    theta, fitness = 2 * rng.normal(size=7), rng.normal(size=7)
    theirs = solve_ivp(slopes, (0, 200), theta, method=method, rtol=1e-12, atol=1e-12, args=(fitness,)).y[:, -1]
    ours = softmax_flow(torch.tensor(theta), torch.tensor(fitness), 200.0)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_tiny_steps_agree():
    """Euler's method with Richardson's correction: no tableau, no step control."""
    rng = np.random.default_rng(3)
    theta, fitness = rng.normal(size=4), rng.normal(size=4)

    def euler(count: int) -> np.ndarray:
        y = theta.copy()
        for _ in range(count):
            y = y + 3.0 / count * slopes(0.0, y, fitness)
        return y

    once, twice, four = euler(5000), euler(10_000), euler(20_000)
    corrected = (4 * (2 * four - twice) - (2 * twice - once)) / 3
    found = softmax_flow(torch.tensor(theta), torch.tensor(fitness), 3.0)
    np.testing.assert_allclose(found, corrected, atol=1e-9)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0, 1e5))
def test_laws(seed, states, time):
    """The sum of logits stays; mean fitness does not fall; a constant in fitness changes nothing; shares are shares."""
    rng = np.random.default_rng(seed)
    theta, fitness = torch.tensor(3 * rng.normal(size=states)), torch.tensor(rng.normal(size=states))
    found = softmax_flow(theta, fitness, time)
    assert abs(float(found.sum() - theta.sum())) < 1e-9
    assert float((found.softmax(-1) - theta.softmax(-1)) @ fitness) >= -1e-12
    np.testing.assert_allclose(softmax_flow(theta, fitness + 5, time), found, atol=4e-9)
    order = rng.permutation(states)
    np.testing.assert_allclose(softmax_flow(theta[order], fitness[order], time), found[order], atol=4e-9)


def test_splitting_the_time_changes_nothing_and_batches_are_broadcast():
    rng = np.random.default_rng(4)
    theta, fitness = torch.tensor(rng.normal(size=(5, 1, 4))), torch.tensor(rng.normal(size=(3, 4)))
    whole = softmax_flow(theta, fitness, 50.0)
    assert whole.shape == (5, 3, 4)
    halves = softmax_flow(softmax_flow(theta, fitness, 20.0), fitness, 30.0)
    np.testing.assert_allclose(halves, whole, atol=4e-9)
    times = torch.tensor([0.0, 20.0, 50.0], dtype=DOUBLE)
    several = softmax_flow(theta[0], fitness[0], times)
    assert torch.equal(several[0], theta[0, 0])
    np.testing.assert_allclose(several[2], whole[0, 0], atol=4e-9)
    alone = softmax_flow(theta[2, 0], fitness[1], 50.0)
    np.testing.assert_allclose(whole[2, 1], alone, atol=1e-13)  # a member never waits for another


def test_any_slope_can_be_followed():
    """A harmonic oscillator, whose phase shows every error, and one with a slope that depends on a parameter."""
    found = flow(lambda y: torch.stack([y[..., 1], -y[..., 0]], -1), torch.tensor([1.0, 0.0], dtype=DOUBLE), 100.0)
    np.testing.assert_allclose(found, [np.cos(100), -np.sin(100)], atol=1e-9)
    rates = torch.tensor([[0.1], [1.0], [1000.0]], dtype=DOUBLE)
    decay = flow(lambda y: -rates * y, torch.ones(3, 1, dtype=DOUBLE), torch.tensor([10.0, 1.0, 0.01]))
    np.testing.assert_allclose(decay[:, 0], np.exp([-1.0, -1.0, -10.0]), atol=1e-9)


def test_the_tolerance_is_kept_and_used():
    theta, fitness = torch.tensor([0.0, -3.0], dtype=DOUBLE), torch.tensor([0.0, 1.0], dtype=DOUBLE)
    calls = []

    def counted(y: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        share = y.softmax(-1)
        return share * (fitness - (share * fitness).sum(-1, keepdim=True))

    errors, counts = [], []
    for tol in (1e-4, 1e-7, 1e-10):
        calls.clear()
        found = flow(counted, theta, 100.0, tol)
        errors.append(abs(float(found[1] - found[0]) - of_two(-3.0, 1.0, 100.0)))
        counts.append(len(calls))
        assert errors[-1] < tol
    assert counts[0] < counts[1] < counts[2] < 2000


def test_gradients_flow_through_time():
    rng = np.random.default_rng(5)
    theta = torch.tensor(rng.normal(size=(2, 3)), requires_grad=True)
    fitness = torch.tensor(rng.normal(size=3), requires_grad=True)
    assert gradcheck(lambda a, b: softmax_flow(a, b, 4.0), (theta, fitness))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(2), torch.zeros(3), 1.0), r"got \(2,\) and \(3,\)"),
        ((torch.zeros(2), torch.tensor([0.0, torch.inf]), 1.0), "fitness must be finite"),
        ((torch.tensor([0.0, torch.nan]), torch.zeros(2), 1.0), "finite numbers"),
        ((torch.zeros(2), torch.zeros(2), -1.0), "time must be finite and at least 0"),
        ((torch.zeros(2), torch.zeros(2), 1.0, 1e-13), "tol is 1e-13"),
    ],
)
def test_what_cannot_be_integrated_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        softmax_flow(*arguments)


def test_a_slope_that_changes_too_fast_is_refused():
    with pytest.raises(RuntimeError, match=r"50 steps reached time .* of 1: the slope changes too fast"):
        flow(lambda y: -1e9 * y, torch.ones(1, dtype=DOUBLE), 1.0, most_steps=50)
    with pytest.raises(ValueError, match="slope that is not finite"):
        flow(lambda y: y / 0, torch.ones(1, dtype=DOUBLE), 1.0)
