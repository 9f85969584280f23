"""What other readings that stand beside a result's own would say where its path ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bsm.inference.over_time.headline import APART

if TYPE_CHECKING:
    from bsm.inference.over_time.result import OverTime


@dataclass(frozen=True)
class Differing:
    """A reading that stands beside: probabilities (own, its) that are further apart than 0.1, the largest first."""

    reading: str
    far: Mapping[str, tuple[float, float]]


def beside(result: OverTime, subject: str) -> dict[str, np.ndarray]:
    """Means given all rows under each reading but the result's own, [moment, motivation]."""
    return {
        reading: np.asarray(result.of_reading(reading)["smoothed"].sel(subject=subject).values, dtype=float)
        for reading in result.about.get("readings_beside", ())
    }


def differing(
    names: tuple[str, ...], own: np.ndarray, others: Mapping[str, np.ndarray], moment: int
) -> tuple[Differing, ...]:
    """How far each other reading is from the result's own at one moment.

    Args:
        names: motivations, as columns of the arrays.
        own: probabilities under the result's own reading, [moment, motivation].
        others: the same under each other reading.
        moment: which one.
    """
    found = []
    for reading, values in others.items():
        pairs = {n: (float(own[moment, k]), float(values[moment, k])) for k, n in enumerate(names)}
        far = {n: p for n, p in pairs.items() if abs(p[0] - p[1]) > APART}
        found.append(Differing(reading, dict(sorted(far.items(), key=lambda item: -abs(item[1][0] - item[1][1])))))
    return tuple(found)
