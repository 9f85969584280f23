"""What is computed of a model for its claims, each once: behaviour, fitness, shares, posteriors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from bsm.claims.episodes import posterior_of_rows
from bsm.motives.compile import Behaviour
from bsm.motives.course import Course, Timeline
from bsm.motives.fitness import Fitness, of_behaviour
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, SpecError

Held = Mapping[str, float]


@dataclass(frozen=True)
class Setting:
    """Where a claim is checked: an overlay, and parameters held at numbers."""

    overlay: str | None = None
    held: Held = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [self.overlay] if self.overlay else []
        return ", ".join([*parts, *(f"{name} {value:g}" for name, value in self.held.items())])


@dataclass(frozen=True)
class When:
    """Which shares are meant: at a moment, under dynamics, without one held-out gate; None is what the file says."""

    at: str | None = None
    dynamics: str | None = None
    without: str | None = None


class Kept:
    """One model; behaviour and timelines are compiled once per overlay, answers at a setting are kept.

    Parameters that nothing holds are at their value, uncertain ones at their prior median.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._models: dict[str | None, Model] = {}
        self._behaviours: dict[str | None, Behaviour] = {}
        self._timelines: dict[tuple, Timeline] = {}
        self._shares: dict[tuple, Tensor] = {}
        self._fitness: dict[tuple, Fitness] = {}
        self._posteriors: dict[tuple, Tensor] = {}

    def model_of(self, overlay: str | None) -> Model:
        """The model with an overlay."""
        if overlay not in self._models:
            self._models[overlay] = self.model.with_overlay(overlay)
        return self._models[overlay]

    def behaviour(self, overlay: str | None) -> Behaviour:
        """Compiled behaviour, outside all phases."""
        if overlay not in self._behaviours:
            self._behaviours[overlay] = Behaviour(self.model_of(overlay))
        return self._behaviours[overlay]

    def log_posterior(self, overlay: str | None, held: Held, rows: Sequence[Mapping[str, str]]) -> Tensor:
        """log P(m | rows, selection), [1, motivation], kept for the next question about the same rows."""
        key = (overlay, tuple(sorted(held.items())), tuple(tuple(row.items()) for row in rows))
        if key not in self._posteriors:
            self._posteriors[key] = posterior_of_rows(self.model_of(overlay), held, rows)
        return self._posteriors[key]

    # --- fitness ----------------------------------------------------------------------------------------

    def fitness(self, overlay: str | None, held: Held, greedy: bool) -> Fitness:
        """Fitness of every motivation, kept for the next question at the same setting."""
        self.fill_fitness(overlay, [held], greedy)
        return self._fitness[_key(overlay, held, greedy)]

    def fill_fitness(self, overlay: str | None, points: Sequence[Held], greedy: bool) -> None:
        """Compute fitness at those points that are not known yet, as so many parameter draws."""
        missing = [held for held in points if _key(overlay, held, greedy) not in self._fitness]
        if not missing:
            return
        behaviour = self.behaviour(overlay)
        found = of_behaviour(behaviour, side_by_side([theta_of(behaviour.model, held) for held in missing]), greedy)
        for i, held in enumerate(missing):
            overall, base = (v.expand(len(missing), *v.shape[1:])[i : i + 1] for v in (found.overall, found.base))
            by_context = found.by_context.expand(len(missing), -1, -1)[i : i + 1]
            self._fitness[_key(overlay, held, greedy)] = replace(
                found, overall=overall, base=base, by_context=by_context
            )

    # --- shares -----------------------------------------------------------------------------------------

    def log_shares(self, overlay: str | None, held: Held, when: When) -> Tensor:
        """log share of influence, [1, motivation], kept for the next question at the same setting."""
        self.fill_shares(overlay, [held], when)
        return self._shares[_key(overlay, held, when)]

    def fill_shares(self, overlay: str | None, points: Sequence[Held], when: When) -> None:
        """Compute shares at those points that are not known yet, as so many parameter draws."""
        if not (missing := [held for held in points if _key(overlay, held, when) not in self._shares]):
            return
        timeline = self.timeline(overlay, when)
        theta = side_by_side([theta_of(timeline.model, held) for held in missing])
        found = Course(timeline, theta, timeline.stages(theta)).log_shares(when.at)
        for held, row in zip(missing, found.expand(len(missing), -1), strict=True):
            self._shares[_key(overlay, held, when)] = row[None]

    def timeline(self, overlay: str | None, when: When) -> Timeline:
        """The compiled phases."""
        key = (overlay, when.dynamics, when.without)
        if key not in self._timelines:
            model = self.model_of(overlay)
            model = model if when.without is None else _ungated(model, when.without)
            self._timelines[key] = Timeline(model, when.dynamics)
        return self._timelines[key]


def _ungated(model: Model, gate: str) -> Model:
    """The model without the held-out gates of one name."""
    phases = tuple(
        replace(p, gates=tuple(g for g in p.gates if not (g.name == gate and g.held_out))) for p in model.phases
    )
    return replace(model, phases=phases)


def _key(overlay: str | None, held: Held, what: object) -> tuple:
    return (overlay, tuple(sorted(held.items())), what)


def theta_of(model: Model, held: Held) -> Theta:
    """Parameters at their values, or held.

    Raises:
        SpecError: a parameter that the model does not have.
    """
    for name in held:
        if name not in model.parameters:
            raise SpecError(f"{name!r} is not a parameter here; it comes with an overlay that is not applied")
    return central(model).replaced({name: torch.tensor([v], dtype=torch.float64) for name, v in held.items()})


def side_by_side(thetas: Sequence[Theta]) -> Theta:
    """One draw per setting; a parameter that is the same in all stays one number, which is cheaper."""
    values = {}
    for name in thetas[0].values:
        every = torch.cat([theta.values[name] for theta in thetas])
        values[name] = every[:1] if bool((every == every[0]).all()) else every
    return Theta(values)
