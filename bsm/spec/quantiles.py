"""Quantiles of priors: the value used where a number is held fixed, and how far its draws reach."""

from __future__ import annotations

import math
from statistics import NormalDist

from bsm.spec.model import Distribution

MOST = 700.0  # exp of more may overflow


def quantile(prior: Distribution, part: float) -> float:
    """The value that this part of the draws of a prior, strictly inside 0 to 1, lies below; inf where it overflows."""
    first, last = prior.args[0], prior.args[-1]
    if prior.family == "uniform":
        return first + (last - first) * part
    if prior.family == "half_normal":
        return first * NormalDist().inv_cdf((1 + part) / 2)
    if prior.family in ("normal", "lognormal", "logit_normal"):
        at = first + last * NormalDist().inv_cdf(part) if part != 0.5 else first
        if prior.family == "normal":
            return at
        if prior.family == "lognormal":
            return math.exp(at) if at < MOST else math.inf
        return 1 / (1 + math.exp(-at)) if at > -MOST else 0.0
    from scipy import special  # slow to import, so only where a beta or gamma is written

    if prior.family == "beta":
        return float(special.betaincinv(first, last, part))
    return float(special.gammaincinv(first, part)) / last
