"""How long an audit says something: after how many steps of deployment a clean one carries less than half its bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsm.motives.course import Course, Moment, course
from bsm.motives.course.logs import log_sum
from bsm.motives.course.step import log_gain, transition
from bsm.motives.half_life import HalfLife, Measure, half_life, half_life_of
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, SpecError

MOST = 1_000_000
MOST_ASKED = 2_000  # steps looked at one by one where shares do not follow a fixed operator


@dataclass(frozen=True, eq=False)
class AuditHalfLife:
    """When a clean audit has lost half of what it said of the motivations, and how that was found.

    `step` [draw] counts selections of `phase` after the audit, inf where it kept half its bits to the last step looked
    at (`most`); `bits` [draw] at once after the audit; `monotone`: bits cannot rise again after that step.
    """

    audit: str
    phase: str
    measure: str
    step: Tensor
    bits: Tensor
    monotone: bool
    most: int
    dynamics: str

    def __str__(self) -> str:
        low, high = float(self.step.min()), float(self.step.max())
        steps = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        said = f"{float(self.bits.min()):.3g} to {float(self.bits.max()):.3g} bits" if len(self.bits) > 1 else (
            f"{float(self.bits[0]):.3g} bits"
        )  # fmt: skip
        end = f" (looked at {self.most:,} steps)" if high == float("inf") else ""
        return f"{self.audit}: {said} when clean, half of it lost after {steps} steps of {self.phase}{end}"


def audit_half_life(
    model: Model,
    audit: str | None = None,
    phase: str | None = None,
    theta: Theta | None = None,
    measure: Measure = "clean",
    most: int = MOST,
) -> AuditHalfLife:
    """After how many selections of a later phase a clean audit carries less than half its bits about motivations.

    Bits are KL(P(motivation at t | clean) || P(motivation at t)), both given influence at t; `measure="mutual"` takes
    the mean over clean and not clean. The phase is taken to go on, without its gates, for as long as it takes.

    Args:
        model: the model, with or without overlays.
        audit: a gate of one of its phases; the first that is held out when absent.
        phase: what follows; the first phase with selections after the audit's own when absent.
        theta: parameter draws; prior medians when absent.
        measure: "clean" or "mutual"; only "clean" where shares do not follow a fixed operator (softmax_pg, or drift
            with transmission).
        most: steps after which to stop looking; at most 2,000 in that case.

    Raises:
        SpecError: no such gate or phase, or an audit that is trained on, which says nothing of what passed it.
        ValueError: an audit that says nothing, or that no motivation can pass.
    """
    theta = theta or central(model)
    place, name = _gate(model, audit)
    after = _after(model, place, phase)
    now = course(_until(model, place), theta)
    stage = course(model, theta).stages[after]
    passed = dict(now.stages[-1].gates)[name]
    if stage.dynamics != "replicator" or stage.transmission is not None:
        if measure != "clean":
            raise SpecError(f"measure {measure!r} needs replicator dynamics without transmission in {stage.name}")
        looked = min(most, MOST_ASKED)
        found = _by_courses(model, theta, place, after, name, looked)
    else:
        looked = most
        explored = 2 if now.timeline.explores else 1
        state = (now.state(Moment(place, now.stages[-1].n)) + _others(now, name)).flatten(1)
        clean = passed.exp().repeat_interleave(explored, -1)
        flow = transition(stage, explored) if stage.moves else None
        found = half_life(state.softmax(-1), clean, log_gain(stage, explored), flow, measure, most)
    label = f"{name} in {model.phases[place].name}"
    return AuditHalfLife(label, stage.name, measure, found.step, found.bits, found.monotone, looked, stage.dynamics)


def _gate(model: Model, wanted: str | None) -> tuple[int, str]:
    """The phase and the name of an audit."""
    gates = [(i, g) for i, p in enumerate(model.phases) for g in p.gates]
    chosen = [(i, g) for i, g in gates if (g.held_out if wanted is None else g.name == wanted)]
    if not chosen:
        known = [g.name for _, g in gates]
        what = "no held-out gate" if wanted is None else f"no gate {wanted!r}"
        raise SpecError(f"{model.name} has {what}; its gates are {known}. Add one under `gates:` of a phase")
    if len(chosen) > 1 and wanted is not None:
        raise SpecError(f"{model.name} has {len(chosen)} gates named {wanted!r}; give them names of their own")
    place, gate = chosen[0]
    if not gate.held_out:
        raise SpecError(f"the gate {gate.name} is trained on, so passing it selects nobody; ask about a held-out one")
    return place, gate.name


def _after(model: Model, place: int, wanted: str | None) -> int:
    names = [p.name for p in model.phases]
    if wanted is not None:
        if wanted not in names:
            raise SpecError(f"{wanted!r} is not a phase of {model.name}; it has {names}")
        return names.index(wanted)
    later = [i for i, p in enumerate(model.phases) if i > place and p.selections != 0.0]
    if not later:
        raise SpecError(f"no phase with selections follows the audit in {names[place]}; name the phase that would")
    return later[0]


def _until(model: Model, place: int) -> Model:
    return replace(model, phases=model.phases[: place + 1])


def _others(now: Course, name: str) -> Tensor:
    """What the other gates of the same moment add, [draw, m + 1, 1] nats."""
    zero = torch.zeros(1, len(now.model.motivations) + 1, dtype=torch.float64)
    return sum((g for n, g in now.stages[-1].gates if n != name), start=zero)[..., None]


def _by_courses(model: Model, theta: Theta, place: int, after: int, name: str, most: int) -> HalfLife:
    """From two whole courses, with the gate and without it, step by step."""
    kept = model.phases[: place + 1]
    gates = tuple(g for g in kept[-1].gates if g.name != name)
    both = [
        course(replace(model, phases=phases), theta) for phases in (kept, (*kept[:-1], replace(kept[-1], gates=gates)))
    ]
    ahead = course(model, theta)
    stage, one = ahead.stages[after], torch.ones(1, dtype=torch.float64)
    states = [own.state() for own in both]
    shares: list[list[Tensor]] = [[_shares(state)] for state in states]
    looked = 0
    for last in sorted({min(most, 32 * 4**i) for i in range(5)}):  # short runs first, for who forgets soon
        for _ in range(last - looked):
            states = [ahead.moved(stage, state, one) for state in states]
            for kept_shares, state in zip(shares, states, strict=True):
                kept_shares.append(_shares(state))
        looked = last
        audited, unaudited = (torch.stack(torch.broadcast_tensors(*s), 1) for s in shares)
        found = half_life_of(audited, unaudited)
        if bool((found.step < torch.inf).all()):
            break
    return found


def _shares(state: Tensor) -> Tensor:
    """Shares of named motivations, [draw, m], from log weights [draw, m + 1, explored]."""
    return log_sum(state)[:, :-1].softmax(-1)
