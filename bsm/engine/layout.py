"""Which tables to make once, so that every row of evidence is answered by looking rows up and multiplying them.

Unseen variables are summed out of the network while that keeps tables small; the few that are left (with the
target: the *joint states*) are summed out in every row. What remains is merged into few tables, each with one
row per combination of some seen variables and one column per joint state. Only symbols are handled here: a
layout costs nothing to make, so several are made and the cheapest is taken.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heapify, heappop, heappush

from bsm.engine.plan import Axes

CAPS = (0, 300, 3_000, 30_000, 300_000, 3_000_000)  # cells that a table may have after a variable is summed out
BUDGETS = (256, 4_096, 65_536, 1_048_576)  # cells that a merged table may have: about what the caches of a core hold
JOINT = 4_096  # joint states that a row may carry
PAIRWISE = 64  # tables up to which the best pair is merged first; beyond, neighbours are merged in order
SMALL = 3_000  # unseen variables beyond which only one cap is tried, for planning itself takes time

# nanoseconds on one core of a CPU, measured; only their ratios matter to the choice
PER_ROW, PER_STATE = 25.0, 0.5  # normalising, and the logarithm
PER_LOOKUP, PER_SEEN, PER_CELL = 4.0, 0.8, 0.45
PER_COPY = 4.0  # instead of the two lines above, where a single table holds the answers themselves
PER_TERM = 6.0  # one combination of blanks tried, besides its cells
FETCH = ((2**18, 1.0), (2**20, 5.0), (2**22, 15.0), (2**24, 25.0), (2**62, 80.0))  # bytes of tables -> first line read
PER_SUMMED, PER_BUILT_CELL, PER_BUILT_TABLE = 4.0, 10.0, 60_000.0
IN_PAGES, PER_PAGED_CELL = 2_000_000, 80.0  # tables beyond these cells are slow to make, for memory itself must be made
BLANK = 0.1  # share of cells taken to be blank where blanks are planned for


@dataclass(frozen=True, slots=True)
class Lookup:
    """One merged table: the factors multiplied into it, the seen axes that choose its row, and its joint states."""

    members: tuple[int, ...]
    seen: Axes
    states: Axes


@dataclass(frozen=True, slots=True)
class Layout:
    """Tables to look up, and the joint states that they share.

    Axes are numbered as in the problem. `states` are those of the target in order, then unseen variables kept; `order`
    the unseen variables summed out beforehand, first to last. `blanks`: made for rows that may have them. `folded` are
    the seen axes of which a blank is one more row of their only table; a blank of any other is summed over in its row.
    Costs are predictions: cells held, nanoseconds per row, nanoseconds to build.
    """

    states: Axes
    order: Axes
    lookups: tuple[Lookup, ...]
    blanks: bool
    folded: frozenset[int]
    joint: int
    cells: int
    per_row: float
    to_build: float


@lru_cache(maxsize=512)
def best_layout(
    scopes: tuple[Axes, ...],
    sizes: tuple[int, ...],
    target: Axes,
    seen: Axes,
    blanks: bool,
    rows: int,
    draws: int,
    max_cells: int,
) -> Layout | None:
    """The layout that answers this many rows at the least predicted cost; None where none fits.

    Args:
        scopes: the axes of each factor, without batch axes.
        sizes: states per axis.
        blanks: whether rows may leave seen variables blank.
        max_cells: numbers that all tables of one draw may hold.
    """
    found: list[Layout] = []
    summed: dict[tuple, None] = {}
    unseen = {a for axes in scopes for a in axes} - set(target) - set(seen)
    for cap in CAPS if len(unseen) <= SMALL else (3_000,):
        parts, order, kept, work = _summed_out(scopes, sizes, unseen, cap)
        key = (frozenset(parts.items()), kept)
        joint = math.prod(sizes[a] for a in (*target, *kept))
        if key in summed or joint > JOINT:
            continue
        summed[key] = None
        states = (*target, *kept)
        for budget in BUDGETS:
            merged, held = _merged(parts, sizes, joint, frozenset(seen), blanks, budget)
            layout = _costed(merged, held, order, sizes, states, blanks, draws, work)
            if layout.cells <= max_cells:
                found.append(layout)
        if not kept:  # nothing was too large: a higher cap changes nothing
            break
    return min(found, key=lambda one: one.to_build + rows * draws * one.per_row, default=None)


Parts = dict[tuple[int, ...], frozenset[int]]  # factors multiplied together -> the axes of the product


def _summed_out(
    scopes: Sequence[Axes], sizes: Sequence[int], unseen: Iterable[int], cap: int
) -> tuple[Parts, Axes, Axes, int]:
    """Sum unseen variables out, lightest first, while no product exceeds `cap`.

    What is left are products; also the order, the variables kept, and the numbers added on the way.

    Source: the min-weight heuristic, Koller & Friedman (2009) section 9.4.3.2.
    """
    axes = {i: frozenset(scope) for i, scope in enumerate(scopes)}
    made_of: list[tuple[int, ...]] = [()] * len(axes)
    holders: dict[int, set[int]] = {}
    for number, scope in axes.items():
        for a in scope:
            holders.setdefault(a, set()).add(number)

    def joined(axis: int) -> frozenset[int]:
        return frozenset().union(*(axes[k] for k in holders[axis])) - {axis}

    def weight(axis: int) -> int:
        return math.prod(sizes[a] for a in joined(axis))

    current = {a: weight(a) for a in unseen}
    queue = [(w, a) for a, w in current.items() if w <= cap]
    order: list[int] = []
    work = 0
    heapify(queue)
    while queue:
        known, axis = heappop(queue)
        if current.get(axis) != known:  # summed out already, or its weight has changed since
            continue
        del current[axis]
        order.append(axis)
        work += known * sizes[axis]
        made, gone = joined(axis), tuple(holders[axis])
        for k in gone:
            for a in axes.pop(k):
                holders[a].discard(k)
        axes[len(made_of)] = made
        for a in made:
            holders[a].add(len(made_of))
        made_of.append(gone)
        for a in made:
            if a in current and current[a] != (now := weight(a)):
                current[a] = now
                if now <= cap:
                    heappush(queue, (now, a))
    return {_inputs(k, made_of): made for k, made in axes.items()}, tuple(order), tuple(sorted(current)), work


def _inputs(number: int, made_of: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The factors that went into this one."""
    found, waiting = [], [number]
    while waiting:
        one = waiting.pop()
        waiting += made_of[one]
        found += [] if made_of[one] else [one]
    return tuple(sorted(found))


