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


def elimination_order(scopes: Sequence[Axes], sizes: Mapping[int, int], groups: Sequence[Axes]) -> tuple[Axes, Axes]:
    """All of the first group, then the next: each time the variable of the smallest bucket; and the largest bucket."""
    alive = [frozenset(s) for s in scopes]
    order: list[int] = []
    largest: frozenset[int] = frozenset()

    def bucket(axis: int) -> frozenset[int]:
        return frozenset({axis}).union(*(s for s in alive if axis in s))

    def cells(axes: frozenset[int]) -> int:
        return math.prod(sizes[a] for a in axes)

    for group in groups:
        left = set(group)
        while left:
            axis = min(left, key=lambda a: (cells(bucket(a)), a))
            made = bucket(axis)
            largest = max(largest, made, key=cells)
            alive = [s for s in alive if axis not in s] + [made - {axis}]
            left.discard(axis)
            order.append(axis)
    return tuple(order), tuple(sorted(largest))


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


def most_probable(logs: Tensor) -> Tensor:
    """The state of the largest log; of several equal ones, one."""
    return logs.argmax(-1)


def drawn_by(generator: torch.Generator) -> Choose:
    """States drawn in proportion to exp(logs), by the Gumbel-max trick; a state of log -inf is never drawn."""

    def choose(logs: Tensor) -> Tensor:
        uniform = torch.rand(logs.shape, dtype=logs.dtype, device=logs.device, generator=generator)
        return (logs - (-uniform.clamp(min=1e-300).log()).log()).argmax(-1)

    return choose
