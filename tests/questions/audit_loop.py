"""Two AIs followed in a loop, one that was clean and one at which nobody looked, and what tells them apart in bits."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from bsm.questions.audits import AuditHalfLife
from bsm.spec.model import Model, Phase
from tests.motives.course import slow


def followed(model: Model, audit: set[tuple[int, int]] | None, after: int, steps: int) -> np.ndarray:
    """Weights [step, m + 1] at steps 0 to `steps` of a phase that goes on; without the gates (phase, gate) in `audit`.

    `audit` None leaves all gates. Replicator only; the phase has the gates of no AI but those before it.
    """
    names = [*model.motivations, None]
    weights, looks = np.zeros((len(names), 2)), {}
    weights[:, 0] = np.exp(slow.log_prior(model))
    for i, phase in enumerate(model.phases[:after]):
        weights = stepped(model, phase, weights, float(phase.selections))[-1]
        for k, gate in enumerate(phase.gates):
            chance = slow.passed(slow.world_of(model, phase), names, gate, looks)
            weights = weights if audit and (i, k) in audit else weights * chance[:, None]
    return np.stack([w.sum(1) for w in stepped(model, model.phases[after], weights, float(steps))])


def stepped(model: Model, phase: Phase, weights: np.ndarray, left: float) -> list[np.ndarray]:
    names, world, event = [*model.motivations, None], slow.world_of(model, phase), dict(phase.selected) or None
    full = np.array([slow.chance(world, m, event) for m in names])
    before = np.array([slow.chance(world, m, event, phase.unexplored) for m in names]) if phase.unexplored else full
    found = [weights]
    while left > 0:
        weights = slow.one_step(model, phase, weights, full, before, slow.pressure(model), min(1.0, left))
        found, left = [*found, weights], left - 1
    return found


def named(weights: np.ndarray) -> np.ndarray:
    return weights[..., :-1] / weights[..., :-1].sum(-1, keepdims=True)


def looped_bits(model: Model, audit: set[tuple[int, int]], after: int, steps: int, measure: str = "clean") -> list:
    """Bits about named motivations before each step."""
    clean, whole = (followed(model, gone, after, steps) for gone in (None, audit))
    bits = (named(clean) * np.log2(named(clean) / named(whole))).sum(-1)
    if measure == "mutual":
        caught = whole - clean
        ok = clean[:, :-1].sum(-1) / whole[:, :-1].sum(-1)
        more = (named(caught) * np.log2(named(caught) / named(whole))).sum(-1)
        bits = ok * bits + (1 - ok) * more
    return bits.tolist()


def same(
    model: Model, found: AuditHalfLife, audit: set[tuple[int, int]], after: int, measure: str = "clean"
) -> list[float]:
    """Compare an answer with the loop; the bits of the loop."""
    steps = 300 if found.step[0] == inf else int(found.step[0])
    bits = looped_bits(model, audit, after, steps, measure)
    assert float(found.bits[0]) == pytest.approx(bits[0], rel=1e-8, abs=1e-13)
    assert first_below(bits) == float(found.step[0])
    return bits


def first_below(bits: list[float]) -> float:
    return next((float(i) for i, b in enumerate(bits) if b < bits[0] / 2), inf)


def by_replicator(model: Model, phase: Phase, shares: np.ndarray, steps: int) -> list[np.ndarray]:
    weights = np.zeros((len(shares) + 1, 2))
    weights[:-1, 0] = shares
    return [named(w.sum(1)) for w in stepped(model, phase, weights, float(steps))]


def flown(model: Model, phase: Phase, shares: np.ndarray, times: list[float]) -> list[np.ndarray]:
    """w = softmax theta, theta' = eta w (s - mean of s), and drift as a flow, at these times."""
    s = np.array([slow.chance(slow.world_of(model, phase), m, None) for m in model.motivations])
    s = s + slow.pressure(model)[:-1]
    order = list(model.motivations)

    def rate(_: float, w: np.ndarray) -> np.ndarray:
        push = phase.eta * w * (s - w @ s)
        found = w * (push - w @ push)
        for d in phase.drift:
            flow = d.rate * w[order.index(d.source)]
            found[order.index(d.source)] -= flow
            found[order.index(d.target)] += flow
        return found

    return list(solve_ivp(rate, (0, times[-1]), shares, t_eval=times, rtol=1e-11, atol=1e-14).y.T)
