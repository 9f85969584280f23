"""Powers of non-negative matrices by repeated squaring, compiled. Every row keeps its own binary exponent.

A power is kept as values * 2**places with one place per row and the largest value of a row in [1, 2), so that a
million factors neither overflow nor vanish. Where an entry falls below TINY of its row it might vanish all the same:
such a matrix is done again with a place per entry (`wide`).
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from bsm.engine.temporal.floats import PLAIN, TINY, exponent, power_of_two
from bsm.engine.temporal.tile import LANES, multiply
from bsm.engine.temporal.wide import NONE
from bsm.engine.temporal.wide import multiply as multiply_wide


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _uneven(values):
    """Whether an entry is below TINY of its row, so that scaling the row might round it to zero."""
    for row in values:
        most = row.max()
        for value in row:
            if 0.0 < value < TINY * most:
                return True
    return False


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _scale(values, places):
    """Bring the largest value of each row to [1, 2)."""
    for i in range(values.shape[0]):
        most = 0.0
        for k in range(values.shape[1]):
            most = max(most, values[i, k])
        up = -exponent(most) if most > 0.0 else 0.0
        places[i] = places[i] - up if most > 0.0 else NONE
        for k in range(values.shape[1]):
            values[i, k] *= power_of_two(up)


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _product(left, above, right, places, term, out, total):
    """out, total = (left, above) times (right, places); whether a value might have been lost. `term` is scratch.

    Values of `right` are products of two that were not doubted, so at least TINY**2.
    """
    size, doubts = left.shape[0], False
    for i in range(size):
        most = NONE
        for j in range(size):
            most = max(most, places[j]) if left[i, j] > 0.0 else most
        for j in range(size):
            term[i, j] = left[i, j] * power_of_two(max(places[j] - most, -1023.0)) if left[i, j] > 0.0 else 0.0
            doubts |= left[i, j] > 0.0 and term[i, j] < TINY and places[j] > NONE
        total[i] = above[i] + most
    multiply(term.ctypes.data, 1, size, right.ctypes.data, out.ctypes.data, size, size, size)
    _scale(out, total)
    return doubts


@njit(cache=True, nogil=True)
@no_type_check
def narrow(matrices, steps, values, places, doubtful):
    """values * 2**places = matrices**steps; matrices, values [any, size, size], size a multiple of LANES."""
    size = matrices.shape[1]
    term, spare, apart = np.empty((size, size)), np.empty((size, size)), np.empty(size)
    base, above = np.empty((size, size)), np.empty(size)
    for b in range(matrices.shape[0]):
        base[:], above[:], left, started = matrices[b], 0.0, steps[b], False
        doubtful[b] = _uneven(base)
        _scale(base, above)
        values[b], places[b] = np.eye(size), 0.0
        while left > 0 and not doubtful[b]:
            if left & 1 and started:
                doubtful[b] |= _product(values[b], places[b], base, above, term, spare, apart)
                values[b], places[b] = spare, apart
            elif left & 1:
                values[b], places[b], started = base, above, True
            left >>= 1
            if left > 0:
                doubtful[b] |= _product(base, above, base, above, term, spare, apart)
                base[:], above[:] = spare, apart


@njit(cache=True, nogil=True)
@no_type_check
def wide(m, x, steps, values, places):
    """values * 2**places = (m * 2**x)**steps, all [any, state, state]."""
    states = m.shape[1]
    top, spare, apart = np.empty(states), np.empty((states, states)), np.empty((states, states))
    for b in range(m.shape[0]):
        base, above, left, started = m[b].copy(), x[b].copy(), steps[b], False
        values[b], places[b] = np.eye(states), NONE
        for i in range(states):
            places[b, i, i] = 0.0
        while left > 0:
            if left & 1 and started:
                for i in range(states):
                    multiply_wide(values[b, i], places[b, i], base, above, spare[i], apart[i], top)
                values[b], places[b] = spare, apart
            elif left & 1:
                values[b], places[b], started = base, above, True
            left >>= 1
            if left > 0:
                for i in range(states):
                    multiply_wide(base[i], above[i], base, above, spare[i], apart[i], top)
                base[:], above[:] = spare, apart


def padded(states: int) -> int:
    """The size of matrix that the tile needs."""
    return -(-states // LANES) * LANES
