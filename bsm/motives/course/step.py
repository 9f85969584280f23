"""One step of a phase as numbers: what selection multiplies, where drift and exploration carry, a part of a step."""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.motives.course.stages import Stage

NEAR = 600.0  # nats: exp of more may overflow


def selected(stage: Stage, explored: int, steps: Tensor) -> Tensor:
    """Nats that selection alone adds in so many steps, [draw, m + 1, explored]."""
    times = (stage.eta * steps)[:, None]
    parts = [torch.xlogy(times, f) + times * stage.pressure for f in fitnesses(stage, explored)]
    return torch.stack(torch.broadcast_tensors(*parts), dim=-1)


def fitnesses(stage: Stage, explored: int) -> tuple[Tensor, ...]:
    """Fitness in each state of exploration, [draw, m + 1] each."""
    before = stage.fitness if stage.unexplored is None else stage.unexplored
    return (stage.fitness,) if explored == 1 else (before, stage.fitness)


def log_gain(stage: Stage, explored: int) -> Tensor:
    """Nats that one step of selection adds, [draw, state], states being (m + 1) x explored."""
    return selected(stage, explored, torch.ones(1, dtype=torch.float64)).flatten(1)


def transition(stage: Stage, explored: int, shares: Tensor | None = None) -> Tensor:
    """P(next state | state) of one step without selection, [draw, state, state], at these shares [draw, m]."""
    size = stage.fitness.shape[-1]
    moving = _with_none(drift_at(stage, shares), size)
    if explored == 1:
        return moving
    both = moving[:, :, None, :, None] * exploring(stage, explored)[:, None, :, None, :]
    return both.reshape(both.shape[0], 2 * size, 2 * size)


def exploring(stage: Stage, explored: int) -> Tensor:
    """P(explored next | explored), [draw, explored, explored]."""
    if explored == 1:
        return torch.ones(1, 1, 1, dtype=torch.float64)
    found = stage.exploration
    one, zero = torch.ones_like(found), torch.zeros_like(found)
    return torch.stack([torch.stack([1 - found, found], -1), torch.stack([zero, one], -1)], -2)


def drift_at(stage: Stage, shares: Tensor | None) -> Tensor | None:
    """P(next motivation | motivation), [draw, m, m], what is transmitted in proportion to shares included."""
    if stage.drift is None or stage.transmission is None or shares is None:
        return stage.drift
    passed = stage.transmission * shares[:, None, :]
    return stage.drift + passed - torch.diag_embed(passed.sum(-1))


def _with_none(moving: Tensor | None, size: int) -> Tensor:
    if moving is None:
        return torch.eye(size, dtype=torch.float64)[None]
    stays = torch.zeros(size, size, dtype=torch.float64)
    stays[-1, -1] = 1.0
    return torch.nn.functional.pad(moving, (0, 1, 0, 1)) + stays


def fraction(log_weights: Tensor, gain: Tensor, flow: Tensor, part: Tensor) -> Tensor:
    """Log weights after a part r in [0, 1) of a step, [draw, state]; its slope in r is right at r = 0 too."""
    r = part[:, None]
    before = log_weights + torch.where(gain == -torch.inf, torch.where(r > 0, -torch.inf, 0.0), r * _finite(gain))
    stay = flow.diagonal(dim1=-2, dim2=-1)
    others = flow - torch.diag_embed(stay)
    inflow = log_sum(before[:, :, None] + log_of(others), -2)
    kept = 1 - r * (1 - stay)
    gap = inflow - before
    near = (gap < NEAR) & (before > -torch.inf)
    close = before + log_of(kept + r * torch.where(near, gap, -torch.inf).exp())
    far = log_sum(torch.stack(torch.broadcast_tensors(before + log_of(kept), inflow + log_of(r)), -1))
    return torch.where(near, close, far)


def _finite(values: Tensor) -> Tensor:
    return torch.where(values == -torch.inf, 0.0, values)
