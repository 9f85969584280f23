"""none_of_these over time: how much free behaviour explains, with the parameters integrated out.

Free behaviour is the same at all moments and never turns into a motivation, so it stands apart from the chain: a
credence from selection, times one likelihood of all its rows. That likelihood is dear, and depends on the noise of the
rows alone unless they were selected on; it is then integrated on a small grid over the noise (`bsm.inference.free`),
and credence over the prior. Elsewhere both are integrated by importance sampling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from bsm.inference.free import beside, integrate
from bsm.inference.importance import Sample
from bsm.inference.over_time.account import Account
from bsm.inference.over_time.draws import Drawn
from bsm.inference.over_time.places import is_before, past_part
from bsm.motives.course.logs import log_sum
from bsm.motives.theta import Theta

KEPT = 50
PRIOR_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Outside:
    """none_of_these at one target.

    `log_evidence`: log of credence x P(rows | none_of_these), nats. `z`: parameters given none_of_these, [point,
    coordinate]. `highest`: no log likelihood of its rows is larger, as far as was seen. `effective`: draws behind it.
    """

    log_evidence: float
    z: Tensor
    highest: float
    effective: float


def outside(account: Account, found: Drawn, target: int, seed: int) -> Outside | None:
    """none_of_these at one target; None where it has no mass in the prior."""
    if not account.competes:
        return None
    with torch.no_grad():
        if account.emissions is None:
            return _by_credence(account, target, 0.0, float("inf"), seed)
        if _apart(account):
            free = integrate(_stand_in(account, target, False), 0, seed, _beside(account, found, target))
            known = _by_credence(account, target, float(free.log_evidence), float(free.effective), seed)
            z = known.z.clone()
            if noise := list(account.noise):
                z[:, noise] = free.z[torch.arange(len(z)) % len(free.z)][:, noise]
            return Outside(known.log_evidence, z, free.highest, known.effective)
    free = integrate(_stand_in(account, target, True), 0, seed, _beside(account, found, target))
    return Outside(float(free.log_evidence), free.z, free.highest, float(free.effective))


def _apart(account: Account) -> bool:
    """Whether the likelihood of free behaviour depends on the noise alone, and credence not on it."""
    selected = any(s.steps for s in account.moments)
    moved = any(a.relative for a in account.asked) and any(s.step is not None for s in account.moments)
    mass = account.model.prior.none_of_these
    return not selected and not moved and isinstance(mass, float)


def _by_credence(account: Account, target: int, log_rows: float, effective: float, seed: int) -> Outside:
    z, every = prior_credence(account, seed)
    credence = every[:, target]
    total = float(log_sum(credence)) - float(torch.tensor(float(len(z))).log())
    possible = credence > -torch.inf
    weights = (
        torch.where(possible, (credence - credence.max()).exp(), 0.0)
        if bool(possible.any())
        else torch.ones_like(credence)
    )
    generator = torch.Generator().manual_seed(seed)
    picked = torch.multinomial(weights, KEPT, replacement=True, generator=generator)
    return Outside(total + log_rows, z[picked], log_rows, effective)


def _stand_in(account: Account, target: int, together: bool) -> Any:
    """What `integrate` asks of hypotheses; with `together` credence is integrated with the rows, by sampling."""
    phases = account.model.phases if together and account.model.phases else ()
    zero = torch.zeros(1, 1, dtype=torch.float64)

    def credence(theta: Theta) -> Tensor:
        return account.none_credence(theta)[:, target, None] if together else zero

    def free(z: Tensor, _: int) -> Tensor:
        return log_free(account, account.space.theta(z), target).detach().expand(len(z))

    return SimpleNamespace(
        space=account.space,
        model=replace(account.model, phases=phases),
        episodes=SimpleNamespace(rows=account.evidence.rows),
        log_credence=credence,
        log_free=free,
    )


def _beside(account: Account, found: Drawn, target: int) -> Any:
    sample = Sample(found.z[None], found.log_weights(target)[None])
    if not bool((found.log_weights(target) > -torch.inf).any()):
        sample = Sample(found.z[None], torch.zeros(1, len(found.z), dtype=torch.float64))
    return beside(_stand_in(account, target, not _apart(account)), sample)


def prior_credence(account: Account, seed: int) -> tuple[Tensor, Tensor]:
    """Prior draws [draw, coordinate], and `none_credence` there, [draw, target]."""
    if seed not in account.kept_credence:
        z = account.space.prior_draws(PRIOR_DRAWS if account.space.names else 1, seed + 3)
        with torch.no_grad():
            account.kept_credence[seed] = z, account.none_credence(account.space.theta(z)).expand(len(z), -1)
    return account.kept_credence[seed]


def log_free(account: Account, theta: Theta, target: int) -> Tensor:
    """log P(rows up to the target | none_of_these, parameters), their own selection included, [draw]."""
    if account.emissions is None:
        return torch.zeros(1, dtype=torch.float64)
    if target == len(account.targets):
        return account.emissions.log_free(theta, len(account.moments))
    one = account.asked[account.targets[target]]
    n = theta.of(account.model.phases[one.phase].selections) if account.model.phases and one.phase >= 0 else None
    position = torch.zeros(1, dtype=torch.float64) if n is None or one.end else one.position(n).detach()
    before = torch.stack([is_before(s, one, position) for s in account.moments], 1)
    part = torch.stack([past_part(s, one, position) for s in account.moments], 1)
    total = torch.zeros(len(position), dtype=torch.float64)
    for d in range(len(position)):  # rows are in time, so that those before are the first so many
        count = int(before[d].sum())
        some = (
            theta
            if len(position) == 1
            else Theta({k: v[d : d + 1] if len(v) > 1 else v for k, v in theta.values.items()})
        )
        value = account.emissions.log_free(some, count, float(part[d, count - 1]) if count else 1.0)
        if len(position) == 1:
            return value
        total[d] = value[0]
    return total
