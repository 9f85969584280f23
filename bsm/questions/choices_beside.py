"""A result over time with the choices table of its headline beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bsm.inference.over_time import OverTime
from bsm.inference.over_time.headline import latest
from bsm.questions.choices import headline_subject
from bsm.questions.choices_over_time import ChoicesOverTime, Setting, choices_over_time, settings_of
from bsm.spec.model import Model, SpecError


def with_choices(
    result: OverTime,
    seed: int = 0,
    draws: int = 600,
    progress: bool = False,
    workers: int = 1,
    keep: Path | None = None,
) -> OverTime:
    """A result with the choices table of its headline, at the latest of its moments, in `about["choices"]`.

    The result as it is where its model has no headline, or where any phase that selects is under softmax_pg: a setting
    takes minutes there. For the same reason the table leaves that dynamics out, and says so; `choices_over_time` tries
    all. Where there can be no table, as for an AI of which a choice leaves no row, a note says why.

    Args:
        result: with its model and ledger.
        seed, draws, progress, workers, keep: as in `choices_over_time`.
    """
    model, ledger = result.needs(ledger=True)
    assert ledger is not None
    if not quick(model):
        return result
    lead, about = headline_subject(model, result.subjects), result.about
    about.pop("choices", None)
    try:
        every = settings_of(model, ledger.for_subject(lead))
        only = [name for name, _, _, changed, _ in every if not _by_gradient(changed)]
        found = choices_over_time(
            model, ledger, latest(result), lead, None, seed, draws, only, progress, workers, keep, result
        )
        more: dict[str, Any] = {"choices": _document(found, result, model)}
    except SpecError as error:
        more = {"notes": [*about["notes"], f"no choices table: {error}"]}
    tree = result.tree.copy()
    tree.attrs["bsm"] = json.dumps(about | more, allow_nan=False)
    return OverTime(tree, model, ledger)


def quick(model: Model) -> bool:
    """Whether there is a table of choices that does not take minutes for each setting."""
    return model.headline is not None and not _by_gradient(model)


def _by_gradient(model: Model) -> bool:
    return any(p.dynamics == "softmax_pg" and p.selections != 0.0 for p in model.phases)


def _document(found: ChoicesOverTime, result: OverTime, model: Model) -> dict[str, Any]:
    """As `bsm.choices` writes it, and the moment."""
    computed = [s for s in found.settings if s.headline is not None]
    each = {n: [s.motivations[n] for s in computed] for n in result.names}
    names = [s.name for s in found.settings]
    why = "it takes minutes; bsm.choices_over_time(model, ledger) tries it"
    return {
        "subject": found.subject,
        "at": found.at,
        "headline": list(found.headline),
        "says": model.headline.says if model.headline else "",
        "limit": found.limit,
        "spread": found.spread,
        "determined": found.determined,
        "rows": [{n: getattr(s, n) for n in Setting.__slots__} for s in found.settings],
        "ranges": {n: [min(values), max(values)] for n, values in each.items()},
        "not_available": [{"name": n, "why": why} for n in found.left_out if n not in names],
    }
