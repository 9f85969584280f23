"""Filter and smoother for many sequences with one transition: a sequence per vector lane.

The sequences of a group advance together. Their numbers lie as [time, state, lane], so that every loop runs along
the lanes, and the step itself is a matrix product (`tile`). A group is made small enough for the cache.
"""

from __future__ import annotations

import math
import threading
from typing import no_type_check

import numpy as np
from numba import njit

from bsm.engine.temporal.floats import LARGEST, LOWEST, PLAIN, TINY, added, exponential
from bsm.engine.temporal.tile import LANES, ROWS, multiply
from bsm.engine.temporal.turn import read, write

POSSIBLE, DOUBTFUL, UNFIT = -1, -2, -3  # what is said of a sequence; a number >= 0 is the time that is impossible
ROUNDED = 16  # steps after which smoothed probabilities are made to sum to one again
SCRATCH = 4_200_000  # bytes that a group may fill
MOST_LANES = 64

_KEPT = threading.local()


def lanes_for(steps: int, states: int, sequences: int) -> int:
    """How many sequences to take at once."""
    fitting = SCRATCH // (16 * steps * states)
    most = min(fitting, MOST_LANES, -(-sequences // LANES) * LANES)
    return max(1, most // LANES) * LANES


def scratch(steps: int, states: int, lanes: int) -> np.ndarray:
    """[2, time, state, lane] to write over, kept for the next call of this thread: new pages cost as much as the work.

    What exceeds SCRATCH (long chains of many states) is not kept.
    """
    size = 2 * steps * states * lanes
    if 8 * size > SCRATCH:
        return np.empty((2, steps, states, lanes))
    if not hasattr(_KEPT, "room"):
        _KEPT.room = np.empty(SCRATCH // 8)
    room: np.ndarray = _KEPT.room
    return room[:size].reshape(2, steps, states, lanes)


def padded(states: int) -> int:
    """The number of states with those added that the tile makes room for; no state moves to them."""
    return -(-states // ROWS) * ROWS


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _forward(step, stride, ahead, alpha, ratio, total, said):
    """Filter in place: `alpha` holds log-likelihoods and becomes the filtered probabilities.

    Args:
        step: address of the first transition; the next is 8 * stride further.
        ahead: [padded state, lane], the initial probabilities; used as scratch.
        ratio: becomes exp(log-likelihood) / P(evidence now | earlier evidence), up to the same factor as `total`.
        total: [lane], becomes the log evidence.
        said: becomes UNFIT for NaN or what is too large, DOUBTFUL where a possible state fell below TINY (which
            includes the rest of what is too large), or the time of impossible evidence.
    """
    steps, states, lanes = alpha.shape
    size = ahead.shape[0]
    top, mass, product = np.empty(lanes), np.empty(lanes), np.ones(lanes)
    lost, least, worst = np.zeros(lanes), np.ones(lanes), np.zeros(lanes)
    for t in range(steps):
        now, kept = alpha[t], ratio[t]
        if t > 0:
            here = step + 8 * stride * (t - 1)
            multiply(here, size, 1, alpha[t - 1].ctypes.data, ahead.ctypes.data, states, size, lanes)
        top[:] = LOWEST
        for k in range(states):
            for g in range(lanes):
                top[g] = now[k, g] if now[k, g] > top[g] else top[g]
        mass[:] = 0.0
        for k in range(states):
            for g in range(lanes):
                seen = 0.0 if now[k, g] < LOWEST else exponential(now[k, g] - top[g])
                weight = ahead[k, g] * seen
                least[g] = weight if 0.0 < weight < least[g] else least[g]
                mass[g] += weight
                now[k, g] = weight
                kept[k, g] = seen
        low = 1.0
        for g in range(lanes):
            total[g], lost[g] = added(total[g], lost[g], top[g])
            worst[g] = max(worst[g], abs(top[g]) if top[g] > LOWEST else 0.0)
            product[g] *= mass[g]
            low = product[g] if product[g] < low else low
        if low < TINY:
            for g in range(lanes):  # each by itself, so that no answer depends on its neighbours
                if mass[g] <= 0.0 and said[g] == POSSIBLE:
                    said[g] = t
                if product[g] < TINY:
                    total[g], lost[g] = added(total[g], lost[g], math.log(product[g]) if product[g] > 0.0 else 0.0)
                    product[g] = 1.0
        for g in range(lanes):
            mass[g] = 1.0 / mass[g] if mass[g] > 0.0 else 0.0
        for k in range(states):
            for g in range(lanes):
                now[k, g] *= mass[g]
                kept[k, g] *= mass[g]
    for g in range(lanes):
        if math.isnan(product[g]) or worst[g] > LARGEST:
            said[g] = UNFIT
        elif least[g] < TINY:
            said[g] = DOUBTFUL
        total[g] += math.log(product[g])


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _backward(step, stride, alpha, ratio, ahead, message):
    """Smooth in place: `ratio` of `_forward` becomes the smoothed probabilities; `ahead`, `message` are scratch.

    beta[t, i] = sum over j of transition[i, j] * ratio[t + 1, j] * beta[t + 1, j], and smoothed = alpha * beta, which
    sums to one but for rounding; that is taken out now and then. A state that the past rules out takes no part, so
    that its message cannot overflow. Nothing need be doubted here: alpha is at least TINY, so what underflows is less
    than 1e-307 of smoothed[t], and smoothed[t - 1] is an average of it.
    """
    steps, states, lanes = alpha.shape
    size = ahead.shape[0]
    mass = np.ones(lanes)
    message[:] = ratio[steps - 1]
    ratio[steps - 1] = alpha[steps - 1]
    for t in range(steps - 2, -1, -1):
        now, kept = alpha[t], ratio[t]
        multiply(step + 8 * stride * t, 1, size, message.ctypes.data, ahead.ctypes.data, states, size, lanes)
        if t % ROUNDED == 0:
            mass[:] = 0.0
            for k in range(states):
                for g in range(lanes):
                    mass[g] += ahead[k, g] * now[k, g]
            for g in range(lanes):
                mass[g] = 1.0 / mass[g] if mass[g] > 0.0 else 0.0
            for k in range(states):
                for g in range(lanes):
                    ahead[k, g] *= mass[g]
        for k in range(states):
            for g in range(lanes):
                beta = ahead[k, g] if now[k, g] > 0.0 else 0.0
                message[k, g] = beta * kept[k, g]
                kept[k, g] = beta * now[k, g]


@njit(cache=True, fastmath=PLAIN, nogil=True)
@no_type_check
def scan(initial, transition, evidence, numbers, runs, room, filtered, smoothed, total, said):
    """Filter, and smooth where `smoothed` has room.

    Args:
        initial: [any, state]. evidence: [any, time, state] log-likelihoods.
        transition: [any, 1 or time - 1, padded state, padded state].
        numbers: [sequence, 3], which initial, which evidence, which sequence of the answers.
        runs: [run, 3], first and last + 1 of the sequences that share a transition, and which.
        room: [2, time, state, lane], from `scratch`.
        filtered, smoothed: [sequence, time, state]; smoothed may be of size 0.
        total, said: [sequence], the log evidence, and POSSIBLE, DOUBTFUL, UNFIT or the time of impossible evidence.
    """
    states, lanes, size = room.shape[2], room.shape[3], transition.shape[2]
    stride = size * size if transition.shape[1] > 1 else 0
    alpha, ratio = room[0], room[1]
    ahead, message = np.empty((size, lanes)), np.empty((states, lanes))
    sums, told = np.empty(lanes), np.empty(lanes, dtype=np.int64)
    for run in range(runs.shape[0]):
        step = transition[runs[run, 2]].ctypes.data
        for first in range(runs[run, 0], runs[run, 1], lanes):
            here = numbers[first : min(first + lanes, runs[run, 1])]
            sums[:], told[:] = 0.0, POSSIBLE
            read(evidence, here[:, 1], alpha)
            for k in range(states):
                for g in range(lanes):
                    ahead[k, g] = initial[here[min(g, here.shape[0] - 1), 0], k]
            _forward(step, stride, ahead, alpha, ratio, sums, told)
            write(alpha, here[:, 2], filtered)
            if smoothed.size:
                _backward(step, stride, alpha, ratio, ahead, message)
                write(ratio, here[:, 2], smoothed)
            for g in range(here.shape[0]):
                total[here[g, 2]], said[here[g, 2]] = sums[g], told[g]
