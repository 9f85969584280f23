"""How rare a pattern may be that all environments reward: the two dynamics, in logs (theory d4's toy)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from bsm.figures import frame as f
from bsm.figures.over_time.timeline import titles
from bsm.figures.theme import BODY, LIGHT, Theme, dress, figure, write

COUNTS = (1, 2, 4, 8, 16, 32)
WIDE = 4.6  # inches
LOWEST = -6.5  # of the axis, in powers of ten


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Log10 of the prior at which a general pattern ends level with local ones, by number of environments."""

    counts: np.ndarray
    softmax_pg: np.ndarray
    replicator: np.ndarray


def thresholds() -> Thresholds:
    """The thresholds of `bsm.motives.diversity` for 1 to 32 environments."""
    import torch

    from bsm.motives.diversity import threshold

    counts = torch.tensor(COUNTS, dtype=torch.float64)
    return Thresholds(counts.numpy(), threshold(counts, "softmax_pg").numpy(), threshold(counts, "replicator").numpy())


def power(exponent: int) -> str:
    """A power of ten as people write it.

    >>> power(-12)
    '10⁻¹²'
    """
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def diversity(found: Thresholds, theme: Theme = LIGHT) -> Figure:
    """Threshold against number of environments, both in logs: slope −1 under softmax_pg, collapse under replicator.

    Args:
        found: from `thresholds`.
        theme: light, dark or grey.
    """
    made = figure(theme, WIDE, 3.3, layout=None)
    wide, high = WIDE * f.INCH, 3.3 * f.INCH
    left, top, foot, right = 50.0, 42.0, 62.0, 20.0
    given = dress(
        made.add_axes((left / wide, foot / high, (wide - left - right) / wide, (high - top - foot) / high)), theme
    )
    titles(
        given, theme, "How rare may a pattern be that every environment rewards?", "local patterns start at 0.01", 29.0
    )
    counts = found.counts
    given.set_xscale("log", base=2)
    given.set_xticks(counts, [f"{c:g}" for c in counts])
    given.xaxis.set_ticks([], minor=True)
    given.set(xlim=(0.9, 40.0), ylim=(LOWEST, -1.6), yticks=range(-6, -1))
    given.set_yticklabels([power(e) for e in range(-6, -1)])
    given.set_xlabel("environments D", fontsize=BODY)
    given.set_ylabel("prior share of the general pattern", fontsize=BODY)
    given.plot(
        counts, found.softmax_pg[0] - np.log10(counts), color=theme.muted, linewidth=0.9, linestyle=(0, (3, 1.5))
    )
    looks = {"softmax_pg": theme.series(0), "replicator": theme.series(1)}
    for name, look in looks.items():
        mark = {"marker": look.marker, "markersize": 4.5, "color": look.color, "linewidth": 1.4, "linestyle": look.line}
        given.plot(counts, getattr(found, name), label=name, **mark)
    write(given, theme, counts[3], found.softmax_pg[3] + 0.22, "softmax_pg")
    low = [f"{power(round(y))} at {c:g}" for c, y in zip(counts, found.replicator, strict=True) if y < LOWEST]
    words = ["replicator, off the axis:", *low]
    place = given.get_xaxis_transform()
    for k, line in enumerate(words):
        write(given, theme, 4.3, 0.46 - 0.07 * k, line, transform=place)
    keys = f.key_rows(
        [
            [
                *(
                    f.Key(n, {"marker": k.marker, "markersize": 4.5, "color": k.color, "linestyle": k.line}, long=True)
                    for n, k in looks.items()
                ),
                f.Key("slope −1", {"color": theme.muted, "linewidth": 0.9, "linestyle": (0, (3, 1.5))}, long=True),
            ]
        ],
        wide,
    )
    f.draw_keys(made, theme, keys)
    return made
