"""All figures over time of a model or a result, each with the name of its file and its caption."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bsm.figures.over_time import captions
from bsm.figures.over_time.tracks import Tracks, of_model, of_result, selecting_phases
from bsm.figures.picture import Picture
from bsm.figures.theme import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bsm.inference.over_time.result import OverTime
    from bsm.spec.model import Model

MOST_SWEPT = 3
LONGEST = 60  # letters of a subject in the name of a file


def of_time(model: Model) -> Iterator[Picture]:
    """Influence and odds along the phases, a sweep of each phase that selects, the account of odds, the unrolled graph.

    Nothing for a model without phases.
    """
    if not model.phases:
        return
    yield from of_tracks(of_model(model))
    yield from of_phases(model)


def of_subjects(result: OverTime) -> Iterator[Picture]:
    """Influence and odds of every subject of a result; names of files end in the subject's stem."""
    for subject, stem in stems(result.subjects).items():
        for picture in of_tracks(of_result(result, subject)):
            yield replace(picture, name=f"{picture.name}-{stem}")


def stems(subjects: Sequence[str]) -> dict[str, str]:
    """For each subject a part of a file's name that no other has.

    >>> stems(["o3", "claude 2, scale", "claude-2 scale", "??"])
    {'o3': 'o3', 'claude 2, scale': 'claude-2-scale', 'claude-2 scale': 'claude-2-scale-3', '??': '4'}
    """
    found: dict[str, str] = {}
    for k, subject in enumerate(subjects, start=1):
        stem = re.sub(r"[^A-Za-z0-9.]+", "-", subject)[:LONGEST].strip("-.") or str(k)
        while stem.lower() in {s.lower() for s in found.values()}:
            stem += f"-{k}"
        found[subject] = stem
    return found


def of_phases(model: Model) -> Iterator[Picture]:
    """What the phases of a model do, whatever was seen: a sweep of each, the account of odds, the unrolled graph."""
    yield from sweeps_of(model)
    yield from _attribution(model)
    yield from _unrolled(model)


def of_tracks(tracks: Tracks) -> Iterator[Picture]:
    """Influence over time, and log odds."""
    from bsm.figures.over_time.influence import influence
    from bsm.figures.over_time.odds import odds

    of = tracks.subject or tracks.model
    told = captions.influence(tracks)
    yield Picture("influence", f"Influence over time: {of}", told, partial(_draw, influence, tracks))
    if len(tracks.names) > 1:
        told = captions.odds(tracks)
        yield Picture("odds", f"Log odds over time: {of}", told, partial(_draw, odds, tracks))


def sweeps_of(model: Model) -> Iterator[Picture]:
    """Shares as eta n of each phase runs over decades; of at most three phases, those with the most selections."""
    from bsm.figures.over_time.sweep import sweep, sweeps
    from bsm.motives.theta import central

    theta = central(model)
    selecting = [p for p in model.phases if float(theta.of(p.selections)) > 0 and float(theta.of(p.eta)) > 0]
    most = sorted(selecting, key=lambda p: -float(theta.of(p.selections)))[:MOST_SWEPT]
    for phase in (p for p in model.phases if p in most):
        found = sweeps(model, phase.name)
        name = "sweep" if len(most) == 1 else f"sweep-{phase.name}"
        title = f"Shares as selection grows in {phase.name}"
        yield Picture(name, title, captions.sweep(found), partial(_draw, sweep, found))


def _attribution(model: Model) -> Iterator[Picture]:
    from bsm.figures.over_time.attribution import attribution, bars

    if len(model.motivations) > 1:
        found = bars(model)
        title = f"What made the odds in {model.name}"
        yield Picture("attribution", title, captions.attribution(found), partial(_draw, attribution, found))


def _unrolled(model: Model) -> Iterator[Picture]:
    from bsm.figures.over_time.unrolled import slices, unrolled

    if selecting_phases(model):
        found = slices(model)
        title = f"{model.name} over time as one network"
        yield Picture("unrolled", title, captions.unrolled(found), partial(_draw, unrolled, found))


def diversity() -> Picture:
    """The toy that tells the two dynamics apart; of no model."""
    from bsm.figures.over_time.diversity import diversity as draw
    from bsm.figures.over_time.diversity import thresholds

    title = "How rare a pattern may be that every environment rewards"
    return Picture("diversity", title, captions.diversity(), partial(_draw, draw, thresholds()))


def _draw(draw: Callable[[Any, Theme], Figure], what: Any, theme: Theme) -> Figure:
    return draw(what, theme)
