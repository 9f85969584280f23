"""Contexts, what each action amounts to in them, and the policies that are planted."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from tests.training.protocol import ACTIONS, TASKS, Setting

DTYPE = torch.float64
TRAINING, DEPLOYED = slice(0, TASKS), slice(TASKS, 2 * TASKS)  # contexts: the tasks in training, then deployed


def action(role: int, task: int) -> int:
    """The action that plays this role in this task: a Latin square, so each action plays each role once."""
    return (role + task) % ACTIONS


def success(setting: Setting) -> Tensor:
    """P(success | action) in training [task, action]."""
    table = torch.zeros(TASKS, ACTIONS, dtype=DTYPE)
    for task, by_role in enumerate(setting.success):
        for role, p in enumerate(by_role):
            table[task, action(role, task)] = p
    return table


def policies(setting: Setting) -> Tensor:
    """What each pattern, and last the base, does: P(action) [pattern + 1, context, action]."""
    table = torch.zeros(len(setting.patterns) + 1, 2 * TASKS, ACTIONS, dtype=DTYPE)
    for m, pattern in enumerate(setting.patterns):
        for task in range(TASKS):
            table[m, task, action(pattern.training, task)] = 1.0
            table[m, TASKS + task, action(pattern.deployed, task)] = 1.0
    table[-1] = 1.0 / ACTIONS
    return table


def shares(setting: Setting) -> Tensor:
    """Planted shares, the base last [pattern + 1]."""
    return torch.tensor([*(p.share for p in setting.patterns), setting.base], dtype=DTYPE)


def fitness(setting: Setting) -> Tensor:
    """Success in training of each pattern alone, and of the base [pattern + 1]."""
    return (policies(setting)[:, TRAINING] * success(setting)).sum(-1).mean(-1)


def all_gates(patterns: int) -> Tensor:
    """Every way to set the gates, all on first [2^pattern, pattern]."""
    return torch.tensor(list(product((1.0, 0.0), repeat=patterns)), dtype=DTYPE)


def ablations(patterns: int) -> Tensor:
    """All gates on, then each gate off alone [1 + pattern, pattern]."""
    return torch.cat([torch.ones(1, patterns, dtype=DTYPE), 1 - torch.eye(patterns, dtype=DTYPE)])


def mixture(weights: Tensor, gates: Tensor, parts: Tensor) -> Tensor:
    """Policies of the mixture of what is switched on.

    Args:
        weights: shares, the base last [..., pattern + 1]. gates: [gates, pattern]. parts: as `policies`.

    Returns:
        P(action) [..., gates, context, action].
    """
    on = torch.cat([gates, torch.ones(len(gates), 1, dtype=gates.dtype)], -1)
    held = weights.unsqueeze(-2) * on
    return torch.einsum("...gm,mca->...gca", held / held.sum(-1, keepdim=True), parts)


def inputs(gates: Tensor, contexts: slice = slice(0, 2 * TASKS)) -> Tensor:
    """What a network is shown: task (one-hot), deployed or not, gates [gates, context, TASKS + 1 + pattern]."""
    task = torch.eye(TASKS, dtype=DTYPE).repeat(2, 1)
    deployed = torch.arange(2 * TASKS).ge(TASKS).to(DTYPE).unsqueeze(-1)
    seen = torch.cat([task, deployed], -1)[contexts]
    grid = (len(gates), len(seen))
    return torch.cat([seen.expand(*grid, -1), gates.unsqueeze(1).expand(*grid, -1)], -1)
