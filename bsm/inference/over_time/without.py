"""Shares and forecasts at moments where there is no ledger: prior, selection, gates and drift alone, with bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.inference.over_time.asked import Asked, When, asked
from bsm.inference.over_time.mixed import BAND
from bsm.inference.over_time.shares import refuse_unreached, shares
from bsm.inference.over_time.timeline import Kept
from bsm.inference.parameters import Space
from bsm.motives.compile import Behaviour
from bsm.motives.course.forecast import Event
from bsm.motives.course.forecast import forecast as by_shares
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, SpecError

DRAWS = 500
SHARE_DRAWS = 2000  # behind the shares that stand beside a posterior
SHARE_SEED = 3  # added to the seed for those
CHECKED = 2000  # prior draws at which a moment is looked for before anything is computed

Summary = tuple[float, float, float]  # mean, and the central 90 % over parameters


@dataclass(frozen=True, eq=False)
class Without:
    """Shares of influence [draw, moment, m] at prior draws, and which draws reach each moment, [draw, moment]."""

    timeline: Kept
    theta: Theta
    asked: tuple[Asked, ...]
    values: Tensor
    reached: Tensor

    @property
    def moments(self) -> tuple[str, ...]:
        return tuple(one.label for one in self.asked)

    @property
    def draws(self) -> int:
        """Parameter draws: one where nothing is uncertain."""
        return self.theta.draws

    def reaching(self, moment: int) -> float:
        """The part of the draws in which the phase has so many selections; the rest is left out of every number."""
        return float(self.reached[:, moment].to(torch.float64).mean())

    def share(self, moment: int) -> list[Summary]:
        """Share of each motivation, in file order, at the moment at this position."""
        own = self.values[self.reached[:, moment], moment]
        return [summary(column) for column in own.unbind(-1)]

    def forecast(self, event: str | Event, context: Mapping[str, str] | None, moment: int) -> Summary:
        """P(event | do(AI at the moment), context); without a context, the mean over the declared support."""
        model = self.timeline.model
        with torch.no_grad():
            found = by_shares(Behaviour(model), self.theta, self.values[:, moment], model.reading, event, context)
        return summary(found.expand(len(self.reached))[self.reached[:, moment]])


def without_ledger(model: Model, at: When | Sequence[When], draws: int = DRAWS, seed: int = 0) -> Without:
    """What prior and selection say at moments, before any row.

    Args:
        model: the model, under its own reading.
        at: a moment or a list of them, predictions included, as in `asked`.
        draws: from the prior of the parameters; one where nothing is uncertain.
        seed: of those draws.

    Raises:
        SpecError: a moment that does not exist, or lies beyond its phase in every draw; no motivation is left.
    """
    wanted, space = asked(model, at), Space.of(model.parameters)
    refuse_beyond(model, wanted)
    timeline = Kept(model)
    with torch.no_grad():
        theta = space.theta(space.prior_draws(draws if space.names else 1, seed))
        values, reached = shares(timeline, theta, wanted)
    for a, one in enumerate(wanted):
        refuse_unreached(one.label, reached[:, a])
    return Without(timeline, theta, wanted, values, reached)


def summary(draws: Tensor) -> Summary:
    """Mean and central 90 %."""
    low, high = (float(torch.quantile(draws, level)) for level in BAND)
    return float(draws.mean()), low, high


def refuse_forecast(model: Model, event: str | Event, context: Mapping[str, str] | None) -> None:
    """Refuse a forecast that cannot be meant, before anything that takes time is done.

    Raises:
        SpecError: no such observation, node or state; or what the reading cannot forecast.
    """
    even = torch.full((1, len(model.motivations)), 1 / len(model.motivations), dtype=torch.float64)
    with torch.no_grad():
        by_shares(Behaviour(model), central(model), even, model.reading, event, context)


def refuse_beyond(model: Model, wanted: Sequence[Asked]) -> None:
    """Refuse a step that no phase of uncertain length reaches in any of 2,000 prior draws.

    Raises:
        SpecError: with the most selections of its phase among them.
    """
    space = Space.of(model.parameters)
    theta = space.theta(space.prior_draws(CHECKED if space.names else 1, 3))
    for one in wanted:
        if one.end or one.ahead or one.relative or one.phase < 0:
            continue
        phase, n = model.phases[one.phase], theta.of(model.phases[one.phase].selections)
        if bool((one.step > n * (1 + 1e-12)).all()):
            raise SpecError(
                f"at = {one.label}: step {one.step:g} of phase {phase.name} lies beyond its selections, at most "
                f"{float(n.max()):.3g} in {CHECKED} prior draws; write an earlier step, or a part such as "
                f"{phase.name}:50%"
            )
