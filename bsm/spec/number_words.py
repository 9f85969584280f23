"""Probabilities as people read them, the same wherever they are printed."""

from __future__ import annotations


def probability(p: float) -> str:
    """Three decimals; certainty is never printed, for no number of draws shows it.

    >>> [probability(p) for p in (0, 0.0004, 0.25, 0.99996)]
    ['<0.001', '<0.001', '0.250', '>0.999']
    """
    if p < 0.0005:
        return "<0.001"
    return ">0.999" if p > 0.9995 else f"{p:.3f}"


def banded(p: float, low: float, high: float) -> str:
    """A probability with its interval.

    >>> banded(0.25, 0.0001, 0.5)
    '0.250 [<0.001, 0.500]'
    """
    return f"{probability(p)} [{probability(low)}, {probability(high)}]"
