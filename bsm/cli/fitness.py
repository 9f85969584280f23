"""`bsm fitness`: how much each motivation's derived policy causes influence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsm.cli.options import json_option, loaded, model_argument, overlay_option, print_json
from bsm.spec.text_table import aligned

if TYPE_CHECKING:
    from bsm.motives.fitness import Fitness
    from bsm.motives.fittest import Fittest
    from bsm.spec.model import Model

MOST_SHOWN = 30


@click.command(short_help="Fitness and family of every motivation.")
@model_argument
@overlay_option
@click.option("--greedy", is_flag=True, help="Policies of unlimited strength, ties shared by the base policy.")
@click.option("--fittest", "search", is_flag=True, help="Try every seeker and every kludge of two targets instead.")
@json_option
def fitness(model: Path, overlay: str | None, greedy: bool, search: bool, as_json: bool) -> None:
    """Fitness and family of every motivation, at prior medians of the uncertain parameters.

    Fitness is P(influence | do(policy)). With --fittest: which targets, of all that the graph admits, are
    fittest.
    """
    found = loaded(model, overlay)
    if search:
        from bsm.motives.fittest import fittest

        best = fittest(found, overlay=overlay)
        print_json(fittest_document(found, overlay, best)) if as_json else click.echo(fittest_text(best))
        return
    document = fitness_document(found, overlay, greedy)
    print_json(document) if as_json else click.echo(fitness_text(document))


def fitness_document(model: Model, overlay: str | None = None, greedy: bool = False) -> dict[str, Any]:
    """Fitness by motivation, fittest first, with families; numbers are probabilities."""
    from bsm.motives.families import placement
    from bsm.motives.fitness import fitness as fitness_of

    found = fitness_of(model, overlay, greedy=greedy)
    changed = model.with_overlay(overlay)
    return {
        "model": model.name,
        "overlay": overlay,
        "greedy": greedy,
        "at": "prior medians" if changed.uncertain else "the file's numbers",
        "base_policy": float(found.base.mean()),
        "motivations": [
            {
                "name": name,
                "fitness": value,
                "family": str((place := placement(changed, name)).family),
                "closeness": place.closeness,
                "intended": place.intended,
                "bypasses": place.bypasses,
                "movable": found.movable[name],
                "by_context": _by_context(found, name),
            }
            for name, value in found.as_dict().items()
        ],
    }


def _by_context(found: Fitness, name: str) -> dict[str, float]:
    at = found.motivations.index(name)
    return {found.situations.label(i): float(found.by_context[:, at, i].mean()) for i in range(len(found.situations))}


def fitness_text(document: dict[str, Any]) -> str:
    """The document as a table, with notes under it."""
    rows = [
        [
            m["name"],
            f"{m['fitness']:.6f}",
            m["family"] + (", intended" if m["intended"] else ""),
            "" if m["closeness"] is None else f"{m['closeness']:.2f}",
        ]
        for m in document["motivations"]
    ]
    rows.append(["(base policy)", f"{document['base_policy']:.6f}", "", ""])
    policies = "greedy policies" if document["greedy"] else f"at {document['at']}"
    overlay = f", overlay {document['overlay']}" if document["overlay"] else ""
    lines = [
        f"fitness, P(influence | do(policy)): {document['model']}{overlay}, {policies}",
        aligned(("motivation", "fitness", "family", "closeness"), rows, numbers=(1, 3)),
    ]
    for m in document["motivations"]:
        if not m["movable"]:
            lines.append(f"{m['name']}: no action moves its target; it follows the base policy")
        lines += [f"{m['name']} bypasses influence: {' -> '.join(route)}" for route in m["bypasses"]]
    return "\n".join(lines)


def fittest_document(model: Model, overlay: str | None, best: Fittest) -> dict[str, Any]:
    """What the search found, all tied candidates listed."""
    return {
        "model": model.name,
        "overlay": overlay,
        "best": best.best,
        "tried": best.tried,
        "strength": best.strength,
        "tied": [
            {"seeks": str(c), "family": c.family, "fitness_greedy": c.greedy, "fitness": c.finite} for c in best.tied
        ],
    }


def fittest_text(best: Fittest) -> str:
    """The best and the candidates that tie for it, as a table."""
    shown = best.tied[:MOST_SHOWN]
    rows = [[str(c), c.family, f"{c.finite:.6f}"] for c in shown]
    lines = [
        f"{len(best.tied)} of {best.tried} candidates tie at the highest greedy fitness, {best.best:.6f}",
        aligned(("seeks", "family", f"fitness at strength {best.strength:g}"), rows, numbers=(2,)),
    ]
    if len(best.tied) > len(shown):
        lines.append(f"and {len(best.tied) - len(shown)} more (--json lists all)")
    return "\n".join(lines)
