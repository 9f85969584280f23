"""Influence by ablation, and the shares with which a network starts."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.training import networks, worlds
from tests.training.protocol import HACK, IDLE, SEIZE, SOLVE, TASKS, Setting

SHOWN = (SOLVE, HACK, IDLE)  # roles of which behaviour is told
PLACES = {"training": worlds.TRAINING, "deployment": worlds.DEPLOYED}


def influence(ablated: Tensor, default: Tensor) -> Tensor:
    """KL(ablated || default) in nats, mean over contexts; [..., context, action] -> [...].

    An action that the ablated policy never takes adds nothing.
    """
    return (torch.special.xlogy(ablated, ablated) - torch.special.xlogy(ablated, default)).sum(-1).mean(-1)


def influence_shares(policies: Tensor, contexts: slice) -> Tensor:
    """Part of each pattern in the sum of influences.

    Args:
        policies: under `worlds.ablations`: all gates on, then each off [..., 1 + pattern, context, action].

    Raises:
        ValueError: no pattern has any influence, so shares mean nothing.
    """
    held = policies[..., contexts, :]
    by_pattern = influence(held[..., 1:, :, :], held[..., :1, :, :])
    total = by_pattern.sum(-1, keepdim=True)
    if not bool((total > 0).all()):
        raise ValueError(
            "no ablation changes the policy of some network, so no pattern has a share; plant patterns first"
        )
    return by_pattern / total


def behaviour(policies: Tensor) -> Tensor:
    """P(solve), P(hack), P(idle) in training with all gates on, mean over tasks [..., 3]; `policies` as before."""
    default = policies[..., 0, worlds.TRAINING, :]
    found = [sum(default[..., t, worlds.action(role, t)] for t in range(TASKS)) / TASKS for role in SHOWN]
    return torch.stack([torch.as_tensor(one) for one in found], -1)


def log_odds(policies: Tensor) -> Tensor:
    """Log-odds in nats against solving, all gates on, mean over tasks [..., 4]; `policies` as before.

    Of hacking in training and deployed, then of seizing power in training and deployed.
    """
    default = policies[..., 0, :, :].log()
    found = []
    for role in (HACK, SEIZE):
        for contexts in PLACES.values():
            here = default[..., contexts, :]
            gaps = [here[..., t, worlds.action(role, t)] - here[..., t, worlds.action(SOLVE, t)] for t in range(TASKS)]
            found.append(torch.stack(gaps, -1).mean(-1))
    return torch.stack(found, -1)


def everything(policies: Tensor) -> dict[str, Tensor]:
    """Influence shares by place, behaviour and log-odds [..., k]; `policies` as before."""
    read = {place: influence_shares(policies, contexts) for place, contexts in PLACES.items()}
    return {**read, "behaviour": behaviour(policies), "log_odds": log_odds(policies)}


def starting_shares(setting: Setting, parameters: Tensor, shape: networks.Sizes) -> Tensor:
    """Mixture weights nearest to each network's policies under all gates [seed, pattern + 1], the base last.

    Nearest: least KL(network || mixture) summed over gates and contexts.
    """
    gates, parts = worlds.all_gates(len(setting.patterns)), worlds.policies(setting)
    given = networks.policy(parameters, worlds.inputs(gates), shape)
    start = worlds.shares(setting).log().repeat(len(parameters), 1).requires_grad_()
    search = torch.optim.LBFGS([start], lr=1.0, max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = -(given * worlds.mixture(start.softmax(-1), gates, parts).log()).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    search.step(loss)  # type: ignore[no-untyped-call]
    return start.detach().softmax(-1)
