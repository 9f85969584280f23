"""Looks that an AI had to pass: held-out looks multiply its weight, looks that are trained on teach it to evade."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsm.motives.compile import Behaviour
from bsm.motives.course.measured import probability
from bsm.motives.prior import log_prior
from bsm.motives.theta import Theta
from bsm.spec.model import Gate, Model, SpecError

NONE = "none_of_these"


def log_gates(
    model: Model, behaviours: Sequence[Behaviour], theta: Theta
) -> tuple[tuple[tuple[str, Tensor], ...], ...]:
    """For each phase its gates in their order: name, and log of the chance to pass, [draw, m + 1], base policy last.

    A held-out gate passes with (1 - q_m e)^looks, where e is the product of (1 - evasion)^looks over the earlier
    trained-on gates of its name, in this phase and before. A trained-on gate passes for certain (theory d3).
    """
    left: dict[str, Tensor] = {}
    found = []
    for phase, behaviour in zip(model.phases, behaviours, strict=True):
        here = []
        for gate in phase.gates:
            looks = theta.of(gate.looks)
            if gate.held_out:
                here.append((gate.name, _log_pass(model, behaviour, phase.name, gate, left.get(gate.name), theta)))
            else:
                here.append((gate.name, torch.zeros(1, len(model.motivations) + 1, dtype=torch.float64)))
                evaded = torch.pow(1 - theta.of(gate.evasion), looks)
                left[gate.name] = evaded * left[gate.name] if gate.name in left else evaded
        found.append(tuple(here))
    return tuple(found)


def detection(model: Model, behaviour: Behaviour, phase: str, gate: Gate, theta: Theta) -> Tensor:
    """q: P(one look catches | do(pi_m)) before any evasion, [draw, m + 1], none_of_these last.

    None_of_these is caught as the base policy is. Where the file states q instead, nothing tells what it is for an
    unknown pattern: it is then the mean over the motivations, weighted by the prior, unless `detection` names it.

    Raises:
        SpecError: a gate that states q for some motivations only, or that states nothing.
    """
    if gate.caught:
        return probability(behaviour, behaviour.event(gate.caught), theta)
    if missing := [m for m in model.motivations if m not in gate.detection]:
        raise SpecError(
            f"phase {phase}, gate {gate.name}: detection says nothing of {missing}; give a probability for each, or "
            "name nodes and states under `caught`"
        )
    stated = theta.stack(tuple(gate.detection[m] for m in model.motivations))
    if NONE in gate.detection:
        outside = theta.of(gate.detection[NONE])[:, None]
    else:
        outside = (log_prior(model, theta).exp() * stated).sum(-1, keepdim=True)
    draws = max(len(stated), len(outside))
    return torch.cat([stated.expand(draws, -1), outside.expand(draws, -1)], 1)


def _log_pass(model: Model, behaviour: Behaviour, phase: str, gate: Gate, left: Tensor | None, theta: Theta) -> Tensor:
    q = detection(model, behaviour, phase, gate, theta)
    q = q if left is None else q * left[:, None]
    return torch.special.xlog1py(theta.of(gate.looks)[:, None], -q.clamp(0.0, 1.0))
