"""The mixture reading: each episode is driven by one pattern, drawn from the AI's shares at that time.

The shares are those of the course, which no row changes: rows say what the parameters are, and whether behaviour is
any mixture of the named motivations at all. P(pattern drives an episode at t) is its share, in the mean over what the
rows leave of the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.evidence.episodes import Rates
from bsm.inference.over_time.account import Account
from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.places import Seen, is_before, past_part
from bsm.inference.over_time.refused import refuse_rows
from bsm.inference.over_time.shares import place, reaches
from bsm.inference.over_time.timeline import Kept
from bsm.inference.over_time.weights import Smooth, Weights
from bsm.motives.course import Course, Moment, continued
from bsm.motives.theta import Theta


class Mixture(Account):
    """As `Account`, where shares say who drives each episode.

    A row that was selected on contributes P(row, selected | mixture), and its steps are left out of what selection
    adds to the named motivations together and to none_of_these. A prompt variant keeps its shift at all moments.
    """

    def _refuse(self) -> None:
        refuse_rows(self.timeline, self.moments)

    @property
    def drifts(self) -> bool:
        return False

    def weights(self, theta: Theta) -> Weights:
        """What draws weigh at every target."""
        return self._weights(self.course(theta), theta)

    def _weights(self, course: Course, theta: Theta, told: bool = True) -> Weights:
        """The same; without what rows say if `told` is False."""
        draws = max(theta.draws, len(course.log_prior()), *(len(s.n) for s in course.stages), 1)
        rows = self._log_rows(course, theta) if told else None
        named, none, reached = [], [], []
        for one in self._targets():
            at = place(course, one)
            together = course.log_weights(at)
            log_shares = together[:, :-1] - log_sum(together[:, :-1])[:, None]
            before, past = self._before(course, one)
            taken = self._taken_out(course, past)
            log_named = log_sum(together[:, :-1]) - taken[:, 0]
            log_none = together[:, -1] - taken[:, 1]
            total = log_sum(torch.stack(torch.broadcast_tensors(log_named, log_none), -1))
            said = torch.zeros(1, dtype=torch.float64) if rows is None else self._told_by(rows, before, past)
            fits = self._fits(course, one) & (total > -torch.inf)
            value = (log_named - total + said)[:, None] + log_shares
            named.append(torch.where(fits[:, None], value, -torch.inf).expand(draws, -1))
            none.append(torch.where(fits, log_none - total, -torch.inf).expand(draws))
            reached.append(reaches(course.stages, one).expand(draws))
        reached[-1] = self._is_given(course.stages).expand(draws)
        there = torch.stack(reached, 1)
        values = torch.where(there[..., None], torch.stack(named, 1), -torch.inf)
        return Weights(values, torch.where(there, torch.stack(none, 1), -torch.inf), there)

    def weights_and_smooth(self, theta: Theta) -> tuple[Weights, Smooth]:
        """What draws weigh, and the shares at every asked moment."""
        course = self.course(theta)
        weights = self._weights(course, theta)
        draws = len(weights.named)
        now = course.log_weights()
        shares, gains = [], []
        for one in self.asked:
            gain = torch.zeros(1, dtype=torch.float64)
            if one.ahead:
                later = self._later(one, theta).log_weights()
                shares.append((later[:, :-1] - log_sum(later[:, :-1])[:, None]).exp())
                gain = (later[:, -1] - now[:, -1]) - (log_sum(later[:, :-1]) - log_sum(now[:, :-1]))
                gain = torch.nan_to_num(gain, nan=-torch.inf)
            else:
                shares.append(course.shares(place(course, one)))
            gains.append(gain)
        stacked = torch.stack([s.expand(draws, -1) for s in shares], 1)
        return weights, Smooth(stacked, torch.stack([g.expand(draws) for g in gains], 1))

    def classes(self, target: int) -> list[list[int]]:
        """All patterns drive together."""
        return [list(range(len(self.names)))]

    def by_class(self, z: Tensor, target: int, classes: Sequence[Sequence[int]], own: Sequence[int]) -> Tensor:
        """As `Account.by_class`; there is one class."""
        count, draws, d = z.shape
        found = self.weights(self.space.theta(z.reshape(count * draws, d))).log_weight[:, target]
        return found.expand(count * draws).reshape(count, draws)

    def none_credence(self, theta: Theta) -> Tensor:
        """log P(none_of_these | selection that no row observed, parameters) at every target, [draw, target]."""
        return self._weights(self.course(theta), theta, told=False).none

    # --- what rows say -----------------------------------------------------------------------------------

    def _log_rows(self, course: Course, theta: Theta) -> tuple[Tensor, Tensor]:
        """Nats of the counts at each moment, given earlier ones, and of one step of selection there, [draw, moment]."""
        if self.emissions is None:
            nothing = torch.zeros(1, 0, dtype=torch.float64)
            return nothing, nothing
        rates = self.mixed_rates(course, theta)
        return self.emissions.read(rates, theta)

    def mixed_rates(self, course: Course, theta: Theta) -> Rates:
        """Rates of every row under the shares of its moment."""
        assert self.emissions is not None
        shares = torch.stack([course.shares(seen_at(course, s)) for s in self.moments], 1)  # [draw, moment, m]
        where = self._moment_of_row
        return mixed(shares[:, where], [self.emissions.rates(m, theta) for m in self.names], self.emissions.seconds)

    @property
    def _moment_of_row(self) -> list[int]:
        found = {j: i for i, s in enumerate(self.moments) for j in s.rows}
        return [found[j] for j in range(len(found))]

    def _told_by(self, rows: tuple[Tensor, Tensor], before: Tensor, past: Tensor) -> Tensor:
        """Nats of the rows up to a target, [..., draw]; `before` says which, `past` how many of their steps."""
        counts, selected = rows
        if not self.moments:
            return torch.zeros(1, dtype=torch.float64)
        told = torch.where(before, counts, 0.0) + torch.where(
            past > 0, past * torch.where(past > 0, selected, 0.0), 0.0
        )
        return told.sum(-1)

    def _before(self, course: Course, one: Asked) -> tuple[Tensor, Tensor]:
        """Which moments of rows lie before a target, and how many of their selections are past, [draw, moment]."""
        if not self.moments:
            return torch.zeros(1, 0, dtype=torch.bool), torch.zeros(1, 0, dtype=torch.float64)
        inside = not one.end and one.phase >= 0
        position = one.position(course.stages[one.phase].n) if inside else torch.zeros(1, dtype=torch.float64)
        before = torch.stack([is_before(s, one, position) for s in self.moments], 1)
        past = torch.stack([s.steps * past_part(s, one, position) for s in self.moments], 1)
        return before, torch.where(before, past, 0.0)

    def _taken_out(self, course: Course, past: Tensor) -> Tensor:
        """What the steps that rows stand for added to the named together, and to none_of_these, [draw, 2] nats."""
        total = torch.zeros(1, 2, dtype=torch.float64)
        for i, seen in enumerate(self.moments):
            if not seen.steps or seen.step is None:
                continue
            n = course.stages[seen.phase].n
            first = torch.minimum(torch.full_like(n, seen.step), n)
            last = torch.minimum(seen.step + past[:, i], n)
            low, high = (course.log_weights(Moment(seen.phase, step)) for step in (first, last))
            named = log_sum(high[:, :-1]) - log_sum(low[:, :-1])
            total = total + torch.stack(torch.broadcast_tensors(named, high[:, -1] - low[:, -1]), -1).nan_to_num(
                nan=0.0
            )
        return total

    # --- moments -----------------------------------------------------------------------------------------

    def _targets(self) -> list[Asked]:
        last = len(self.model.phases) - 1
        return [*(self.asked[a] for a in self.targets), Asked("now", last, end=True)]

    def _fits(self, course: Course, one: Asked) -> Tensor:
        limit = one.upto(self.model, uncertain=-1.0)
        fits = torch.ones(1, dtype=torch.bool)
        for seen in self.moments:
            if seen.step is not None and seen.order <= limit:
                fits = fits & (course.stages[seen.phase].n >= seen.step + seen.steps)
        return fits

    def _later(self, one: Asked, theta: Theta) -> Course:
        """The course with more selections of a phase at its end."""
        key = one.label
        if key not in self._continued:
            self._continued[key] = Kept(continued(self.model, self.model.phases[one.phase].name, one.step))
        timeline = self._continued[key]
        return Course(timeline, theta, timeline.stages(theta))


def seen_at(course: Course, seen: Seen) -> Moment:
    """Where rows lie in a course; at the last selection where the phase is too short for them."""
    if seen.step is None:
        return Moment(seen.phase)
    n = course.stages[seen.phase].n
    return Moment(seen.phase, torch.minimum(torch.full_like(n, seen.step), n))


def mixed(shares: Tensor, rates: Sequence[Rates], seconds: Sequence[int]) -> Rates:
    """Rates of a mixture from those of its patterns.

    Args:
        shares: [draw, row, m], who drives an episode before it is selected on.
        rates: of every pattern.
        seconds: rows with a second count.
    """
    draws = max(len(shares), *(len(r.p) for r in rates))
    p, yes, no, chosen = (
        torch.stack([getattr(r, part).expand(draws, -1) for r in rates], -1) for part in ("p", "yes", "no", "selected")
    )
    shares, own = shares.expand(draws, -1, -1), list(seconds)
    weight = shares * chosen
    selected = weight.sum(-1)
    p = torch.where(chosen > 0, p, 0.5)
    first = _mean(weight, p)
    with_first = _mean((weight * p)[:, own], yes)
    without = _mean((weight * (1 - p))[:, own], no)
    return Rates(first, with_first, without, selected)


def _mean(weight: Tensor, value: Tensor) -> Tensor:
    total = weight.sum(-1)
    empty = total <= 0
    return torch.where(empty, 0.5, (weight * value).sum(-1) / torch.where(empty, 1.0, total)).clamp(0.0, 1.0)
