"""What a benchmark found: a number with its spread, the goal it is held against, and what was measured beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.benchmarks.goals import SAME, Goal
from tests.benchmarks.timing import Spread


@dataclass(frozen=True)
class Finding:
    """`value` is judged by its median; `counts` is false where the goal does not speak of this task."""

    goal: Goal
    task: str
    value: Spread
    counts: bool = True
    beside: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """One line of text for the terminal."""
        spread = f"{self.value.least:.4g} / {self.value.median:.4g} / {self.value.most:.4g}"
        sign = ">=" if self.goal.at_least else "<="
        verdict = self.goal.verdict(self.value.median) if self.counts else "outside the goal"
        return f"{self.goal.id}  {self.task:22} {spread:32} wanted {sign} {self.goal.limit:g}  {verdict}"

    def record(self) -> dict[str, Any]:
        """The finding as JSON holds it."""
        return {
            "goal": self.goal.id,
            "text": self.goal.text,
            "wanted": f"{'>=' if self.goal.at_least else '<='} {self.goal.limit:g}",
            "task": self.task,
            **spread(self.value),
            "counts": self.counts,
            "met": self.goal.met(self.value.median) if self.counts else None,
            **self.beside,
        }


def spread(value: Spread) -> dict[str, float]:
    """Rounded to five digits: what is not reproducible is not written."""
    return {k: float(f"{v:.5g}") for k, v in (("min", value.least), ("median", value.median), ("max", value.most))}


def rounded(value: float) -> float:
    return float(f"{value:.5g}")


class DifferentAnswers(AssertionError):
    """Two engines disagree; nothing is timed until this is understood."""


def same(ours: Any, theirs: Any, what: str, within: float = SAME) -> float:
    """The largest difference between answers of the same questions.

    Raises:
        DifferentAnswers: they are further apart than `within` somewhere, or one of them is not a number.
    """
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        raise DifferentAnswers(f"{what}: answers have shapes {ours.shape} and {theirs.shape}")
    apart = float(np.abs(ours - theirs).max())
    if not apart <= within:
        raise DifferentAnswers(f"{what}: answers differ by {apart:.3g}; at most {within:g} is rounding")
    return apart
