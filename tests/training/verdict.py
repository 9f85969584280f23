"""How many predictions lie inside the band of the test seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tests.training import measure, predict
from tests.training.protocol import BAND, Algorithm, Setting
from tests.training.runs import Course


@dataclass(frozen=True)
class Claim:
    """What should be read, by the names of `measure.everything` [checkpoint, k].

    `scale` is its time per step, None if it has none.
    """

    name: str
    scale: float | None
    read: dict[str, Tensor]


def band(shares: Tensor) -> tuple[Tensor, Tensor]:
    """Edges of the central 90 % of seeds: [seed, ...] -> two of [...]."""
    tail = (1 - BAND) / 2
    return shares.quantile(tail, dim=0), shares.quantile(1 - tail, dim=0)


def inside(predicted: Tensor, shares: Tensor) -> Tensor:
    """Whether each prediction lies in the band: [checkpoint, pattern] against [seed, checkpoint, pattern]."""
    low, high = band(shares)
    return (predicted >= low) & (predicted <= high)


def claims(setting: Setting, algorithm: Algorithm, calibration: Course, test: Course) -> Iterator[Claim]:
    """Both dynamics over patterns, what is shown beside them, and the oracle."""
    yield fitted(setting, "patterns", algorithm.matching, calibration, test)
    yield fitted(setting, "patterns", algorithm.swapped, calibration, test)
    yield fitted(setting, "patterns", "replicator, log s", calibration, test)
    yield fitted(setting, "actions", algorithm.matching, calibration, test)
    if algorithm.damping is not None:  # a natural step moves log-odds by its rate times the difference in success
        yield at_scale(setting, "patterns", algorithm.matching, test, algorithm.rate, ", nothing fitted")
    if test.linear:
        yield Claim("frozen features", None, _medians(test.linear))
    yield Claim("oracle", None, _medians(calibration.found))


def fitted(setting: Setting, unit: str, dynamics: str, calibration: Course, test: Course) -> Claim:
    """A prediction whose time scale is the calibration seeds'."""
    grid = predict.times(dynamics)
    said = predict.UNITS[unit](setting, _begin(unit, calibration), dynamics, grid)["training"]
    scale = predict.time_scale(said, grid, _medians(calibration.found)["training"], calibration.steps)
    return at_scale(setting, unit, dynamics, test, scale)


def at_scale(setting: Setting, unit: str, dynamics: str, test: Course, scale: float, note: str = "") -> Claim:
    """A prediction with this time of the dynamics per step."""
    grid = predict.times(dynamics)
    said = predict.UNITS[unit](setting, _begin(unit, test), dynamics, grid)
    read = {name: predict.median_at(values, grid, test.steps * scale) for name, values in said.items()}
    return Claim((dynamics if unit == "patterns" else f"{unit}, {dynamics}") + note, scale, read)


def _begin(unit: str, course: Course) -> Tensor:
    return course.start if unit == "patterns" else course.policies


def _medians(found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.quantile(0.5, dim=0) for name, values in found.items()}


def record(setting: Setting, test: Course, made: list[Claim]) -> dict[str, Any]:
    """All that is written down of one algorithm on one setting."""
    measured = {}
    for name, values in test.found.items():
        low, high = band(values)
        measured[name] = {"low": _list(low), "median": _list(values.quantile(0.5, dim=0)), "high": _list(high)}
    return {
        "patterns": list(setting.names),
        "steps": test.steps.int().tolist(),
        "success": _list(test.success.mean(0)),
        "at_start": {name: _list(values) for name, values in _medians(measure.everything(test.policies)).items()},
        "measured": measured,
        "claims": {claim.name: _claim(claim, test) for claim in made},
    }


def _claim(claim: Claim, test: Course) -> dict[str, Any]:
    hits = {name: inside(values, test.found[name]).double() for name, values in claim.read.items()}
    off = {name: (values - test.found[name].quantile(0.5, dim=0)).abs() for name, values in claim.read.items()}
    return {
        "time_per_step": claim.scale,
        "inside": {name: round(float(hit.mean()), 4) for name, hit in hits.items()},
        "inside_each": {name: _list(hit.mean(0)) for name, hit in hits.items()},
        "mean_error": {name: round(float(error.mean()), 4) for name, error in off.items()},
        "largest_error": {name: round(float(error.max()), 4) for name, error in off.items()},
        "predicted": {name: _list(values) for name, values in claim.read.items()},
    }


def _list(values: Tensor) -> list[Any]:
    rounded: list[Any] = torch.round(values, decimals=4).tolist()
    return rounded
