"""none_of_these over time: how much free behaviour explains, with the parameters integrated out.

Free behaviour is the same at all moments and never turns into a motivation, so it stands apart from the chain: a
credence from selection, times one likelihood of all its rows. That likelihood is dear, and depends on the noise of the
rows alone unless they were selected on; it is then integrated on a small grid over the noise (`bsm.inference.free`),
and credence over the prior. Elsewhere both are integrated by importance sampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.inference.free import beside, integrate
from bsm.inference.importance import FEWEST_EFFECTIVE, Sample
from bsm.inference.over_time.account import Account
from bsm.inference.over_time.draws import CHUNK, Drawn
from bsm.inference.over_time.places import is_before, past_part
from bsm.inference.over_time.weights import normalised
from bsm.motives.theta import Theta

KEPT = 50
PRIOR_DRAWS = 2000
MORE = 8  # times as many prior draws, where few of the first count
FEWEST_POSSIBLE = 0.05  # part of the prior under which a search that begins there would be blind


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
            return _by_credence(account, found, target, 0.0, float("inf"), seed)
        if _apart(account):
            free = integrate(_stand_in(account, target, False), 0, seed, _beside(account, found, target))
            known = _by_credence(account, found, target, float(free.log_evidence), float(free.effective), seed)
            z = known.z.clone()
            if noise := list(account.noise):
                z[:, noise] = free.z[torch.arange(len(z)) % len(free.z)][:, noise]
            return Outside(known.log_evidence, z, free.highest, known.effective)
        if _hardly_possible(account, target, seed):
            return _by_draws(account, found, target, seed)
    free = integrate(_stand_in(account, target, True), 0, seed, _beside(account, found, target))
    return Outside(float(free.log_evidence), free.z, free.highest, float(free.effective))


def _apart(account: Account) -> bool:
    """Whether the likelihood of free behaviour depends on the noise alone, and credence not on it."""
    selected = any(s.steps for s in account.moments)
    moved = any(a.relative for a in account.asked) and any(s.step is not None for s in account.moments)
    mass = account.model.prior.none_of_these
    return not selected and not moved and isinstance(mass, float)


def _hardly_possible(account: Account, target: int, seed: int) -> bool:
    if not account.space.names:
        return False
    theta = account.space.theta(account.space.prior_draws(CHUNK, seed + 3))
    return float((account.none_credence(theta)[:, target] > -torch.inf).double().mean()) < FEWEST_POSSIBLE


def _by_credence(account: Account, found: Drawn, target: int, log_rows: float, effective: float, seed: int) -> Outside:
    """Credence integrated over prior draws, more where few count; else over the draws of the named."""
    mean = _mean(*_at(prior_credence(account, seed), target), log_rows, seed)
    if mean.effective < FEWEST_EFFECTIVE:
        more = _mean(*_at(prior_credence(account, seed, MORE), target), log_rows, seed)
        other = _mean(found.z, found.log_base + found.weights.none[:, target], log_rows, seed)
        mean = max((more, other), key=lambda one: one.effective)
    return replace(mean, effective=min(mean.effective, effective))


def _at(credence: tuple[Tensor, Tensor], target: int) -> tuple[Tensor, Tensor]:
    return credence[0], credence[1][:, target]


def _by_draws(account: Account, found: Drawn, target: int, seed: int) -> Outside:
    """Credence and likelihood of the rows integrated over the draws of the named."""
    parts = found.z.split(CHUNK)
    free = torch.cat([log_free(account, account.space.theta(z), target).expand(len(z)) for z in parts])
    mean = _mean(found.z, found.log_base + found.weights.none[:, target] + free, 0.0, seed)
    return replace(mean, highest=float("inf"))


def _mean(z: Tensor, log_weights: Tensor, log_rows: float, seed: int) -> Outside:
    """The mean of exp(log_weights) [draw], times what all draws share."""
    total = float(log_sum(log_weights)) - math.log(len(z))
    weights = normalised(log_weights[None])[0]
    possible = bool((weights > 0).any())
    generator = torch.Generator().manual_seed(seed)
    any_ = weights if possible else torch.ones_like(weights)
    picked = torch.multinomial(any_, KEPT, replacement=True, generator=generator)
    effective = float("inf") if len(z) == 1 else float(1 / (weights**2).sum()) if possible else 0.0
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


def prior_credence(account: Account, seed: int, times: int = 1) -> tuple[Tensor, Tensor]:
    """Prior draws [draw, coordinate], `times` as many, and `none_credence` there, [draw, target]."""
    if (seed, times) not in account.kept_credence:
        z = account.space.prior_draws(times * PRIOR_DRAWS if account.space.names else 1, seed + 2 + times)
        with torch.no_grad():
            found = [account.none_credence(account.space.theta(p)).expand(len(p), -1) for p in z.split(PRIOR_DRAWS)]
        account.kept_credence[seed, times] = z, torch.cat(found)
    return account.kept_credence[seed, times]


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
