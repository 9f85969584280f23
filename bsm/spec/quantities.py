"""Numbers as people write them: 0.3, "0.05 to 0.3", {beta: [2, 5]} or $name; read by the place they stand in.

An interval is the central 90 % of a prior whose family follows from the place: logit-normal for a
probability, lognormal for a positive number, normal for a real one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bsm.spec.model import Distribution, Ref, SpecError
from bsm.spec.problems import shorten
from bsm.spec.quantiles import quantile

Support = Literal["probability", "positive", "real"]
SUPPORTS: tuple[Support, ...] = get_args(Support)  # narrowest first: each lies inside the next
Z95 = 1.6448536269514722  # standard normal quantile at 0.95, so +-Z95 holds 90 %

FAMILIES: dict[str, tuple[str, ...]] = {
    "normal": ("mean", "sd"),
    "lognormal": ("mean of log", "sd of log"),
    "logit_normal": ("mean of logit", "sd of logit"),
    "beta": ("a", "b"),
    "gamma": ("shape", "rate"),
    "uniform": ("low", "high"),
    "half_normal": ("sd",),
}

LARGEST = 1e15  # no number is larger in size, so that products of a few stay finite
LEAST = 1e-15  # no positive number (0 aside) and no standard deviation is smaller
WIDEST = 50.0  # largest mean and sd of a logarithm or logit: e**50 is 5e21

ACCEPTED = 'a number, an interval "low to high", a distribution such as {normal: [0, 1]}, or $name'
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_INTERVAL = re.compile(rf"\s*({_NUMBER})\s+to\s+({_NUMBER})\s*", re.ASCII)
_REFERENCE = re.compile(r"\s*\$([A-Za-z][A-Za-z0-9_]*)\s*", re.ASCII)


class QuantityError(SpecError):
    """A quantity that cannot be read, or does not fit its place."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Central 90 % of a prior whose family follows from the place."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


Parsed = float | Ref | Interval | Distribution


