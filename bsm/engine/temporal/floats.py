"""Floating-point pieces of the compiled loops over time: an exponential that vectorises, powers of two, exact sums.

A function compiled as part of a caller takes over the caller's fast-math flags unless it states its own, and
reassociation would undo the rounding tricks below: each states its own. Flags of every loop are in `FAST` and
`PLAIN`; infinities are meant in both.
"""

from __future__ import annotations

from typing import Any, no_type_check

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

from bsm.engine.temporal import kept  # noqa: F401  (imported for what it does)

compiled_as: Any = intrinsic  # what it makes is called with one argument less than is written

FAST = {"reassoc", "contract", "nsz", "nnan", "arcp"}  # sums may be taken in any order; no NaN is meant
PLAIN = {"contract"}

TINY = 1e-100  # above it no product of three such numbers leaves the range of float64
LARGEST = 1e11  # log-likelihood: in 60,000 steps of that size a binary exponent is still counted exactly
LEAST = -460.0
LOWEST = -1.7e308  # below every log-likelihood that is a number
LN2 = 0.6931471805599453
_PER_LN2 = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # their sum is ln 2 to 1e-26
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number, held in the low bits
_FRACTION, _BIAS = 52, 1023


@compiled_as
@no_type_check
def _as_float(typing: Any, bits: Any) -> Any:
    """The float64 with these bits."""
    return types.float64(types.int64), lambda ctx, b, sig, args: b.bitcast(args[0], ir.DoubleType())


@compiled_as
@no_type_check
def _as_int(typing: Any, value: Any) -> Any:
    """The bits of a float64."""
    return types.int64(types.float64), lambda ctx, b, sig, args: b.bitcast(args[0], ir.IntType(64))


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _series(r):
    """exp(r) for |r| <= 0.35, by Taylor's series (cut where the next term is below 5e-18)."""
    last = 1 / 39916800.0 + r * (1 / 479001600.0 + r * (1 / 6227020800.0))
    late = 1 / 5040.0 + r * (1 / 40320.0 + r * (1 / 362880.0 + r * (1 / 3628800.0 + r * last)))
    return 1.0 + r * (1.0 + r * (0.5 + r * (1 / 6.0 + r * (1 / 24.0 + r * (1 / 120.0 + r * (1 / 720.0 + r * late))))))


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def exponential(x):
    """exp(x) for x in [-460, 0], to an ulp; 2e-200 below, so that times a number above TINY it is not 0."""
    x = LEAST if x < LEAST else x
    shifted = x * _PER_LN2 + _ROUND
    n = shifted - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return _series(r) * _as_float((_as_int(shifted) << _FRACTION) + (_BIAS << _FRACTION))


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def split_exponential(x):
    """(m, n) with exp(x) = m * 2**n, n whole and m near one, for any finite x <= 0."""
    n = np.rint(x * _PER_LN2)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return _series(min(max(r, -0.35), 0.35)), n


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def power_of_two(n):
    """2**n for whole n <= 1023; 0 below -1022."""
    inside = n >= -1022.0
    n = n if inside else -1022.0
    value = _as_float((_as_int(n + _ROUND) << _FRACTION) + (_BIAS << _FRACTION))
    return value if inside else 0.0


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def exponent(x):
    """Whole n with 2**n <= x < 2**(n + 1), for a normal x > 0."""
    return float((_as_int(x) >> _FRACTION) - _BIAS)


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def mantissa(x):
    """x / 2**exponent(x), in [1, 2), for a normal x > 0."""
    return _as_float((_as_int(x) & ((1 << _FRACTION) - 1)) | (_BIAS << _FRACTION))


@njit(cache=True, fastmath=False)
@no_type_check
def unfit(x):
    """1 if x is no log-likelihood: NaN, +inf, or so large that sums of it say nothing of small ones; else 0."""
    return 0.0 if abs(x) <= LARGEST or x == -np.inf else 1.0


@njit(cache=True, fastmath=False)
@no_type_check
def added(total, lost, value):
    """(total + value, what rounding lost so far): Kahan's sum; begin with (0, 0)."""
    value -= lost
    new = total + value
    return new, (new - total) - value
