"""What made the odds what they are: nats by phase and lever, a column of signed bars for each motivation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsm.figures import frame as f
from bsm.figures.labels import spoken
from bsm.figures.numbers import nats
from bsm.figures.over_time.looks import Look, looks_of, stacked_in
from bsm.figures.theme import DOUBLE, LIGHT, SMALL, Theme, figure, write

if TYPE_CHECKING:
    from bsm.spec.model import Model

LABEL = 118.0  # widest part, in points
ROW, HEADING, TITLE, AXIS = 15.0, 15.0, 34.0, 22.0
BESIDE = 7  # most motivations side by side
BETWEEN = 9.0
LIMITS = (1.0, 2.0, 5.0, 10.0)  # nats; a bar that is longer ends in a point


@dataclass(frozen=True, eq=False)
class Bars:
    """Mean nats by part and motivation, which add up to the total, with their central 90 % over parameters."""

    model: str
    reference: str
    names: tuple[str, ...]
    families: Mapping[str, str]
    groups: tuple[tuple[str, tuple[str, ...]], ...]  # heading, and parts under it; the full name has both
    middle: Mapping[str, np.ndarray]  # full name of a part, or "total" -> [motivation]
    low: Mapping[str, np.ndarray]
    high: Mapping[str, np.ndarray]
    at: str
    dynamics: str
    reading: str
    order: str


def bars(model: Model, reference: str | None = None, draws: int = 200) -> Bars:
    """The account of log odds now, over draws from the prior of the parameters."""
    import torch

    from bsm.inference.parameters import Space
    from bsm.motives.families import placement
    from bsm.questions.attribution import attribution as account

    space = Space.of(model.parameters)
    with torch.no_grad():
        found = account(model, reference, theta=space.theta(space.prior_draws(draws if space.names else 1, 11)))
    every = {**{n: v.numpy() for n, v in found.parts.items()}, "total": found.total.numpy()}
    groups: dict[str, list[str]] = {}
    for name in found.parts:
        head, _, part = name.partition(": ")
        groups.setdefault(head, []).append(part)
    order = ["prior", *(p.name for p in model.phases)]
    return Bars(
        model=model.name,
        reference=found.reference,
        names=found.motivations,
        families={m: str(placement(model, m).family) for m in found.motivations},
        groups=tuple((h, tuple(groups[h])) for h in order if h in groups),
        middle={n: v.mean(0) for n, v in every.items()},
        low={n: np.quantile(v, 0.05, axis=0) for n, v in every.items()},
        high={n: np.quantile(v, 0.95, axis=0) for n, v in every.items()},
        at=found.at,
        dynamics=", ".join(dict.fromkeys(p.dynamics for p in model.phases if p.selections != 0.0)) or "no selection",
        reading=found.reading,
        order=found.order,
    )


def attribution(found: Bars, theme: Theme = LIGHT) -> Figure:
    """Nats that each prior term, phase and lever adds to the log odds against a reference; a column adds up.

    Args:
        found: from `bars`.
        theme: light, dark or grey.
    """
    names = [n for n in stacked_in(found.names, found.families) if n != found.reference]
    looks = looks_of(found.names, found.families, theme)
    rows, height = _rows(found)
    labels = [f.fitted(words, SMALL, LABEL, most=2) for words, _, _ in rows]
    left = f.MARGIN + max(f.widest(part, SMALL) for part in labels) + 14.0
    shelves = _shelves(names)
    room = DOUBLE * f.INCH - left - f.MARGIN
    wide = (room + BETWEEN) / len(shelves[0]) - BETWEEN
    heads = {n: f.fitted(spoken(n), SMALL, wide, most=3) for n in names}
    head = max(len(h) for h in heads.values()) * SMALL * f.LEADING + 5.0
    families = list(dict.fromkeys(looks[n].family or "" for n in names))
    keys = [_key(next(looks[n] for n in names if looks[n].family == family), family, theme) for family in families]
    band = f.Key("central 90 % over parameters", {"color": theme.ink, "linewidth": 0.8}, long=True)
    beyond = f.Key(
        "goes on beyond the axis", {"marker": ">", "markersize": 4.0, "color": theme.ink, "linestyle": "none"}
    )
    legend = f.key_rows([keys, [band, beyond]], DOUBLE * f.INCH - 2 * f.MARGIN)
    tall = f.MARGIN + TITLE + len(shelves) * (head + height + AXIS) + len(legend) * f.KEY_ROW + f.MARGIN + 6.0
    made = figure(theme, DOUBLE, tall / f.INCH, layout=None)
    limit = edge(found)
    for down, shelf in enumerate(shelves):
        top = f.MARGIN + TITLE + head + down * (head + height + AXIS)
        for across, name in enumerate(shelf):
            x = left + across * (wide + BETWEEN)
            given = f.panel(made, theme, x, top, wide, height)
            given.set(xlim=(-limit, limit), xticks=[-limit, 0, limit])
            given.set_xticklabels([f"−{limit:g}", "0", f"+{limit:g}"])
            _ends_inwards(given)
            given.axvline(0.0, color=theme.muted, linewidth=0.6, zorder=1)
            _column(given, theme, found, name, rows, limit, looks[name].line, x, wide)
            place = f.in_points(given)
            for up, line in enumerate(reversed(heads[name])):
                write(given, theme, x, -5.0 - up * SMALL * f.LEADING, line, fontweight="bold", transform=place)
            if across == 0:
                _labels(given, theme, rows, labels)
            if across == 0 and down == 0:
                words = f"What made the log odds against {spoken(found.reference)} in {spoken(found.model)}"
                f.title(given, theme, words, above=head + TITLE - 9.0)
                words = f"nats, at {_at(found.at)}, no ledger; {found.dynamics}; reading: {found.reading}"
                write(given, theme, f.MARGIN, -(head + TITLE - 20.0), words, color=theme.muted, transform=place)
    f.draw_keys(made, theme, legend)
    return made


def _at(words: str) -> str:
    return "the start" if words == "start" else f"the end of {spoken(words)}"


def _key(look: Look, family: str, theme: Theme) -> f.Key:
    mark = {"marker": "s", "markersize": 6.0, "color": look.line, "linestyle": "none"}
    return f.Key(family, {**mark, "markeredgecolor": theme.muted, "markeredgewidth": 0.4})


def edge(found: Bars) -> float:
    """The end of the axis, in nats: nine in ten of the bars that are not nothing lie within it, up to ten nats."""
    sizes = np.abs(np.concatenate([v[v != 0] for v in found.middle.values()]))
    most = float(np.quantile(sizes, 0.9)) if len(sizes) else 0.0
    return next((limit for limit in LIMITS if most <= limit), LIMITS[-1])


def _rows(found: Bars) -> tuple[list[tuple[str, str | None, float]], float]:
    """Words, the full name of the part (None for a heading), and the middle of each row; the height of all."""
    rows: list[tuple[str, str | None, float]] = []
    y = 0.0
    for head, parts in found.groups:
        rows.append((spoken(head), None, y + HEADING / 2))
        y += HEADING
        for part in parts:
            rows.append((spoken(part), f"{head}: {part}", y + ROW / 2))
            y += ROW
    rows.append(("total log odds", "total", y + 6.0 + ROW / 2))
    return rows, y + 6.0 + ROW + 2.0


def _shelves(names: Sequence[str]) -> list[Sequence[str]]:
    count = -(-len(names) // BESIDE)
    across = -(-len(names) // count)
    return [names[i : i + across] for i in range(0, len(names), across)]


def _labels(
    given: Axes, theme: Theme, rows: Sequence[tuple[str, str | None, float]], labels: Sequence[Sequence[str]]
) -> None:
    for (_, full, y), lines in zip(rows, labels, strict=True):
        strong = full is None or full == "total"
        f.lines_at(
            given, theme, f.MARGIN + (0.0 if strong else 6.0), y, lines, fontweight="bold" if strong else "normal"
        )


def _column(
    given: Axes,
    theme: Theme,
    found: Bars,
    name: str,
    rows: Sequence[tuple[str, str | None, float]],
    limit: float,
    color: str,
    x: float,
    wide: float,
) -> None:
    k = found.names.index(name)
    for _, full, y in rows:
        if full is None:
            continue
        middle, low, high = (float(part[full][k]) for part in (found.middle, found.low, found.high))
        if full == "total":
            given.plot([-limit, limit], [y - ROW / 2 - 3.0] * 2, color=theme.muted, linewidth=0.6)
        if middle == low == high == 0:
            continue
        end = float(np.clip(middle, -limit, limit))
        fill = theme.ink if full == "total" else color
        given.barh([y], [end], height=7.0, color=fill, linewidth=0, zorder=2, label=full)
        if abs(middle) > limit:
            mark = ">" if middle > 0 else "<"
            given.plot([end], [y], marker=mark, markersize=4.5, color=fill, clip_on=False, zorder=4, linestyle="none")
        if high > low:
            ends = np.clip([low, high], -limit, limit)
            given.plot(ends, [y + 4.6] * 2, color=theme.ink, linewidth=0.8, zorder=3)
        side = -1 if end > 0 else 1
        words = nats(middle)
        place = x + wide / 2 + side * 3.0
        f.lines_at(given, theme, place, y, [words], ha="left" if side > 0 else "right")


def _ends_inwards(given: Axes) -> None:
    first, _, last = given.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
