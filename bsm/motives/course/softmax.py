"""softmax_pg: gradient ascent on the logits of a softmax over patterns (theory d4).

theta'_m = eta w_m (s_m - sum of w s), w = softmax theta, with s_m = P(selected | do(pi_m)), never its logarithm, plus
the pressures of the prior. Under the reading `votes` s_m is the gradient of P(selected) under the vote policy
(`votes`). Drift acts on shares as the generator Q - I. Time counts selections.

A share is then no probability that a pattern was selected: none_of_these, which is no part of shares, keeps its odds
to all patterns together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.engine.temporal import flow
from bsm.motives.course.stages import Stage
from bsm.spec.model import SpecError

TOLERANCE = 1e-9
Gradient = Callable[[Tensor, Tensor | None], Tensor]  # shares [draw, m], explored [draw, m] -> s [draw, m]


class Ascended(NamedTuple):
    """Where a phase of softmax_pg ends, and what brought it there."""

    log_weights: Tensor  # [draw, m + 1, explored]
    parts: dict[str, Tensor]  # name -> [draw, m], what each force added to the logits; they sum to the change


def ascended(stage: Stage, log_weights: Tensor, steps: Tensor, gradient: Gradient | None = None) -> Ascended:
    """Log weights after so long in a phase, without its gates.

    Args:
        stage: the phase.
        log_weights: [draw, m + 1, explored], nats, none_of_these last. Only differences between motivations enter.
        steps: [draw], time in selections.
        gradient: s at shares (and at what is explored, 1 where all is); fitness when absent.

    Each force (fitness, every pressure, drift) is integrated by itself at tolerance 1e-9 in each logit. What is not
    explored is a mean field: a motivation's fitness is the mean over whether its carriers have explored. A share of
    zero stays zero, and draws in which no motivation is left stay as they are.

    Raises:
        SpecError: drift into a motivation whose share is exactly zero: its logit has no finite slope.
    """
    explored, names = log_weights.shape[-1], ("selection", *stage.pressures, "drift")
    draws = max(len(x) for x in (log_weights, steps, *stage.numbers))
    logits = log_sum(log_weights)[:, :-1].expand(draws, -1)
    gone = (logits == -torch.inf).all(-1)
    start = _normal(torch.where(gone[:, None], 0.0, logits))
    _refuse_unreachable(stage, logits)
    seen = (log_weights[:, :, 1] - log_sum(log_weights)).exp().nan_to_num(0.0) if explored == 2 else None
    m = logits.shape[-1]
    pressures = [p.expand(draws, -1) for p in stage.pressures.values()]
    score = gradient or (lambda _, known: fitness_at(stage, known))

    def rate(y: Tensor) -> Tensor:
        forces = y[..., : m * len(names)].unflatten(-1, (len(names), m))
        known = y[..., m * len(names) :] if explored == 2 else None
        log_w = (start + forces.sum(-2)).log_softmax(-1)
        w = log_w.exp()
        pulls = [_ascent(stage, w, s) for s in (score(w, known), *pressures)]
        drift, mixing = _drifting(stage, log_w, known)
        slopes = torch.stack(torch.broadcast_tensors(*pulls, drift), -2).flatten(-2)
        if known is None:
            return slopes
        return torch.cat([slopes, stage.exploration[:, None] * (1 - known) + mixing], -1)

    begin = torch.zeros(draws, m * len(names), dtype=torch.float64)
    if seen is not None:
        begin = torch.cat([begin, seen[:, :-1].expand(draws, -1)], -1)
    end = _flown(stage, rate, begin, torch.where(gone, 0.0, steps))
    forces = end[:, : m * len(names)].unflatten(-1, (len(names), m))
    named = torch.where(gone[:, None], -torch.inf, _same_mass(logits, start + forces.sum(-2)))
    parts = dict(zip(names, forces.unbind(-2), strict=True))
    return Ascended(_joined(stage, log_weights, named, end[:, m * len(names) :], steps), parts)


def _flown(stage: Stage, rate: Callable[[Tensor], Tensor], begin: Tensor, steps: Tensor) -> Tensor:
    """The flow over `steps`, run over unit time so that gradients reach `steps`."""
    if not bool((steps > 0).any()):
        return begin
    try:
        return flow(lambda y: steps[:, None] * rate(y), begin, 1.0, TOLERANCE)
    except (RuntimeError, ValueError) as error:
        raise SpecError(
            f"phase {stage.name}: the flow of softmax_pg over up to {float(steps.max()):g} selections could not be "
            f"followed ({error}); drift at a high rate over many selections, or into a share near zero, does this: "
            "use fewer selections or a lower rate"
        ) from error


def fitness_at(stage: Stage, known: Tensor | None) -> Tensor:
    """P(selected | do(pi_m)), [draw, m], in the mean over whether carriers have explored."""
    full = stage.fitness[:, :-1]
    if stage.unexplored is None or known is None:
        return full
    return known * full + (1 - known) * stage.unexplored[:, :-1]


def _ascent(stage: Stage, w: Tensor, s: Tensor) -> Tensor:
    """eta w_m (s_m - sum of w s), from the leader's s, or the mean would cancel once it has almost all."""
    s = s.expand(w.shape)
    more = s - s.gather(-1, w.argmax(-1, keepdim=True))
    return stage.eta[:, None] * w * (more - (w * more).sum(-1, keepdim=True))


