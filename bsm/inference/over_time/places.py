"""Where in time the rows of a ledger lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from bsm.evidence.rows import LedgerRow
from bsm.inference.over_time.asked import Asked
from bsm.spec.model import Model, SpecError


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows seen at one moment.

    Attributes:
        rows: their positions in the ledger.
        phase: position of the phase in the file; of the last for rows seen now, -1 where there is none.
        step: selections of the phase that were past; None for its end, after its gates.
        steps: selections, from there on, on which the one row was selected; 0 for rows that were only seen.
        line: of the first row, for messages.
    """

    rows: tuple[int, ...]
    phase: int
    step: float | None
    steps: int
    line: int

    @property
    def order(self) -> tuple[float, float]:
        """What sorts moments in time."""
        return (self.phase + (0.75 if self.step is None else 0.25), self.step or 0.0)


def places(model: Model, rows: Sequence[LedgerRow]) -> tuple[Seen, ...]:
    """The moments of all rows, in time.

    A row without a phase is seen now. A row that was selected on (`steps` > 0) is a moment of its own: its counts are
    of whoever drives at its first step; without `step` it takes the first steps of its phase, in file order.

    Raises:
        SpecError: two rows that stand for the same selection.
    """
    names = [p.name for p in model.phases]
    filled: dict[int, float] = {}
    seen: dict[tuple[int, float | None], list[int]] = {}
    found: list[Seen] = []
    for i, row in enumerate(rows):
        phase = len(names) - 1 if row.phase is None else names.index(row.phase)
        if row.phase is None or row.steps == 0:
            seen.setdefault((phase, row.step if row.phase is not None else None), []).append(i)
            continue
        start = row.step
        if start is None:
            start = filled.get(phase, 0.0)
            filled[phase] = start + row.steps
        found.append(Seen((i,), phase, start, row.steps, row.line))
    found += [Seen(tuple(at), phase, step, 0, rows[at[0]].line) for (phase, step), at in seen.items()]
    _check(names, rows, found)
    return tuple(sorted(found, key=lambda s: (s.order, s.steps > 0)))


def _check(names: Sequence[str], rows: Sequence[LedgerRow], found: Sequence[Seen]) -> None:
    taken = sorted((s for s in found if s.steps and s.step is not None), key=lambda s: (s.phase, s.step or 0.0))
    for one, other in pairwise(taken):
        assert one.step is not None
        assert other.step is not None
        if one.phase == other.phase and other.step < one.step + one.steps:
            a, b = rows[one.rows[0]], rows[other.rows[0]]
            raise SpecError(
                f"evidence lines {a.line} ({a.id}) and {b.line} ({b.id}) both stand for selection "
                f"{other.step + 1:g} of phase {names[one.phase]}; write in `step` how many selections lay before each, "
                "or steps 0 for a row that was only seen"
            )


def is_before(seen: Seen, one: Asked, position: Tensor) -> Tensor:
    """Whether rows lie before a moment that has so many selections of its phase behind it, [draw]."""
    if one.end or seen.phase != one.phase or seen.step is None:
        return torch.full_like(position, seen.order <= (one.phase + (0.75 if one.end else 0.25), 0.0), dtype=torch.bool)
    return seen.step < position if seen.steps else seen.step <= position


def past_part(seen: Seen, one: Asked, position: Tensor) -> Tensor:
    """The part of a row's steps that is past at a moment, [draw]; 1 for rows of other phases."""
    if one.end or seen.phase != one.phase or seen.step is None or not seen.steps:
        return torch.ones_like(position)
    return ((position - seen.step) / seen.steps).clamp(0.0, 1.0)
