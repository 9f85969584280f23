"""What the columns of a file of cases are: nodes that were observed, and columns to copy; and cells as state codes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bsm.inference.batch.mistakes import Mistakes
from bsm.network.tables import Variable
from bsm.spec.problems import listed, near, shorten

MISSING = {"na", "n/a", "nan", "null", "none", "-", "?", "."}  # what other programs write for a blank; here, an error


@dataclass(frozen=True)
class Columns:
    """`seen` are the nodes that rows observe and `seen_at` their positions in the file; `kept` is copied."""

    seen: tuple[Variable, ...]
    seen_at: tuple[int, ...]
    kept: tuple[str, ...]
    kept_at: tuple[int, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(v.name for v in self.seen)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a file.

    `first` is the number of the first row, from 1; `codes` [row, seen] positions of states and -1 for a blank; `kept`
    the columns to copy; `places` where each row is in the file; `end` where reading goes on after them.
    """

    first: int
    codes: np.ndarray
    kept: tuple[Any, ...]
    places: Sequence[int]
    end: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.codes)


def matched(
    header: Sequence[str],
    variables: Mapping[str, Variable],
    named: Callable[[str], str],
    keep: Sequence[str],
    given: Collection[str],
    mistakes: Mistakes,
    place: int,
) -> Columns:
    """The columns of a header.

    Args:
        named: the node that a name means.
        keep: columns to copy; one that is a node is evidence too.
        given: nodes that are given for all rows.
        place: of the header, for messages.

    Raises:
        SpecError: a column without a name, named twice, or that is neither a node nor kept; a kept one that is not
            there; a node that is given for all rows too; no column that is a node.
    """
    _check_names(header, mistakes, place)
    for name in dict.fromkeys(keep):
        if name not in header:
            mistakes.add(
                place, f"--keep {name}: the file has no such column; it has {listed(header)}{near(name, header)}"
            )
    seen: dict[str, int] = {}
    for at, column in enumerate(header):
        node = named(column)
        if node not in variables:
            if column not in keep and column:
                mistakes.add(place, _unknown(column, [*variables]))
        elif node in seen:
            mistakes.add(place, f"the columns {header[seen[node]]!r} and {column!r} are the same node; keep one")
        elif node in given:
            mistakes.add(place, f"{column!r} is a column and is given for all rows too; remove one of the two")
        else:
            seen[node] = at
    if not seen and not mistakes.found:
        mistakes.add(
            place, f"no column is a node of the model; it has {listed(variables)}. One question needs no file: bsm ask"
        )
    mistakes.check()
    kept = [*dict.fromkeys(keep)]
    return Columns(
        tuple(variables[n] for n in seen), tuple(seen.values()), tuple(kept), tuple(header.index(k) for k in kept)
    )


def _check_names(header: Sequence[str], mistakes: Mistakes, place: int) -> None:
    for name in dict.fromkeys(header):
        if not name:
            mistakes.add(place, "a column without a name; name it or remove it")
        elif header.count(name) > 1:
            mistakes.add(place, f"column {name!r} is there {header.count(name)} times; give each its own name")


def _unknown(column: str, variables: Sequence[str]) -> str:
    if any(mark in column for mark in ";\t|"):
        return f"one column is named {shorten(column)}: commas, and no other mark, are between columns; export it so"
    hint = near(column, variables) or f"; the nodes are {listed(variables)}"
    return (
        f"column {shorten(column)} is not a node of the model{hint}. To copy the column to the answers: --keep COLUMN"
    )


def coded(cells: Sequence[str], variable: Variable, place_of: Callable[[int], int], mistakes: Mistakes) -> np.ndarray:
    """Codes [row] of cells; an empty one is -1, as is one that is wrong, which is noted."""
    code = {state: i for i, state in enumerate(variable.states)} | {"": -1}
    try:
        return np.fromiter(map(code.__getitem__, cells), np.int64, len(cells))
    except KeyError:
        for row, cell in enumerate(cells):
            if cell not in code:
                mistakes.add(place_of(row), unknown_state(variable, cell))
        return np.array([code.get(cell, -1) for cell in cells], dtype=np.int64)


def unknown_state(variable: Variable, cell: str) -> str:
    """The message for a cell that is no state."""
    blank = cell.strip().lower()
    hint = near(cell, variable.states)
    if not hint and (not blank or blank in MISSING):
        hint = "; leave the cell empty where nothing was seen"
    return f"{variable.name} = {shorten(cell)} is not one of its states {list(variable.states[:40])}{hint}"
