"""A model over time as a network over time: slices for the passes over time, or one static Bayesian network.

`unroll(model)` is where to begin. Being selected is what the network is conditioned on, so only the replicator with
eta = 1 and whole numbers of selections is one (design 3).
"""

from bsm.motives.unrolled.slices import SlicedModel, sliced
from bsm.motives.unrolled.unroll import Unrolled, unroll

__all__ = ["SlicedModel", "Unrolled", "sliced", "unroll"]
