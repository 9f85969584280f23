"""Stacked areas that are labelled where they end, and rows of lines with their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bsm.figures import frame as f
from bsm.figures.labels import spoken
from bsm.figures.over_time.looks import Look
from bsm.figures.theme import SMALL, Theme, write

GAP = SMALL * 1.22  # least distance of two labels, in points
LEADER = 14.0  # room for the lines that lead from layers to labels
SWATCH = 6.0  # side of the box beside a label
NAMED = LEADER + SWATCH + 5.0  # from the end of a stack to the end of its labels, but for their words
DOT = 2.6


def stack(
    given: Axes, theme: Theme, x: np.ndarray, values: Mapping[str, np.ndarray], looks: Mapping[str, Look]
) -> dict[str, tuple[float, float]]:
    """Layers on one another, the first at the foot; gives the lower and upper edge of each at the end."""
    foot = np.zeros(len(x))
    ends = {}
    for name, y in values.items():
        look = looks[name]
        given.fill_between(x, foot, foot + y, **_filled(look), zorder=2, label=name)
        edge: dict[str, Any] = {"facecolor": "none", "edgecolor": theme.background, "linewidth": 0.5}
        given.fill_between(x, foot, foot + y, **edge, zorder=2)
        ends[name] = (float(foot[-1]), float(foot[-1] + y[-1]))
        foot = foot + y
    return ends


def label_ends(
    given: Axes,
    theme: Theme,
    ends: Mapping[str, tuple[float, float]],
    looks: Mapping[str, Look],
    room: tuple[float, float, float],
) -> None:
    """Names where a stack ends, with lines to the layers that they name and how these look; the largest if not all fit.

    Args:
        given: axes with the stack.
        theme: light, dark or grey.
        ends: lower and upper edge of each layer where the stack ends, from 0 to 1.
        looks: of each layer.
        room: width and height of the axes, and how far from their left the stack ends, in points.
    """
    wide, high, end = room
    most = max(1, int(high / GAP))
    largest = sorted(ends, key=lambda n: ends[n][0] - ends[n][1])[:most]
    kept = [n for n in ends if n in largest]
    middles = [high * (ends[n][0] + ends[n][1]) / 2 for n in kept]
    for name, at, y in zip(kept, middles, apart(middles, GAP, 0.0, high), strict=True):
        look: dict[str, Any] = {
            "color": theme.muted,
            "linewidth": 0.5,
            "clip_on": False,
            "zorder": 3,
            "transform": given.transAxes,
        }
        bends = [(end + 1, at), (end + 4, at), (end + LEADER - 4, y), (end + LEADER - 2, y)]
        given.plot([a / wide for a, _ in bends], [b / high for _, b in bends], **look)
        _swatch(given, looks[name], ((end + LEADER) / wide, y / high), (SWATCH / wide, SWATCH / high))
        x, options = (end + LEADER + SWATCH + 3.0) / wide, over_lines(theme) if end < wide else {}
        write(given, theme, x, y / high, spoken(name), va="center_baseline", transform=given.transAxes, **options)


def _swatch(given: Axes, look: Look, at: tuple[float, float], size: tuple[float, float]) -> None:
    """A small box that looks like a layer, level with the name beside it."""
    place: dict[str, Any] = {"transform": given.transAxes, "clip_on": False, "zorder": 9}
    corner = (at[0], at[1] - size[1] / 2)
    given.add_patch(Rectangle(corner, size[0], size[1], **_filled(look), **place))


def _filled(look: Look) -> dict[str, Any]:
    """Fill and hatch without an outline."""
    hatch = {"hatch": look.hatch, "edgecolor": look.hatched} if look.hatch else {}
    return {"facecolor": look.fill, "linewidth": 0.0, **hatch}


def over_lines(theme: Theme) -> dict[str, Any]:
    """Options of text that stands where lines between phases may run."""
    return {"zorder": 9, "bbox": {"facecolor": theme.background, "edgecolor": "none", "pad": 0.8}}


def apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Rising places, each at least `gap` from the next, near the wanted ones and inside low and high if they fit.

    >>> apart([1.0, 1.0, 9.0], 2.0, 0.0, 10.0)
    [0.0, 2.0, 9.0]
    """
    groups = [[place] for place in wanted]
    while True:
        spots = [_spot(group, gap, low, high) for group in groups]
        clash = next((i for i in range(len(groups) - 1) if spots[i][-1] + gap > spots[i + 1][0] + 1e-9), None)
        if clash is None:
            return [place for spot in spots for place in spot]
        groups[clash : clash + 2] = [groups[clash] + groups[clash + 1]]


def _spot(group: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places of labels that touch, centred on what they name, as far as there is room."""
    half = gap * (len(group) - 1) / 2
    middle = min(max(sum(group) / len(group), low + half), max(high - half, low + half))
    return [middle - half + gap * i for i in range(len(group))]


def ceiling(most: float) -> float:
    """The end of an axis of probabilities: one digit, not under `most`, and at most 1.

    >>> ceiling(0.17), ceiling(0.83)
    (0.2, 1.0)
    """
    return next((step for step in (0.02, 0.05, 0.1, 0.2, 0.5) if most <= step), 1.0)


def ribbon(given: Axes, x: np.ndarray, band: tuple[np.ndarray, np.ndarray, np.ndarray], look: Look) -> None:
    """A line, and the area between the edges of its band."""
    middle, low, high = band
    given.fill_between(x, low, high, facecolor=look.line, alpha=0.25, linewidth=0, zorder=2, label="band")
    given.plot(x, middle, color=look.line, linewidth=1.3, zorder=4, label="middle")


def dots(given: Axes, x: np.ndarray, y: np.ndarray, color: str) -> None:
    """Marks on a line at the moments that were computed."""
    given.plot(x, y, **dot(color), clip_on=False, zorder=5, label="moments")


def dot(color: str) -> dict[str, Any]:
    return {"color": color, "marker": "o", "markersize": DOT, "markeredgewidth": 0, "linestyle": "none"}


def beside(given: Axes, theme: Theme, x: np.ndarray, middle: np.ndarray) -> None:
    """A line to compare with, without a band."""
    given.plot(x, middle, **dashed(theme), zorder=3, label="no ledger")


def dashed(theme: Theme) -> dict[str, Any]:
    return {"color": theme.muted, "linewidth": 0.9, "linestyle": (0, (3, 1.5))}


def band_key(theme: Theme) -> f.Key:
    """The legend's word for bands."""
    look = {"color": theme.muted, "linewidth": 6.0, "alpha": 0.35, "solid_capstyle": "butt"}
    return f.Key("central 90 % over parameters", look, long=True)
