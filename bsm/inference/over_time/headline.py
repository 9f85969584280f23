"""What a result over time says first: who drives at the latest moment, whether anything fits, if readings agree."""

from __future__ import annotations

from collections.abc import Iterator

from bsm.inference.over_time.labelled import Labelled
from bsm.spec.number_words import banded, probability

NONE = "none_of_these"
NOW = "now"
LEADING = 0.05  # probability from which a motivation is named
MOST = 3  # that are named
FITS = 0.5  # none_of_these above it: nothing listed fits
APART = 0.1  # probability by which readings disagree
LEGEND = (
    "share: influence by prior, selection, gates and drift alone, without any row, in the mean over prior draws.",
    "filtered: P(motivation) given the rows and the selection up to the moment.",
    "smoothed: given all rows and all selection; for a moment ahead, predicted.",
    "[low, high]: central 90 % over posterior draws of the parameters; a mean lies outside it where fewer than one "
    "draw in twenty is far from all others.",
)


def headline(found: Labelled, subject: str) -> list[str]:
    """Sentences about a subject at the latest of the moments asked about.

    They tell the leading motivations and none_of_these, each beside its prior before all selection; the readings under
    which none_of_these has most; and where readings differ by more than 0.1.
    """
    at = latest(found)
    return [_answer(found, subject, at), *_nothing_fits(found, subject, at), *_apart(found, subject, at)]


def latest(found: Labelled) -> str:
    """The last in time of the moments asked about."""
    data, phases = found.data, [p["name"] for p in found.about["phases"]]

    def place(label: str) -> tuple[int, int, bool, float]:
        own = data.sel(moment=label)
        phase = str(own["phase"].item())
        at = phases.index(phase) if phase in phases else -1
        if bool(own["predicted"]):
            return (1, 0, False, float(own["step"]))
        return (0, at, label in (phase, NOW), float(own["step"]))

    return max(found.moments, key=place)


def _answer(found: Labelled, subject: str, at: str) -> str:
    prior, p = found.about["prior"], _smoothed(found, subject, at, found.about["reading"])
    order = sorted((m for m in found.names if m != NONE), key=lambda m: -p[m])
    named = [m for m in order if p[m] >= LEADING][:MOST] or order[:1]
    ahead = ", predicted" if bool(found.data["predicted"].sel(moment=at)) else ""

    def told(name: str) -> str:
        low, high = (found.value(f"smoothed_{end}", subject, at, name) for end in ("low", "high"))
        return f"{name} {banded(p[name], low, high)} (prior {probability(prior[name])})"

    return (
        f"{subject} at {at}{ahead}, under {found.about['reading']}, given all rows: {', '.join(map(told, named))}; "
        f"none of those listed: {told(NONE)}."
    )


def _nothing_fits(found: Labelled, subject: str, at: str) -> Iterator[str]:
    none = {r: _smoothed(found, subject, at, r)[NONE] for r in found.readings}
    if misfit := [f"under {r} nothing listed fits ({probability(p)})" for r, p in none.items() if p > FITS]:
        yield f"{subject}: {', '.join(misfit)}; how the rest is divided then says little of who drives."


def _apart(found: Labelled, subject: str, at: str) -> Iterator[str]:
    each = {r: _smoothed(found, subject, at, r) for r in found.readings}
    if len(each) < 2:
        return
    gaps = {m: max(p[m] for p in each.values()) - min(p[m] for p in each.values()) for m in found.names}
    far = sorted((m for m in gaps if gaps[m] > APART), key=lambda m: -gaps[m])[:MOST]
    if not far:
        yield f"{subject}: the readings {' and '.join(each)} agree to within {APART:g} at {at}."
        return
    told = (f"{m} " + ", ".join(f"{probability(p[m])} under {r}" for r, p in each.items()) for m in far)
    yield f"{subject}: the readings disagree: {'; '.join(told)}."


def _smoothed(found: Labelled, subject: str, at: str, reading: str) -> dict[str, float]:
    values = found.of_reading(reading)["smoothed"].sel(subject=subject, moment=at)
    return dict(zip(found.names, values.values.tolist(), strict=True))
