"""What the engine is held to, as ratios in one run: one thread, float64, answers equal to 1e-9."""

from __future__ import annotations

from dataclasses import dataclass

SAME = 1e-9  # answers further apart than this stop the benchmark: no speed of a wrong answer is reported


@dataclass(frozen=True)
class Goal:
    """A ratio and on which side of a number it has to lie."""

    id: str
    text: str
    limit: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def verdict(self, value: float) -> str:
        return "met" if self.met(value) else "NOT met"


LOOP = Goal("A1", "100,000 rows: times faster than a pyAgrum Lazy loop", 2000)
UNIQUE = Goal("A1", "100,000 rows: times faster than pyAgrum on unique rows only, where 5 % or more are", 100)
CONTRACT = Goal("A1", "100,000 rows: times faster than pyro.ops.contract", 30)
ONE = Goal("A2", "one warm query: times faster than pyAgrum, 15 nodes or more", 5)
PLAN = Goal("A2", "a plan for a network of 60 nodes: seconds", 0.3, at_least=False)
MISSING = Goal("A2", "cells missing at random: times the time of complete rows", 10, at_least=False)
DRAWS = Goal("A3", "200 parameter draws x 1,000 rows: times faster than pyAgrum", 300)
COPY = Goal("A4", "a pass over rows: times the time of copying its bytes", 3, at_least=False)
VALUE = Goal("D1", "value of observing each of 6 nodes: times faster than a pyAgrum loop over joint posteriors", 500)
BATCH = Goal("B1", "filter and smoother, 10,000 sequences: times faster than the better of hmmlearn and dynamax", 2)
DENSE = Goal("B1", "the same with 32 states and 100 steps", 4)
UNROLLED = Goal("B1", "the same: times faster than pyAgrum on the chain unrolled", 1000)
SINGLE = Goal("B2", "filter and smoother, one sequence: times faster than dynamax, jitted and warm", 1)
MILLION = Goal("B2", "a million steps without evidence: milliseconds", 0.5, at_least=False)
LINEAR = Goal("rows", "time per row of the most rows, times that of a hundredth as many", 1.2, at_least=False)
FLAT = Goal("rows", "peak memory after the most rows, times that after a hundredth as many", 1.05, at_least=False)

UNIQUE_SHARE = 0.05  # below this share of unique rows, running on unique rows only is a different task
