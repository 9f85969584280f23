"""The readings between hypothesis and mixture: an AI's own shares are Dirichlet(alpha x shares of the course).

Shares of one AI at different moments are tied by common quantiles: s(t) is proportional to gamma variates of shape
alpha w(t) at the same quantile for each pattern, so that at every moment they are Dirichlet(alpha w(t)), and a pattern
that is strong in an AI for its share stays so. They are integrated out at weighted points of these quantiles, which
are moved to where the rows say that they are (`points`): the same points at every moment, others in every draw of
parameters, so that their errors average out over draws. The error that is left is part of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.evidence.episodes import Episodes, Rates
from bsm.evidence.likelihood import Counts
from bsm.inference.over_time.emissions import repeated
from bsm.inference.over_time.mixture import Mixture, mixed, seen_at
from bsm.inference.over_time.shares import place
from bsm.inference.over_time.weights import Smooth, Weights
from bsm.motives.compile import references
from bsm.motives.course import Course
from bsm.motives.own_shares.episode_counts import Items
from bsm.motives.own_shares.gammas import OwnShares
from bsm.motives.own_shares.points import Points, adapted, begun
from bsm.motives.theta import Theta
from bsm.spec.model import SpecError

TOTAL = 32_768  # points of all draws that are weighed together
MOST, FEWEST = 16_384, 128  # points of a draw
FITS = 16  # at most, fitted counts of episodes from which the points of a draw begin
AT_ONCE = 2_000_000  # numbers in the rates of all rows at points
FARTHEST = 30.0  # nats by which shares at two moments are told apart in a fit


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
        if self.emissions is None or (torch.is_grad_enabled() and any(v.requires_grad for v in theta.values.values())):
            return super().weights(theta)
        return self._integrated(self.course(theta), theta)[0]

    def weights_and_smooth(self, theta: Theta) -> tuple[Weights, Smooth]:
        """What draws weigh, and the mean shares of this AI at every asked moment given all rows."""
        weights, plain = super().weights_and_smooth(theta)
        if self.emissions is None:
            return weights, plain
        course = self.course(theta)
        found, points, own, told = self._integrated(course, theta)
        given, shares = (points.log_weight + told).nan_to_num(nan=-torch.inf), []
        given = torch.where((given > -torch.inf).any(0), given, points.log_weight).softmax(0)
        for a, one in enumerate(self.asked):
            log_w = plain.named[:, a].log() if one.ahead else course.log_shares(place(course, one))
            shares.append((given[..., None] * own.log_at(log_w).exp()).sum(0))
        return found, Smooth(torch.stack(shares, 1), plain.gain)

    def _integrated(self, course: Course, theta: Theta) -> tuple[Weights, Points, OwnShares, Tensor]:
        """Weights; the points, their shares, and what all rows say at each, [point, draw] nats."""
        plain = self._weights(course, theta, told=False)
        draws = len(plain.named)
        targets = self._targets()
        points, own, rows = self._points(course, theta, draws)
        named, errors, effective, told = [], [], [], torch.zeros(1, draws, dtype=torch.float64)
        for t, one in enumerate(targets):
            told = self._told_by(rows, *self._before(course, one)).expand(len(points.score), draws)
            log_own = own.log_at(course.log_shares(place(course, one)))
            value = log_sum((points.log_weight + told)[..., None] + log_own, 0)
            named.append(value + log_sum(plain.named[:, t])[:, None])
            errors.append(points.error(told))
            effective.append(points.effective(told))
        values, error, number = (torch.stack(part, 1) for part in (named, errors, effective))
        return plain._replace(named=values, error=error, points=number), points, own, told

    # --- points of shares ------------------------------------------------------------------------------------

    def _points(self, course: Course, theta: Theta, draws: int) -> tuple[Points, OwnShares, tuple[Tensor, Tensor]]:
        """Points moved to where all rows are likely, their shares, and what the rows of each moment say there.

        That is nats of their counts, and of a step of selection, [point, draw, moment] each.
        """
        assert self.emissions is not None
        rates = [self.emissions.rates(m, theta) for m in self.names]
        log_w = [course.log_shares(seen_at(course, s)).expand(draws, -1) for s in self.moments]
        before, past = self._before(course, self._targets()[-1])
        alpha = self._alpha(theta)
        latest: list[tuple[OwnShares, tuple[Tensor, Tensor]]] = []

        def told(score: Tensor) -> Tensor:
            own = OwnShares(score, alpha)
            latest[:] = [(own, self._rows_at(own, log_w, rates, theta))]
            return self._told_by(latest[0][1], before, past).expand(score.shape[:2])

        main = self._main(theta)
        shape = alpha[:, None] * log_w[main].detach().exp()
        items = self._items(rates, theta, log_w, main)
        count = 1 << (min(MOST, max(FEWEST, TOTAL // draws)).bit_length() - 1)
        points = adapted(begun(items, shape, FITS), told, count)
        return points, *latest[0]

    def _rows_at(
        self, own: OwnShares, log_w: Sequence[Tensor], rates: Sequence[Rates], theta: Theta
    ) -> tuple[Tensor, Tensor]:
        """Nats of the rows of each moment, and of a step of selection there, [point, draw, moment]."""
        assert self.emissions is not None
        draws, of_row = own.score.shape[1], self._moment_of_row
        shares = torch.stack([own.log_at(w).exp() for w in log_w], 2)  # [point, draw, moment, m]
        found = []
        for part in shares.split(max(1, AT_ONCE // (draws * len(of_row) * len(self.names)))):
            tiled = [_tiled(r, draws, len(part)) for r in rates]
            every = mixed(part[:, :, of_row].flatten(0, 1), tiled, self.emissions.seconds)
            read = self.emissions.read(every, repeated(theta, len(part), draws))
            found.append([one.reshape(len(part), draws, -1) for one in read])
        counts, selected = (torch.cat(parts) for parts in zip(*found, strict=True))
        return counts, selected

    def _alpha(self, theta: Theta) -> Tensor:
        assert self.model.alpha is not None
        return theta.of(self.model.alpha).detach()

    # --- where to begin --------------------------------------------------------------------------------------

    @cached_property
    def _episodes(self) -> Episodes:
        return Episodes(self.model, self.evidence)

    def _trials(self, counts: Counts) -> Tensor:
        """Effective episodes of each row, [draw, row]."""
        return counts.n / (1 + (counts.n - 1).clamp_min(0.0) * counts.rho)

    def _main(self, theta: Theta) -> int:
        """The moment with most episodes, at whose shares counts of episodes are fitted."""
        n = self._trials(self._episodes.counts(theta)).mean(0)
        return int(torch.stack([n[list(s.rows)].sum() for s in self.moments]).argmax())

    def _items(self, rates: Sequence[Rates], theta: Theta, log_w: Sequence[Tensor], main: int) -> Items:
        """Episodes of each row with what it saw and without, and its selections, as if all were of one moment.

        A pattern whose share is larger at a row's own moment drives more of its episodes.
        """
        rows = self._episodes.counts(theta)
        p, chosen = (_patterns([getattr(r, part) for r in rates]) for part in ("p", "selected"))
        p = torch.where(chosen > 0, p, 0.5)
        seen = (p * (1 - rows.fnr[..., None]) + (1 - p) * rows.fpr[..., None]).clamp(0.0, 1.0)
        moved = [(w - log_w[main]).nan_to_num(0.0).clamp(-FARTHEST, FARTHEST) for w in log_w]
        here = torch.stack([moved[i] for i in self._moment_of_row], 1)  # [draw, row, m]
        kinds = (log_of(seen) + here, log_of(1 - seen) + here, log_of(chosen) + here)
        n = self._trials(rows)
        yes = rows.k / rows.n.clamp_min(1e-300) * n
        steps = torch.tensor([float(r.steps) for r in self.evidence.rows], dtype=torch.float64)
        kinds_n = torch.broadcast_tensors(yes, n - yes, steps)
        return Items(torch.cat(torch.broadcast_tensors(*kinds), 1).detach(), torch.cat(kinds_n, -1).detach())


def _patterns(values: Sequence[Tensor]) -> Tensor:
    """[draw, row] of each pattern, [draw, row, m]."""
    return torch.stack(torch.broadcast_tensors(*values), -1)


def _tiled(rates: Rates, draws: int, points: int) -> Rates:
    parts = (getattr(rates, name) for name in ("p", "yes", "no", "selected"))
    return Rates(*(part.expand(draws, -1).repeat(points, 1) for part in parts))
