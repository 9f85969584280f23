"""Paths of motivations over the moments that matter, given all rows: the most probable one, and draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bsm.engine import temporal
from bsm.engine.logs import log_sum
from bsm.inference.over_time.account import Account
from bsm.inference.over_time.asked import Asked, asked
from bsm.inference.over_time.chain import Chain
from bsm.inference.over_time.forecast import chosen, parameters
from bsm.inference.over_time.places import places
from bsm.inference.over_time.shares import reaches
from bsm.inference.over_time.timeline import Kept
from bsm.motives.theta import Theta
from bsm.spec.model import SpecError

if TYPE_CHECKING:
    from bsm.inference.over_time.labelled import Labelled

SCORED = 50  # paths, one from each of as many draws, among which the most probable is looked for


@dataclass(frozen=True, eq=False)
class Paths:
    """Motivations at moments in time.

    `states` [path, moment] are names. `probability` [path] is P(path | rows) of a most probable path, NaN-free and
    empty for draws. None_of_these is left out: paths are those of named motivations.
    """

    subject: str
    moments: tuple[str, ...]
    states: np.ndarray
    probability: np.ndarray

    def __str__(self) -> str:
        words = []
        for i, path in enumerate(self.states[:20]):
            said = f" (probability {self.probability[i]:.3f})" if len(self.probability) else ""
            words.append(" -> ".join(f"{m}: {s}" for m, s in zip(self.moments, path, strict=True)) + said)
        return f"{self.subject}\n" + "\n".join(words)


def most_probable(found: Labelled, subject: str | None = None) -> Paths:
    """The likeliest path over the moments that matter: those asked about, those of rows, and ends of phases.

    With uncertain parameters it is looked for among the likeliest paths of 50 posterior draws and scored in all.
    """
    subject, chain, labels, at = _chain(found, subject)
    initial, tables, seen, _ = chain.engine()
    draws = min(SCORED, len(initial))
    best = temporal.path(initial[:draws], tables[:draws], seen[:draws], varying=True).states
    distinct = torch.unique(best, dim=0)
    total = temporal.filter(initial, tables, seen, varying=True).log_evidence
    scores = torch.stack([log_sum(_log_joint(initial, tables, seen, one) - total, 0) for one in distinct])
    winner = distinct[int(scores.argmax())]
    probability = float(scores.max().exp()) / len(initial)
    return Paths(subject, labels, _named(found, chain, winner[None, at]), np.array([probability]))


def sampled(found: Labelled, subject: str | None, count: int, seed: int) -> Paths:
    """Paths from their posterior: parameters from their draws in turn, then a path given them."""
    subject, chain, labels, at = _chain(found, subject)
    initial, tables, seen, _ = chain.engine()
    draws = len(initial)
    rounds = -(-count // draws)
    states = temporal.sample(initial, tables, seen, rounds, seed, varying=True).reshape(rounds * draws, -1)
    if draws > 1:
        order = torch.randperm(len(states), generator=torch.Generator().manual_seed(seed))
        states = states[order]
    return Paths(subject, labels, _named(found, chain, states[:count][:, at]), np.zeros(0))


def _chain(found: Labelled, subject: str | None) -> tuple[str, Chain, tuple[str, ...], list[int]]:
    """The chain of a subject's rows at its draws, given a named motivation; labels of moments and their nodes."""
    model, ledger = found.needs(ledger=True)
    _, subject = chosen(found, None, subject)
    if found.about["reading"] != "hypothesis":
        raise SpecError(
            f"under reading {found.about['reading']} every episode has its own driver, so there is no path of one "
            "motivation; use reading hypothesis"
        )
    assert ledger is not None
    evidence = ledger.for_subject(subject)
    wanted = [a for a in asked(model, list(found.moments)) if not a.ahead and _on_a_selection(a)]
    if not wanted:
        raise SpecError(
            "no moment that was asked about is now or before it, at a whole selection; ask for such in `at`"
        )
    wanted.sort(key=lambda a: a.order(model))  # where all lengths are certain
    account = Account(Kept(model), evidence, places(model, evidence.rows), wanted)
    with torch.no_grad():
        chain = account.chain(_reaching(found, account, subject)).named
    nodes = [chain.spots[a].node for a in range(len(wanted))]
    if any(int(n.min()) != int(n.max()) for n in nodes):
        raise SpecError(
            "moments lie in another order in different draws, for the number of selections is uncertain; ask for ends "
            "of phases to see paths"
        )
    order = sorted(range(len(wanted)), key=lambda a: int(nodes[a][0]))
    return subject, chain, tuple(wanted[a].label for a in order), [int(nodes[a][0]) for a in order]


def _reaching(found: Labelled, account: Account, subject: str) -> Theta:
    """The draws of a subject in which every moment happens, taken where fewest do."""
    if not account.whole_space.names:
        return account.space.theta(torch.zeros(1, 0, dtype=torch.float64))
    least = min(account.asked, key=lambda a: float(found.data["reached"].sel(subject=subject, moment=a.label)))
    theta = parameters(found, account.model, subject, least.label)
    stages = account.timeline.stages(theta)
    there = torch.stack([reaches(stages, a).expand(theta.draws) for a in account.asked]).all(0)
    if not bool(there.any()):
        raise SpecError(
            "no draw reaches all moments that were asked about, for the number of selections is uncertain; ask for "
            "fewer of them in `at`"
        )
    return Theta({n: v[there] if len(v) > 1 else v for n, v in theta.values.items()})


def _on_a_selection(one: Asked) -> bool:
    return one.end or one.relative or one.step == int(one.step)


def _log_joint(initial: Tensor, tables: Tensor, seen: Tensor, path: Tensor) -> Tensor:
    """log P(path, evidence) in each draw, [draw]."""
    total = initial[:, path[0]].log() + seen[:, torch.arange(len(path)), path].sum(-1)
    steps = tables[:, torch.arange(len(path) - 1), path[:-1], path[1:]] if len(path) > 1 else torch.ones(1, 1)
    return total + steps.log().sum(-1)


def _named(found: Labelled, chain: Chain, states: Tensor) -> np.ndarray:
    names: Sequence[str] = found.names
    return np.array(names)[(states // chain.explored).numpy()]
