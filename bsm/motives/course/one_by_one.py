"""Steps whose drift follows the shares, one by one, compiled; in logs, so that no weight is lost however small."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def stepped(weights, gain, drift, passed, seen, steps):  # type: ignore[no-untyped-def]
    """Log weights after whole steps, [draw, m + 1, explored], in place.

    Args:
        weights: log weights, [draw, m + 1, explored], contiguous, changed in place.
        gain: nats that one step of selection adds, the same shape.
        drift: [draw, m, m], rows sum to one. passed: [draw, m, m], added times the share of the column.
        seen: P(explored next | explored), [draw, explored, explored].
        steps: [draw], whole numbers.
    """
    draws, size, ways = weights.shape
    named = size - 1
    flow = np.empty((size, size))
    share = np.empty(named)
    before = np.empty((size, ways))
    for d in range(draws):
        for _ in range(steps[d]):
            _shares(weights[d], share)
            _flow(drift[d], passed[d], share, flow)
            for k in range(size):
                for e in range(ways):
                    before[k, e] = weights[d, k, e] + gain[d, k, e]
            for k in range(size):
                for f in range(ways):
                    weights[d, k, f] = _gathered(before, flow, seen[d], k, f)


@njit(cache=True)
def _shares(weights, share):  # type: ignore[no-untyped-def]
    top = -np.inf
    for k in range(len(share)):
        for e in range(weights.shape[1]):
            top = max(top, weights[k, e])
    total = 0.0
    for k in range(len(share)):
        share[k] = 0.0
        if top > -np.inf:
            for e in range(weights.shape[1]):
                share[k] += np.exp(weights[k, e] - top)
            total += share[k]
    for k in range(len(share)):
        share[k] = share[k] / total if total > 0 else 0.0


@njit(cache=True)
def _flow(drift, passed, share, flow):  # type: ignore[no-untyped-def]
    named = len(share)
    flow[:, :] = 0.0
    flow[named, named] = 1.0
    for i in range(named):
        leaving = 0.0
        for j in range(named):
            extra = passed[i, j] * share[j]
            flow[i, j] = drift[i, j] + extra
            leaving += extra
        flow[i, i] -= leaving


@njit(cache=True)
def _gathered(before, flow, seen, k, f):  # type: ignore[no-untyped-def]
    """log of the sum over states of exp(before) x flow to motivation k x seen to f."""
    top = -np.inf
    for i in range(len(flow)):
        if flow[i, k] > 0:
            for e in range(before.shape[1]):
                if seen[e, f] > 0:
                    top = max(top, before[i, e])
    if top == -np.inf:
        return top
    total = 0.0
    for i in range(len(flow)):
        if flow[i, k] > 0:
            for e in range(before.shape[1]):
                if seen[e, f] > 0:
                    total += np.exp(before[i, e] - top) * flow[i, k] * seen[e, f]
    return top + np.log(total)
