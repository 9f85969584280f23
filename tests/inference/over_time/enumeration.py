"""Rows and selection over time by writing out every path of the hidden state, read straight from a model's values.

A state is a motivation (none_of_these last) with whether it has explored what was unexplored. Policies, fitness and
gates are those of `tests.motives.by_hand` and `tests.motives.course.slow`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from bsm.evidence.ledger import Evidence
from bsm.evidence.rows import LedgerRow
from bsm.spec.model import Model, Phase
from tests.motives import by_hand
from tests.motives.course import slow

Row = LedgerRow


@dataclass
class Event:
    """What happens next: a selection (`gain` [state], `moves` [state, state]), or a look or rows (`gain` alone)."""

    phase: int
    step: float | None  # selections past after it; None from the end of the phase on
    gain: np.ndarray
    moves: np.ndarray | None
    alone: np.ndarray  # gain without rows
    rows: tuple[str, ...] = ()


def row(i: int, contexts: Mapping[str, str], k: int, n: int, phase: str | None, step: float | None, steps: int) -> Row:
    """k of n episodes that acted."""
    return LedgerRow(
        id=f"r{i}", subject="ai", setting="s", block="s", contexts=dict(contexts), variant=f"v{i}", phase=phase,
        steps=steps, observation="acted", k=float(k), n=float(n), basis="counts", printed="", rho=0.0, n_eff=None,
        fpr=0.1, fnr=0.05, second=None, source_id="x", citation="", figure_or_table="", date="", sha256="",
        second_sha256="", note="", opinion_of="", line=i + 2, step=step,
    )  # fmt: skip


def chance_of(model: Model, name: str, one: Row) -> tuple[float, float]:
    """P(acted | selected), and P(selected | context), of one motivation in the row's phase; 1 where only seen."""
    phase = next((p for p in model.phases if p.name == one.phase), None)
    world = slow.world_of(model, phase) if phase else model
    c = dict(one.contexts)
    pi = by_hand.policy(world, name, c)
    acts = by_hand.joint_actions(world, by_hand.first_actions(world))
    if not one.steps:
        return sum(p for a, p in zip(acts, pi.values(), strict=True) if a["a"] == "y"), 1.0
    assert phase is not None
    event = dict(phase.selected) or None

    def selected(w: by_hand.World) -> float:
        return by_hand.selected(world, w) if event is None else float(by_hand.matches(event, w))

    each = [
        (a["a"], p * by_hand.consequence(world, name, selected, a, c)) for a, p in zip(acts, pi.values(), strict=True)
    ]
    whole = sum(p for _, p in each)
    return sum(p for a, p in each if a == "y") / whole, whole


def likelihood(one: Row, p: float) -> float:
    seen = (1 - one.fnr) * p + one.fpr * (1 - p)
    return math.comb(int(one.n), int(one.k)) * seen**one.k * (1 - seen) ** (one.n - one.k)


def events(model: Model, rows: Sequence[Row], explored: bool) -> tuple[np.ndarray, list[Event]]:
    """Start weights [state] and everything that happens, in order."""
    names = [*model.motivations, None]
    m, e = len(names), 2 if explored else 1
    start = np.zeros((m, e))
    start[:, 0] = np.exp(slow.log_prior(model))
    course = np.zeros((m, 2))
    course[:, 0] = start[:, 0]
    flat = lambda x: np.repeat(np.asarray(x)[:, None], e, 1).reshape(-1)  # noqa: E731
    looks: dict[str, float] = {}
    found: list[Event] = []
    for i, phase in enumerate(model.phases):
        world, event = slow.world_of(model, phase), dict(phase.selected) or None
        full = np.array([slow.chance(world, n, event) for n in names])
        before = np.array([slow.chance(world, n, event, phase.unexplored) for n in names])
        press = slow.pressure(model)
        found += _seen(model, rows, i, 0.0, flat)
        taken = _taken(rows, phase)
        left, done = float(phase.selections), 0.0
        while left > 0:
            r = min(1.0, left)
            gain = np.stack([before, full], 1)[:, -e:] ** (phase.eta * r) * np.exp(phase.eta * r * press)[:, None]
            moves = _moves(model, phase, course, r, e)
            alone, here = gain, ()
            if (one := taken.get(done)) is not None:
                alone = np.repeat(np.exp(phase.eta * r * press)[:, None], e, 1)
                told = [chance_of(model, n, one) for n in names[:-1]]
                own = [selected * (likelihood(one, p) if one.step in (None, done) else 1.0) for p, selected in told]
                gain, here = alone * np.array([*own, 1.0])[:, None], (one.id,)
            course = slow.one_step(model, phase, course, full, before, press, r)
            left, done = left - r, done + r
            found.append(Event(i, done, gain.reshape(-1), moves, alone.reshape(-1), here))
            found += _seen(model, rows, i, done, flat)
        for gate in phase.gates:
            passed = flat(slow.passed(world, names, gate, looks))
            found.append(Event(i, None, passed, None, passed))
            course = course * slow_by_look(passed, e)[:, None]
        found += _seen(model, rows, i, None, flat)
    return start.reshape(-1), found


