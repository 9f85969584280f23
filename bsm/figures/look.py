"""Every figure of every model, in every theme, to be opened and looked at: `python -m bsm.figures.look`.

Ends with status 1 and says why if a text is too small, cut off or over another.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bsm.figures import captions
from bsm.figures.over_time.pictures import diversity
from bsm.figures.pictures import Picture, of_model, of_result
from bsm.figures.theme import THEMES, save
from bsm.inference.over_time.result import OverTime
from bsm.inference.result import Result
from bsm.spec.model import Model, SpecError

EARLIER = Path("out/result.nc")  # where `bsm run` leaves its result


def graphs(model: Model) -> Iterator[Picture]:
    """The model's graph under each overlay that changes it, what it changes stressed."""
    from bsm.figures.graph import draw

    for name, overlay in model.overlays.items():
        if overlay.edits:
            edited = model.with_overlay(name)
            touched = set(overlay.edits.nodes) | _ends(set(edited.graph.edges) ^ set(model.graph.edges))
            look = partial(draw, edited.graph, highlight=touched & set(edited.graph.nodes))
            yield Picture(f"graph-{name}", f"{model.name} under {name}", captions.graph(edited), look)


def _ends(edges: Iterable[tuple[str, str]]) -> set[str]:
    return {node for edge in edges for node in edge}


def over_time(results: Sequence[OverTime], model: Model) -> Iterator[Picture]:
    """Influence and odds given a ledger, of the first subject of each result over time of this model."""
    from bsm.figures.over_time.pictures import of_tracks
    from bsm.figures.over_time.tracks import headline_reference, of_result

    for result in results:
        if result.about["model"] == model.name:
            for picture in of_tracks(of_result(result, reference=headline_reference(model))):
                yield replace(picture, name=f"{picture.name}-given-rows")


def gallery(folder: Path, results: Sequence[Result | OverTime] = ()) -> Iterator[Picture]:
    """All figures of a model folder: of its graph, and of its result or else of a rehearsed one."""
    from bsm.figures.rehearsal import rehearsed
    from bsm.spec.load import load

    model = load(folder)
    yield from of_model(model)
    yield from graphs(model)
    yield from over_time([r for r in results if isinstance(r, OverTime)], model)
    found = next((r for r in results if isinstance(r, Result) and r.about["model"] == model.name), None)
    if found is None and not (folder / "evidence.csv").is_file():
        found = rehearsed(model)
    if found is None:
        print(f"{folder}: no result yet, so no figures of one; `bsm run {folder}` makes it", file=sys.stderr)
        return
    yield from of_result(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the figures of these model folders; 1 if any of them has a problem."""
    parser = ArgumentParser(prog="python -m bsm.figures.look", description=__doc__)
    parser.add_argument("models", nargs="*", type=Path, help="model folders (all of models/)")
    parser.add_argument("--out", type=Path, default=Path("out/review"))
    parser.add_argument("--result", action="append", type=Path, help=f"result.nc files ({EARLIER}, if there)")
    given = parser.parse_args(arguments)
    folders = given.models or sorted(path.parent for path in Path("models").glob("*/model.yaml"))
    if not folders:
        parser.error("there is no models/*/model.yaml here; name a model folder or run this in the checkout")
    paths = given.result if given.result is not None else [path for path in (EARLIER,) if path.is_file()]
    results = [_loaded(path) for path in paths]
    faults = [line for folder in folders for line in written(folder, given.out, results)]
    faults += list(drawn(diversity(), given.out / "dynamics"))
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


def _loaded(path: Path) -> Result | OverTime:
    """A result of either kind."""
    try:
        return Result.load(path)
    except SpecError:
        return OverTime.load(path)


def written(folder: Path, out: Path, results: Sequence[Result | OverTime] = ()) -> Iterator[str]:
    """Write all pictures of one folder, captions beside them; yields what is wrong with them."""
    for picture in gallery(folder, results):
        yield from drawn(picture, out / folder.resolve().name)


def drawn(picture: Picture, out: Path) -> Iterator[str]:
    """Write one picture in every theme, its caption beside it; yields what is wrong with it."""
    from bsm.figures.legible import problems

    stem = out / picture.name
    for theme in THEMES.values():
        made = picture.draw(theme)
        png, _ = save(made, stem.with_name(f"{stem.name}-{theme.name}"), title=picture.title)
        print(png)
        yield from (f"{png}: {problem}" for problem in problems(made))
    stem.with_name(f"{stem.name}.txt").write_text(picture.caption + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
