"""Log odds over time: a ribbon for each motivation against one of them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bsm.figures import frame as f
from bsm.figures.labels import spoken
from bsm.figures.numbers import nats
from bsm.figures.over_time import rows as r
from bsm.figures.over_time import timeline as t
from bsm.figures.over_time.areas import band_key, dot
from bsm.figures.over_time.influence import marked
from bsm.figures.over_time.looks import family_keys, looks_of
from bsm.figures.over_time.tracks import Curves, Tracks
from bsm.figures.theme import LIGHT, Theme

LIMITS = (2.0, 5.0, 10.0, 20.0, 40.0)  # nats; beyond the last a line runs along the edge
WORDS = 4.0


def odds(tracks: Tracks, theme: Theme = LIGHT) -> Figure:
    """Log odds of each motivation against the reference along the phases, medians and central 90 % over parameters.

    Given all rows where there is a ledger, else of shares. Each row ends with the odds at the last computed
    moment.

    Args:
        tracks: from `of_model` or `of_result`.
        theme: light, dark or grey.
    """
    curves = shown(tracks)
    names = [n for n in tracks.names if n != tracks.reference]
    numbers = {name: at_end(tracks, curves, name) for name in names}
    looks = looks_of(tracks.names, tracks.families, theme)
    keys = [family_keys({n: looks[n] for n in names}, theme)]
    line = f.Key("median", {"color": theme.ink, "linewidth": 1.3}, long=True)
    keys.append([line, band_key(theme), f.Key("computed moment", dot(theme.ink)), *marked(tracks, theme)])
    strip = t.STRIP if tracks.marks else 0.0
    sheet, y = r.begun(tracks, theme, names, list(numbers.values()), strip + WORDS, keys)
    top = y + strip
    if strip:
        marks = sheet.axes(y, strip, shown=False)
        t.draw_rows(marks, theme, sheet.axis, tracks)
        t.left_of(marks, theme, ["rows seen"])
    y += strip + WORDS
    limit = edge(curves)
    for name in sheet.names:
        y += r.APART
        given = sheet.row(name, y, numbers[name])
        if name == sheet.names[0]:
            of = f"given all rows of {tracks.subject}" if tracks.credence is not None else "of influence, no ledger"
            words = f"Log odds against {spoken(tracks.reference)}, {of}"
            t.titles(given, theme, words, f"in nats; {r.basis(tracks)}", y - f.MARGIN - 9.0)
            t.draw_heads(given, theme, sheet.axis, sheet.axis.head + y - (top - strip))
        k = tracks.names.index(name)
        band = [np.clip(part[:, k], -limit, limit) for part in (curves.middle, curves.low, curves.high)]
        given.axhline(0.0, color=theme.muted, linewidth=0.6, zorder=1)
        sheet.line(given, name, (band[0], band[1], band[2]))
        given.set(ylim=(-limit * 1.04, limit * 1.04), yticks=[-limit, 0, limit])
        given.set_yticklabels([f"−{limit:g}", "", f"+{limit:g}"] if name == sheet.names[0] else ["", "", ""])
        y += r.ROW
    sheet.foot(given)
    return sheet.made


def edge(curves: Curves) -> float:
    """The end of the axis, in nats: three quarters of all bands lie within, as far as the largest end allows.

    Bands of the reference itself, which are 0, count for little in this.
    """
    sizes = np.abs(np.concatenate([curves.low.ravel(), curves.high.ravel()]))
    return next((limit for limit in LIMITS if np.quantile(sizes, 0.75) <= limit), LIMITS[-1])


def shown(tracks: Tracks) -> Curves:
    """The odds that are drawn: given the rows where there is a ledger."""
    found = tracks.share_odds if tracks.credence_odds is None else tracks.credence_odds
    if found is None:
        raise ValueError("these tracks have no odds; make them with `of_model` or `of_result`")
    return found


def at_end(tracks: Tracks, curves: Curves, name: str) -> str:
    """The median at the last computed moment, with its interval where there is one, in nats."""
    k, m = tracks.path.last[2], tracks.names.index(name)
    middle, low, high = (float(part[k, m]) for part in (curves.middle, curves.low, curves.high))
    if high - low < 1e-12:
        return nats(middle)
    return f"{nats(middle)} ({nats(low)} to {nats(high)})"
