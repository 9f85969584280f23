"""The choices table of a result: the headline under each defensible setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bsm.inference.result import Result

if TYPE_CHECKING:
    from bsm.inference.over_time.labelled import Labelled


@dataclass(frozen=True)
class Setting:
    """One row of the choices table; `headline` is None where there is no answer, and `note` says why.

    `motivations` has every motivation's posterior probability under this setting.
    """

    name: str
    about: str
    why: str
    headline: float | None
    low: float | None
    high: float | None
    motivations: Mapping[str, float]
    note: str


@dataclass(frozen=True)
class Choices:
    """The choices table: the headline probability under each setting.

    `at` is the moment, where the result is over time; `prior` has every motivation's prior probability as declared;
    `limit` is the spread above which the headline is not determined; `moved` the least probability and the greatest;
    `without` what was not tried, with the reason.
    """

    subject: str
    headline: tuple[str, ...]
    says: str
    limit: float
    moved: tuple[float, float]
    determined: bool
    settings: tuple[Setting, ...]
    ranges: Mapping[str, tuple[float, float]]
    without: tuple[tuple[str, str], ...]
    prior: Mapping[str, float]
    at: str = ""

    @property
    def before(self) -> float:
        """Prior probability of the headline as declared."""
        return sum(self.prior[name] for name in self.headline)

    @property
    def spread(self) -> float:
        return self.moved[1] - self.moved[0]

    def together(self, names: Iterable[str]) -> tuple[float, float] | None:
        """Least and greatest sum of these motivations' probabilities; None where a setting does not tell it."""
        wanted = set(names)
        sums = [sum(s.motivations[n] for n in wanted) for s in self.settings if wanted <= s.motivations.keys()]
        return (min(sums), max(sums)) if len(sums) > 1 else None

    @property
    def answered(self) -> tuple[Setting, ...]:
        return tuple(s for s in self.settings if s.headline is not None)

    @property
    def default(self) -> Setting:
        return self.settings[0]


def choices_of(result: Result | Labelled) -> Choices | None:
    """The choices table of a result; None where it was not worked out."""
    told = result.about.get("choices")
    if not told:
        return None
    settings = tuple(_setting(row) for row in told["rows"])
    seen = [s.headline for s in settings if s.headline is not None]
    return Choices(
        subject=told["subject"],
        headline=tuple(told["headline"]),
        says=told.get("says", ""),
        limit=told["limit"],
        moved=(min(seen), max(seen)),
        determined=told["determined"],
        settings=settings,
        ranges={name: (pair[0], pair[1]) for name, pair in told["ranges"].items()},
        without=tuple((n["name"], n["why"]) for n in told.get("not_available", ())),
        prior=_prior(result, told["subject"]),
        at=told.get("at", ""),
    )


def _prior(result: Result | Labelled, subject: str) -> Mapping[str, float]:
    if isinstance(result, Result):
        return {name: result.value("prior", subject, name) for name in result.names}
    return result.about["prior"]


def _setting(row: Mapping[str, Any]) -> Setting:
    return Setting(
        row["name"],
        row["about"],
        row.get("why") or "",
        row.get("headline"),
        row.get("low"),
        row.get("high"),
        row.get("motivations") or {},
        row.get("note") or "",
    )


def verdict(found: Choices) -> str:
    """Whether the headline is determined, in a line."""
    low, high = (f"{p:.2f}" for p in found.moved)
    if len(found.answered) < 2:
        return f"{high} as declared; no other setting tried"
    span = f"from {low} to {high} across {len(found.answered)} settings"
    if found.determined:
        return f"Determined: {span}"
    return f"Not determined: {span}" if found.spread > found.limit else f"Not all settings computed: {span}"
