"""The most probable path, and paths drawn from the posterior: compiled loops over time."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from bsm.engine.temporal.floats import PLAIN, power_of_two
from bsm.engine.temporal.wide import forward

NOWHERE = -1  # the states of a path through impossible evidence


@njit(cache=True, nogil=True)
@no_type_check
def best(initial, transition, evidence, numbers, paths, joint):
    """The path with the largest joint probability with the evidence; of equals, the one whose states come first.

    Args:
        initial, transition: log probabilities, shaped as in `rows.scan`; numbers: the same.
        paths: [sequence, time], becomes the states. joint: [sequence], becomes log P(path, evidence).

    Source: Viterbi (1967), from the end to the start, so that ties are settled from the start on.
    """
    steps, states = evidence.shape[1], evidence.shape[2]
    goes, score, ahead = np.empty((steps, states), dtype=np.int64), np.empty(states), np.empty(states)
    for b in range(numbers.shape[0]):
        own, row, here, a = numbers[b, 0], numbers[b, 1], numbers[b, 2], transition[numbers[b, 3]]
        score[:] = evidence[row, steps - 1]
        for t in range(steps - 2, -1, -1):
            step = a[t if a.shape[0] > 1 else 0]
            for i in range(states):
                most, place = -np.inf, 0
                for j in range(states):
                    reach = step[i, j] + score[j]
                    place = j if reach > most else place
                    most = reach if reach > most else most
                ahead[i], goes[t, i] = most, place
            for i in range(states):
                score[i] = ahead[i] + evidence[row, t, i]
        for i in range(states):
            score[i] += initial[own, i]
        state = np.argmax(score)
        joint[here] = score[state]
        for t in range(steps):
            paths[here, t] = state if joint[here] > -np.inf else NOWHERE
            state = goes[t, state] if t < steps - 1 else state


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _chosen(weights, uniform):
    """The state at this quantile of the weights; never one of weight zero."""
    left = 0.0
    for weight in weights:
        left += weight
    left *= uniform
    state = 0
    for k in range(weights.shape[0]):
        if weights[k] > 0.0:
            state = k
            left -= weights[k]
            if left < 0.0:
                break
    return state


@njit(cache=True, fastmath=PLAIN, nogil=True)
@no_type_check
def drawn(filtered, turned, numbers, uniform, paths):
    """Backward sampling from filtered probabilities [sequence, time, state].

    Args:
        turned: transposed transitions, as in `rows.scan`; numbers: the same.
        uniform: [count, sequence, time] in [0, 1). paths: [count, sequence, time], becomes the states.

    Source: forward filtering, backward sampling, Scott (2002), JASA 97:337-351.
    """
    steps, states = filtered.shape[1], filtered.shape[2]
    weights = np.empty(states)
    for b in range(numbers.shape[0]):
        here, a = numbers[b, 2], turned[numbers[b, 3]]
        for n in range(uniform.shape[0]):
            state = _chosen(filtered[here, steps - 1], uniform[n, here, steps - 1])
            paths[n, here, steps - 1] = state
            for t in range(steps - 2, -1, -1):
                step = a[t if a.shape[0] > 1 else 0]
                for k in range(states):
                    weights[k] = filtered[here, t, k] * step[state, k]
                state = _chosen(weights, uniform[n, here, t])
                paths[n, here, t] = state


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _weights(m, x, a, e, into):
    """m * 2**x * a * 2**e, scaled so that the largest is near one."""
    most = -np.inf
    for k in range(m.shape[0]):
        most = max(most, x[k] + e[k]) if m[k] * a[k] > 0.0 else most
    for k in range(m.shape[0]):
        into[k] = m[k] * a[k] * power_of_two(x[k] + e[k] - most) if m[k] * a[k] > 0.0 else 0.0


@njit(cache=True, fastmath=PLAIN, nogil=True)
@no_type_check
def drawn_wide(start, places, a, e, turned, shift, evidence, numbers, uniform, paths):
    """As `drawn`, from the inputs of `wide.scan`; paths through impossible evidence become NOWHERE."""
    steps, states = evidence.shape[1], evidence.shape[2]
    m, x = np.empty((steps, states)), np.empty((steps, states))
    seen, reach = np.empty((steps, states)), np.empty((steps, states))
    weights, ones, zeros = np.empty(states), np.ones(states), np.zeros(states)
    for b in range(numbers.shape[0]):
        own, row, here, chain = numbers[b, 0], numbers[b, 1], numbers[b, 2], numbers[b, 3]
        _, said = forward(start[own], places[own], a[chain], e[chain], evidence[row], m, x, seen, reach)
        if said >= 0:
            paths[:, here] = NOWHERE
            continue
        for n in range(uniform.shape[0]):
            _weights(m[steps - 1], x[steps - 1], ones, zeros, weights)
            state = _chosen(weights, uniform[n, here, steps - 1])
            paths[n, here, steps - 1] = state
            for t in range(steps - 2, -1, -1):
                step = t if turned.shape[1] > 1 else 0
                _weights(m[t], x[t], turned[chain, step, state], shift[chain, step, state], weights)
                state = _chosen(weights, uniform[n, here, t])
                paths[n, here, t] = state
