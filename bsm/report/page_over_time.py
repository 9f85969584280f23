"""One self-contained HTML page of a result over time: who drives when, for every AI, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bsm.evidence.rows import LedgerRow
from bsm.figures import captions
from bsm.figures.choice_table import choices_of
from bsm.figures.numbers import count, many
from bsm.figures.over_time.pictures import of_subjects, stems
from bsm.figures.picture import Picture
from bsm.figures.pictures import of_model
from bsm.figures.settings import choices
from bsm.figures.standings import plain
from bsm.inference.over_time import OverTime
from bsm.inference.over_time.headline import LEGEND, headline, latest
from bsm.inference.over_time.places import places
from bsm.inference.over_time.words import phase_line
from bsm.report import findings, grounds
from bsm.report.findings_over_time import numbers, parameters
from bsm.report.frame import Section, figure, of_kinds, whole
from bsm.report.html import Markup, details, joined, listed, table, tag
from bsm.report.sentences_over_time import counted, determined
from bsm.spec.model import Model
from bsm.spec.number_words import probability

OF_AIS, OF_PHASES = ("influence", "odds"), ("sweep", "attribution", "unrolled")  # kinds of figures
FEW = 3  # AIs of which the opening says everything


def page_over_time(
    result: OverTime,
    manifest: Mapping[str, Any] | None = None,
    drawn: Mapping[str, tuple[str, str]] | None = None,
    pictures: Sequence[Picture] | None = None,
) -> str:
    """A result over time as one HTML file: no network, no script; light and dark; it prints.

    Args:
        result: what to show; it has its model and ledger.
        manifest: as `bsm.report.manifest.manifest` makes it.
        drawn: figures that are drawn already, as light and dark SVG by name (see `bsm.report.frame.in_both`).
        pictures: those of all subjects and of the model, where they have been prepared already.

    Every word that comes from a model or ledger is escaped.

    Raises:
        SpecError: the result was loaded without its model and ledger.
    """
    model, ledger = result.needs(ledger=True)
    assert ledger is not None
    own = pictures_of(result) if pictures is None else pictures
    shown = {picture.name: figure(picture, (drawn or {}).get(picture.name)) for picture in own}
    before = [shown[name] for name in OF_AIS if name in shown]  # those of AIs have a stem behind the name
    rows = [r for s in result.subjects for r in ledger.for_subject(s).rows]
    sections = [
        Section("latest", f"The latest moment: {latest(result)}", [_latest(result)]),
        Section("choices", "Under other defensible settings", _choices(result, shown)),
        *(_of_subject(result, s, stem, shown) for s, stem in stems(result.subjects).items()),
        Section("reading", "How to read these numbers", [listed([*LEGEND, *_notes(result)])]),
        Section("motivations", "Motivations and their prior", [_motivations(result, model)]),
        Section("rests", "Dynamics, readings and selection", [_rests(result)]),
        Section("excluded", "Left out, and why", [grounds.excluded(result.about)]),
        Section("base-rates", "Base rates, without likelihood", grounds.base_rates(result.about)),
        Section("parameters", "Parameters and who says so", [_parameters(result)]),
        Section("phases", "Before the ledger: what each phase does", [*before, *of_kinds(shown, *OF_PHASES)]),
        Section("model", "The model", of_kinds(shown, "graph", "fitness")),
        Section("sources", "Sources", grounds.sources(((r.citation, r.subject) for r in rows), model)),
        Section("run", "The run", grounds.run(manifest)),
    ]
    return whole(f"{plain(result.about['model'])} over time", _opening(result, model, len(rows)), sections)


def pictures_of(result: OverTime) -> list[Picture]:
    """Every figure of a result over time and of its model."""
    model, ledger = result.needs(ledger=True)
    assert ledger is not None
    made = [*of_subjects(result), *of_model(model)]
    if (found := choices_of(result)) is not None:
        rows = many(len(ledger.for_subject(found.subject).rows), "row")
        told = captions.choices(found, rows)
        made.append(Picture("choices", "The headline under each setting", told, partial(choices, result)))
    return made


def _opening(result: OverTime, model: Model, rows: int) -> Markup:
    about = result.about
    overlay = f", overlay {about['overlay']}" if about["overlay"] else ""
    held = f"{many(len(result.subjects), 'AI')}{overlay}, {many(rows, 'row')}, nothing pooled"
    run = f"Seed {about['seed']}, {about['draws']} draws per class of motivations."
    each = [words for s in result.subjects for words in headline(result, s)]
    first = each if len(result.subjects) <= FEW else counted(result)
    return joined(
        [
            tag("h1", plain(about["model"])),
            tag("p", f"Motivations over time. {held}. {run}", class_="sub"),
            tag("div", listed([determined(result), *first]), class_="lead open"),
            *([tag("p", model.about)] if model.about else []),
        ]
    )


def _notes(result: OverTime) -> list[str]:
    return [note[:1].upper() + note[1:] for note in result.about["notes"]]


def _choices(result: OverTime, shown: Mapping[str, Markup]) -> list[Markup]:
    found = choices_of(result)
    return [] if found is None else [shown["choices"], *findings.choices(found)]


def _latest(result: OverTime) -> Markup:
    """Every AI at the latest moment under every reading, below the prior."""
    at, prior = latest(result), result.about["prior"]
    lines: list[list[object]] = [["prior, before selection", "–", *(probability(prior[m]) for m in result.names)]]
    for subject in result.subjects:
        for reading in result.readings:
            values = result.of_reading(reading)["smoothed"].sel(subject=subject, moment=at).values.tolist()
            most = max(values)
            cells = [tag("strong", probability(p)) if p == most else probability(p) for p in values]
            lines.append([subject, reading, *cells])
    heads = ["AI", "reading", *map(plain, result.names)]
    caption = "P(motivation | all rows, all selection), means over parameters; their 90 % bands are below, AI by AI."
    return table(heads, lines, range(2, len(heads)), caption)


def _of_subject(result: OverTime, subject: str, stem: str, shown: Mapping[str, Markup]) -> Section:
    model, ledger = result.needs(ledger=True)
    assert ledger is not None
    rows = ledger.for_subject(subject).rows
    shares = [shown[name] for kind in OF_AIS if (name := f"{kind}-{stem}") in shown]
    nats = {r: float(result.of_reading(r)["log_evidence"].sel(subject=subject)) for r in result.readings}
    evidence = ", ".join(f"{value:.3f} nats under {reading}" for reading, value in nats.items())
    effective = float(result.tree["sample_stats"]["effective_draws"].sel(subject=subject))
    behind = f"{effective:,.0f} effective draws of parameters" if effective < 9e5 else "no parameter is uncertain"
    said = [f"Log evidence: {evidence}; {behind}.", *result.about["subjects"][subject]["notes"]]
    made = [
        listed([*headline(result, subject), *said]),
        *shares,
        details("The numbers, moment by moment", numbers(result, subject), printed=False),
        details(f"The {many(len(rows), 'row')}", _rows(model, rows)),
    ]
    if (table_of := parameters(result, subject)) is not None:
        made.append(details("Parameters that these rows speak of", table_of))
    return Section(f"ai-{stem}", subject, made)


def _rows(model: Model, rows: Sequence[LedgerRow]) -> Markup:
    steps = {i: seen.step for seen in places(model, rows) for i in seen.rows}
    heads = ["row", "setting", "seen", "selected on", "observation", "k of n", "context", "source"]
    lines = [
        [
            r.id,
            r.setting,
            _when(r, steps[i]),
            f"{r.steps:,}" if r.steps else "–",
            plain(r.observation),
            f"{count(round(r.k, 1))} of {count(round(r.n, 1))}" + ("" if r.basis == "counts" else f" ({r.basis})"),
            "; ".join(f"{plain(n)} {plain(state)}" for n, state in r.contexts.items()),
            ", ".join(filter(None, (r.citation, r.figure_or_table))),
        ]
        for i, r in enumerate(rows)
    ]
    caption = "Selected on: selections of the phase that a row stands for; none for rows that were looked at only."
    return table(heads, lines, (3, 5), caption, prose=(6, 7))


def _when(row: LedgerRow, step: float | None) -> str:
    if row.phase is None:
        return "now"
    return f"{plain(row.phase)}, {'at its end' if step is None else f'after {step:,g}'}"


def _motivations(result: OverTime, model: Model) -> Markup:
    families, prior = result.about["families"], result.about["prior"]
    lines = [[plain(m), probability(prior[m]), families.get(m, "–"), findings.wants(model, m)] for m in result.names]
    caption = "Prior: before all selection, in the mean over prior draws of the parameters."
    return table(["motivation", "prior", "family", "what it wants"], lines, [1], caption, prose=[3])


def _rests(result: OverTime) -> Markup:
    about = result.about
    beside = f"; {', '.join(about['readings_beside'])} beside it" if about["readings_beside"] else ""
    alpha = f" (alpha {about['alpha']})" if about["alpha"] else ""
    first = f"Dynamics: {about['dynamics']}. Reading: {about['reading']}{alpha}{beside}."
    gradient = [grounds.SOFTMAX] if "softmax_pg" in about["dynamics"] else []
    return listed([first, *map(phase_line, about["phases"]), *gradient])


def _parameters(result: OverTime) -> Markup:
    told = result.about["parameters"]
    lines = [[p["name"], p["written"], p["provenance"]] for p in told]
    uncertain = sum(p["uncertain"] for p in told)
    every = table(["parameter", "as written", "who says so"], lines, [1], prose=[2])
    return details(f"{many(len(lines), 'parameter')}, {uncertain} of them uncertain and integrated out", every)
