"""The numbers of one row: how many trials it is worth, how they depend on each other, and a second count."""

from __future__ import annotations

from dataclasses import dataclass

from bsm.evidence.cells import Cells, Quantities
from bsm.evidence.repeats import unflipped
from bsm.evidence.rows import Second
from bsm.evidence.trials import Interval, implied_trials
from bsm.spec.model import Model, Number

AGREE = 0.01  # a printed rate is rounded; beyond this k/n and rate are different figures
ROUNDING = 1e-9
NEAREST = 1e-6  # of an interval's level to 0 and 1, where its width no longer says what the standard error is


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate as given, with its interval where there is one."""

    value: float
    interval: Interval | None
    printed: str

    @property
    def says_nothing(self) -> bool:
        """At 0 or 1 an interval of zero width, or none, leaves the precision unknown."""
        width = self.interval.high - self.interval.low if self.interval else 0.0
        return self.value in (0.0, 1.0) and width == 0


@dataclass(frozen=True, slots=True)
class Trials:
    """The k of n that the likelihood uses, what they rest on, and the figures as given."""

    k: float
    n: float
    basis: str
    printed: str


@dataclass(frozen=True, slots=True)
class Dependence:
    """Intra-class correlation, or the effective number of episodes in its place."""

    rho: Number | None
    n_eff: Number | None


def measured_rate(cells: Cells, prefix: str = "", level_column: str = "level") -> Rate | None:
    """The rate and interval of a row, or of its second count; None where the rate is blank or wrong."""
    names = [f"{prefix}{name}" for name in ("rate", "ci_low", "ci_high")]
    rate, low, high = (cells.number(name, high=1) for name in names)
    blank = [name for name in names if not cells.text(name)]
    if len(blank) == 3 or any(x is None and n not in blank for x, n in zip((rate, low, high), names, strict=True)):
        return None
    if rate is None:
        cells.wrong(f"an interval without a rate; give {names[0]}")
        return None
    if len(blank) == 1:
        cells.wrong(f"{blank[0]} is blank but the other end is not; give both ends of the interval or neither")
        return None
    if low is None or high is None:
        return Rate(rate, None, cells.text(names[0]))
    return _with_interval(cells, names, (rate, low, high), level_column)


def _with_interval(cells: Cells, names: list[str], given: tuple[float, float, float], level_column: str) -> Rate | None:
    rate, low, high = given
    level = cells.number(level_column)
    if low > high:
        cells.wrong(f"{names[1]} = {low:g} is above {names[2]} = {high:g}; swap them (a flipped row swaps its ends)")
    elif not low - ROUNDING <= rate <= high + ROUNDING:
        cells.wrong(f"{names[0]} = {rate:g} is outside its interval [{low:g}, {high:g}]; one of the three is mistyped")
    elif not cells.text(level_column):
        cells.wrong("an interval without a level; write level = 0.95 for a 95 % interval")
    elif level is not None and not NEAREST <= level <= 1 - NEAREST:
        cells.wrong(
            f"{level_column} = {level:g} must be between 0 and 1, and no nearer to them than {NEAREST:g}: "
            "0.95 for a 95 % interval"
        )
    elif level is not None:
        interval = Interval(min(low, rate), max(high, rate), level)
        return Rate(rate, interval, "{} [{}, {}]".format(*(cells.text(name) for name in names)))
    return None


def trials(cells: Cells, rate: Rate | None, n_eff: Number | None, quantities: Quantities) -> Trials | None:
    """What the row is worth; None where that is unknown, or where something was wrong."""
    k, n = cells.count("k"), cells.count("n", at_least=1)
    k_given, n_given = bool(cells.text("k")), bool(cells.text("n"))
    if (k_given and k is None) or (n_given and n is None) or (cells.text("rate") and rate is None):
        return None
    if k is not None and n is not None:
        return _counts(cells, k, n, rate)
    if rate is None:
        if k_given or n_given:
            cells.wrong("k without n is not a rate; give n, or rate" if k_given else "n without k; give k, or rate")
        elif not cells.text("ci_low") and not cells.text("ci_high"):
            cells.wrong("no count and no rate; give k and n, or rate (blank is unknown, never zero)")
        return None
    if k is not None:
        cells.wrong("k without n; give n, or leave k blank and let rate speak")
        return None
    if n is not None:
        return Trials(rate.value * n, n, "counts", f"{rate.printed} of {cells.text('n')}")
    try:
        implied = implied_trials(rate.value, rate.interval)
    except OverflowError as error:
        cells.wrong(f"{error}; check the ends of the interval")
        return None
    if implied is not None:
        return Trials(*implied, "interval", rate.printed)
    if n_eff is not None:
        stated = quantities.median(n_eff)
        return Trials(rate.value * stated, stated, "stated n_eff", f"{rate.printed} with n_eff {cells.text('n_eff')}")
    return None


def _counts(cells: Cells, k: float, n: float, rate: Rate | None) -> Trials | None:
    if k > n:
        cells.wrong(f"k = {k:g} is more than n = {n:g}; k counts the part of n that showed the observation")
    elif rate is not None and abs(k / n - rate.value) > AGREE:
        cells.wrong(
            f"k / n = {k:g} / {n:g} = {k / n:.3f} contradicts rate = {rate.printed}; remove the wrong one "
            "(a row that counts the opposite must flip both)"
        )
    else:
        return Trials(k, n, "counts", f"{k:g} of {n:g}")
    return None


def dependence(
    cells: Cells, worth: Trials, rho: Number | None, n_eff: Number | None, quantities: Quantities
) -> Dependence:
    """How far the row's episodes are one another's copies; never assumed."""
    if cells.text("rho") and cells.text("n_eff"):
        cells.wrong("rho and n_eff both say how episodes depend on each other; give one")
    elif worth.basis == "stated n_eff":
        return Dependence(0.0, n_eff)
    elif n_eff is not None and (stated := quantities.median(n_eff)) > worth.n:
        cells.wrong(
            f"n_eff = {stated:g} is more than n = {worth.n:g}; dependent episodes are worth less than n, never more"
        )
    elif not cells.text("rho") and not cells.text("n_eff"):
        if worth.n > 1:
            cells.wrong(
                "rho and n_eff are blank, so how the episodes depend on each other is not said; write "
                'rho = 0 for independent ones, an interval such as "0.01 to 0.1", or n_eff'
            )
        return Dependence(0.0, None)
    return Dependence(rho, n_eff)


def second(cells: Cells, worth: Trials | None, model: Model) -> Second | None:
    """A second count on the same episodes."""
    columns = ("second_k", "second_rate", "second_ci_low", "second_ci_high", "second_sha256")
    if not cells.text("second_observation"):
        if given := [name for name in columns if cells.text(name)]:
            cells.wrong(f"{given[0]} without second_observation; say what the second count is of")
        return None
    name = cells.one_of("second_observation", model.observations, "an observation of the model")
    if name is None:
        return None
    first, other = model.observations[cells.text("observation")], model.observations[name]
    if other.base_rate:
        cells.wrong(f"second_observation = {name!r} is a base rate, which has no likelihood; give it its own row")
    elif unflipped(first, model) == unflipped(other, model):
        cells.wrong(
            f"second_observation = {name!r} is the row's own observation, or its opposite; name another, "
            "or leave second_* blank"
        )
    else:
        k = _second_count(cells, worth)
        return Second(name, k) if k is not None else None
    return None


def _second_count(cells: Cells, worth: Trials | None) -> float | None:
    k, rate = cells.count("second_k"), measured_rate(cells, "second_")
    if cells.text("second_k"):
        return None if k is None or worth is None else _counted_second(cells, k, rate, worth)
    if not cells.text("second_rate"):
        cells.wrong("second_observation without second_k or second_rate; give one, or leave second_* blank")
    elif rate is not None and rate.says_nothing:
        cells.wrong(
            f"second_rate = {rate.printed} has no usable interval, so its precision is unknown; leave "
            "second_* blank and say so in note, or give second_k"
        )
    elif rate is not None and worth is not None:
        return min(rate.value * worth.n, worth.n)
    return None


def _counted_second(cells: Cells, k: float, rate: Rate | None, worth: Trials) -> float | None:
    if worth.basis != "counts":
        cells.wrong("second_k on a row whose n is not known as a count; give second_rate")
    elif k > worth.n:
        cells.wrong(f"second_k = {k:g} is more than n = {worth.n:g}; both count the same episodes")
    elif rate is not None and abs(k / worth.n - rate.value) > AGREE:
        cells.wrong(f"second_k / n = {k / worth.n:.3f} contradicts second_rate = {rate.printed}; remove the wrong one")
    else:
        return k
    return None
