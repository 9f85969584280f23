"""Answer a file of cases chunk by chunk, each on disk before the next is begun."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bsm.engine import ImpossibleEvidence, TooLarge, compile
from bsm.engine.contraction import default_limit
from bsm.inference.ask import Setting, refuse_too_many_draws
from bsm.inference.batch.about import columns_described, digest_of, line, rests_on
from bsm.inference.batch.answers import Asker, Impossible
from bsm.inference.batch.csv_files import CsvAnswers
from bsm.inference.batch.journal import FRESH, Journal, alone, refuse_other_inputs, removed, replaced, sync_folder
from bsm.inference.batch.parquet_files import ParquetAnswers
from bsm.inference.batch.paths import Paths
from bsm.inference.batch.plan import MOST_ROWS, Planned, check_options, planned
from bsm.inference.batch.progress import bar
from bsm.inference.batch.question import Asked, posed
from bsm.inference.parallel import one_thread
from bsm.spec.model import Model, SpecError

USUAL = 2**28  # bytes that the engine may use, unless it needs more
REMEDY = (
    "Correct the row, or the table if this can happen; or --on-impossible mask, which answers the other rows and notes "
    "the reason at this one"
)


@dataclass(frozen=True)
class Batch:
    """Answers on disk.

    Attributes:
        out: the file of answers, one row for each case, in their order.
        about: what they rest on, as written beside them in `sidecar`.
        computed: how many rows were answered now; the others were there already.
    """

    out: Path
    sidecar: Path
    about: Mapping[str, Any]
    computed: int

    @property
    def rows(self) -> int:
        return int(self.about["rows"])

    @property
    def masked(self) -> int:
        """Rows that cannot happen, and so have no probabilities."""
        return int(self.about["masked"])


def ask_batch(
    model: Model,
    target: str | Sequence[str],
    cases: str | Path,
    out: str | Path,
    *,
    given: Mapping[str, Setting] | None = None,
    do: Mapping[str, Setting] | None = None,
    overlay: str | None = None,
    draws: int = 500,
    seed: int = 0,
    keep: Sequence[str] = (),
    chunk: int | None = None,
    on_impossible: str = "raise",
    fresh: bool = False,
    progress: bool | None = None,
    tell: Callable[[str], None] | None = None,
) -> Batch:
    """`bsm.ask` for every row of a CSV or Parquet file, in constant memory; goes on where it was stopped.

    Every column of the file is a node, its cells states, an empty cell a node that was not observed. The answers, a
    CSV or Parquet file, have one row for each case, in the same order: its number, the columns kept, P of each
    (joint) state of the targets, with uncertain parameters followed by the ends of the central 90 % interval, and
    `log_evidence` in nats. They are written beside `out` and take its name when all are there. What is done stays
    when the work is stopped, however it is stopped, and the same call goes on from there: the bytes are those that it
    would have written in one go.

    Args:
        model, target, given, do, overlay, draws, seed: as in `ask`; `given` and `do` hold for all rows.
        cases: *.csv (UTF-8, a header line) or *.parquet.
        out: *.csv or *.parquet; `<out>.json`, beside it, says what the answers rest on.
        keep: columns to copy to the answers; one that is a node is evidence too.
        chunk: rows that are answered and put on disk at once; by default so many that 256 MB are enough.
        on_impossible: "raise" at a row that cannot happen; or "mask" for no probabilities, a log evidence of -inf and
            the reason in a column `note`.
        fresh: throw away what is done and start again.
        progress: a bar on standard error; by default where that is a terminal.
        tell: is given one line that says what the answers rest on.

    Raises:
        SpecError: a file that cannot be read, all its mistakes with their lines; work begun from other inputs.
        ImpossibleEvidence: what is given cannot happen, or a row cannot; the message names the row and the zero.
        NetworkError: an unknown node or state in target, given or do.
        TooLarge: more memory is needed than there is.
    """
    check_options(draws, chunk, on_impossible)
    paths = Paths.checked(cases, out, model.path)
    say = tell or (lambda told: None)
    with one_thread(), torch.no_grad():
        before = paths.state()
        asked = Asked.of(model, target, given, do, overlay, draws, seed)
        plan = planned(asked, paths, keep, chunk, on_impossible == "mask")
        if not fresh and (about := _finished(paths, plan.inputs)) is not None:
            say(line(about["rests_on"], paths.sidecar))
            return Batch(paths.out, paths.sidecar, about, 0)
        with alone(paths.partial, paths.parquet), _kept_if_begun(paths):
            journal = _begun(paths, plan, fresh, progress)
            asker, rests, journal = _ready(plan, journal)
            say(line(rests, paths.sidecar))
            whole, done = _answered(paths, plan, asker, journal, progress)
            if paths.state() != before or done.rows != done.total:
                raise SpecError(f"{cases} was written to while it was read; {FRESH}")
            about = _published(paths, whole, _described(paths, plan, rests, done))
    return Batch(paths.out, paths.sidecar, about, done.rows - journal.rows)


@contextmanager
def _kept_if_begun(paths: Paths) -> Iterator[None]:
    """Leaves nothing behind where no row was put on disk."""
    try:
        yield
    finally:
        if not paths.journal.exists():
            removed(paths.partial)


def _finished(paths: Paths, inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What is said of answers that are there, if they are whole and from the same inputs; what led to them goes."""
    try:
        about = json.loads(paths.sidecar.read_text(encoding="utf-8"))
        if about["inputs"] != inputs or about["sha256"] != digest_of(paths.out):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    journal = Journal.load(paths.journal)
    if journal is not None and journal.inputs == inputs:
        _clear(paths)
    return about


