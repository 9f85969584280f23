"""The headline at one moment under every defensible setting, and whether it is determined (design 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bsm.evidence.ledger import Evidence
from bsm.inference.fits import TooFewEffective
from bsm.inference.over_time import OverTime, posterior_over_time
from bsm.inference.parallel import side_by_side
from bsm.questions.choices import LIMIT, headline_subject, variations
from bsm.spec.model import Model, SpecError

if TYPE_CHECKING:
    import pandas as pd

DYNAMICS = {
    "replicator": "selection multiplies shares by fitness, as Bayes does",
    "softmax_pg": "selection moves logits by the share times the advantage, as the vanilla policy gradient does",
}
READINGS = {"hypothesis": "one pattern drives all that was seen", "mixture": "each episode has its own driver"}


@dataclass(frozen=True, slots=True)
class Setting:
    """The headline under one setting: mean and central 90 % over parameters, or why there is none.

    `motivations` has the mean probability of every motivation.
    """

    name: str
    about: str
    why: str
    headline: float | None
    low: float | None
    high: float | None
    note: str = ""
    motivations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ChoicesOverTime:
    """The headline (probability of some motivations together) at one moment, under every setting that was tried.

    A headline whose mean moves by more than `limit` across settings is not determined. It is determined only where
    every setting of the model was tried: `left_out` names those that were not, and those that could not be computed.
    """

    model: str
    subject: str
    at: str
    headline: tuple[str, ...]
    settings: tuple[Setting, ...]
    left_out: tuple[str, ...] = ()
    limit: float = LIMIT

    @property
    def spread(self) -> float:
        """Largest minus smallest headline."""
        found = [s.headline for s in self.settings if s.headline is not None]
        return max(found) - min(found)

    @property
    def determined(self) -> bool:
        return self.spread <= self.limit and not self.left_out

    def table(self) -> pd.DataFrame:
        """One row per setting."""
        import pandas as pd

        columns = [n for n in Setting.__slots__ if n != "motivations"]
        return pd.DataFrame([{n: getattr(s, n) for n in columns} for s in self.settings])

    def __str__(self) -> str:
        found = [s.headline for s in self.settings if s.headline is not None]
        wide = max(len(s.name) for s in self.settings)
        lines = [
            f"{' + '.join(self.headline)} at {self.at}, {self.subject}: {self._verdict()}; means from {min(found):.2f} "
            f"to {max(found):.2f} across {len(found)} of the {len(found) + len(self.left_out)} settings that can be "
            "defended"
        ]
        for s in self.settings:
            told = s.note if s.headline is None else f"{s.headline:.3f} [{s.low:.3f}, {s.high:.3f}]"
            lines.append(f"  {s.name:<{wide}}  {told}")
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.determined:
            return "determined"
        if self.spread > self.limit:
            return "NOT DETERMINED"
        return f"moved by {self.spread:.2f} so far, not all settings computed"


def choices_over_time(
    model: Model,
    ledger: Evidence,
    at: str = "now",
    subject: str | None = None,
    overlay: str | None = None,
    seed: int = 0,
    draws: int = 600,
    only: Sequence[str] | None = None,
    progress: bool = False,
    workers: int = 1,
    keep: Path | None = None,
    declared: OverTime | None = None,
) -> ChoicesOverTime:
    """The headline at a moment, as declared, under the other dynamics and reading, and under every declared choice.

    Args:
        model: a model with a headline.
        ledger: its evidence.
        at: a moment, as in `bsm.posterior(..., at=...)`.
        subject: which AI; that of the headline when absent.
        only: names of settings to compare with the declared one; all when absent.
        overlay, seed, draws, progress, workers: as in `bsm.posterior`.
        keep: a folder for what is found under each setting, as in `posterior_over_time`.
        declared: the result under the file as it stands, with this moment, where it is there already.

    Raises:
        SpecError: a model without a headline, an unknown subject, or a setting as declared that cannot be computed.
            A choice that cannot be computed is listed with the reason, not dropped.
    """
    model = model.with_overlay(overlay)
    if model.headline is None:
        raise SpecError(f"{model.name} has no headline, so there is nothing to compare; write `headline:` in its file")
    if subject is not None and subject not in ledger.subjects:
        raise SpecError(f"{subject!r} is not a subject of the ledger; it has {list(ledger.subjects)}")
    lead = subject or headline_subject(model, ledger.subjects)
    tried = settings_of(model, ledger.for_subject(lead))
    names = [one[0] for one in tried]
    if only is not None:
        if unknown := set(only) - set(names):
            raise SpecError(f"no setting {sorted(unknown)}; there are {names[1:]}")
        tried = [tried[0], *(one for one in tried[1:] if one[0] in only)]
    begun = [] if declared is None else [_measured(*tried[0][:3], declared, lead, model.headline.motivations, at)]
    tasks = [
        (*one, lead, model.headline.motivations, at, seed, draws, keep and keep / f"setting-{names.index(one[0])}")
        for one in tried[len(begun) :]
    ]
    found = [*begun, *side_by_side(_setting, tasks, workers, "choices" if progress else None)]
    if found[0].headline is None:
        raise SpecError(f"as declared: {found[0].note}")
    computed = {s.name for s in found if s.headline is not None}
    left_out = tuple(name for name in names if name not in computed)
    return ChoicesOverTime(model.name, lead, at, model.headline.motivations, tuple(found), left_out)


Tried = tuple[str, str, str, Model, Evidence]


def settings_of(model: Model, evidence: Evidence) -> list[Tried]:
    """Every setting, the declared one first: its name, what it is about, why, and the model and rows under it."""
    return [
        ("as declared", "default", "the file as it stands", model, evidence),
        *_other_dynamics(model, evidence),
        *((v.name, v.about, v.why, v.model, v.evidence) for v in variations(model, evidence)),
    ]


def _other_dynamics(model: Model, evidence: Evidence) -> list[Tried]:
    """The same model under the dynamics and the reading that it does not declare."""
    found = []
    for dynamics, why in DYNAMICS.items():
        if any(p.dynamics != dynamics and p.selections != 0.0 for p in model.phases) and model.reading != "votes":
            phases = tuple(replace(p, dynamics=dynamics) for p in model.phases)
            found.append((f"dynamics {dynamics}", "dynamics", why, replace(model, phases=phases), evidence))
    for reading, why in READINGS.items():
        if model.reading in READINGS and model.reading != reading:
            found.append((f"reading {reading}", "reading", why, replace(model, reading=reading), evidence))
    return found


def _setting(
    name: str,
    about: str,
    why: str,
    model: Model,
    evidence: Evidence,
    subject: str,
    headline: Sequence[str],
    at: str,
    seed: int,
    draws: int,
    keep: Path | None,
) -> Setting:
    try:
        found = posterior_over_time(model, evidence, [at], seed, draws, subjects=(subject,), beside=False, keep=keep)
    except (TooFewEffective, ArithmeticError, ValueError) as error:
        return Setting(name, about, why, None, None, None, str(error))
    return _measured(name, about, why, found, subject, headline, found.moments[0])


def _measured(
    name: str, about: str, why: str, found: OverTime, subject: str, headline: Sequence[str], at: str
) -> Setting:
    wanted = {"subject": subject, "moment": at, "motivation": list(headline)}
    mean = float(found.smoothed.sel(wanted).sum())
    each = found.draws["smoothed_probability"].sel(wanted).sum("motivation").values.ravel()
    low, high = np.quantile(each, [0.05, 0.95])
    every = found.smoothed.sel(subject=subject, moment=at)
    motivations = dict(zip(found.names, every.values.tolist(), strict=True))
    return Setting(name, about, why, mean, float(low), float(high), motivations=motivations)
