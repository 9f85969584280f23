"""Weights and shares of every motivation at any moment of a course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.motives.course.emptied import emptied
from bsm.motives.course.moments import At, continued, moment, steps_at
from bsm.motives.course.replicator import advanced
from bsm.motives.course.softmax import Gradient, ascended
from bsm.motives.course.stages import Stage, Timeline
from bsm.motives.course.votes import gradient
from bsm.motives.course.written import ahead
from bsm.motives.prior import log_prior
from bsm.motives.theta import Theta
from bsm.spec.model import Model, SpecError


@dataclass(frozen=True, eq=False, repr=False)
class Weighted:
    """Log weights and shares over time; `Course` says what its attributes, axes and moments are."""

    timeline: Timeline
    theta: Theta
    stages: tuple[Stage, ...]
    _kept: dict[int, Tensor] = field(default_factory=dict, repr=False)  # phase -> state at its end

    @property
    def model(self) -> Model:
        return self.timeline.model

    @property
    def reading(self) -> str:
        return self.model.reading  # who drives an AI that has these shares (design 3)

    @property
    def dynamics(self) -> str:
        """How weights change, phase by phase, in words."""
        kinds = {s.dynamics for s in self.stages}
        if len(kinds) <= 1:
            return next(iter(kinds), "no selection")
        return ", ".join(f"{s.dynamics} in {s.name}" for s in self.stages)

    def log_weights(self, at: At = None) -> Tensor:
        """Log weights in nats, unnormalised, [draw, m + 1].

        Prior times everything that happened up to the moment. Under the replicator the log of their sum is the log
        chance of all selection up to then, and their ratios are odds given it; softmax_pg keeps the sum over the
        named motivations, and its ratios are no odds of anything (design 3).
        """
        return log_sum(self.state(at))

    def shares(self, at: At = None) -> Tensor:
        """Share of influence at a moment, [draw, m]; each row sums to one; none_of_these is no part of it.

        Raises:
            SpecError: no motivation is left: selection or gates made all impossible.
        """
        return self.log_shares(at).exp()

    def log_shares(self, at: At = None) -> Tensor:
        """Logs of `shares`."""
        if (later := self._later(at)) is not None:
            return later.log_shares()
        named = self.log_weights(at)[:, :-1]
        total = log_sum(named)[:, None]
        if none := int((total == -torch.inf).sum()):
            when = moment(self.model, at)
            raise SpecError(
                f"{self.model.name}: at {when.words(self.model)} no motivation is left in {none} of {len(total)} draws:"
                f" {emptied(self.stages, self.state, when)}; give one a chance, or ask for an earlier moment"
            )
        return named - total

    def over(self, moments: Sequence[At]) -> Tensor:
        """Shares at several moments, [moment, draw, m]."""
        return torch.stack(torch.broadcast_tensors(*(self.shares(at) for at in moments)))

    def state(self, at: At = None) -> Tensor:
        """Log weights by whether what was unexplored has been explored, [draw, m + 1, explored].

        The last axis has one entry where the model leaves nothing unexplored, else (no, yes).
        """
        if (later := self._later(at)) is not None:
            return later.state()
        when = moment(self.model, at)
        state = self._start()
        for i, stage in enumerate(self.stages[: when.phase + 1]):
            steps = steps_at(when, i, stage.n, stage.name)
            if steps is not None:
                return self.moved(stage, state, steps)
            if i not in self._kept:
                self._kept[i] = self.moved(stage, state, stage.n) + stage.log_gates[..., None]
            state = self._kept[i]
        return state

    def log_prior(self) -> Tensor:
        """log of the prior with none_of_these, [draw, m + 1]; exp sums to one."""
        named, outside = log_prior(self.model, self.theta), self.theta.of(self.model.prior.none_of_these)[:, None]
        draws = max(len(named), len(outside))
        both = [torch.log1p(-outside) + named, log_of(outside)]
        return torch.cat([part.expand(draws, -1) for part in both], 1)

    def _later(self, at: At) -> Self | None:
        """The course at whose end a moment to come lies; None for a moment that is past."""
        if (more := ahead(self.model, at)) is None:
            return None
        timeline = Timeline(continued(self.model, *more))
        return type(self)(timeline, self.theta, timeline.stages(self.theta))

    def _start(self) -> Tensor:
        prior = self.log_prior()[..., None]
        if not self.timeline.explores:
            return prior
        return torch.cat([prior, torch.full_like(prior, -torch.inf)], -1)

    def moved(self, stage: Stage, state: Tensor, steps: Tensor) -> Tensor:
        """State [draw, m + 1, explored] after so many more steps [draw] of a phase, without its gates."""
        if stage.dynamics == "replicator":
            return advanced(stage, state, steps)
        return ascended(stage, state, steps, self.gradient_of(stage)).log_weights

    def gradient_of(self, stage: Stage) -> Gradient | None:
        """The force on votes in a phase; None where patterns drive one at a time."""
        return gradient(stage, self.theta) if self.reading == "votes" else None
