"""A network over time laid out with time as columns: every slice alike, causes above consequences inside it.

Pure: names, edges and sizes of boxes in, boxes and curves out; no matplotlib. Lengths are in points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsm.figures import layout as lay
from bsm.figures.ordering import Edge, arranged
from bsm.figures.routes import Point
from bsm.graph import Role, SelectionGraph

SPACING = lay.Spacing(layers=25.0, boxes=9.0, lanes=8.0)
GAP = 34.0  # between columns


@dataclass(frozen=True)
class Columns:
    """Boxes of all nodes and curves of all edges, in a frame from (0, 0) to (width, height), y upwards.

    `inside` are edges within a slice, which flow downwards; `across` lead from one slice to the next. `edges` bounds
    each column: left and right.
    """

    boxes: Mapping[str, lay.Box]
    inside: Mapping[Edge, tuple[Point, ...]]
    across: Mapping[Edge, tuple[Point, ...]]
    edges: tuple[tuple[float, float], ...]
    width: float
    height: float


def parted(name: str) -> tuple[str, int]:
    """A node's name without its time, and its time.

    >>> parted("influence__t3")
    ('influence', 3)
    """
    found = re.fullmatch(r"(.+)__t(\d+)", name)
    if found is None:
        raise ValueError(f"{name!r} has no time; names in a network over time end in __t and a number")
    return found[1], int(found[2])


def columns(parents: Mapping[str, Sequence[str]], sizes: Mapping[str, tuple[float, float]]) -> Columns:
    """Places for a network over time.

    Nodes that cause something in the next slice stand above all others of their slice, one to a row, so that the
    edges between slices run free.

    Args:
        parents: of every node `name__t3`, those of its own slice or the one before.
        sizes: least width and height of the box of every node's name without its time.
    """
    edges = [(p, child) for child, own in parents.items() for p in own]
    times = sorted({parted(name)[1] for name in parents})
    kept = list(dict.fromkeys(parted(p)[0] for p, child in edges if parted(p)[1] != parted(child)[1]))
    slice_ = _slice(parents, edges, kept)
    pattern = lay.placed(arranged(slice_), {n: sizes[n] for n in slice_.nodes}, SPACING, downwards=True)
    boxes: dict[str, lay.Box] = {}
    bounds: list[tuple[float, float]] = []
    left = 0.0
    inside: dict[Edge, tuple[Point, ...]] = {}
    for time in times:
        here = {name: pattern.boxes[parted(name)[0]] for name in parents if parted(name)[1] == time}
        start, end = min(b.left for b in here.values()), max(b.right for b in here.values())
        moved = pattern.moved(left - start, 0.0)
        boxes |= {name: moved.boxes[parted(name)[0]] for name in here}
        inside |= {
            (p, child): moved.routes[parted(p)[0], parted(child)[0]]
            for p, child in edges
            if p in here and child in here
        }
        bounds.append((left, left + end - start))
        left += end - start + GAP
    across = {(p, child): _over(boxes[p], boxes[child]) for p, child in edges if (p, child) not in inside}
    return Columns(boxes, inside, across, tuple(bounds), left - GAP, pattern.height)


def _slice(parents: Mapping[str, Sequence[str]], edges: Sequence[Edge], kept: Sequence[str]) -> SelectionGraph:
    """All nodes of all slices without their time, those that are kept above the rest."""
    names = [*kept, *dict.fromkeys(n for n in (parted(name)[0] for name in parents) if n not in kept)]
    own: dict[str, dict[str, None]] = {name: {} for name in names}
    for p, child in edges:
        if parted(p)[1] == parted(child)[1]:
            own[parted(child)[0]][parted(p)[0]] = None
    for i, name in enumerate(names):
        above = kept[: min(i, len(kept))][-1:]
        if not set(own[name]) & set(above) and above:
            own[name][above[0]] = None
    return SelectionGraph(dict.fromkeys(names, Role.OUTCOME), {name: tuple(found) for name, found in own.items()})


def _over(a: lay.Box, b: lay.Box) -> tuple[Point, ...]:
    """A curve from the right side of one box to the left side of another, level at both ends."""
    middle = (a.right + b.left) / 2
    return (a.right, a.y), (middle, a.y), (middle, b.y), (b.left, b.y)
