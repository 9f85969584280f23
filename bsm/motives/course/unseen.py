"""Weights after all phases where ledger rows have observed some of the selected steps, which count with those rows."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bsm.motives.course.course import Course
from bsm.motives.course.stages import Stage, Timeline
from bsm.motives.theta import Theta
from bsm.spec.model import SpecError


def log_unseen(timeline: Timeline, theta: Theta, seen: Mapping[str, int] | None = None) -> Tensor:
    """log of prior x selection that no row observed, now, [draw, m + 1] nats, unnormalised, none_of_these last.

    Args:
        timeline: the phases of a model.
        theta: parameter draws.
        seen: phase -> selected steps in it that rows of the ledger stand for.

    Under the replicator without drift or exploration a weight is a product over steps, so each phase adds
    eta (n - seen) log f, eta n pressure, and its gates; a draw with n below what was seen gets -inf. Otherwise it is
    the course's weight now, and no step may have been seen.

    Raises:
        SpecError: steps were seen in a model whose weights are not a product over steps.
    """
    steps = {name: count for name, count in (seen or {}).items() if count}
    if not timeline.closed:
        refuse_rows_inside(timeline, steps)
        return Course(timeline, theta, timeline.stages(theta)).log_weights()
    stages = timeline.stages(theta)
    total = Course(timeline, theta, stages).log_prior()
    for stage in stages:
        total = total + _of_phase(stage, steps.get(stage.name, 0))
    return total


def refuse_rows_inside(timeline: Timeline, phases: Mapping[str, int]) -> None:
    """Refuse rows inside the phases of a model whose weights are not a product over steps."""
    if not phases or not (why := when_matters(timeline)):
        return
    raise SpecError(
        f"rows of the ledger lie inside {list(phases)}, and {', '.join(why)}: what a row says then depends on when it "
        "was seen; `bsm run MODEL` and `bsm at MODEL` (in Python: bsm.posterior(..., at=...)) follow motivations "
        "through time"
    )


def when_matters(timeline: Timeline) -> list[str]:
    """What makes a row say something else earlier or later in a phase, in words; nothing where it does not."""
    return [
        f"{p.name} has {what}"
        for p in timeline.model.phases
        for what, there in (
            ("drift", p.drift),
            ("unexplored actions", p.unexplored),
            (f"dynamics {p.dynamics}", p.dynamics != "replicator"),
        )
        if there
    ]


def _of_phase(stage: Stage, seen: int) -> Tensor:
    enough = (stage.n >= seen)[:, None]
    rest = torch.where(enough, (stage.eta * (stage.n - seen))[:, None], 0.0)
    weight = torch.xlogy(rest, stage.fitness) + (stage.eta * stage.n)[:, None] * stage.pressure + stage.log_gates
    return torch.where(enough, weight, -torch.inf)