def _clear(paths: Paths) -> None:
    removed(paths.partial)
    removed(paths.journal)


def _begun(paths: Paths, plan: Planned, fresh: bool, progress: bool | None) -> Journal:
    """The journal of an earlier run; or a new one, after every row has been read and found right."""
    if fresh:
        removed(paths.journal)
    elif (begun := Journal.load(paths.journal)) is not None:
        refuse_other_inputs(begun, plan.inputs, paths.partial)
        return begun
    total = 0
    with bar("checking", progress) as moved:
        for part in plan.source.parts(plan.columns, MOST_ROWS):
            total += len(part)
            moved(len(part))
    plan.source.mistakes.check()
    return Journal(plan.inputs, total)


def _ready(plan: Planned, journal: Journal) -> tuple[Asker, dict[str, Any], Journal]:
    """The question compiled, what its answers rest on, and the journal with the memory that the engine may use."""
    asked, full = plan.asked, plan.probe
    if asked.uncertain:
        refuse_too_many_draws(full.network, asked.draws)
        full = posed(asked, asked.draws)
    seen = (*plan.columns.nodes, *full.constants)
    rows = min(journal.total, MOST_ROWS)  # more are seldom different
    most = 1 << (default_limit(()).bit_length() - 1)
    for limit in (journal.max_bytes,) if journal.max_bytes else (min(USUAL, most), most):
        try:
            query = compile(full.network, full.target, seen, max_bytes=limit, expected_rows=rows)
            asker = Asker(full, query, plan.columns.nodes, plan.mask)
            return asker, rests_on(asked, asker), replace(journal, max_bytes=limit)
        except TooLarge:
            if limit != USUAL or journal.max_bytes:
                raise
        except Impossible as error:
            raise ImpossibleEvidence(f"what is given for all rows: {error}") from None
    raise AssertionError("one of the limits was the last")


def _answered(
    paths: Paths, plan: Planned, asker: Asker, journal: Journal, progress: bool | None
) -> tuple[Path, Journal]:
    """The file of answers, whole, and the journal at its end."""
    kind = ParquetAnswers if paths.parquet else CsvAnswers
    sink = kind(paths.partial, plan.header, journal.written)
    with bar("answering", progress, journal.total, journal.rows) as moved:
        for part in plan.source.parts(plan.columns, plan.chunk, journal.read):
            plan.source.mistakes.check()
            first, which = asker.distinct(part.codes)
            try:
                answers = asker.answers(part.codes[first])
            except Impossible as error:
                removed(paths.journal)  # from the same inputs it would end here again
                place = plan.source.at(part.places[first[error.row]])
                raise ImpossibleEvidence(f"{place}: {error}. {REMEDY}") from None
            journal = replace(
                journal,
                rows=journal.rows + len(part),
                masked=journal.masked + int(answers.masked[which].sum()),
                read=part.end,
                written=sink.write(part, answers, which),
            )
            journal.save(paths.journal)
            moved(len(part))
    return sink.finish(), journal


def _described(paths: Paths, plan: Planned, rests: Mapping[str, Any], done: Journal) -> dict[str, Any]:
    """What is said beside the answers."""
    return {
        "answers": paths.out.name,
        "cases": paths.cases.name,
        "rows": done.rows,
        "masked": done.masked,
        "evidence": plan.columns.nodes,
        "columns": columns_described(plan.asked, plan.header, plan.columns.kept),
        "rests_on": rests,
        "inputs": plan.inputs,
    }


def _published(paths: Paths, whole: Path, about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write what is said of the answers, then give them their name, then forget how they came about."""
    text = json.dumps({**about, "sha256": digest_of(whole)}, indent=2, ensure_ascii=False, allow_nan=False)
    replaced(paths.sidecar, text + "\n")
    os.replace(whole, paths.out)
    sync_folder(paths.out.parent)
    _clear(paths)
    return json.loads(text)
