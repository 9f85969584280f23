"""Filter and smoother for many sequences with one transition: a sequence per vector lane.

The sequences of a group advance together. Their numbers lie as [time, state, lane], so that every loop runs along
the lanes, and the step itself is a matrix product (`temporal_tile`). A group is made small enough for the cache.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from bsm.engine.temporal_floats import FAST, LOWEST, TINY, added, exponential, unfit
from bsm.engine.temporal_tile import LANES, ROWS, multiply

POSSIBLE, DOUBTFUL, UNFIT = -1, -2, -3  # what is said of a sequence; a number >= 0 is the time that is impossible
BLOCK = 8  # sequences that are read or written side by side
SCRATCH = 1_600_000  # bytes that a group may fill
MOST_LANES = 64


def lanes_for(steps: int, states: int, sequences: int) -> int:
    """How many sequences to take at once."""
    fitting = SCRATCH // (16 * steps * padded(states))
    most = min(fitting, MOST_LANES, -(-sequences // LANES) * LANES)
    return max(1, most // LANES) * LANES


def padded(states: int) -> int:
    """The number of states with those added that the tile needs; they have probability zero."""
    return -(-states // ROWS) * ROWS


@njit(cache=True, fastmath=FAST)
def _read(evidence, rows, states, into):  # type: ignore[no-untyped-def]
    """Copy rows of the evidence to `into` [time, state, lane]; spare lanes repeat the last row."""
    last = rows.shape[0] - 1
    for low in range(0, into.shape[2], BLOCK):
        a, b = evidence[rows[min(low, last)]], evidence[rows[min(low + 1, last)]]
        c, d = evidence[rows[min(low + 2, last)]], evidence[rows[min(low + 3, last)]]
        e, f = evidence[rows[min(low + 4, last)]], evidence[rows[min(low + 5, last)]]
        g, h = evidence[rows[min(low + 6, last)]], evidence[rows[min(low + 7, last)]]
        for t in range(into.shape[0]):
            for k in range(states):
                into[t, k, low], into[t, k, low + 1], into[t, k, low + 2] = a[t, k], b[t, k], c[t, k]
                into[t, k, low + 3], into[t, k, low + 4], into[t, k, low + 5] = d[t, k], e[t, k], f[t, k]
                into[t, k, low + 6], into[t, k, low + 7] = g[t, k], h[t, k]


@njit(cache=True, fastmath=FAST)
def _write(values, rows, states, out):  # type: ignore[no-untyped-def]
    """Copy the lanes of [time, state, lane] to these rows of `out`."""
    count = rows.shape[0]
    for low in range(0, count - count % BLOCK, BLOCK):
        for t in range(values.shape[0]):
            for k in range(states):
                for lane in range(low, low + BLOCK):
                    out[rows[lane], t, k] = values[t, k, lane]
    for lane in range(count - count % BLOCK, count):
        for t in range(values.shape[0]):
            for k in range(states):
                out[rows[lane], t, k] = values[t, k, lane]


@njit(cache=True, fastmath=FAST)
def _forward(step, stride, states, ahead, alpha, ratio, total, said):  # type: ignore[no-untyped-def]
    """Filter in place: `alpha` holds log-likelihoods and becomes the filtered probabilities.

    Args:
        step: address of the first transition; the next is 8 * stride further.
        ahead: [state, lane], the initial probabilities; used as scratch.
        ratio: becomes exp(log-likelihood) / P(evidence now | earlier evidence), up to the same factor as `total`.
        total: [lane], becomes the log evidence.
        said: becomes DOUBTFUL where a possible state fell below TINY, or the time of impossible evidence.
    """
    steps, size, lanes = alpha.shape
    top, mass, product = np.empty(lanes), np.empty(lanes), np.ones(lanes)
    lost, doubts, odd = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    for t in range(steps):
        now, kept = alpha[t], ratio[t]
        if t > 0:
            here = step + 8 * stride * (t - 1)
            multiply(here, size, 1, alpha[t - 1].ctypes.data, ahead.ctypes.data, size, lanes)
        top[:] = LOWEST
        for k in range(states):
            for g in range(lanes):
                top[g] = max(top[g], now[k, g])
                odd[g] += unfit(now[k, g])
        mass[:] = 0.0
        for k in range(states):
            for g in range(lanes):
                seen = exponential(now[k, g] - top[g]) if now[k, g] >= LOWEST else 0.0
                weight = ahead[k, g] * seen
                doubts[g] += 1.0 if weight < TINY and ahead[k, g] > 0.0 and now[k, g] >= LOWEST else 0.0
                mass[g] += weight
                now[k, g] = weight
                kept[k, g] = seen
        low = 1.0
        for g in range(lanes):
            total[g], lost[g] = added(total[g], lost[g], top[g])
            product[g] *= mass[g]
            low = min(low, product[g])
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
        total[g] += math.log(product[g])
        if odd[g] > 0.0:
            said[g] = UNFIT
        elif doubts[g] > 0.0:
            said[g] = DOUBTFUL


@njit(cache=True, fastmath=FAST)
def _backward(step, stride, states, alpha, ratio, ahead, message, said):  # type: ignore[no-untyped-def]
    """Smooth in place: `ratio` of `_forward` becomes the smoothed probabilities; `ahead`, `message` are scratch.

    beta[t, i] = sum over j of transition[i, j] * ratio[t + 1, j] * beta[t + 1, j], and smoothed = alpha * beta. A
    state that the past rules out takes no part, so that its message cannot overflow.
    """
    steps, size, lanes = alpha.shape
    mass, doubts = np.empty(lanes), np.zeros(lanes)
    message[:] = ratio[steps - 1]
    ratio[steps - 1] = alpha[steps - 1]
    for t in range(steps - 2, -1, -1):
        now, kept = alpha[t], ratio[t]
        multiply(step + 8 * stride * t, 1, size, message.ctypes.data, ahead.ctypes.data, size, lanes)
        mass[:] = 0.0
        for k in range(states):
            for g in range(lanes):
                doubts[g] += 1.0 if ahead[k, g] < TINY and ahead[k, g] > 0.0 and now[k, g] > 0.0 else 0.0
                mass[g] += ahead[k, g] * now[k, g]
        for g in range(lanes):
            mass[g] = 1.0 / mass[g] if mass[g] > 0.0 else 0.0
        for k in range(states):
            for g in range(lanes):
                beta = ahead[k, g] * mass[g]
                message[k, g] = beta * kept[k, g] if now[k, g] > 0.0 else 0.0
                kept[k, g] = beta * now[k, g]
    for g in range(lanes):
        if doubts[g] > 0.0 and said[g] == POSSIBLE:
            said[g] = DOUBTFUL


@njit(cache=True, fastmath=FAST, nogil=True)
def scan(initial, transition, evidence, numbers, runs, lanes, filtered, smoothed, total, said):  # type: ignore[no-untyped-def]
    """Filter, and smooth where `smoothed` has room.

    Args:
        initial: [any, state]. evidence: [any, time, state] log-likelihoods.
        transition: [any, 1 or time - 1, padded state, padded state].
        numbers: [sequence, 3], which initial, which evidence, which sequence of the answers.
        runs: [run, 3], first and last + 1 of the sequences that share a transition, and which.
        filtered, smoothed: [sequence, time, state]; smoothed may be of size 0.
        total, said: [sequence], the log evidence, and POSSIBLE, DOUBTFUL, UNFIT or the time of impossible evidence.
    """
    steps, states, size = evidence.shape[1], evidence.shape[2], transition.shape[2]
    stride = size * size if transition.shape[1] > 1 else 0
    alpha, ratio = np.zeros((steps, size, lanes)), np.zeros((steps, size, lanes))
    ahead, message = np.zeros((size, lanes)), np.zeros((size, lanes))
    sums, told = np.empty(lanes), np.empty(lanes, dtype=np.int64)
    for run in range(runs.shape[0]):
        step = transition[runs[run, 2]].ctypes.data
        for first in range(runs[run, 0], runs[run, 1], lanes):
            here = numbers[first : min(first + lanes, runs[run, 1])]
            sums[:], told[:] = 0.0, POSSIBLE
            _read(evidence, here[:, 1], states, alpha)
            for k in range(states):
                for g in range(lanes):
                    ahead[k, g] = initial[here[min(g, here.shape[0] - 1), 0], k]
            _forward(step, stride, states, ahead, alpha, ratio, sums, told)
            _write(alpha, here[:, 2], states, filtered)
            if smoothed.size:
                _backward(step, stride, states, alpha, ratio, ahead, message, told)
                _write(ratio, here[:, 2], states, smoothed)
            for g in range(here.shape[0]):
                total[here[g, 2]], said[here[g, 2]] = sums[g], told[g]
