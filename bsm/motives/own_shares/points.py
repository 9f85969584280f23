"""Weighted points of an AI's own shares, adapted to what its rows say, for many parameter draws at once.

A point is one normal score per pattern. Its shares at any moment are gamma variates at those scores, divided by their
sum; under standard normal scores they are Dirichlet at every moment. Points come from a mixture of the prior, updates
of the Dirichlet shares of one moment by fitted counts of episodes, and normal distributions of the scores. Parts and
normal distributions are moved towards the weighted points of a few pilot rounds (population Monte Carlo), and
last the points are drawn anew and weighed by the density of the whole mixture, with its parts as controls.

Source: Owen & Zhou (2000), JASA 95:135; Cappe, Douc, Guillin, Marin & Robert (2008), Statistics and Computing 18:447.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.motives.own_shares.episode_counts import Items, fitted
from bsm.motives.own_shares.gammas import FARTHEST, log_gamma_quantile, normal_score
from bsm.motives.own_shares.modes import lower, modes

REPLICATES = 8  # independent scramblings, whose spread is the error
SCALES = (1.0, 0.3, 0.05)  # of fitted counts, for a fit is narrower than what it fits
WIDER = 1.5  # covariance of a normal distribution, next to the weighted points
EVEN = 0.1  # of the points, divided evenly among the parts of the mixture
PRIOR = 0.05  # of the points, at least from the prior
ROUNDS, MOST_ROUNDS = 3, 12
WELL = 0.2  # part of the points that is effective where no more rounds are needed
MANY = 0.9  # part of the draws for which that is to hold
PILOT = 4  # times fewer points in a pilot round
LEAST_PILOT = 64
PER_PART = 16  # points of a scrambling for each part, from which on the parts are controls


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture for each draw.

    `shape` [draw, m] of the prior; `counts` [draw, fit, m] that update it, the first of zero (the prior); `centre`
    [draw, normal, m] and `spread` [draw, normal, m, m] (lower triangular) of scores; `parts` [draw, fit + normal].
    `group` [fit]: the normal distribution that follows a fit's points. `left` [draw]: what part of the mean is where no
    fit was kept, by the worth of the fits.
    """

    shape: Tensor
    counts: Tensor
    centre: Tensor
    spread: Tensor
    parts: Tensor
    group: Tensor
    left: Tensor

    @property
    def alpha(self) -> Tensor:
        """[draw, 1]"""
        return self.shape.sum(-1, keepdim=True)

    def scores(self, even: Tensor) -> Tensor:
        """Scores [point, draw, m] at points of the unit cube, [point, draw, m + 1]; the first coordinate chooses."""
        cuts = self.parts.cumsum(-1)[:, :-1].contiguous()
        which = torch.searchsorted(cuts, even[..., 0].T.contiguous()).T  # [point, draw]
        found = torch.special.ndtri(even[..., 1:])
        fits = self.counts.shape[1]
        at, draw = ((which > 0) & (which < fits)).nonzero(as_tuple=True)
        found[at, draw] = self._updated(found[at, draw], draw, which[at, draw])
        at, draw = (which >= fits).nonzero(as_tuple=True)
        own = which[at, draw] - fits
        turned = (self.spread[draw, own] @ found[at, draw][..., None]).squeeze(-1)
        found[at, draw] = (self.centre[draw, own] + turned).clamp(-FARTHEST, FARTHEST)
        return found

    def _updated(self, score: Tensor, draw: Tensor, fit: Tensor) -> Tensor:
        """Scores whose shares are Dirichlet(shape + counts), and whose total is as in the prior, [point, m]."""
        if not len(score):
            return score
        a, alpha = self.shape[draw], self.alpha[draw]
        more = a + self.counts[draw, fit]
        log_g = log_gamma_quantile(more, score)
        total = log_sum(log_g)[:, None]
        own = log_gamma_quantile(alpha, normal_score(more.sum(-1, keepdim=True), total))
        held = a > 0
        moved = normal_score(torch.where(held, a, 1.0), torch.where(held, log_g - total + own, 0.0))
        return torch.where(held, moved, score)

    def log_ratios(self, score: Tensor) -> Tensor:
        """log density of each part over the prior's, [point, draw, part]."""
        log_g = log_gamma_quantile(self.shape, score)
        log_s = (log_g - log_sum(log_g)[..., None]).clamp_min(-1e200)
        norm = self._log_beta(self.counts) - self._log_beta(torch.zeros_like(self.counts))
        fits = torch.einsum("pdm,dkm->pdk", log_s, self.counts) - norm
        whole = torch.linalg.inv(self.spread)
        y = torch.einsum("djmn,pdjn->pdjm", whole, score[:, :, None] - self.centre)
        log_size = torch.diagonal(self.spread, dim1=-2, dim2=-1).log().sum(-1)
        normals = 0.5 * (score**2).sum(-1)[..., None] - 0.5 * (y**2).sum(-1) - log_size
        return torch.cat([fits, normals], -1)

    def _log_beta(self, counts: Tensor) -> Tensor:
        a = self.shape[:, None]
        more = torch.where(a > 0, a + counts, 0.0)
        return torch.lgamma(torch.where(a > 0, more, 1.0)).sum(-1) - torch.lgamma(more.sum(-1))


