"""How long an audit says something: after how many steps of deployment a clean one carries less than half its bits.

Bits are about motivations that have a share of influence, the same under either dynamics. None_of_these takes no part:
it has no share (softmax_pg leaves its odds alone), and what an audit sees of an unknown pattern is a stand-in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.motives.course import Course, Moment, Stage, course
from bsm.motives.course.step import log_gain, transition
from bsm.motives.half_life import HalfLife, Measure, bits_after, half_life, half_life_of
from bsm.motives.theta import Theta
from bsm.questions.which_audit import Audit, pairs
from bsm.spec.model import Model, SpecError

MOST = 1_000_000
MOST_ASKED = 2_000  # steps looked at one by one where shares do not follow a fixed operator
LITTLE = 0.01  # bits: a clean result that carries less hardly moves a probability


@dataclass(frozen=True, eq=False)
class AuditHalfLife:
    """When a clean audit has lost half of what it said of the motivations, and how that was found.

    `step` [draw] counts selections of `phase`, inf where it kept half its bits to the last step looked at (`most`);
    `bits` [draw] is what it carries at the start of `phase`, after all that lies between; `monotone`: bits cannot rise
    again after that step.
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
        when = "when clean" if self.measure == "clean" else "on average over clean and not clean"
        end = f" (looked at {self.most:,} steps)" if high == float("inf") else ""
        head = f"{self.audit}: {said} {when}, at the start of {self.phase}"
        return f"{head}; half of it lost after {steps} steps of {self.phase}{end}{self._warning()}"

    def _warning(self) -> str:
        few = self.bits < LITTLE
        if not bool(few.any()):
            return ""
        among = "" if bool(few.all()) else f" in {int(few.sum())} of {len(few)} draws"
        return f". Under {LITTLE:g} bits{among}: there it says next to nothing, however long that lasts"


def audit_half_life(
    model: Model,
    audit: str | tuple[str, str] | None = None,
    phase: str | None = None,
    theta: Theta | None = None,
    measure: Measure = "clean",
    most: int = MOST,
) -> AuditHalfLife:
    """After how many selections of a phase a clean audit carries less than half the bits it had when the phase began.

    Bits are KL(shares given a clean result || shares had nobody looked), both given influence at t, summed over
    motivations with a share; `measure="mutual"` takes the mean over clean and not clean. Both AIs go through all that
    lies between audit and phase: selection, drift, other gates. The phase is then taken to go on, without its gates,
    for as long as it takes.

    Args:
        model: the model, with or without overlays.
        audit: the name of a gate, or (phase, gate) where several phases have held-out gates of that name. Held-out
            gates of one name in one phase are one audit; trained-on gates are never part of it. When absent, the
            audit that carries most bits, in the mean over draws.
        phase: what follows, the audit's own phase (which then goes on) or a later one; when absent, the first phase
            with selections after the audit's own.
        theta: parameter draws; prior medians when absent.
        measure: "clean" or "mutual"; only "clean" where shares do not follow a fixed operator (softmax_pg, or drift
            with transmission) in `phase` or on the way to it.
        most: steps after which to stop looking; at most 2,000 where shares follow no fixed operator in `phase`.

    Raises:
        SpecError: no such gate or phase; a phase before the audit; an audit that is trained on, which says nothing of
            what passed it; one that carries 0 bits, or that no motivation can pass.
    """
    own = course(model, theta)
    found = [_Carried.through(own, *pair, measure) for pair in pairs(model, audit, phase)]
    best = max(found, key=lambda one: float(one.bits.mean()))
    stage = own.stages[best.after]
    label = best.audit.words(model)
    if bool((best.bits <= 0).any()):
        raise SpecError(
            f"{label} carries 0 bits at the start of {stage.name}, in {int((best.bits <= 0).sum())} of "
            f"{len(best.bits)} draws, so there is nothing to halve: its result is equally likely under all "
            "motivations that have a share there; ask about another gate"
        )
    looked = most if _fixed(stage) else min(most, MOST_ASKED)
    halved = best.halved(own, measure, looked)
    return AuditHalfLife(label, stage.name, measure, halved.step, halved.bits, halved.monotone, looked, stage.dynamics)