def number(raw: object) -> float | None:
    """A finite number, given as one or as text; None if it is not one."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        text = raw.strip()
        if len(text) > 64 or not re.fullmatch(_NUMBER, text, re.ASCII):
            return None
        raw = float(text)
    if not isinstance(raw, int | float):
        return None
    try:
        return float(raw) if math.isfinite(raw) else None
    except OverflowError:
        return None


def parse(raw: object) -> Parsed:
    """Read what is written, whatever its place.

    Raises:
        QuantityError: it is none of a finite number, an interval with low < high, a distribution with valid
            arguments, or $name.
    """
    if (value := number(raw)) is not None:
        if abs(value) > LARGEST:
            raise QuantityError(f"{shorten(raw)} is given; numbers of size up to {LARGEST:g} are accepted; rescale it")
        return value
    if isinstance(raw, Mapping):
        return _distribution(raw)
    if isinstance(raw, str) and len(raw) <= 200:
        if named := _REFERENCE.fullmatch(raw):
            return Ref(named[1])
        if ends := _INTERVAL.fullmatch(raw):
            return _interval(raw, float(ends[1]), float(ends[2]))
    raise QuantityError(f"{shorten(raw)} is given; accepted is {ACCEPTED}{_hint(raw)}")


def fit(parsed: float | Interval | Distribution, place: Support) -> tuple[float, Distribution | None]:
    """The number to use where a quantity is held fixed, and its prior if it is uncertain.

    The number is the value given, or the median of the prior.

    Raises:
        QuantityError: the quantity does not lie in the range of the place.
    """
    if isinstance(parsed, float):
        _check_range(parsed, place)
        return parsed, None
    prior = interval_prior(parsed, place) if isinstance(parsed, Interval) else parsed
    if (natural := natural_support(prior)) and SUPPORTS.index(natural) > SUPPORTS.index(place):
        raise QuantityError(
            f"{describe(prior)} is given, which reaches beyond {_RANGE[place]}; here stands a "
            f"{place} number; use {_FITTING[place]}"
        )
    value = median(prior)
    inside = {"probability": 0 < value < 1, "positive": value >= LEAST, "real": True}[place]
    if not abs(value) <= LARGEST or not inside:
        raise QuantityError(
            f"{describe(prior)} is given, whose median {value:g} is not inside {_RANGE[place]} in double "
            "precision; use less extreme numbers"
        )
    return value, prior


def interval_prior(interval: Interval, place: Support) -> Distribution:
    """The distribution of the place's family that has exactly 90 % between the ends, 5 % on either side.

    Raises:
        QuantityError: an end lies outside the place's range (0 and 1 included, for a probability).
    """
    low, high = interval.low, interval.high
    if place == "real":
        return Distribution("normal", ((low + high) / 2, (high - low) / (2 * Z95)))
    if low <= 0 or (place == "probability" and high >= 1):
        raise QuantityError(
            f'"{interval}" is given; here both ends must lie strictly inside {_RANGE[place]}; '
            + ("0 and 1 are certain, use 0.001 or 0.999" if place == "probability" else "use a small positive end")
        )
    a, b = (_logit(low), _logit(high)) if place == "probability" else (math.log(low), math.log(high))
    if (b - a) / (2 * Z95) < LEAST:
        raise QuantityError(f'"{interval}" is given; its ends are too close to tell apart; write one number')
    if max(-a, b) > WIDEST:
        raise QuantityError(f'"{interval}" is given; nearer ends are accepted; use {LEAST:g} or more')
    return Distribution("logit_normal" if place == "probability" else "lognormal", ((a + b) / 2, (b - a) / (2 * Z95)))


def median(prior: Distribution) -> float:
    """The value with half of the prior on either side."""
    return quantile(prior, 0.5)


def natural_support(prior: Distribution) -> Support:
    """The narrowest range that holds every value of the prior."""
    if prior.family == "uniform":
        low, high = prior.args
        return "real" if low < 0 else "probability" if high <= 1 else "positive"
    if prior.family in ("beta", "logit_normal"):
        return "probability"
    return "real" if prior.family == "normal" else "positive"


def within(value: float, support: Support) -> bool:
    """Whether a plain number lies in a range; the ends 0 and 1 count as inside."""
    return {"probability": 0 <= value <= 1, "positive": value >= 0, "real": True}[support]


def describe(prior: Distribution) -> str:
    """A prior as it is written in a file."""
    return f"{{{prior.family}: [{', '.join(f'{a:g}' for a in prior.args)}]}}"


def written(raw: object) -> str:
    """A quantity as the file writes it."""
    if isinstance(parsed := parse(raw), Distribution):
        return describe(parsed)
    return str(raw).strip() if isinstance(raw, str) else f"{raw:g}"


_RANGE = {"probability": "0 to 1", "positive": "the positive numbers", "real": "the real numbers"}
_FITTING = {
    "probability": "an interval inside 0 to 1, {beta: [a, b]} or {logit_normal: [mean, sd]}",
    "positive": "an interval of positive numbers, {lognormal: [mean, sd]} or {gamma: [shape, rate]}",
    "real": "an interval or {normal: [mean, sd]}",
}


def _logit(p: float) -> float:
    return math.log(p) - math.log1p(-p)


def _check_range(value: float, place: Support) -> None:
    if not within(value, place):
        if place == "positive":
            raise QuantityError(f"{value:g} is given; 0 or a positive number is accepted; raise it")
        hint = "write percents as fractions, 30 % is 0.3" if 1 < value <= 100 else "use a number in this range"
        raise QuantityError(f"{value:g} is given; a probability, 0 to 1, is accepted; {hint}")
    if place == "positive" and 0 < value < LEAST:
        raise QuantityError(f"{value:g} is given; 0 or a positive number of at least {LEAST:g} is accepted; rescale it")


def _interval(raw: str, low: float, high: float) -> Interval:
    if not (abs(low) <= LARGEST and abs(high) <= LARGEST):
        raise QuantityError(f"{shorten(raw)} is given; both ends must be finite, of size up to {LARGEST:g}; rescale it")
    if not low < high:
        swap = f'; write "{high:g} to {low:g}"' if high < low else "; write one number if you are certain"
        raise QuantityError(f"{shorten(raw)} is given; the first end must be below the second{swap}")
    return Interval(low, high)


def _distribution(raw: Mapping[object, object]) -> Distribution:
    from bsm.spec.problems import near

    if len(raw) != 1:
        raise QuantityError(f"{shorten(dict(raw))} is given; a distribution has one key, one of {', '.join(FAMILIES)}")
    family, given = next(iter(raw.items()))
    if family not in FAMILIES:
        raise QuantityError(
            f"the distribution {shorten(family)} is given; accepted are {', '.join(FAMILIES)}"
            f"{near(str(family), FAMILIES)}"
        )
    meanings = FAMILIES[str(family)]
    form = f"{{{family}: [{', '.join(meanings)}]}}"
    items = given if isinstance(given, list | tuple) else [given]
    numbers = [number(item) for item in items]
    if len(numbers) != len(meanings) or any(value is None for value in numbers):
        raise QuantityError(f"{shorten(dict(raw))} is given; accepted is {form} with finite numbers")
    args = tuple(float(value) for value in numbers if value is not None)
    _check_arguments(str(family), args, f"{shorten(dict(raw))} is given; accepted is {form}")
    return Distribution(str(family), args)


def _check_arguments(family: str, args: tuple[float, ...], given: str) -> None:
    widest = WIDEST if family in ("lognormal", "logit_normal") else LARGEST
    if max(map(abs, args)) > widest:
        raise QuantityError(f"{given} with numbers of size up to {widest:g}")
    if family == "uniform":
        if args[1] - args[0] < LEAST:
            raise QuantityError(f"{given} with low below high")
        return
    for meaning, value in zip(FAMILIES[family], args, strict=True):
        if value < LEAST and not meaning.startswith("mean"):
            raise QuantityError(f"{given} with {meaning} above 0")


def _hint(raw: object) -> str:
    """The remedy for common slips."""
    text = str(raw)[:200].strip()
    if text.endswith("%"):
        return "; write percents as fractions, 30 % is 0.3"
    if re.fullmatch(rf"{_NUMBER}\s*(?:-|–|—|\.\.|,|and|TO|To|~)\s*{_NUMBER}", text):
        return '; write an interval as "low to high"'
    if re.fullmatch(r"\d+\s*/\s*\d+", text):
        return "; write the fraction as a decimal number"
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) and text.lower() not in (
        "nan",
        "inf",
        "infinity",
        "none",
        "null",
    ):
        return f"; a parameter is written ${text}"
    return "; it must be finite and written in digits" if text else "; nothing is written here"
