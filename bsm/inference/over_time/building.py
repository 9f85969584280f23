"""From the phases of a course and the rows of a subject to a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.chain import Chain, Spot
from bsm.inference.over_time.emissions import Emitted
from bsm.inference.over_time.layout import Part, laid_out
from bsm.inference.over_time.moves import applied, drifted, flowed, multiplied, transmitted
from bsm.inference.over_time.places import Seen
from bsm.motives.course import Course, Moment
from bsm.motives.course.stages import Stage, with_none
from bsm.motives.course.step import log_gain


def chain(
    course: Course, explored: int, seen: Sequence[Seen], asked: Sequence[tuple[int, Asked]], emitted: Emitted | None
) -> Chain:
    """The chain of a subject's rows at the draws of a course; `asked` by number, none ahead."""
    stages, states = course.stages, course.log_prior().shape[-1] * explored
    draws = max([course.theta.draws, *(len(s.n) for s in stages), *([len(emitted.named)] if emitted else [])])
    builder = _Builder(course, explored, draws, states)
    everything = list(enumerate(seen))
    builder.before([(a, one) for a, one in asked if one.phase < 0 and not one.end])
    for i, stage in enumerate(stages):
        inside = [(e, s) for e, s in everything if s.phase == i and s.step is not None]
        wanted = [(a, one) for a, one in asked if one.phase == i and not one.end]
        builder.phase(i, stage, inside, wanted, emitted)
        builder.end(stage, [e for e, s in everything if s.phase == i and s.step is None], emitted)
        builder.ask([a for a, one in asked if one.phase == i and one.end])
    if not stages:
        builder.end(None, [e for e, _ in everything], emitted)
        builder.ask([a for a, one in asked if one.end])
    return builder.done()


def ahead(course: Course, explored: int, one: Asked, log_weights: Tensor) -> Tensor:
    """Log weights [draw, state] after more selections of a phase from now on."""
    stage, draws = course.stages[one.phase], len(log_weights)
    bounds = torch.tensor([[0.0, one.step]], dtype=torch.float64).expand(draws, 2)
    gain = log_gain(stage, explored).expand(draws, -1)
    if stage.dynamics == "softmax_pg":
        return applied(log_weights, _spread(flowed(stage, course.state().expand(draws, -1, -1), bounds)[0], explored))
    if stage.moves and stage.transmission is not None:
        return applied(log_weights, transmitted(stage, course.state(), bounds, gain[:, None])[0])
    steps = bounds[:, 1]
    return applied(log_weights, drifted(stage, explored, gain, steps) if stage.moves else multiplied(gain, steps))


class _Builder:
    """Gathers nodes phase by phase."""

    def __init__(self, course: Course, explored: int, draws: int, states: int) -> None:
        self.course, self.explored, self.draws, self.states = course, explored, draws, states
        self.start = course.state("start").flatten(1).expand(draws, -1)
        self.moves: list[Tensor | None] = []
        self.alone: list[Tensor | None] = []
        self.rows, self.gates = [self._nothing(1)], [self._nothing(1)]
        self.spots: dict[int, Spot] = {}
        self.possible = torch.ones(draws, dtype=torch.bool)

    def _nothing(self, nodes: int) -> Tensor:
        return torch.zeros(self.draws, nodes, self.states, dtype=torch.float64)

    @property
    def nodes(self) -> int:
        return len(self.moves) + 1

    def before(self, asked: Sequence[tuple[int, Asked]]) -> None:
        for a, _ in asked:
            self.spots[a] = Spot(torch.zeros(self.draws, dtype=torch.long))

    def phase(
        self,
        i: int,
        stage: Stage,
        seen: Sequence[tuple[int, Seen]],
        asked: Sequence[tuple[int, Asked]],
        emitted: Emitted | None,
    ) -> None:
        follows = stage.dynamics == "softmax_pg" or stage.transmission is not None
        start = self.course.state(Moment(i - 1)) if follows else None
        layout = laid_out(stage, stage.n.expand(self.draws), start, self.explored, seen, asked, emitted)
        first = self.nodes
        self.moves += [self._states(m) for m in layout.moves]
        self.alone += [self._states(m) for m in layout.alone]
        rows = self._nothing(layout.nodes)
        for e, place in layout.rows.items():
            assert emitted is not None
            where = place[:, None, None].expand(-1, 1, self.states)
            rows = rows.scatter_add(1, where, self._emitted(emitted, e)[:, None])
        self.rows.append(rows)
        self.gates.append(self._nothing(layout.nodes))
        for a, part in layout.asked.items():
            self.spots[a] = Spot(first + part.at, i, _moved_on(part, first), layout.reached[a])
        self.possible = self.possible & layout.possible

    def end(self, stage: Stage | None, seen: Sequence[int], emitted: Emitted | None) -> None:
        """The node after the gates of a phase, with the rows seen there."""
        self.moves.append(None)
        self.alone.append(None)
        rows = self._nothing(1)
        for e in seen:
            assert emitted is not None
            rows = rows + self._emitted(emitted, e)[:, None]
        self.rows.append(rows)
        passed = self._nothing(1) if stage is None else self._nothing(1) + self._by_state(stage.log_gates)[:, None]
        self.gates.append(passed)

    def ask(self, asked: Sequence[int]) -> None:
        for a in asked:
            self.spots[a] = Spot(torch.full((self.draws,), self.nodes - 1, dtype=torch.long))

    def _emitted(self, emitted: Emitted, e: int) -> Tensor:
        return self._by_state(with_none(emitted.named[:, e])).expand(self.draws, -1)

    def _by_state(self, values: Tensor) -> Tensor:
        """[draw, m + 1] -> [draw, state]."""
        return values[..., None].expand(*values.shape, self.explored).flatten(1)

    def _states(self, move: Tensor | None) -> Tensor | None:
        if move is None or move.ndim == 3 or move.shape[-1] == self.states:
            return move
        return self._by_state(move)

    def done(self) -> Chain:
        return Chain(
            self.explored,
            self.course.stages,
            self.start,
            tuple(self.moves),
            tuple(self.alone),
            torch.cat(self.rows, 1),
            torch.cat(self.gates, 1),
            self.spots,
            self.possible,
        )


def _spread(move: Tensor, explored: int) -> Tensor:
    return move[..., None].expand(*move.shape, explored).flatten(1)


def _moved_on(part: Part, first: int) -> Part:
    """The same with nodes counted from before everything."""
    return replace(part, at=part.at + first, after=part.after + first, next=part.next + first)
