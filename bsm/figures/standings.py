"""How the motivations of one subject stand: the rows that figures, terminal and page have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bsm.inference.result import NONE, Result


@dataclass(frozen=True, slots=True)
class Standing:
    """One motivation of one subject.

    `share` is the share of influence after selection and before the ledger: None without a selection phase
    (it would repeat the prior) and for `none_of_these`, which is never part of shares. `low` and `high` bound
    the central 90 % of the probability over parameters. `nats` is the ledger's log likelihood ratio against the
    reference. `family` is None for `none_of_these`.
    """

    name: str
    prior: float
    share: float | None
    probability: float
    low: float
    high: float
    nats: float
    effective: float
    family: str | None
    intended: bool


@dataclass(frozen=True, slots=True)
class Alike:
    """Motivations that these rows do not tell apart: exactly, or to within a tolerance of total variation."""

    members: tuple[str, ...]
    exact: bool
    variation: float
    nats: float
    situation: str | None  # the episode that would help to tell them apart
    bits: float | None  # and how much one of it is expected to say


def plain(name: str) -> str:
    """A name as people read it: underscores are spaces.

    >>> plain("none_of_these")
    'none of these'
    """
    return name.replace("_", " ")


def names_of(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence.

    >>> names_of(["a_b"]), names_of(["a", "b", "c"], "or")
    ('a b', 'a, b or c')
    """
    said = [plain(name) for name in names]
    return f"{', '.join(said[:-1])} {last} {said[-1]}" if len(said) > 1 else "".join(said)


def leading(result: Result) -> str:
    """The subject that a report leads with: the headline's, where it is among the subjects, or the first."""
    headline = result.about.get("headline") or {}
    named = headline.get("subject")
    return named if named in result.subjects else result.subjects[0]


def selected(result: Result) -> bool:
    """Whether the model has phases of selection, so that shares say more than the prior."""
    return bool(result.about["phases"])


def sampled(result: Result) -> bool:
    """Whether any parameter is uncertain, so that numbers rest on draws and have intervals."""
    return any(p["uncertain"] for p in result.about["parameters"])


def alike(result: Result, subject: str) -> tuple[Alike, ...]:
    """Classes not told apart, exact ones first."""
    found = result.about["subjects"][subject]
    return tuple(_alike(c) for kind in ("exact_classes", "practical_classes") for c in found[kind])


def _alike(c: Mapping[str, Any]) -> Alike:
    split = c["split"] or {"situation": None, "bits": None}
    members = tuple(c["members"])
    return Alike(members, c["exact"], c["variation"], c["nats"], split["situation"], split["bits"])


def standings(result: Result, subject: str) -> tuple[Standing, ...]:
    """Likeliest first, members of a class side by side, `none_of_these` last."""
    families, shared = result.about["families"], selected(result)
    constants, stats = result.tree["constant_data"], result.tree["sample_stats"]
    places = [constants[k] for k in ("prior", "share", "probability", "low", "high", "nats")]
    table = np.stack([np.asarray(c.sel(subject=subject)) for c in (*places, stats["effective_draws"])], axis=1)
    found = {}
    for name, numbers in zip(result.names, table.tolist(), strict=True):
        prior, share, probability, low, high, nats, effective = numbers
        family = families.get(name, {"family": None, "intended": False})
        found[name] = Standing(
            name=name,
            prior=prior,
            share=share if shared and name != NONE else None,
            probability=probability,
            low=low,
            high=high,
            nats=nats,
            effective=effective,
            family=family["family"],
            intended=family["intended"],
        )
    named = [name for name in found if name != NONE]
    order = arranged(named, {n: found[n].probability for n in named}, alike(result, subject))
    return tuple(found[name] for name in (*order, *(n for n in found if n == NONE)))


def arranged(names: Sequence[str], height: Mapping[str, float], classes: Sequence[Alike]) -> list[str]:
    """Names by falling height; classes stay together and stand where their highest member would.

    >>> pair = Alike(("a", "c"), True, 0.0, 0.0, None, None)
    >>> arranged(["a", "b", "c"], {"a": 0.1, "b": 0.3, "c": 0.6}, [pair])
    ['c', 'a', 'b']
    """
    place = {name: position for position, name in enumerate(names)}

    def merit(group: Sequence[str]) -> tuple[float, int]:
        return -max(height[m] for m in group), min(place[m] for m in group)

    def within(members: Sequence[str], classes: Sequence[frozenset[str]]) -> list[str]:
        """Largest classes first, then what they hold."""
        outer = [c for c in classes if not any(c < other for other in classes)]
        groups, taken = [], set[str]()
        for c in (*outer, *(frozenset([m]) for m in members)):
            group = [m for m in members if m in c and m not in taken]
            taken |= c
            groups += [group] if group else []
        inner = [c for c in classes if c not in outer]
        if not classes:
            return sorted(members, key=lambda m: merit([m]))
        return [m for group in sorted(groups, key=merit) for m in within(group, inner)]

    return within(list(names), list(dict.fromkeys(frozenset(c.members) for c in classes)))


def spans(order: Sequence[str], classes: Sequence[Alike]) -> list[tuple[int, int, Alike]]:
    """First and last position of every class whose members stand side by side in this order."""
    found = []
    for c in classes:
        at = sorted(order.index(m) for m in c.members if m in order)
        if len(at) > 1 and at[-1] - at[0] == len(at) - 1:
            found.append((at[0], at[-1], c))
    return found
