"""The value of a quantity in a model, at one or many settings of its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from bsm.claims.episodes import posterior_of_rows, probability
from bsm.claims.quantities import Group, Quantity
from bsm.motives.compile import Behaviour
from bsm.motives.course import Course, Timeline, course
from bsm.motives.families import closeness_of, placement
from bsm.motives.fitness import Fitness, of_behaviour
from bsm.motives.fittest import fittest
from bsm.motives.prior import log_prior
from bsm.motives.situations import seen, situations
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, SpecError

TIE = 1e-9  # relative; greedy fitness this close to the best is tied
Value = float | str | tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """Where a claim is checked: an overlay, and parameters held at numbers."""

    overlay: str | None = None
    held: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [self.overlay] if self.overlay else []
        return ", ".join([*parts, *(f"{name} {value:g}" for name, value in self.held.items())])


class Answers:
    """Answers questions about one model; behaviour is compiled once per overlay and kept.

    Parameters that nothing holds are at their value, uncertain ones at their prior median.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._models: dict[str | None, Model] = {}
        self._behaviours: dict[str | None, Behaviour] = {}
        self._timelines: dict[str | None, Timeline] = {}
        self._shares: dict[tuple, Tensor] = {}
        self._fitness: dict[tuple, Fitness] = {}
        self._posteriors: dict[tuple, Tensor] = {}

    def value(self, quantity: Quantity, setting: Setting | None = None) -> Value:
        """The quantity at one setting.

        Raises:
            SpecError: the quantity does not exist there; the place in the file is named.
        """
        setting = setting or Setting()
        try:
            return self._value(quantity, setting)
        except SpecError as error:
            raise SpecError(f"{quantity.where}: {error}") from error

    def number(self, quantity: Quantity, setting: Setting | None = None) -> float:
        """A quantity that is a number."""
        value = self.value(quantity, setting)
        if not isinstance(value, float):
            raise SpecError(f"{quantity.where}: {quantity} is {value!r}; a quantity that is a number is needed here")
        return value

    def line(self, quantity: Quantity, settings: Sequence[Setting]) -> list[float]:
        """The quantity at several settings; fitness is computed for all of them at once."""
        self._prepare(quantity, settings)
        return [self.number(quantity, setting) for setting in settings]

    def _prepare(self, q: Quantity, settings: Sequence[Setting]) -> None:
        for part in q.parts:
            self._prepare(part, settings)
        if q.kind not in _GREEDY and q.kind not in _SHARES:
            return
        by_overlay: dict[str | None, list[dict[str, float]]] = {}
        for setting in settings:
            by_overlay.setdefault(q.overlay or setting.overlay, []).append({**setting.held, **q.held})
        for overlay, held in by_overlay.items():
            if q.kind in _SHARES:
                self._fill_shares(overlay, held)
            else:
                self._fill(overlay, held, _GREEDY[q.kind])

    def model_of(self, overlay: str | None) -> Model:
        """The model with an overlay."""
        if overlay not in self._models:
            self._models[overlay] = self.model.with_overlay(overlay)
        return self._models[overlay]

    def log_posterior(
        self, overlay: str | None, held: Mapping[str, float], rows: Sequence[Mapping[str, str]]
    ) -> Tensor:
        """log P(m | rows, selection), [1, motivation], kept for the next question about the same rows."""
        key = (overlay, tuple(sorted(held.items())), tuple(tuple(row.items()) for row in rows))
        if key not in self._posteriors:
            self._posteriors[key] = posterior_of_rows(self.model_of(overlay), held, rows)
        return self._posteriors[key]

    # --- one quantity -----------------------------------------------------------------------------------

    def _value(self, q: Quantity, setting: Setting) -> Value:
        if q.kind == "number":
            return q.number
        if q.kind == "difference":
            first, second = (self.number(part, setting) for part in q.parts)
            return first - second
        here = _Here(self, q.overlay or setting.overlay, {**setting.held, **q.held})
        return _ANSWER[q.kind](here, q)

    def behaviour(self, overlay: str | None) -> Behaviour:
        """Compiled behaviour, outside all phases."""
        if overlay not in self._behaviours:
            self._behaviours[overlay] = Behaviour(self.model_of(overlay))
        return self._behaviours[overlay]

    def fitness(self, overlay: str | None, held: Mapping[str, float], greedy: bool) -> Fitness:
        """Fitness of every motivation, kept for the next question at the same setting."""
        self._fill(overlay, [held], greedy)
        return self._fitness[_key(overlay, held, greedy)]

    def log_shares(self, overlay: str | None, held: Mapping[str, float]) -> Tensor:
        """log share of influence now, [1, motivation], kept for the next question at the same setting."""
        self._fill_shares(overlay, [held])
        return self._shares[_key(overlay, held)]

    def _fill_shares(self, overlay: str | None, points: Sequence[Mapping[str, float]]) -> None:
        """Compute shares at those points that are not known yet, as so many parameter draws."""
        if not (missing := [held for held in points if _key(overlay, held) not in self._shares]):
            return
        if overlay not in self._timelines:
            self._timelines[overlay] = Timeline(self.model_of(overlay))
        timeline = self._timelines[overlay]
        theta = _side_by_side([_theta(timeline.model, held) for held in missing])
        found = Course(timeline, theta, timeline.stages(theta)).log_shares()
        for held, row in zip(missing, found.expand(len(missing), -1), strict=True):
            self._shares[_key(overlay, held)] = row[None]

    def _fill(self, overlay: str | None, points: Sequence[Mapping[str, float]], greedy: bool) -> None:
        """Compute fitness at those points that are not known yet, as so many parameter draws."""
        missing = [held for held in points if _key(overlay, held, greedy) not in self._fitness]
        if not missing:
            return
        behaviour = self.behaviour(overlay)
        found = of_behaviour(behaviour, _side_by_side([_theta(behaviour.model, held) for held in missing]), greedy)
        for i, held in enumerate(missing):
            overall, base = (v.expand(len(missing), *v.shape[1:])[i : i + 1] for v in (found.overall, found.base))
            by_context = found.by_context.expand(len(missing), -1, -1)[i : i + 1]
            self._fitness[_key(overlay, held, greedy)] = replace(
                found, overall=overall, base=base, by_context=by_context
            )


