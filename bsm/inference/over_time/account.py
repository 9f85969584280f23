"""One subject's rows up to some moment, as a function of the parameters: what the draws are weighed by."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.evidence.episodes import Episodes
from bsm.evidence.ledger import Evidence
from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.building import ahead, chain
from bsm.inference.over_time.chain import Chain
from bsm.inference.over_time.emissions import Emissions, Emitted
from bsm.inference.over_time.places import Seen
from bsm.inference.over_time.refused import refuse
from bsm.inference.over_time.shares import reaches
from bsm.inference.over_time.told import lengths, told
from bsm.inference.over_time.weights import Smooth, Weights, difference, normalised
from bsm.inference.parameters import Space
from bsm.motives.compile import Behaviour, references
from bsm.motives.course import Course, Timeline
from bsm.motives.course.stages import Stage
from bsm.motives.theta import Theta

CLASS_DRAWS = 8
CLASS_ROUNDS = 16  # with other draws, while the target is impossible in all of them
CLASS_TOLERANCE = 1e-9


class Account:
    """The hypothesis reading: one pattern drives, hidden, and may turn into another by drift.

    Args:
        timeline: the phases of the model.
        evidence: the rows that count, of one subject.
        moments: where they lie, from `places`.
        asked: all moments asked about; the positions of those that are no prediction are `targets`.
    """

    def __init__(self, timeline: Timeline, evidence: Evidence, moments: Sequence[Seen], asked: Sequence[Asked]) -> None:
        self.timeline, self.model = timeline, timeline.model
        self.evidence, self.moments, self.asked = evidence, tuple(moments), tuple(asked)
        self.targets = tuple(a for a, one in enumerate(asked) if not one.ahead)
        self.explored = 2 if timeline.explores else 1
        self.given: Asked | None = None
        self.kept_credence: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}  # of `none.prior_credence`
        self._continued: dict[str, Timeline] = {}
        self._parts: dict[int, list[tuple[list[int], Episodes, Behaviour]]] = {}
        self._refuse()
        self.emissions = Emissions(self.model, evidence, moments, self.drifts) if moments else None
        self.whole_space = Space.of({**self.model.parameters, **evidence.parameters})
        self.space = self.whole_space
        always = self._noise | lengths(self.model, self.moments, self.asked)
        self.space = self.whole_space.only(told(self.whole_space, self.weights, always))

    def _refuse(self) -> None:
        refuse(self.timeline, self.moments)

    @property
    def drifts(self) -> bool:
        """Whether the motivation that drives may turn into another."""
        return any(p.drift for p in self.model.phases)

    @property
    def names(self) -> tuple[str, ...]:
        """Motivations, without none_of_these."""
        return tuple(self.model.motivations)

    @property
    def notes(self) -> tuple[str, ...]:
        """Where something was read in a way that a reader should know."""
        if self.emissions is None:
            return ()
        return (*self.emissions.notes, *self.emissions.free_notes)

    @property
    def competes(self) -> bool:
        """Whether none_of_these has any mass."""
        return self.model.prior.none_of_these != 0.0

    def reaching(self, a: int) -> Self:
        """The same where the last target, now with all rows, is given that an asked moment is reached."""
        found = copy.copy(self)
        found.given, found.kept_credence = self.asked[a], {}
        return found

    # --- at parameter draws -------------------------------------------------------------------------------

    def course(self, theta: Theta) -> Course:
        return Course(self.timeline, theta, self.timeline.stages(theta))

    def chain(self, theta: Theta, emitted: Emitted | None = None) -> Chain:
        """The chain of the rows at parameter draws; with `emitted` those log likelihoods instead of the rows' own."""
        if emitted is None and self.emissions is not None:
            emitted = self.emissions.of(theta)
        asked = [(a, self.asked[a]) for a in self.targets]
        return chain(self.course(theta), self.explored, self.moments, asked, emitted)

    def weights(self, theta: Theta) -> Weights:
        """What draws weigh at every target."""
        return self.weigh(self.chain(theta))

    def weigh(self, found: Chain) -> Weights:
        """The weights of a chain."""
        at = [self._joined(found.filtered(a)) for a in self.targets] + [self._joined(found.forward[:, -1])]
        before = [log_sum(found.filtered(a, alone=True)) for a in self.targets] + [log_sum(found.forward_alone[:, -1])]
        everywhere = torch.ones_like(found.possible)
        spots = [found.spots[a].reached for a in self.targets]
        given = self._is_given(found.stages).expand_as(everywhere)
        reached = torch.stack([everywhere if r is None else r for r in spots] + [given], 1)
        total = torch.stack(before, 1)
        gone = ((total == -torch.inf) | ~reached | ~self._long_enough(found))[..., None]
        values = torch.where(gone, -torch.inf, torch.stack(at, 1) - torch.where(gone, 0.0, total[..., None]))
        return Weights(values[..., :-1], values[..., -1], reached)

    def _is_given(self, stages: Sequence[Stage]) -> Tensor:
        """Whether a draw counts for the last target, [draw]."""
        return torch.ones(1, dtype=torch.bool) if self.given is None else reaches(stages, self.given)

    def _long_enough(self, found: Chain) -> Tensor:
        """Whether the phases up to each target have the selections of their rows, [draw, target].

        A draw too short for rows that are past is impossible; rows to come say nothing of it.
        """
        limits = [self.asked[a].upto(self.model, uncertain=-1.0) for a in self.targets]
        columns = []
        for limit in [*limits, (math.inf, 0.0)]:
            fits = torch.ones_like(found.possible)
            for seen in self.moments:
                if seen.step is not None and seen.order <= limit:
                    fits = fits & (found.stages[seen.phase].n >= seen.step + seen.steps)
            columns.append(fits)
        return torch.stack(columns, 1)

    def weights_and_smooth(self, theta: Theta) -> tuple[Weights, Smooth]:
        """What draws weigh, and what they say of every asked moment given all rows."""
        found = self.chain(theta)
        course, weights = self.course(theta), self.weigh(found)
        named = found.named
        by_node, now = named.smooth().smoothed, named.forward[:, -1]
        nobody = torch.full_like(now, -torch.inf)
        nobody[:, -self.explored :] = found.forward[:, -1, -self.explored :]
        values, gains = [], []
        for a, one in enumerate(self.asked):
            if not one.ahead:
                values.append(named.smoothed(a, by_node))
                gains.append(torch.zeros(len(now), dtype=torch.float64))
                continue
            later, none = ahead(course, self.explored, one, now), ahead(course, self.explored, one, nobody)
            values.append(normalised(later))
            gains.append(difference(log_sum(none) - log_sum(nobody), log_sum(later) - log_sum(now)))
        joined = torch.stack([v.unflatten(1, (-1, self.explored)).sum(-1)[:, :-1] for v in values], 1)
        return weights, Smooth(joined, torch.stack(gains, 1))

    def classes(self, target: int) -> list[list[int]]:
        """Motivations whose weights differ by nothing but the prior, at every draw tried."""
        for round_ in range(CLASS_ROUNDS if self.space.names else 1):
            theta = self.space.theta(self.space.prior_draws(CLASS_DRAWS, seed=1 + round_))
            with torch.no_grad():
                values = self.weights(theta).named[:, target] - self.course(theta).log_prior()[:, :-1]
            if bool((values > -torch.inf).any()):
                break
        found: list[list[int]] = []
        for m in range(values.shape[1]):
            for members in found:
                gap = (values[:, m] - values[:, members[0]]).abs().nan_to_num(0.0)
                size = values[:, m].abs().nan_to_num(posinf=0.0)
                if bool((gap <= CLASS_TOLERANCE * (1 + size)).all()):
                    members.append(m)
                    break
            else:
                found.append([m])
        return found

    def by_class(self, z: Tensor, target: int, classes: Sequence[Sequence[int]], own: Sequence[int]) -> Tensor:
        """Log weight of one class each at its own draws z [class, draw, coordinate], [class, draw].

        Where no motivation turns into another only the rows of each class's own motivation are read.
        """
        count, draws, d = z.shape
        theta = self.space.theta(z.reshape(count * draws, d))
        if self.drifts or self.emissions is None:
            found = self.weights(theta)
        else:
            reps = [self.names[classes[c][0]] for c in own]
            each = self.emissions.of_each(reps, [self.space.theta(part) for part in z], theta, draws)
            shape = (-1, -1, len(self.names))
            found = self.weigh(self.chain(theta, Emitted(each.named.expand(shape), each.selected.expand(shape))))
        values = found.named[:, target].expand(count * draws, -1).reshape(count, draws, -1)
        return torch.stack([log_sum(values[i][:, list(classes[c])]) for i, c in enumerate(own)])

    def _joined(self, values: Tensor) -> Tensor:
        """[draw, state] -> [draw, m + 1]."""
        return log_sum(values.unflatten(1, (-1, self.explored)))

    # --- none_of_these ------------------------------------------------------------------------------------

    def none_credence(self, theta: Theta) -> Tensor:
        """log P(none_of_these | selection that no row observed, parameters) at every target, [draw, target]."""
        nothing = Emitted.nothing(len(self.moments), len(self.names)) if self.moments else None
        return self.weigh(self.chain(theta, nothing)).none

    # --- which parameters matter --------------------------------------------------------------------------

    @cached_property
    def _noise(self) -> frozenset[str]:
        """Parameters of the noise of rows, and of the mass of none_of_these."""
        used = references(tuple((r.rho, r.n_eff, r.fpr, r.fnr) for r in self.evidence.rows))
        if self.evidence.rows:
            used |= references((self.model.variant_sd,))
        return used | references((self.model.prior.none_of_these,))

    @property
    def noise(self) -> tuple[int, ...]:
        """Coordinates of the noise in `space`."""
        return tuple(i for i, n in enumerate(self.space.names) if n in self._noise)
