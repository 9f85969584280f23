"""Predicted against measured, and how much of each prediction lies in the band of the seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsm.figures import theme as look_of
from bsm.figures.theme import BODY, DOUBLE, FONT, HEAD, LIGHT, LINE, Theme, axes, figure, heading, legend, save
from tests.training.protocol import ALGORITHMS, GOAL_MATCHING, GOAL_SWAPPED, JUDGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Found = Mapping[str, Mapping[str, Any]]  # variant -> algorithm -> record
TITLES = {"reinforce": "REINFORCE", "natural": "Natural gradient"}
PLACES = {"training": "in training contexts", "deployment": "deployed"}
FROZEN = "frozen features"


def write(found: Found, folder: Path) -> None:
    """Both figures as PNG and SVG."""
    save(courses(found[JUDGED]), folder / "against_training", "Influence shares, predicted and measured")
    save(insides(found), folder / "inside", "Part of each prediction inside the band of seeds")


def courses(records: Mapping[str, Any], theme: Theme = LIGHT) -> Figure:
    """Influence shares over training: a row per algorithm and place, a column per pattern."""
    made = figure(theme, DOUBLE, 7.6)
    names = records["reinforce"]["patterns"]
    rows = [(which, place) for which in ALGORITHMS for place in PLACES]
    for i, (which, place) in enumerate(rows):
        for j, name in enumerate(names):
            given = axes(made, theme, len(rows), len(names), i * len(names) + j + 1, grid="y")
            _course(given, theme, which, records[which], place, j)
            given.set_title(" ", fontsize=BODY)  # room for the row's heading, that must not widen a column
            given.set(ylim=(0, 1), yticks=[0, 0.5, 1], xlim=(0, None))
            look_of.write(given, theme, 0.96, 0.9, name, transform=given.transAxes, ha="right")
            if j:
                given.set_yticklabels([])
            else:
                words = f"{TITLES[which]}, {PLACES[place]}: {_score(which, records[which], place)}"
                look = {"transform": given.transAxes, "fontsize": BODY, "fontweight": "bold", "in_layout": False}
                look_of.write(given, theme, 0, 1.06, words, **look)
            if i < len(rows) - 1 and rows[i + 1][0] == which:
                given.set_xticklabels([])
            else:
                given.set_xlabel("step")
    made.supylabel("share of influence (ablation KL)", fontsize=BODY, fontfamily=FONT, color=theme.ink)
    handles, words = made.axes[0].get_legend_handles_labels()
    legend(made, theme, handles=handles, labels=words, loc="outside lower center", ncols=3)
    return made


def _course(given: Axes, theme: Theme, which: str, record: Mapping[str, Any], place: str, j: int) -> None:
    begin = record["at_start"][place][j]
    steps = [0, *record["steps"]]
    measured = {key: [begin, *(row[j] for row in values)] for key, values in record["measured"][place].items()}
    given.fill_between(
        steps,
        measured["low"],
        measured["high"],
        color=theme.faint,
        linewidth=0,
        label="measured: central 90 % of seeds",
    )
    given.plot(steps, measured["median"], color=theme.ink, linewidth=LINE, label="measured: median")
    algorithm = ALGORITHMS[which]
    for position, (claim, words) in enumerate(
        (
            (algorithm.matching, "matching dynamics"),
            (algorithm.swapped, "swapped dynamics"),
            (FROZEN, "frozen features (nothing fitted)"),
        )
    ):
        look = theme.series(position)
        said = [begin, *(row[j] for row in record["claims"][claim]["predicted"][place])]
        given.plot(steps, said, color=look.color, linestyle=look.line, linewidth=LINE, label=words)


def _score(which: str, record: Mapping[str, Any], place: str) -> str:
    algorithm, claims = ALGORITHMS[which], record["claims"]
    said = (algorithm.matching, algorithm.swapped, FROZEN)
    return ", ".join(f"{claim} {100 * claims[claim]['inside'][place]:.0f} %" for claim in said) + " inside"


def insides(found: Found, theme: Theme = LIGHT) -> Figure:
    """Parts of pairs inside the band: a row per variant and algorithm, a panel per place."""
    rows = [(variant, which) for variant in found for which in ALGORITHMS]
    made = figure(theme, DOUBLE, 0.9 + 0.22 * len(rows))
    for j, place in enumerate(PLACES):
        given = axes(made, theme, 1, 2, j + 1, grid="x")
        given.axvline(
            100 * GOAL_MATCHING, color=theme.muted, linewidth=LINE, linestyle="-", label="goal: matching above"
        )
        given.axvline(
            100 * GOAL_SWAPPED, color=theme.muted, linewidth=LINE, linestyle="--", label="goal: swapped below"
        )
        for position, words in enumerate(("matching dynamics", "swapped dynamics", FROZEN)):
            look = theme.series(position)
            points = [(_part(found, v, w, words, place), y) for y, (v, w) in enumerate(rows)]
            seen = [(x, y) for x, y in points if x is not None]
            options = {"color": look.color, "marker": look.marker, "linestyle": "none", "markersize": 5.0}
            if position == 2:
                options |= {"markerfacecolor": "none", "markersize": 8.0}
            given.plot([x for x, _ in seen], [y for _, y in seen], label=words, clip_on=False, **options)
        given.set(xlim=(0, 100), ylim=(len(rows) - 0.4, -0.6), yticks=range(len(rows)), xlabel="inside the band, %")
        given.set_yticklabels([f"{v}, {TITLES[w]}" for v, w in rows] if j == 0 else [])
        heading(given, theme, f"Influence {PLACES[place]}").set_fontsize(HEAD)
    handles, words = made.axes[0].get_legend_handles_labels()
    legend(made, theme, handles=handles, labels=words, loc="outside lower center", ncols=5)
    return made


def _part(found: Found, variant: str, which: str, words: str, place: str) -> float | None:
    algorithm = ALGORITHMS[which]
    named = {"matching dynamics": algorithm.matching, "swapped dynamics": algorithm.swapped}
    claim = found[variant][which]["claims"].get(named.get(words, words))
    return None if claim is None else 100 * float(claim["inside"][place])