def _key(overlay: str | None, held: Mapping[str, float], greedy: bool = False) -> tuple:
    return (overlay, tuple(sorted(held.items())), greedy)


@dataclass(frozen=True)
class _Here:
    """One overlay and one value per parameter."""

    answers: Answers
    overlay: str | None
    held: Mapping[str, float]

    @property
    def model(self) -> Model:
        return self.answers.model_of(self.overlay)

    @property
    def theta(self) -> Theta:
        return _theta(self.model, self.held)

    def fitness(self, greedy: bool = False) -> Fitness:
        return self.answers.fitness(self.overlay, self.held, greedy)

    def members(self, group: Group) -> list[str]:
        """The motivations of a group, in the model's order."""
        if group.family is None:
            return [m for m in self.model.motivations if m in group.names]
        found = [m for m in self.model.motivations if placement(self.model, m, self.theta).family == group.family]
        if not found:
            raise SpecError(f"{self.model.name} has no {group.family} here; name motivations instead")
        return found

    def log_sum(self, log_weights: Tensor, group: Group) -> float:
        """log of the summed weights of a group; `log_weights` [1, motivation]."""
        order = list(self.model.motivations)
        return float(torch.logsumexp(log_weights[0, [order.index(m) for m in self.members(group)]], dim=-1))

    def log_prior(self) -> Tensor:
        return log_prior(self.model, self.theta)

    def log_share(self) -> Tensor:
        return self.answers.log_shares(self.overlay, self.held)

    def log_posterior(self, rows: Sequence[Mapping[str, str]]) -> Tensor:
        """log P(m | rows, selection), [1, motivation]; what is short of one is none_of_these."""
        return self.answers.log_posterior(self.overlay, self.held, rows)

    def one(self, q: Quantity) -> str:
        """The single motivation that the quantity is of."""
        if len(members := self.members(q.of)) != 1:
            raise SpecError(f"{q.kind} is of one motivation; {q.of} is {len(members)}")
        return members[0]


def _theta(model: Model, held: Mapping[str, float]) -> Theta:
    for name in held:
        if name not in model.parameters:
            raise SpecError(f"{name!r} is not a parameter here; it comes with an overlay that is not applied")
    return central(model).replaced({name: torch.tensor([v], dtype=torch.float64) for name, v in held.items()})


def _side_by_side(thetas: Sequence[Theta]) -> Theta:
    """One draw per setting; a parameter that is the same in all stays one number, which is cheaper."""
    values = {}
    for name in thetas[0].values:
        every = torch.cat([theta.values[name] for theta in thetas])
        values[name] = every[:1] if bool((every == every[0]).all()) else every
    return Theta(values)


# --- the kinds -------------------------------------------------------------------------------------------


def _relative_fitness(here: _Here, q: Quantity) -> float:
    return here.fitness()[here.one(q)] / float(here.fitness().overall.amax())


def _unit(here: _Here, q: Quantity) -> float:
    motivation = here.model.motivations[here.one(q)]
    return float(here.answers.behaviour(here.overlay).unit(motivation, here.theta)[0])


