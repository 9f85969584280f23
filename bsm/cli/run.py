"""`bsm run`: the posterior, the choices table, figures, page and manifest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsm.cli.fitness import fitness_document, fitness_text
from bsm.cli.options import (
    folder_of,
    json_option,
    loaded,
    model_argument,
    overlay_option,
    print_json,
)
from bsm.cli.outputs import FIGURES, MANIFEST, PAGE, Outputs
from bsm.cli.request import Request, cpus
from bsm.cli.run_kinds import Kind, kind_of
from bsm.cli.show import as_png
from bsm.spec.text_table import aligned

if TYPE_CHECKING:
    from bsm.evidence.ledger import Evidence
    from bsm.figures.picture import Picture
    from bsm.spec.model import Model


@click.command(short_help="The posterior over motivations, with figures and a page.")
@model_argument
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("out"), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same numbers.")
@click.option("--draws", type=click.IntRange(min=1), help="Importance draws per motivation.")
@click.option("--subject", "subjects", multiple=True, metavar="NAME", help="Only this AI; may be repeated.")
@overlay_option
@click.option("--no-choices", is_flag=True, help="Leave out the table of defensible settings.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; one for each CPU by default, at most 8.")
@click.option("--fresh", is_flag=True, help="Compute again what --out already holds for the same inputs.")
@json_option
def run(
    model: Path,
    out: Path,
    seed: int,
    draws: int | None,
    subjects: tuple[str, ...],
    overlay: str | None,
    no_choices: bool,
    workers: int | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """The posterior over motivations, printed; result, figures and page under --out.

    Reads MODEL's evidence.csv; where there is none, prints fitness and the shares that prior and selection give.
    Where it matters when a row was seen, all of it is over time, as `bsm at` has it.
    What is finished is kept if the run is stopped, and the next run with the same inputs goes on from there.
    """
    found = loaded(model, overlay)
    ledger = folder_of(model) / "evidence.csv"
    if not ledger.is_file():
        without_ledger(found, overlay, as_json)
        return
    from bsm.evidence.ledger import Evidence

    subjects = tuple(dict.fromkeys(subjects))
    request = Request(found.path or model, ledger, seed, draws, subjects, overlay, not no_choices, workers or cpus())
    outputs = Outputs(out)
    changed = found.with_overlay(overlay)
    try:
        rows = Evidence.read(ledger, found)
        kind = kind_of(changed, rows, subjects)
        earlier = None if fresh else outputs.earlier(request.key, lambda path: kind.load(path, changed, rows))
        result = computed(kind, found, rows, request, outputs, fresh) if earlier is None else earlier
        print_json(kind.document(result)) if as_json else click.echo(kind.text(result), nl=False)
        sys.stdout.flush()
        present(kind, changed, result, request, outputs)
    except KeyboardInterrupt:
        click.echo(f"\nstopped; {outputs.finished()}", err=True)
        raise SystemExit(130) from None
    click.echo(f"wrote {outputs.finished()}", err=True)


def without_ledger(model: Model, overlay: str | None, as_json: bool) -> None:
    """What a model says before any behaviour is seen: fitness, and prior x selection."""
    document = fitness_document(model, overlay) | {"shares": shares_of(model, overlay)}
    if as_json:
        print_json(document)
        return
    click.echo(
        f"{model.name} has no evidence.csv: this is what prior and selection say, before any behaviour is seen\n"
    )
    click.echo(fitness_text(document) + "\n")
    click.echo(f"share of influence, prior x selection ({selection_words(model.with_overlay(overlay))})")
    click.echo(aligned(("motivation", "share"), [[m, f"{p:.6f}"] for m, p in document["shares"].items()], numbers=(1,)))


def shares_of(model: Model, overlay: str | None) -> dict[str, float]:
    """Share of influence by motivation, largest first, at prior medians."""
    from bsm.motives.fitness import shares

    found = shares(model.with_overlay(overlay)).mean(0).tolist()
    return dict(sorted(zip(model.with_overlay(overlay).motivations, found, strict=True), key=lambda pair: -pair[1]))


def selection_words(model: Model) -> str:
    """Dynamics, and n, eta, gates and drift of every phase, in words."""
    from bsm.spec.phase_words import dynamics, phases, timeline

    if not model.phases:
        return "no selection phase: the prior alone"
    return f"{dynamics(model)}: {timeline(phases(model))}"


def computed(kind: Kind, model: Model, ledger: Evidence, request: Request, outputs: Outputs, fresh: bool) -> Any:
    """The result, written down marked with what it was computed from; where it is to be fresh no part is kept."""
    key = request.key  # of the files as they are now, before the work
    if fresh:
        outputs.throw_away(request.part_key, request.subjects or ledger.subjects)
    result = kind.infer(model, ledger, request, None if fresh else outputs.unfinished(request.part_key))
    outputs.result(result, key)
    outputs.throw_away(request.part_key, result.subjects)
    return result


def present(kind: Kind, model: Model, result: Any, request: Request, outputs: Outputs) -> None:
    """Figures and the page, drawn side by side; then the manifest with the hashes of all of them."""
    from bsm.inference.parallel import side_by_side
    from bsm.report.manifest import manifest

    def record() -> dict[str, Any]:
        return manifest(request.command(outputs.folder), request.inputs, request.seed, outputs.paths)

    pictures = kind.pictures(result, model)
    work = [(rendered, picture) for picture in pictures]
    large = "choices" in result.about or len(result.subjects) > 1  # else starting processes takes longer
    drawn = side_by_side(_call, work, request.workers if large else 1, "figures")
    pairs = {p.name: pair for p, (_, _, pair) in zip(pictures, drawn, strict=True)}
    text = kind.page(result, model, manifest=record(), drawn=pairs, pictures=pictures)
    for picture, (png, svg, _) in zip(pictures, drawn, strict=True):
        outputs.write(f"{FIGURES}{picture.name}.png", png)
        outputs.write(f"{FIGURES}{picture.name}.svg", svg)
    outputs.write(PAGE, text)
    outputs.write(MANIFEST, json.dumps(record(), indent=2, ensure_ascii=False) + "\n")


def _call(work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments)


def rendered(picture: Picture) -> tuple[bytes, str, tuple[str, str]]:
    """A figure as PNG, as SVG, and as the page shows it: light and dark."""
    from bsm.figures.theme import LIGHT, as_svg
    from bsm.report.frame import in_both

    drawn = picture.draw(LIGHT)
    return as_png(drawn), as_svg(drawn, picture.title), in_both(picture)
