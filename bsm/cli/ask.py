"""`bsm ask`: one exact question, or the same one for every row of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsm.cli.batch import answer_batch, batch_options, refuse_without_batch
from bsm.cli.options import json_option, loaded, model_argument, overlay_option, print_json

if TYPE_CHECKING:
    from bsm.spec.model import Model

Setting = str | dict[str, float]
FORM = "NODE=STATE or NODE=STATE:NUMBER,STATE:NUMBER"


@click.command(short_help="One exact question: P(TARGET | given, do).")
@model_argument
@click.argument("target", nargs=-1, required=True)
@click.option("--given", multiple=True, metavar="NODE=STATE", help="What was observed; may be repeated.")
@click.option("--do", "done", multiple=True, metavar="NODE=STATE", help="What is set from outside; may be repeated.")
@overlay_option
@click.option("--draws", type=click.IntRange(min=1), help="Draws of the uncertain parameters.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of those draws.")
@batch_options
@json_option
def ask(
    model: Path,
    target: tuple[str, ...],
    given: tuple[str, ...],
    done: tuple[str, ...],
    overlay: str | None,
    draws: int | None,
    seed: int,
    cases: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """P(TARGET | given, do), exactly, for any node or several.

    `motivation` is the root that chooses the actions. Instead of a state, --given takes the likelihood of
    each state and --do a new distribution: --given seen=no:0.1,yes:0.9

    With --batch the columns of FILE are nodes, its cells states, an empty cell a node not observed; --given and --do
    hold for all rows. If it is stopped, the same command goes on from there.
    """
    if cases is None:
        refuse_without_batch(options)
    found = loaded(model, overlay)
    seen, do = settings(given, "--given", found, overlay), settings(done, "--do", found, overlay)
    more: dict[str, Any] = {"overlay": overlay, "seed": seed, **({} if draws is None else {"draws": draws})}
    if cases is not None:
        answer_batch(found, target, seen, do, cases, options, as_json, **more)
        return
    from bsm.inference.ask import ask as answer_to

    answer = answer_to(found, target, seen, do, **more)
    if seen:
        answer = replace(answer, prior=answer_to(found, target, {}, do, **more).probabilities)
    if not as_json:
        click.echo(str(answer))
        return
    print_json(
        {
            "target": answer.target,
            "given": answer.given,
            "do": answer.do,
            "overlay": overlay,
            "probabilities": answer.probabilities,
            "low": answer.low,
            "high": answer.high,
            "log_evidence": answer.log_evidence,
            "draws": answer.draws,
            "prior": answer.prior,
            "before_phases": answer.before,
        }
    )


def settings(texts: Sequence[str], option: str, model: Model, overlay: str | None) -> dict[str, Setting]:
    """Node -> state, or node -> {state: number}, from the texts of a repeated option.

    Raises:
        click.BadParameter: a text is in neither form, or a node is set twice.
    """
    states = {n: node.states for n, node in model.with_overlay(overlay).nodes.items()}
    found: dict[str, Setting] = {}
    for text in texts:
        node, equals, value = text.partition("=")
        if not (node and equals and value):
            raise click.BadParameter(f"{text!r} is given; {FORM} is accepted", param_hint=option)
        if node in found:
            raise click.BadParameter(f"{node} is given twice; keep one", param_hint=option)
        found[node] = value if value in states.get(node, ()) else setting(value)
    return found


def setting(value: str) -> Setting:
    """A state, or numbers for states where every part between commas ends in a colon and a number."""
    numbers: dict[str, float] = {}
    for part in value.split(","):
        state, colon, number = part.rpartition(":")
        try:
            numbers[state] = float(number)
        except ValueError:
            return value
        if not (state and colon):
            return value
    return numbers
