"""What a claim may state, and how far it holds: monotone, ordering, equality, independence.

Every statement gives back a `Holding`: whether it holds, and by how much. Positive is room to spare, in the
units of the quantity: the smallest step of a monotone line, the smallest gap of an ordering, what is left of
the tolerance in an equality, the distance of a conditional mutual information from its bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from bsm.claims.answers import Answers, Setting
from bsm.claims.quantities import Quantity, read_quantity
from bsm.claims.reading import Part
from bsm.engine import conditional
from bsm.motives.theta import central
from bsm.motives.world import World
from bsm.spec.model import Model, SpecError

TOLERANCE = 1e-9
FEWEST_VALUES = 5
INDEPENDENT = 1e-12  # nats; below it a conditional mutual information counts as zero
DEPENDENT = 1e-6  # nats; above it, as not zero


@dataclass(frozen=True, slots=True)
class Holding:
    """Whether a statement holds, by how much, and where it is tightest."""

    holds: bool
    by: float
    where: str


@dataclass(frozen=True)
class Monotone:
    """The quantities move one way as a parameter rises, at every setting."""

    quantities: tuple[Quantity, ...]
    parameter: str
    values: tuple[float, ...]
    direction: str  # up, down: by more than the tolerance; not_up, not_down: by no more the other way
    tolerance: float
    at: tuple[Setting, ...]

    def check(self, answers: Answers) -> Holding:
        found = [self._line(answers, q, setting) for setting in self.at for q in self.quantities]
        return min(found, key=lambda holding: (holding.holds, holding.by))

    def _line(self, answers: Answers, quantity: Quantity, setting: Setting) -> Holding:
        points = [replace(setting, held={**setting.held, self.parameter: v}) for v in self.values]
        line = answers.line(quantity, points)
        sign = 1 if self.direction in ("up", "not_down") else -1
        steps = [sign * (after - before) for before, after in pairwise(line)]
        least = min(range(len(steps)), key=steps.__getitem__)
        step = steps[least]
        strict = self.direction in ("up", "down")
        between = f"{self.parameter} {self.values[least]:g} to {self.values[least + 1]:g}"
        where = f"{quantity}, {between}{_beside(setting)}"
        return Holding(step > self.tolerance if strict else step >= -self.tolerance, step, where)


@dataclass(frozen=True)
class Ordering:
    """Each quantity is above the next one, at every setting."""

    quantities: tuple[Quantity, ...]
    strict: bool
    tolerance: float
    at: tuple[Setting, ...]

    def check(self, answers: Answers) -> Holding:
        found = []
        for setting in self.at:
            numbers = [answers.number(q, setting) for q in self.quantities]
            for (upper, lower), (a, b) in zip(pairwise(self.quantities), pairwise(numbers), strict=True):
                holds = a - b > self.tolerance if self.strict else a - b >= -self.tolerance
                relation = ">" if self.strict else ">="
                found.append(Holding(holds, a - b, f"{upper} {relation} {lower}{_beside(setting)}"))
        return min(found, key=lambda holding: (holding.holds, holding.by))


@dataclass(frozen=True)
class Equality:
    """All quantities are the same, at every setting."""

    quantities: tuple[Quantity, ...]
    tolerance: float
    at: tuple[Setting, ...]

    def check(self, answers: Answers) -> Holding:
        found = []
        for setting in self.at:
            numbers = [answers.number(q, setting) for q in self.quantities]
            for (first, second), (a, b) in zip(pairwise(self.quantities), pairwise(numbers), strict=True):
                off = abs(a - b)
                where = f"{first} = {second}, off by {off:.1g}{_beside(setting)}"
                found.append(Holding(off <= self.tolerance, self.tolerance - off, where))
        return min(found, key=lambda holding: (holding.holds, holding.by))


@dataclass(frozen=True)
class Independence:
    """a and b are (or are not) independent given the rest, by graph and by numbers, actions at pi_0."""

    a: str
    b: str
    given: tuple[str, ...]
    holds: bool
    at: tuple[Setting, ...]

    def check(self, answers: Answers) -> Holding:
        return min((self._at(answers, s) for s in self.at), key=lambda holding: (holding.holds, holding.by))

    def _at(self, answers: Answers, setting: Setting) -> Holding:
        model = answers.model_of(setting.overlay).with_parameters(setting.held)
        for name in (self.a, self.b, *self.given):
            if name not in model.nodes:
                raise SpecError(f"{name!r} is not a node here; it comes with an overlay that is not applied")
        separated = model.graph.separated([self.a], [self.b], self.given)
        nats = mutual_information(model, self.a, self.b, self.given)
        by = INDEPENDENT - nats if self.holds else nats - DEPENDENT
        graph = "separated" if separated else "connected"
        where = f"{graph} in the graph, mutual information {nats:.2g} nats{_beside(setting)}"
        return Holding(separated == self.holds and by > 0, by, where)


Statement = Monotone | Ordering | Equality | Independence


def mutual_information(model: Model, a: str, b: str, given: Sequence[str] = ()) -> float:
    """I(a; b | given) in nats, actions following the base policy; exact, from the joint table."""
    network = World(model).network(central(model))
    table = conditional(network, (*given, a, b), ())[0]
    joint = table.reshape(-1, *table.shape[-2:])  # [given, a, b]
    total = joint.sum((1, 2), keepdim=True)
    terms = joint * (_log(joint) + _log(total) - _log(joint.sum(2, keepdim=True)) - _log(joint.sum(1, keepdim=True)))
    return max(math.fsum(terms.reshape(-1).tolist()), 0.0)


def _log(p: Tensor) -> Tensor:
    return torch.where(p > 0, p, torch.ones_like(p)).log()


def _beside(setting: Setting) -> str:
    return f" ({setting})" if str(setting) else ""


# --- reading ---------------------------------------------------------------------------------------------


def read_monotone(part: Part) -> Monotone:
    """{quantity, lever: {parameter: NAME}, values: [at least five], direction, tolerance, at}."""
    given = part.mapping(["quantity", "lever", "values", "direction"], ["tolerance", "at"])
    lever = given["lever"].mapping(["parameter"])["parameter"]
    parameter = lever.text(part.names.supports)
    values = tuple(value.value_of(parameter) for value in given["values"].items())
    if len(values) < FEWEST_VALUES:
        given["values"].refuse(f"{len(values)} values are given; at least {FEWEST_VALUES} are needed to see a shape")
    if any(after <= before for before, after in pairwise(values)):
        given["values"].refuse("the values do not rise; list them from low to high, each once")
    return Monotone(
        tuple(read_quantity(q) for q in given["quantity"].one_or_more()),
        parameter,
        values,
        given["direction"].text(("up", "down", "not_up", "not_down")),
        _tolerance(given),
        _settings(given),
    )


def read_ordering(part: Part) -> Ordering:
    """{quantities: [highest first], relation: ">" or ">=", tolerance, at}."""
    given = part.mapping(["quantities"], ["relation", "tolerance", "at"])
    strict = "relation" not in given or given["relation"].text((">", ">=")) == ">"
    return Ordering(_several(given["quantities"]), strict, _tolerance(given), _settings(given))


def read_equality(part: Part) -> Equality:
    """{quantities: [...], tolerance, at}."""
    given = part.mapping(["quantities"], ["tolerance", "at"])
    return Equality(_several(given["quantities"]), _tolerance(given), _settings(given))


def read_independence(part: Part) -> Independence:
    """{a, b, given: [nodes], holds: true or false, at}."""
    given = part.mapping(["a", "b", "holds"], ["given", "at"])
    conditions = tuple(p.node() for p in given["given"].one_or_more()) if "given" in given else ()
    a, b = given["a"].node(), given["b"].node()
    if len({a, b, *conditions}) < 2 + len(conditions):
        part.refuse("a node stands in two places; a, b and given must be different nodes")
    return Independence(a, b, conditions, given["holds"].truth(), _settings(given))


READERS: dict[str, Callable[[Part], Statement]] = {
    "monotone": read_monotone,
    "ordering": read_ordering,
    "equality": read_equality,
    "independence": read_independence,
}


def _several(part: Part) -> tuple[Quantity, ...]:
    found = tuple(read_quantity(q) for q in part.items())
    if len(found) < 2:
        part.refuse(f"{len(found)} quantity is given; at least two are compared")
    return found


def _tolerance(given: dict[str, Part]) -> float:
    if "tolerance" not in given:
        return TOLERANCE
    if (value := given["tolerance"].number()) < 0:
        given["tolerance"].refuse(f"{value:g} is given; a tolerance is zero or more")
    return value


def _settings(given: dict[str, Part]) -> tuple[Setting, ...]:
    if "at" not in given:
        return (Setting(),)
    found = []
    for part in given["at"].one_or_more():
        keys = part.mapping((), ("overlay", "set"))
        overlay = keys["overlay"].overlay() if "overlay" in keys else None
        found.append(Setting(overlay, keys["set"].held() if "set" in keys else {}))
    return tuple(found) or (Setting(),)
