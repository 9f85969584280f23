"""What the figures over time have in common below their head: a row for each motivation along the phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsm.figures import frame as f
from bsm.figures.labels import spoken, text_width
from bsm.figures.over_time import timeline as t
from bsm.figures.over_time.areas import NAMED, dots, over_lines, ribbon
from bsm.figures.over_time.looks import Look, looks_of, stacked_in
from bsm.figures.over_time.panels import dynamics_of
from bsm.figures.over_time.readings import differing
from bsm.figures.over_time.tracks import Tracks
from bsm.figures.theme import BODY, DOUBLE, SMALL, Theme, figure, write

TITLE = 28.0  # title and basis
LABEL = 96.0  # widest name beside a row, in points
ROW, APART = 22.0, 5.0
FOOT = 30.0  # ticks and the label of the axis


@dataclass(frozen=True)
class Sheet:
    """A figure over time being drawn: its axis of time, motivations in order, and where its left edge is."""

    made: Figure
    theme: Theme
    tracks: Tracks
    axis: t.Axis
    names: tuple[str, ...]
    looks: dict[str, Look]
    labels: dict[str, tuple[str, ...]]
    left: float

    def axes(self, top: float, high: float, shown: bool = True) -> Axes:
        """Axes over the whole of time, their top so many points from that of the figure."""
        return t.axes_at(self.made, self.theme, self.left, top, self.axis.wide, high, shown)

    def row(self, name: str, top: float, number: str) -> Axes:
        """Axes of one motivation, with its name at the left and a number at the right."""
        given = self.axes(top, ROW)
        t.draw_phases(given, self.theme, self.axis)
        t.left_of(given, self.theme, self.labels[name])
        end = self.axis.end(self.tracks.path)
        options = over_lines(self.theme) if end < self.axis.wide else {}
        t.left_of(given, self.theme, [number], x=self.left + end + 8.0, **options)
        return given

    def line(self, given: Axes, name: str, band: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """A motivation's middle with its band, each [moment], between computed moments, and a dot at each of these."""
        path, look = self.tracks.path, self.looks[name]
        for run in path.runs:
            x, moments = self.axis.along(run)
            ribbon(given, x, (band[0][moments], band[1][moments], band[2][moments]), look)
        places = np.array([self.axis.at(i, u) for i, u, _ in path.places])
        dots(given, places, band[0][[k for _, _, k in path.places]], look.line)

    def foot(self, given: Axes) -> None:
        """Ticks and label of the axis of time, under the last row."""
        t.draw_steps(given, self.theme, self.axis)
        words = "selections past, linear within each phase"
        place = given.get_xaxis_transform()
        write(given, self.theme, 0.0, -(FOOT - 8.0) / ROW, words, fontsize=BODY, va="baseline", transform=place)


def begun(
    tracks: Tracks,
    theme: Theme,
    names: Sequence[str],
    numbers: Sequence[str],
    above: float,
    keys: Sequence[Sequence[f.Key]],
) -> tuple[Sheet, float]:
    """A sheet with `above` points between its headings and its rows, and where its headings end.

    Args:
        tracks: what is drawn.
        theme: light, dark or grey.
        names: motivations that have a row.
        numbers: what will stand at the right of rows.
        above: height of what is drawn over the rows.
        keys: the legend, which is drawn here.
    """
    names = [n for n in stacked_in(tracks.names, tracks.families) if n in names]
    labels = {name: f.fitted(spoken(name), SMALL, LABEL, most=2) for name in names}
    left = f.MARGIN + max(f.widest(part, SMALL) for part in labels.values()) + 16.0
    right = f.MARGIN + max(
        NAMED + max(text_width(spoken(n), SMALL) for n in names), 10.0 + max(text_width(n, SMALL) for n in numbers)
    )
    axis = t.laid_out(tracks.panels, DOUBLE * f.INCH - left - right)
    legend = f.key_rows(keys, DOUBLE * f.INCH - 2 * f.MARGIN)
    top = f.MARGIN + TITLE + axis.head
    tall = top + above + len(names) * (ROW + APART) + FOOT + len(legend) * f.KEY_ROW + f.MARGIN
    made = figure(theme, DOUBLE, tall / f.INCH, layout=None)
    f.draw_keys(made, theme, legend)
    looks = looks_of(tracks.names, tracks.families, theme)
    return Sheet(made, theme, tracks, axis, tuple(names), looks, labels, left), top


def basis(tracks: Tracks) -> str:
    """Dynamics and reading in a line."""
    kinds = dynamics_of(tracks.panels)
    warning = "; a share is not P(motivation | selected)" if "softmax_pg" in kinds else ""
    return f"{', '.join(kinds)}; reading: {tracks.about['reading']}{warning}{_elsewhere(tracks)}"


def _elsewhere(tracks: Tracks) -> str:
    """Where a reading that is not drawn says something else; the caption says what."""
    if tracks.credence is None:
        return ""
    others = differing(tracks.names, tracks.credence.middle, tracks.beside, tracks.path.last[2])
    told = [
        f"{one.reading} differs by up to {max(abs(a - b) for a, b in one.far.values()):.2f} in probability"
        for one in others
        if one.far
    ]
    return "".join(f"; {words}" for words in told)
