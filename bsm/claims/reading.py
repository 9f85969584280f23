"""Reads claims.yaml and reference.yaml strictly: every mistake is an error with file, line and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bsm.graph import Role
from bsm.motives.course import START
from bsm.motives.network import MOTIVATION
from bsm.spec.model import Model, SpecError
from bsm.spec.problems import Place, Problems, listed, near, shorten
from bsm.spec.quantities import SUPPORTS, QuantityError, Support, fit, number
from bsm.spec.yaml_text import read_file


@dataclass(frozen=True)
class Names:
    """What a model defines, with all its overlays, so that a name can be checked where it is read."""

    motivations: frozenset[str]
    nodes: Mapping[str, frozenset[str]]  # node -> states, in any overlay; and the root `motivation`
    supports: Mapping[str, Support]  # parameter -> support
    overlays: frozenset[str]
    terms: frozenset[str]
    phases: tuple[str, ...]
    gates: frozenset[str]

    @classmethod
    def of(cls, model: Model) -> Names:
        every = [model, *(model.with_overlay(name) for name in model.overlays)]
        nodes: dict[str, frozenset[str]] = {}
        for m in every:
            for name, node in m.nodes.items():
                nodes[name] = nodes.get(name, frozenset()) | frozenset(node.states)
        motivations = frozenset(name for m in every for name in m.motivations)
        nodes[MOTIVATION] = motivations
        nodes.setdefault(str(Role.INFLUENCE), nodes[model.graph.influence])
        return cls(
            motivations,
            nodes,
            {n: _support(p.support) for m in every for n, p in m.parameters.items()},
            frozenset(model.overlays),
            frozenset(term.name for term in model.prior.terms),
            tuple(phase.name for phase in model.phases),
            frozenset(gate.name for m in every for phase in m.phases for gate in phase.gates),
        )


def _support(name: str) -> Support:
    return next(s for s in SUPPORTS if s == name)


@dataclass(frozen=True)
class Part:
    """One piece of a file and where it stands; reading a wrong kind of piece raises a located error."""

    data: object
    place: Place
    problems: Problems
    names: Names

    @property
    def where(self) -> str:
        """file:line, for messages that come later."""
        return self.problems.at(self.place)

    def refuse(self, message: str) -> NoReturn:
        """Stop with a located message: what was given; what is accepted; remedy."""
        self.problems.add(self.place, message)
        self.problems.stop()
        raise AssertionError("a problem was just added")

    def _sub(self, key: str | int, data: object) -> Part:
        return Part(data, (*self.place, key), self.problems, self.names)

    def mapping(self, required: Iterable[str] = (), optional: Iterable[str] = ()) -> dict[str, Part]:
        """The parts of a mapping with these keys."""
        required, allowed = list(required), [*required, *optional]
        if not isinstance(self.data, dict):
            self.refuse(f"{shorten(self.data)} is given; a mapping with {listed(allowed)} is accepted")
        for key in self.data:
            if key not in allowed:
                self._sub(key, None).refuse(f"unknown key; accepted are {listed(allowed, 20)}{near(key, allowed)}")
        for key in required:
            if key not in self.data:
                self.refuse(f"{key!r} is missing; add it")
        return {key: self._sub(key, value) for key, value in self.data.items()}

    def pairs(self) -> dict[str, Part]:
        """The parts of a mapping with any keys."""
        if not isinstance(self.data, dict):
            self.refuse(f"{shorten(self.data)} is given; a mapping is accepted")
        return {key: self._sub(key, value) for key, value in self.data.items()}

    def items(self) -> list[Part]:
        """The parts of a list."""
        if not isinstance(self.data, list):
            self.refuse(f"{shorten(self.data)} is given; a list is accepted")
        return [self._sub(i, value) for i, value in enumerate(self.data)]

    def one_or_more(self) -> list[Part]:
        """The parts of a list, or the one thing given in place of it."""
        return self.items() if isinstance(self.data, list) else [self]

    def text(self, accepted: Iterable[str] | None = None) -> str:
        """A word or sentence, one of `accepted` if that is given."""
        if not isinstance(self.data, str) or not self.data.strip():
            self.refuse(f"{shorten(self.data)} is given; text is accepted")
        if accepted is not None and self.data not in (known := sorted(accepted)):
            self.refuse(f"{shorten(self.data)} is given; accepted are {listed(known, 30)}{near(self.data, known)}")
        return self.data

    def number(self) -> float:
        """A finite number."""
        if (value := number(self.data)) is None:
            self.refuse(f"{shorten(self.data)} is given; a finite number is accepted")
        return value

    def truth(self) -> bool:
        """true or false."""
        return self.text(("true", "false")) == "true"

    def motivation(self) -> str:
        return self.text(self.names.motivations)

    def node(self) -> str:
        return self.text(self.names.nodes)

    def overlay(self) -> str:
        return self.text(self.names.overlays)

    def moment(self) -> str:
        """A moment: start, a phase, or PHASE:STEP; whether the phase is so long is seen where it is asked."""
        text, phases = self.text(), self.names.phases
        name, colon, step = text.rpartition(":")
        if text == START or text in phases:
            return text
        if not colon or name not in phases:
            wrong = name or text
            self.refuse(
                f"{shorten(text)} is given; {START}, a phase or PHASE:STEP is accepted, the phases are "
                f"{listed(phases, 20)}{near(wrong, phases)}"
            )
        if (value := number(step)) is None or value < 0:
            self.refuse(f"{shorten(text)} is given; after the colon a number of selections, at least 0, is accepted")
        return text

    def states(self) -> dict[str, str]:
        """Nodes and the state each is in."""
        found = {}
        for name, part in self.pairs().items():
            if name not in self.names.nodes:
                part.refuse(f"no such node{near(name, self.names.nodes)}")
            found[name] = part.text(self.names.nodes[name])
        return found

    def held(self) -> dict[str, float]:
        """Parameters held at numbers, each within its own range."""
        return {name: part.value_of(name) for name, part in self.pairs().items()}

    def value_of(self, parameter: str) -> float:
        """A number that this parameter may have."""
        known = self.names.supports
        if parameter not in known:
            self.refuse(f"no such parameter; the model has {listed(sorted(known), 30)}{near(parameter, known)}")
        value = self.number()
        try:
            fit(value, known[parameter])
        except QuantityError as error:
            self.refuse(str(error))
        return value


def read_list(path: Path, model: Model) -> list[Part]:
    """The entries of a file that is one list."""
    text = read_file(path)
    return Part(text.data, (), Problems(str(path), text.lines), Names.of(model)).items()


__all__ = ["Names", "Part", "SpecError", "read_list"]
