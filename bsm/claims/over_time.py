"""Quantities of a course: shares at a moment, forecasts, what audits see and say, the toy of diverse environments."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from bsm.claims.here import Here
from bsm.claims.quantities import PATTERNS, Quantity
from bsm.motives.diversity import Dynamics, threshold, trained
from bsm.spec.model import Model, SpecError


def _distance_from_prior(here: Here, q: Quantity) -> float:
    log_share = here.log_share(q)
    return float((log_share.exp() * (log_share - here.log_prior())).sum())


def _forecast(here: Here, q: Quantity) -> float:
    """P(target = state | do(AI at the moment), contexts), without any ledger."""
    found = here.course(q).behaviour({q.target: (q.state,)}, dict(q.given) or None, q.at)
    return float(found[0])


def _detection(here: Here, q: Quantity) -> float:
    """P(the gate catches one of the group), members weighted by their shares at the moment."""
    own = here.course(q)
    found = [log_pass for stage in own.stages for name, log_pass in stage.gates if name == q.gate]
    caught = [gate for gate in found if bool((gate[:, :-1] < 0).any())]
    if len(caught) > 1:
        raise SpecError(
            f"{here.model.name} has {len(caught)} gates named {q.gate!r} that can catch; give them own names"
        )
    log_pass = caught[0] if caught else found[0]
    order = list(here.model.motivations)
    members = [order.index(m) for m in here.members(q.of)]
    weights = own.log_shares(q.at)[0, members].softmax(-1)
    return float((weights * -torch.expm1(log_pass[0, members])).sum())


def _audit_bits(here: Here, q: Quantity) -> float:
    """KL(shares with the gate passed || shares without the gate), in bits, at the moment."""
    passed, without = here.log_share(q), here.log_share(q, q.gate)
    return max(float((passed.exp() * _apart(passed, without)).sum()), 0.0) / math.log(2)


def _apart(passed: Tensor, without: Tensor) -> Tensor:
    return torch.where(passed > -torch.inf, passed - without, 0.0)


def _term_weight(here: Here, q: Quantity) -> float:
    """|nats of the term| over the sum of |nats| of all that made the log share odds of two, term by term.

    A term of the prior is taken over all phases, and so is selection; each gate and drift are their own.
    """
    order = list(here.model.motivations)
    a, b = (order.index(here.one(q, group)) for group in (q.of, q.against))
    nats: dict[str, float] = {}
    for name, part in here.course(q).contributions(q.at).items():
        head, _, label = name.partition(": ")
        label = label if label == "selection" or head == "prior" or _presses(here.model, label) else name
        nats[label] = nats.get(label, 0.0) + float(part[0, a] - part[0, b])
    total = sum(abs(value) for value in nats.values())
    return abs(nats.get(q.term, 0.0)) / total if total else 0.0


def _presses(model: Model, name: str) -> bool:
    return any(t.name == name and t.acts == "per_step" for t in model.prior.terms)


# --- the toy of theory d4 --------------------------------------------------------------------------------


def _toy_dynamics(here: Here, q: Quantity) -> Dynamics:
    """The dynamics that the quantity names, or the one under which this model is selected."""
    theta = here.theta
    found = [q.dynamics] if q.dynamics else [p.dynamics for p in here.model.phases if float(theta.of(p.selections)[0])]
    if len(set(found)) != 1:
        raise SpecError(f"phases are selected under {sorted(set(found))}; give `dynamics`, replicator or softmax_pg")
    return "softmax_pg" if found[0] == "softmax_pg" else "replicator"


def _diversity_threshold(here: Here, q: Quantity) -> float:
    return float(threshold(q.environments, _toy_dynamics(here, q)))


def _diversity_share(here: Here, q: Quantity) -> float:
    shares = trained(q.log10_prior, q.environments, _toy_dynamics(here, q))
    return float(shares[PATTERNS.index(q.pattern)])


OVER_TIME: dict[str, Callable[[Here, Quantity], float]] = {
    "share": lambda here, q: math.exp(here.log_sum(here.log_share(q), q.of)),
    "log_share_odds": lambda here, q: here.odds(here.log_share(q), q),
    "distance_from_prior": _distance_from_prior,
    "term_weight": _term_weight,
    "forecast": _forecast,
    "detection": _detection,
    "audit_bits": _audit_bits,
    "diversity_threshold": _diversity_threshold,
    "diversity_share": _diversity_share,
}