@dataclass(frozen=True, eq=False)
class Points:
    """Scores [replicate x point, draw, m] and their log weights [replicate x point, draw], to sum with.

    `left` [draw] is as in `Proposal`.
    """

    score: Tensor
    log_weight: Tensor
    left: Tensor

    def error(self, log_f: Tensor) -> Tensor:
        """Standard error of the log of the weighted sum of exp(log_f) [replicate x point, draw], nats, [draw].

        By the spread of the replicates, and at least what was left out.
        """
        each = log_sum((self.log_weight + log_f).unflatten(0, (REPLICATES, -1)), 1)  # [replicate, draw]
        top = each.amax(0)
        part = (each - torch.where(top == -torch.inf, 0.0, top)).exp()
        mean = part.mean(0)
        spread = torch.where(mean > 0, part.std(0) / torch.where(mean > 0, mean, 1.0) / REPLICATES**0.5, 0.0)
        return torch.maximum(spread, self.left)

    def effective(self, log_f: Tensor) -> Tensor:
        """Effective number of points, [draw]."""
        weight = _softmax(self.log_weight + log_f)
        return 1 / (weight**2).sum(0).clamp_min(1e-300)


def begun(items: Items, shape: Tensor, fits: int) -> Proposal:
    """The prior; counts of episodes fitted to the items, at several scales; and normal distributions about each fit.

    Args:
        items: what was seen, or nearly: how well only decides how many points are effective.
        shape: of the prior, [draw, m]; 0 for a pattern without a share.
        fits: how many to keep.
    """
    counts, worth, left = fitted(items, shape, fits)
    centre, spread = modes(items, shape, counts)
    draws, fits, m = counts.shape
    scaled = torch.cat([torch.zeros(draws, 1, m, dtype=torch.float64), *(s * counts for s in SCALES)], 1)
    prior = torch.full((draws, 1), 0.2, dtype=torch.float64)
    parts = torch.cat([prior, worth.repeat(1, len(SCALES)), prior, worth], 1)
    group = torch.cat([torch.zeros(1, dtype=torch.long), torch.arange(1, fits + 1).repeat(len(SCALES))])
    centre = torch.cat([torch.zeros_like(centre[:, :1]), centre], 1)
    spread = torch.cat([torch.eye(m, dtype=torch.float64).expand(draws, 1, m, m), WIDER**0.5 * spread], 1)
    return Proposal(shape, scaled, centre, spread, _floored(parts), group, left)