def _drifting(stage: Stage, log_w: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor | float]:
    """What drift adds to each log share, and to what its carriers have explored, per step, [draw, m].

    From shares of zero nothing flows; what is passed on flows in proportion to the target and leaves no quotient.
    """
    if stage.drift is None:
        return torch.zeros_like(log_w), 0.0
    stay = stage.drift.diagonal(dim1=-2, dim2=-1)
    rates = stage.drift - torch.diag_embed(stay)
    flows = (rates > 0) & (log_w > -torch.inf)[:, :, None]
    there = torch.where(log_w > -torch.inf, log_w, 0.0)
    inflow = torch.where(flows, rates * torch.where(flows, there[:, :, None] - there[:, None, :], 0.0).exp(), 0.0)
    leaving = 1 - stay
    if stage.transmission is not None:
        w = log_w.exp()
        inflow = inflow + stage.transmission * w[:, :, None]
        leaving = leaving + (stage.transmission * w[:, None, :]).sum(-1)
    mixing = 0.0 if known is None else (inflow * (known[:, :, None] - known[:, None, :])).sum(-2)
    return inflow.sum(-2) - leaving, mixing


def _normal(logits: Tensor) -> Tensor:
    return logits - log_sum(logits)[:, None]


def _same_mass(before: Tensor, after: Tensor) -> Tensor:
    """The new logits, shifted so that all motivations together weigh what they did."""
    return _normal(after) + log_sum(before)[:, None]


def _joined(stage: Stage, log_weights: Tensor, named: Tensor, known: Tensor, steps: Tensor) -> Tensor:
    """Weights [draw, m + 1, explored] from those of the named motivations and what they have explored."""
    draws, none = len(named), log_sum(log_weights)[:, -1:]
    total = torch.cat([named, none.expand(draws, -1)], -1)
    if log_weights.shape[-1] == 1:
        return total[..., None]
    left = (log_weights[:, -1, 0] - none[:, 0]).exp().nan_to_num(0.0) * torch.exp(-stage.exploration * steps)
    known = torch.cat([known, (1 - left)[:, None].expand(draws, 1)], -1).clamp(0.0, 1.0)
    return torch.stack([total + log_of(1 - known), total + log_of(known)], -1)


def _refuse_unreachable(stage: Stage, logits: Tensor) -> None:
    if stage.drift is None:
        return
    empty = logits == -torch.inf
    fed = ((stage.drift > 0) & ~empty[:, :, None] & empty[:, None, :]).any(-2)
    if bool(fed.any()):
        which = list(stage.behaviour.model.motivations)[int(fed.any(0).nonzero()[0, 0])]
        raise SpecError(
            f"phase {stage.name}: {which} has a share of exactly zero and drift leads to it; under softmax_pg its "
            "logit has no finite slope there: give it a small prior, or use the replicator"
        )
