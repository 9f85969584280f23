"""`bsm at`: what is known of an AI's motivations at moments of its training and deployment, and what it would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsm.cli.at_words import told_with_ledger, told_without_ledger
from bsm.cli.options import folder_of, json_option, loaded, model_argument, overlay_option
from bsm.cli.run_kinds import PARTS

if TYPE_CHECKING:
    from bsm.figures.picture import Picture
    from bsm.inference.over_time import OverTime
    from bsm.spec.model import Model

READINGS = ("hypothesis", "mixture", "dirichlet", "votes")
Behaviours = Sequence[tuple[str, dict[str, str] | None]]


@click.command(short_help="The posterior at moments of training and deployment.")
@model_argument
@click.argument("moments", nargs=-1, metavar="[MOMENT]...")
@click.option("--ledger", type=click.Path(path_type=Path), help="Instead of MODEL's evidence.csv.")
@click.option("--subject", "subjects", multiple=True, metavar="NAME", help="Only this AI; may be repeated.")
@click.option("--reading", type=click.Choice(READINGS),
              help="Who drives: this, instead of what the file says and the reading beside it.")  # fmt: skip
@click.option("--forecast", "behaviours", multiple=True, metavar="OBSERVATION[:NODE=STATE,...]",
              help="P(observation in this context) at each moment; may be repeated.")  # fmt: skip
@overlay_option
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same numbers.")
@click.option("--draws", type=click.IntRange(min=1),
              help="Importance draws per class of motivations; without a ledger, draws from the prior.")  # fmt: skip
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
    read = replace(changed, reading=reading or changed.reading)
    wanted = list(moments) or _moments(changed, between=figures is not None)
    asked = [_behaviour(text) for text in behaviours]
    file = ledger or folder_of(model) / "evidence.csv"
    told: dict[str, Any] = {} if draws is None else {"draws": draws}
    if ledger is None and not file.is_file():
        _refuse_without(file, out, subjects)
        told_without_ledger(read, wanted, _checked(read, asked), seed, as_json, **told)
        if figures is not None:
            _drawn(read, None, figures)
        return
    from bsm.evidence.ledger import Evidence
    from bsm.inference.posterior import posterior

    rows = Evidence.read(file, found)
    _checked(read, asked)
    result: OverTime = posterior(
        found, rows, at=list(wanted), seed=seed, overlay=overlay, subjects=subjects or None, reading=reading,
        beside=reading is None, progress=True, workers=workers, **told,
    )  # fmt: skip
    told_with_ledger(result, asked, as_json)
    if out is not None:
        click.echo(f"wrote {result.save(out)}", err=True)
    if figures is not None:
        _drawn(read, result, figures)


def _refuse_without(file: Path, out: Path | None, subjects: Sequence[str]) -> None:
    """Refuse what needs a ledger.

    Raises:
        click.UsageError: such an option is given.
    """
    for option, given, why in (
        ("--out", out, "there is no posterior to write; --json prints the shares"),
        ("--subject", subjects, "shares are of any AI so trained"),
    ):
        if given:
            raise click.UsageError(f"{option} needs a ledger, and there is no {file}: {why}; name one with --ledger")


def _checked(model: Model, asked: Behaviours) -> Behaviours:
    """The same, once every forecast is known to have a meaning: before the posterior, which takes minutes."""
    from bsm.inference.over_time.without import refuse_forecast

    for observation, context in asked:
        refuse_forecast(model, observation, context)
    return asked


def _moments(model: Model, between: bool) -> list[str]:
    from bsm.figures.over_time.tracks import wanted

    return wanted(model, parts=PARTS) if between else ["start", *(p.name for p in model.phases)]


def _drawn(model: Model, result: OverTime | None, folder: Path) -> None:
    """Write the figures of every subject, then those of the model, each as PNG, SVG and caption."""
    from bsm.figures.theme import LIGHT, save

    for picture in _pictures(model, result):
        stem = folder / picture.name
        save(picture.draw(LIGHT), stem, title=picture.title)
        stem.with_name(f"{stem.name}.txt").write_text(picture.caption + "\n", encoding="utf-8")
        click.echo(f"wrote {stem} as PNG and SVG", err=True)


def _pictures(model: Model, result: OverTime | None) -> Iterator[Picture]:
    from bsm.figures.over_time.pictures import of_phases, of_subjects, of_time

    if result is None:
        yield from of_time(model)
        return
    yield from of_subjects(result)
    yield from of_phases(model)


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
