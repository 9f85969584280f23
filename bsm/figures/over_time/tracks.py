"""Shares and credence along the phases of an AI, as figures draw them: what stands where on an axis of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bsm.figures.numbers import IMPOSSIBLE
from bsm.figures.over_time.panels import NOW, START, Mark, Panel, marks, panels_of, part_of
from bsm.figures.over_time.path import Path, path
from bsm.figures.over_time.readings import beside

if TYPE_CHECKING:
    from bsm.inference.over_time.result import OverTime
    from bsm.spec.model import Model

PARTS = 10  # pieces into which the selections of a phase are cut
DRAWS = 200  # of parameters, where there is no result
SEED = 5


@dataclass(frozen=True, eq=False)
class Curves:
    """Middle and central 90 % over parameters, each [moment, motivation]."""

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Tracks:
    """What is known at moments of an AI's phases.

    Attributes:
        names: motivations; with a ledger none_of_these is last.
        families: of every named motivation.
        panels: the phases, then what is to come.
        path: where along time moments stand, and between which of them lines may be drawn.
        share: influence without any ledger, means; `credence`: given all rows of `subject`, means.
        share_odds, credence_odds: medians of log odds against `reference`, nats.
        about: dynamics, reading, phases, prior and more, as results have it.
        draws: of parameters, over which means and bands are taken.
        beside: means given all rows under other readings than that of `about`, each [moment, motivation].
    """

    model: str
    names: tuple[str, ...]
    families: Mapping[str, str]
    panels: tuple[Panel, ...]
    moments: tuple[str, ...]
    path: Path
    share: Curves
    about: Mapping[str, Any]
    reference: str
    draws: int
    share_odds: Curves | None = None
    subject: str | None = None
    credence: Curves | None = None
    credence_odds: Curves | None = None
    marks: tuple[Mark, ...] = ()
    beside: Mapping[str, np.ndarray] = field(default_factory=dict)


def wanted(model: Model, parts: int = PARTS) -> list[str]:
    """Moments that these figures need of `bsm.posterior(model, ledger, at=...)`: so many parts of each phase."""
    selecting, found = selecting_phases(model), [START]
    for phase in model.phases:
        if phase.name in selecting:
            last = parts + bool(phase.gates)
            found += [f"{phase.name}:{100 * j / parts:g}%" for j in range(1, last)]
        found.append(phase.name)
    return found


def selecting_phases(model: Model) -> tuple[str, ...]:
    """Names of the phases that have selections, at the prior medians of parameters."""
    from bsm.motives.theta import central

    theta = central(model)
    return tuple(p.name for p in model.phases if float(theta.of(p.selections)) > 0)


def headline_reference(model: Model | None) -> str | None:
    """The motivation with which a model's headline compares, if it has one."""
    return model.headline.reference if model and model.headline else None


# --- from a result -----------------------------------------------------------------------------------------


def of_result(result: OverTime, subject: str | None = None, reference: str | None = None) -> Tracks:
    """The tracks of one subject, the first if none is named; every number is read off the result's tree.

    Log odds are against the reference of the model's headline, where the result has its model, else the first name.
    """
    about = result.about
    subject = subject or result.subjects[0]
    if subject not in result.subjects:
        raise KeyError(f"{subject!r} is not a subject of this result; it has {list(result.subjects)}")
    names = tuple(n for n in result.names if n in about["families"])
    reference = chosen(reference or headline_reference(result.model), names)
    data = result.data.sel(subject=subject)
    panels = panels_of(about["phases"], _means(result), _ahead(result))
    draws = result.draws["smoothed_probability"].sel(subject=subject).isel(chain=0).values  # [draw, moment, m + 1]
    rows = about["subjects"][subject]["rows"]
    return Tracks(
        model=about["model"],
        names=result.names,
        families=about["families"],
        panels=panels,
        moments=result.moments,
        path=path(panels, result.moments),
        share=_curves(data, "share"),
        about=about,
        reference=reference,
        draws=len(draws),
        subject=subject,
        credence=_curves(data, "smoothed"),
        credence_odds=log_odds(draws, result.names.index(reference)),
        marks=marks(panels, rows),
        beside=beside(result, subject),
    )


