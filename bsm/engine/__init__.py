"""Pure numerics on networks and chains over time: exact queries over all rows and draws at once. Knows no motives."""

from bsm.engine.elimination import conditional
from bsm.engine.errors import ImpossibleEvidence, TooLarge
from bsm.engine.folding import Folded, fold
from bsm.engine.query import Answer, Query, compile
from bsm.engine.temporal import Filtered, Path, Smoothed, filter, path, predict, sample, smooth

__all__ = [
    "Answer",
    "Filtered",
    "Folded",
    "ImpossibleEvidence",
    "Path",
    "Query",
    "Smoothed",
    "TooLarge",
    "compile",
    "conditional",
    "filter",
    "fold",
    "path",
    "predict",
    "sample",
    "smooth",
]
