"""Random log-likelihoods of episodes under patterns, and weights of the patterns."""

from __future__ import annotations

import torch
from torch import Tensor


def random_episodes(seed: int, items: int, patterns: int, draws: int = 1, spread: float = 1.5) -> tuple[Tensor, Tensor]:
    """log p [draw, item, pattern] and weights [draw, pattern]."""
    chance = torch.Generator().manual_seed(seed)
    log_p = spread * torch.randn(draws, items, patterns, generator=chance, dtype=torch.float64) - 1
    weights = torch.rand(draws, patterns, generator=chance, dtype=torch.float64) + 0.05
    return log_p, weights / weights.sum(-1, keepdim=True)
