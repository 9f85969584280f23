"""How many predictions lie inside the band of the test seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tests.training import predict
from tests.training.protocol import BAND, Algorithm, Setting
from tests.training.runs import Course


@dataclass(frozen=True)
class Claim:
    """A prediction of influence shares by place [checkpoint, pattern]; `scale` is its time per step, None if it has none."""

    name: str
    scale: float | None
    shares: dict[str, Tensor]


def band(shares: Tensor) -> tuple[Tensor, Tensor]:
    """Edges of the central 90 % of seeds: [seed, ...] -> two of [...]."""
    tail = (1 - BAND) / 2
    return shares.quantile(tail, dim=0), shares.quantile(1 - tail, dim=0)


def inside(predicted: Tensor, shares: Tensor) -> Tensor:
    """Whether each prediction lies in the band: [checkpoint, pattern] against [seed, checkpoint, pattern]."""
    low, high = band(shares)
    return (predicted >= low) & (predicted <= high)


def claims(setting: Setting, algorithm: Algorithm, calibration: Course, test: Course) -> Iterator[Claim]:
    """Both dynamics over patterns, the two shown beside them, and the oracle."""
    for unit, dynamics in (
        ("patterns", algorithm.matching),
        ("patterns", algorithm.swapped),
        ("patterns", "replicator, log s"),
        ("actions", algorithm.matching),
    ):
        grid = predict.times(dynamics)
        begin = "start" if unit == "patterns" else "policies"
        fitted = predict.UNITS[unit](setting, getattr(calibration, begin), dynamics, grid)["training"]
        middle = calibration.shares["training"].quantile(0.5, dim=0)
        scale = predict.time_scale(fitted, grid, middle, calibration.steps)
        found = predict.UNITS[unit](setting, getattr(test, begin), dynamics, grid)
        at = test.steps * scale
        shares = {place: predict.median_at(values, grid, at) for place, values in found.items()}
        yield Claim(dynamics if unit == "patterns" else f"actions, {dynamics}", scale, shares)
    yield Claim("oracle", None, {place: values.quantile(0.5, dim=0) for place, values in calibration.shares.items()})


def record(setting: Setting, test: Course, made: list[Claim]) -> dict[str, Any]:
    """All that is written down of one algorithm on one setting."""
    measured = {}
    for place, shares in test.shares.items():
        low, high = band(shares)
        measured[place] = {"low": _list(low), "median": _list(shares.quantile(0.5, dim=0)), "high": _list(high)}
    return {
        "patterns": list(setting.names),
        "steps": test.steps.int().tolist(),
        "success": _list(test.success.mean(0)),
        "measured": measured,
        "claims": {claim.name: _claim(claim, test) for claim in made},
    }


def _claim(claim: Claim, test: Course) -> dict[str, Any]:
    hits = {place: inside(values, test.shares[place]) for place, values in claim.shares.items()}
    off = {place: (values - test.shares[place].quantile(0.5, dim=0)).abs() for place, values in claim.shares.items()}
    return {
        "time_per_step": claim.scale,
        "inside": {place: float(hit.double().mean()) for place, hit in hits.items()},
        "inside_by_pattern": {place: _list(hit.double().mean(0)) for place, hit in hits.items()},
        "mean_error": {place: float(error.mean()) for place, error in off.items()},
        "largest_error": {place: float(error.max()) for place, error in off.items()},
        "predicted": {place: _list(values) for place, values in claim.shares.items()},
    }


def _list(values: Tensor) -> list[Any]:
    rounded: list[Any] = torch.round(values, decimals=5).tolist()
    return rounded
