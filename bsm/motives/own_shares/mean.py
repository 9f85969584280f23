"""A mean over an AI's own shares at weighted points, for more episodes than can be summed over their drivers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.motives.own_shares.episode_counts import Items
from bsm.motives.own_shares.gammas import OwnShares
from bsm.motives.own_shares.points import Points, adapted, begun

FITS = 48  # at most, fitted counts of episodes from which the points of a draw begin
AT_ONCE = 20_000_000  # numbers held for draws that are done together
FEW = 100.0  # effective points below which their number says more of the error than the spread of scramblings
FEWEST = 20.0  # effective points below which there is no answer


class Mean(NamedTuple):
    """log of E_s prod_i (sum_m s_m p_m(x_i))**n_i, [draw]; shares' mean weighted by it, [draw, m]; error of the log.

    The error is the spread of independent scramblings; at least the part of the mean where no fit was kept; and, below
    100 effective points, at least 1 / sqrt(their number).
    """

    log_mean: Tensor
    shares: Tensor
    error: Tensor


def mean(log_p: Tensor, counts: Tensor, shape: Tensor, points: int, seed: int) -> Mean:
    """Mean over s ~ Dirichlet(shape), differentiable in log_p and shape, the points being held.

    Args:
        log_p: log p_m(x_i), [draw, item, pattern], -inf allowed; each item possible under a pattern that has a shape.
        counts: any number of at least 0, [item].
        shape: [draw, pattern]; 0 for a pattern without a share.
        points: of each draw. seed: the same gives the same points.

    Raises:
        ValueError: fewer than 20 effective points in a draw.
    """
    size = points * max(log_p.shape[1], 4 * FITS, log_p.shape[2])
    blocks = zip(*(x.split(max(1, AT_ONCE // size)) for x in (log_p, shape)), strict=True)
    found = [_block(x, counts, a, points, seed) for x, a in blocks]
    return Mean(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _block(log_p: Tensor, counts: Tensor, shape: Tensor, points: int, seed: int) -> Mean:
    held = shape.detach() > 0
    top = log_p.detach().masked_fill(~held[:, None], -torch.inf).amax(-1, keepdim=True)
    x = (log_p - top).masked_fill(~held[:, None], -torch.inf).exp()
    with torch.no_grad():
        found, log_s, error = _points(x.detach().cpu(), counts.cpu(), shape.detach().cpu(), points, seed)
    log_s, log_weight = log_s.to(x.device), found.log_weight.to(x.device)
    joint = log_weight + _log_likelihood(log_s, x, counts) + _log_change(log_s, shape)
    total = log_sum(joint, 0)
    shares = ((joint - total).exp()[..., None] * log_s.exp()).sum(0)
    outside = (counts * top.squeeze(-1)).sum(-1)
    return Mean(total + outside, shares / shares.sum(-1, keepdim=True), error.to(x.device))


def _refuse_few(effective: Tensor, points: int) -> None:
    if bool((effective < FEWEST).any()):
        raise ValueError(
            f"of {points} points of the AI's own shares only {float(effective.min()):.1f} are effective, fewer than "
            f"{FEWEST:g}: the episodes hold the shares closer than these points can follow; ask for more points, give "
            "fewer counts (an effective number, where episodes are alike), or take hypothesis and mixture"
        )


def _points(x: Tensor, counts: Tensor, shape: Tensor, points: int, seed: int) -> tuple[Points, Tensor, Tensor]:
    """Weighted points, their log shares [point, draw, pattern], and the error that they leave, [draw]. On the CPU."""
    begin = begun(Items(log_of(x), counts.expand(len(x), -1)), shape, FITS)
    latest: list[tuple[Tensor, Tensor]] = []

    def told(score: Tensor) -> Tensor:
        log_s = OwnShares(score, shape.sum(-1)).log_at((shape / shape.sum(-1, keepdim=True)).log())
        latest[:] = [(log_s, _log_likelihood(log_s, x, counts))]
        return latest[0][1]

    found = adapted(begin, told, points, seed)
    log_s, log_f = latest[0]
    error, effective = found.error(log_f), found.effective(log_f)
    _refuse_few(effective, points)
    return found, log_s, torch.where(effective < FEW, torch.maximum(error, effective.rsqrt()), error)


def _log_likelihood(log_s: Tensor, x: Tensor, counts: Tensor) -> Tensor:
    """[point, draw] nats."""
    return log_of(torch.einsum("pdm,dim->pdi", log_s.exp(), x)) @ counts


def _log_change(log_s: Tensor, shape: Tensor) -> Tensor:
    """0, whose gradient in `shape` is that of the log density of the shares, [point, draw]."""
    held = shape.detach() > 0
    a = torch.where(held, shape, 1.0)
    away = torch.where(held, a - a.detach(), 0.0)
    norm = torch.where(held, torch.lgamma(a), 0.0).sum(-1) - torch.lgamma(torch.where(held, shape, 0.0).sum(-1))
    return (torch.where(held, log_s, 0.0) * away).sum(-1) - (norm - norm.detach())
