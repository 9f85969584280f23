"""An axis of time drawn: a panel for each phase with its name, kind, selections and gates, and rows where seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D, Transform, blended_transform_factory

from bsm.figures import frame as f
from bsm.figures.labels import spoken, text_width
from bsm.figures.numbers import many
from bsm.figures.over_time.panels import Panel, dynamics_of
from bsm.figures.over_time.path import Path, Place
from bsm.figures.over_time.tracks import Tracks
from bsm.figures.theme import HAIRLINE, HEAD, SMALL, Theme, dress, write

LEAST = 42.0  # narrowest panel, in points
MOST_NARROW = 66.0  # widest panel of a phase without selections
AWAY = 3.0  # between a heading and the edge of its panel
LINE_STEP = SMALL * 1.2
STRIP = 15.0  # height of the row of evidence marks
INWARDS = 2.5  # between a step and the edge of its panel
ALONE = 2.5  # half the width of what is drawn at a moment between gaps, in points


@dataclass(frozen=True)
class Axis:
    """Panels side by side from 0 to `wide`, in points, and the lines over each of them."""

    panels: tuple[Panel, ...]
    edges: tuple[float, ...]
    heads: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]  # bold lines, then plain ones

    @property
    def wide(self) -> float:
        return self.edges[-1]

    @property
    def head(self) -> float:
        """Height of the headings."""
        return max(len(a) + len(b) for a, b in self.heads) * LINE_STEP + 5.0

    def at(self, panel: int, part: float) -> float:
        """The place of a moment, in points."""
        return self.edges[panel] + part * (self.edges[panel + 1] - self.edges[panel])

    def along(self, run: Sequence[Place]) -> tuple[np.ndarray, list[int]]:
        """Places along a run of a path, in points, and the moments whose values stand there.

        A run of one moment is a short piece of line around it.
        """
        x, moments = np.array([self.at(i, u) for i, u, _ in run]), [k for _, _, k in run]
        if x[-1] - x[0] > 2 * ALONE:
            return x, moments
        middle = min(max(x[-1], ALONE), self.wide - ALONE)
        return np.array([middle - ALONE, middle + ALONE]), [moments[-1]] * 2

    def end(self, path: Path) -> float:
        """Where a path ends, in points."""
        return self.at(*path.last[:2])


def laid_out(panels: Sequence[Panel], wide: float) -> Axis:
    """Panels as wide as their headings where nothing is selected; the rest is shared by those that select."""
    own = [None if p.selects else _narrow(p) for p in panels]
    rest = wide - sum(w for w in own if w is not None)
    several = sum(w is None for w in own)
    each = max(LEAST, rest / several) if several else 0.0
    if not several or rest < LEAST * several:
        own, each = [None] * len(panels), wide / len(panels)
    widths = [each if w is None else w for w in own]
    scale = wide / sum(widths)
    edges = np.cumsum([0.0, *(w * scale for w in widths)])
    mixed = len(dynamics_of(panels)) > 1
    heads = tuple(_head(p, w * scale - 2 * AWAY, mixed) for p, w in zip(panels, widths, strict=True))
    return Axis(tuple(panels), tuple(edges.tolist()), heads)


def _narrow(panel: Panel) -> float:
    words = max(text_width(word, SMALL * 1.06, "bold") for word in spoken(panel.name).split())
    words = max(words, *(text_width(word, SMALL) for word in spoken(panel.kind).split()))
    return min(MOST_NARROW, max(LEAST, words + 2 * AWAY + 2.0))


def _head(panel: Panel, room: float, mixed: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kind = spoken(panel.kind)
    plain = [kind, f"n = {panel.written}" + (f", η = {panel.eta}" if panel.selects else "")]
    plain += [panel.dynamics] if mixed and panel.selects else []
    plain += [many(len(panel.gates), "gate")] if panel.gates else []
    return f.fitted(spoken(panel.name), SMALL * 1.06, room, most=3), tuple(
        line for words in plain for line in f.fitted(words, SMALL, room, most=3)
    )


def axes_at(made: Figure, theme: Theme, left: float, top: float, wide: float, high: float, shown: bool = True) -> Axes:
    """Axes from the top left corner in points; x runs over the points of its width, y from 0 to 1."""
    width, height = made.get_figwidth() * f.INCH, made.get_figheight() * f.INCH
    given = made.add_axes((left / width, (height - top - high) / height, wide / width, high / height))
    dress(given, theme)
    given.set(xlim=(0, wide), ylim=(0, 1), xticks=[], yticks=[])
    given.spines["bottom"].set_visible(shown)
    given.spines["left"].set_visible(shown)
    return given


def titles(given: Axes, theme: Theme, words: str, basis: str, above: float) -> None:
    """The title of a figure at its left edge, `above` points over the axes, and under it what it rests on."""
    place = margin(given)
    high = _high(given)
    look = {"fontsize": HEAD, "fontweight": "bold", "va": "baseline", "transform": place}
    write(given, theme, f.MARGIN, 1 + above / high, words, **look)
    write(given, theme, f.MARGIN, 1 + (above - 10.5) / high, basis, color=theme.muted, va="baseline", transform=place)


def left_of(given: Axes, theme: Theme, lines: Sequence[str], x: float = f.MARGIN, **options: Any) -> None:
    """Lines of text half way up the axes, `x` in points from the left edge of the figure."""
    for k, line in enumerate(lines):
        y = 0.5 + (0.5 * (len(lines) - 1) - k) * LINE_STEP / _high(given)
        write(given, theme, x, y, line, **{"va": "center_baseline", "transform": margin(given), **options})


def margin(given: Axes) -> Transform:
    """x in points from the left edge of the figure, y in parts of the height of the axes."""
    made = given.get_figure(root=True)
    assert made is not None
    return blended_transform_factory(Affine2D().scale(1 / f.INCH) + made.dpi_scale_trans, given.transAxes)


def _high(given: Axes) -> float:
    made = given.get_figure(root=True)
    assert made is not None
    return float(given.get_position().height * made.get_figheight() * f.INCH)


def draw_phases(given: Axes, theme: Theme, axis: Axis) -> None:
    """Upright lines between phases and, dashed and stressed, at gates, over the height of the axes."""
    for edge in axis.edges[1:-1]:
        given.axvline(edge, color=theme.muted, linewidth=HAIRLINE, zorder=6)
    for i, panel in enumerate(axis.panels):
        if panel.gates:
            look: dict[str, Any] = {"color": theme.accent, "linewidth": 0.9, "linestyle": (0, (2.5, 1.5)), "zorder": 7}
            given.axvline(axis.at(i, panel.body), label="gate", **look)


def draw_moments(given: Axes, theme: Theme, axis: Axis, tracks: Tracks) -> None:
    """A tick under the axes at each moment that was computed."""
    x = [axis.at(i, u) for i, u, _ in tracks.path.places]
    look: dict[str, Any] = {"marker": 3, "markersize": 3.0, "markeredgewidth": 0.8, "linestyle": "none", "zorder": 8}
    given.plot(x, [0.0] * len(x), color=theme.ink, clip_on=False, label="moments", **look)


def draw_heads(given: Axes, theme: Theme, axis: Axis, top: float) -> None:
    """Name, kind and selections over each panel, `top` points over the axes."""
    high = _high(given)
    for i, (bold, plain) in enumerate(axis.heads):
        x = axis.edges[i] + (AWAY if i else 0.0)
        for down, line in enumerate((*bold, *plain)):
            y = 1 + (top - (down + 0.8) * LINE_STEP) / high
            strong = down < len(bold)
            look = {"fontweight": "bold"} if strong else {"color": theme.muted}
            write(given, theme, x, y, line, va="baseline", transform=given.get_xaxis_transform(), **look)


def draw_steps(given: Axes, theme: Theme, axis: Axis) -> None:
    """Selections under each panel that has any: none, half and all of them, as far as there is room.

    Words lie inside their panel, so that the end of one phase and the start of the next can both be read.
    """
    found = [(i, part) for i, panel in enumerate(axis.panels) if panel.selects for part in _parts(axis, i)]
    places = [axis.at(i, part * axis.panels[i].body) for i, part in found]
    given.set_xticks(sorted(set(places)), labels=[""] * len(set(places)))
    for x, (i, part) in zip(places, found, strict=True):
        side, inwards = {0.0: ("left", INWARDS), 1.0: ("right", -INWARDS)}.get(part, ("center", 0.0))
        look: dict[str, Any] = {"ha": side, "va": "top", "transform": given.get_xaxis_transform()}
        write(given, theme, x + inwards, -5.0 / _high(given), _step(axis.panels[i], part), **look)


def _parts(axis: Axis, panel: int) -> tuple[float, ...]:
    """Those whose words leave room between each other."""
    wide = (axis.edges[panel + 1] - axis.edges[panel]) * axis.panels[panel].body
    none, half, all_ = (text_width(_step(axis.panels[panel], part), SMALL) for part in (0.0, 0.5, 1.0))
    if max(none, all_) + half / 2 + INWARDS + AWAY < wide / 2:
        return (0.0, 0.5, 1.0)
    return (0.0, 1.0) if none + all_ + 2 * INWARDS + AWAY < wide else (1.0,)


def _step(panel: Panel, part: float) -> str:
    if part == 0:
        return "+0" if panel.ahead else "0"
    if panel.certain or panel.ahead:
        return ("+" if panel.ahead else "") + f"{panel.n * part:,.4g}"
    return "n" if part == 1 else "½ n"


def draw_rows(given: Axes, theme: Theme, axis: Axis, tracks: Tracks) -> None:
    """Rows of the ledger: a hollow mark where they were seen, a filled one over the steps they were selected on."""
    for mark in tracks.marks:
        a, b = axis.at(mark.panel, mark.start), axis.at(mark.panel, mark.stop)
        if mark.selected:
            given.plot([a, b], [0.35, 0.35], color=theme.ink, linewidth=2.0, solid_capstyle="butt", clip_on=False)
        given.plot([a], [0.35], **row_mark(theme, mark.selected), clip_on=False, label="rows")
        last = b > axis.wide - 14
        words, side = f"{mark.rows}", (-5.0 if last else 5.0)
        write(
            given, theme, (a if last else b) + side, 0.35, words, va="center_baseline", ha="right" if last else "left"
        )


def row_mark(theme: Theme, selected: bool) -> dict[str, Any]:
    fill = theme.ink if selected else theme.background
    look = {"marker": "v", "markersize": 5.5, "color": theme.ink, "markerfacecolor": fill}
    return {**look, "markeredgewidth": 0.9, "linestyle": "none", "zorder": 8}
