"""Bucket elimination in logs, and back again: most probable states and posterior samples.

Variables are eliminated one at a time, each from the product of the factors that hold it (its *bucket*): by summing, or
by taking the largest. Going back, each variable's state is read off its bucket at the states already found for the
variables eliminated after it.

Source: Dechter (1999), "Bucket elimination: a unifying framework for reasoning", sections 4 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import torch
from torch import Tensor

from bsm.engine.plan import Axes

BYTES = 8


@dataclass(frozen=True, eq=False)
class LogFactor:
    """Logs [draw or 1, row or 1, *axes]; -inf where the product is zero."""

    axes: Axes
    logs: Tensor


@dataclass(frozen=True, eq=False)
class Bucket:
    """The product of the factors that held a variable, [draw, row, *others, state of it]."""

    axis: int
    others: Axes
    logs: Tensor


@dataclass(frozen=True, slots=True)
class Order:
    """Variables in the order in which they are eliminated; the largest bucket, and the cells of all of them."""

    axes: Axes
    largest: Axes
    cells: int


def elimination_order(scopes: Sequence[Axes], sizes: Mapping[int, int], groups: Sequence[Axes]) -> Order:
    """All of the first group, then the next: each time the variable of the smallest bucket."""
    alive = dict(enumerate(map(frozenset, scopes)))
    holders: dict[int, set[int]] = {a: set() for group in groups for a in group}
    for number, scope in alive.items():
        for a in scope:
            holders[a].add(number)
    order: list[int] = []
    largest: frozenset[int] = frozenset()
    held = 0

    def bucket(axis: int) -> frozenset[int]:
        return frozenset({axis}).union(*(alive[k] for k in holders[axis]))

    def cells(axes: frozenset[int]) -> int:
        return math.prod(sizes[a] for a in axes)

    for group in groups:
        current = {a: cells(bucket(a)) for a in group}
        queue = [(size, a) for a, size in current.items()]
        heapify(queue)
        while queue:
            size, axis = heappop(queue)
            if current.get(axis) != size:  # eliminated already, or its bucket has changed since
                continue
            del current[axis]
            made = bucket(axis)
            for k in tuple(holders[axis]):
                for a in alive.pop(k):
                    holders[a].discard(k)
            number = len(scopes) + len(order)
            alive[number] = made - {axis}
            for a in alive[number]:
                holders[a].add(number)
                if a in current and current[a] != (now := cells(bucket(a))):
                    current[a] = now
                    heappush(queue, (now, a))
            order.append(axis)
            held += size
            largest = max(largest, made, key=cells)
    return Order(tuple(order), tuple(sorted(largest)), held)


def forward(factors: Sequence[LogFactor], order: Axes, greatest: frozenset[int]) -> tuple[list[Bucket], Tensor]:
    """Eliminate every variable in order; the buckets, and the log [draw, row] of what remains.

    Args:
        greatest: the variables of which the largest is taken; the others are summed.
    """
    waiting, buckets = list(factors), []
    for axis in order:
        held = [f for f in waiting if axis in f.axes]
        others = tuple(sorted({a for f in held for a in f.axes} - {axis}))
        logs = _product(held, (*others, axis))
        buckets.append(Bucket(axis, others, logs))
        left = logs.amax(-1) if axis in greatest else torch.logsumexp(logs, -1)
        waiting = [*(f for f in waiting if axis not in f.axes), LogFactor(others, left)]
    return buckets, _product(waiting, ())


def _product(factors: Sequence[LogFactor], axes: Axes) -> Tensor:
    total: Tensor | None = None
    for factor in factors:
        order = [factor.axes.index(a) for a in axes if a in factor.axes]
        logs = factor.logs.permute(0, 1, *(2 + i for i in order))
        for position, axis in enumerate(axes, start=2):
            logs = logs if axis in factor.axes else logs.unsqueeze(position)
        total = logs if total is None else total + logs
    assert total is not None
    return total


Choose = Callable[[Tensor], Tensor]  # logs [draw, row, count, state] -> codes [draw, row, count]


def backward(buckets: Sequence[Bucket], draws: int, rows: int, count: int, choose: Choose) -> dict[int, Tensor]:
    """The state of every variable, [draw, row, count], from the last eliminated to the first."""
    found: dict[int, Tensor] = {}
    for bucket in reversed(buckets):
        sizes, states = bucket.logs.shape[2:-1], bucket.logs.shape[-1]
        at = torch.zeros(draws, rows, count, dtype=torch.int64, device=bucket.logs.device)
        for axis, size in zip(bucket.others, sizes, strict=True):
            at = at * size + found[axis]
        flat = bucket.logs.reshape(*bucket.logs.shape[:2], -1, states)
        flat = flat.expand(draws, rows, *flat.shape[2:])
        picked = flat.gather(2, at.unsqueeze(-1).expand(*at.shape, states))
        found[bucket.axis] = choose(picked)
    return found


def calibrated(buckets: Sequence[Bucket]) -> list[Tensor]:
    """P(variable | evidence) [draw, row, state] of the variables in the order of their axes; zeros where impossible.

    P(bucket) = P(others) P(variable | others), where the others lie together in the first bucket after it that holds
    one of them: going back, every factor is a probability.
    """
    place = {bucket.axis: number for number, bucket in enumerate(buckets)}
    joint: dict[int, Tensor] = {}
    found: dict[int, Tensor] = {}
    for bucket in reversed(buckets):
        top = bucket.logs.detach().amax(-1, keepdim=True)
        share = (bucket.logs - top.masked_fill(top == -math.inf, 0.0)).exp()
        total = share.sum(-1, keepdim=True)
        share = share / total.masked_fill(total == 0, 1.0)
        if bucket.others:
            above = buckets[min(place[a] for a in bucket.others)]
            axes = (*above.others, above.axis)
            gone = [2 + i for i, a in enumerate(axes) if a not in bucket.others]
            others = joint[above.axis].sum(gone) if gone else joint[above.axis]
            left = [a for a in axes if a in bucket.others]
            share = share * others.permute(0, 1, *(2 + left.index(a) for a in bucket.others)).unsqueeze(-1)
        joint[bucket.axis] = share
        found[bucket.axis] = share.sum(list(range(2, share.ndim - 1))) if bucket.others else share
    return [found[axis] for axis in sorted(found)]


def most_probable(logs: Tensor) -> Tensor:
    """The state of the largest log; of several equal ones, one."""
    return logs.argmax(-1)


def drawn_by(generator: torch.Generator) -> Choose:
    """States drawn in proportion to exp(logs), by the Gumbel-max trick; a state of log -inf is never drawn."""

    def choose(logs: Tensor) -> Tensor:
        uniform = torch.rand(logs.shape, dtype=logs.dtype, device=logs.device, generator=generator)
        return (logs - (-uniform.clamp(min=1e-300).log()).log()).argmax(-1)

    return choose
