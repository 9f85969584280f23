"""Quantiles of gamma variates by normal scores, in logs, where shapes are tiny or quantiles are far out."""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum

FARTHEST = 37.0  # normal score whose tail is still a float64
TINY = 1e-290  # a gamma variate below is taken from the first term of its logarithm


class OwnShares:
    """Log shares of an AI at points, for shares of the course; those of the same shares are reckoned once.

    Args:
        score: the points, normal scores [point, draw, m].
        alpha: concentration, [draw] or [1].
    """

    def __init__(self, score: Tensor, alpha: Tensor) -> None:
        self.score, self.alpha = score, alpha
        self._kept: dict[bytes, Tensor] = {}

    def log_at(self, log_w: Tensor) -> Tensor:
        """[point, draw, m], for log shares of the course [draw or 1, m] at a moment."""
        shape = self.alpha[:, None] * log_w.detach().exp().expand(self.score.shape[1], -1)
        key = shape.numpy().tobytes()
        if key not in self._kept:
            log_g = log_gamma_quantile(shape, self.score)
            self._kept[key] = log_g - log_sum(log_g)[..., None]
        return self._kept[key]


def log_gamma_quantile(shape: Tensor, score: Tensor) -> Tensor:
    """log of the quantile of a gamma variate of this shape at a normal score; -inf for shape 0.

    The score z stands for the probability Phi(z), so that both tails keep their digits.
    """
    from scipy.special import gammainccinv, gammaincinv, ndtr

    shape, score = torch.broadcast_tensors(shape, score.clamp(-FARTHEST, FARTHEST))
    a, tail = torch.where(shape > 0, shape, 1.0).numpy(), ndtr(-score.abs().numpy())
    upper = (score > 0).numpy()
    value = torch.empty_like(score)
    value[score <= 0] = torch.from_numpy(gammaincinv(a[~upper], tail[~upper]))
    value[score > 0] = torch.from_numpy(gammainccinv(a[upper], tail[upper]))
    held = torch.where(shape > 0, shape, 1.0)
    first = (torch.special.log_ndtr(score) + torch.lgamma(held + 1)) / held  # P(a, x) -> x^a / Gamma(a + 1)
    found = torch.where(value > TINY, log_of(value), first)
    return torch.where(shape > 0, found, -torch.inf)


def normal_score(shape: Tensor, log_g: Tensor) -> Tensor:
    """The inverse of `log_gamma_quantile`, for shapes above 0."""
    from scipy.special import gammainc, gammaincc, ndtri_exp

    shape, log_g = torch.broadcast_tensors(shape, log_g)
    g = log_g.clamp_max(700.0).exp()
    low = torch.from_numpy(gammainc(shape.numpy(), g.numpy()))
    high = torch.from_numpy(gammaincc(shape.numpy(), g.numpy()))
    first = shape * log_g - torch.lgamma(shape + 1)
    log_low = torch.where(g > TINY, log_of(low), first)
    # above the middle the upper tail says more; where a tiny shape leaves only log_low, that
    log_high = torch.where(g > TINY, log_of(high), torch.log(-torch.expm1(first.clamp_max(-1e-300))))
    score = torch.where(
        log_low < log_high,
        torch.from_numpy(ndtri_exp(log_low.clamp_max(0.0).numpy())),
        -torch.from_numpy(ndtri_exp(log_high.clamp_max(0.0).numpy())),
    )
    return score.clamp(-FARTHEST, FARTHEST)
