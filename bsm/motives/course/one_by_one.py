"""Steps whose drift follows the shares, one by one, compiled.

Weights are held as numbers beside the log of a common scale, and as logs while one is too small for that beside the
largest, so that no weight is lost however small.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FAINT = 1e-150  # beside the largest weight; smaller ones are held as logs
WEAK = 1e-100  # beside the largest gain
PATIENCE = 100  # steps in logs before numbers are tried again


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
    flow, share = np.empty((size, size)), np.empty(size - 1)
    before, factor = np.empty((size, ways)), np.empty((size, ways))
    for d in range(draws):
        done = 0
        top = _scaled(gain[d], factor, WEAK)
        while done < steps[d]:
            if top > -np.inf:
                done += _plain(weights[d], factor, top, drift[d], passed[d], seen[d], steps[d] - done, flow, share)
            for _ in range(min(PATIENCE, steps[d] - done)):
                _in_logs(weights[d], gain[d], drift[d], passed[d], seen[d], flow, share, before)
                done += 1


@njit(cache=True)
def _scaled(logs, numbers, least):  # type: ignore[no-untyped-def]
    """Numbers in proportion, the largest of them one, and its log; -inf where one is too small beside it."""
    top = -np.inf
    for k in range(logs.shape[0]):
        for e in range(logs.shape[1]):
            top = max(top, logs[k, e])
    for k in range(logs.shape[0]):
        for e in range(logs.shape[1]):
            numbers[k, e] = np.exp(logs[k, e] - top) if logs[k, e] > -np.inf else 0.0
            if logs[k, e] > -np.inf and numbers[k, e] < least:
                return -np.inf
    return top


@njit(cache=True)
def _plain(weights, factor, gained, drift, passed, seen, most, flow, share):  # type: ignore[no-untyped-def]
    """Up to `most` steps in numbers, as long as no weight gets too small for them; how many were taken."""
    size, ways = weights.shape
    now, new = np.empty((size, ways)), np.empty((size, ways))
    scale = _scaled(weights, now, FAINT)
    if scale == -np.inf:
        return 0
    taken = 0
    while taken < most:
        total = 0.0
        for k in range(size - 1):
            share[k] = now[k].sum()
            total += share[k]
        for k in range(size - 1):
            share[k] = share[k] / total if total > 0 else 0.0
        _flow(drift, passed, share, flow)
        largest = _carry(now, factor, flow, seen, new)
        if largest < 0.0:
            break
        for k in range(size):
            for e in range(ways):
                now[k, e] = new[k, e] / largest
        scale += gained + np.log(largest)
        taken += 1
    if taken > 0:
        for k in range(size):
            for e in range(ways):
                weights[k, e] = np.log(now[k, e]) + scale if now[k, e] > 0 else -np.inf
    return taken


@njit(cache=True)
def _carry(now, factor, flow, seen, new):  # type: ignore[no-untyped-def]
    """One step in numbers; the largest weight after it, or -1 where one that is reached is too small for numbers."""
    size, ways = now.shape
    largest, least = 0.0, np.inf
    for k in range(size):
        for f in range(ways):
            total, reached = 0.0, False
            for i in range(size):
                if flow[i, k] > 0:
                    for e in range(ways):
                        if seen[e, f] > 0 and now[i, e] > 0 and factor[i, e] > 0:
                            total += now[i, e] * factor[i, e] * flow[i, k] * seen[e, f]
                            reached = True
            new[k, f] = total
            largest = max(largest, total)
            if reached:
                least = min(least, total)
    return largest if largest > 0 and least >= FAINT * largest else -1.0


@njit(cache=True)
def _in_logs(weights, gain, drift, passed, seen, flow, share, before):  # type: ignore[no-untyped-def]
    size, ways = weights.shape
    _shares(weights, share)
    _flow(drift, passed, share, flow)
    for k in range(size):
        for e in range(ways):
            before[k, e] = weights[k, e] + gain[k, e]
    for k in range(size):
        for f in range(ways):
            weights[k, f] = _gathered(before, flow, seen, k, f)


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
