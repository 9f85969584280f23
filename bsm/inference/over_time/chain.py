"""The hidden chain of one AI at parameter draws: its moments, what moves it between them, what was seen there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from bsm.engine import temporal
from bsm.engine.logs import log_sum
from bsm.engine.temporal import Smoothed
from bsm.inference.over_time.layout import Part
from bsm.inference.over_time.moves import applied
from bsm.motives.course.stages import Stage
from bsm.motives.course.step import fraction, transition

AGREE = 1e-6  # nats, relative to their size, to which two ways of reckoning the evidence agree


@dataclass(frozen=True, eq=False)
class Spot:
    """Where an asked moment lies in a chain: at a node [draw], or between two (`part`, by nodes of its `stage`)."""

    node: Tensor
    stage: int = -1
    part: Part | None = None
    reached: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Chain:
    """Nodes in time; node 0 is before everything and the last is now.

    Attributes:
        explored: 1, or 2 where the state says whether what was unexplored has been explored.
        log_start: [draw, state].
        moves: to each node but the first from the one before; None moves nothing. `alone`: the same without rows.
        rows: log likelihood of what was seen at each node, [draw, node, state]; 0 for none_of_these, of which all that
            rows say is reckoned apart.
        gates: log of the chance to pass what had to be passed at each node, [draw, node, state].
        spots: where each asked moment lies; those ahead have none.
        possible: whether the phases are long enough for the rows, [draw].
    """

    explored: int
    stages: tuple[Stage, ...]
    log_start: Tensor
    moves: tuple[Tensor | None, ...]
    alone: tuple[Tensor | None, ...]
    rows: Tensor
    gates: Tensor
    spots: dict[int, Spot]
    possible: Tensor

    @cached_property
    def forward(self) -> Tensor:
        """log P(state at a node, rows and selection up to it), [draw, node, state]."""
        return _forward(self.log_start, self.moves, self.rows + self.gates)

    @cached_property
    def forward_alone(self) -> Tensor:
        """The same of selection that no row observed, without rows."""
        return _forward(self.log_start, self.alone, self.gates)

    def filtered(self, a: int, alone: bool = False) -> Tensor:
        """log weights at an asked moment given rows and selection up to it, [draw, state]."""
        spot, values = self.spots[a], self.forward_alone if alone else self.forward
        if spot.part is None:
            return _at(values, spot.node)
        part, stage = spot.part, self.stages[spot.stage]
        base = _at(values, part.at)
        if not bool((part.step > 0).any()):
            return base
        gain = part.gain_alone if alone else part.gain
        flow = transition(stage, self.explored)
        return torch.where((part.step > 0)[:, None], fraction(_at(values, part.after), gain, flow, part.step), base)

    def smoothed(self, a: int, by_node: Tensor) -> Tensor:
        """P(state | everything) at an asked moment from that at the nodes, [draw, state].

        Part r of the way through a step with drift, the state is as before it with probability 1 - r, else as after.
        """
        spot = self.spots[a]
        if spot.part is None:
            return _at(by_node, spot.node)
        u = (spot.part.step / spot.part.between)[:, None]
        between = (1 - u) * _at(by_node, spot.part.after) + u * _at(by_node, spot.part.next)
        return torch.where(u > 0, between, _at(by_node, spot.part.at))

    @property
    def named(self) -> Chain:
        """The same given that the motivation is not none_of_these, which never turns into another."""
        start = self.log_start.clone()
        start[:, -self.explored :] = -torch.inf
        return replace(self, log_start=start)

    # --- for the engine -----------------------------------------------------------------------------------

    def engine(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """initial, transition, log_likelihood as `bsm.engine.smooth` takes them, and what to add to its log evidence.

        Weights that sum to no one are made P(next | now) by dividing each row; what was divided by is evidence of
        the node that it leaves.
        """
        seen = self.rows + self.gates
        total = log_sum(self.log_start)[:, None]
        offset = torch.where(total == -torch.inf, 0.0, total)
        draws, nodes, states = seen.shape
        tables = torch.eye(states, dtype=torch.float64).repeat(draws, max(nodes - 1, 1), 1, 1)
        left = torch.zeros_like(seen)
        for j, move in enumerate(self.moves):
            if move is None:
                continue
            if move.ndim == 2:
                left[:, j] = move
                continue
            scale = log_sum(move)
            gone = scale == -torch.inf
            table = (move - torch.where(gone, 0.0, scale)[..., None]).exp()
            tables[:, j] = torch.where(gone[..., None], torch.eye(states, dtype=torch.float64), table)
            left[:, j] = scale
        together = torch.where((seen == -torch.inf) | (left == -torch.inf), -torch.inf, seen + left)
        return (self.log_start - offset).exp(), tables, together, offset[:, 0]

    def smooth(self) -> Smoothed:
        """P(state | everything) at every node, by the engine; impossible draws get zeros.

        Raises:
            ArithmeticError: weights so far apart that float64 loses one that matters.
        """
        initial, tables, seen, offset = self.engine()
        found = temporal.smooth(initial, tables, seen, varying=True, on_impossible="mask")
        total, mine = found.log_evidence + offset, log_sum(self.forward[:, -1])
        same = (total == mine) | ((total - mine).abs() <= AGREE * (1 + mine.abs()))
        if not bool(same.all()):
            raise ArithmeticError(
                "weights of motivations lie over 700 nats apart and a row calls one back; float64 cannot follow this: "
                "use fewer selections, a smaller eta, or state rho for rows with huge counts"
            )
        return Smoothed(found.filtered, found.smoothed, total)


def _forward(start: Tensor, moves: Sequence[Tensor | None], seen: Tensor) -> Tensor:
    found = [start + seen[:, 0]]
    for j, move in enumerate(moves):
        found.append(applied(found[-1], move) + seen[:, j + 1])
    return torch.stack(found, 1)


def _at(values: Tensor, node: Tensor) -> Tensor:
    """values [draw, node, state] at one node per draw, [draw, state]."""
    return values.gather(1, node[:, None, None].expand(-1, 1, values.shape[-1]))[:, 0]
