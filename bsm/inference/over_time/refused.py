"""What cannot be meant when motivations are followed through time with a ledger."""

from __future__ import annotations

from collections.abc import Sequence

from bsm.inference.over_time.places import Seen
from bsm.motives.course import Timeline
from bsm.spec.model import SpecError


def refuse(timeline: Timeline, moments: Sequence[Seen]) -> None:
    """Refuse phases and rows for which reading `hypothesis` is not defined.

    Raises:
        SpecError: naming the phase or the line, and what to write instead.
    """
    model = timeline.model
    for phase in model.phases:
        if phase.dynamics == "softmax_pg" and phase.selections != 0.0 and (phase.drift or timeline.explores):
            raise SpecError(
                f"phase {phase.name}: under softmax_pg with drift or unexplored actions a share is no chain of "
                "patterns that turn into one another, and reading `hypothesis` is not defined; use reading "
                "`mixture`, or dynamics `replicator`"
            )
    refuse_rows(timeline, moments)


def refuse_rows(timeline: Timeline, moments: Sequence[Seen]) -> None:
    """Refuse rows at places where they mean nothing, under any reading."""
    model = timeline.model
    for seen in moments:
        if seen.step is None:
            continue
        phase = model.phases[seen.phase]
        if seen.steps and phase.dynamics == "softmax_pg":
            raise SpecError(
                f"evidence line {seen.line}: it stands for {seen.steps} selections of phase {phase.name}, whose "
                "dynamics is softmax_pg; there a selection is a gradient step and nothing to condition on: write "
                "steps 0, seen only"
            )
        if seen.steps and phase.unexplored:
            raise SpecError(
                f"evidence line {seen.line}: it stands for {seen.steps} selections of phase {phase.name}, which has "
                "unexplored actions; whether this selection could see them, the row does not say: write steps 0, seen "
                "only, or leave `unexplored` out of the phase"
            )
        moving = phase.drift or (timeline.explores and phase.exploration != 0.0)
        if moving and seen.step != int(seen.step):
            raise SpecError(
                f"evidence line {seen.line}: step {seen.step:g} of phase {phase.name}, which has drift or "
                "exploration, so that a row lies between whole selections; write a whole number"
            )
