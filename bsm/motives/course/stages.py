"""The phases of a model at parameter draws: all that changes shares of influence, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from bsm.motives.compile import Behaviour
from bsm.motives.course.gates import log_gates
from bsm.motives.course.measured import before_exploration, probability, selected_when, unexplored
from bsm.motives.prior import term_nats
from bsm.motives.theta import Theta, central
from bsm.motives.world import context_distribution
from bsm.spec.model import Model, Phase, SpecError

DYNAMICS = ("replicator", "softmax_pg")


@dataclass(frozen=True, eq=False)
class Stage:
    """One phase at parameter draws. Leading axes are [draw], or [1] where all draws agree; m motivations in file order.

    A step multiplies the weight of a motivation by fitness^eta exp(eta pressure), then moves weights by
    `drift` + `transmission` x share of the target. None_of_these stands last on axes of m + 1: it has the fitness and
    the gates of the base policy, no pressure and no drift.
    """

    name: str
    kind: str
    dynamics: str  # "replicator" | "softmax_pg"
    n: Tensor  # [draw], selections, any number of at least 0
    eta: Tensor  # [draw], strength of one
    fitness: Tensor  # [draw, m + 1], P(selected | do(pi_m)), the base policy last
    unexplored: Tensor | None  # [draw, m + 1], the same before exploration; None where all is seen from the start
    exploration: Tensor  # [draw], probability per step that the unexplored actions are explored
    explores: bool  # whether exploration can be other than 0
    pressures: Mapping[str, Tensor]  # term of the prior -> [draw, m], nats per unit of eta x step
    gates: tuple[tuple[str, Tensor], ...]  # (name, [draw, m + 1] log of the chance to pass), at the end of the phase
    drift: Tensor | None  # [draw, m, m], P(next | now) of one step without transmission, rows sum to one; None: none
    transmission: Tensor | None  # [draw, m, m], added to `drift` times the share of the column; None: none
    behaviour: Behaviour  # policies and consequences in the contexts of this phase
    phase: Phase

    @property
    def pressure(self) -> Tensor:
        """Sum of the terms that press at every step, [draw, m + 1] nats per unit of eta x step, 0 for the base."""
        zero = torch.zeros(1, self.fitness.shape[-1], dtype=torch.float64)
        return sum((with_none(p) for p in self.pressures.values()), start=zero)

    @property
    def log_gates(self) -> Tensor:
        """log of the chance to pass all gates, [draw, m + 1]."""
        return sum((g for _, g in self.gates), start=torch.zeros(1, self.fitness.shape[-1], dtype=torch.float64))

    @property
    def numbers(self) -> tuple[Tensor, ...]:
        """All that its steps depend on; each has one draw or all of them."""
        own = (self.eta, self.fitness, self.unexplored, self.exploration, self.drift, self.transmission)
        return tuple(x for x in (*own, *self.pressures.values()) if x is not None)

    @property
    def moves(self) -> bool:
        """Whether weights flow between states: drift, or exploration of what is unexplored."""
        return self.drift is not None or self.explores


def with_none(values: Tensor) -> Tensor:
    """[..., m] -> [..., m + 1] with a 0 for none_of_these."""
    return torch.nn.functional.pad(values, (0, 1))


class Timeline:
    """The phases of one model, compiled once for any parameter draws.

    Args:
        model: the model.
        dynamics: of every phase, instead of the file's own.
        reading: instead of the file's own.

    Raises:
        SpecError: dynamics or reading that do not exist, or the vote reading under the replicator.
    """

    def __init__(self, model: Model, dynamics: str | None = None, reading: str | None = None) -> None:
        if dynamics is not None:
            model = replace(model, phases=tuple(replace(p, dynamics=dynamics) for p in model.phases))
        self.model = replace(model, reading=reading) if reading is not None else model
        _check(self.model)
        self.behaviours = self._compiled()
        self.explores = any(p.unexplored for p in model.phases)  # whether "explored" is part of the state

    def _compiled(self) -> tuple[Behaviour, ...]:
        """One behaviour per phase; phases with the same contexts and levers share one."""
        kept: dict[tuple, Behaviour] = {}
        for i, phase in enumerate(self.model.phases):
            key = (tuple(phase.contexts.items()), tuple(phase.levers.items()))
            if key not in kept:
                kept[key] = Behaviour(context_distribution(self.model, i))
        return tuple(kept[tuple(p.contexts.items()), tuple(p.levers.items())] for p in self.model.phases)

    @cached_property
    def outside(self) -> Behaviour:
        """Behaviour outside all phases: the context tables and levers of the model itself."""
        return Behaviour(self.model)

    @property
    def closed(self) -> bool:
        """Whether weights are a product over steps in each motivation: replicator, nothing moves, all is explored."""
        still = all(p.dynamics == "replicator" and not p.drift for p in self.model.phases)
        return still and not self.explores

    def stages(self, theta: Theta) -> tuple[Stage, ...]:
        """The phases in file order."""
        gates = log_gates(self.model, self.behaviours, theta)
        pressures = {t.name: term_nats(self.model, t, theta) for t in self.model.prior.terms if t.acts == "per_step"}
        pairs = zip(self.model.phases, self.behaviours, gates, strict=True)
        return tuple(self._stage(phase, behaviour, own, pressures, theta) for phase, behaviour, own in pairs)

    def _stage(
        self,
        phase: Phase,
        behaviour: Behaviour,
        gates: tuple[tuple[str, Tensor], ...],
        pressures: Mapping[str, Tensor],
        theta: Theta,
    ) -> Stage:
        factors = selected_when(behaviour, phase)
        hidden = unexplored(behaviour, phase) if phase.unexplored else None
        rates, transmission = _drift(self.model, phase, theta)
        return Stage(
            name=phase.name,
            kind=phase.kind,
            dynamics=phase.dynamics,
            n=theta.of(phase.selections),
            eta=theta.of(phase.eta),
            fitness=probability(behaviour, factors, theta),
            unexplored=None if hidden is None else before_exploration(behaviour, factors, hidden, theta),
            exploration=theta.of(phase.exploration),
            explores=self.explores and phase.exploration != 0.0,
            pressures=pressures,
            gates=gates,
            drift=rates,
            transmission=transmission,
            behaviour=behaviour,
            phase=phase,
        )

    def signature(self, name: str, theta: Theta) -> list[Tensor]:
        """All that selection sees of a motivation's behaviour: two that agree here are selected alike."""
        parts = []
        for phase, behaviour in zip(self.model.phases, self.behaviours, strict=True):
            parts.append(behaviour.log_policy(name, theta, behaviour.support).exp())
            parts.append(behaviour.consequence(selected_when(behaviour, phase), theta, name, behaviour.support))
            for gate in phase.gates:
                if gate.caught:
                    parts.append(behaviour.consequence(behaviour.event(gate.caught), theta, name, behaviour.support))
        return parts