# --- two AIs, one that passed it and one at which nobody looked ------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Carried:
    """Log weights at the start of phase `after`, [draw, m + 1, explored]: of who was clean, and had nobody looked."""

    audit: Audit
    after: int
    clean: Tensor
    whole: Tensor
    shares: Tensor  # [draw, m x explored], had nobody looked
    chance: Tensor  # [draw, m x explored], of clean; up to a factor where phases between keep no odds
    bits: Tensor  # [draw]

    @classmethod
    def through(cls, own: Course, audit: Audit, after: int, measure: Measure) -> _Carried:
        between, phase = own.stages[audit.place + 1 : after], own.stages[after]
        changing = [s.name for s in (*between, phase) if not _fixed(s)]
        if measure != "clean" and changing:
            raise SpecError(f"measure {measure!r} needs replicator dynamics without transmission in {changing[0]}")
        clean, whole = _at_audit(own, audit)
        for stage in between:
            clean, whole = (own.moved(stage, s, stage.n) + stage.log_gates[..., None] for s in (clean, whole))
        for state, who in ((whole, "no motivation"), (clean, f"no motivation that passed {audit.words(own.model)}")):
            if bool((log_sum(state[:, :-1].flatten(1)) == -torch.inf).any()):
                raise SpecError(f"{own.model.name}: {who} can be there at the start of {phase.name}")
        shares = whole[:, :-1].flatten(1).softmax(-1)
        chance = _ratio(clean[:, :-1].flatten(1), whole[:, :-1].flatten(1), all(map(_fixed, between)))
        bits = bits_after(shares, chance, 0, measure=measure, alike=whole.shape[-1])[:, 0]
        return cls(audit, after, clean, whole, shares, chance, bits)

    def halved(self, own: Course, measure: Measure, most: int) -> HalfLife:
        stage, explored = own.stages[self.after], self.whole.shape[-1]
        if not _fixed(stage):
            return _by_steps(own, stage, [self.clean, self.whole], most)
        named = self.shares.shape[-1]  # none_of_these comes last and moves nowhere
        flow = transition(stage, explored)[:, :named, :named] if stage.moves else None
        gain = log_gain(stage, explored)[:, :named]
        return half_life(self.shares, self.chance, gain, flow, measure, most, explored)


def _fixed(stage: Stage) -> bool:
    """Whether every step of a phase is the same linear operator."""
    return stage.dynamics == "replicator" and stage.transmission is None


def _at_audit(own: Course, audit: Audit) -> tuple[Tensor, Tensor]:
    """At the end of the audit's phase: after all its gates, and after all but the audit."""
    stage = own.stages[audit.place]
    before = own.state(Moment(audit.place, stage.n))
    zero = torch.zeros(1, before.shape[1], dtype=torch.float64)
    passed = sum((g for k, (_, g) in enumerate(stage.gates) if k in audit.gates), start=zero)
    others = sum((g for k, (_, g) in enumerate(stage.gates) if k not in audit.gates), start=zero)
    whole = before + others[..., None]
    return whole + passed[..., None], whole


def _ratio(clean: Tensor, whole: Tensor, odds: bool) -> Tensor:
    """P(clean | state now), [draw, state]: a ratio of weights; where weights are no odds, over its largest."""
    there = whole > -torch.inf
    ratio = torch.where(there, clean, -torch.inf) - torch.where(there, whole, 0.0)
    return (ratio if odds else ratio - ratio.amax(-1, keepdim=True)).exp().clamp_max(1.0)


def _by_steps(own: Course, stage: Stage, states: list[Tensor], most: int) -> HalfLife:
    """Of both AIs, step by step."""
    one = torch.ones(1, dtype=torch.float64)
    shares = [[_shares(state)] for state in states]
    looked = 0
    for last in sorted({min(most, 32 * 4**i) for i in range(5)}):  # short runs first, for who forgets soon
        for _ in range(last - looked):
            states = [own.moved(stage, state, one) for state in states]
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
