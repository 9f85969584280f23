"""Many equal steps without evidence at once: powers of a non-negative matrix, which need not be stochastic.

A step of selection and drift is M[i, j] = drift(i -> j) * f_j; its n-th power carries weights over n steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.engine.temporal import squaring
from bsm.engine.temporal.floats import LN2
from bsm.engine.temporal.inputs import lined_up
from bsm.engine.temporal.wide import NONE

Steps = int | float | Tensor
LARGEST = 709.0  # exp of more overflows


class Power(NamedTuple):
    """matrix**steps = exp(log_scale)[..., None] * matrix."""

    matrix: Tensor  # [..., state, state], each row sums to one, or is zero where nothing is left
    log_scale: Tensor  # [..., state], log of what is left of each row, -inf for nothing


class Moved(NamedTuple):
    """Weights after many steps."""

    weights: Tensor  # [..., state], summing to one
    log_mass: Tensor  # [...], log of the sum that the weights had before they were divided by it


def power(matrix: Tensor, steps: Steps) -> Power:
    """matrix**steps without overflow or underflow: row i is where a unit in state i has gone, and how much is left.

    Repeated squaring, so that a million steps cost about twenty products. A diagonal matrix (no drift) is answered in
    closed form, and only then may steps be a fraction.

    Args:
        matrix: [..., state, state], non-negative and finite; [now, next].
        steps: at least 0, a number or a tensor that is broadcast against the batch axes.

    Raises:
        ValueError: a negative, infinite or fractional step, or an entry that is negative or not finite.

    >>> power(torch.tensor([[0.0, 0.5], [0.5, 0.0]], dtype=torch.float64), 1_000_001).log_scale
    tensor([-693147.8737, -693147.8737], dtype=torch.float64)
    """
    _check(matrix)
    times = torch.as_tensor(steps, device=matrix.device)
    if times.dtype == torch.bool or not bool(((times >= 0) & (times < torch.inf)).all()):
        raise ValueError(f"steps is {steps}; it is a finite number of at least 0")
    batch = lined_up(matrix=matrix.shape[:-2], steps=times.shape)
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    if bool((matrix.detach() - torch.diag_embed(diagonal.detach()) == 0).all()):
        return _diagonal(diagonal.double(), times, batch)
    whole = times.long()
    if bool((whole != times).any()):
        raise ValueError(f"steps is {steps}; only a diagonal matrix (no drift) has a power that is no whole number")
    states = matrix.shape[-1]
    flat = matrix.double().expand(*batch, states, states).reshape(batch.numel(), states, states)
    whole = whole.expand(batch).reshape(-1)
    compiled = matrix.device.type == "cpu" and not (torch.is_grad_enabled() and matrix.requires_grad)
    values, log_scale = _compiled(flat, whole) if compiled else _in_torch(flat, whole)
    return Power(values.reshape(*batch, states, states), log_scale.reshape(*batch, states))


def moved(weights: Tensor, matrix: Tensor, steps: Steps) -> Moved:
    """weights @ matrix**steps, divided by its sum, with the log of that sum: one (0) for a stochastic matrix.

    Args:
        weights: [..., state], non-negative. matrix, steps: as in `power`; batch axes are broadcast.

    Raises:
        ValueError: as `power`, or nothing is left of the weights.
    """
    result = power(matrix, steps)
    lined_up(weights=weights.shape[:-1], power=result.log_scale.shape[:-1])
    given = weights.double()
    if not bool(((given >= 0) & (given < torch.inf)).all()):
        raise ValueError("weights are finite and at least 0")
    top = (given.detach().log() + result.log_scale.detach()).amax(-1, keepdim=True)
    if bool((top == -torch.inf).any()):
        raise ValueError("nothing is left of the weights after these steps: every state with weight leads to zero")
    share = given * (result.log_scale - top).clamp_max(LARGEST).exp()
    mass = share.sum(-1, keepdim=True)
    return Moved(((share / mass).unsqueeze(-2) @ result.matrix).squeeze(-2), (top + mass.log()).squeeze(-1))


def _check(matrix: Tensor) -> None:
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or not matrix.shape[-1]:
        raise ValueError(f"matrix needs shape [..., state, state]; got {tuple(matrix.shape)}")
    odd = ~((matrix.detach() >= 0) & (matrix.detach() < torch.inf))
    if odd.any():
        place = tuple(int(i) for i in odd.nonzero()[0])
        raise ValueError(f"matrix{list(place)} is {float(matrix[place])}; entries are finite and at least 0")


def _diagonal(kept: Tensor, times: Tensor, batch: torch.Size) -> Power:
    states = kept.shape[-1]
    times = times.unsqueeze(-1)
    log_scale = torch.where(times == 0, 0.0, log_of(kept) * times.clamp_min(torch.finfo(kept.dtype).tiny))
    left = (log_scale > -torch.inf).to(kept.dtype)
    return Power(torch.diag_embed(left).expand(*batch, states, states), log_scale.expand(*batch, states))


def _compiled(matrices: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    count, states = matrices.shape[:2]
    size = squaring.padded(states)
    given, times = np.zeros((count, size, size)), steps.numpy()
    given[:, :states, :states] = matrices.detach().numpy()
    values, places = np.empty((count, size, size)), np.empty((count, size))
    doubtful = np.empty(count, dtype=np.bool_)
    squaring.narrow(given, np.ascontiguousarray(times), values, places, doubtful)
    values, places = values[:, :states, :states], places[:, :states]
    if doubtful.any():
        m, x = np.frexp(given[doubtful, :states, :states])
        x = np.where(m > 0, x.astype(np.float64), NONE)
        entries, above = np.empty_like(m), np.empty_like(m)
        squaring.wide(m, x, times[doubtful], entries, above)
        places[doubtful] = above.max(-1)
        values[doubtful] = np.ldexp(entries, np.maximum(above - above.max(-1, keepdims=True), -1100).astype(np.int64))
    sums = values.sum(-1)
    none = sums == 0
    sums[none] = 1.0
    log_scale = np.where(none, -np.inf, places * LN2 + np.log(sums))
    return torch.from_numpy(values / sums[..., None]), torch.from_numpy(log_scale)


def _in_torch(matrices: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """As `_compiled`, in logs; a zero entry counts as fixed, with gradient 0."""
    base = log_of(matrices)
    result = log_of(torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)).expand_as(base)
    while bool((steps > 0).any()):
        odd = (steps % 2 == 1).reshape(-1, 1, 1)
        result = torch.where(odd, _log_product(result, base), result)
        steps = steps // 2
        if bool((steps > 0).any()):
            base = _log_product(base, base)
    log_scale = log_sum(result, -1)
    none = log_scale == -torch.inf
    return (result - log_scale.masked_fill(none, 0.0).unsqueeze(-1)).exp(), log_scale


def _log_product(left: Tensor, right: Tensor) -> Tensor:
    """log(exp(left) @ exp(right))."""
    return log_sum(left.unsqueeze(-1) + right.unsqueeze(-3), -2)
