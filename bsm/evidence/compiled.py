"""The two inner loops of the likelihood, compiled: used for values, where no gradient is wanted.

The same functions stand in `likelihood` as torch expressions, which carry gradients; a test holds the two
together. Every loop is over independent (draw, row) pairs.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

HALF_LOG_TWO_PI = 0.9189385332046727
LARGE = 1e6


@njit(cache=True, inline="always")
def _lgamma(x: float) -> float:
    """log Gamma(x) for x > 0: Stirling's series after a shift to x >= 8."""
    shift = 1.0
    while x < 8.0:
        shift *= x
        x += 1.0
    return (x - 0.5) * math.log(x) - x + HALF_LOG_TWO_PI + _series(x) - math.log(shift)


@njit(cache=True, inline="always")
def _series(x: float) -> float:
    """The correction to Stirling's formula for x >= 8 (error below 3e-13)."""
    y = 1.0 / (x * x)
    return (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0)))) / x


@njit(cache=True, inline="always")
def _rising(a: float, k: float) -> float:
    """log Gamma(a + k) - log Gamma(a), for a > 0 and k >= 0."""
    if k <= 24.0 and a < 1e9 and k == math.floor(k):
        total = 1.0
        for i in range(int(k)):
            total *= a + i
        return math.log(total)
    if a > LARGE:  # the difference of two huge numbers, taken analytically
        return (a - 0.5) * math.log1p(k / a) + k * math.log(a + k) - k + (1.0 / (a + k) - 1.0 / a) / 12.0
    low, high, shift = a, a + k, 1.0
    while low < 8.0:
        shift *= low
        low += 1.0
    while high < 8.0:
        shift /= high
        high += 1.0
    far = (high - 0.5) * math.log(high) - high + _series(high)
    return far - (low - 0.5) * math.log(low) + low - _series(low) + math.log(shift)


@njit(cache=True, inline="always")
def _log_term(k: float, n: float, p: float, rho: float) -> float:
    """log beta-binomial without the binomial coefficient and without `_log_size`."""
    if p <= 0.0:
        return 0.0 if k <= 0.0 else -np.inf
    if p >= 1.0:
        return 0.0 if n - k <= 0.0 else -np.inf
    if rho <= 0.0:
        return (k * math.log(p) if k > 0.0 else 0.0) + ((n - k) * math.log1p(-p) if n - k > 0.0 else 0.0)
    size = (1.0 - rho) / rho
    return _rising(size * p, k) + _rising(size * (1.0 - p), n - k)


@njit(cache=True, inline="always")
def _log_size(n: float, rho: float) -> float:
    """The part of the log beta-binomial that depends on neither k nor p."""
    return _rising((1.0 - rho) / rho, n) if rho > 0.0 else 0.0


@njit(cache=True, inline="always")
def _digamma(x: float) -> float:
    """Derivative of log Gamma for x > 0, by recurrence to x >= 12 and the asymptotic series (error below 1e-13)."""
    total = 0.0
    while x < 12.0:
        total -= 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    series = y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y / 132.0))))
    return total + math.log(x) - 0.5 / x - series


@njit(cache=True, inline="always")
def _slope(a: float, k: float) -> float:
    """Derivative of `_rising` in a."""
    if k == 0.0:
        return 0.0
    if a > LARGE:
        return math.log1p(k / a) - 0.5 * (1.0 / (a + k) - 1.0 / a)
    return _digamma(a + k) - _digamma(a)


@njit(cache=True, inline="always")
def _log_choose(n: float, k: float) -> float:
    return _lgamma(n + 1.0) - _lgamma(k + 1.0) - _lgamma(n - k + 1.0)


@njit(cache=True)
def beta_binomial(k, n, p, rho):  # type: ignore[no-untyped-def]
    """log beta-binomial: k, n, rho [draw or 1, row], p [draw or 1, row, node] -> [draw, row, node]."""
    draws = max(k.shape[0], p.shape[0], rho.shape[0], n.shape[0])
    rows, nodes = p.shape[1], p.shape[2]
    out = np.empty((draws, rows, nodes))
    for i in range(draws * rows):
        d, r = i // rows, i % rows
        kk, nn, rr = (
            k[min(d, k.shape[0] - 1), r],
            n[min(d, n.shape[0] - 1), r],
            rho[min(d, rho.shape[0] - 1), r],
        )
        pd = min(d, p.shape[0] - 1)
        constant, cluster = _log_choose(nn, kk), _log_size(nn, rr)
        for q in range(nodes):
            at = p[pd, r, q]
            out[d, r, q] = constant + _log_term(kk, nn, at, rr) - (cluster if 0.0 < at < 1.0 else 0.0)
    return out


