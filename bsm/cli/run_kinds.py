"""What `bsm run` works out and shows: motivations now, or over time where it matters when a row was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsm.cli.request import Request

if TYPE_CHECKING:
    from bsm.evidence.ledger import Evidence
    from bsm.figures.picture import Picture
    from bsm.inference.over_time import OverTime
    from bsm.inference.result import Result
    from bsm.spec.model import Model

PARTS = 4  # of each phase at whose ends motivations are worked out


@dataclass(frozen=True)
class Kind:
    """One kind of result, and how it is computed, read back, printed and shown.

    Attributes:
        infer: the result, from a model before its overlay, a ledger, what was asked for, and perhaps a folder in which
            parts of long work may wait for the rest.
        load: the same, from its file.
        text, document: for a terminal, and as one JSON document.
        pictures: every figure of the result and its model.
        page: the HTML page, from result and model, and by name `manifest`, figures `drawn` already, and `pictures`.
    """

    infer: Callable[[Model, Evidence, Request, Path | None], Any]
    load: Callable[[Path, Model, Evidence], Any]
    text: Callable[[Any], str]
    document: Callable[[Any], dict[str, Any]]
    pictures: Callable[[Any, Model], Sequence[Picture]]
    page: Callable[..., str]


def kind_of(model: Model, ledger: Evidence, subjects: Sequence[str]) -> Kind:
    """The kind that answers: over time where a row lies inside phases in which it matters when it was seen."""
    from bsm.motives.course import Timeline
    from bsm.motives.course.unseen import when_matters

    chosen = subjects or ledger.subjects
    inside = any(row.phase is not None for row in ledger.rows if row.subject in chosen)
    return OVER_TIME if inside and when_matters(Timeline(model)) else NOW


# --- now ---------------------------------------------------------------------------------------------------


def _infer_now(model: Model, ledger: Evidence, request: Request, keep: Path | None) -> Result:
    from bsm.inference.posterior import posterior
    from bsm.questions.choices import analysis

    infer = analysis if request.choices and model.choices else posterior
    return infer(model, ledger, overlay=request.overlay, **_settings(request))


def _settings(request: Request) -> dict[str, Any]:
    more: dict[str, Any] = {} if request.draws is None else {"draws": request.draws}
    return more | {
        "seed": request.seed,
        "subjects": request.subjects or None,
        "progress": True,
        "workers": request.workers,
    }


def _load_now(path: Path, model: Model, ledger: Evidence) -> Result:
    from bsm.inference.result import Result

    return Result.load(path)


def _text_now(result: Result) -> str:
    from bsm.report.words import as_text

    return as_text(result)


def _document_now(result: Result) -> dict[str, Any]:
    """Tables by subject, the headline in words, and everything that is not a table."""
    from bsm.report.sentences import headline

    return {
        "headline": list(headline(result)),
        "subjects": {subject: _subject_now(result, subject) for subject in result.subjects},
        "about": result.about,
    }


def _subject_now(result: Result, subject: str) -> dict[str, Any]:
    table = result.table(subject).drop(columns="subject").set_index("motivation")
    steps = result.decomposition(subject)
    return {
        "motivations": table.to_dict(orient="index"),
        "decomposition": [
            {"stage": str(stage), "nats": dict(zip(result.names, row, strict=True))}
            for stage, row in zip(steps["stage"].values, steps.values.tolist(), strict=True)
        ],
        "rows": result.rows(subject).to_dict(orient="records"),
    }


def _pictures_now(result: Result, model: Model) -> Sequence[Picture]:
    from bsm.figures.pictures import of_model, of_result

    return [*of_result(result), *of_model(model)]


def _page_now(result: Result, model: Model, **shown: Any) -> str:
    from bsm.report.page import page

    return page(result, model, **shown)


NOW = Kind(_infer_now, _load_now, _text_now, _document_now, _pictures_now, _page_now)


# --- over time ---------------------------------------------------------------------------------------------


def _infer_over_time(model: Model, ledger: Evidence, request: Request, keep: Path | None) -> OverTime:
    from bsm.figures.over_time.tracks import wanted
    from bsm.inference.over_time import posterior_over_time
    from bsm.questions.choices_beside import with_choices

    moments, settings = wanted(model.with_overlay(request.overlay), parts=PARTS), _settings(request)
    result = posterior_over_time(model, ledger, moments, overlay=request.overlay, keep=keep, **settings)
    del settings["subjects"]
    return with_choices(result, keep=keep, **settings) if request.choices else result


def _load_over_time(path: Path, model: Model, ledger: Evidence) -> OverTime:
    from bsm.inference.over_time import OverTime

    return OverTime.load(path, model, ledger)


def _text_over_time(result: OverTime) -> str:
    from bsm.figures.choice_table import choices_of
    from bsm.figures.over_time.panels import START
    from bsm.inference.over_time.words import as_text
    from bsm.report.sentences_over_time import determined
    from bsm.report.words import choices_lines

    told = as_text(result, [START, *(phase["name"] for phase in result.about["phases"])], [determined(result)])
    return "\n".join([told, "", *choices_lines(choices_of(result))]).rstrip() + "\n"


def _document_over_time(result: OverTime) -> dict[str, Any]:
    from bsm.cli.at_words import document
    from bsm.report.sentences_over_time import determined

    return {"across_settings": determined(result)} | document(result)


def _pictures_over_time(result: OverTime, model: Model) -> Sequence[Picture]:
    from bsm.report.page_over_time import pictures_of

    return pictures_of(result)


def _page_over_time(result: OverTime, model: Model, **shown: Any) -> str:
    from bsm.report.page_over_time import page_over_time

    return page_over_time(result, **shown)


OVER_TIME = Kind(
    _infer_over_time, _load_over_time, _text_over_time, _document_over_time, _pictures_over_time, _page_over_time
)
