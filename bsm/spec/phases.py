"""Phases of selection as written, checked against the graph and the motivations that they select among."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bsm.graph import Role
from bsm.spec.conditions import Condition, event_of, states_of
from bsm.spec.gates import read_drift, read_gates
from bsm.spec.mechanisms import Tables
from bsm.spec.model import Node, Number, Phase
from bsm.spec.parameters import Numbers, Passport, provenance
from bsm.spec.phase_document import PhaseDocument
from bsm.spec.problems import Place, Problems, listed, near, shorten
from bsm.spec.quantities import number

RESERVED = ("start", "now")  # moments that every model has
LONGEST_NAME = 80
SET_BY = "contexts are set by `contexts`, levers by `levers`"


@dataclass(frozen=True)
class Phases:
    """Reads phases in one graph.

    `motivations` may drift into one another; a gate that states its detection does so for `every` motivation of
    the file, those that overlays add included.
    """

    numbers: Numbers
    nodes: Mapping[str, Node]
    motivations: Collection[str]
    every: Collection[str]

    @property
    def problems(self) -> Problems:
        return self.numbers.problems

    def read(self, documents: Sequence[PhaseDocument], place: Place) -> tuple[Phase, ...]:
        """The phases in their order, which is that of time; names differ."""
        first: dict[str, Place] = {}
        for i, document in enumerate(documents):
            here = (*place, i)
            self._check_name(document.name, (*here, "name"))
            if document.name in first:
                self.problems.add(
                    (*here, "name"),
                    f"a second phase {shorten(document.name)} is given, the first at "
                    f"{self.problems.line(first[document.name])}; names differ, the ledger uses them; rename it",
                )
            first.setdefault(document.name, here)
        return tuple(self.phase(document, (*place, i)) for i, document in enumerate(documents))

    def phase(self, document: PhaseDocument, place: Place) -> Phase:
        """One phase; its context frequencies are plain numbers."""
        passport = Passport(provenance(document), place)
        unexplored = tuple(
            self._joint_action(raw, (*place, "unexplored", i)) for i, raw in enumerate(document.unexplored)
        )
        return Phase(
            name=document.name,
            kind=document.kind,
            selections=self.numbers.number(document.selections, "positive", (*place, "selections"), passport),
            eta=self.numbers.number(document.eta, "positive", (*place, "eta"), passport),
            dynamics=document.dynamics,
            contexts=self._contexts(document, place, passport),
            levers=self._levers(document, place),
            selected=event_of(document.selected, self.nodes, (*place, "selected"), self.problems, SET_BY),
            unexplored=unexplored,
            exploration=self._exploration(document, place, passport),
            gates=read_gates(document.gates, place, self.nodes, self.every, self.numbers, passport),
            drift=read_drift(document.drift, place, self.motivations, self.numbers, passport),
            rl_steps=document.rl_steps,
            about=document.about or "",
            provenance=passport.provenance,
        )

    def _check_name(self, name: str, place: Place) -> None:
        if not name.strip():
            self.problems.add(place, "an empty name is given; a phase has a name; write one")
        elif name in RESERVED:
            self.problems.add(place, f"{shorten(name)} is given; the name is reserved for a moment; rename the phase")
        elif ":" in name or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
            self.problems.add(
                place,
                f"{shorten(name)} is given; up to {LONGEST_NAME} characters of one line are accepted, without `:` "
                "(a moment is written phase:step) and without blanks at its ends; rename the phase",
            )

    def _contexts(self, document: PhaseDocument, place: Place, passport: Passport) -> dict[str, tuple[Number, ...]]:
        roots = [n for n, node in self.nodes.items() if node.role is Role.CONTEXT and not node.parents]
        tables = Tables(self.problems, self.numbers, self.nodes)
        found: dict[str, tuple[Number, ...]] = {}
        for name, raw in document.contexts.items():
            here = (*place, "contexts", name)
            if name in document.levers:
                self.problems.add(here, f"{name} is given under `levers` too; it is one or the other; keep one")
            elif name not in roots:
                lever = name in self.nodes and self.nodes[name].role is Role.LEVER
                self.problems.add(
                    here,
                    f"{shorten(name)} is given; contexts without parents are accepted: {listed(roots)}"
                    + (f"; {name} is a lever, give its state under `levers`" if lever else near(name, roots)),
                )
            else:
                row = tables.probabilities(raw, self.nodes[name], here, passport)
                if isinstance(row, tuple) and all(isinstance(p, float) for p in row):
                    found[name] = row
                else:
                    states = listed(self.nodes[name].states)
                    self.problems.add(here, f"{shorten(raw)} is given; plain numbers over {states} are accepted")
        return found

    def _levers(self, document: PhaseDocument, place: Place) -> dict[str, str]:
        levers = [n for n, node in self.nodes.items() if node.role is Role.LEVER]
        for name, state in document.levers.items():
            here = (*place, "levers", name)
            if name in levers:
                states_of(state, self.nodes[name], here, self.problems)
            elif name not in document.contexts:
                context = name in self.nodes and self.nodes[name].role is Role.CONTEXT
                self.problems.add(
                    here,
                    f"{shorten(name)} is given; the levers are {listed(levers)}"
                    + (f"; {name} is a context, give its frequencies under `contexts`" * context or near(name, levers)),
                )
        return {name: state for name, state in document.levers.items() if name in levers}

    def _joint_action(self, raw: Mapping[str, object], place: Place) -> Condition:
        actions = [n for n, node in self.nodes.items() if node.role is Role.ACTION]
        if not raw:
            self.problems.add(place, f"an empty mapping is given; name states of the actions {listed(actions)}")
        for name in raw:
            if name in self.nodes and name not in actions:
                self.problems.add(
                    (*place, name),
                    f"the {self.nodes[name].role} {name} is given; exploring is about actions: {listed(actions)}; "
                    "name what was not tried",
                )
        known = {name: given for name, given in raw.items() if name in actions or name not in self.nodes}
        return event_of(known, {n: self.nodes[n] for n in actions}, place, self.problems, SET_BY)

    def _exploration(self, document: PhaseDocument, place: Place, passport: Passport) -> Number:
        if document.exploration is None:
            return 0.0
        if not document.unexplored:
            self.problems.add(
                (*place, "exploration"),
                "exploration is given, and nothing is unexplored; list actions under `unexplored`, or remove it",
            )
        return self.numbers.number(document.exploration, "probability", (*place, "exploration"), passport)


def check_votes(reading: str, documents: Sequence[PhaseDocument], place: Place, problems: Problems) -> None:
    """The vote policy is trained by its gradient alone; a phase without selections has no dynamics."""
    for i, document in enumerate(documents if reading == "votes" else []):
        if document.dynamics != "softmax_pg" and number(document.selections) != 0:
            problems.add(
                (*place, i, "dynamics"),
                f"{document.dynamics} is given, and the reading is votes; votes are shares of one policy, which "
                "softmax_pg trains; write `dynamics: softmax_pg`, or choose another reading",
            )
