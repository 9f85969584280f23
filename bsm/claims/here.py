"""One place where a quantity is asked: a model with an overlay, and one value for every parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.claims.kept import Kept, When, theta_of
from bsm.claims.quantities import Group, Quantity
from bsm.motives.compile import Behaviour
from bsm.motives.course import Course
from bsm.motives.families import placement
from bsm.motives.fitness import Fitness
from bsm.motives.prior import log_prior
from bsm.motives.theta import Theta
from bsm.spec.model import Model, SpecError


@dataclass(frozen=True)
class Here:
    """One overlay and one value per parameter."""

    kept: Kept
    overlay: str | None
    held: Mapping[str, float]

    @property
    def model(self) -> Model:
        return self.kept.model_of(self.overlay)

    @property
    def theta(self) -> Theta:
        return theta_of(self.model, self.held)

    @property
    def behaviour(self) -> Behaviour:
        return self.kept.behaviour(self.overlay)

    def fitness(self, greedy: bool = False) -> Fitness:
        return self.kept.fitness(self.overlay, self.held, greedy)

    def course(self, q: Quantity) -> Course:
        """The course of shares under the dynamics that the quantity names."""
        timeline = self.kept.timeline(self.overlay, When(dynamics=q.dynamics))
        return Course(timeline, self.theta, timeline.stages(self.theta))

    def log_prior(self) -> Tensor:
        return log_prior(self.model, self.theta)

    def log_share(self, q: Quantity, without: str | None = None) -> Tensor:
        """log share of influence at the moment of the quantity, [1, motivation]."""
        return self.kept.log_shares(self.overlay, self.held, When(q.at, q.dynamics, without))

    def log_posterior(self, rows: Sequence[Mapping[str, str]]) -> Tensor:
        """log P(m | rows, selection), [1, motivation]; what is short of one is none_of_these."""
        return self.kept.log_posterior(self.overlay, self.held, rows)

    def members(self, group: Group) -> list[str]:
        """The motivations of a group, in the model's order.

        Raises:
            SpecError: a family that nobody belongs to here.
        """
        if group.family is None:
            return [m for m in self.model.motivations if m in group.names]
        found = [m for m in self.model.motivations if placement(self.model, m, self.theta).family == group.family]
        if not found:
            raise SpecError(f"{self.model.name} has no {group.family} here; name motivations instead")
        return found

    def one(self, q: Quantity, group: Group | None = None) -> str:
        """The single motivation that the quantity is of."""
        if len(members := self.members(group or q.of)) != 1:
            raise SpecError(f"{q.kind} is of one motivation; {group or q.of} is {len(members)}")
        return members[0]

    def log_sum(self, log_weights: Tensor, group: Group) -> float:
        """log of the summed weights of a group; `log_weights` [1, motivation]."""
        order = list(self.model.motivations)
        return float(torch.logsumexp(log_weights[0, [order.index(m) for m in self.members(group)]], dim=-1))

    def odds(self, log_weights: Tensor, q: Quantity) -> float:
        """log odds of one group against another, in nats."""
        return self.log_sum(log_weights, q.of) - self.log_sum(log_weights, q.against)
