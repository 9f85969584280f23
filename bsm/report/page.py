"""One self-contained HTML page: what a result says, and everything that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bsm.figures.captions import counts
from bsm.figures.choice_table import choices_of, verdict
from bsm.figures.pictures import Picture, of_model, of_result
from bsm.figures.standings import leading, plain
from bsm.inference.result import Result
from bsm.report import findings, grounds
from bsm.report.frame import Section, figure, of_kinds, whole
from bsm.report.html import Markup, details, joined, listed, tag
from bsm.report.sentences import headline
from bsm.spec.model import Model

TITLES = {
    "posterior": "Prior and posterior",
    "classes": "What cannot be told apart",
    "decomposition": "What moved the odds",
    "choices": "Under other defensible settings",
    "predictive": "Would these rows have been predicted?",
    "excluded": "Left out, and why",
    "base-rates": "Base rates, without likelihood",
    "parameters": "Parameters and who says so",
    "rests": "Dynamics, reading and selection",
    "subjects": "Other subjects",
    "time": "Influence over time, before the ledger",
    "model": "The model",
    "sources": "Sources",
    "run": "The run",
}


def page(
    result: Result,
    model: Model | None = None,
    manifest: Mapping[str, Any] | None = None,
    drawn: Mapping[str, tuple[str, str]] | None = None,
    pictures: Sequence[Picture] | None = None,
) -> str:
    """The whole result as one HTML file: no network, no script; light and dark; it prints.

    Args:
        result: what to show, with a choices table where `bsm.choices` added one.
        model: its model, for the graph, fitness and what each motivation wants.
        manifest: as `bsm.report.manifest.manifest` makes it.
        drawn: figures that are drawn already, as light and dark SVG by name (see `bsm.report.frame.in_both`).
        pictures: all figures of the result and the model, where they have been prepared already.

    Every word that comes from a model or ledger is escaped.
    """
    subject = leading(result)
    own = [*of_result(result), *(of_model(model) if model else ())] if pictures is None else pictures
    shown = {picture.name: figure(picture, (drawn or {}).get(picture.name)) for picture in own}
    parts = _parts(result, model, manifest, subject, shown)
    sections = [Section(name, TITLES[name], part) for name, part in parts.items()]
    return whole(f"{plain(result.about['model'])}: {subject}", _opening(result, model, subject), sections)


def _opening(result: Result, model: Model | None, subject: str) -> Markup:
    """Title, what is determined and what is not, and what the model is about."""
    about, found = result.about, choices_of(result)
    overlay = f", overlay {about['overlay']}" if about["overlay"] else ""
    run = f"Seed {about['seed']}, {about['draws']} draws per motivation."
    lead = [tag("p", verdict(found), class_="verdict")] if found else []
    kind = "lead" if found and found.determined else "lead open"
    return joined(
        [
            tag("h1", plain(about["model"])),
            tag("p", f"{subject}{overlay}. {counts(result, subject)}. {run}", class_="sub"),
            tag("div", *lead, listed(headline(result)), class_=kind),
            *([tag("p", model.about)] if model and model.about else []),
        ]
    )


def _parts(
    result: Result,
    model: Model | None,
    manifest: Mapping[str, Any] | None,
    subject: str,
    drawn: Mapping[str, Markup],
) -> dict[str, Sequence[Markup]]:
    """What stands under each title; nothing where there is nothing to say."""
    settings, rows = choices_of(result), result.rows()
    untried = tag("p", "No other setting was tried, so nothing here says whether the headline is determined.")
    numbers = details("The numbers", findings.decomposition(result, subject), printed=False)
    return {
        "posterior": [drawn["posterior"], findings.motivations(result, model, subject)],
        "classes": [findings.classes(result, subject)],
        "decomposition": [drawn["decomposition"], numbers],
        "choices": [drawn["choices"], *findings.choices(settings)] if settings else [untried],
        "predictive": [drawn["predictive"], *findings.check(result, subject)],
        "excluded": [grounds.excluded(result.about)],
        "base-rates": grounds.base_rates(result.about),
        "parameters": grounds.parameters(result, subject),
        "rests": [grounds.rests(result, subject)],
        "subjects": [drawn[name] for name in ("subjects",) if name in drawn],
        "time": of_kinds(drawn, "influence", "odds", "sweep", "attribution", "unrolled"),
        "model": [drawn[name] for name in ("graph", "fitness") if name in drawn],
        "sources": grounds.sources(zip(rows["citation"], rows["subject_of"], strict=True), model),
        "run": grounds.run(manifest),
    }
