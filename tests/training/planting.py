"""Supervised training that plants the patterns, as pretraining would."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from tests.training import networks, worlds
from tests.training.protocol import Setting

RATE = 0.01  # of Adam, falling to 0 along a cosine


@cache
def planted(setting: Setting, hidden: int, steps: int, seeds: range) -> tuple[Tensor, networks.Sizes]:
    """Networks that imitate the planted policy under all gates in all contexts [seed, parameter], and their shape."""
    gates = worlds.all_gates(len(setting.patterns))
    seen = worlds.inputs(gates)
    wanted = worlds.mixture(worlds.shares(setting), gates, worlds.policies(setting)).flatten(0, 1)
    shape = networks.sizes(seen.shape[-1], hidden)
    parameters = networks.fresh(shape, seeds).requires_grad_()
    adam = torch.optim.Adam([parameters], lr=RATE)
    rows = seen.flatten(0, 1)
    for step in range(steps):
        adam.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        given = networks.logits(parameters, rows, shape).log_softmax(-1)
        adam.zero_grad()
        (-(wanted * given).sum(-1).mean(-1).sum()).backward()  # type: ignore[no-untyped-call]
        adam.step()
    return parameters.detach(), shape


def divergence(setting: Setting, parameters: Tensor, shape: networks.Sizes) -> Tensor:
    """KL(planted || network) in nats, mean over gates and contexts [seed]."""
    gates = worlds.all_gates(len(setting.patterns))
    wanted = worlds.mixture(worlds.shares(setting), gates, worlds.policies(setting))
    given = networks.policy(parameters, worlds.inputs(gates), shape)
    return (wanted * (wanted / given).log()).sum(-1).mean((-1, -2))
