"""A mean over Dirichlet shares by broken sticks at quasi-random points, in logs, for more episodes than can be summed.

Points are drawn from a mixture of Dirichlet distributions: the prior, and updates of it by counts of episodes per
pattern at which the likelihood may be large. Each is broken off a stick piece by piece, by the quantiles of beta
distributions at Sobol points. Each of the mixture's densities is known to integrate to one, and the points' weights are
calibrated so that it does; so a mean that lies at the corners (little concentration) is as exact as one in the middle.

Source: deterministic mixtures with control variates, Owen & Zhou (2000), "Safe and effective importance sampling",
Journal of the American Statistical Association 95:135.
"""

from __future__ import annotations

from math import log2

import numpy as np
import torch
from torch import Tensor

from bsm.engine.temporal.differentiable import log_of

REPLICATES = 4  # independent scramblings, whose spread is the error
ROUNDS = 60  # of fitting counts
SCALES = (1.0, 0.4, 0.1)  # of fitted counts, for a fit is narrower than what it fits
ALL_FACES = 5  # patterns of which every set is tried
PILOT = 64  # points per proposal to choose among them
SHARED_ROUNDS = 20  # of fitting the parts of the proposals
KEPT = 1e-6  # least part of the mean for which a proposal is kept
EVEN = 0.1  # of the points, divided evenly among the proposals
TINY = 1e-290  # a quantile below is taken from its logarithm's first term


