"""Normal distributions of scores about the shares at which a likelihood is largest, where many rows hold them tightly.

Newton's method from fitted counts of episodes, with the information of the episodes as the matrix of second derivatives
(Gauss-Newton), which is never indefinite. They only say where to put points.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.motives.own_shares.episode_counts import Items
from bsm.motives.own_shares.gammas import FARTHEST, log_gamma_quantile, normal_score

ROUNDS = 15
LONGEST = 3.0  # of a step, in each score
HALVINGS = 4  # of a step that leads down
FAINTEST = 1e-12  # share from which a step begins
STEEPEST = 50.0  # log of the slope of a log gamma variate in its score


def modes(items: Items, shape: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Centre [draw, fit, m] and spread [draw, fit, m, m], lower triangular, of the scores about each fit.

    Args:
        items: what was seen.
        shape: of the prior's Dirichlet distribution, [draw, m]; 0 for a pattern without a share.
        counts: fitted episodes per pattern, [draw, fit, m].
    """
    held = (shape > 0)[:, None]
    top = items.log_p.amax(-1, keepdim=True).clamp_min(-1e300)  # an item may be impossible under every pattern
    p = (items.log_p - top).exp()[:, None]  # [draw, 1, item, m]
    n = items.counts[:, None, :, None]
    a = torch.where(held, shape[:, None], 1.0)
    share = (a + counts) * held
    share = (share / share.sum(-1, keepdim=True)).clamp_min(FAINTEST)
    log_g = share.log() + shape.sum(-1).log()[:, None, None]
    z = torch.where(held, normal_score(a, log_g), 0.0)
    worth, step, factor = _newton(z, p, n, a, held)
    for _ in range(ROUNDS):
        tried, better = z, torch.zeros_like(worth, dtype=torch.bool)
        size = 1.0
        for _ in range(HALVINGS):
            moved = torch.where(better[..., None], tried, (z + size * step).clamp(-FARTHEST, FARTHEST))
            tried, better = moved, _worth(moved, p, n, a, held)[0] > worth
            size /= 2
        z = torch.where(better[..., None], tried, z)
        worth, step, factor = _newton(z, p, n, a, held)
    return z, lower(torch.cholesky_inverse(factor))


def lower(covariance: Tensor) -> Tensor:
    """Lower triangular factor [..., m, m], however unlike its scales are; of what rounding has spoilt, the scales."""
    scale = torch.diagonal(covariance, dim1=-2, dim2=-1).clamp_min(1e-30).sqrt()
    each = covariance / (scale[..., None] * scale[..., None, :])
    eye = torch.eye(covariance.shape[-1], dtype=torch.float64)
    factor, failed = torch.linalg.cholesky_ex(each + 1e-10 * eye)
    return scale[..., None] * torch.where(failed[..., None, None] == 0, factor, eye)


def _newton(z: Tensor, p: Tensor, n: Tensor, a: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log density of the scores [draw, fit], the step from there, and the factor of the matrix that it comes from."""
    worth, log_g, share, part = _worth(z, p, n, a, held)
    log_slope = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) - a * log_g + log_g.clamp_max(700.0).exp() + torch.lgamma(a)
    slope = torch.where(held, log_slope.clamp(-STEEPEST, STEEPEST).exp(), 0.0)  # of log g in its score
    score = (part - share[:, :, None]) * slope[:, :, None]  # [draw, fit, item, m]
    information = torch.einsum("dfim,dfin->dfmn", score * n, score)
    factor = lower(information + torch.eye(z.shape[-1], dtype=torch.float64))
    gradient = (score * n).sum(-2) - z
    step = torch.cholesky_solve(gradient[..., None], factor).squeeze(-1)
    return worth, step * (LONGEST / step.abs().amax(-1, keepdim=True).clamp_min(LONGEST)), factor


def _worth(z: Tensor, p: Tensor, n: Tensor, a: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log density of the scores [draw, fit]; log gammas and shares; and who does each item, [draw, fit, item, m]."""
    log_g = log_gamma_quantile(a, z)
    inside = torch.where(held, log_g, -torch.inf)
    share = (inside - log_sum(inside)[..., None]).exp()
    each = share[:, :, None] * p
    total = each.sum(-1, keepdim=True).clamp_min(1e-300)
    return (n * total.log()).sum((-1, -2)) - 0.5 * (z**2).sum(-1), log_g, share, each / total