def stages(model: Model, theta: Theta | None = None) -> tuple[Stage, ...]:
    """The phases of a model at parameter draws; at prior medians where none are given."""
    return Timeline(model).stages(theta or central(model))


def _drift(model: Model, phase: Phase, theta: Theta) -> tuple[Tensor | None, Tensor | None]:
    """Transition matrices of one step, [draw, m, m], without transmission and the part that is transmitted."""
    if not phase.drift:
        return None, None
    order = list(model.motivations)
    for d in phase.drift:
        if unknown := [m for m in (d.source, d.target) if m not in order]:
            raise SpecError(f"phase {phase.name}: drift names {unknown}; the motivations are {order}")
        if d.source == d.target:
            raise SpecError(f"phase {phase.name}: drift from {d.source} to itself; name another motivation")
    places = [(order.index(d.source), order.index(d.target)) for d in phase.drift]
    rates = _filled(len(order), places, [theta.of(d.rate) for d in phase.drift])
    passed = _filled(len(order), places, [theta.of(d.transmission) for d in phase.drift])
    leaving = rates.sum(-1)
    most = leaving + passed.amax(-1)  # shares sum to one, so no more can be transmitted
    if bool((over := most > 1 + 1e-12).any()):
        first = order[int(over.any(0).nonzero()[0, 0])]
        raise SpecError(
            f"phase {phase.name}: drift out of {first} has probability up to {float(most.max()):g} in one step, above "
            f"1 in {int(over.any(-1).sum())} of {len(over)} draws; the rates out of a motivation, and the largest "
            "transmission, sum to at most 1; lower them, or narrow their intervals"
        )
    stay = torch.diag_embed((1 - leaving).clamp_min(0.0))
    return rates + stay, passed if any(d.transmission != 0.0 for d in phase.drift) else None


def _filled(size: int, places: list[tuple[int, int]], values: list[Tensor]) -> Tensor:
    """A matrix [draw, size, size] with these values added at these places."""
    found = torch.zeros(max(len(v) for v in values), size, size, dtype=torch.float64)
    for (i, j), value in zip(places, values, strict=True):
        one = torch.zeros(size, size, dtype=torch.float64)
        one[i, j] = 1.0
        found = found + value[:, None, None] * one
    return found


def _check(model: Model) -> None:
    if model.reading not in (known := ("hypothesis", "mixture", "dirichlet", "votes")):
        raise SpecError(f"reading {model.reading!r} does not exist; it is one of {list(known)}")
    for phase in model.phases:
        if phase.dynamics not in DYNAMICS:
            raise SpecError(f"phase {phase.name}: dynamics {phase.dynamics!r}; it is one of {list(DYNAMICS)}")
        if model.reading == "votes" and phase.dynamics != "softmax_pg" and phase.selections != 0.0:
            raise SpecError(
                f"phase {phase.name} has dynamics {phase.dynamics}: the reading `votes` is defined under softmax_pg "
                "only, where selection moves the logits of the votes; set dynamics: softmax_pg, or another reading"
            )
