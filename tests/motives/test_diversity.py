"""The toy of many environments: its table, both laws, and that each dynamics fails the other's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from bsm.motives import diversity
from bsm.motives.diversity import slopes, threshold, trained

DIVERSITY = torch.tensor([1.0, 2, 4, 8, 16, 32], dtype=torch.float64)
SOFTMAX_PG = [-2.00, -2.28, -2.58, -2.89, -3.19, -3.49]
REPLICATOR = [-2.0, -3.8, -7.6]  # beyond -14 from 8 on


def is_the_table_of_softmax_pg(found: Tensor) -> bool:
    return np.allclose(found, SOFTMAX_PG, atol=0.005, rtol=0)


def is_the_table_of_the_replicator(found: Tensor) -> bool:
    return np.allclose(found[:3], REPLICATOR, atol=0.05, rtol=0) and bool((found[3:] < -14).all())


def falls_as_one_over_the_environments(found: Tensor) -> bool:
    slope = found.diff() / DIVERSITY.log10().diff()
    return bool(((slope + 1).abs() < 0.06).all()) and abs(float(slope[1:].mean()) + 1) < 0.01


def collapses(found: Tensor) -> bool:
    """Straight in (D, log p): every further environment lowers the prior by nearly two powers of ten."""
    slope = found.diff() / DIVERSITY.diff()
    return bool(((slope + 1.9).abs() < 0.11).all())


CHECKS: list[Callable[[Tensor], bool]] = [
    is_the_table_of_softmax_pg,
    falls_as_one_over_the_environments,
    is_the_table_of_the_replicator,
    collapses,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_each_dynamics_passes_its_own_checks_and_fails_those_of_the_other(check):
    own: diversity.Dynamics = "softmax_pg" if CHECKS.index(check) < 2 else "replicator"
    other: diversity.Dynamics = "replicator" if own == "softmax_pg" else "softmax_pg"
    assert check(threshold(DIVERSITY, own))
    assert not check(threshold(DIVERSITY, other))


def test_swapped_equations_fail_the_tables(monkeypatch):
    """Thresholds found by training itself, with the right equations and with the other dynamics' equations."""
    counts = DIVERSITY[:3]

    def level(dynamics: diversity.Dynamics) -> Tensor:
        low, high = torch.full_like(counts, -9.0), torch.full_like(counts, -1.9)
        for _ in range(12):
            middle = (low + high) / 2
            end = trained(middle, counts, dynamics, tol=1e-6)
            ahead = end[:, 0] > end[:, 1]
            low, high = torch.where(ahead, low, middle), torch.where(ahead, middle, high)
        return middle

    assert np.allclose(level("softmax_pg"), SOFTMAX_PG[:3], atol=0.01)
    right = slopes
    swapped = {"softmax_pg": "replicator", "replicator": "softmax_pg"}
    monkeypatch.setattr(diversity, "slopes", lambda logits, count, name: right(logits, count, swapped[name]))
    assert not np.allclose(level("softmax_pg"), SOFTMAX_PG[:3], atol=0.01)
    assert np.allclose(level("softmax_pg"), REPLICATOR, atol=0.05)


@pytest.mark.parametrize("dynamics", diversity.DYNAMICS)
def test_trained_from_the_threshold_the_patterns_end_level(dynamics):
    end = trained(threshold(DIVERSITY, dynamics), DIVERSITY, dynamics)
    np.testing.assert_allclose(end, np.tile([0.475, 0.475, 0.05], (6, 1)), rtol=1e-8)


def every_logit(general: float, environments: int, dynamics: str, local: float, until: float) -> np.ndarray:
    """The same toy with all 1 + 2 D logits written out, no symmetry used, stopped by an event: shares [D, 3]."""

    def shares(theta: np.ndarray) -> np.ndarray:
        logits = np.column_stack([np.full(environments, theta[0]), *theta[1:].reshape(2, environments)])
        odds = np.exp(logits - logits.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def rate(_: float, theta: np.ndarray) -> np.ndarray:
        w, s = shares(theta), np.array([1.0, 1.0, 0.0])
        pull = s - (w @ s)[:, None]
        if dynamics == "softmax_pg":
            pull = w * pull
        return np.concatenate([[pull[:, 0].sum()], pull[:, 1], pull[:, 2]])

    def reward(_: float, theta: np.ndarray) -> float:
        return float((1 - shares(theta)[:, 2]).mean() - until)

    reward.terminal = True  # type: ignore[attr-defined]
    start = np.log(
        np.concatenate([[general], np.full(environments, local), np.full(environments, 1 - general - local)])
    )
    solved = solve_ivp(rate, (0, 1e6), start, method="LSODA", events=reward, rtol=1e-10, atol=1e-12)
    return shares(solved.y[:, -1])


@pytest.mark.parametrize("dynamics", diversity.DYNAMICS)
@pytest.mark.parametrize(("general", "count"), [(1e-3, 1), (3e-3, 3), (1e-4, 5)])
def test_one_environment_stands_for_all(dynamics, general, count):
    written_out = every_logit(general, count, dynamics, 1e-2, 0.95)
    ours = trained(float(np.log10(general)), count, dynamics)
    np.testing.assert_allclose(written_out, np.tile(ours, (count, 1)), rtol=1e-6)


def test_in_one_environment_the_dynamics_differ_only_in_how_much_the_rare_pattern_loses():
    replicator, softmax_pg = (trained(-3.0, 1, dynamics) for dynamics in ("replicator", "softmax_pg"))
    assert float(replicator[0] / replicator[1]) == pytest.approx(0.1, rel=1e-8), "equal fitness keeps the odds"
    assert float(softmax_pg[0] / softmax_pg[1]) < 0.01, "the rich get richer"


def test_more_environments_than_a_float_has_room_for():
    assert float(threshold(500, "replicator")) < -900


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: threshold(0.5, "replicator"), "at least one environment"),
        (lambda: threshold(2, "sgd"), "'sgd' is not one of"),  # type: ignore[arg-type]
        (lambda: threshold(2, "softmax_pg", local=0.6), "lower local"),
        (lambda: threshold(2, "softmax_pg", local=0.0), "0 < local"),
        (lambda: trained(1e-2, 1, "softmax_pg"), "log10"),
        (lambda: trained(float("-inf"), 1, "softmax_pg"), "must be positive"),
        (lambda: trained(-2.0, float("nan"), "softmax_pg"), "at least one environment"),
        (lambda: trained(-2.0, 2, "sgd"), "'sgd' is not one of"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
