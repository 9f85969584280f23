"""A selection graph drawn: causes on the left, consequences on the right, one look for each role.

Sizes are in points: the one axes that fills the figure has a point as its unit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Polygon
from matplotlib.path import Path

from bsm.figures import layout as lay
from bsm.figures.labels import spoken, text_width, wrapped
from bsm.figures.ordering import Edge, arranged
from bsm.figures.routes import Point, crossings, sampled
from bsm.figures.shapes import border, outline
from bsm.figures.theme import (
    BODY,
    DOUBLE,
    LIGHT,
    SINGLE,
    SMALL,
    RoleStyle,
    Series,
    Theme,
    figure,
    write,
)
from bsm.graph import Role, SelectionGraph

MARGIN = 8.0  # around the drawing
PADDING = (7.0, 5.5)  # between a label and the border of its box
LEADING = 1.18  # distance of two lines of a label, in font sizes
HEAD = (5.2, 3.6)  # length and width of an arrowhead
LONGEST_GAP = 46.0  # what may be added between two layers when there is room
TALLEST = 1.3  # height over width above which one column gives way to two
BRIDGE = 4.5  # half the length of the piece of an edge that passes over another
ROW = 14.0  # height of a row of the legend
INCH = 72.0


def draw(
    graph: SelectionGraph,
    theme: Theme = LIGHT,
    labels: Mapping[str, str] | None = None,
    highlight: Collection[str] = (),
    families: Mapping[str, str] | None = None,
    width: float | None = None,
) -> Figure:
    """The graph as a figure that can be printed at its own size.

    Args:
        graph: what to draw.
        theme: light, dark or grey.
        labels: words for nodes, where a node's own name is not wanted; wrapped as needed.
        highlight: nodes to stress, with the edges between them (a route, say).
        families: a word for nodes (the family of a motivation that seeks that node), shown by a mark.
        width: in inches. Left out, it is one column or two, whichever the graph needs. A graph too long for
            its width is drawn from top to bottom; one that fits neither way gets the width that it needs.

    Raises:
        ValueError: a label, highlight or family names something that is not a node.
    """
    families = dict(families or {})
    _refuse_strangers(graph, {"labels": labels or {}, "highlight": highlight, "families": families})
    words = {name: (labels or {}).get(name, spoken(name)) for name in graph.nodes}
    plan = _planned(graph, words, width)
    wide = max(plan.width * INCH, plan.layout.width + 2 * MARGIN)
    rows = legend_rows([*_role_keys(graph, theme), *_family_keys(families, theme)], wide - 2 * MARGIN)
    foot = len(rows) * ROW + 8.0
    tall = plan.layout.height + 2 * MARGIN + foot
    made = figure(theme, wide / INCH, tall / INCH, layout=None)
    canvas = _canvas(made, wide, tall)
    frame = plan.layout.moved((wide - plan.layout.width) / 2, MARGIN + foot)
    _draw_edges(canvas, theme, graph, frame, set(highlight))
    _draw_boxes(canvas, theme, graph, frame, plan, set(highlight))
    for name, family in families.items():
        box, mark = frame.boxes[name], _family_mark(theme, families, family)
        _draw_mark(canvas, theme, mark, (box.right - 5.0, box.top))
    draw_legend(canvas, theme, rows, wide, MARGIN + (len(rows) - 0.5) * ROW)
    return made


def _refuse_strangers(graph: SelectionGraph, given: Mapping[str, Iterable[str]]) -> None:
    for argument, names in given.items():
        strange = [name for name in names if name not in graph.roles]
        if strange:
            raise ValueError(f"{argument} names {strange}, not among the nodes {list(graph.nodes)}")


# --- how large, and which way ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """A layout, the lines and size of its labels, and the width of the figure in inches."""

    layout: lay.Layout
    lines: Mapping[str, tuple[str, ...]]
    text_size: float
    width: float


def _planned(graph: SelectionGraph, words: Mapping[str, str], width: float | None) -> _Plan:
    """The first that fits: loose before tight, one column before two, left to right before top to bottom."""
    order = arranged(graph)
    widths = (width,) if width else (SINGLE, DOUBLE)
    for inches in widths:
        room = inches * INCH - 2 * MARGIN
        for text_size, measure, spacing in _tightness(narrow=inches < DOUBLE):
            lines, sizes = _label_boxes(graph, words, text_size, measure)
            least = lay.along(order, sizes, spacing)
            if least <= room:
                fill = min(room, least + LONGEST_GAP * (len(order.layers) - 1))
                made = lay.placed(order, sizes, spacing, fill=fill)
                if inches == widths[-1] or made.height <= TALLEST * room:
                    return _Plan(made, lines, text_size, inches)
    close = lay.Spacing(layers=24.0, boxes=7.0, lanes=7.0)
    for text_size, measure, spacing in (
        (BODY, 84.0, lay.Spacing(layers=24.0)),
        (SMALL, 64.0, close),
        (SMALL, 44.0, close),
    ):
        lines, sizes = _label_boxes(graph, words, text_size, measure)
        made = lay.placed(order, sizes, spacing, downwards=True)
        if made.width <= room:
            break
    narrowest = next((w for w in widths if made.width <= w * INCH - 2 * MARGIN), inches)
    return _Plan(made, lines, text_size, narrowest)


def _tightness(narrow: bool) -> Sequence[tuple[float, float, lay.Spacing]]:
    """Text size, longest line and spacing to try, in points."""
    loose, tight = lay.Spacing(layers=30.0), lay.Spacing(layers=19.0, boxes=12.0, lanes=8.0)
    if narrow:
        return ((BODY, 60.0, loose),)
    return (
        (BODY, 84.0, loose),
        (BODY, 62.0, loose),
        (BODY, 48.0, tight),
        (7.5, 48.0, tight),
        (SMALL, 40.0, tight),
    )


def _label_boxes(
    graph: SelectionGraph, words: Mapping[str, str], text_size: float, measure: float
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[float, float]]]:
    """Wrapped labels, and the width and height of a box that holds each."""
    lines = {name: wrapped(words[name], text_size, measure) for name in graph.nodes}
    sizes = {}
    for name, parts in lines.items():
        widest = max(text_width(line, text_size, _weight(graph.roles[name])) for line in parts)
        beside = PADDING[0] + _SLACK.get(graph.roles[name], 0.0)
        tall = text_size * (1.0 + LEADING * (len(parts) - 1)) + 2 * PADDING[1]
        sizes[name] = (widest + 2 * beside, max(tall, 21.0))
    return lines, sizes


_SLACK = {
    Role.CONTEXT: 2.0,
    Role.SELECTION: 3.0,
    Role.LEVER: 2.0,
    Role.INFLUENCE: 2.0,
}  # where shapes lose corners


def _weight(role: Role) -> str:
    return "bold" if role in (Role.ACTION, Role.INFLUENCE) else "normal"


# --- drawing -----------------------------------------------------------------------------------------------


def _canvas(made: Figure, wide: float, tall: float) -> Axes:
    """Axes over the whole figure, one unit a point."""
    canvas = made.add_axes((0, 0, 1, 1))
    canvas.set(xlim=(0, wide), ylim=(0, tall))
    canvas.set_axis_off()
    return canvas


def _draw_edges(canvas: Axes, theme: Theme, graph: SelectionGraph, frame: lay.Layout, highlight: set[str]) -> None:
    """Curves under the boxes, stressed ones last; where two cross, the later bridges the earlier."""
    order = sorted(graph.edges, key=lambda edge: highlight.issuperset(edge))
    routes = {edge: _to_borders(frame, edge, graph, theme) for edge in order}
    looks = {edge: (theme.accent, 1.8) if highlight.issuperset(edge) else (theme.muted, 0.9) for edge in order}
    for level, edge in enumerate(order):
        color, thick = looks[edge]
        start, *middle, tip = routes[edge]
        base, head = arrowhead(tip, frame.downwards)
        points = [start, *middle, base]
        line = Path(points, [Path.MOVETO] + [Path.CURVE4] * (len(points) - 1))
        canvas.add_patch(PathPatch(line, fill=False, edgecolor=color, linewidth=thick, zorder=1 + 0.001 * level))
        canvas.add_patch(Polygon(head, facecolor=color, linewidth=0, zorder=3))
    for _, over, (x, y) in crossings(routes, least_angle=25.0):
        color, thick = looks[over]
        near = [p for p in sampled(routes[over], 64) if (p[0] - x) ** 2 + (p[1] - y) ** 2 < BRIDGE**2]
        for paint, size, height in ((theme.background, thick + 2.6, 2.0), (color, thick, 2.1)):
            piece = PathPatch(Path(near), fill=False, edgecolor=paint, linewidth=size, zorder=height, snap=False)
            canvas.add_patch(piece)


def _to_borders(frame: lay.Layout, edge: Edge, graph: SelectionGraph, theme: Theme) -> list[Point]:
    """The route, drawn out at both ends to the visible outline of the two boxes."""
    start, *middle, end = frame.routes[edge]
    outlines = [outline(frame.boxes[name], theme.roles[graph.roles[name]].shape) for name in edge]
    return [border(outlines[0], start, frame.downwards), *middle, border(outlines[1], end, frame.downwards)]


def arrowhead(tip: Point, downwards: bool) -> tuple[Point, list[Point]]:
    """Where the line stops, and the three corners of the head before it."""
    long, half = HEAD[0], HEAD[1] / 2
    if downwards:
        x, y = tip
        return (x, y + 0.8 * long), [tip, (x - half, y + long), (x + half, y + long)]
    x, y = tip
    return (x - 0.8 * long, y), [tip, (x - long, y - half), (x - long, y + half)]


def _draw_boxes(
    canvas: Axes,
    theme: Theme,
    graph: SelectionGraph,
    frame: lay.Layout,
    plan: _Plan,
    highlight: Collection[str],
) -> None:
    for name, box in frame.boxes.items():
        style = theme.roles[graph.roles[name]]
        draw_shape(canvas, theme, box, style, stressed=name in highlight)
        write(
            canvas,
            theme,
            box.x,
            box.y + 0.5,
            "\n".join(plan.lines[name]),
            color=style.text,
            fontsize=plan.text_size,
            fontweight=_weight(graph.roles[name]),
            ha="center",
            va="center_baseline",
            linespacing=LEADING,
            zorder=6,
        )


def draw_shape(canvas: Axes, theme: Theme, box: lay.Box, style: RoleStyle, stressed: bool = False) -> None:
    """The outline of a role, filled; "double" has a second line inside, "dashed" a broken one."""
    edge, thick = (theme.accent, 2.0) if stressed else (style.edge, 1.0)
    canvas.add_patch(
        Polygon(
            outline(box, style.shape),
            facecolor=style.fill,
            edgecolor=edge,
            linewidth=thick,
            linestyle=(0, (3.2, 1.8)) if style.shape == "dashed" else "-",
            joinstyle="round",
            zorder=4,
        )
    )
    if style.shape == "double":
        inner = lay.Box(box.x, box.y, box.width - 5.0, box.height - 5.0)
        canvas.add_patch(
            Polygon(outline(inner, style.shape), fill=False, edgecolor=style.text, linewidth=0.8, zorder=5)
        )


# --- legend ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """An entry of the legend: a role's shape or a family's mark, and its word."""

    word: str
    style: RoleStyle | None = None
    mark: Series | None = None

    @property
    def width(self) -> float:
        return (20.0 if self.style else 10.0) + 5.0 + text_width(self.word, SMALL, "normal")


def _role_keys(graph: SelectionGraph, theme: Theme) -> list[Key]:
    return [Key(role.value, style=theme.roles[role]) for role in Role if graph.with_role(role)]


def _family_keys(families: Mapping[str, str], theme: Theme) -> list[Key]:
    return [Key(family, mark=_family_mark(theme, families, family)) for family in dict.fromkeys(families.values())]


def _family_mark(theme: Theme, families: Mapping[str, str], family: str) -> Series:
    return theme.series(list(dict.fromkeys(families.values())).index(family))


def legend_rows(keys: Sequence[Key], room: float) -> list[list[Key]]:
    """Entries in rows that fit; families start a row of their own."""
    rows: list[list[Key]] = []
    for key in keys:
        joined = rows and (rows[-1][-1].mark is None) == (key.mark is None)
        if joined and _row_width([*rows[-1], key]) <= room:
            rows[-1].append(key)
        else:
            rows.append([key])
    return rows


def _row_width(row: Sequence[Key]) -> float:
    return sum(key.width for key in row) + 14.0 * (len(row) - 1)


def draw_legend(canvas: Axes, theme: Theme, rows: Sequence[Sequence[Key]], wide: float, y: float) -> None:
    """Rows of entries, centred, the first at height `y`."""
    for row in rows:
        x = (wide - _row_width(row)) / 2
        for key in row:
            before = 20.0 if key.style else 10.0
            if key.style:
                draw_shape(canvas, theme, lay.Box(x + 10.0, y, 20.0, 9.0), key.style)
            elif key.mark:
                _draw_mark(canvas, theme, key.mark, (x + 5.0, y))
            write(canvas, theme, x + before + 5.0, y, key.word, va="center_baseline", ha="left")
            x += key.width + 14.0
        y -= ROW


def _draw_mark(canvas: Axes, theme: Theme, mark: Series, at: Point) -> None:
    canvas.plot(
        *at,
        marker=mark.marker,
        markersize=7.0,
        markerfacecolor=mark.color,
        markeredgecolor=theme.background,
        markeredgewidth=1.0,
        linestyle="none",
        zorder=7,
    )