@dataclass(slots=True)
class _Part:
    members: tuple[int, ...]
    seen: frozenset[int]
    states: frozenset[int]


def _merged(
    parts: Parts, sizes: Sequence[int], joint: int, seen: frozenset[int], blanks: bool, budget: int
) -> tuple[list[_Part], dict[int, int]]:
    """Fewer and larger tables within the budget, and how many of them hold each seen axis.

    Args:
        blanks: give an axis that a single table holds one more row, for blanks.
    """
    waiting = [_Part(k, axes & seen, axes - seen) for k, axes in parts.items()]
    held = Counter(a for part in waiting for a in part.seen)

    def join(a: _Part, b: _Part) -> _Part:
        for axis in a.seen & b.seen:
            held[axis] -= 1
        return _Part(tuple(sorted((*a.members, *b.members))), a.seen | b.seen, a.states | b.states)

    def joined_cells(a: _Part, b: _Part) -> int:
        both = a.seen & b.seen
        return joint * math.prod(sizes[x] + (blanks and held[x] - (x in both) <= 1) for x in a.seen | b.seen)

    plain = [p for p in waiting if not p.seen]  # they depend on no row: whichever table takes them grows not at all
    waiting = [p for p in waiting if p.seen]
    if len(waiting) > PAIRWISE:
        waiting = _in_order(waiting, joined_cells, join, budget)
    if len(waiting) <= PAIRWISE:
        waiting = _best_pairs(waiting, joined_cells, join, budget)
    for part in plain:
        waiting = [join(waiting[0], part), *waiting[1:]] if waiting else [part]
    return sorted(waiting, key=lambda p: p.members), held


def _costed(
    merged: Sequence[_Part],
    held: Mapping[int, int],
    order: Axes,
    sizes: Sequence[int],
    states: Axes,
    blanks: bool,
    draws: int,
    work: int,
) -> Layout:
    """The layout of these tables, with predictions of what it costs."""
    joint = math.prod(sizes[a] for a in states)
    folded = frozenset(a for a, count in held.items() if count == 1) if blanks else frozenset()
    lookups = tuple(Lookup(p.members, tuple(sorted(p.seen)), tuple(a for a in states if a in p.states)) for p in merged)
    total = sum(joint * math.prod(sizes[a] + (a in folded) for a in one.seen) for one in lookups)
    fetched = next(cost for size, cost in FETCH if 8 * total <= size) * (1 + joint / 100)  # further lines follow sooner
    per_row = sum(PER_SEEN * len(one.seen) for one in lookups)
    open_axes = [[a for a in one.seen if blanks and a not in folded] for one in lookups]
    for axes in open_axes:  # a table is read once for each combination of its blanks
        read = math.prod(1 + BLANK * (sizes[a] - 1) for a in axes)
        per_row += read * (fetched + PER_CELL * joint) + (PER_TERM * (read - 1) if axes else 0.0)
    if len(lookups) == 1 and not any(open_axes):
        per_row += PER_COPY
    else:
        per_row += PER_ROW + PER_STATE * joint + PER_LOOKUP * len(lookups)
    paged = max(0, total - IN_PAGES)
    per_draw = PER_SUMMED * work + PER_BUILT_CELL * total + PER_PAGED_CELL * paged
    to_build = draws * per_draw + PER_BUILT_TABLE * len(merged)
    return Layout(states, order, lookups, blanks, folded, joint, total, per_row, to_build)


Cells = Callable[[_Part, _Part], int]
Join = Callable[[_Part, _Part], _Part]


def _in_order(waiting: list[_Part], joined_cells: Cells, join: Join, budget: int) -> list[_Part]:
    """Merge each table into the one before it while the budget allows: linear in their number."""
    done: list[_Part] = []
    for part in sorted(waiting, key=lambda p: p.members):
        if done and joined_cells(done[-1], part) <= budget:
            done[-1] = join(done[-1], part)
        else:
            done.append(part)
    return done


def _best_pairs(waiting: list[_Part], joined_cells: Cells, join: Join, budget: int) -> list[_Part]:
    """Merge the pair that makes the smallest table, again and again, while the budget allows."""
    alive = dict(enumerate(waiting))
    queue = [(joined_cells(a, b), i, j) for i, a in alive.items() for j, b in alive.items() if i < j]
    queue = [entry for entry in queue if entry[0] <= budget]
    heapify(queue)
    following = len(alive)
    while queue:
        size, i, j = heappop(queue)
        if i not in alive or j not in alive:
            continue
        if (now := joined_cells(alive[i], alive[j])) != size:  # another merge made one of their axes private
            if now <= budget:
                heappush(queue, (now, i, j))
            continue
        made = join(alive.pop(i), alive.pop(j))
        for k, other in alive.items():
            if (size := joined_cells(made, other)) <= budget:
                heappush(queue, (size, k, following))
        alive[following] = made
        following += 1
    return list(alive.values())