def chosen(reference: str | None, names: Sequence[str]) -> str:
    """The reference, the first motivation if none is named."""
    if reference is not None and reference not in names:
        raise KeyError(f"reference {reference!r} is no motivation; there are {list(names)}")
    return reference or names[0]


def _curves(data: Any, name: str) -> Curves:
    return Curves(*(np.asarray(data[name + suffix].values, dtype=float) for suffix in ("", "_low", "_high")))


def log_odds(draws: np.ndarray, reference: int) -> Curves:
    """Median and central 90 % of log odds over parameter draws, from probabilities [draw, moment, motivation]."""
    with np.errstate(divide="ignore"):
        logs = np.log(draws)
    return _of_logs(logs, reference)


def _of_logs(logs: np.ndarray, reference: int) -> Curves:
    logs = np.clip(logs, IMPOSSIBLE * 10, None)  # so that an impossible motivation is told as one
    odds = logs - logs[..., reference : reference + 1]
    low, middle, high = np.quantile(odds, [0.05, 0.5, 0.95], axis=0)
    return Curves(middle, low, high)


def _means(result: OverTime) -> dict[str, float]:
    """Mean number of selections of each phase, from the steps of moments that lie in it; else from the model."""
    found: dict[str, float] = {} if result.model is None else _prior_means(result.model)
    data = result.data
    for label, phase, step in zip(result.moments, data["phase"].values, data["step"].values, strict=True):
        part = part_of(label)
        if label in (str(phase), NOW):
            found[str(phase)] = float(step)
        elif part is not None and part > 0:
            found[str(phase)] = float(step) / part
    return found


def _prior_means(model: Model) -> dict[str, float]:
    from bsm.inference.parameters import Space

    space = Space.of(model.parameters)
    theta = space.theta(space.prior_draws(1000 if space.names else 1, SEED))
    return {p.name: float(theta.of(p.selections).mean()) for p in model.phases}


def _ahead(result: OverTime) -> dict[str, float]:
    """Phase -> the most further selections of it that were asked about."""
    data = result.data
    found: dict[str, float] = {}
    for phase, step, ahead in zip(data["phase"].values, data["step"].values, data["predicted"].values, strict=True):
        if ahead:
            found[str(phase)] = max(found.get(str(phase), 0.0), float(step))
    return found


# --- from a model ------------------------------------------------------------------------------------------


def of_model(model: Model, reference: str | None = None, draws: int = DRAWS) -> Tracks:
    """The tracks of shares without any ledger, over draws from the prior of the parameters."""
    import torch

    from bsm.inference.parameters import Space
    from bsm.motives.course import course
    from bsm.motives.families import placement
    from bsm.spec import phase_words

    space = Space.of(model.parameters)
    labels, names = wanted(model), tuple(model.motivations)
    reference = chosen(reference or headline_reference(model), names)
    with torch.no_grad():
        found = course(model, space.theta(space.prior_draws(draws if space.names else 1, SEED)))
        logs = torch.stack(torch.broadcast_tensors(*(found.log_shares(one) for one in labels)), 1).numpy()
    shares = np.exp(logs)
    low, high = np.quantile(shares, [0.05, 0.95], axis=0)
    means = {s.name: float(s.n.mean()) for s in found.stages}
    told = [
        {**p, "gates": [g.name for g in q.gates]} for p, q in zip(phase_words.phases(model), model.phases, strict=True)
    ]
    panels = panels_of(told, means, {})
    return Tracks(
        model=model.name,
        names=names,
        families={m: str(placement(model, m).family) for m in names},
        panels=panels,
        moments=tuple(labels),
        path=path(panels, labels),
        share=Curves(shares.mean(0), low, high),
        about={"dynamics": found.dynamics, "reading": found.reading, "phases": told},
        reference=reference,
        draws=len(shares),
        share_odds=_of_logs(logs, names.index(reference)),
    )
