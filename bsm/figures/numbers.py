"""Numbers as people read them; figures, terminal and page say them alike."""

from __future__ import annotations

import math

from bsm.spec.number_words import probability

__all__ = [
    "IMPOSSIBLE",
    "count",
    "interval",
    "many",
    "nats",
    "percent",
    "probability",
    "rough",
    "rough_interval",
    "within",
]

IMPOSSIBLE = -1e299  # a result stores -1e300 nats where the probability is zero


def rough(p: float) -> str:
    """A probability in a sentence: two decimals.

    >>> [rough(p) for p in (0.0004, 0.253, 0.999)]
    ['under 0.01', '0.25', 'over 0.99']
    """
    if p < 0.01:
        return "under 0.01"
    return "over 0.99" if p > 0.99 else f"{p:.2f}"


def interval(low: float, high: float) -> str:
    """Two probabilities that bound a third.

    >>> interval(0.0001, 0.25)
    '<0.001–0.250'
    """
    return f"{probability(low)}–{probability(high)}"


def rough_interval(low: float, high: float) -> str:
    """The same in a sentence.

    >>> rough_interval(0.0001, 0.25), rough_interval(0.0001, 0.0002)
    ('0.00 to 0.25', '0.00 to 0.00')
    """
    return f"{low:.2f} to {high:.2f}"


def nats(x: float, minus: str = "−") -> str:
    """A signed difference of log probabilities; `minus` is the sign to use.

    >>> [nats(x) for x in (0, 0.04, 3.21, -12.34, -240.2, 54321, -1e300)]
    ['0', '0.0', '+3.2', '−12.3', '−240', '+5.4e4', '−∞']
    """
    if x == 0:
        return "0"
    sign, size = ("+" if x > 0 else minus), abs(x)
    if size >= -IMPOSSIBLE:
        return sign + "∞"
    if size < 0.05:
        return "0.0"
    if size < 99.95:
        return f"{sign}{size:.1f}"
    if size < 9999.5:
        return f"{sign}{size:.0f}"
    return sign + f"{size:.1e}".replace("e+0", "e").replace("e+", "e")


def within(x: float) -> str:
    """A bound in three decimals that `x` does not pass.

    >>> within(0.00004), within(0.0052)
    ('0.001', '0.006')
    """
    return f"{math.ceil(1000 * x - 1e-9) / 1000 or 0.001:.3f}"


def count(x: float) -> str:
    """Episodes: whole where they are, one decimal under ten where they are not; `unknown` for no number.

    >>> [count(x) for x in (12, 3.25, 1234.6, float("nan"))]
    ['12', '3.2', '1,235', 'unknown']
    """
    if math.isnan(x):
        return "unknown"
    return f"{x:,.0f}" if x >= 10 or x == round(x) else f"{x:,.1f}"


def percent(share: float) -> str:
    """A share of a whole in per cent, whole numbers.

    >>> percent(0.155)
    '16 %'
    """
    return f"{100 * share:.0f} %"


def many(number: int, thing: str, things: str = "") -> str:
    """A count and its word.

    >>> many(1, "row"), many(1200, "row"), many(0, "class", "classes")
    ('1 row', '1,200 rows', '0 classes')
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
