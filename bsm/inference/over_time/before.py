"""What prior and selection say at the moments of a result, without any row: what forecasts are held against."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from bsm.inference.over_time.asked import asked
from bsm.inference.over_time.shares import shares
from bsm.inference.over_time.timeline import Kept
from bsm.inference.parameters import Space
from bsm.motives.theta import Theta
from bsm.spec.model import Model

DRAWS = 200


@dataclass(frozen=True, eq=False)
class Before:
    """Shares of influence at draws from the prior of the parameters."""

    timeline: Kept
    theta: Theta
    _kept: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, model: Model, seed: int) -> Before:
        """At so many draws; one where nothing is uncertain."""
        space = Space.of(model.parameters)
        return cls(Kept(model), space.theta(space.prior_draws(DRAWS if space.names else 1, seed)))

    def shares(self, label: str) -> tuple[Tensor, Tensor]:
        """Shares [draw, m] at a moment, and 1.0 for the draws that reach it, [draw]."""
        if label not in self._kept:
            with torch.no_grad():
                values, reached = shares(self.timeline, self.theta, asked(self.timeline.model, label))
            self._kept[label] = (values[:, 0], reached[:, 0].to(torch.float64))
        return self._kept[label]
