"""Shares as selection grows over decades, both dynamics side by side, the model's own amount of selection marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsm.figures import frame as f
from bsm.figures.labels import spoken, text_width
from bsm.figures.over_time import timeline as t
from bsm.figures.over_time.areas import NAMED, band_key, ceiling, label_ends, ribbon, stack
from bsm.figures.over_time.looks import Look, family_keys, looks_of, stacked_in
from bsm.figures.over_time.spread import even_draws
from bsm.figures.over_time.tracks import Curves
from bsm.figures.theme import BODY, DOUBLE, HEAD, LIGHT, SMALL, Theme, figure, write

if TYPE_CHECKING:
    from bsm.spec.model import Model

DYNAMICS = ("replicator", "softmax_pg")
DECADES, PER_DECADE = 3.0, 5
BEYOND = 0.5  # decades past the model's own interval at either end
DRAWS = 256  # under softmax_pg each draw has a winner: fewer leave steps in means, and jumps in the edges of bands
SEED = 7
STACK, ROW, APART, TITLE, HEADS, FOOT = 96.0, 22.0, 5.0, 28.0, 22.0, 34.0
BETWEEN = 18.0


@dataclass(frozen=True, eq=False)
class Sweeps:
    """One phase swept: shares [value, motivation] under each dynamics, or why there are none.

    `selection` are the values of eta n; `own` bounds the central 90 % of the model's own. `stated` says which dynamics
    the phase has in the file, `draws` is the number of parameter draws.
    """

    model: str
    phase: str
    names: tuple[str, ...]
    families: Mapping[str, str]
    selection: np.ndarray
    own: tuple[float, float]
    found: Mapping[str, Curves | str]
    stated: str
    reading: str
    draws: int


def sweeps(model: Model, phase: str, draws: int = DRAWS) -> Sweeps:
    """Shares now as the selections of one phase vary over three decades or more, parameters drawn from their prior."""
    import torch

    from bsm.inference.parameters import Space
    from bsm.motives.families import placement
    from bsm.questions.sweep import sweep as swept
    from bsm.spec.model import SpecError

    space, names = Space.of(model.parameters), tuple(model.motivations)
    of = next(p for p in model.phases if p.name == phase)
    found: dict[str, Curves | str] = {}
    with torch.no_grad():
        many = space.theta(space.prior_draws(1000 if space.names else 1, SEED))
        amount = (many.of(of.selections) * many.of(of.eta)).numpy()
        own = tuple(np.quantile(amount, [0.05, 0.95]).tolist())
        values = _values(*own)
        theta = space.theta(even_draws(space, draws if space.names else 1, SEED))
        for dynamics in DYNAMICS:
            try:
                shares = swept(model, phase, values.tolist(), theta, dynamics).shares.numpy()
            except SpecError as error:
                found[dynamics] = str(error)
                continue
            low, high = np.quantile(shares, [0.05, 0.95], axis=1)
            found[dynamics] = Curves(shares.mean(1), low, high)
    families = {m: str(placement(model, m).family) for m in names}
    return Sweeps(model.name, phase, names, families, values, own, found, of.dynamics, model.reading, theta.draws)


def _values(low: float, high: float) -> np.ndarray:
    """Even in logs around an interval of eta n, over three decades at least."""
    low = max(low, 1e-3)
    ends = [log10(low) - BEYOND, log10(max(high, low)) + BEYOND]
    short = max(0.0, DECADES - (ends[1] - ends[0]))
    ends = [ends[0] - short / 2, ends[1] + short / 2]
    return np.logspace(ends[0], ends[1], int(np.ceil((ends[1] - ends[0]) * PER_DECADE)) + 1)


def sweep(found: Sweeps, theme: Theme = LIGHT) -> Figure:
    """Shares at the end of all phases against eta n of one of them, a column for each dynamics.

    Stacks are means over parameters; the rows have each share with its central 90 %. The bar over each column is the
    model's own eta n, whose ends the dashed lines repeat.

    Args:
        found: from `sweeps`.
        theme: light, dark or grey.
    """
    names = stacked_in(found.names, found.families)
    looks = looks_of(found.names, found.families, theme)
    labels = {n: f.fitted(spoken(n), SMALL, 96.0, most=2) for n in names}
    left = f.MARGIN + max(f.widest(part, SMALL) for part in labels.values()) + 16.0
    right = f.MARGIN + NAMED + max(text_width(spoken(n), SMALL) for n in names)
    wide = (DOUBLE * f.INCH - left - right - BETWEEN) / 2
    legend = f.key_rows(_keys(looks, theme), DOUBLE * f.INCH - 2 * f.MARGIN)
    head = f.MARGIN + TITLE + HEADS
    tall = head + STACK + 8.0 + len(names) * (ROW + APART) + FOOT + len(legend) * f.KEY_ROW + f.MARGIN
    made = figure(theme, DOUBLE, tall / f.INCH, layout=None)
    end = ceiling(max((float(c.high.max()) for c in found.found.values() if isinstance(c, Curves)), default=1.0))
    for column, (dynamics, curves) in enumerate(found.found.items()):
        x0 = left + column * (wide + BETWEEN)
        given = _place(made, theme, found, x0, head, wide, STACK)
        if column == 0:
            words = f"Shares as selection grows in {spoken(found.phase)} of {spoken(found.model)}"
            t.titles(
                given,
                theme,
                words,
                f"at the end of all phases, no ledger; reading: {found.reading}",
                HEADS + TITLE - HEAD,
            )
        stated = " (as in the file)" if dynamics == found.stated else ""
        place = given.get_xaxis_transform()
        write(given, theme, found.selection[0], 1 + 13.0 / STACK, dynamics + stated, fontweight="bold", transform=place)
        given.set_yticks([0, 0.5, 1], ["0", "0.5", "1"] if column == 0 else ["", "", ""])
        if isinstance(curves, str):
            lines = f.fitted(curves, SMALL, wide - 8.0, most=8)
            write(given, theme, 0.03, 0.95, "\n".join(lines), va="top", transform=given.transAxes)
            continue
        ends = stack(given, theme, found.selection, {n: curves.middle[:, found.names.index(n)] for n in names}, looks)
        if column == len(found.found) - 1:
            label_ends(given, theme, ends, looks, (wide, STACK, wide))
        _own(given, theme, found, bar=True)
        y = head + STACK + 8.0
        for name in names:
            y += APART
            row = _place(made, theme, found, x0, y, wide, ROW)
            k = found.names.index(name)
            ribbon(row, found.selection, (curves.middle[:, k], curves.low[:, k], curves.high[:, k]), looks[name])
            _own(row, theme, found, bar=False)
            row.set(ylim=(0, end), yticks=[0, end])
            row.set_yticklabels(["0", f"{end:g}"] if name == names[0] and column == 0 else ["", ""])
            if column == 0:
                t.left_of(row, theme, labels[name])
            y += ROW
        _decades(row, found)
        if column == 0:
            words = f"η n of {spoken(found.phase)}: selections times their strength"
            write(
                row, theme, found.selection[0], -24.0 / ROW, words, fontsize=BODY, transform=row.get_xaxis_transform()
            )
    f.draw_keys(made, theme, legend)
    return made


def _place(made: Figure, theme: Theme, found: Sweeps, left: float, top: float, wide: float, high: float) -> Axes:
    given = t.axes_at(made, theme, left, top, wide, high)
    given.set_xscale("log")
    given.set_xlim(float(found.selection[0]), float(found.selection[-1]))
    given.xaxis.set_ticks([])
    given.xaxis.set_ticks([], minor=True)
    return given


def _decades(given: Axes, found: Sweeps) -> None:
    low, high = (log10(float(found.selection[i])) for i in (0, -1))
    exponents = range(int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9)) + 1)
    given.set_xticks([10.0**e for e in exponents], [f"{10.0**e:,.10g}" for e in exponents])


def _own(given: Axes, theme: Theme, found: Sweeps, bar: bool) -> None:
    """The model's own eta n: a bar over the stack, and its ends as dashed lines through it."""
    low, high = found.own
    if bar:
        look: dict[str, Any] = {"color": theme.accent, "clip_on": False, "transform": given.get_xaxis_transform()}
        if high > low * 1.0001:
            given.plot([low, high], [1 + 5.0 / STACK] * 2, linewidth=3.5, solid_capstyle="butt", label="own", **look)
        else:
            given.plot([low], [1 + 5.0 / STACK], marker="v", markersize=5.0, linestyle="none", label="own", **look)
    elif theme.name != "grey":  # where bands are grey as well
        given.axvspan(low, high, color=theme.accent, alpha=0.08, linewidth=0, zorder=1)
    for end in {low, high}:
        given.axvline(end, color=theme.accent, linewidth=0.8, linestyle=(0, (2.5, 1.5)), zorder=5)


def _keys(looks: Mapping[str, Look], theme: Theme) -> list[list[f.Key]]:
    own = {"color": theme.accent, "linewidth": 3.5, "solid_capstyle": "butt"}
    mean = f.Key("mean", {"color": theme.ink, "linewidth": 1.3}, long=True)
    return [
        family_keys(looks, theme),
        [f.Key("the model's own η n, central 90 %", own, long=True), mean, band_key(theme)],
    ]
