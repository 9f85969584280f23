"""A result over time as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from bsm.inference.over_time.headline import LEGEND, headline
from bsm.inference.over_time.labelled import Labelled
from bsm.spec.number_words import banded, probability

WIDTH = 100
NUMBER = 24  # columns of a probability with its band


def as_text(found: Labelled, moments: Sequence[str] | None = None, first: Sequence[str] = ()) -> str:
    """The headline of each subject in sentences; what it rests on; then a table for each subject and reading.

    Args:
        found: the result.
        moments: those that the tables show; all when absent.
        first: sentences to say before all others.
    """
    about = found.about
    said = [*first, *(s for subject in found.subjects for s in headline(found, subject))]
    lines = [
        f"{about['model']}: {about['dynamics']}; reading: {about['reading']}"
        + (f" (alpha {about['alpha']})" if about["alpha"] else ""),
        "",
        *(line for s in said for line in wrapped(s, "* ")),
        "",
        *(f"  {phase}" for phase in map(phase_line, about["phases"])),
        *wrapped("prior: " + ", ".join(f"{m} {probability(p)}" for m, p in about["prior"].items())),
        "",
        *(line for s in LEGEND for line in wrapped(s)),
    ]
    for subject in found.subjects:
        lines += ["", *_subject(found, subject, found.moments if moments is None else moments)]
    notes = [*about["notes"], *(n for s in about["subjects"].values() for n in s["notes"])]
    lines += [line for note in dict.fromkeys(notes) for line in wrapped(f"note: {note}")]
    return "\n".join(lines)


def wrapped(words: str, mark: str = "") -> list[str]:
    """Lines of at most 100 columns, all but the first indented."""
    return wrap(words, WIDTH, initial_indent=mark, subsequent_indent=" " * (len(mark) or 2), break_on_hyphens=False)


def phase_line(told: Mapping[str, Any]) -> str:
    """A phase of a result's `about`, in a line."""
    drift = told["drift"]
    return (
        f"{told['name']} ({told['dynamics']}): n = {told['selections']} selections at eta = {told['eta']}"
        + (f", {drift} {'drift' if drift == 1 else 'drifts'}" if drift else "")
        + (f", gates {', '.join(told['gates'])}" if told["gates"] else "")
    )


def _subject(found: Labelled, subject: str, moments: Sequence[str]) -> Iterator[str]:
    shown = {r: float(found.of_reading(r)["log_evidence"].sel(subject=subject)) for r in found.readings}
    yield f"{subject}: log evidence " + ", ".join(f"{nats:.3f} nats under {r}" for r, nats in shown.items())
    labels = {m: f"{m}, predicted" if bool(found.data["predicted"].sel(moment=m)) else m for m in moments}
    widths = [max(map(len, labels.values()), default=0), max(map(len, found.names))]
    for reading in found.readings:
        yield f"  reading {reading}"
        yield _line(["moment", "motivation", "share", "filtered", "smoothed"], widths)
        table = found.table(subject, reading)
        for moment in moments:
            for i, row in enumerate(table[table["moment"] == moment].itertuples()):
                share = "--" if row.motivation == "none_of_these" else probability(row.share)
                filtered = banded(row.filtered, row.filtered_low, row.filtered_high)
                smoothed = banded(row.smoothed, row.smoothed_low, row.smoothed_high)
                cells = [labels[moment] if i == 0 else "", str(row.motivation), share, filtered, smoothed]
                yield _line(cells, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    moment, motivation, share, filtered, smoothed = cells
    start = f"  {moment:{max(widths[0], 6)}}  {motivation:{max(widths[1], 10)}}  {share:>6}"
    return f"{start}  {filtered:{NUMBER}}  {smoothed}".rstrip()
