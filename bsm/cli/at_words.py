"""What `bsm at` prints: a result over time, or, where there is no ledger, shares of influence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from bsm.cli.options import print_json
from bsm.spec.number_words import banded
from bsm.spec.text_table import aligned

if TYPE_CHECKING:
    from bsm.inference.over_time import OverTime
    from bsm.inference.over_time.forecast import Forecast
    from bsm.inference.over_time.without import Summary, Without
    from bsm.spec.model import Model

Behaviours = Sequence[tuple[str, Mapping[str, str] | None]]
FORECAST = ("subject", "reading", "at", "predicted", "event", "context", "mean", "low", "high", "none_of_these")


# --- with a ledger -----------------------------------------------------------------------------------------


def told_with_ledger(result: OverTime, asked: Behaviours, as_json: bool) -> None:
    """Print a result, and its forecasts at all of its moments."""
    forecasts = [
        result.forecast(observation, context, moment, subject)
        for subject in result.subjects
        for observation, context in asked
        for moment in result.moments
    ]
    if as_json:
        print_json(document(result) | {"forecasts": [_document(one) for one in forecasts]})
    else:
        click.echo("\n".join([str(result), *([""] if forecasts else []), *map(str, forecasts)]))


def document(result: OverTime) -> dict[str, Any]:
    """A result over time as one JSON document, without forecasts."""
    from bsm.inference.over_time.headline import headline

    return {
        "headline": {subject: headline(result, subject) for subject in result.subjects},
        "about": result.about,
        "rows": [row for reading in result.readings for row in _rows(result, reading)],
    }


def _rows(result: OverTime, reading: str) -> list[dict[str, Any]]:
    """One row per subject, moment and motivation, with its reading."""
    table = result.table(reading=reading)
    table.insert(1, "reading", reading)
    return table.to_dict("records")


def _document(one: Forecast) -> dict[str, Any]:
    without = dict(zip(("mean", "low", "high"), one.without_rows, strict=True))
    return {name: getattr(one, name) for name in FORECAST} | {"without_rows": without}


# --- without one -------------------------------------------------------------------------------------------


def told_without_ledger(
    model: Model, moments: Sequence[str], asked: Behaviours, seed: int, as_json: bool, **draws: int
) -> None:
    """Print shares of influence and forecasts at moments, over draws from the prior of the parameters."""
    from bsm.inference.over_time.without import without_ledger
    from bsm.motives.course.forecast import described

    found = without_ledger(model, list(moments), seed=seed, **draws)
    shares = [_shares(found, a) for a in range(len(found.moments))]
    forecasts = [
        (event, described(model, context), a, found.forecast(event, context, a))
        for event, context in asked
        for a in range(len(found.moments))
    ]
    if as_json:
        print_json(
            {
                "about": _about(found, seed),
                "rows": [row for own in shares for row in own],
                "forecasts": [
                    {"event": event, "context": context, **_moment(found, a), **_named(numbers)}
                    for event, context, a, numbers in forecasts
                ],
            }
        )
        return
    click.echo("\n".join([*_opening(found, seed), "", *_table(shares)]))
    for event, context, a, numbers in forecasts:
        kind = "predicted at" if found.asked[a].ahead else "at"
        click.echo(
            f"P({event} | {context}) {kind} {found.moments[a]}: {banded(*numbers)} without rows, {model.reading}"
        )
    for a, label in enumerate(found.moments):
        if (part := found.reaching(a)) < 1:
            click.echo(
                f"note: at {label} is given that the phase has so many selections, as in {part:.3g} of the draws"
            )


def _opening(found: Without, seed: int) -> list[str]:
    model = found.timeline.model
    about = _about(found, seed)
    return [
        f"{model.name} has no evidence.csv: shares of influence from prior, selection, gates and drift, before any "
        "behaviour is seen",
        f"{about['dynamics']}; reading: {about['reading']}",
        f"mean and central 90 % over {found.draws} draws from the prior of the parameters, seed {seed}"
        if found.draws > 1
        else "no parameter is uncertain",
    ]


def _about(found: Without, seed: int) -> dict[str, Any]:
    model = found.timeline.model
    dynamics = ", ".join(dict.fromkeys(p.dynamics for p in model.phases)) or "no selection"
    return {
        "model": model.name,
        "dynamics": dynamics,
        "reading": model.reading,
        "draws": found.draws,
        "seed": seed,
        "moments": list(found.moments),
    }


def _moment(found: Without, a: int) -> dict[str, Any]:
    return {"at": found.moments[a], "predicted": found.asked[a].ahead, "reached": found.reaching(a)}


def _shares(found: Without, a: int) -> list[dict[str, Any]]:
    numbers = zip(found.timeline.model.motivations, found.share(a), strict=True)
    place = _moment(found, a)
    start = {"moment": place.pop("at")}
    return [start | {"motivation": m} | _named(own, "share", "share_") | place for m, own in numbers]


def _named(numbers: Summary, mean: str = "mean", prefix: str = "") -> dict[str, float]:
    return dict(zip((mean, f"{prefix}low", f"{prefix}high"), numbers, strict=True))


def _table(shares: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    rows = []
    for own in shares:
        for i, row in enumerate(own):
            label = f"{row['moment']}{', predicted' if row['predicted'] else ''}" if i == 0 else ""
            rows.append([label, row["motivation"], banded(row["share"], row["share_low"], row["share_high"])])
    return aligned(("moment", "motivation", "share"), rows).splitlines()
