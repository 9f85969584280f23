"""Tables made once from a network by a layout, and the passes that answer rows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from bsm.engine import loops
from bsm.engine.contraction import Question, answered
from bsm.engine.layout import Layout, Lookup
from bsm.engine.plan import DRAW
from bsm.engine.problem import Problem

LOWEST = {torch.float64: -690.0, torch.float32: -80.0}  # logs below which a product might vanish
DENSE = 10_000_000  # look-ups times seen columns up to which rows are found by one matrix product
MASK_BITS = 62  # columns whose blanks are summed over in the row, each a bit of an integer
IN_CACHE = 1000000  # numbers that a step of a product may hold: draws are taken in parts, to stay in the caches


class UnknownCode(ValueError):
    """A code is neither -1 nor a state's position; `row` says where."""

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}")
        self.row = row


@dataclass(frozen=True, eq=False)
class Tables:
    """What a layout looks up.

    `values[t]` is [draw or 1, configuration, joint state], the largest number of each draw being between 0.5 and 1;
    `log_scale` [draw] is what they were divided by. `least` bounds the log of any product of them that is not zero.
    """

    layout: Layout
    problem: Problem
    values: tuple[Tensor, ...]
    log_scale: Tensor
    least: float

    @property
    def draws(self) -> int:
        """1 where no table depends on uncertain parameters."""
        return len(self.log_scale)

    @property
    def states(self) -> int:
        """Joint states of the target."""
        return math.prod(self.problem.sizes[a] for a in self.problem.target)

    @property
    def bytes(self) -> int:
        return sum(t.element_size() * t.numel() for t in self.values)

    @cached_property
    def strides(self) -> tuple[dict[int, int], ...]:
        """Per table, how far one state of each seen column is from the next, in configurations."""
        column = {axis: c for c, axis in enumerate(self.problem.seen)}
        found = []
        for one in self.layout.lookups:
            steps, step = {}, 1
            for axis in reversed(one.seen):
                steps[column[axis]] = step
                step *= self.problem.sizes[axis] + (axis in self.layout.folded)
            found.append(steps)
        return tuple(found)

    @cached_property
    def blank(self) -> np.ndarray:
        """Per seen column, the row that a blank reads, or -1 where it has none."""
        sizes, folded = self.problem.sizes, self.layout.folded
        return np.array([sizes[a] if a in folded else -1 for a in self.problem.seen], dtype=np.int64)

    def safe(self, dtype: torch.dtype) -> bool:
        """Whether no product that is not zero can vanish."""
        return self.least > LOWEST[dtype]

    # --- on the device, with gradients ------------------------------------------------------------------

    def arguments(self) -> tuple[Tensor, Tensor, tuple[Tensor, ...], Tensor, int]:
        """What `fused.row_pass` reads besides the codes."""
        device = self.values[0].device
        blank = torch.as_tensor(self.blank, device=device)
        return blank, self._steps.to(device), self.values, self.log_scale, self.states

    @cached_property
    def _steps(self) -> Tensor:
        """[table, seen]."""
        steps = torch.zeros(len(self.strides), len(self.problem.seen), dtype=torch.float64)
        for t, found in enumerate(self.strides):
            for column, step in found.items():
                steps[t, column] = step
        return steps

    @property
    def dense(self) -> bool:
        """Whether `_steps` is small enough to make."""
        return len(self.strides) * len(self.problem.seen) <= DENSE

    # --- on one core, without ---------------------------------------------------------------------------

    @cached_property
    def _packed(self) -> Packed:
        return Packed.of(self)

    @property
    def reads_blanks(self) -> bool:
        """Whether `fill` can sum over blanks that several tables share."""
        return self._packed.bit_sizes is not None and self.safe(torch.float64)

    def fill(self, codes: np.ndarray, first: int, p: np.ndarray, log_p: np.ndarray, left: np.ndarray) -> bool:
        """Answer rows into `p` [draw, row, target] and `log_p`; False at a blank that these tables cannot read.

        Rows that need elimination are marked in `left`. `first` is the number of the first row.

        Raises:
            UnknownCode: a code that is no state.
        """
        status, row = self._packed.fill(codes, first, p, log_p, left, self.safe(torch.float64))
        if status == loops.WRONG:
            raise UnknownCode(row)
        return bool(status == loops.DONE)


