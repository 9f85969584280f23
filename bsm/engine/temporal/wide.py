"""Filter, smoother and posterior samples in numbers m * 2**x whose exponent has no bound.

For the few sequences in which a state that is possible becomes over 1e100 times less probable than another. Here it
is never rounded to zero, so that later evidence may still single it out. About six times the work of
`rows`. Exponents are whole numbers kept as float64; zero is m = 0 with x = NONE.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np
from numba import njit

from bsm.engine.temporal.floats import (
    LN2,
    LOWEST,
    PLAIN,
    added,
    exponent,
    mantissa,
    power_of_two,
    split_exponential,
    unfit,
)
from bsm.engine.temporal.lanes import POSSIBLE, UNFIT

NONE = -1e307


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def multiply(m, x, a, e, into, power, top):
    """into * 2**power [j] = sum over i of m[i] * 2**x[i] * a[i, j] * 2**e[i, j]; `top` is scratch."""
    states = m.shape[0]
    top[:] = LOWEST
    into[:] = 0.0
    for i in range(states):
        if m[i] > 0.0:
            for j in range(states):
                reach = x[i] + e[i, j]
                top[j] = reach if reach > top[j] else top[j]
    for i in range(states):
        if m[i] > 0.0:
            for j in range(states):
                into[j] += m[i] * a[i, j] * power_of_two(x[i] + e[i, j] - top[j])
    for j in range(states):
        power[j] = top[j] + exponent(into[j]) if into[j] > 0.0 else NONE
        into[j] = mantissa(into[j]) if into[j] > 0.0 else 0.0


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _weigh(values, m, x):
    """Split exp(values - their largest) into m * 2**x; the largest, LOWEST where all are -inf, NaN if one is unfit."""
    top = LOWEST
    for value in values:
        if unfit(value):
            return np.nan
        top = value if value > top else top
    for k in range(values.shape[0]):
        if values[k] >= LOWEST:
            m[k], x[k] = split_exponential(values[k] - top)
        else:
            m[k], x[k] = 0.0, NONE
    return top


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def forward(start, places, a, e, evidence, m, x, seen, reach):
    """Fill m * 2**x [time, state], the filtered probabilities, and seen * 2**reach, the likelihoods up to a factor.

    Args:
        start, places: the initial probabilities as start * 2**places. a, e: [1 or time - 1, state, state], so too.

    Returns:
        log evidence, and POSSIBLE, UNFIT or the time of impossible evidence.
    """
    steps, states = evidence.shape
    top, total, lost = np.empty(states), 0.0, 0.0
    for t in range(steps):
        if t == 0:
            m[0], x[0] = start, places
        else:
            step = t - 1 if a.shape[0] > 1 else 0
            multiply(m[t - 1], x[t - 1], a[step], e[step], m[t], x[t], top)
        largest = _weigh(evidence[t], seen[t], reach[t])
        if math.isnan(largest):
            return np.nan, UNFIT
        total, lost = added(total, lost, largest)
        most, mass = LOWEST, 0.0
        for k in range(states):
            m[t, k] *= seen[t, k]
            x[t, k] += reach[t, k]
            most = max(most, x[t, k]) if m[t, k] > 0.0 else most
        for k in range(states):
            mass += m[t, k] * power_of_two(x[t, k] - most) if m[t, k] > 0.0 else 0.0
        if mass == 0.0:
            return -np.inf, t
        total, lost = added(total, lost, math.log(mass))
        total, lost = added(total, lost, most * LN2)
        for k in range(states):
            part = m[t, k] / mass
            x[t, k] = x[t, k] - most + exponent(part) if part > 0.0 else NONE
            m[t, k] = mantissa(part) if part > 0.0 else 0.0
    return total, POSSIBLE


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _backward(a, e, m, x, seen, reach, smoothed):
    """Fill `smoothed`; a, e are the transposed transitions."""
    last, states = m.shape[0] - 1, m.shape[1]
    message, places = seen[last].copy(), reach[last].copy()
    ahead, far, top = np.empty(states), np.empty(states), np.empty(states)
    for k in range(states):
        smoothed[last, k] = m[last, k] * power_of_two(x[last, k])
    for t in range(last - 1, -1, -1):
        step = t if a.shape[0] > 1 else 0
        multiply(message, places, a[step], e[step], ahead, far, top)
        most, mass = LOWEST, 0.0
        for k in range(states):
            most = max(most, far[k] + x[t, k]) if ahead[k] * m[t, k] > 0.0 else most
        for k in range(states):
            both = ahead[k] * m[t, k]
            smoothed[t, k] = both * power_of_two(far[k] + x[t, k] - most) if both > 0.0 else 0.0
            mass += smoothed[t, k]
        for k in range(states):
            smoothed[t, k] /= mass
            message[k], places[k] = ahead[k] * seen[t, k], far[k] - most + reach[t, k]
            if message[k] == 0.0:
                places[k] = NONE


@njit(cache=True, fastmath=PLAIN, nogil=True)
@no_type_check
def scan(start, places, a, e, turned, shift, evidence, numbers, filtered, smoothed, total, said):
    """As `rows.scan`, with every number given as a pair: initial, transition, transposed transition."""
    steps, states = evidence.shape[1], evidence.shape[2]
    m, x = np.empty((steps, states)), np.empty((steps, states))
    seen, reach = np.empty((steps, states)), np.empty((steps, states))
    for b in range(numbers.shape[0]):
        own, row, here, step = numbers[b, 0], numbers[b, 1], numbers[b, 2], numbers[b, 3]
        total[here], said[here] = forward(start[own], places[own], a[step], e[step], evidence[row], m, x, seen, reach)
        if said[here] != POSSIBLE:
            continue
        for t in range(steps):
            for k in range(states):
                filtered[here, t, k] = m[t, k] * power_of_two(x[t, k]) if m[t, k] > 0.0 else 0.0
        if smoothed.size > 0:
            _backward(turned[step], shift[step], m, x, seen, reach, smoothed[here])
