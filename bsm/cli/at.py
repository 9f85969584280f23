"""`bsm at`: what is known of an AI's motivations at moments of its training and deployment, and what it would do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsm.cli.options import aligned, folder_of, json_option, loaded, model_argument, overlay_option, print_json

if TYPE_CHECKING:
    from bsm.figures.picture import Picture
    from bsm.inference.over_time import OverTime
    from bsm.spec.model import Model

READINGS = ("hypothesis", "mixture", "dirichlet", "votes")


@click.command(short_help="The posterior at moments of training and deployment.")
@model_argument
@click.argument("moments", nargs=-1, metavar="[MOMENT]...")
@click.option("--ledger", type=click.Path(path_type=Path), help="Instead of MODEL's evidence.csv.")
@click.option("--subject", "subjects", multiple=True, metavar="NAME", help="Only this AI; may be repeated.")
@click.option("--reading", type=click.Choice(READINGS), help="Who drives, instead of what the file says.")
@click.option("--forecast", "behaviours", multiple=True, metavar="OBSERVATION[:NODE=STATE,...]",
              help="P(observation in this context) at each moment; may be repeated.")  # fmt: skip
@overlay_option
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same numbers.")
@click.option("--draws", type=click.IntRange(min=1), help="Importance draws per class of motivations.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the result, as NetCDF.")
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False),
              help="Also draw what is known over time, and what each phase does, into this folder.")  # fmt: skip
@json_option
def at(
    model: Path,
    moments: tuple[str, ...],
    ledger: Path | None,
    subjects: tuple[str, ...],
    reading: str | None,
    behaviours: tuple[str, ...],
    overlay: str | None,
    seed: int,
    draws: int | None,
    workers: int,
    out: Path | None,
    figures: Path | None,
    as_json: bool,
) -> None:
    """P(motivation at each MOMENT | rows and selection), filtered, smoothed and predicted, with 90 % bands.

    A MOMENT is start, now, PHASE (its end, after its gates), PHASE:STEP, PHASE:50% or PHASE:+STEPS (a prediction: so
    many selections more after now); without any, the start and the end of every phase, and for figures parts of it in
    between. Without a ledger: shares.
    """
    found = loaded(model, overlay)
    changed = found.with_overlay(overlay)
    wanted = list(moments) or _moments(changed, between=figures is not None)
    asked = [_behaviour(text) for text in behaviours]
    file = ledger or folder_of(model) / "evidence.csv"
    if ledger is None and not file.is_file():
        _without_ledger(changed, wanted, asked, reading, as_json)
        if figures is not None:
            _drawn(replace(changed, reading=reading or changed.reading), None, figures)
        return
    from bsm.evidence.ledger import Evidence
    from bsm.inference.posterior import posterior

    more: dict[str, Any] = {} if draws is None else {"draws": draws}
    rows = Evidence.read(file, found)
    result: OverTime = posterior(
        found, rows, at=list(wanted), seed=seed, overlay=overlay, subjects=subjects or None, reading=reading,
        progress=True, workers=workers, **more,
    )  # fmt: skip
    forecasts = [
        result.forecast(observation, context, moment, subject)
        for subject in result.subjects
        for observation, context in asked
        for moment in result.moments
    ]
    if as_json:
        told = [
            {k: getattr(f, k) for k in ("subject", "at", "event", "context", "mean", "low", "high", "none_of_these")}
            for f in forecasts
        ]
        print_json({"about": result.about, "rows": result.table().to_dict("records"), "forecasts": told})
    else:
        click.echo(str(result))
        for one in forecasts:
            click.echo(str(one))
    if out is not None:
        click.echo(f"wrote {result.save(out)}", err=True)
    if figures is not None:
        _drawn(replace(changed, reading=reading or changed.reading), result, figures)


def _moments(model: Model, between: bool) -> list[str]:
    from bsm.figures.over_time.tracks import wanted

    return wanted(model, parts=4) if between else ["start", *(p.name for p in model.phases)]


def _drawn(model: Model, result: OverTime | None, folder: Path) -> None:
    """Write the figures of every subject, then those of the model, each as PNG, SVG and caption."""
    from bsm.figures.theme import LIGHT, save

    for name, picture in _pictures(model, result):
        stem = folder / name
        save(picture.draw(LIGHT), stem, title=picture.title)
        stem.with_name(f"{stem.name}.txt").write_text(picture.caption + "\n", encoding="utf-8")
        click.echo(f"wrote {stem} as PNG and SVG", err=True)


def _pictures(model: Model, result: OverTime | None) -> Iterator[tuple[str, Picture]]:
    from bsm.figures.over_time.pictures import of_phases, of_time, of_tracks
    from bsm.figures.over_time.tracks import of_result

    if result is None:
        yield from ((picture.name, picture) for picture in of_time(model))
        return
    for k, subject in enumerate(result.subjects):
        name = re.sub(r"[^A-Za-z0-9.]+", "-", subject).strip("-.") or str(k)
        yield from ((f"{picture.name}-{name}", picture) for picture in of_tracks(of_result(result, subject)))
    yield from ((picture.name, picture) for picture in of_phases(model))


def _behaviour(text: str) -> tuple[str, dict[str, str] | None]:
    """An observation and, after a colon, the context in which it is asked about."""
    name, colon, rest = text.partition(":")
    if not colon:
        return name, None
    context: dict[str, str] = {}
    for part in rest.split(","):
        node, equals, state = part.partition("=")
        if not (node and equals and state):
            raise click.BadParameter(
                f"{text!r} is given; OBSERVATION or OBSERVATION:NODE=STATE,NODE=STATE is accepted",
                param_hint="--forecast",
            )
        context[node.strip()] = state.strip()
    return name, context


def _without_ledger(
    model: Model,
    moments: list[str],
    asked: list[tuple[str, dict[str, str] | None]],
    reading: str | None,
    as_json: bool,
) -> None:
    """Shares of influence, and forecasts from them, at prior medians."""
    from bsm.motives.course import course
    from bsm.motives.course.forecast import described

    own = course(model, reading=reading)
    shares = {m: dict(zip(model.motivations, own.shares(m)[0].tolist(), strict=True)) for m in moments}
    forecasts = [(n, c, m, float(own.behaviour(n, c, m)[0])) for n, c in asked for m in moments]
    if as_json:
        told = [{"event": n, "context": c, "at": m, "probability": p} for n, c, m, p in forecasts]
        print_json({"dynamics": own.dynamics, "reading": own.reading, "shares": shares, "forecasts": told})
        return
    click.echo(
        f"{model.name} has no evidence.csv: shares of influence from prior, selection, gates and drift, at prior "
        f"medians\n{own.dynamics}; reading: {own.reading}\n"
    )
    table = [[name, *(f"{shares[m][name]:.6f}" for m in moments)] for name in model.motivations]
    click.echo(aligned(("motivation", *moments), table, numbers=range(1, len(moments) + 1)))
    for name, context, moment, p in forecasts:
        click.echo(f"P({name} | {described(model, context)}) at {moment}: {p:.3f}")
