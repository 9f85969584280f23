"""Filter and smoother one sequence after another: for one sequence, or where each has its own transition."""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np
from numba import njit

from bsm.engine.temporal.floats import FAST, LOWEST, TINY, added, exponential, unfit
from bsm.engine.temporal.lanes import DOUBTFUL, UNFIT


@njit(cache=True, fastmath=FAST)
@no_type_check
def _multiply(x, a, w):
    """w[j] = sum over i of x[i] * a[i, j], four i at once."""
    states = x.shape[0]
    w[:] = 0.0
    for i in range(0, states - states % 4, 4):
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(states):
            w[j] += x0 * a[i, j] + x1 * a[i + 1, j] + x2 * a[i + 2, j] + x3 * a[i + 3, j]
    for i in range(states - states % 4, states):
        for j in range(states):
            w[j] += x[i] * a[i, j]


@njit(cache=True, fastmath=FAST)
@no_type_check
def _forward(initial, steps, evidence, alpha, ratio, keep):
    """Fill `alpha`, the filtered probabilities, and where `keep` also `ratio`, as `lanes` does.

    Args:
        steps: [1 or time - 1, state, state]. evidence, alpha: [time, state].

    Returns:
        log evidence in nats, and what is said of the sequence.
    """
    states, varying = evidence.shape[1], steps.shape[0] > 1
    seen, ahead, weight = np.empty(states), np.empty(states), np.empty(states)
    total, lost, product, doubts, odd, ends = 0.0, 0.0, 1.0, 0.0, 0.0, -1
    ahead[:] = initial
    for t in range(evidence.shape[0]):
        if t > 0:
            _multiply(alpha[t - 1], steps[t - 1 if varying else 0], ahead)
        top = LOWEST
        for k in range(states):
            top = max(top, evidence[t, k])
            odd += unfit(evidence[t, k])
        for k in range(states):
            seen[k] = exponential(evidence[t, k] - top) if evidence[t, k] >= LOWEST else 0.0
        mass = 0.0
        for k in range(states):
            weight[k] = ahead[k] * seen[k]
            doubts += 1.0 if weight[k] < TINY and ahead[k] > 0.0 and evidence[t, k] >= LOWEST else 0.0
            mass += weight[k]
        total, lost = added(total, lost, top)
        product *= mass
        if product < TINY:
            if mass <= 0.0 and ends < 0:
                ends = t
            total, lost = added(total, lost, math.log(product) if product > 0.0 else 0.0)
            product = 1.0
        mass = 1.0 / mass if mass > 0.0 else 0.0
        for k in range(states):
            alpha[t, k] = weight[k] * mass
        if keep:
            for k in range(states):
                ratio[t, k] = seen[k] * mass
    return total + math.log(product), UNFIT if odd > 0.0 else DOUBTFUL if doubts > 0.0 else ends


@njit(cache=True, fastmath=FAST)
@no_type_check
def _backward(steps, alpha, ratio):
    """Turn `ratio` into smoothed probabilities, as `lanes` does; `steps` are the transposed transitions."""
    last, states, varying = alpha.shape[0] - 1, alpha.shape[1], steps.shape[0] > 1
    message, ahead = ratio[last].copy(), np.empty(states)
    ratio[last] = alpha[last]
    for t in range(last - 1, -1, -1):
        _multiply(message, steps[t if varying else 0], ahead)
        mass = 0.0
        for k in range(states):
            mass += ahead[k] * alpha[t, k]
        mass = 1.0 / mass if mass > 0.0 else 0.0
        for k in range(states):
            beta = ahead[k] * mass
            message[k] = beta * ratio[t, k] if alpha[t, k] > 0.0 else 0.0
            ratio[t, k] = beta * alpha[t, k]


@njit(cache=True, nogil=True)
@no_type_check
def scan(initial, transition, turned, evidence, numbers, filtered, smoothed, total, said):
    """Filter, and smooth where `smoothed` has room.

    Args:
        initial: [any, state]. evidence: [any, time, state] log-likelihoods.
        transition: [any, 1 or time - 1, state, state]; turned: the same with the last two axes exchanged.
        numbers: [sequence, 4], which initial, evidence, answer and transition.
        filtered, smoothed, total, said: as `lanes.scan`.
    """
    both = smoothed.size > 0
    for b in range(numbers.shape[0]):
        own, seen, here, steps = numbers[b, 0], numbers[b, 1], numbers[b, 2], numbers[b, 3]
        room = smoothed[here] if both else filtered[here]
        total[here], said[here] = _forward(initial[own], transition[steps], evidence[seen], filtered[here], room, both)
        if both:
            _backward(turned[steps], filtered[here], room)
