"""What each thing that happened adds to log weights: terms of the prior, selection, pressures, drift and gates."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.motives.course.moments import Moment, steps_at
from bsm.motives.course.replicator import advanced
from bsm.motives.course.softmax import ascended
from bsm.motives.course.stages import Stage, with_none
from bsm.motives.course.weighted import Weighted
from bsm.motives.prior import term_nats

DRIFT = {False: "drift", True: "drift and exploration"}  # by whether anything is ever unexplored


def contributions(found: Weighted, when: Moment) -> dict[str, Tensor]:
    """As `Course.contributions`, at a moment that is past."""
    parts = _prior(found)
    for i, stage in enumerate(found.stages[: when.phase + 1]):
        before = found.state(Moment(i - 1))
        steps = steps_at(when, i, stage.n, stage.name)
        past = stage.n if steps is None else steps
        parts |= _phase(found, stage, before, past)
        label = f"{stage.name}: {DRIFT[found.timeline.explores]}"
        if label in parts and bool((revived := parts[label] == torch.inf).any()):
            parts = {name: torch.where(revived, 0.0, value) for name, value in parts.items()}
            parts[label] = torch.where(revived, log_sum(found.moved(stage, before, past)), parts[label])
        for name, passed in stage.gates if steps is None else ():
            label = f"{stage.name}: {name}"
            while label in parts:  # a second gate of one name in one phase
                label += " again"
            parts[label] = passed
    return dict(zip(parts, torch.broadcast_tensors(*parts.values()), strict=True))


def _prior(found: Weighted) -> dict[str, Tensor]:
    model, theta = found.model, found.theta
    terms = [t for t in model.prior.terms if t.acts == "once"]
    zero = torch.zeros(1, len(model.motivations), dtype=torch.float64)
    nats = {f"prior: {t.name}": term_nats(model, t, theta) for t in terms}
    total = log_sum(sum(nats.values(), start=zero))[:, None].expand(-1, zero.shape[-1])
    outside = theta.of(model.prior.none_of_these)[:, None]
    both = torch.broadcast_tensors(torch.log1p(-outside) - total, log_of(outside).expand(-1, zero.shape[-1]))
    rest = torch.cat([both[0], both[1][:, :1]], 1)
    return {name: with_none(value) for name, value in nats.items()} | {"prior: normalisation": rest}


def _phase(found: Weighted, stage: Stage, before: Tensor, steps: Tensor) -> dict[str, Tensor]:
    """Everything in one phase but its gates, [draw, m + 1] each, by full name."""
    start, head = log_sum(before), f"{stage.name}: "
    if stage.dynamics == "softmax_pg":
        end = ascended(stage, before, steps, found.gradient_of(stage))
        parts = {head + name: with_none(value) for name, value in end.parts.items()}
        if stage.drift is None:
            parts.pop(head + "drift")
        return parts | {head + "normalisation": _rest(log_sum(end.log_weights), start, parts)}
    times = (stage.eta * steps)[:, None]
    parts = {head + "selection": torch.xlogy(times, stage.fitness)}
    parts |= {head + name: with_none(times * value) for name, value in stage.pressures.items()}
    if stage.moves or stage.unexplored is not None:
        label = head + DRIFT[found.timeline.explores]
        parts[label] = _rest(log_sum(advanced(stage, before, steps)), start, parts)
    return parts


def _rest(end: Tensor, start: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
    """What the parts leave of the change; 0 where they have made it -inf; +inf where it is so no more."""
    total = sum(parts.values(), start=start)
    gone = total == -torch.inf
    revived = torch.where(end == -torch.inf, 0.0, torch.inf)
    return torch.where(gone, revived, end - torch.where(gone, 0.0, total))
