"""Powers of a step in logs, where a weight is possible however small it is, with gradients that are never NaN."""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.engine.temporal import power

FAINT = 700.0  # nats below the largest entry of its column, a float64 entry may be lost
ROUNDING = 40.0  # nats below a sum, a term is below its rounding


def carried(log_weights: Tensor, log_step: Tensor, steps: Tensor) -> Tensor:
    """log of weights @ step^steps, [draw, state].

    Args:
        log_weights: [draw, state], -inf allowed.
        log_step: [draw, state, state], log of what one step carries from row to column, -inf allowed.
        steps: [draw], whole numbers of at least 0.

    Repeated squaring: a million steps are twenty products. Without gradients in float64, each column of the power
    scaled by itself; draws in which an entry that float64 loses could matter are done again in logs.
    """
    draws = torch.broadcast_shapes(log_weights.shape[:1], log_step.shape[:1], steps.shape)[0]
    states = log_weights.shape[-1]
    log_weights, steps = log_weights.expand(draws, states), steps.expand(draws)
    if torch.is_grad_enabled() and log_step.requires_grad:
        return _by_squaring(log_weights, log_step, steps)
    log_step = log_step.expand(draws, states, states)
    top = log_step.amax((-1, -2))
    top = torch.where(top == -torch.inf, 0.0, top)
    found = power((log_step - top[:, None, None]).exp().transpose(-1, -2), steps)
    kept = log_of(found.matrix)
    scale = found.log_scale + (top * steps)[:, None]
    result = torch.where(scale == -torch.inf, -torch.inf, log_sum(kept + log_weights[:, None, :]) + scale)
    again = _doubtful(log_weights, log_step, kept, scale, result)
    if bool(again.any()):
        fixed = _by_squaring(log_weights[again], log_step[again], steps[again])
        result = result.index_put((again.nonzero()[:, 0],), fixed)
    return result


def _doubtful(log_weights: Tensor, log_step: Tensor, kept: Tensor, scale: Tensor, result: Tensor) -> Tensor:
    """Draws in which an entry that float64 lost could show: its row is reached, and it weighs enough, [draw]."""
    states = log_step.shape[-1]
    reach = (log_step > -torch.inf) | torch.eye(states, dtype=torch.bool)
    for _ in range(max(1, (states - 1).bit_length())):
        reach = (reach.double() @ reach.double()) > 0
    lost = reach.transpose(-1, -2) & (kept == -torch.inf)
    most = log_weights[:, None, :] + scale[:, :, None] - FAINT
    unknown = (scale[:, :, None] == -torch.inf) & (log_weights[:, None, :] > -torch.inf)
    return (lost & ((most > result[:, :, None] - ROUNDING) | unknown)).any(-1).any(-1)


def _by_squaring(log_weights: Tensor, log_step: Tensor, steps: Tensor) -> Tensor:
    left = steps.long()
    while bool((left > 0).any()):
        odd = (left % 2 == 1)[:, None]
        log_weights = torch.where(odd, log_sum(log_weights[:, :, None] + log_step, -2), log_weights)
        left = left // 2
        if bool((left > 0).any()):
            log_step = log_sum(log_step[:, :, :, None] + log_step[:, None, :, :], -2)
    return log_weights
