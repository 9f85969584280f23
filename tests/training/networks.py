"""Many small networks at once: parameters of all seeds in one matrix, so that a step trains all of them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from tests.training.protocol import ACTIONS
from tests.training.worlds import DTYPE

Sizes = tuple[int, ...]  # inputs, hidden layers, actions


def sizes(features: int, hidden: int) -> Sizes:
    return (features, hidden, hidden, ACTIONS)


def fresh(shape: Sizes, seeds: range) -> Tensor:
    """Initial parameters [seed, parameter]; weights have variance 1 / fan-in, biases are 0."""
    return torch.stack([_one(shape, torch.Generator().manual_seed(seed)) for seed in seeds])


def _one(shape: Sizes, random: torch.Generator) -> Tensor:
    pieces = []
    for before, after in pairwise(shape):
        pieces += [torch.randn(before * after, generator=random, dtype=DTYPE) / before**0.5]
        pieces += [torch.zeros(after, dtype=DTYPE)]
    return torch.cat(pieces)


def logits(parameters: Tensor, seen: Tensor, shape: Sizes) -> Tensor:
    """Logits of actions [..., row, action] of networks [..., parameter] shown rows [row, feature]."""
    value, start = seen.expand(*parameters.shape[:-1], *seen.shape), 0
    for layer, (before, after) in enumerate(pairwise(shape)):
        weight = parameters[..., start : start + before * after].unflatten(-1, (before, after))
        start += before * after
        bias = parameters[..., start : start + after].unsqueeze(-2)
        start += after
        value = value @ weight + bias
        if layer < len(shape) - 2:
            value = value.tanh()
    return value


def policy(parameters: Tensor, seen: Tensor, shape: Sizes) -> Tensor:
    """P(action) [seed, gates, context, action] of what `worlds.inputs` shows [gates, context, feature]."""
    out = logits(parameters, seen.flatten(0, -2), shape).softmax(-1)
    return out.unflatten(-2, seen.shape[:-1])
