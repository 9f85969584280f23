"""Conditions on parents: which parents a table names, and in which of their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bsm.graph import Role
from bsm.spec.model import Node
from bsm.spec.problems import Place, Problems, listed, near, shorten

Condition = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Parents:
    """Checks what is said of a node's parents; `nodes` gives the states and values of every node."""

    problems: Problems
    nodes: Mapping[str, Node]

    def condition(self, raw: Mapping[str, object], node: Node, place: Place) -> Condition:
        """Parents of a node mapped to states, both checked."""
        found: dict[str, tuple[str, ...]] = {}
        for parent, given in raw.items():
            here = (*place, parent)
            if parent not in node.parents:
                known = f"; add {parent!r} to its parents" if parent in self.nodes else near(parent, node.parents)
                self.problems.add(
                    here,
                    f"{shorten(parent)} is given; the parents of {node.name} are {listed(node.parents)}{known}",
                )
            else:
                found[parent] = states_of(given, self.nodes[parent], here, self.problems)
        return found

    def numeric_parent(self, name: str, node: Node, place: Place, extra: tuple[str, ...] = ()) -> None:
        if name not in node.parents:
            accepted = (*node.parents, *extra)
            known = f"; add {name!r} to its parents" if name in self.nodes else near(name, accepted)
            self.problems.add(
                place,
                f"{shorten(name)} is given; the parents of {node.name} are {listed(node.parents)}{known}",
            )
        elif self.nodes[name].values is None:
            self.problems.add(
                place,
                f"{name} is given, whose states have no numeric values; give {name} `values`, or use `if`",
            )

    def spelt(self, node: Node, at: tuple[int, ...]) -> str:
        """A configuration of the parents as a file writes it."""
        pairs = (f"{p}: {self.nodes[p].states[k]}" for p, k in zip(node.parents, at, strict=True))
        return "{" + ", ".join(pairs) + "}"


def states_of(raw: object, node: Node, place: Place, problems: Problems) -> tuple[str, ...]:
    """One state or a list of states of a node, checked, each once."""
    given = raw if isinstance(raw, list) else [raw]
    if not given:
        problems.add(
            place,
            f"an empty list is given; one or more of {listed(node.states)} are accepted; leave the key out for any",
        )
    seen: set[str] = set()
    for i, state in enumerate(given):
        here = (*place, i) if isinstance(raw, list) else place
        if not isinstance(state, str) or state not in node.states:
            problems.add(
                here,
                f"{shorten(state)} is given; the states of {node.name} are {listed(node.states)}"
                f"{near(str(state), node.states)}",
            )
        elif state in seen:
            problems.add(here, f"{shorten(state)} is given twice; remove one")
        else:
            seen.add(state)
    return tuple(dict.fromkeys(str(state) for state in given))


def event_of(
    raw: Mapping[str, object], nodes: Mapping[str, Node], place: Place, problems: Problems, contexts: str
) -> Condition:
    """What follows from an action, as nodes mapped to states: no context, and not what always holds.

    `contexts` says where contexts are given instead.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, given in raw.items():
        here = (*place, name)
        if name not in nodes:
            problems.add(here, f"{shorten(name)} is given; the nodes are {listed(nodes)}{near(name, nodes)}")
            continue
        node = nodes[name]
        found[name] = states_of(given, node, here, problems)
        if node.role in (Role.CONTEXT, Role.LEVER):
            problems.add(
                here,
                f"the {node.role} {name} is given; an event is about what follows; {contexts}; remove it",
            )
        elif set(found[name]) == set(node.states):
            problems.add(here, f"every state of {name} is given, which always holds; name some; or leave {name} out")
    return found
