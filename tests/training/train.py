"""REINFORCE and natural policy gradient, all seeds at once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tests.training import networks, worlds
from tests.training.protocol import TASKS, Algorithm, Setting


def sampled(policy: Tensor, success: Tensor, batch: int, random: torch.Generator) -> Tensor:
    """Sampled gradient of mean success in the logits [seed, task, action], unbiased.

    Episodes draw a task evenly, an action and whether it succeeds; the advantage is success less the mean of the other
    episodes of the batch.
    """
    seeds, _, actions = policy.shape
    task = torch.randint(TASKS, (seeds, batch), generator=random)
    each = policy.gather(1, task.unsqueeze(-1).expand(-1, -1, actions))
    chosen = torch.multinomial(each.flatten(0, 1), 1, generator=random).view(seeds, batch)
    won = (torch.rand(seeds, batch, generator=random, dtype=policy.dtype) < success[task, chosen]).to(policy.dtype)
    advantage = (won - won.mean(-1, keepdim=True)) * batch / (batch - 1)
    by_action = torch.zeros(seeds, TASKS * actions, dtype=policy.dtype)
    by_action.scatter_add_(1, task * actions + chosen, advantage / batch)
    by_task = by_action.view(seeds, TASKS, actions)
    return by_task - policy * by_task.sum(-1, keepdim=True)


def expected(policy: Tensor, success: Tensor) -> Tensor:
    """Gradient of mean success in the logits [seed, task, action], tasks being met evenly."""
    return policy * (success - (policy * success).sum(-1, keepdim=True)) / TASKS


def natural(derivatives: Tensor, policy: Tensor, slope: Tensor, damping: float) -> Tensor:
    """(Fisher + damping)^-1 times the gradient J' slope, solved in the space of logits [seed, parameter].

    (J' M J + d)^-1 J' = J' (M J J' + d)^-1, M being the Fisher matrix of the logits.

    Args:
        derivatives: J [seed, task, action, parameter]. policy, slope: [seed, task, action].
    """
    flat = derivatives.flatten(1, 2)
    within = torch.diag_embed(policy) - policy.unsqueeze(-1) * policy.unsqueeze(-2)
    spread = torch.einsum("stab,tu->staub", within, torch.eye(TASKS, dtype=policy.dtype)).flatten(3, 4).flatten(1, 2)
    matrix = spread / TASKS @ (flat @ flat.mT)
    solved = torch.linalg.solve(matrix + damping * torch.eye(matrix.shape[-1], dtype=policy.dtype), slope.flatten(1))
    return torch.einsum("sk,skp->sp", solved, flat)


def steps(
    setting: Setting, algorithm: Algorithm, parameters: Tensor, shape: networks.Sizes, batch: int, seed: int
) -> Iterator[Tensor]:
    """Parameters [seed, parameter] after 0, 1, 2, ... steps, without end."""
    random = torch.Generator().manual_seed(seed)
    seen = worlds.inputs(torch.ones(1, len(setting.patterns), dtype=worlds.DTYPE), worlds.TRAINING)[0]
    success = worlds.success(setting)
    while True:
        yield parameters
        given = parameters.detach().requires_grad_()
        scores = networks.logits(given, seen, shape)
        policy = scores.detach().softmax(-1)
        slope = sampled(policy, success, batch, random)
        if algorithm.damping is None:
            (step,) = torch.autograd.grad(scores, given, slope)
        else:
            step = natural(networks.jacobian(parameters, seen, shape), policy, slope, algorithm.damping)
        parameters = parameters + algorithm.rate * step