@dataclass(frozen=True, eq=False)
class Packed:
    """The arrays that the compiled loops read; `answers` only where a single table holds the answers themselves."""

    sizes: np.ndarray
    blank: np.ndarray
    starts: np.ndarray
    tables: np.ndarray
    strides: np.ndarray
    offsets: np.ndarray
    draw_steps: np.ndarray
    data: np.ndarray
    joint: int
    kept: int
    scales: np.ndarray
    answers: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    table_bits: np.ndarray
    bits: np.ndarray
    bit_sizes: np.ndarray | None
    bit_starts: np.ndarray
    bit_numbers: np.ndarray
    bit_strides: np.ndarray
    of_starts: np.ndarray
    of_tables: np.ndarray
    of_strides: np.ndarray

    @classmethod
    def of(cls, tables: Tables) -> Packed:
        arrays = [t.detach().cpu().to(torch.float64).contiguous().numpy() for t in tables.values]
        sizes = [tables.problem.sizes[a] for a in tables.problem.seen]
        shared = [c for c, row in enumerate(tables.blank) if row < 0]
        few = tables.layout.blanks and 0 < len(shared) <= MASK_BITS
        bit = {c: b for b, c in enumerate(shared)} if few else {}
        with_bits = [
            [(bit[c], s * tables.layout.joint) for c, s in steps.items() if c in bit] for steps in tables.strides
        ]
        joint = tables.layout.joint
        holders: list[list[tuple[int, int]]] = [[] for _ in sizes]  # per column, the tables it moves along, and how far
        for t, steps in enumerate(tables.strides):
            for c, step in steps.items():
                holders[c].append((t, step * joint))
        return cls(
            sizes=_ints(sizes),
            blank=tables.blank,
            starts=_starts(holders),
            tables=_ints([t for held in holders for t, _ in held]),
            strides=_ints([s for held in holders for _, s in held]),
            offsets=_ints([0, *np.cumsum([a.size for a in arrays])[:-1]]),
            draw_steps=_ints([a[0].size if len(a) > 1 else 0 for a in arrays]),
            data=np.concatenate([a.ravel() for a in arrays]),
            joint=joint,
            kept=joint // tables.states,
            scales=tables.log_scale.detach().cpu().numpy(),
            answers=None if len(arrays) > 1 or few else _answers(tables, arrays[0]),
            table_bits=_ints([sum(1 << b for b, _ in found) for found in with_bits]),
            bits=_ints([bit.get(c, -1) for c in range(len(sizes))]),
            bit_sizes=_ints([sizes[c] for c in shared]) if few else None,
            bit_starts=_starts(with_bits),
            bit_numbers=_ints([b for found in with_bits for b, _ in found]),
            bit_strides=_ints([s for found in with_bits for _, s in found]),
            of_starts=_starts([holders[c] for c in bit]),
            of_tables=_ints([t for c in bit for t, _ in holders[c]]),
            of_strides=_ints([s for c in bit for _, s in holders[c]]),
        )

    def fill(
        self, codes: np.ndarray, first: int, p: np.ndarray, log_p: np.ndarray, left: np.ndarray, safe: bool
    ) -> tuple[int, int]:
        if self.answers is not None:
            return loops.copied(codes, self.sizes, self.blank, *self.answers, first, p, log_p)
        where = (self.starts, self.tables, self.strides, self.offsets, self.draw_steps, self.data)
        shape = (self.joint, self.kept, self.scales, first, p, log_p)
        if not safe:
            return loops.rescaled(codes, self.sizes, self.blank, *where, *shape)
        status = loops.multiplied(codes, self.sizes, self.blank, *where, *shape)
        if status[0] != loops.BLANK or self.bit_sizes is None:
            return status
        masks = (self.bits, self.table_bits, self.bit_sizes, self.bit_starts, self.bit_numbers, self.bit_strides)
        holders = (self.of_starts, self.of_tables, self.of_strides)
        return loops.with_blanks(codes, self.sizes, self.blank, *where, *shape, left, *masks, *holders)


