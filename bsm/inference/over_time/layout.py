"""The moments inside one phase in their order, which may differ between parameter draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.emissions import Emitted
from bsm.inference.over_time.moves import drifted, flowed, multiplied, transmitted
from bsm.inference.over_time.places import Seen
from bsm.motives.course.stages import Stage, with_none
from bsm.motives.course.step import log_gain

END, SEEN, AT, START, AFTER = range(5)  # what comes first where several fall together


@dataclass(frozen=True, eq=False)
class Column:
    """Something at a number of selections, [draw], of `number` (a moment of rows, or one that is asked about)."""

    what: int
    number: int
    position: Tensor


@dataclass(frozen=True, eq=False)
class Part:
    """Where a moment lies that may fall between two selections of a phase with drift, by node of the phase.

    At `at` where it is on a whole number of selections; else a part `step` of one past `after`, where selection adds
    `gain` (`gain_alone` without rows) per step; `between` is how far it is from there to `next`, the next bound.
    """

    at: Tensor
    after: Tensor
    next: Tensor
    step: Tensor
    between: Tensor
    gain: Tensor
    gain_alone: Tensor


@dataclass(frozen=True, eq=False)
class Layout:
    """One phase as nodes: one for each column, in time, and last its end, before the gates.

    `moves` lead to each node from the one before, the first from what came before the phase; `alone` are the same
    without any row. `rows` maps moments of rows to their node, [draw]. `reached` [draw, asked] says whether the phase
    has so many selections; `possible` [draw] whether it has those of its rows.
    """

    moves: list[Tensor | None]
    alone: list[Tensor | None]
    rows: dict[int, Tensor]
    asked: dict[int, Part]
    reached: dict[int, Tensor]
    possible: Tensor

    @property
    def nodes(self) -> int:
        return len(self.moves)


def laid_out(
    stage: Stage,
    n: Tensor,
    start: Tensor | None,
    explored: int,
    seen: Sequence[tuple[int, Seen]],
    asked: Sequence[tuple[int, Asked]],
    emitted: Emitted | None,
) -> Layout:
    """The nodes of one phase at parameter draws.

    Args:
        stage: the phase.
        n: its selections, [draw], as many draws as there are.
        start: where the course without a ledger stands as it begins, [draw, m + 1, explored]; None where not needed.
        explored: 1, or 2 where the model leaves something unexplored.
        seen: the rows inside it, by number. asked: the moments inside it, by number.
    """
    moving = stage.dynamics == "replicator" and stage.moves
    columns, reached, parts, possible = _columns(n, seen, asked, moving, stage.transmission is not None)
    bounds, rank = _sorted(n, columns)
    width = (bounds[:, 1:] - bounds[:, :-1]).clamp_min(0.0)
    gains = _gains(stage, explored, bounds, seen, emitted)
    alone = _gains(stage, explored, bounds, seen, None) if any(s.steps for _, s in seen) else gains
    moves = _moves(stage, explored, start, bounds, width, gains)
    moves_alone = moves if alone is gains else _moves(stage, explored, start, bounds, width, alone)
    place = {(c.what, c.number): rank[:, j] for j, c in enumerate(columns)}
    found = {}
    for a, (step, between) in parts.items():
        last = place.get((AFTER, a), place[AT, a])
        follows = (last + 1)[:, None, None].expand(-1, 1, gains.shape[-1])
        found[a] = Part(
            at=place[AT, a],
            after=last,
            next=place.get((END, -1 - a), last),
            step=step,
            between=between,
            gain=gains.gather(1, follows)[:, 0],
            gain_alone=alone.gather(1, follows)[:, 0],
        )
    rows = {e: place[START if s.steps else SEEN, e] for e, s in seen}
    return Layout(moves, moves_alone, rows, found, reached, possible)


def _columns(
    n: Tensor, seen: Sequence[tuple[int, Seen]], asked: Sequence[tuple[int, Asked]], moving: bool, whole: bool
) -> tuple[list[Column], dict[int, Tensor], dict[int, tuple[Tensor, Tensor]], Tensor]:
    most = n.detach().floor() if moving else n
    columns, reached, parts = [], {}, {}
    possible = torch.ones_like(n, dtype=torch.bool)
    for e, s in seen:
        assert s.step is not None
        first, last = torch.full_like(n, s.step), torch.full_like(n, s.step + s.steps)
        possible = possible & (last <= n)
        columns.append(Column(START if s.steps else SEEN, e, torch.minimum(first, most)))
        if s.steps:
            columns.append(Column(END, e, torch.minimum(last, most)))
    for a, one in asked:
        position = one.position(n)
        reached[a] = position <= n * (1 + 1e-12)
        position = torch.minimum(position, n)
        low = position.detach().floor() if moving else position
        columns.append(Column(AT, a, low))
        step, between = position - low, torch.ones_like(n)
        if moving and whole:
            step = torch.zeros_like(step)
        elif moving:
            high = torch.minimum(low + 1, n)
            columns += [Column(AFTER, a, low), Column(END, -1 - a, high)]
            between = torch.where(high > low, high - low, 1.0)
        parts[a] = (step, between)
    return sorted(columns, key=lambda c: c.what), reached, parts, possible


def _sorted(n: Tensor, columns: Sequence[Column]) -> tuple[Tensor, Tensor]:
    """Bounds [draw, column + 2], 0 and n at the ends, and the place of each column among the nodes, [draw, column]."""
    zero = torch.zeros_like(n)[:, None]
    if not columns:
        return torch.cat([zero, n[:, None]], 1), torch.zeros(len(n), 0, dtype=torch.long)
    positions = torch.stack([c.position for c in columns], 1)
    values, order = torch.sort(positions, dim=1, stable=True)
    return torch.cat([zero, values, n[:, None]], 1), order.argsort(1)


def _gains(
    stage: Stage,
    explored: int,
    bounds: Tensor,
    seen: Sequence[tuple[int, Seen]],
    emitted: Emitted | None,
) -> Tensor:
    """Nats that one step of selection adds between bounds, [draw, bound - 1, state].

    In the steps that a row stands for, being selected is the row's to tell; without rows it adds nothing there, nor to
    free behaviour, of which all that rows say is reckoned apart.
    """
    draws, count = bounds.shape
    found = log_gain(stage, explored)[:, None].expand(draws, count - 1, -1)
    for e, s in seen:
        if not s.steps or s.step is None:
            continue
        own = stage.eta[:, None] * stage.pressure
        own = own if emitted is None else own + with_none(emitted.selected[:, e])
        own = own[..., None].expand(*own.shape, explored).flatten(1)
        inside = (bounds[:, :-1] >= s.step) & (bounds[:, :-1] < s.step + s.steps)
        found = torch.where(inside[..., None], own[:, None], found)
    return found


def _moves(
    stage: Stage, explored: int, start: Tensor | None, bounds: Tensor, width: Tensor, gains: Tensor
) -> list[Tensor | None]:
    if stage.dynamics == "softmax_pg":
        assert start is not None
        return list(flowed(stage, start.expand(len(bounds), -1, -1), bounds))
    if stage.moves and stage.transmission is not None:
        assert start is not None
        return list(transmitted(stage, start, bounds, gains))
    found: list[Tensor | None] = []
    for j in range(width.shape[1]):
        steps = width[:, j]
        if not bool((steps > 0).any()):
            found.append(None)
        elif stage.moves:
            found.append(drifted(stage, explored, gains[:, j], steps))
        else:
            found.append(multiplied(gains[:, j], steps))
    return found