def adapted(proposal: Proposal, log_likelihood: Callable[[Tensor], Tensor], count: int, seed: int = 0) -> Points:
    """About `count` points of a proposal that was first moved to where the likelihood is; its last call is at them.

    Args:
        proposal: to begin from.
        log_likelihood: of scores [point, draw, m], nats, [point, draw].
        count: points of each draw.
        seed: the same seed gives the same points.
    """
    pilot = max(LEAST_PILOT, count // PILOT)
    for one in range(MOST_ROUNDS):
        score = proposal.scores(_even(proposal, pilot, seed + 1000 * (one + 1)))
        proposal, effective = _moved(proposal, score, log_likelihood(score))
        if one + 1 >= ROUNDS and float((effective >= WELL * pilot).double().mean()) >= MANY:
            break
    found, weights = [], []
    for one in range(REPLICATES):
        score = proposal.scores(_even(proposal, count // REPLICATES, seed + one))
        found.append(score)
        weights.append(_log_weights(proposal, score))
    points = Points(torch.cat(found), torch.cat(weights) - torch.tensor(float(REPLICATES)).log(), proposal.left)
    log_likelihood(points.score)
    return points


def _log_weights(proposal: Proposal, score: Tensor) -> Tensor:
    """log of prior over mixture, over the number of points, calibrated where there are enough, [point, draw].

    Calibrated by all parts; where that would leave a point a weight below 0, by the fits alone; else not.
    """
    each = proposal.log_ratios(score)
    log_q = log_sum(each + proposal.parts.log())
    plain = -log_q - torch.tensor(float(len(score))).log()
    parts = each.shape[-1]
    if len(score) < PER_PART * parts:
        return plain
    ratio = (each - log_q[..., None]).exp()  # each integrates to one
    found = plain
    for controls in (ratio[..., : proposal.counts.shape[1]], ratio):
        factor = _calibration(controls)
        found = torch.where((factor > 0).all(0), plain + factor.clamp_min(1e-300).log(), found)
    return found


def _calibration(ratio: Tensor) -> Tensor:
    """Factors of the points, [point, draw], at which each ratio [point, draw, control] has the mean 1 that it has."""
    gram = torch.einsum("pdk,pdl->dkl", ratio, ratio) / len(ratio)
    lack = 1 - ratio.mean(0)
    tilt = (torch.linalg.pinv(gram, rtol=1e-10, hermitian=True) @ lack[..., None]).squeeze(-1)
    return 1 + torch.einsum("pdk,dk->pd", ratio, tilt)


def _moved(proposal: Proposal, score: Tensor, log_f: Tensor) -> tuple[Proposal, Tensor]:
    """Parts by their share of the weighted points, and normal distributions moved to those of each group.

    The fewer of its points are effective, the more of a normal distribution stays as it was.

    With how many points of the proposal were effective, [draw].
    """
    each = proposal.log_ratios(score) + proposal.parts.log()
    log_q = log_sum(each)
    weight = _tempered(log_f - log_q)  # [point, draw]
    enough = 1 / (_softmax(log_f - log_q) ** 2).sum(0)
    belongs = (each - log_q[..., None]).exp() * weight[..., None]
    fits = proposal.counts.shape[1]
    own = belongs[..., fits:].index_add(2, proposal.group, belongs[..., :fits])
    total = own.sum(0).clamp_min(1e-300)  # [draw, normal]
    inside = own / total
    m = score.shape[-1]
    effective = (1 / (inside**2).sum(0).clamp_min(1e-300)).clamp_max(len(score))
    own_say = torch.where(total > 1e-200, effective / (effective + m + 1), 0.0)[..., None]
    centre = torch.lerp(proposal.centre, torch.einsum("pdj,pdm->djm", inside, score), own_say)
    off = score[:, :, None] - centre
    second = torch.einsum("pdj,pdjm,pdjn->djmn", inside, off, off)
    before = proposal.spread @ proposal.spread.transpose(-1, -2)
    covariance = torch.lerp(before, WIDER * second, own_say[..., None])
    return replace(proposal, centre=centre, spread=lower(covariance), parts=_floored(belongs.sum(0))), enough


def _tempered(log_weight: Tensor, rounds: int = 12) -> Tensor:
    """Weights [point, draw] that sum to one, to the largest power of at most 1 at which enough points are effective."""
    fewest = min(40.0, len(log_weight) / 4)
    low, high = torch.zeros(log_weight.shape[1], dtype=torch.float64), torch.ones(log_weight.shape[1]).double()
    enough = 1 / (_softmax(log_weight) ** 2).sum(0) >= fewest
    low = torch.where(enough, high, low)
    for _ in range(0 if bool(enough.all()) else rounds):
        middle = (low + high) / 2
        fine = 1 / (_softmax(_times(middle, log_weight)) ** 2).sum(0) >= fewest
        low, high = torch.where(fine, middle, low), torch.where(fine, high, middle)
    return _softmax(_times(low, log_weight))


def _times(power: Tensor, log_weight: Tensor) -> Tensor:
    return torch.where(log_weight == -torch.inf, -torch.inf, power * log_weight)


def _softmax(log_weight: Tensor) -> Tensor:
    """Over points; even where all are impossible."""
    top = log_weight.amax(0)
    return torch.where(top == -torch.inf, torch.zeros_like(log_weight), log_weight).softmax(0)


def _floored(parts: Tensor) -> Tensor:
    """Parts that sum to one, a little of them even, and enough of the prior, which is the first."""
    found = parts / parts.sum(-1, keepdim=True)
    found = (1 - EVEN - PRIOR) * found + EVEN / parts.shape[-1]
    found[..., 0] += PRIOR
    return found


def _even(proposal: Proposal, count: int, seed: int) -> Tensor:
    """Quasi-random points [point, draw, m + 1], moved on by a random shift for every draw."""
    draws, m = proposal.shape.shape
    engine = torch.quasirandom.SobolEngine(m + 1, scramble=True, seed=seed)
    base = engine.draw(count, dtype=torch.float64)[:, None]
    shift = torch.rand(draws, m + 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return ((base + shift) % 1.0).clamp(1e-12, 1 - 1e-12)
