"""Influence over time given a ledger: who drives at any moment of training and deployment.

`bsm.posterior(model, ledger, at=...)` is where to begin.
"""

from bsm.inference.over_time.asked import Asked, asked, spread
from bsm.inference.over_time.posterior import posterior_over_time
from bsm.inference.over_time.result import OverTime

__all__ = ["Asked", "OverTime", "asked", "posterior_over_time", "spread"]
