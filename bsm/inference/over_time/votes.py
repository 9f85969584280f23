"""The vote reading: one policy in which all patterns vote at once, with the shares of the time as weights."""

from __future__ import annotations

from torch import Tensor

from bsm.evidence.episodes import Event, Rates
from bsm.inference.over_time.emissions import in_order
from bsm.inference.over_time.mixture import Mixture, seen_at
from bsm.motives.course import Course
from bsm.motives.course.votes import ballot, refuse_own
from bsm.motives.theta import Theta


class Votes(Mixture):
    """As `Mixture`, where every episode is driven by the vote policy at the shares of the time (softmax_pg only)."""

    def mixed_rates(self, course: Course, theta: Theta) -> Rates:
        """Rates of every row under the votes at its moment."""
        assert self.emissions is not None
        parts, rates = [], []
        for i, seen in enumerate(self.moments):
            shares = course.shares(seen_at(course, seen))
            if i not in self._parts:
                self._parts[i] = self.emissions.by_contexts(seen.rows)
            for rows, episodes, behaviour in self._parts[i]:
                pi = ballot(behaviour, theta, behaviour.chosen).log_policy(shares).exp()

                def chance(event: Event, phase: str | None, pi=pi, behaviour=behaviour) -> Tensor:  # type: ignore[no-untyped-def]
                    factors = behaviour.event(event)
                    refuse_own(behaviour, factors, f"the event on {list(event)}")
                    return (pi * behaviour.consequence(factors, theta)).sum(-1)

                parts.append((rows, episodes))
                rates.append(episodes.assembled(chance))
        return in_order(parts, rates)
