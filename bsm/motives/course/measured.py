"""What one phase makes of every motivation: P(selected | do(pi_m)), P(caught | do(pi_m)), what is not explored yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bsm.motives.compile import Behaviour
from bsm.motives.theta import Theta
from bsm.spec.model import Phase, SpecError

Factors = Mapping[str, Tensor]


def selected_when(behaviour: Behaviour, phase: Phase) -> Factors:
    """Factors of being selected in this phase: its own event, or the influence node."""
    return behaviour.event(phase.selected) if phase.selected else behaviour.influence


def chances(behaviour: Behaviour, factors: Factors, theta: Theta, name: str | None = None) -> Tensor:
    """P(event | do(a), c) in the phase, [draw, situation, joint action]; a name acts later as that motivation does."""
    return behaviour.consequence(factors, theta, name, behaviour.support)


def policy(behaviour: Behaviour, theta: Theta, name: str | None = None) -> Tensor:
    """pi_m(a | c) in the phase, of the base policy without a name, [draw, situation, joint action]."""
    if name is None:
        return behaviour.log_base(theta, behaviour.support).exp()
    return behaviour.log_policy(name, theta, behaviour.support).exp()


def probability(behaviour: Behaviour, factors: Factors, theta: Theta) -> Tensor:
    """P(event | do(pi)) over the contexts of the phase, every motivation and last the base policy, [draw, m + 1]."""
    names, often = (*behaviour.model.motivations, None), behaviour.frequencies(theta)
    return _side_by_side(
        [_mean(policy(behaviour, theta, name), chances(behaviour, factors, theta, name), often) for name in names]
    )


def unexplored(behaviour: Behaviour, phase: Phase) -> Tensor:
    """Which joint actions selection does not see until they are explored, booleans [joint action].

    Raises:
        SpecError: an action that is not of the first joint action.
    """
    first = behaviour.stages[0]
    found = torch.zeros(len(behaviour.joint_actions), dtype=torch.bool)
    for listed in phase.unexplored:
        if other := [a for a in listed if a not in first]:
            raise SpecError(
                f"phase {phase.name}: unexplored names {other}; only the actions taken first, {list(first)}, can be "
                "unexplored"
            )
        found |= torch.tensor(
            [all(joint[first.index(a)] in states for a, states in listed.items()) for joint in behaviour.joint_actions]
        )
    return found


def before_exploration(behaviour: Behaviour, factors: Factors, hidden: Tensor, theta: Theta) -> Tensor:
    """As `probability`, where the hidden joint actions count as the base policy's mean in their context, [draw, m + 1].

    So selection has no gradient towards or away from what was never tried.
    """
    names, often = (*behaviour.model.motivations, None), behaviour.frequencies(theta)
    usual = (policy(behaviour, theta) * chances(behaviour, factors, theta)).sum(-1, keepdim=True)
    parts = []
    for name in names:
        values = torch.where(hidden, usual, chances(behaviour, factors, theta, name))
        parts.append(_mean(policy(behaviour, theta, name), values, often))
    return _side_by_side(parts)


def _mean(pi: Tensor, values: Tensor, often: Tensor) -> Tensor:
    """Mean over contexts, that come so `often`, and actions, [draw]."""
    return ((pi * values).sum(-1) * often).sum(-1)


def _side_by_side(columns: Sequence[Tensor]) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*columns), dim=-1)
