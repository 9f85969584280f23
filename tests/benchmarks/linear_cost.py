"""The figure of cost against rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bsm.figures.theme import DOUBLE, LIGHT, LINE, axes, figure, heading, legend, save

TITLE = "Seconds and peak memory against rows of evidence, streamed in chunks, one thread"


def draw(results: Mapping[str, Sequence[Mapping[str, Any]]], stem: Path) -> None:
    """Write `stem`.png and `stem`.svg: seconds and peak memory against rows, one line for each task.

    Args:
        results: for each task, its sizes: `rows`, `seconds` (min, median, max) and `peak_mib`.
    """
    theme = LIGHT
    made = figure(theme, width=DOUBLE, height=2.8)
    time = axes(made, theme, 1, 2, 1, grid="both")
    memory = axes(made, theme, 1, 2, 2, grid="both")
    for position, (task, sizes) in enumerate(results.items()):
        look = theme.series(position)
        rows = [s["rows"] for s in sizes]
        seconds, peaks = [s["seconds"]["median"] for s in sizes], [s["peak_mib"] for s in sizes]
        for panel, heights in ((time, seconds), (memory, peaks)):
            panel.plot(
                rows,
                heights,
                color=look.color,
                marker=look.marker,
                markersize=4,
                linestyle=look.line,
                linewidth=LINE,
                label=task,
            )
    ends = [rows[0], rows[-1]]
    least = min(sizes[-1]["seconds"]["median"] for sizes in results.values()) / 2
    proportional = [least * end / ends[-1] for end in ends]
    time.plot(ends, proportional, color=theme.muted, linewidth=LINE, linestyle=":", label="proportional to rows")
    time.set(xscale="log", yscale="log", xlabel="rows of evidence", ylabel="processor seconds, one thread")
    memory.set(xscale="log", xlabel="rows of evidence", ylabel="peak memory of the process (MiB)")
    memory.set_ylim(0, 1.15 * memory.get_ylim()[1])
    heading(time, theme, "Time grows with rows")
    heading(memory, theme, "Memory does not")
    legend(time, theme, loc="upper left")
    save(made, stem, TITLE)
