"""The headline under every defensible setting: what moves it, and whether it is determined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bsm.figures import frame as f
from bsm.figures.choice_table import Choices, Setting, choices_of, verdict
from bsm.figures.numbers import interval, probability
from bsm.figures.standings import names_of
from bsm.figures.theme import DOUBLE, LIGHT, SMALL, Theme, figure, write

if TYPE_CHECKING:
    from bsm.inference.over_time import OverTime
    from bsm.inference.result import Result

LABEL = 190.0  # widest name of a setting, in points
NUMBERS = (40.0, 64.0)  # widths of the columns: probability, interval
ROW, GROUP = 13.5, 13.0  # least height of a setting, and of the heading of a group
TOP, AXIS = 40.0, 30.0  # heading and heads of columns; tick labels and axis label
NOTE = 10.0  # distance of two lines of a note


def best_band(points: Sequence[float], limit: float, held: float) -> tuple[float, float]:
    """The band of this width that holds the most points and `held` among them, between 0 and 1.

    >>> best_band([0.1, 0.2, 0.9], 0.3, 0.2)
    (0.1, 0.4)
    """
    middle = (min(points) + max(points)) / 2
    starts = [0.0, held, held - limit, middle - limit / 2, *points, *(p - limit for p in points)]
    legal = [min(max(s, 0.0), 1.0 - limit) for s in starts if s - 1e-9 <= held <= s + limit + 1e-9]

    def merit(start: float) -> tuple[int, float]:
        return sum(start - 1e-9 <= p <= start + limit + 1e-9 for p in points), -abs(start + limit / 2 - middle)

    start = max(legal, key=merit)
    return start, start + limit


def choices(result: Result | OverTime, theme: Theme = LIGHT) -> Figure:
    """The headline probability with its 90 % interval under each setting, grouped by what the setting is about.

    The shaded band is as wide as the headline may move and still count as determined, placed where it holds the
    default and as many settings as it can; settings outside it are in the accent colour. A broken line is the
    prior as declared.

    Raises:
        ValueError: the result has no choices table.
    """
    found = choices_of(result)
    if found is None:
        raise ValueError("this result has no choices table; `bsm.choices(model, ledger, result)` adds one")
    wide = DOUBLE * f.INCH
    rows, height = _rows(found)
    notes = _notes(found, wide - 2 * f.MARGIN)
    legend = f.key_rows([_keys(theme, found)], wide - 2 * f.MARGIN)
    foot = len(notes) * NOTE + 4.0
    tall = f.MARGIN + TOP + height + AXIS + foot + len(legend) * f.KEY_ROW + f.MARGIN
    left = f.MARGIN + max(f.widest(row.lines, SMALL) for row in rows) + 12.0
    made = figure(theme, DOUBLE, tall / f.INCH, layout=None)
    across = wide - left - sum(NUMBERS) - f.MARGIN - 6.0
    given = f.panel(made, theme, left, f.MARGIN + TOP, across, height, grid="x")
    given.set(xlim=(0, 1), xticks=[0, 0.25, 0.5, 0.75, 1], xticklabels=["0", "0.25", "0.5", "0.75", "1"])
    given.set_xlabel("probability")
    f.title(given, theme, verdict(found), above=TOP - 9.0)
    at = f" at {found.at}" if found.at else ""
    asked = f"probability of {names_of(found.headline, 'or')}, {found.subject}{at}"
    said = f.fitted(asked, SMALL, wide - sum(NUMBERS) - 30.0, most=1)
    write(given, theme, f.MARGIN, 21.0 - TOP, said[0], color=theme.muted, transform=f.in_points(given))
    band = _draw_band(given, theme, found, height)
    given.plot([found.before, found.before], [0, height], **_prior(theme))
    _heads(given, theme, wide)
    for row in rows:
        _draw(given, theme, row, band, wide)
    for i, line in enumerate(notes):
        y = height + AXIS + (i + 1) * NOTE
        write(given, theme, f.MARGIN, y, line, color=theme.muted, transform=f.in_points(given))
    f.draw_keys(made, theme, legend)
    return made


def _draw_band(given: Axes, theme: Theme, found: Choices, height: float) -> tuple[float, float]:
    seen = [s.headline for s in found.answered if s.headline is not None]
    held = found.default.headline
    band = best_band(seen, found.limit, seen[0] if held is None else held)
    look: dict[str, Any] = {"facecolor": theme.faint, "alpha": 0.6, "linewidth": 0, "zorder": 0}
    given.add_patch(Rectangle((band[0], 0), found.limit, height, **look))
    return band


@dataclass(frozen=True)
class _Row:
    """A setting, or the heading of a group (`setting` None)."""

    lines: tuple[str, ...]
    y: float
    setting: Setting | None


def _rows(found: Choices) -> tuple[list[_Row], float]:
    rows: list[tuple[tuple[str, ...], Setting | None, float]] = []
    about = None
    for setting in sorted(found.settings, key=lambda s: [t.about for t in found.settings].index(s.about)):
        if setting.about != about and setting is not found.default:
            rows.append(((setting.about,), None, GROUP + 2.0))
        about = setting.about
        lines = f.fitted(setting.name + (" *" if setting.note else ""), SMALL, LABEL)
        rows.append((lines, setting, max(ROW, f.tall(lines, SMALL) + 5.0)))
    middles, total = f.centres([height for *_, height in rows])
    return [_Row(lines, y, setting) for (lines, setting, _), y in zip(rows, middles, strict=True)], total


def _heads(given: Axes, theme: Theme, wide: float) -> None:
    right = wide - f.MARGIN
    for words, x in (("posterior", right - NUMBERS[1]), ("90 % interval", right)):
        write(given, theme, x, -6.0, words, ha="right", color=theme.muted, transform=f.in_points(given))


def _draw(given: Axes, theme: Theme, row: _Row, band: tuple[float, float], wide: float) -> None:
    s = row.setting
    if s is None:
        f.lines_at(given, theme, f.MARGIN, row.y + 1.5, row.lines, color=theme.muted)
        return
    default = s.about == "default"
    weight, indent = ("bold", 0.0) if default else ("normal", 6.0)
    f.lines_at(given, theme, f.MARGIN + indent, row.y, row.lines, fontweight=weight)
    right = wide - f.MARGIN
    if s.headline is None:
        f.lines_at(given, theme, right, row.y, ["no answer"], ha="right", color=theme.muted)
        return
    out = not band[0] - 1e-9 <= s.headline <= band[1] + 1e-9
    color = theme.accent if out else theme.ink
    if s.low is not None and s.high is not None:
        given.plot([s.low, s.high], [row.y, row.y], **_BAR, color=color, clip_on=False)
        f.lines_at(given, theme, right, row.y, [interval(s.low, s.high)], ha="right")
    given.plot([s.headline], [row.y], **_dot(color, out, theme), clip_on=False)
    look = {"ha": "right", "color": color, "fontweight": "bold"}
    f.lines_at(given, theme, right - NUMBERS[1], row.y, [probability(s.headline)], **look)


_BAR: dict[str, Any] = {"linewidth": 1.6, "solid_capstyle": "butt", "zorder": 3}


def _dot(color: str, out: bool, theme: Theme) -> dict[str, Any]:
    marker = {"marker": "D" if out else "o", "markersize": 4.6 if out else 5.2, "linestyle": "none"}
    return {"color": color, "markeredgecolor": theme.background, "markeredgewidth": 0.5, "zorder": 4, **marker}


def _prior(theme: Theme) -> dict[str, Any]:
    return {"color": theme.muted, "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 1}


def _notes(found: Choices, room: float) -> list[str]:
    told = [f"* {s.name}: {s.note}" for s in found.settings if s.note]
    told += [f"not tried: {name} ({why})" for name, why in found.without]
    return [line for words in told for line in f.fitted(words, SMALL, room, most=6)]


def _keys(theme: Theme, found: Choices) -> list[f.Key]:
    band = {"color": theme.faint, "alpha": 0.6, "linewidth": 7.0, "solid_capstyle": "butt"}
    both = {"linewidth": 1.6, "marker": "o", "markersize": 5.2, "color": theme.ink}
    return [
        f.Key("posterior, 90 % interval over parameters", both, long=True),
        f.Key(f"a band {found.limit:g} wide", band, long=True),
        f.Key("outside the band", _dot(theme.accent, True, theme)),
        f.Key("prior as declared", _prior(theme), long=True),
    ]
