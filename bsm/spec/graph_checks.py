"""Whether nodes form a selection graph: names, states, roles, and who may cause whom."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

import networkx as nx

from bsm.graph import Role, SelectionGraph
from bsm.spec.document import NodeEdit
from bsm.spec.model import Node, Uniform
from bsm.spec.parameters import provenance
from bsm.spec.problems import Place, Problems, listed, near, shorten
from bsm.spec.rules import SAME

MAX_JOINT_ACTIONS = 256
MAX_TOTAL_ENTRIES = 2**22
DEFAULT_STATES, DEFAULT_VALUES = ("no", "yes"), (0.0, 1.0)
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
LEDGER_COLUMNS = [
    "id",
    "subject",
    "setting",
    "block",
    "variant",
    "phase",
    "step",
    "steps",
    "observation",
    "k",
    "n",
    "rate",
    "ci_low",
    "ci_high",
    "level",
    "rho",
    "n_eff",
    "second_observation",
    "second_k",
    "second_rate",
    "second_ci_low",
    "second_ci_high",
    "fpr",
    "fnr",
    "opinion_of",
    "note",
    "source_id",
    "citation",
    "figure_or_table",
    "date",
    "sha256",
    "second_sha256",
]
_ACTION_SEES = (Role.CONTEXT, Role.LEVER, Role.OUTCOME, Role.OBSERVATION, Role.ACTION)


def check_name(name: str, kind: str, place: Place, problems: Problems) -> None:
    """An identifier, without the double underscore that marks time in unrolled networks."""
    if not IDENTIFIER.fullmatch(name) or len(name) > 80:
        problems.add(
            place,
            f"the {kind} name {shorten(name)} is given; letters, digits and _ are accepted, a letter first; rename it",
        )
    elif "__" in name:
        problems.add(
            place,
            f"the {kind} name {name!r} is given; a double underscore is reserved for time (influence__t3); use one",
        )


def shell(name: str, document: NodeEdit, place: Place, problems: Problems) -> Node:
    """A node as far as it can be known without its table."""
    states = tuple(document.states) if document.states is not None else DEFAULT_STATES
    values = tuple(document.values) if document.values is not None else None
    if values is None and states == DEFAULT_STATES:
        values = DEFAULT_VALUES
    role = document.role or Role.OUTCOME
    check_name(name, "node", place, problems)
    _check_states(name, states, values, place, problems)
    if document.default is not None and document.default not in states:
        problems.add(
            (*place, "default"),
            f"{shorten(document.default)} is given; the states of {name} are {listed(states)}"
            f"{near(document.default, states)}",
        )
    if document.default is not None and role not in (Role.CONTEXT, Role.LEVER):
        problems.add(
            (*place, "default"),
            f"a default is given for a {role}; only contexts and levers have one; remove it",
        )
    return Node(
        name=name,
        role=role,
        states=states,
        values=values,
        parents=tuple(document.parents or ()),
        mechanism=Uniform(),
        default=document.default,
        about=document.about or "",
        provenance=provenance(document),
    )


def _check_states(
    name: str, states: tuple[str, ...], values: tuple[float, ...] | None, place: Place, problems: Problems
) -> None:
    seen: set[str] = set()
    for i, state in enumerate(states):
        if not state or state != state.strip() or "\n" in state:
            problems.add(
                (*place, "states", i),
                f"{shorten(state)} is given; a state is some text on one line, without spaces around it; rename it",
            )
        elif state in seen:
            problems.add((*place, "states", i), f"the state {shorten(state)} is given twice; remove one")
        seen.add(state)
    if len(states) < 2:
        problems.add(
            (*place, "states"),
            f"{len(states)} state is given for {name}; a node has two or more; add one or drop the node",
        )
    if values is not None and len(values) != len(states):
        problems.add(
            (*place, "values"),
            f"{len(values)} values are given for {len(states)} states ({listed(states)}); give one "
            "for each, in their order",
        )
    elif values is not None and any(b - a <= 2 * SAME for a, b in pairwise(sorted(values))):
        problems.add((*place, "values"), "two states have the same value; each needs its own; join the states")


def check_graph(
    nodes: Mapping[str, Node],
    places: Mapping[str, Place],
    dropped: Iterable[tuple[str, str]],
    problems: Problems,
) -> None:
    """Parents, cycles, roles and the size of joint actions; stops at once if there is no graph to check.

    Raises:
        SpecError: through `problems`, when parents are unknown or form a cycle.
    """
    for name, node in nodes.items():
        _check_parents(node, nodes, places[name], problems)
    problems.stop()
    cut = set(dropped)
    parents = {n: tuple(p for p in node.parents if (p, n) not in cut) for n, node in nodes.items()}
    _check_cycle(parents, places, problems)
    problems.stop()
    for name, node in nodes.items():
        _check_role(node, nodes, places[name], problems)
    _check_whole(SelectionGraph({n: node.role for n, node in nodes.items()}, parents), nodes, places, problems)


def _check_parents(node: Node, nodes: Mapping[str, Node], place: Place, problems: Problems) -> None:
    seen: set[str] = set()
    for i, parent in enumerate(node.parents):
        here = (*place, "parents", i)
        if parent not in nodes:
            problems.add(
                here,
                f"{shorten(parent)} is given as a parent; the nodes are {listed(nodes)}{near(parent, nodes)}",
            )
        elif parent in seen:
            problems.add(here, f"the parent {parent} is given twice; remove one")
        seen.add(parent)


def _check_cycle(parents: Mapping[str, tuple[str, ...]], places: Mapping[str, Place], problems: Problems) -> None:
    graph = nx.DiGraph((parent, child) for child, above in parents.items() for parent in above)
    if nx.is_directed_acyclic_graph(graph):
        return
    cycle = [edge[0] for edge in nx.find_cycle(graph)]
    first = min(range(len(cycle)), key=lambda i: list(parents).index(cycle[i]))
    cycle = [*cycle[first:], *cycle[:first]]
    problems.add(
        (*places[cycle[0]], "parents"),
        f"the cycle {' -> '.join([*cycle, cycle[0]])} is given; causes must not form a circle; "
        "remove one of these parents",
    )


def _check_role(node: Node, nodes: Mapping[str, Node], place: Place, problems: Problems) -> None:
    roles = {parent: nodes[parent].role for parent in node.parents}
    if node.name == "motivation":
        problems.add(place, "a node named motivation is given; the name is reserved for who acts; rename it")
    if node.name == "influence" and node.role is not Role.INFLUENCE:
        problems.add(
            place,
            f"a node named influence with role {node.role} is given; the name is kept for the node of role "
            "influence; rename it or change its role",
        )
    if node.role is Role.CONTEXT and node.name in LEDGER_COLUMNS and node.name != "setting":
        problems.add(place, f"a context named {node.name} is given; the ledger has a column of that name; rename it")
    if node.role is Role.INFLUENCE and (len(node.states) != 2 or node.values != (0.0, 1.0)):
        problems.add(
            place,
            f"the influence node has states {listed(node.states)} and values "
            f"{node.values or 'none'}; it is accepted "
            "with two states and `values: [0, 1]`, not selected first",
        )
    if node.role is Role.LEVER and node.parents:
        problems.add(
            (*place, "parents"),
            f"the lever {node.name} has parents; a lever has none, people set it; use context",
        )
    if node.role is Role.LEVER and node.default is None:
        problems.add(place, f"the lever {node.name} has no default; give `default`, one of {listed(node.states)}")
    for i, parent in enumerate(node.parents):
        if node.role is Role.CONTEXT and roles[parent] not in (Role.CONTEXT, Role.LEVER):
            problems.add(
                (*place, "parents", i),
                f"the {roles[parent]} {parent} is given as parent of the context {node.name}; contexts "
                "depend on contexts and levers only; use role outcome",
            )
        if node.role is Role.ACTION and roles[parent] not in _ACTION_SEES:
            problems.add(
                (*place, "parents", i),
                f"the {roles[parent]} {parent} is given as parent of the action {node.name}; an action sees "
                f"{listed(_ACTION_SEES)} nodes; let it see an observation of it",
            )


def _check_whole(
    graph: SelectionGraph, nodes: Mapping[str, Node], places: Mapping[str, Place], problems: Problems
) -> None:
    top: Place = ("nodes",)
    entries = {
        name: len(node.states) * math.prod(len(nodes[p].states) for p in node.parents)
        for name, node in nodes.items()
        if node.role is not Role.ACTION
    }
    if entries and (total := sum(entries.values())) > MAX_TOTAL_ENTRIES:
        largest = max(entries, key=entries.__getitem__)
        problems.add(
            places[largest],
            f"the table of {largest} would have {entries[largest]} entries, all tables {total}; at most "
            f"{MAX_TOTAL_ENTRIES} in all are accepted; put a node between {largest} and some of its parents",
        )
        return
    influence = graph.with_role(Role.INFLUENCE)
    if len(influence) != 1:
        at = places[influence[1]] if influence else top
        problems.add(
            at,
            f"{len(influence)} nodes have the role influence ({listed(influence)}); exactly one "
            "means that this "
            "pattern is selected; " + ("give the others role selection" if influence else "add it"),
        )
    if not graph.with_role(Role.ACTION):
        problems.add(top, "no node has the role action; motivations need something to choose; add an action node")
        return
    for stage in graph.action_stages():
        if (size := math.prod(len(nodes[name].states) for name in stage)) > MAX_JOINT_ACTIONS:
            problems.add(
                places[stage[-1]],
                f"the actions {listed(stage)} make {size} joint actions; at most {MAX_JOINT_ACTIONS} "
                "are accepted; drop states or actions",
            )
