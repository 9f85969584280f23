"""Named motivations and none_of_these together: means, bands over parameters, and equal-weight draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from bsm.inference.fits import TooFewEffective
from bsm.inference.importance import FEWEST_EFFECTIVE
from bsm.inference.over_time.account import Account
from bsm.inference.over_time.draws import Drawn, evaluated
from bsm.inference.over_time.none import log_free, outside
from bsm.inference.over_time.weights import Smooth, Weights

POOLED = 200  # equal-weight draws at which bands are taken
BAND = (0.05, 0.95)
NEGLIGIBLE = 1e-3  # probability of none_of_these under which its effective draws do not matter
FAR = -20.0  # log odds under which free behaviour need not be reckoned draw by draw


@dataclass(frozen=True, eq=False)
class Banded:
    """Probabilities [m + 1] (or [asked, m + 1]), their central 90 % over parameters, and equal-weight draws of them."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    draws: np.ndarray


class Mixed:
    """The posterior at one target from draws given a named motivation and from what free behaviour explains."""

    def __init__(self, account: Account, found: Drawn, target: int, seed: int) -> None:
        self.account, self.found, self.target, self.seed = account, found, target, seed
        self.weights = found.normalised(target)
        self.outside = outside(account, found, target, seed)
        if self.outside and self.none > NEGLIGIBLE and self.outside.effective < FEWEST_EFFECTIVE:
            raise TooFewEffective(
                f"none_of_these: {self.outside.effective:.0f} effective draws, fewer than {FEWEST_EFFECTIVE:.0f}; give "
                "fewer uncertain parameters, or narrower priors"
            )
        self._pool()

    def _pool(self) -> None:
        """Equal-weight parameter draws: `picked` of the named draws, then `z_none` of those of none_of_these."""
        few = round(POOLED * self.none) if self.found.z.shape[1] else 0  # without coordinates all draws are one
        at = systematic(self.weights, POOLED - few, self.seed) if few < POOLED else torch.zeros(0, dtype=torch.long)
        self.picked = at
        z_none = self.outside.z if self.outside else self.found.z[:0]
        self.z_none = z_none[torch.arange(few) % max(len(z_none), 1)] if few else self.found.z[:0]
        self.pooled = torch.cat([self.found.z[at], self.z_none])

    @cached_property
    def none(self) -> float:
        """P(none_of_these | rows), parameters integrated out."""
        if self.outside is None or self.outside.log_evidence == -math.inf:
            return 0.0
        gap = self.found.log_evidence(self.target) - self.outside.log_evidence
        return 1 / (1 + math.exp(min(gap, 700.0)))

    @property
    def log_evidence(self) -> float:
        """log P(rows | selection), nats."""
        named = self.found.log_evidence(self.target)
        return named if self.outside is None else float(np.logaddexp(named, self.outside.log_evidence))

    def filtered(self) -> Banded:
        """P(motivation | rows and selection up to the target)."""
        values = self.found.weights.probabilities()[:, self.target]
        here = torch.cat([values[self.picked], self._more.probabilities()[:, self.target]])
        return self._banded(values, here, torch.zeros(1, dtype=torch.float64))

    def smoothed(self, a: int) -> Banded:
        """P(motivation | all rows, all selection) at an asked moment; predicted where ahead.

        Draws that do not reach it count as well, with what is so at the end of its phase: see `given`.
        """
        smooth = self.found.smooth
        assert smooth is not None
        here = torch.cat([smooth.named[self.picked, a], self._more_smooth.named[:, a]])
        gain = torch.cat([smooth.gain[self.picked, a], self._more_smooth.gain[:, a]])
        return self._banded(smooth.named[:, a], here, gain, self.account.asked[a].ahead)

    def _banded(self, values: Tensor, here: Tensor, gain: Tensor, ahead: bool = False) -> Banded:
        """From values [draw, m] given a named motivation, those at pooled draws, and what odds of none gain there."""
        none = torch.sigmoid(self._log_odds + gain)[:, None]
        together = torch.cat([(1 - none) * here, none], 1).numpy()
        mean = (self.weights[:, None] * values).sum(0) / self.weights.sum()
        whole = torch.cat([(1 - self.none) * mean, torch.tensor([self.none], dtype=torch.float64)]).numpy()
        if ahead and self.outside is not None:  # odds of none_of_these move on differently in each draw
            whole = together.mean(0)
        return quantiles(whole, together)

    @cached_property
    def _evaluated(self) -> tuple[Weights, Smooth | None]:
        return evaluated(self.account, self.z_none, self.found.smooth is not None)

    @property
    def _more(self) -> Weights:
        """What the draws of none_of_these weigh."""
        return self._evaluated[0] if len(self.z_none) else Weights(*(v[:0] for v in self.found.weights))

    @property
    def _more_smooth(self) -> Smooth:
        if len(self.z_none) and self._evaluated[1] is not None:
            return self._evaluated[1]
        assert self.found.smooth is not None
        return Smooth(*(v[:0] for v in self.found.smooth))

    @cached_property
    def _log_odds(self) -> Tensor:
        """log odds of none_of_these against all others at each pooled draw, [pooled]."""
        if self.outside is None:
            return torch.full((POOLED,), -torch.inf, dtype=torch.float64)
        weights = self.found.weights
        none = torch.cat([weights.none[self.picked, self.target], self._more.none[:, self.target]])
        named = torch.cat([weights.log_weight[self.picked, self.target], self._more.log_weight[:, self.target]])
        gap = none - torch.where(named == -torch.inf, -1e6, named)
        if bool((gap + self.outside.highest < FAR).all()):
            return gap + self.outside.highest
        if self.pooled.shape[1]:
            distinct, where = torch.unique(self.pooled, dim=0, return_inverse=True)
        else:
            distinct, where = self.pooled[:1], torch.zeros(len(self.pooled), dtype=torch.long)
        with torch.no_grad():
            free = log_free(self.account, self.account.space.theta(distinct), self.target)
        return gap + free.expand(len(distinct))[where]

    def reaches(self, a: int) -> Tensor:
        """Whether the draws of the named reach an asked moment, [draw]."""
        return self._reaches(self.found.weights, a)

    def pooled_reaches(self, a: int) -> Tensor:
        """Whether the pooled draws reach an asked moment, [pooled]."""
        return torch.cat([self.reaches(a)[self.picked], self._reaches(self._more, a)])

    def _reaches(self, weights: Weights, a: int) -> Tensor:
        if a not in self.account.targets:
            return torch.ones(len(weights.none), dtype=torch.bool)
        return weights.reached[:, self.account.targets.index(a)]


def quantiles(mean: np.ndarray, draws: np.ndarray) -> Banded:
    """A mean [m + 1] with the central 90 % of its draws [draw, m + 1]; itself where all draws are one."""
    if len(np.unique(draws, axis=0)) == 1:
        return Banded(mean, mean, mean, np.broadcast_to(mean, draws.shape).copy())
    low, high = np.quantile(draws, BAND, axis=0)
    return Banded(mean, low, high, draws)


def joined(columns: Sequence[Banded]) -> Banded:
    """Several moments side by side."""
    return Banded(
        np.stack([c.mean for c in columns]),
        np.stack([c.low for c in columns]),
        np.stack([c.high for c in columns]),
        np.stack([c.draws for c in columns], 1),
    )


def quantile(values: Tensor, level: float) -> Tensor:
    """Quantile of each column of values [draw, column]."""
    return torch.quantile(values, level, dim=0)


def systematic(weights: Tensor, count: int, seed: int) -> Tensor:
    """Positions of `count` equal-weight draws."""
    start = torch.rand(1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    points = (torch.arange(count, dtype=torch.float64) + start) / count
    return torch.searchsorted(torch.cumsum(weights / weights.sum(), 0), points).clamp_max(len(weights) - 1)
