"""A plan as people read it: which tables, in what order variables go, operations and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bsm.engine.contraction import readable
from bsm.engine.lookups import Tables
from bsm.engine.prepared import Prepared
from bsm.engine.problem import Problem

SHOWN = 12


@dataclass(frozen=True)
class Plan:
    """How a compiled query answers rows; print it.

    `tables` describes each table looked up (none where rows are eliminated), `order` the unseen variables summed out
    beforehand, `each_row` those summed out in every row; `operations` are multiplications and additions per row and
    draw, `bytes` what the tables hold, `nanoseconds` a rough prediction per row on one core.
    """

    target: tuple[str, ...]
    seen: tuple[str, ...]
    tables: tuple[str, ...]
    order: tuple[str, ...]
    each_row: tuple[str, ...]
    operations: int
    bytes: int
    nanoseconds: float
    notes: tuple[str, ...]

    @classmethod
    def of(cls, prepared: Prepared) -> Plan:
        """How this question is answered."""
        problem, whole = prepared.problem, prepared.tables(blanks=False)
        if whole is None:
            return cls._eliminated(prepared)
        layout = whole.layout
        return cls(
            target=prepared.target,
            seen=prepared.seen,
            tables=tuple(_described(problem, whole, t) for t in range(len(layout.lookups))),
            order=tuple(problem.names[a - 2] for a in layout.order),
            each_row=tuple(problem.names[a - 2] for a in layout.states[len(problem.target) :]),
            operations=sum(len(one.seen) for one in layout.lookups) + (len(layout.lookups) + 1) * layout.joint,
            bytes=whole.bytes,
            nanoseconds=layout.per_row,
            notes=tuple(said for said in (_blanks(problem, prepared.made_for_blanks), prepared.fused.note) if said),
        )

    @classmethod
    def _eliminated(cls, prepared: Prepared) -> Plan:
        target, seen, asked = prepared.target, prepared.seen, prepared.elimination()
        if not asked.tensors:
            return cls(target, seen, (), (), (), 0, 0, 0.0, ())
        rest = tuple(n for n in asked.names if n not in target and n not in seen)
        return cls(target, seen, (), (), rest, asked.plan.operations, asked.bytes(wide=False), 0.0, ())

    def __str__(self) -> str:
        lines = [f"P({', '.join(self.target) or 'evidence'} | {_some(self.seen)})"]
        if not self.tables:
            lines.append(f"by elimination in every row, of {_some(self.each_row)}")
            lines.append(f"{self.operations:,} operations per row and draw, {readable(self.bytes)} at the worst moment")
            return "\n".join(lines)
        if self.order:
            lines.append(f"summed out beforehand, in this order: {_some(self.order)}")
        if self.each_row:
            lines.append(f"summed out in every row: {_some(self.each_row)}")
        lines += [f"table {t}: {said}" for t, said in enumerate(self.tables, start=1)]
        lines.append(
            f"{self.operations:,} operations per row and draw, {readable(self.bytes)} of tables, "
            f"about {self.nanoseconds:.0f} ns a row"
        )
        return "\n".join([*lines, *self.notes])


def _described(problem: Problem, tables: Tables, t: int) -> str:
    one, values = tables.layout.lookups[t], tables.values[t]
    seen = [f"{problem.names[a - 2]} ({problem.sizes[a]})" for a in one.seen]
    of = f"of {len(one.members)} factor{'s' if len(one.members) > 1 else ''}"
    rows = f"{values.shape[1]:,} row{'s' if values.shape[1] > 1 else ''}"
    draws = f" in each of {len(values)} draws" if len(values) > 1 else ""
    return f"{rows} by {_some(seen) if seen else 'nothing seen'}, {values.shape[2]} joint states{draws}, {of}"


def _blanks(problem: Problem, tables: Tables | None) -> str:
    if tables is None:
        return ""
    shared = [problem.names[a - 2] for a, blank in zip(problem.seen, tables.blank, strict=True) if blank < 0]
    summed = f"; a blank of {_some(shared)} is summed over in its row" if shared else ""
    return f"for rows with blanks: {len(tables.values)} tables, {readable(tables.bytes)}{summed}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "nothing"
