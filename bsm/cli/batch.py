"""`bsm ask --batch`: one question asked of every row of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bsm.cli.options import print_json

if TYPE_CHECKING:
    from bsm.inference.ask import Setting
    from bsm.spec.model import Model

C = TypeVar("C", bound=Callable[..., Any])
STOPPED = 130
FILE = click.Path(path_type=Path, dir_okay=False)


def batch_options(command: C) -> C:
    """The options that come with --batch."""
    options = (
        click.option("--batch", "cases", type=FILE, metavar="FILE", help="Ask of every row of a CSV or Parquet file."),
        click.option("--out", type=FILE, help="With --batch: the file of answers, .csv or .parquet."),
        click.option("--keep", multiple=True, metavar="COLUMN", help="With --batch: a column to copy to the answers."),
        click.option("--chunk", type=click.IntRange(min=1), metavar="ROWS", help="With --batch: rows saved at once."),
        click.option(
            "--on-impossible",
            type=click.Choice(("raise", "mask")),
            help="With --batch: stop at a row that cannot happen, or note the reason and go on.  [default: raise]",
        ),
        click.option("--fresh", is_flag=True, help="With --batch: throw away what is done, and start again."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def refuse_without_batch(options: Mapping[str, Any]) -> None:
    """Refuse options that mean nothing here.

    Raises:
        click.UsageError: one of them is given.
    """
    if given := [name for name, value in options.items() if value]:
        raise click.UsageError(f"--{given[0].replace('_', '-')} goes with --batch FILE, the file of cases")


def answer_batch(
    model: Model,
    target: Sequence[str],
    given: Mapping[str, Setting],
    do: Mapping[str, Setting],
    cases: Path,
    options: Mapping[str, Any],
    as_json: bool,
    **more: Any,
) -> None:
    """Answer every row into --out; what it rests on goes to stderr before, and how to go on if it is stopped."""
    from bsm.inference.batch import ask_batch

    out: Path | None = options["out"]
    if out is None:
        raise click.UsageError("--batch needs the file that is to hold the answers: --out answers.csv")
    try:
        batch = ask_batch(
            model,
            target,
            cases,
            out,
            given=given,
            do=do,
            keep=options["keep"],
            chunk=options["chunk"],
            on_impossible=options["on_impossible"] or "raise",
            fresh=options["fresh"],
            tell=lambda line: click.echo(line, err=True),
            **more,
        )
    except KeyboardInterrupt:
        click.echo(f"\n{stopped(out)}", err=True)
        raise SystemExit(STOPPED) from None
    if as_json:
        print_json(batch.about)
    verb = "wrote" if batch.computed or not batch.rows else "answered before from the same inputs (--fresh: anew):"
    masked = f", {batch.masked:,} of them impossible" if batch.masked else ""
    click.echo(f"{verb} {batch.out}: {batch.rows:,} rows{masked}; {batch.sidecar} says what they rest on", err=True)


def stopped(out: Path) -> str:
    """How far it came and how to go on."""
    from bsm.inference.batch import rows_done

    found = rows_done(out)
    if found is None:
        return f"stopped before a row was answered; {out} was not touched"
    return f"stopped with {found[0]:,} of {found[1]:,} rows on disk; the same command goes on from there"
