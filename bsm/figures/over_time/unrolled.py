"""The network over time that a model stands for, drawn with time as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Polygon
from matplotlib.path import Path

from bsm.figures import frame as f
from bsm.figures import graph as g
from bsm.figures.labels import spoken, text_width, wrapped
from bsm.figures.layout import Box
from bsm.figures.over_time.columns import Columns, columns, parted
from bsm.figures.over_time.tracks import selecting_phases
from bsm.figures.routes import Point
from bsm.figures.shapes import border, outline
from bsm.figures.theme import DOUBLE, HEAD, LIGHT, SMALL, RoleStyle, Theme, figure, write
from bsm.graph import Role

if TYPE_CHECKING:
    from bsm.spec.model import Model

TITLE, HEADS = 28.0, 26.0
MOST = 3  # selections that are drawn
MEASURE = 62.0  # longest line in a box, in points
DRIVES, EXPLORED = "hidden: what drives", "hidden: what drives, and whether all is explored"
GIVEN = "given: passed"


@dataclass(frozen=True)
class Slices:
    """Structure of a network over time: parents of every `name__t3`, and what is conditioned on."""

    model: str
    parents: Mapping[str, tuple[str, ...]]
    given: Mapping[str, str]
    phases: tuple[str, ...]
    roles: Mapping[str, Role]


def slices(model: Model) -> Slices:
    """A few selections of a model as a network: one in each phase that selects, three where there is one such phase.

    Only its structure: strength 1 and the replicator stand for what the phases have. Contexts, actions and what
    selection reads are kept; all else is summed out.
    """
    from bsm.motives.unrolled import unroll

    selecting = selecting_phases(model)
    counts = {p.name: int(p.name in selecting[:MOST]) for p in model.phases}
    counts |= {selecting[0]: MOST} if len(selecting) == 1 else {}
    phases = tuple(replace(p, eta=1.0, dynamics="replicator") for p in model.phases)
    roles = {name: node.role for name, node in model.nodes.items()}
    wanted = (Role.CONTEXT, Role.ACTION, Role.SELECTION)
    kept = [name for name, role in roles.items() if role in wanted]
    found = unroll(replace(model, phases=phases), counts, only=kept)
    parents = {name: found.tables[name].parents for name in found.variables}
    return Slices(model.name, parents, dict(found.selected), found.phases, roles)


def unrolled(found: Slices, theme: Theme = LIGHT) -> Figure:
    """The network over time, a column for each number of selections past; stressed boxes are conditioned on.

    Args:
        found: from `slices`.
        theme: light, dark or grey.
    """
    lines = {name: _lines(found, name) for name in found.parents}
    sizes: dict[str, tuple[float, float]] = {}
    for name, parts in lines.items():
        wide, high = sizes.get(parted(name)[0], (0.0, 0.0))
        own = max(text_width(line, SMALL, "bold") for line in parts) + 16.0
        sizes[parted(name)[0]] = max(wide, own), max(high, f.tall(parts, SMALL) + 11.0)
    plan = columns(found.parents, sizes)
    wide = max(DOUBLE * f.INCH, plan.width + 4 * f.MARGIN)
    keys = g.legend_rows(_keys(found, theme), wide - 2 * f.MARGIN)
    tall = f.MARGIN + TITLE + HEADS + plan.height + 10.0 + len(keys) * g.ROW + f.MARGIN
    made = figure(theme, wide / f.INCH, tall / f.INCH, layout=None)
    canvas = f.sheet(made)
    dx, dy = (wide - plan.width) / 2, f.MARGIN + len(keys) * g.ROW + 10.0
    write(
        canvas, theme, f.MARGIN, tall - f.MARGIN - HEAD, _title(found), fontsize=HEAD, fontweight="bold", va="baseline"
    )
    basis = "a column for each number t of selections past"
    write(canvas, theme, f.MARGIN, tall - f.MARGIN - HEAD - 10.5, basis, color=theme.muted, va="baseline")
    _heads(canvas, theme, found, plan, dx, dy)
    _edges(canvas, theme, found, plan, dx, dy)
    for name, box in plan.boxes.items():
        at = replace(box, x=box.x + dx, y=box.y + dy)
        _box(canvas, theme, found, name, at, lines[name])
    g.draw_legend(canvas, theme, keys, wide, f.MARGIN + (len(keys) - 0.5) * g.ROW)
    return made


def _title(found: Slices) -> str:
    return f"{spoken(found.model)} over time, as one network"


def _lines(found: Slices, name: str) -> tuple[str, ...]:
    given = found.given.get(name)
    return (*wrapped(spoken(name), SMALL, MEASURE), *([f"= {given}"] if given else []))


def style_of(found: Slices, name: str, theme: Theme) -> RoleStyle:
    """Nodes of the model look as in its graph; those that only time brings have the role that they play."""
    base = parted(name)[0]
    if base in found.roles:
        return theme.roles[found.roles[base]]
    if base.startswith(("motivation", "explored")):
        return RoleStyle("round", theme.background, theme.ink, theme.ink)
    if base.startswith("gate_"):
        return theme.roles[Role.OBSERVATION]
    if base.startswith(("situation", "in_situation")):
        return theme.roles[Role.CONTEXT]
    return theme.roles[Role.INFLUENCE if base.startswith("selected") else Role.SELECTION]


def _heads(canvas: Axes, theme: Theme, found: Slices, plan: Columns, dx: float, dy: float) -> None:
    top = dy + plan.height + 8.0
    for t, (left, right) in enumerate(plan.edges):
        x = dx + (left + right) / 2
        words = spoken(found.phases[t]) if t < len(found.phases) else "after the last"
        write(canvas, theme, x, top + 9.0, f"t = {t}", fontweight="bold", ha="center", va="baseline")
        write(canvas, theme, x, top, words, color=theme.muted, ha="center", va="baseline")
    for (_, right), (left, _) in pairwise(plan.edges):
        x = dx + (left + right) / 2
        canvas.plot([x, x], [dy, dy + plan.height], color=theme.faint, linewidth=0.8, zorder=0)


def _edges(canvas: Axes, theme: Theme, found: Slices, plan: Columns, dx: float, dy: float) -> None:
    for downwards, routes in ((True, plan.inside), (False, plan.across)):
        for (parent, child), route in routes.items():
            shapes = [style_of(found, n, theme).shape for n in (parent, child)]
            start, *middle, end = route
            if downwards:
                start = border(outline(plan.boxes[parent], shapes[0]), start, downwards)
                end = border(outline(plan.boxes[child], shapes[1]), end, downwards)
            _arrow(canvas, theme, [(x + dx, y + dy) for x, y in (start, *middle, end)], downwards)


def _arrow(canvas: Axes, theme: Theme, route: Sequence[Point], downwards: bool) -> None:
    start, *middle, tip = route
    base, head = g.arrowhead(tip, downwards)
    line = Path([start, *middle, base], [Path.MOVETO] + [Path.CURVE4] * (len(middle) + 1))
    color, thick = (theme.muted, 0.9) if downwards else (theme.ink, 1.2)
    canvas.add_patch(PathPatch(line, fill=False, edgecolor=color, linewidth=thick, zorder=1))
    canvas.add_patch(Polygon(head, facecolor=color, linewidth=0, zorder=3))


def _box(canvas: Axes, theme: Theme, found: Slices, name: str, box: Box, lines: Sequence[str]) -> None:
    style, given = style_of(found, name, theme), name in found.given
    g.draw_shape(canvas, theme, box, style, stressed=given)
    look = {"color": style.text, "ha": "center", "va": "center_baseline", "linespacing": f.LEADING, "zorder": 6}
    strong = "bold" if name.startswith("motivation__t") else "normal"
    write(canvas, theme, box.x, box.y + 0.5, "\n".join(lines), fontweight=strong, **look)


def _keys(found: Slices, theme: Theme) -> list[g.Key]:
    own = {parted(name)[0] for name in found.parents}
    roles = dict.fromkeys(r for n, r in found.roles.items() if n in own)
    hidden = EXPLORED if "explored" in own else DRIVES
    keys = [g.Key(hidden, style=RoleStyle("round", theme.background, theme.ink, theme.ink))]
    keys += [g.Key(role.value, style=theme.roles[role]) for role in Role if role in roles]
    if any(name.startswith("gate_") for name in own):
        keys.append(g.Key("gate", style=theme.roles[Role.OBSERVATION]))
    return [*keys, g.Key(GIVEN, style=RoleStyle("square", theme.background, theme.accent, theme.ink))]