def log_mean(
    log_likelihood: Tensor, counts: Tensor, concentration: Tensor, points: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Log of E prod_i (sum_m s_m p_m(x_i))**n_i, the shares' mean weighted by it, and the error of the log.

    Differentiable in log_likelihood and concentration, the points being held.

    Args:
        log_likelihood: [item, pattern], -inf allowed, each item possible under some pattern. counts: [item], any number
            of at least 0. concentration: above 0, [pattern]. points: about how many, of each of REPLICATES scramblings.

    Returns:
        A number, [pattern], and a standard error.
    """
    top = log_likelihood.detach().amax(-1, keepdim=True)
    items = (log_likelihood - top).exp()
    outside = (counts * top.squeeze(-1)).sum()
    a = concentration.detach()
    with torch.no_grad():
        proposals, parts = _chosen(items, counts, a, seed)
    found = []
    for replicate in range(REPLICATES):
        with torch.no_grad():
            log_s, plain = _drawn(a + proposals, parts, points, seed + 1 + replicate)
            weights, log_q = _calibrated(log_s, plain, a, proposals, parts)
        log_f = _log_integrand(log_s, items, counts, concentration) - log_q
        found.append((log_f, weights, log_s))
    shift = max(float(log_f.detach().max()) for log_f, _, _ in found)
    masses = torch.stack([w @ (f - shift).exp() for f, w, _ in found])
    shares = torch.stack([(w * (f - shift).exp()) @ s.exp() for f, w, s in found])
    mass = masses.mean()
    error = masses.detach().std() / (mass.detach().abs() * REPLICATES**0.5)
    share = (shares.mean(0) / mass).clamp_min(0)
    return mass.log() + shift + outside, share / share.sum(), error


def _log_integrand(log_s: Tensor, items: Tensor, counts: Tensor, a: Tensor) -> Tensor:
    """Log density of the shares times likelihood, but for the factor 1 / prod s that every density here has."""
    return log_s @ a - _log_beta(a) + log_of(log_s.exp() @ items.T) @ counts


def _log_densities(log_s: Tensor, a: Tensor, proposals: Tensor) -> Tensor:
    """[..., proposal], without the factor 1 / prod s."""
    return log_s @ (a + proposals).T - _log_beta(a + proposals)


def _calibrated(log_s: Tensor, plain: Tensor, a: Tensor, proposals: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the points, and the log density of the mixture that they come from: [point]."""
    each = _log_densities(log_s, a, proposals)
    log_q = (each + parts.log()).logsumexp(-1)
    ratio = (each - log_q.unsqueeze(-1)).exp()  # each integrates to one
    weighted = ratio * plain.unsqueeze(-1)
    lack = 1 - weighted.sum(0)
    tilt = torch.linalg.pinv(ratio.T @ weighted, rtol=1e-10, hermitian=True) @ lack
    calibrated = plain * (1 + ratio @ tilt)
    return (calibrated if bool((calibrated > 0).all()) else plain), log_q


def _chosen(items: Tensor, counts: Tensor, a: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Proposals, as counts added to the prior [proposal, pattern], and the part of the mixture that each gets."""
    fits = _fitted(items, counts, a)
    scaled = torch.cat([torch.zeros_like(a)[None], *(scale * fits for scale in SCALES)])
    proposals = torch.unique((scaled * 1e3).round() / 1e3, dim=0)
    parts = torch.full((len(proposals),), 1 / len(proposals), dtype=torch.float64, device=a.device)
    log_s, plain = _drawn(a + proposals, parts, PILOT * len(proposals), seed)
    each = _log_densities(log_s, a, proposals)
    log_f = _log_integrand(log_s, items, counts, a) - each.logsumexp(-1)
    mean = plain * (log_f - log_f.max()).exp()
    density = (each - each.amax(-1, keepdim=True)).exp()
    for _ in range(SHARED_ROUNDS):
        parts = parts * ((mean / (density @ parts)) @ density)
        parts = parts / parts.sum()
    kept = (parts >= KEPT) | (proposals == 0).all(-1)
    return proposals[kept], (1 - EVEN) * parts[kept] / parts[kept].sum() + EVEN / int(kept.sum())


def _fitted(items: Tensor, counts: Tensor, a: Tensor) -> Tensor:
    """Episodes per pattern where the likelihood may be large: fits, in each of some faces, of counts that stay there.

    With little concentration the mean is spread over faces, where few patterns drive all; each then needs its own fit.
    """
    faces = _faces(items, counts)
    count = _fit(items, counts, faces)
    for _ in range(ROUNDS):
        count = _responsible(items, counts, (a + count).digamma())
    return count


def _fit(items: Tensor, counts: Tensor, faces: Tensor) -> Tensor:
    """Counts of the most likely shares in each face [face, pattern] (1 inside), by expectation and maximisation."""
    count = counts.sum() * faces / faces.sum(-1, keepdim=True)
    for _ in range(ROUNDS):
        count = _responsible(items, counts, log_of(count))
    return count


def _faces(items: Tensor, counts: Tensor) -> Tensor:
    """All sets of patterns where these are few; else each one, and those left as the least useful goes, one by one."""
    patterns = items.shape[-1]
    if patterns <= ALL_FACES:
        numbers = torch.arange(1, 1 << patterns, device=items.device)
        return ((numbers.unsqueeze(-1) >> torch.arange(patterns, device=items.device)) & 1).double()
    left, found = torch.ones(patterns, dtype=torch.float64, device=items.device), []
    corners = torch.eye(patterns, dtype=torch.float64, device=items.device)
    while int(left.sum()) > 1:
        found.append(left)
        tried = left - corners[left > 0]
        fit = _fit(items, counts, tried)
        likely = (log_of(items @ (fit / counts.sum()).T) * counts.unsqueeze(-1)).sum(0)
        left = tried[likely.argmax()]
    return torch.cat([torch.stack(found), corners])


def _responsible(items: Tensor, counts: Tensor, log_share: Tensor) -> Tensor:
    """Expected episodes of each pattern, [face, pattern]; those that no pattern of a face can do count evenly."""
    score = log_of(items) + log_share.unsqueeze(-2)
    return counts @ score.clamp_min(-1e300).softmax(-1)


def _drawn(concentrations: Tensor, parts: Tensor, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """About so many points of a mixture, divided by its parts, and their weights: [point, pattern] and [point]."""
    drawn, weights = [], []
    for row, (concentration, part) in enumerate(zip(concentrations, parts, strict=True)):
        count = 1 << max(3, round(log2(points * float(part))))
        drawn.append(_broken(concentration.cpu().numpy(), count, 1009 * seed + row))
        weights.append(torch.full((count,), float(part) / count, dtype=torch.float64))
    return torch.cat(drawn).to(parts.device), torch.cat(weights).to(parts.device)


def _broken(concentration: np.ndarray, count: int, seed: int) -> Tensor:
    """Log shares [point, pattern] of sticks broken by Dirichlet(concentration [pattern])."""
    pieces = len(concentration) - 1
    if not pieces:
        return torch.zeros(count, 1, dtype=torch.float64)
    engine = torch.quasirandom.SobolEngine(pieces, scramble=True, seed=seed)
    even = engine.draw(count, dtype=torch.float64).clamp(1e-12, 1 - 1e-12).numpy()
    off, left = _log_quantiles(concentration[:-1], concentration[:0:-1].cumsum()[::-1], even)
    nothing = np.zeros((count, 1))
    return torch.from_numpy(np.concatenate([nothing, left.cumsum(-1)], -1) + np.concatenate([off, nothing], -1))


def _log_quantiles(a: np.ndarray, b: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logs of v and of 1 - v, for v the quantile of Beta(a, b) at u; exact where either is too small for a float."""
    from scipy.special import betaincinv, betaln

    low = betaincinv(a, b, u)
    upper = low > 0.5
    a, b = np.broadcast_to(a, u.shape), np.broadcast_to(b, u.shape)
    high = np.ones_like(low)
    high[upper] = betaincinv(b[upper], a[upper], 1 - u[upper])
    log_low, log_high = np.log1p(-np.minimum(high, 0.5)), np.log1p(-np.minimum(low, 0.5))
    log_low[~upper] = np.log(np.maximum(low[~upper], TINY))
    log_high[upper] = np.log(np.maximum(high[upper], TINY))
    for logs, value, size, probability in ((log_low, low, a, np.log(u)), (log_high, high, b, np.log1p(-u))):
        tiny = value < TINY
        first = probability + np.log(size) + betaln(a, b)  # I_v(a, b) -> v**a / (a B(a, b))
        logs[tiny] = np.minimum(first / size, np.log(TINY))[tiny]
    return log_low, log_high


def _log_beta(a: Tensor) -> Tensor:
    return torch.lgamma(a).sum(-1) - torch.lgamma(a.sum(-1))