def slow_by_look(passed: np.ndarray, e: int) -> np.ndarray:
    return passed.reshape(-1, e)[:, 0]


def _taken(rows: Sequence[Row], phase: Phase) -> dict[float, Row]:
    """Which selected-on row each step (by how many lie before it) belongs to."""
    found, filled = {}, 0.0
    for one in rows:
        if one.phase != phase.name or not one.steps:
            continue
        first = filled if one.step is None else one.step
        filled = first + one.steps if one.step is None else filled
        for j in range(one.steps):
            found[first + j] = replace(one, step=first)
    return found


def _seen(model: Model, rows: Sequence[Row], i: int, step: float | None, flat) -> list[Event]:  # type: ignore[no-untyped-def]
    last = i == len(model.phases) - 1
    found = []
    for one in rows:
        here = one.phase == model.phases[i].name and not one.steps and one.step == step
        now = one.phase is None and last and step is None
        if here or now:
            p = [likelihood(one, chance_of(model, n, one)[0]) for n in model.motivations]
            found.append(Event(i, step, flat([*p, 1.0]), None, np.ones_like(flat([*p, 1.0])), (one.id,)))
    return found


def _moves(model: Model, phase: Phase, course: np.ndarray, r: float, e: int) -> np.ndarray:
    order = list(model.motivations)
    share = course[:-1].sum(1) / course[:-1].sum()
    q = np.eye(len(order) + 1)
    for d in phase.drift:
        i, j = order.index(d.source), order.index(d.target)
        rate = d.rate + d.transmission * share[j]
        q[i, j] += rate
        q[i, i] -= rate
    x = np.array([[1 - phase.exploration, phase.exploration], [0.0, 1.0]]) if e == 2 else np.eye(1)
    return (1 - r) * np.eye(len(q) * e) + r * np.kron(q, x)


def paths(start: np.ndarray, happened: Sequence[Event], alone: bool = False) -> dict[tuple[int, ...], float]:
    """Every path of states (before everything, and after each selection) and its weight."""
    found = {(s,): w for s, w in enumerate(start) if w > 0}
    for event in happened:
        gain = event.alone if alone else event.gain
        if event.moves is None:
            found = {p: w * gain[p[-1]] for p, w in found.items()}
            continue
        found = {
            (*p, s): w * gain[p[-1]] * event.moves[p[-1], s]
            for (p, w), s in product(found.items(), range(len(gain)))
            if event.moves[p[-1], s] > 0
        }
    return found


def by_motivation(found: Mapping[tuple[int, ...], float], at: int, states: int, e: int) -> np.ndarray:
    """Weight of each motivation after so many selections, [m + 1]."""
    total = np.zeros(states)
    for path, weight in found.items():
        total[path[at]] += weight
    return total.reshape(-1, e).sum(1)


def upto(happened: Sequence[Event], phase: int, step: float | None) -> list[Event]:
    """Everything up to a moment: rows at its step included, selections that begin there not."""
    found = []
    for event in happened:
        inside = event.phase < phase or (
            event.phase == phase and (step is None or (event.step is not None and event.step <= step))
        )
        if inside:
            found.append(event)
    return found


def selections(happened: Sequence[Event]) -> int:
    return sum(event.moves is not None for event in happened)


def evidence(rows: Sequence[Row]) -> Evidence:
    return Evidence(tuple(rows))
