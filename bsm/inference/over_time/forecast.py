"""What an AI would do at a moment, given its rows: the number that a decision rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from bsm.inference.over_time.headline import FITS
from bsm.inference.over_time.mixed import BAND
from bsm.inference.over_time.timeline import Kept
from bsm.motives.compile import Behaviour
from bsm.motives.course.continuity import Divergence, Where, divergence
from bsm.motives.course.forecast import Event, described
from bsm.motives.course.forecast import forecast as by_shares
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, SpecError
from bsm.spec.number_words import banded

if TYPE_CHECKING:
    from bsm.inference.over_time.labelled import Labelled


@dataclass(frozen=True, eq=False)
class Forecast:
    """P(behaviour in a context at a moment).

    `context` says what was asked, and the defaults of levers and of what the action sees that hold beside it.
    `mean`, and `low` to `high`, the central 90 % over parameters; `draws` one value for each. The named motivations
    are mixed by their posterior, draws weighed by what they leave to them; none_of_these, which has no policy, is left
    out, and `none_of_these` is its probability. `predicted`: the moment is ahead. `without_rows` is the same number
    with its band before any row is seen: from prior, selection, gates and drift alone, at shares of the moment.
    `reading` says who is taken to drive.
    """

    subject: str
    at: str
    event: str
    context: str
    mean: float
    low: float
    high: float
    none_of_these: float
    predicted: bool
    draws: np.ndarray
    reading: str
    without_rows: tuple[float, float, float]

    def __str__(self) -> str:
        kind, own = "predicted at" if self.predicted else "at", banded(self.mean, self.low, self.high)
        return (
            f"P({self.event} | {self.context}) {kind} {self.at}, {self.subject}: {own} given all rows, {self.reading} "
            f"(without rows {banded(*self.without_rows)}){self._left()}"
        )

    def _left(self) -> str:
        if self.none_of_these > FITS:
            return (
                f"; NOT TO BE RELIED ON: none_of_these, which has no forecast and is left out, has "
                f"{self.none_of_these:.3f}"
            )
        return f"; none_of_these, left out, has {self.none_of_these:.3f}" if self.none_of_these > 0.0005 else ""


def forecast(
    found: Labelled,
    event: str | Event,
    context: Mapping[str, str] | None = None,
    at: str | None = None,
    subject: str | None = None,
) -> Forecast:
    """As `OverTime.forecast`.

    Raises:
        SpecError: no such moment, subject, observation, node or state; a result loaded without its model; or a moment
            at which a draw leaves nothing to the named motivations.
    """
    model, _ = found.needs()
    at, subject = chosen(found, at, subject)
    theta, named, left = given_named(found, model, subject, at)
    with torch.no_grad():
        each = by_shares(Behaviour(model), theta, named, found.about["reading"], event, context)
    draws, weights = each.expand(len(named)).numpy(), (left / left.sum()).numpy()
    mean = float(draws @ weights)
    low, high = (quantile(draws, weights, level) for level in BAND)
    none = float(found.smoothed.sel(subject=subject, moment=at, motivation="none_of_these"))
    return Forecast(
        subject=subject,
        at=at,
        event=event if isinstance(event, str) else _words(event),
        context=described(model, context),
        mean=mean,
        low=low,
        high=high,
        none_of_these=none,
        predicted=bool(found.data["predicted"].sel(moment=at)),
        draws=draws,
        reading=found.about["reading"],
        without_rows=found.without_rows(at).forecast(event, context, 0),
    )


def apart(
    found: Labelled, training: Where = None, deployment: Where = None, at: str | None = None, subject: str | None = None
) -> Divergence:
    """As `OverTime.divergence`."""
    model, _ = found.needs()
    at, subject = chosen(found, at, subject)
    theta, named, _ = given_named(found, model, subject, at)
    with torch.no_grad():
        return divergence(Kept(model), theta, named, training, deployment)


def given_named(found: Labelled, model: Model, subject: str, at: str) -> tuple[Theta, torch.Tensor, torch.Tensor]:
    """Parameters, P(motivation | named) [draw, m], and what each draw leaves to the named, [draw].

    A draw that leaves them nothing is left out.

    Raises:
        SpecError: no draw leaves them anything.
    """
    values = found.draws["smoothed_probability"].sel(subject=subject, moment=at).values[0]
    named = torch.from_numpy(values[:, :-1].copy())
    left = named.sum(-1)
    some = left > 0
    if not bool(some.any()):
        raise SpecError(f"at {at} none_of_these has probability 1: no named motivation is left to forecast by")
    every = parameters(found, model, subject, at).values
    kept = {name: value[some] if len(value) == len(some) else value for name, value in every.items()}
    return Theta(kept), named[some] / left[some, None], left[some]


def chosen(found: Labelled, at: str | None, subject: str | None) -> tuple[str, str]:
    """A moment and a subject of a result; the last moment and the first subject when absent."""
    at, subject = at or found.moments[-1], subject or found.subjects[0]
    if at not in found.moments:
        raise SpecError(f"{at!r} was not asked about; the moments are {list(found.moments)}: name it in `at`")
    if subject not in found.subjects:
        raise SpecError(f"{subject!r} is not a subject of this result; it has {list(found.subjects)}")
    return at, subject


def parameters(found: Labelled, model: Model, subject: str, at: str) -> Theta:
    """The parameters behind the draws of a subject at a moment; those that are certain as the model has them."""
    own = found.draws_at(at).sel(subject=subject)
    drawn = {n: torch.from_numpy(own[n].values[0].copy()) for n in found.about["subjects"][subject]["parameters"]}
    return Theta({**central(model).values, **drawn})


def _words(event: Event) -> str:
    return ", ".join(f"{n} in {{{', '.join(states)}}}" for n, states in event.items())


def quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    """The least value with so much weight at or below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order[min(int(np.searchsorted(below, level * below[-1] - 1e-12)), len(values) - 1)]])