def _distance(here: _Here, q: Quantity) -> float:
    motivation = here.model.motivations[here.one(q)]
    behaviour = here.answers.behaviour(here.overlay)
    found = [d for seeks in motivation.seeks if (d := behaviour.distance(motivation, seeks)) is not None]
    if not found:
        raise SpecError(f"no action leads to what {motivation.name} seeks, so there is no distance")
    return float(min(found))


def _closeness(here: _Here, q: Quantity) -> float:
    found = closeness_of(here.model, here.model.motivations[here.one(q)].seeks, here.theta)
    if found is None:
        raise SpecError(f"{here.one(q)} does not seek something upstream of influence, so it has no closeness")
    return found


def _policy(here: _Here, q: Quantity) -> float:
    behaviour, model = here.answers.behaviour(here.overlay), here.model
    names = seen(model)
    at = tuple(q.given.get(n) or model.nodes[n].default or "" for n in names)
    chosen = situations(model, names, [at])
    log_policy = behaviour.log_policy(here.one(q), here.theta, chosen)[0, 0]
    wanted = [i for i, joint in enumerate(behaviour.joint_actions) if q.state in joint]
    if not wanted:
        raise SpecError(f"no action has a state {q.state!r}")
    return float(log_policy[wanted].exp().sum())


def _distance_from_prior(here: _Here, q: Quantity) -> float:
    log_share = here.log_share()
    return float((log_share.exp() * (log_share - here.log_prior())).sum())


def _term_weight(here: _Here, q: Quantity) -> float:
    """|nats of the term| over the sum of |nats| of all that made the log share odds of two, term by term.

    A term of the prior is taken over all phases, and so is selection; each gate and drift are their own.
    """
    order = list(here.model.motivations)
    a, b = (order.index(here.one(Quantity(q.kind, q.where, of=g))) for g in (q.of, q.against))
    nats: dict[str, float] = {}
    for name, part in course(here.model, here.theta).contributions().items():
        head, _, label = name.partition(": ")
        label = label if label == "selection" or head == "prior" or _presses(here.model, label) else name
        nats[label] = nats.get(label, 0.0) + float(part[0, a] - part[0, b])
    total = sum(abs(value) for value in nats.values())
    return abs(nats.get(q.term, 0.0)) / total if total else 0.0


def _presses(model: Model, name: str) -> bool:
    return any(t.name == name and t.acts == "per_step" for t in model.prior.terms)


def _greedy_tie(here: _Here, q: Quantity) -> tuple[str, ...]:
    found = here.fitness(greedy=True).overall[0]
    best = float(found.max())
    return tuple(m for m, f in zip(here.model.motivations, found.tolist(), strict=True) if f >= best * (1 - TIE))


def _fittest(here: _Here, q: Quantity) -> tuple[str, ...]:
    model = here.answers.model.with_parameters(here.held) if here.held else here.answers.model
    tied = fittest(model, overlay=here.overlay).tied
    return tuple(dict.fromkeys(str(candidate) for candidate in tied if len(candidate.seeks) == 1))


def _probability(here: _Here, q: Quantity) -> float:
    return probability(here.model, here.held, q.target, q.state, q.given, q.do)


_ANSWER: dict[str, Callable[[_Here, Quantity], Value]] = {
    "fitness": lambda here, q: here.fitness()[here.one(q)],
    "greedy_fitness": lambda here, q: here.fitness(greedy=True)[here.one(q)],
    "relative_fitness": _relative_fitness,
    "base_fitness": lambda here, q: float(here.fitness().base.mean()),
    "unit": _unit,
    "distance": _distance,
    "closeness": _closeness,
    "family": lambda here, q: str(placement(here.model, here.one(q), here.theta).family),
    "policy": _policy,
    "prior": lambda here, q: math.exp(here.log_sum(here.log_prior(), q.of)),
    "share": lambda here, q: math.exp(here.log_sum(here.log_share(), q.of)),
    "posterior": lambda here, q: math.exp(here.log_sum(here.log_posterior(q.rows), q.of)),
    "log_prior_odds": lambda here, q: _odds(here, here.log_prior(), q),
    "log_share_odds": lambda here, q: _odds(here, here.log_share(), q),
    "log_posterior_odds": lambda here, q: _odds(here, here.log_posterior(q.rows), q),
    "distance_from_prior": _distance_from_prior,
    "term_weight": _term_weight,
    "greedy_tie": _greedy_tie,
    "fittest": _fittest,
    "probability": _probability,
}


_GREEDY = {  # kinds that read fitness -> whether of greedy policies
    "fitness": False,
    "base_fitness": False,
    "relative_fitness": False,
    "greedy_fitness": True,
}
_SHARES = ("share", "log_share_odds", "distance_from_prior")


def _odds(here: _Here, log_weights: Tensor, q: Quantity) -> float:
    return here.log_sum(log_weights, q.of) - here.log_sum(log_weights, q.against)
