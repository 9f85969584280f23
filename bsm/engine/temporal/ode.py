"""Ordinary differential equations for a batch, each member with its own step, to a stated error; differentiable.

The pair of orders 8(5,3) of Dormand and Prince, with the coefficients and the error estimate of SciPy's DOP853
(Hairer, Nørsett & Wanner 1993, chapter II), one member of the batch never waiting for another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine.temporal.inputs import lined_up

LEAST_TOLERANCE = 1e-11
SHARE = 0.01  # of the tolerance that one step may spend
ROUNDING = 1e-15  # of a value, that no step can do without
SAFETY, SHRINK, GROW, ORDER = 0.9, 0.2, 10.0, 8


class _Tableau(NamedTuple):
    inner: list[Tensor]  # weights of the earlier slopes at each stage
    outer: Tensor  # weights of the slopes in the step
    fifth: Tensor  # error estimates, the new slope included
    third: Tensor


def softmax_flow(logits: Tensor, fitness: Tensor, time: float | Tensor, tol: float = 1e-9) -> Tensor:
    """Logits after gradient ascent on mean fitness for this long: theta'_m = w_m (s_m - sum of w s), w = softmax theta.

    The sum of the logits does not change. For two states, d = theta_1 - theta_2 obeys sinh d + d = sinh d_0 + d_0 +
    (s_1 - s_2) t.

    Args:
        logits: [..., state]. fitness: [..., state], any real numbers. time: at least 0, a number or [...]. Batch axes
            are broadcast: for several times of one start give logits [..., 1, state] and times [time].
        tol: error allowed in each logit, so the relative error allowed in each share.

    Raises:
        ValueError: numbers that are not finite, a negative time, a tolerance below 1e-11.
        RuntimeError: more than `most_steps` of `flow`.

    Source: the vanilla policy gradient of a softmax over fixed patterns, e.g. Hennes et al. (2020), "Neural replicator
    dynamics", AAMAS.

    >>> shares = softmax_flow(torch.zeros(2, dtype=torch.float64), torch.tensor([1.0, 0.0]), 10.0).softmax(-1)
    >>> shares
    tensor([0.9363, 0.0637], dtype=torch.float64)
    """
    if not logits.ndim or not fitness.ndim or logits.shape[-1] != fitness.shape[-1]:
        raise ValueError(
            f"logits and fitness need one last axis of states; got {tuple(logits.shape)} and {tuple(fitness.shape)}"
        )
    gain = fitness.double()
    if not bool(gain.isfinite().all()):
        raise ValueError("fitness must be finite; take its logarithm only where it is positive")
    batch = lined_up(logits=logits.shape[:-1], fitness=fitness.shape[:-1])

    def rate(theta: Tensor) -> Tensor:
        share = theta.softmax(-1)
        lead = share.argmax(-1, keepdim=True)  # from its fitness, or the mean would cancel once it has almost all
        more = gain - gain.expand(share.shape).gather(-1, lead)
        return share * (more - (share * more).sum(-1, keepdim=True))

    times = torch.as_tensor(time, dtype=torch.float64, device=logits.device)
    lead = torch.Size([1] * (times.ndim - len(batch))) if times.ndim > len(batch) else torch.Size()
    return flow(rate, logits.expand(*lead, *batch, -1), times, tol)


def flow(
    rate: Callable[[Tensor], Tensor], start: Tensor, time: float | Tensor, tol: float = 1e-9, most_steps: int = 100_000
) -> Tensor:
    """The solution of y' = rate(y) after this long.

    Args:
        rate: from values [..., state], of the batch shape of the answer, to slopes of the same shape; members of the
            batch must not depend on each other. A gradient flows through it.
        start: [..., state]. time: at least 0, a number or [...], broadcast against the batch axes of start.
        tol: error allowed in each value; each step may spend a hundredth of it, since errors add up.
        most_steps: after which to give up.

    Returns:
        [..., state] of the broadcast batch.
    """
    end = torch.as_tensor(time, dtype=torch.float64, device=start.device)
    _check(start, end, tol)
    batch = lined_up(start=start.shape[:-1], time=end.shape)
    y, end, now = start.double().expand(*batch, -1), end.detach().expand(batch), torch.zeros(batch, dtype=torch.float64)
    now = now.to(start.device)
    slope, tableau = _slope(rate, y), _tableau(start.device)
    step = torch.minimum(0.01 / slope.detach().abs().amax(-1).clamp_min(1e-300), end)
    for _ in range(most_steps):
        left = end - now
        if not bool((left > 0).any()):
            return y
        last = step >= left
        taken = torch.where(last, left, step)
        new, new_slope, error = _step(rate, tableau, y, slope, taken, tol)
        good = error <= 1
        now = torch.where(good, torch.where(last, end, now + taken), now)
        y, slope = (torch.where(good.unsqueeze(-1), a, b) for a, b in ((new, y), (new_slope, slope)))
        factor = (SAFETY * error.clamp_min(1e-300) ** (-1 / ORDER)).clamp(SHRINK, GROW)
        step = torch.where(left > 0, taken * torch.where(good, factor, factor.clamp_max(1.0)), step)
    raise RuntimeError(
        f"{most_steps} steps reached time {float(now.min()):g} of {float(end.max()):g}: the slope changes too fast for "
        f"an explicit method; allow a larger tol than {tol:g}, or rescale what grows"
    )


def _check(start: Tensor, end: Tensor, tol: float) -> None:
    if not start.ndim or not start.shape[-1] or not bool(start.isfinite().all()):
        raise ValueError(f"the start needs shape [..., state] and finite numbers; got {tuple(start.shape)}")
    if not bool(((end >= 0) & (end < torch.inf)).all()):
        raise ValueError("time must be finite and at least 0")
    if not LEAST_TOLERANCE <= tol < 1:
        raise ValueError(f"tol is {tol}; float64 allows {LEAST_TOLERANCE:g} to 1")


def _tableau(device: torch.device) -> _Tableau:
    from scipy.integrate import DOP853

    def held(row: object) -> Tensor:
        return torch.as_tensor(row, dtype=torch.float64, device=device)

    inner = [held(DOP853.A[stage, :stage].copy()) for stage in range(1, DOP853.n_stages)]
    return _Tableau(inner, held(DOP853.B.copy()), held(DOP853.E5.copy()), held(DOP853.E3.copy()))


def _slope(rate: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    slope = rate(y)
    if slope.shape != y.shape:
        raise ValueError(f"rate turned values {tuple(y.shape)} into slopes {tuple(slope.shape)}")
    if not bool(slope.isfinite().all()):
        raise ValueError("rate gave a slope that is not finite")
    return slope


def _step(
    rate: Callable[[Tensor], Tensor], tableau: _Tableau, y: Tensor, slope: Tensor, step: Tensor, tol: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Values and slopes after a step, and its error in units of what is allowed."""
    width = step.unsqueeze(-1)
    slopes = [slope]
    for weights in tableau.inner:
        slopes.append(_slope(rate, y + width * _combined(weights, slopes)))
    new = y + width * _combined(tableau.outer, slopes)
    slopes.append(_slope(rate, new))
    with torch.no_grad():
        allowed = SHARE * tol + ROUNDING * y.abs()
        fifth, third = (_combined(w, slopes) / allowed for w in (tableau.fifth, tableau.third))
        fifth, third = fifth.square().amax(-1), third.square().amax(-1)
        error = step * fifth / (fifth + 0.01 * third).clamp_min(1e-300).sqrt()
    return new, slopes[-1], error


def _combined(weights: Tensor, slopes: list[Tensor]) -> Tensor:
    return torch.tensordot(weights, torch.stack(slopes), dims=1)
