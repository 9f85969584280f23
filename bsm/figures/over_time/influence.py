"""Influence over time: shares stacked along the phases, credence given a ledger below, and every band in its row."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from bsm.figures import frame as f
from bsm.figures.labels import spoken
from bsm.figures.numbers import interval, probability
from bsm.figures.over_time import rows as r
from bsm.figures.over_time import timeline as t
from bsm.figures.over_time.areas import band_key, beside, ceiling, dashed, dot, label_ends, stack
from bsm.figures.over_time.looks import Look, family_keys, looks_of
from bsm.figures.over_time.tracks import Curves, Tracks
from bsm.figures.theme import LIGHT, Theme, write

STACK, WORDS, GAP = 96.0, 11.0, 8.0
SHARE = "share of influence, no ledger"


def influence(tracks: Tracks, theme: Theme = LIGHT) -> Figure:
    """Shares of influence along the phases of a model, and with a ledger what is believed given all its rows.

    Stacks are means over parameters. Below, each motivation has a row with its central 90 % and what it has at the
    last computed moment; there the dashed line is its share without the ledger. Between moments that leave something
    open nothing is drawn. Colours are families.

    Args:
        tracks: from `of_model` or `of_result`.
        theme: light, dark or grey.
    """
    stacks = {SHARE: tracks.share}
    if tracks.credence is not None:
        stacks[f"given all rows of {tracks.subject}"] = tracks.credence
    main = list(stacks.values())[-1]
    strip = t.STRIP if tracks.marks else 0.0
    above = len(stacks) * (WORDS + STACK + GAP) + strip
    numbers = {name: at_end(tracks, main, name) for name in tracks.names}
    looks = looks_of(tracks.names, tracks.families, theme)
    sheet, y = r.begun(tracks, theme, tracks.names, list(numbers.values()), above, _keys(tracks, looks, theme))
    for words, curves in stacks.items():
        first = curves is tracks.share
        y += WORDS + (0.0 if first else strip)
        if not first and strip:
            marks = sheet.axes(y - strip, strip, shown=False)
            t.draw_rows(marks, theme, sheet.axis, tracks)
            t.left_of(marks, theme, ["rows seen"])
        given = sheet.axes(y, STACK)
        if first:
            t.titles(
                given, theme, f"Influence over time in {spoken(tracks.model)}", r.basis(tracks), y - f.MARGIN - 9.0
            )
            t.draw_heads(given, theme, sheet.axis, sheet.axis.head + WORDS)
        _stack(sheet, given, curves, words, above=3.0 if first else 3.0 + strip)
        y += STACK + GAP
    end = ceiling(max(float(c.high.max()) for c in stacks.values()))
    for name in sheet.names:
        y += r.APART
        given = sheet.row(name, y, numbers[name])
        _row(sheet, given, main, name)
        given.set(ylim=(0, end), yticks=[0, end])
        given.set_yticklabels(["0", f"{end:g}"] if name == sheet.names[0] else ["", ""])
        y += r.ROW
    sheet.foot(given)
    return sheet.made


def at_end(tracks: Tracks, curves: Curves, name: str) -> str:
    """The mean at the last computed moment, with its interval where there is one."""
    k, m = tracks.path.last[2], tracks.names.index(name)
    middle, low, high = (float(part[k, m]) for part in (curves.middle, curves.low, curves.high))
    if high - low < 1e-12:
        return probability(middle)
    return f"{probability(middle)} ({interval(low, high)})"


def _stack(sheet: r.Sheet, given: t.Axes, curves: Curves, words: str, above: float) -> None:
    theme, tracks = sheet.theme, sheet.tracks
    values = {n: curves.middle[:, tracks.names.index(n)] for n in sheet.names}
    for run in tracks.path.runs:
        x, moments = sheet.axis.along(run)
        ends = stack(given, theme, x, {n: y[moments] for n, y in values.items() if y.any()}, sheet.looks)
    t.draw_phases(given, theme, sheet.axis)
    t.draw_moments(given, theme, sheet.axis, tracks)
    given.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    label_ends(given, theme, ends, sheet.looks, (sheet.axis.wide, STACK, sheet.axis.end(tracks.path)))
    write(given, theme, 0.0, 1 + above / STACK, words, va="baseline", fontweight="bold")


def _row(sheet: r.Sheet, given: t.Axes, main: Curves, name: str) -> None:
    tracks, look = sheet.tracks, sheet.looks[name]
    k = tracks.names.index(name)
    sheet.line(given, name, (main.middle[:, k], main.low[:, k], main.high[:, k]))
    if main is not tracks.share and look.family is not None:
        for run in tracks.path.runs:
            x, moments = sheet.axis.along(run)
            beside(given, sheet.theme, x, tracks.share.middle[moments, k])


def _keys(tracks: Tracks, looks: Mapping[str, Look], theme: Theme) -> list[list[f.Key]]:
    ledger = tracks.credence is not None
    other = [f.Key("mean" + (" given all rows" if ledger else ""), {"color": theme.ink, "linewidth": 1.3}, long=True)]
    other += [band_key(theme), f.Key("computed moment", dot(theme.ink))]
    if ledger:
        other.append(f.Key("share, no ledger", dashed(theme), long=True))
    return [family_keys(looks, theme), [*other, *marked(tracks, theme)]]


def marked(tracks: Tracks, theme: Theme) -> list[f.Key]:
    """Legend entries of gates and rows, as far as there are any."""
    found = []
    if any(p.gates for p in tracks.panels):
        found.append(f.Key("gate", {"color": theme.accent, "linewidth": 0.9, "linestyle": (0, (2.5, 1.5))}, long=True))
    for selected, words in ((False, "rows seen there (how many)"), (True, "rows selected on")):
        if any(m.selected is selected for m in tracks.marks):
            found.append(f.Key(words, t.row_mark(theme, selected)))
    return found
