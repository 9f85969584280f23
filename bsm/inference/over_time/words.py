"""A result over time as text for a terminal."""

from __future__ import annotations

from bsm.inference.over_time.labelled import Labelled

MOST_SHOWN = 20


def as_text(found: Labelled) -> str:
    """Prior, dynamics, reading, n and eta, then a table for each subject."""
    about = found.about
    lines = [
        f"{about['model']}: {about['dynamics']}; reading: {about['reading']}"
        + (f" (alpha {about['alpha']})" if about["alpha"] else ""),
        *(
            f"  {p['name']} ({p['dynamics']}): n = {p['selections']} selections at eta = {p['eta']}"
            + (f", {p['drift']} drifts" if p["drift"] else "")
            + (f", gates {', '.join(p['gates'])}" if p["gates"] else "")
            for p in about["phases"]
        ),
        "prior: " + ", ".join(f"{m} {p:.3g}" for m, p in about["prior"].items()),
    ]
    for subject in found.subjects:
        lines += ["", *_subject(found, subject)]
    notes = [*about["notes"], *(n for s in about["subjects"].values() for n in s["notes"])]
    lines += [f"note: {note}" for note in dict.fromkeys(notes)]
    return "\n".join(lines)


def _subject(found: Labelled, subject: str) -> list[str]:
    evidence = float(found.data["log_evidence"].sel(subject=subject))
    lines = [f"{subject}: log evidence {evidence:.3f} nats; central 90 % over parameters in brackets"]
    for reading in found.readings:
        table = found.table(subject, None if reading == found.about["reading"] else reading)
        wide = max(len(m) for m in found.names)
        lines.append(f"  reading {reading}")
        lines.append(f"  {'moment':16}{'motivation':{wide + 2}}{'share':>8}   {'filtered':22}{'smoothed':22}")
        for moment in found.moments:
            own = table[table["moment"] == moment]
            for i, row in enumerate(own.itertuples()):
                label = (f"{moment}, predicted" if row.predicted else moment) if i == 0 else ""
                share = "      --" if row.motivation == "none_of_these" else f"{row.share:8.3f}"
                lines.append(
                    f"  {label:16}{row.motivation:{wide + 2}}{share}   "
                    f"{_banded(row.filtered, row.filtered_low, row.filtered_high):22}"
                    f"{_banded(row.smoothed, row.smoothed_low, row.smoothed_high):22}".rstrip()
                )
    return lines


def _banded(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
