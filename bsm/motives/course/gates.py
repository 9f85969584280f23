"""Looks that an AI had to pass: held-out looks multiply its weight, looks that are trained on teach it to evade."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsm.motives.compile import Behaviour
from bsm.motives.course.measured import probability
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
    """q: P(one look catches | do(pi_m)) before any evasion, [draw, m + 1], the base policy last.

    Raises:
        SpecError: a gate that states q for some motivations only, or that states nothing.
    """
    if gate.caught:
        return probability(behaviour, behaviour.event(gate.caught), theta)
    needed = list(model.motivations)
    if theta_none := float(theta.of(model.prior.none_of_these).max()) > 0:
        needed.append(NONE)
    if missing := [m for m in needed if m not in gate.detection]:
        remedy = f" ({NONE} acts by the base policy, whose detection nothing else tells)" if theta_none else ""
        raise SpecError(
            f"phase {phase}, gate {gate.name}: detection says nothing of {missing}{remedy}; give a probability for "
            "each, or name nodes and states under `caught`"
        )
    return theta.stack(tuple(gate.detection.get(m, 0.0) for m in (*model.motivations, NONE)))


def _log_pass(model: Model, behaviour: Behaviour, phase: str, gate: Gate, left: Tensor | None, theta: Theta) -> Tensor:
    q = detection(model, behaviour, phase, gate, theta)
    q = q if left is None else q * left[:, None]
    return torch.special.xlog1py(theta.of(gate.looks)[:, None], -q.clamp(0.0, 1.0))
