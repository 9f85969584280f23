"""All figures of a result or a model, each with the name of its file and its caption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from bsm.figures import captions
from bsm.figures.choice_table import choices_of
from bsm.figures.picture import Picture
from bsm.figures.standings import leading
from bsm.figures.theme import Theme
from bsm.inference.result import Result
from bsm.spec.model import Model

__all__ = ["Picture", "of_model", "of_result"]

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def of_result(result: Result, subject: str | None = None) -> Iterator[Picture]:
    """The figures of one subject (the headline's if none is named), then those of the whole result."""
    from bsm.figures.comparison import subjects
    from bsm.figures.credence import posterior
    from bsm.figures.nats import decomposition
    from bsm.figures.predictions import predictive
    from bsm.figures.settings import choices

    who = subject or leading(result)
    for name, title, draw, caption in (
        ("posterior", "Prior and posterior over motivations", posterior, captions.posterior),
        ("decomposition", "Nats that each stage adds", decomposition, captions.decomposition),
        ("predictive", "Rates seen and predicted, row by row", predictive, captions.predictive),
    ):
        yield Picture(name, f"{title}: {who}", caption(result, who), partial(_of_subject, draw, result, who))
    if (found := choices_of(result)) is not None:
        told = captions.choices(found, captions.counts(result, found.subject))
        yield Picture("choices", "The headline under each setting", told, partial(choices, result))
    if len(result.subjects) > 1:
        told = captions.subjects(result)
        yield Picture("subjects", "Posterior by subject", told, partial(subjects, result))


def _of_subject(draw: Callable[[Result, str, Theme], Figure], result: Result, subject: str, theme: Theme) -> Figure:
    return draw(result, subject, theme)


def of_model(model: Model) -> Iterator[Picture]:
    """The graph, fitness under every overlay, and where there are phases everything over time."""
    from bsm.figures.graph import draw
    from bsm.figures.over_time.pictures import of_time
    from bsm.figures.selection import fitness

    yield Picture("graph", f"The causal graph of {model.name}", captions.graph(model), partial(draw, model.graph))
    told = captions.fitness(model)
    yield Picture("fitness", f"Fitness in {model.name}", told, partial(_fitness, fitness, model))
    yield from of_time(model)


def _fitness(draw: Callable[..., Figure], model: Model, theme: Theme) -> Figure:
    return draw(model, theme=theme)
