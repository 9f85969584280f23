"""Which compiled loop takes which sequence, and the loops compiled in advance.

Sequences that share a transition go side by side (`lanes`), others one by one (`rows`), and those
in which a possible state all but vanished are done again in wider numbers (`wide`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from bsm.engine.temporal import lanes, paths, rows, squaring, wide
from bsm.engine.temporal.floats import TINY
from bsm.engine.temporal.inputs import Chain, Passed, refuse_unfit
from bsm.engine.temporal.lanes import DOUBTFUL, UNFIT

SIDE_BY_SIDE = 8  # from so many sequences on, a group of lanes costs less than they do one by one (measured)


@dataclass(frozen=True, eq=False)
class Arrays:
    """A chain as the compiled loops take it."""

    chain: Chain

    @cached_property
    def initial(self) -> np.ndarray:
        return self.chain.initial.detach().contiguous().numpy()

    @cached_property
    def evidence(self) -> np.ndarray:
        return self.chain.log_likelihood.detach().contiguous().numpy()

    @cached_property
    def transition(self) -> np.ndarray:
        return self.chain.transition.detach().contiguous().numpy()

    @cached_property
    def turned(self) -> np.ndarray:
        return self.chain.transition.detach().transpose(-1, -2).contiguous().numpy()

    @cached_property
    def padded(self) -> np.ndarray:
        more = lanes.padded(self.initial.shape[-1]) - self.initial.shape[-1]
        return np.pad(self.transition, ((0, 0), (0, 0), (0, more), (0, more))) if more else self.transition

    @cached_property
    def wide(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Initial, transition and transposed transition, each as two arrays m, x of numbers m * 2**x."""
        return *_split(self.initial), *_split(self.transition), *_split(self.turned)

    @cached_property
    def numbers(self) -> np.ndarray:
        """[sequence, 4], which initial, evidence, answer and transition; those with one transition lie together."""
        own, row, step = self.chain.numbers.numpy().T
        order = np.argsort(step, kind="stable") if len(self.chain.transition) > 1 else np.arange(len(step))
        numbers = np.empty((len(step), 4), dtype=np.int64)
        numbers[:, 0], numbers[:, 1], numbers[:, 2], numbers[:, 3] = own[order], row[order], order, step[order]
        return numbers


def _split(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    m, x = np.frexp(table)
    return m, np.where(m > 0, x.astype(np.float64), wide.NONE)


def passed(arrays: Arrays, both: bool) -> Passed:
    """Filter every sequence, and smooth it where `both`.

    Raises:
        ValueError: a log-likelihood is NaN, +inf or beyond 1e11 nats.
    """
    count, (steps, states) = len(arrays.numbers), arrays.evidence.shape[1:]
    room = np.empty((2 if both else 1, count, steps, states))  # in one piece: of two, malloc gives one back
    filtered, smoothed = room[0], room[-1] if both else room[0, :0]
    total, said = np.empty(count), np.full(count, DOUBTFUL)
    if arrays.chain.smallest >= TINY:
        _narrow(arrays, filtered, smoothed, total, said)
    doubtful = said == DOUBTFUL
    if doubtful.any():
        again = arrays.numbers[doubtful[arrays.numbers[:, 2]]]
        wide.scan(*arrays.wide, arrays.evidence, again, filtered, smoothed, total, said)
    if (said == UNFIT).any():
        refuse_unfit(arrays.chain, int(np.flatnonzero(said == UNFIT)[0]))
    both_of = torch.from_numpy(smoothed) if both else None
    tensors = [torch.from_numpy(x) for x in (total, doubtful, said >= 0)]
    return Passed(torch.from_numpy(filtered), both_of, *tensors)


def _narrow(arrays: Arrays, filtered: np.ndarray, smoothed: np.ndarray, total: np.ndarray, said: np.ndarray) -> None:
    """Fill the answers in plain float64, and say of each sequence whether they can be trusted."""
    steps, states = arrays.evidence.shape[1:]
    step = arrays.numbers[:, 3]
    ends = np.append(np.flatnonzero(step[1:] != step[:-1]) + 1, len(step))
    firsts = np.append(0, ends[:-1])
    many = ends - firsts >= SIDE_BY_SIDE
    out = (filtered, smoothed, total, said)
    if many.any():
        runs = np.stack([firsts, ends, step[firsts]], axis=1)[many]
        room = lanes.scratch(steps, states, lanes.lanes_for(steps, states, int((ends - firsts).max())))
        lanes.scan(arrays.initial, arrays.padded, arrays.evidence, arrays.numbers, runs, room, *out)
    if not many.all():
        single = arrays.numbers[np.repeat(~many, ends - firsts)]
        rows.scan(arrays.initial, arrays.transition, arrays.turned, arrays.evidence, single, *out)


def most_probable(arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """States [sequence, time] of the best path of each sequence and log P(path, evidence) [sequence]."""
    refuse_unfit(arrays.chain)
    count, steps = len(arrays.numbers), arrays.evidence.shape[1]
    states, joint = np.empty((count, steps), dtype=np.int64), np.empty(count)
    with np.errstate(divide="ignore"):
        logs = np.log(arrays.initial), np.log(arrays.transition)
    paths.best(*logs, arrays.evidence, arrays.numbers, states, joint)
    return states, joint


def drawn(arrays: Arrays, uniform: np.ndarray) -> np.ndarray:
    """Posterior paths [count, sequence, time] from numbers uniform on [0, 1) of that shape."""
    found = passed(arrays, both=False)
    states = np.empty(uniform.shape, dtype=np.int64)
    lost = (found.doubtful | found.impossible).numpy()
    which = lost[arrays.numbers[:, 2]]
    paths.drawn(found.filtered.numpy(), arrays.turned, arrays.numbers[~which], uniform, states)
    if lost.any():
        paths.drawn_wide(*arrays.wide, arrays.evidence, arrays.numbers[which], uniform, states)
    return states


def warm() -> None:
    """Compile every loop once, so that the first call need not; what is compiled is kept beside this file."""
    half, step = torch.full((1, 2), 0.5, dtype=torch.float64), torch.full((1, 1, 2, 2), 0.5, dtype=torch.float64)
    for evidence in ([[0.0, 0.0]] * 2, [[0.0, -1e3]] * 2):
        for count in (1, SIDE_BY_SIDE):
            seen = torch.tensor([evidence], dtype=torch.float64)
            numbers = torch.zeros((count, 3), dtype=torch.int64)
            arrays = Arrays(Chain(half, step, seen, numbers, (count,), 0.5))
            passed(arrays, both=True)
            most_probable(arrays)
            drawn(arrays, np.full((1, count, 2), 0.5))
    square, column = np.ones((1, squaring.padded(1), squaring.padded(1))), np.ones((1, 1))
    twice, told = np.full(1, 2), np.empty(1, dtype=np.bool_)
    squaring.narrow(square, twice, square.copy(), square[0, :1].copy(), told)
    squaring.wide(column[None], column[None], twice, column[None].copy(), column[None].copy())


if __name__ == "__main__":
    warm()
