"""A selection graph in words: a listing for a terminal, and a Mermaid flowchart for a page of Markdown."""

from __future__ import annotations

from bsm.figures.ordering import layers
from bsm.figures.theme import LIGHT, Theme
from bsm.graph import Role, SelectionGraph
from bsm.spec.text_table import aligned

_BRACKETS = {
    Role.CONTEXT: ("([", "])"),
    Role.LEVER: ("{{", "}}"),
    Role.ACTION: ("[", "]"),
    Role.OUTCOME: ("(", ")"),
    Role.SELECTION: ("[/", "/]"),
    Role.INFLUENCE: ("[[", "]]"),
    Role.OBSERVATION: (">", "]"),
}
_TOKENS = {ord(mark): f"#{ord(mark)};" for mark in '#"&<>`'} | {ord("\n"): " ", ord("\r"): " "}


def as_text(graph: SelectionGraph) -> str:
    """An aligned listing, layer by layer from causes to consequences: layer, node, role, parents.

    >>> roles = {"rain": Role.CONTEXT, "go": Role.ACTION}
    >>> print(as_text(SelectionGraph(roles, {"rain": (), "go": ("rain",)})))
    layer  node  role     parents
    0      rain  context  -
    1      go    action   rain
    """
    layer = layers(graph)
    rows = []
    shown = -1
    for name in sorted(graph.nodes, key=lambda name: layer[name]):
        column = str(layer[name]) if layer[name] != shown else ""
        shown = layer[name]
        rows.append((column, name, graph.roles[name].value, ", ".join(graph.parents[name]) or "-"))
    return aligned(("layer", "node", "role", "parents"), rows)


def as_mermaid(graph: SelectionGraph, theme: Theme = LIGHT) -> str:
    """A Mermaid flowchart, left to right; a node's shape and class are its role's, its name is escaped."""
    code = {name: f"n{i}" for i, name in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for name, role in graph.roles.items():
        opening, closing = _BRACKETS[role]
        lines.append(f'    {code[name]}{opening}"{name.translate(_TOKENS)}"{closing}:::{role.value}')
    lines += [f"    {code[parent]} --> {code[child]}" for parent, child in graph.edges]
    for role in Role:
        if graph.with_role(role):
            style = theme.roles[role]
            dashes = ",stroke-dasharray:4 2" if style.shape == "dashed" else ""
            lines.append(f"    classDef {role.value} fill:{style.fill},stroke:{style.edge},color:{style.text}{dashes}")
    return "\n".join(lines) + "\n"
