"""One subject over time: filtered, smoothed and predicted probabilities with their bands over parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bsm.engine import ImpossibleEvidence
from bsm.evidence.ledger import Evidence
from bsm.inference.importance import FEWEST_EFFECTIVE
from bsm.inference.over_time.account import Account
from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.dirichlet import Dirichlet
from bsm.inference.over_time.draws import Drawn, check, drawn
from bsm.inference.over_time.given import smoothed
from bsm.inference.over_time.mixed import POOLED, Banded, Mixed, joined
from bsm.inference.over_time.mixture import Mixture
from bsm.inference.over_time.places import Seen, places
from bsm.inference.over_time.point_error import noted
from bsm.inference.over_time.shares import refuse_unreached
from bsm.inference.over_time.timeline import Kept
from bsm.inference.over_time.votes import Votes
from bsm.inference.over_time.weights import only_rows
from bsm.inference.parallel import one_thread
from bsm.motives.course import Timeline
from bsm.spec.model import Model

KINDS: dict[str, type[Account]] = {"hypothesis": Account, "mixture": Mixture, "dirichlet": Dirichlet, "votes": Votes}


@dataclass(frozen=True, eq=False)
class Found:
    """What inference over time finds for one subject.

    Attributes:
        filtered: given rows and selection up to each moment. Its draws at different moments are different ones.
        smoothed: given all rows and all selection; for moments ahead, predicted.
        parameters: every uncertain parameter at the draws of `smoothed`; prior draws where rows say nothing.
        given: the same at moments that not every draw reaches, by number: given that it is reached.
        log_evidence: log P(rows | selection), nats.
        effective: effective draws behind each filtered moment, last behind all rows; inf where nothing is uncertain.
        reached: P(the phase has so many selections | rows), per asked moment.
        told: the parameters about which rows or selection say something.
        notes: where something was read in a way that a reader should know.
    """

    filtered: Banded
    smoothed: Banded
    parameters: Mapping[str, np.ndarray]
    given: Mapping[int, Mapping[str, np.ndarray]]
    log_evidence: float
    effective: np.ndarray
    reached: np.ndarray
    told: tuple[str, ...]
    notes: tuple[str, ...]


def fit(model: Model, evidence: Evidence, asked: Sequence[Asked], seed: int, draws: int) -> Found:
    """Inference for one subject's rows under the model's own dynamics and reading."""
    with one_thread():
        kind = KINDS[model.reading]
        timeline, moments = Kept(model), places(model, evidence.rows)
        whole = kind(timeline, evidence, moments, asked)
        last = len(whole.targets)
        final = drawn(whole, last, draws, seed, smooth=True)
        _refuse_impossible(whole, final, last)
        check(final, last, "the posterior given all rows")
        mixed = Mixed(whole, final, last, seed)
        later = [smoothed(mixed, a, draws) for a in range(len(asked))]
        columns, effective, rough = _filtered(timeline, evidence, moments, asked, seed, draws, kind)
        parameters = _parameters(whole, mixed.pooled, seed)
        return Found(
            filtered=joined([columns.get(a) or one.at for a, one in enumerate(later)]),
            smoothed=joined([one.at for one in later]),
            parameters=parameters,
            given={a: _parameters(whole, one.pooled, seed) for a, one in enumerate(later) if one.given},
            log_evidence=mixed.log_evidence,
            effective=np.array([*effective, final.effective(last)]),
            reached=np.array([one.reached for one in later]),
            told=whole.space.names,
            notes=(*whole.notes, *noted(mixed.weights, final.weights, last, "given all rows"), *rough),
        )


def _filtered(
    timeline: Timeline,
    evidence: Evidence,
    moments: Sequence[Seen],
    asked: Sequence[Asked],
    seed: int,
    draws: int,
    kind: type[Account],
) -> tuple[dict[int, Banded], list[float], list[str]]:
    """By number of the asked moment; effective draws of each, in the order of `asked`; and how shares were integrated.

    Each moment has its own rows and its own weights. Draws made for one moment serve a later one with the same rows
    as long as enough of them are effective there. Nothing depends on rows after the moment.
    """
    found: dict[int, Banded] = {}
    effective = {a: float("inf") for a in range(len(asked))}
    kept: dict[int, Kept] = {}
    notes: list[str] = []
    for rows, group in _groups(timeline.model, moments, asked):
        last = max(asked[a].phase for a in group)
        if last not in kept:  # what comes after says nothing
            kept[last] = Kept(replace(timeline.model, phases=timeline.model.phases[: last + 1]))
        some = only_rows(evidence, sorted(j for i in rows for j in moments[i].rows))
        own = [asked[a] for a in group]
        account = kind(kept[last], some, places(timeline.model, some.rows), own)
        current: Drawn | None = None
        for target, a in enumerate(group):
            if current is None or current.effective(target) < FEWEST_EFFECTIVE:
                current = drawn(account, target, draws, seed)
            refuse_unreached(asked[a].label, current.weights.reached[:, target])
            check(current, target, f"filtered at {asked[a].label}")
            notes += noted(current.normalised(target), current.weights, target, f"filtered at {asked[a].label}")
            effective[a] = current.effective(target)
            found[a] = Mixed(account, current, target, seed).filtered()
    return found, [effective[a] for a in range(len(asked))], notes


def _groups(model: Model, moments: Sequence[Seen], asked: Sequence[Asked]) -> list[tuple[tuple[int, ...], list[int]]]:
    """Asked moments that have the same rows behind them, in time; predictions left out."""
    found: dict[tuple[int, ...], list[int]] = {}
    now = [a for a, one in enumerate(asked) if not one.ahead]
    for a in sorted(now, key=lambda a: asked[a].order(model)):
        rows = tuple(i for i, s in enumerate(moments) if s.order <= asked[a].upto(model))
        found.setdefault(rows, []).append(a)
    return list(found.items())


def _parameters(whole: Account, pooled: Tensor, seed: int) -> dict[str, np.ndarray]:
    """Every uncertain parameter at the pooled draws; those of which nothing is said at prior draws."""
    prior = whole.whole_space.theta(whole.whole_space.prior_draws(POOLED, seed + 7)).values
    own = whole.space.theta(pooled).values
    names = whole.whole_space.names
    return {n: (own if n in whole.space.names else prior)[n].expand(POOLED).numpy() for n in names}


def _refuse_impossible(whole: Account, final: Drawn, last: int) -> None:
    if bool((final.log_weights(last) > -torch.inf).any()):
        return
    if whole.emissions is not None:
        with torch.no_grad():
            found = whole.emissions.of(whole.space.theta(final.z[:1]))
        for i, moment in enumerate(whole.moments):
            if bool((found.named[0, i] + moment.steps * found.selected[0, i] == -torch.inf).all()):
                rows = [whole.evidence.rows[j] for j in moment.rows]
                raise ImpossibleEvidence(
                    f"{', '.join(f'line {r.line} ({r.id})' for r in rows)}: what was seen has probability zero under "
                    "every motivation; look for a 0 or 1 in a table above it, or state fpr and fnr"
                )
    raise ImpossibleEvidence(
        "rows and selection together have probability zero under every motivation, though each row alone is possible: "
        "look for a fitness or a drift of zero, a gate that surely catches, or a phase shorter than its rows"
    )
