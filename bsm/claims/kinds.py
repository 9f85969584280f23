"""How each kind of quantity is answered: those of policies, fitness, prior and evidence."""

from __future__ import annotations

import math
from collections.abc import Callable

from bsm.claims.episodes import probability
from bsm.claims.here import Here
from bsm.claims.over_time import OVER_TIME
from bsm.claims.quantities import Quantity
from bsm.motives.families import closeness_of, placement
from bsm.motives.fittest import fittest
from bsm.motives.situations import seen, situations
from bsm.spec.model import SpecError

TIE = 1e-9  # relative; greedy fitness this close to the best is tied
Value = float | str | tuple[str, ...]


def _relative_fitness(here: Here, q: Quantity) -> float:
    return here.fitness()[here.one(q)] / float(here.fitness().overall.amax())


def _unit(here: Here, q: Quantity) -> float:
    motivation = here.model.motivations[here.one(q)]
    return float(here.behaviour.unit(motivation, here.theta)[0])


def _distance(here: Here, q: Quantity) -> float:
    motivation = here.model.motivations[here.one(q)]
    found = [d for seeks in motivation.seeks if (d := here.behaviour.distance(motivation, seeks)) is not None]
    if not found:
        raise SpecError(f"no action leads to what {motivation.name} seeks, so there is no distance")
    return float(min(found))


def _closeness(here: Here, q: Quantity) -> float:
    found = closeness_of(here.model, here.model.motivations[here.one(q)].seeks, here.theta)
    if found is None:
        raise SpecError(f"{here.one(q)} does not seek something upstream of influence, so it has no closeness")
    return found


def _policy(here: Here, q: Quantity) -> float:
    names = seen(here.model)
    at = tuple(q.given.get(n) or here.model.nodes[n].default or "" for n in names)
    chosen = situations(here.model, names, [at])
    log_policy = here.behaviour.log_policy(here.one(q), here.theta, chosen)[0, 0]
    wanted = [i for i, joint in enumerate(here.behaviour.joint_actions) if q.state in joint]
    if not wanted:
        raise SpecError(f"no action has a state {q.state!r}")
    return float(log_policy[wanted].exp().sum())


def _greedy_tie(here: Here, q: Quantity) -> tuple[str, ...]:
    found = here.fitness(greedy=True).overall[0]
    best = float(found.max())
    return tuple(m for m, f in zip(here.model.motivations, found.tolist(), strict=True) if f >= best * (1 - TIE))


def _fittest(here: Here, q: Quantity) -> tuple[str, ...]:
    model = here.kept.model.with_parameters(here.held) if here.held else here.kept.model
    tied = fittest(model, overlay=here.overlay).tied
    return tuple(dict.fromkeys(str(candidate) for candidate in tied if len(candidate.seeks) == 1))


ANSWER: dict[str, Callable[[Here, Quantity], Value]] = {
    "fitness": lambda here, q: here.fitness()[here.one(q)],
    "greedy_fitness": lambda here, q: here.fitness(greedy=True)[here.one(q)],
    "relative_fitness": _relative_fitness,
    "base_fitness": lambda here, q: float(here.fitness().base.mean()),
    "unit": _unit,
    "distance": _distance,
    "closeness": _closeness,
    "family": lambda here, q: str(placement(here.model, here.one(q), here.theta).family),
    "policy": _policy,
    "prior": lambda here, q: math.exp(here.log_sum(here.log_prior(), q.of)),
    "posterior": lambda here, q: math.exp(here.log_sum(here.log_posterior(q.rows), q.of)),
    "log_prior_odds": lambda here, q: here.odds(here.log_prior(), q),
    "log_posterior_odds": lambda here, q: here.odds(here.log_posterior(q.rows), q),
    "greedy_tie": _greedy_tie,
    "fittest": _fittest,
    "probability": lambda here, q: probability(here.model, here.held, q.target, q.state, q.given, q.do),
    **OVER_TIME,
}
GREEDY = {  # kinds that read fitness -> whether of greedy policies
    "fitness": False,
    "base_fitness": False,
    "relative_fitness": False,
    "greedy_fitness": True,
}
SHARES = ("share", "log_share_odds", "distance_from_prior", "audit_bits")  # kinds that read shares
