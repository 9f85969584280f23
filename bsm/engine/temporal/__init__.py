"""Chains over time: filter, smoother, prediction, paths; powers of a step; policy gradient flow. Knows no motives."""

from bsm.engine.temporal.ode import flow, softmax_flow
from bsm.engine.temporal.passes import Filtered, Path, Smoothed, filter, path, predict, sample, smooth
from bsm.engine.temporal.powers import Moved, Power, moved
from bsm.engine.temporal.powers import power as power  # not in the list below: there it would be a literal

__all__ = [
    "Filtered",
    "Moved",
    "Path",
    "Power",
    "Smoothed",
    "filter",
    "flow",
    "moved",
    "path",
    "predict",
    "sample",
    "smooth",
    "softmax_flow",
]