def _answers(tables: Tables, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strides, probabilities [draw, configuration, target] and log evidence where one table says it all."""
    joint = values.reshape(*values.shape[:2], tables.states, -1).sum(-1)
    total = joint.sum(-1)
    possible = total > 0
    scale = tables.log_scale.detach().cpu().numpy()[:, None]
    log_p = np.where(possible, np.log(np.where(possible, total, 1.0)) + scale, -np.inf)
    strides = _ints([tables.strides[0][c] for c in range(len(tables.problem.seen))])
    p = np.ascontiguousarray(joint / np.where(possible, total, 1.0)[..., None])
    return strides, p, np.ascontiguousarray(log_p)


def _ints(values: Sequence[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def _starts(groups: Sequence[Sequence | dict]) -> np.ndarray:
    return _ints([0, *np.cumsum([len(g) for g in groups])])


# --- building ---------------------------------------------------------------------------------------------


def build(problem: Problem, layout: Layout, max_bytes: int | None, dtype: torch.dtype) -> Tables:
    """Make the tables of a layout; in float64 where a product of them might leave the range of `dtype`.

    Raises:
        TooLarge: a product on the way would not fit.
        RangeLost: a table spans more than float64 does.
    """
    asked = [problem.product(one.members, (*one.seen, *one.states)) for one in layout.lookups]
    made = [_built(problem, layout, one, of, max_bytes) for one, of in zip(layout.lookups, asked, strict=True)]
    least = sum(found for _, _, found in made)
    values = tuple(v.to(dtype if least > LOWEST[dtype] else torch.float64) for v, _, _ in made)
    log_scale = torch.stack(torch.broadcast_tensors(*(s for _, s, _ in made))).sum(0)
    draws = max(len(v) for v in values)
    return Tables(layout, problem, values, log_scale.expand(draws), least)


Made = tuple[Tensor, Tensor, float]


def _built(problem: Problem, layout: Layout, one: Lookup, asked: Question, max_bytes: int | None) -> Made:
    """(values [draw or 1, configuration, joint state], log_scale [draw or 1], log of the least positive value)."""
    if asked.remembers or DRAW not in asked.output:
        compact, log_scale, least = _compact(problem, layout, one, asked, max_bytes)
        return _full(problem, layout, one, compact), log_scale, least
    draws = asked.sizes[DRAW]
    step = max(1, IN_CACHE * draws // asked.plan.peak)
    rows = math.prod(problem.sizes[a] + (a in layout.folded) for a in one.seen)
    values = torch.empty(draws, rows, layout.joint, dtype=torch.float64, device=asked.tensors[0].device)
    log_scale, least = torch.empty(draws, dtype=torch.float64, device=values.device), 0.0
    for start in range(0, draws, step):
        stop = min(start + step, draws)
        part = asked.part(DRAW, start, stop - start)
        compact, log_scale[start:stop], here = _compact(problem, layout, one, part, max_bytes)
        values[start:stop] = _full(problem, layout, one, compact)
        least = min(least, here)
    return values, log_scale, least


def _compact(problem: Problem, layout: Layout, one: Lookup, asked: Question, max_bytes: int | None) -> Made:
    """A product over its own axes only, with rows for blanks; the largest value of each draw in [0.5, 1]."""
    values, log_scale = answered(asked, wide=False, max_bytes=max_bytes)
    depends = DRAW in asked.output
    values, log_scale = (values[:, 0], log_scale[:, 0]) if depends else (values[:1, 0], log_scale[:1, 0])
    blanks = [i for i, axis in enumerate(one.seen, start=1) if axis in layout.folded]
    for i in blanks:
        values = torch.cat([values, values.sum(i, keepdim=True)], i)
    if blanks:
        top = values.detach().flatten(1).amax(1)
        top = torch.where(top > 0, top, torch.ones_like(top))
        values, log_scale = values / top.reshape(-1, *[1] * (values.ndim - 1)), log_scale + top.log()
    return values, log_scale, _least(values)


def _full(problem: Problem, layout: Layout, one: Lookup, values: Tensor) -> Tensor:
    """[draw, configuration, joint state] of a product over its own axes: the same along the states it lacks."""
    lead = values.shape[: 1 + len(one.seen)]
    shape = [problem.sizes[a] if a in one.states else 1 for a in layout.states]
    whole = values.reshape(lead[0], math.prod(lead[1:]), *shape)
    return whole.expand(*whole.shape[:2], *(problem.sizes[a] for a in layout.states)).reshape(*whole.shape[:2], -1)


def _least(values: Tensor) -> float:
    """Log of the smallest number in a table that is not zero."""
    found = values.detach()
    if found.device.type == "cpu" and found.dtype == torch.float64:
        least = loops.least_positive(found.contiguous().numpy().ravel())
    else:
        least = float(found.masked_fill(found <= 0, math.inf).amin())
    return min(0.0, math.log(least)) if least < math.inf else 0.0
