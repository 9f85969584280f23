"""A model over time as a `Sliced` network: one slice for each number of selections that are past."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.motives.course import At, Course, Timeline
from bsm.motives.course.moments import Moment
from bsm.motives.course.step import drift_at
from bsm.motives.network import MOTIVATION
from bsm.motives.prior import log_prior
from bsm.motives.theta import Theta, central
from bsm.motives.unrolled.episode import NO_YES, Episode, episode, fresh
from bsm.motives.unrolled.times import Steps, Times, refuse_large, times, with_steps
from bsm.network.sliced import MOST_BYTES, Sliced
from bsm.network.sliced import at as slice_at
from bsm.network.tables import Network, Table, Variable
from bsm.spec.model import Model, SpecError

BEFORE = "before"  # names of nodes have no double underscore, so `motivation__before` is free


@dataclass(frozen=True, eq=False)
class SlicedModel:
    """A model over time.

    Attributes:
        network: slice t holds `motivation`, what drives the AI after t selections, and the episode of the next one.
        selected: node -> state for all that the AI passed, in names of files: selection at every step, and gates.
        phases: name of the phase of the step in slice t; one fewer than slices.
        log_scale: [draw] nats: log P(selected) + log_scale is the log of the sum over named motivations of prior x all
            that multiplied it. Not 0 where terms press at every step, or situations are listed.
    """

    network: Sliced
    selected: Mapping[str, str]
    phases: tuple[str, ...]
    log_scale: Tensor


def sliced(
    model: Model,
    steps: Steps = None,
    at: At = None,
    *,
    overlay: str | None = None,
    theta: Theta | None = None,
    only: Collection[str] | None = None,
    max_bytes: int = MOST_BYTES,
) -> SlicedModel:
    """A model over time as a network over time; arguments, meaning and errors as in `unroll`.

    `bsm.engine.fold(found.network, rows)` makes the chain that filter, smoother and most probable path answer, with
    rows of evidence (`found.selected` among them) at any step.
    """
    model = with_steps(model.with_overlay(overlay), steps)
    theta = theta or central(model)
    found = times(model, theta, at)
    if only is not None and (unknown := [n for n in only if n not in model.nodes]):
        raise SpecError(f"only names {unknown}; the nodes of {model.name} are {list(model.nodes)}")
    refuse_large(model, found, theta.draws, only, max_bytes)
    return _Maker(model, theta, found, only).made()


class _Maker:
    """Makes each different slice once."""

    def __init__(self, model: Model, theta: Theta, found: Times, only: Collection[str] | None) -> None:
        timeline = Timeline(model)
        self.model, self.theta, self.times = model, theta, found
        self.course = Course(timeline, theta, timeline.stages(theta))
        self.explored = fresh("explored", model.nodes) if timeline.explores else None
        self.episodes = {
            i: episode(self.course.stages[i], theta, self.explored, only) for i in dict.fromkeys(found.steps)
        }
        self._kept: dict[tuple, Network] = {}

    def made(self) -> SlicedModel:
        last = len(self.times.steps)
        networks: list[Network] = []
        selected: dict[str, str] = {}
        scale = torch.zeros(1, dtype=torch.float64)
        for t in range(last + 1):
            gates = self._gates(t)
            networks.append(self._slice(t, gates))
            selected |= {slice_at(name, t): "passed" for name in gates}
            if t < last:
                own = self._episode(t)
                selected |= {slice_at(n, t): s for n, s in own.selected.items()}
                scale = scale + own.log_scale
        state = [MOTIVATION, *([self.explored] if self.explored else [])]
        network = Sliced(networks[0], networks[1:], {f"{n}__{BEFORE}": n for n in state})
        phases = tuple(self.model.phases[i].name for i in self.times.steps)
        return SlicedModel(network, selected, phases, scale)

    def _episode(self, t: int) -> Episode:
        return self.episodes[self.times.steps[t]]

    def _gates(self, t: int) -> dict[str, tuple[int, int]]:
        """Held-out gates met after t selections: name -> phase, position. What is trained on lets everyone pass."""
        taken = set(self.model.nodes)
        found: dict[str, tuple[int, int]] = {}
        for when, phase, k in self.times.gates:
            gate = self.model.phases[phase].gates[k]
            if when == t and gate.held_out:
                plain = re.sub(r"\W+", "_", gate.name, flags=re.ASCII)
                found[fresh(f"gate_{plain}", taken | set(found))] = (phase, k)
        return found

    def _slice(self, t: int, gates: Mapping[str, tuple[int, int]]) -> Network:
        came, goes = self.times.steps[t - 1] if t else None, self.times.steps[t] if t < len(self.times.steps) else None
        spreads = came is not None and self.course.stages[came].transmission is not None
        key = (came, goes, tuple(gates.items()), t if spreads else None)
        if key not in self._kept:
            self._kept[key] = self._make(t, came, goes, gates)
        return self._kept[key]

    def _make(self, t: int, came: int | None, goes: int | None, gates: Mapping[str, tuple[int, int]]) -> Network:
        variables: dict[str, Variable] = {}
        tables: dict[str, Table] = {}
        for name, states, table in self._state(t, came):
            variables[name] = Variable(name, states)
            tables[name] = table
        if goes is not None:
            own = self.episodes[goes].network
            variables |= {n: v for n, v in own.variables.items() if n not in variables}
            tables |= {n: table for n, table in own.tables.items() if n not in tables}
        for name, (phase, k) in gates.items():
            passed = self.course.stages[phase].gates[k][1][:, :-1].exp()
            variables[name] = Variable(name, ("caught", "passed"))
            tables[name] = Table(name, (MOTIVATION,), torch.stack([1 - passed, passed], -1))
        return Network(variables, tables)

    def _state(self, t: int, came: int | None) -> list[tuple[str, tuple[str, ...], Table]]:
        """Motivation, and what is explored: at the start, or from the slice before by drift and exploration."""
        names, explored = tuple(self.model.motivations), self.explored
        if came is None:
            found = [(MOTIVATION, names, Table(MOTIVATION, (), log_prior(self.model, self.theta).exp()))]
            start = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
            return [*found, (explored, NO_YES, Table(explored, (), start))] if explored else found
        stage = self.course.stages[came]
        found = [*_moved(MOTIVATION, names, self._drift(t, came))]
        if explored:
            now = stage.exploration
            stays = torch.stack([1 - now, now], -1)
            step = torch.stack([stays, torch.tensor([[0.0, 1.0]], dtype=torch.float64).expand_as(stays)], 1)
            found += _moved(explored, NO_YES, step)
        return found

    def _drift(self, t: int, came: int) -> Tensor:
        stage, done = self.course.stages[came], t - 1 - self.times.steps.index(came)
        if stage.drift is None:
            return torch.eye(len(self.model.motivations), dtype=torch.float64)[None]
        shares = None
        if stage.transmission is not None:
            shares = self.course.shares(Moment(came, torch.tensor([float(done)], dtype=torch.float64)))
        drift = drift_at(stage, shares)
        assert drift is not None
        return drift


def _moved(name: str, states: tuple[str, ...], step: Tensor) -> list[tuple[str, tuple[str, ...], Table]]:
    stand_in = f"{name}__{BEFORE}"
    even = torch.full((1, len(states)), 1 / len(states), dtype=torch.float64)
    return [(stand_in, states, Table(stand_in, (), even)), (name, states, Table(name, (stand_in,), step))]
