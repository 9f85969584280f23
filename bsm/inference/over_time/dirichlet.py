"""The readings between hypothesis and mixture: an AI's own shares are Dirichlet(alpha x shares of the course).

Shares of one AI at different moments are tied by common quantiles: s(t) is proportional to gamma variates of shape
alpha w(t) at the same quantile for each pattern, so that at every moment they are Dirichlet(alpha w(t)), and a pattern
that is strong in an AI for its share stays so. Integrated over quasi-random quantiles, the same for all draws.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from bsm.evidence.episodes import Rates
from bsm.inference.over_time.emissions import repeated
from bsm.inference.over_time.mixture import Mixture, mixed, seen_at
from bsm.inference.over_time.shares import place
from bsm.inference.over_time.weights import Smooth, Weights
from bsm.motives.compile import references
from bsm.motives.course import Course
from bsm.motives.course.logs import log_of, log_sum
from bsm.motives.theta import Theta
from bsm.spec.model import SpecError

POINTS = 256
TINY = 1e-290  # a gamma quantile below is taken from the first term of its logarithm


class Dirichlet(Mixture):
    """As `Mixture`, with shares of this AI that are integrated out: rows also say what they are.

    P(pattern drives an episode at t) is the mean share at t given the rows. Gradients (which only say where to look
    for parameters) are those of the mixture.
    """

    def _refuse(self) -> None:
        super()._refuse()
        if self.model.alpha is None:
            raise SpecError(f"{self.model.name}: reading dirichlet needs alpha; state it, or use hypothesis or mixture")

    @cached_property
    def _noise(self) -> frozenset[str]:
        return Mixture._noise.func(self) | references((self.model.alpha,))  # type: ignore[attr-defined]

    def weights(self, theta: Theta) -> Weights:
        """What draws weigh at every target."""
        if torch.is_grad_enabled() and any(v.requires_grad for v in theta.values.values()):
            return super().weights(theta)
        return self._integrated(self.course(theta), theta)[0]

    def weights_and_smooth(self, theta: Theta) -> tuple[Weights, Smooth]:
        """What draws weigh, and the mean shares of this AI at every asked moment given all rows."""
        found, given = self._integrated(self.course(theta), theta)
        course, draws = self.course(theta), len(found.named)
        plain = super().weights_and_smooth(theta)[1]
        shares = []
        for a, one in enumerate(self.asked):
            log_w = plain.named[:, a].log() if one.ahead else course.log_shares(place(course, one))
            own = self._own(log_w.expand(draws, -1), theta)
            shares.append((given[..., None] * own.exp()).sum(0))
        return found, Smooth(torch.stack(shares, 1), plain.gain)

    def _integrated(self, course: Course, theta: Theta) -> tuple[Weights, Tensor]:
        """Weights, and P(point | all rows) at each draw, [point, draw]."""
        plain = self._weights(course, theta, told=False)
        draws = len(plain.named)
        rows = tuple(part.reshape(POINTS, draws, -1) for part in self._rows_at_points(course, theta, draws))
        named, last = [], torch.zeros(POINTS, draws, dtype=torch.float64)
        for t, one in enumerate(self._targets()):
            before, past = self._before(course, one)
            last = self._told_by((rows[0], rows[1]), before, past).expand(POINTS, draws)
            own = self._own(course.log_shares(place(course, one)).expand(draws, -1), theta)
            value = log_sum(last[..., None] + own, 0) - math.log(POINTS)
            named.append(value + log_sum(plain.named[:, t])[:, None])
        return plain._replace(named=torch.stack(named, 1)), torch.softmax(last, 0).nan_to_num(0.0)

    def _rows_at_points(self, course: Course, theta: Theta, draws: int) -> tuple[Tensor, Tensor]:
        """Nats of the rows of each moment, and of a step of selection there, at every point, [point x draw, moment]."""
        if self.emissions is None:
            nothing = torch.zeros(POINTS * draws, 0, dtype=torch.float64)
            return nothing, nothing
        shares = [self._own(course.log_shares(seen_at(course, s)).expand(draws, -1), theta).exp() for s in self.moments]
        by_row = torch.stack(shares, 2)[:, :, self._moment_of_row].flatten(0, 1)
        rates = [_tiled(self.emissions.rates(m, theta), draws) for m in self.names]
        return self.emissions.read(mixed(by_row, rates, self.emissions.seconds), repeated(theta, POINTS, draws))

    def _own(self, log_w: Tensor, theta: Theta) -> Tensor:
        """Log shares of an AI at the points, [point, draw, m], for shares of the course [draw, m]."""
        assert self.model.alpha is not None
        shape = theta.of(self.model.alpha).detach()[:, None] * log_w.detach().exp()
        log_g = log_gamma_quantile(shape, self._points[:, None])
        return log_g - log_sum(log_g)[..., None]

    @cached_property
    def _points(self) -> Tensor:
        """Quasi-random quantiles, [point, m]."""
        engine = torch.quasirandom.SobolEngine(len(self.names), scramble=True, seed=0)
        return engine.draw(POINTS, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)


def log_gamma_quantile(shape: Tensor, u: Tensor) -> Tensor:
    """log of the u-quantile of a gamma variate of this shape; -inf for shape 0."""
    from scipy.special import gammaincinv

    shape, u = torch.broadcast_tensors(shape, u)
    there = shape > 0
    a = torch.where(there, shape, 1.0)
    value = torch.from_numpy(gammaincinv(a.numpy(), u.numpy()))
    first = (u.log() + torch.lgamma(a + 1)) / a  # P(a, x) -> x^a / Gamma(a + 1)
    found = torch.where(value > TINY, log_of(value), first)
    return torch.where(there, found, -torch.inf)


def _tiled(rates: Rates, draws: int) -> Rates:
    parts = (getattr(rates, name) for name in ("p", "yes", "no", "selected"))
    return Rates(*(part.expand(draws, -1).repeat(POINTS, 1) for part in parts))