@njit(cache=True)
def by_variant(k, n, rho, fpr, fnr, p, shift, log_weights, variant):  # type: ignore[no-untyped-def]
    """log likelihood of each variant's rows with their shared shift integrated out.

    k, n, rho, fpr, fnr [draw or 1, row]; p [draw, row]; shift and log_weights [draw, variant, node]; variant [row].
    -> [draw, variant]. The fusion of `shifted`, `judged`, `beta_binomial` and the sum over nodes.
    """
    draws, rows = p.shape
    variants, nodes = shift.shape[1], shift.shape[2]
    out = np.empty((draws, variants))
    total = np.empty((variants, nodes))
    odds = np.empty((variants, nodes))
    for d in range(draws):
        for v in range(variants):
            for q in range(nodes):
                odds[v, q] = math.exp(shift[d, v, q])
                total[v, q] = log_weights[d, v, q]
        for r in range(rows):
            kk, nn, rr = (
                k[min(d, k.shape[0] - 1), r],
                n[min(d, n.shape[0] - 1), r],
                rho[min(d, rho.shape[0] - 1), r],
            )
            wrong, missed = fpr[min(d, fpr.shape[0] - 1), r], fnr[min(d, fnr.shape[0] - 1), r]
            constant, cluster = _log_choose(nn, kk), _log_size(nn, rr)
            v, plain = variant[r], p[d, r]
            for q in range(nodes):
                moved = plain * odds[v, q] / (1.0 - plain + plain * odds[v, q])
                at = (1.0 - missed) * moved + wrong * (1.0 - moved)
                total[v, q] += constant + _log_term(kk, nn, at, rr) - (cluster if 0.0 < at < 1.0 else 0.0)
        for v in range(variants):
            out[d, v] = _log_sum(total[v])
    return out


@njit(cache=True)
def _log_sum(values):  # type: ignore[no-untyped-def]
    top = -np.inf
    for value in values:
        top = max(top, value)
    if top == -np.inf:
        return top
    total = 0.0
    for value in values:
        total += math.exp(value - top)
    return top + math.log(total)


@njit(cache=True)
def beta_binomial_slopes(k, n, p, rho):  # type: ignore[no-untyped-def]
    """Derivatives of `beta_binomial` in p and in rho, each [draw, row, node]; zero where p is 0 or 1."""
    draws = max(k.shape[0], p.shape[0], rho.shape[0], n.shape[0])
    rows, nodes = p.shape[1], p.shape[2]
    in_p, in_rho = np.zeros((draws, rows, nodes)), np.zeros((draws, rows, nodes))
    for i in range(draws * rows):
        d, r = i // rows, i % rows
        kk, nn, rr = (
            k[min(d, k.shape[0] - 1), r],
            n[min(d, n.shape[0] - 1), r],
            rho[min(d, rho.shape[0] - 1), r],
        )
        pd = min(d, p.shape[0] - 1)
        size = (1.0 - rr) / rr if rr > 0.0 else 0.0
        whole = _slope(size, nn) if rr > 0.0 else 0.0
        for q in range(nodes):
            at = p[pd, r, q]
            if not 0.0 < at < 1.0:
                continue
            if rr <= 0.0:
                in_p[d, r, q] = kk / at - (nn - kk) / (1.0 - at)
                continue
            yes, no = _slope(size * at, kk), _slope(size * (1.0 - at), nn - kk)
            in_p[d, r, q] = size * (yes - no)
            in_rho[d, r, q] = (whole - at * yes - (1.0 - at) * no) / (rr * rr)
    return in_p, in_rho


@njit(cache=True)
def second_margin(k, n, second, yes, no, rho):  # type: ignore[no-untyped-def]
    """log P(second count | first count): k, n, second [row]; yes, no, rho [draw, row] -> [draw, row]."""
    draws, rows = yes.shape
    out = np.empty((draws, rows))
    for i in range(draws * rows):
        d, r = i // rows, i % rows
        out[d, r] = _one_margin(k[r], n[r], second[r], yes[d, r], no[d, r], rho[d, r])
    return out


@njit(cache=True)
def _one_margin(k, n, second, yes, no, rho):  # type: ignore[no-untyped-def]
    low, high = max(0.0, second - (n - k)), min(k, second)
    top, total = -np.inf, 0.0
    interior = 0.0 < yes < 1.0 and 0.0 < no < 1.0
    w = rho / (1.0 - rho)
    term = _cell(low, k, n, second, yes, no, rho)
    x = low
    while True:
        if term > top:
            total = total * math.exp(top - term) + 1.0 if top > -np.inf else 1.0
            top = term
        elif term > -np.inf:
            total += math.exp(term - top)
        x += 1.0
        if x > high:
            break
        if interior:
            y, rest = second - x + 1.0, n - k
            ratio = (k - x + 1.0) * ((x - 1.0) * w + yes) * y * ((rest - y) * w + 1.0 - no)
            below = x * ((k - x) * w + 1.0 - yes) * (rest - y + 1.0) * ((y - 1.0) * w + no)
            term += math.log(ratio / below)
        else:
            term = _cell(x, k, n, second, yes, no, rho)
    return top + math.log(total) if total > 0.0 else -np.inf


@njit(cache=True)
def _cell(x, k, n, second, yes, no, rho):  # type: ignore[no-untyped-def]
    return _whole(x, k, yes, rho) + _whole(second - x, n - k, no, rho)


@njit(cache=True)
def _whole(k, n, p, rho):  # type: ignore[no-untyped-def]
    inside = _log_size(n, rho) if 0.0 < p < 1.0 else 0.0
    return _log_choose(n, k) + _log_term(k, n, p, rho) - inside


def warm() -> None:
    """Compile every loop once, so that the first run need not; what is compiled is kept beside this file."""
    one, three = np.full((1, 1), 0.5), np.full((1, 1, 1), 0.5)
    beta_binomial(one, one, three, one)
    beta_binomial_slopes(one, one, three, one)
    by_variant(one, one, one, one * 0, one * 0, one, three * 0, three * 0, np.zeros(1, dtype=np.int64))
    second_margin(np.ones(1), np.ones(1) * 2, np.ones(1), one, one, one)
