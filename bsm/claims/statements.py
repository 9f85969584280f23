"""What a claim may state, and how far it holds: monotone, ordering, equality, independence.

Every statement gives back a `Holding`: whether it holds, and by how much. Positive is room to spare, in the
units of the quantity: the smallest step of a monotone line, the smallest gap of an ordering, what is left of
the tolerance in an equality, the distance of a conditional mutual information from its bound.

`least` is the size of an effect that counts: what rises, falls or stands above does so by more. `tolerance` is the
slack of what may be equal: not_up, not_down, ">=" and equality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from bsm.claims.answers import Answers, Setting
from bsm.claims.holding import Holding, beside
from bsm.claims.independence import AT, EXPLORED, GATE, SELECTED, Independence, Steps
from bsm.claims.quantities import Quantity, read_quantity
from bsm.claims.reading import Part
from bsm.spec.problems import near

TOLERANCE = 1e-9
FEWEST_VALUES = 5


@dataclass(frozen=True)
class Monotone:
    """The quantities move one way as a parameter rises, at every setting."""

    quantities: tuple[Quantity, ...]
    parameter: str
    values: tuple[float, ...]
    direction: str  # up, down: by more than `room` at every step; not_up, not_down: by no more the other way
    room: float
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
        where = f"{quantity}, {between}{beside(setting)}"
        return Holding(step > self.room if strict else step >= -self.room, step, where)


@dataclass(frozen=True)
class Ordering:
    """Each quantity is above the next one, at every setting."""

    quantities: tuple[Quantity, ...]
    strict: bool
    room: float  # strict: by more than this; else by no more the other way
    at: tuple[Setting, ...]

    def check(self, answers: Answers) -> Holding:
        found = []
        for setting in self.at:
            numbers = [answers.number(q, setting) for q in self.quantities]
            for (upper, lower), (a, b) in zip(pairwise(self.quantities), pairwise(numbers), strict=True):
                holds = a - b > self.room if self.strict else a - b >= -self.room
                relation = ">" if self.strict else ">="
                found.append(Holding(holds, a - b, f"{upper} {relation} {lower}{beside(setting)}"))
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
                where = f"{first} = {second}, off by {off:.1g}{beside(setting)}"
                found.append(Holding(off <= self.tolerance, self.tolerance - off, where))
        return min(found, key=lambda holding: (holding.holds, holding.by))


Statement = Monotone | Ordering | Equality | Independence


# --- reading ---------------------------------------------------------------------------------------------


def read_monotone(part: Part) -> Monotone:
    """{quantity, lever: {parameter: NAME}, values: [at least five], direction, least or tolerance, at}."""
    given = part.mapping(["quantity", "lever", "values", "direction"], ["least", "tolerance", "at"])
    lever = given["lever"].mapping(["parameter"])["parameter"]
    parameter = lever.text(part.names.supports)
    values = tuple(value.value_of(parameter) for value in given["values"].items())
    if len(values) < FEWEST_VALUES:
        given["values"].refuse(f"{len(values)} values are given; at least {FEWEST_VALUES} are needed to see a shape")
    if any(after <= before for before, after in pairwise(values)):
        given["values"].refuse("the values do not rise; list them from low to high, each once")
    direction = given["direction"].text(("up", "down", "not_up", "not_down"))
    return Monotone(
        tuple(read_quantity(q) for q in given["quantity"].one_or_more()),
        parameter,
        values,
        direction,
        _room(given, direction, direction in ("up", "down")),
        _settings(given),
    )


def read_ordering(part: Part) -> Ordering:
    """{quantities: [highest first], relation: ">" or ">=", least or tolerance, at}."""
    given = part.mapping(["quantities"], ["relation", "least", "tolerance", "at"])
    relation = given["relation"].text((">", ">=")) if "relation" in given else ">"
    return Ordering(
        _several(given["quantities"]), relation == ">", _room(given, relation, relation == ">"), _settings(given)
    )


def read_equality(part: Part) -> Equality:
    """{quantities: [...], tolerance, at}."""
    given = part.mapping(["quantities"], ["tolerance", "at"])
    return Equality(_several(given["quantities"]), _size(given, "tolerance"), _settings(given))


def read_independence(part: Part) -> Independence:
    """{a, b, given: [nodes], holds: true or false, at, steps: a number, or {phase: number}}."""
    given = part.mapping(["a", "b", "holds"], ["given", "at", "steps"])
    steps = _steps(given["steps"]) if "steps" in given else None
    read = _node if steps is None else _node_at
    conditions = tuple(read(p) for p in given["given"].one_or_more()) if "given" in given else ()
    a, b = read(given["a"]), read(given["b"])
    if len({a, b, *conditions}) < 2 + len(conditions):
        part.refuse("a node stands in two places; a, b and given must be different nodes")
    return Independence(a, b, conditions, given["holds"].truth(), _settings(given), steps, part.where)


def _node(part: Part) -> str:
    if isinstance(part.data, str) and AT.fullmatch(part.data) and part.data not in part.names.nodes:
        part.refuse(f"{part.data!r} is given; a node with a time needs `steps`, over which the model is unrolled")
    return part.node()


def _node_at(part: Part) -> str:
    """A name with a time; whether there is such a time is seen where the model is unrolled."""
    text, known = part.text(), {*part.names.nodes, SELECTED, EXPLORED}
    found = AT.fullmatch(text)
    if found is None:
        part.refuse(f"{text!r} is given; with `steps` a node carries its time, as in {text}__t0")
    if found[1] not in known and not found[1].startswith(GATE):
        part.refuse(f"{text!r} is given; there is no node {found[1]!r}{near(found[1], known)}")
    return text


def _steps(part: Part) -> Steps:
    if not isinstance(part.data, dict):
        return _whole(part)
    for name, number in part.pairs().items():
        if name not in part.names.phases:
            number.refuse(f"no such phase{near(name, part.names.phases)}")
    return {name: _whole(number) for name, number in part.pairs().items()}


def _whole(part: Part) -> int:
    if (value := part.number()) != round(value) or value < 0:
        part.refuse(f"{value:g} is given; a whole number of selections, at least 0, is accepted")
    return int(value)


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


def _room(given: dict[str, Part], relation: str, strict: bool) -> float:
    """The least effect of what is strict, the slack of what is not."""
    key, other = ("least", "tolerance") if strict else ("tolerance", "least")
    if other in given:
        meaning = "the size above which an effect counts" if strict else "how far off is still equal"
        given[other].refuse(f"{other} is given beside {relation}; there {key}, {meaning}, is accepted; rename it")
    return _size(given, key)


def _size(given: dict[str, Part], key: str) -> float:
    if key not in given:
        return TOLERANCE
    if (value := given[key].number()) < 0:
        given[key].refuse(f"{value:g} is given; {key} is zero or more")
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
