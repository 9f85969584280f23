"""What made the odds between motivations what they are: by phase, and by the levers of each phase, summing exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bsm.inference.ask import weighted_interval
from bsm.motives.course import At, course, moment
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, SpecError

if TYPE_CHECKING:
    import pandas as pd

MOST_EXACT = 8  # levers up to which every order of setting them is averaged over: 2^8 courses
IN_ORDER = "each lever set after those before it, in the order of the file"
AVERAGED = "the mean over all orders of setting them (Shapley value)"

Lever = tuple[int, str]  # position of a phase, and a lever that it sets away from its default


@dataclass(frozen=True, eq=False)
class Attribution:
    """Log odds of influence against a reference motivation, split into parts that sum to them exactly.

    Attributes:
        motivations: in file order.
        reference: the motivation with which the others are compared.
        parts: name -> [draw, motivation] nats: prior terms, and per phase its selection, pressures, gates and drift,
            all with levers at their defaults; then "<phase>: lever <name>" for each lever that a phase sets.
        total: log share odds at the moment, [draw, motivation] nats.
        at, dynamics, reading: what was asked and how shares were computed.
        order: in which order levers were set, which is a choice where they interact.
    """

    motivations: tuple[str, ...]
    reference: str
    parts: Mapping[str, Tensor]
    total: Tensor
    at: str
    dynamics: str
    reading: str
    order: str

    def table(self) -> pd.DataFrame:
        """One row per part and motivation: mean over parameter draws and central 90 %, in nats; the total last."""
        import pandas as pd

        rows = []
        for part, nats in {**self.parts, "total": self.total}.items():
            weights = torch.full((len(nats),), 1 / len(nats), dtype=torch.float64)
            for i, name in enumerate(self.motivations):
                low, high = weighted_interval(nats[:, i], weights)
                rows.append((part, name, float(nats[:, i].mean()), low, high))
        return pd.DataFrame(rows, columns=["part", "motivation", "nats", "low", "high"])

    def __str__(self) -> str:
        wide = self.table().pivot(index="part", columns="motivation", values="nats")
        wide = wide.loc[[*self.parts, "total"], list(self.motivations)]
        head = f"log odds of influence against {self.reference} at {self.at}, in nats ({self.dynamics}; {self.reading})"
        return f"{head}\n{wide.to_string(float_format='{:.3f}'.format)}\nlevers: {self.order}"


def attribution(model: Model, reference: str | None = None, at: At = None, theta: Theta | None = None) -> Attribution:
    """The log odds of every motivation against a reference, by prior term, phase and lever.

    Odds are of shares of influence, without any ledger. The parts of phases are those of a course whose levers stay at
    their defaults; what a lever adds is the change of the whole log odds when its phase sets it, averaged over the
    orders in which levers can be set (over the order of the file where there are more than eight).

    Args:
        model: the model, with or without overlays.
        reference: a motivation; that of the headline, or the first, when absent.
        at: a moment, as in `bsm.motives.course.moment`; now when absent.
        theta: parameter draws; prior medians when absent.

    Raises:
        SpecError: an unknown motivation or moment, or odds that are infinite at some setting of the levers.

    Source: Shapley (1953), A value for n-person games.
    """
    theta = theta or central(model)
    names = tuple(model.motivations)
    reference = reference or (model.headline.reference if model.headline else names[0])
    if reference not in names:
        raise SpecError(f"reference {reference!r} is not a motivation of {model.name}; it has {list(names)}")
    levers = levers_set(model)
    origin = with_levers(model, levers, ())
    own = course(origin, theta)
    found = {name: _odds(part, names, reference) for name, part in own.contributions(at).items()}
    exact = len(levers) <= MOST_EXACT
    worth = {s: _log_odds(with_levers(model, levers, s), theta, at, reference) for s in _sets(levers, exact)}
    for lever in levers:
        phase = model.phases[lever[0]].name
        found[f"{phase}: lever {lever[1]}"] = _shapley(worth, levers, lever) if exact else _next(worth, levers, lever)
    total = worth[levers]
    parts = dict(zip(found, torch.broadcast_tensors(total, *found.values())[1:], strict=True))
    words = moment(model, at).words(model)
    order = "none is set away from its default" if not levers else AVERAGED if exact else IN_ORDER
    return Attribution(names, reference, _drop_empty(parts), total, words, own.dynamics, own.reading, order)


def levers_set(model: Model) -> tuple[Lever, ...]:
    """Levers that phases set to something else than their default, in the order of the file."""
    return tuple(
        (i, name)
        for i, phase in enumerate(model.phases)
        for name, state in phase.levers.items()
        if state != model.nodes[name].default
    )


def with_levers(model: Model, levers: Sequence[Lever], kept: Sequence[Lever]) -> Model:
    """The model with these levers of its phases at their defaults, but for those kept."""
    phases = list(model.phases)
    for i, name in levers:
        if (i, name) not in kept:
            default = model.nodes[name].default
            if default is None:
                raise SpecError(f"the lever {name} has no default, so what setting it adds is not defined; give it one")
            phases[i] = replace(phases[i], levers={**phases[i].levers, name: default})
    return replace(model, phases=tuple(phases))


def _sets(levers: tuple[Lever, ...], exact: bool) -> list[tuple[Lever, ...]]:
    if exact:
        return [s for size in range(len(levers) + 1) for s in combinations(levers, size)]
    return [levers[:size] for size in range(len(levers) + 1)]


def _shapley(worth: Mapping[tuple[Lever, ...], Tensor], levers: tuple[Lever, ...], lever: Lever) -> Tensor:
    count = len(levers)
    total = torch.zeros_like(worth[levers])
    for before, value in worth.items():
        if lever not in before:
            after = tuple(other for other in levers if other in before or other == lever)
            ways = factorial(len(before)) * factorial(count - len(before) - 1) / factorial(count)
            total = total + ways * (worth[after] - value)
    return total


def _next(worth: Mapping[tuple[Lever, ...], Tensor], levers: tuple[Lever, ...], lever: Lever) -> Tensor:
    place = levers.index(lever)
    return worth[levers[: place + 1]] - worth[levers[:place]]


def _log_odds(model: Model, theta: Theta, at: At, reference: str) -> Tensor:
    names = tuple(model.motivations)
    odds = _odds(course(model, theta).log_weights(at), names, reference)
    if not bool(odds.isfinite().all()):
        name = names[int((~odds.isfinite()).any(0).nonzero()[0, 0])]
        raise SpecError(
            f"the odds of {name} against {reference} are infinite or undefined in some draw: one of the two has no "
            "share left, so no finite parts sum to them; ask against another reference, or at an earlier moment"
        )
    return odds


def _odds(log_weights: Tensor, names: tuple[str, ...], reference: str) -> Tensor:
    at = names.index(reference)
    return log_weights[:, : len(names)] - log_weights[:, at : at + 1]


def _drop_empty(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without parts that are the same for all motivations in every draw, such as normalisations."""
    return {name: nats for name, nats in parts.items() if bool((nats != 0).any())}
