"""Shares of influence at the asked moments without any ledger: prior, selection, gates and drift alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsm.inference.over_time.asked import Asked
from bsm.motives.course import Course, Moment, Timeline, continued, course
from bsm.motives.course.stages import Stage
from bsm.motives.theta import Theta
from bsm.spec.model import Model, SpecError


def shares(timeline: Timeline, theta: Theta, asked: Sequence[Asked]) -> tuple[Tensor, Tensor]:
    """Share of every named motivation, [draw, asked, m], and whether the moment is reached, [draw, asked].

    Where a phase has fewer selections than asked about the share is that of its last one, and `reached` is False.
    """
    found = (
        course(timeline.model, theta) if not timeline.model.phases else Course(timeline, theta, timeline.stages(theta))
    )
    values, reached = [], []
    for one in asked:
        if one.ahead:
            values.append(_ahead(timeline.model, theta, one))
            reached.append(torch.ones(1, dtype=torch.bool))
            continue
        values.append(found.shares(place(found, one)))
        reached.append(reaches(found.stages, one))
    draws = max(theta.draws, *(len(v) for v in values))
    return (
        torch.stack([v.expand(draws, -1) for v in values], 1),
        torch.stack([r.expand(draws) for r in reached], 1),
    )


def place(found: Course, one: Asked) -> Moment:
    """The moment in a course; where a phase is too short, its last selection."""
    if one.end or one.phase < 0:
        return Moment(one.phase)
    n = found.stages[one.phase].n
    return Moment(one.phase, torch.minimum(one.position(n), n))


def selections(found: Course, one: Asked) -> Tensor:
    """All selections that are past at a moment, over all phases, [draw]."""
    counted = torch.zeros(1, dtype=torch.float64)
    for i, stage in enumerate(found.stages):
        if i < one.phase or one.ahead or (i == one.phase and one.end):
            counted = counted + stage.n
        elif i == one.phase:
            counted = counted + torch.minimum(one.position(stage.n), stage.n)
    return counted + one.step if one.ahead else counted


def reaches(stages: Sequence[Stage], one: Asked) -> Tensor:
    """Whether the phase of a moment has so many selections, [draw]; ends, and what is ahead, are always reached."""
    if one.end or one.ahead or one.phase < 0:
        return torch.ones(1, dtype=torch.bool)
    n = stages[one.phase].n
    return one.position(n) <= n * (1 + 1e-12)


def _ahead(model: Model, theta: Theta, one: Asked) -> Tensor:
    return course(continued(model, model.phases[one.phase].name, one.step), theta).shares()


def refuse_unreached(label: str, reached: Tensor) -> None:
    """Refuse a moment that none of the draws reaches.

    Raises:
        SpecError: with the number of draws.
    """
    if not bool(reached.any()):
        raise SpecError(
            f"at = {label}: the phase has fewer selections in every draw ({len(reached)} drawn); ask for an earlier "
            "step, or for a part of it such as 50%"
        )
