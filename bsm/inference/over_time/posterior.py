"""The posterior over motivations at moments of an AI's training and deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bsm.engine import ImpossibleEvidence
from bsm.evidence.ledger import Evidence
from bsm.inference.fits import TooFewEffective
from bsm.inference.over_time.asked import When, asked
from bsm.inference.over_time.assemble import assemble
from bsm.inference.over_time.fit import KINDS, Found
from bsm.inference.over_time.found_files import file_of
from bsm.inference.over_time.found_files import found as found_or_kept
from bsm.inference.over_time.result import OverTime
from bsm.inference.over_time.without import refuse_beyond
from bsm.inference.parallel import side_by_side
from bsm.spec.model import Model, SpecError

BESIDE = {"hypothesis": "mixture", "mixture": "hypothesis"}


def posterior_over_time(
    model: Model,
    ledger: Evidence,
    at: When | Sequence[When],
    seed: int = 0,
    draws: int = 600,
    overlay: str | None = None,
    subjects: tuple[str, ...] | None = None,
    reading: str | None = None,
    progress: bool = False,
    workers: int = 1,
    beside: bool = True,
    keep: Path | None = None,
) -> OverTime:
    """P(motivation at each moment | rows and selection), filtered, smoothed and predicted; subjects never pooled.

    Meaning: the motivation that drives is hidden and may turn into another where a phase has drift. A row enters where
    its `phase` and `step` say. Rows that were selected on contribute P(row, selected | m) for their `steps`; the other
    steps of the phase contribute fitness^eta; rows without a phase are seen now.

    Args:
        model: the model.
        ledger: its evidence.
        at: a moment or a list of them, as in `asked`.
        seed: the same seed gives the same numbers, whatever the number of workers.
        draws: importance draws per class of motivations; more are taken where too few are effective.
        overlay: a named overlay to apply first.
        subjects: only these; all by default.
        reading: "hypothesis", "mixture", "dirichlet" or "votes", instead of what the file says.
        beside: also give hypothesis beside mixture, and mixture beside hypothesis, since rows of one AI hardly tell
            them apart; takes about as long again.
        progress: show a progress bar on standard error.
        workers: processes that share the subjects.
        keep: a folder in which what is found for each subject stays until it is thrown away, so that the same call
            goes on where it was stopped. It must be of this model, ledger, `at`, seed, draws, overlay and version of
            the library alone: none of them is looked at.

    Raises:
        ImpossibleEvidence, TooFewEffective, SpecError: as `bsm.posterior`; and for a moment that does not exist.
    """
    model = model.with_overlay(overlay)
    if reading is not None and reading not in KINDS:
        raise SpecError(f"reading = {reading!r} is given; the readings are {', '.join(KINDS)}")
    model = model if reading is None else replace(model, reading=reading)
    wanted = asked(model, at)
    refuse_beyond(model, wanted)
    chosen = tuple(dict.fromkeys(subjects or ledger.subjects))
    if not chosen:
        raise SpecError("the ledger has no row that enters the likelihood; bsm.course(model).shares(at) needs none")
    label = "over time" if progress else None

    def of(read: Model) -> dict[str, Found]:
        files = [keep and file_of(keep, read.reading, s) for s in chosen]
        tasks = [(read, ledger.for_subject(s), wanted, seed, draws, f) for s, f in zip(chosen, files, strict=True)]
        return dict(zip(chosen, side_by_side(found_or_kept, tasks, workers, label), strict=True))

    found, other, notes = of(model), BESIDE.get(model.reading), []
    others: dict[str, dict[str, Found]] = {}
    if other is not None and beside:
        try:
            others[other] = of(replace(model, reading=other))
        except (SpecError, TooFewEffective, ImpossibleEvidence) as error:
            notes.append(f"reading {other} does not stand beside: {error}")
    settings = {"seed": seed, "draws": draws, "overlay": overlay}
    return assemble(model, ledger, wanted, found, others, settings, notes)
