"""Which pattern drove each episode, summed over exactly: by how many episodes each pattern drove.

The product over episodes of sum_m s_m p_m is a polynomial in the shares s. Its coefficients, one for each way to split
the episodes among the patterns, are built up one episode at a time; under s ~ Dirichlet(a) a monomial has the mean
prod_m a_m (a_m + 1) ... (a_m + c_m - 1) / [A (A + 1) ... (A + N - 1)], with A = sum of a: the urn of Pólya.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb

import numpy as np
import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum


def work(episodes: int, patterns: int) -> int:
    """Terms that the sum takes for one draw."""
    return patterns * comb(episodes + patterns, patterns)


def log_coefficients(log_likelihood: Tensor, counts: Tensor) -> Tensor:
    """Logs of the polynomial's coefficients, [draw, split], in the order of `splits`.

    Args:
        log_likelihood: log p_m(x_i), [draw, item, pattern]. counts: episodes that each item stands for, whole numbers,
            [item].
    """
    patterns = log_likelihood.shape[-1]
    order = [item for item, count in enumerate(counts.tolist()) for _ in range(int(count))]
    table = _before(len(order), patterns).to(log_likelihood.device)
    total = torch.zeros(log_likelihood.shape[0], 1, dtype=torch.float64, device=log_likelihood.device)
    for episode, item in enumerate(order):
        before = table[: comb(episode + patterns, patterns - 1)]
        missing = before >= total.shape[-1]
        earlier = total[:, before.masked_fill(missing, 0)].masked_fill(missing, -torch.inf)
        total = log_sum(earlier + log_likelihood[:, item].unsqueeze(-2), -1)
    return total


def log_mean(coefficients: Tensor, concentration: Tensor, episodes: int) -> tuple[Tensor, Tensor]:
    """Log of the mean of the polynomial, [draw], and the mean shares weighted by it, [draw, pattern].

    Args:
        coefficients: of `log_coefficients`. concentration: a, at least 0 with a positive sum, [draw, pattern].
    """
    patterns = concentration.shape[-1]
    into = splits(episodes, patterns).to(concentration.device)
    rungs = concentration.unsqueeze(-1) + torch.arange(episodes, dtype=torch.float64, device=concentration.device)
    climbed = torch.nn.functional.pad(log_of(rungs).cumsum(-1), (1, 0))  # [draw, pattern, up to N]
    picked = climbed.gather(-1, into.T.expand(climbed.shape[0], -1, -1)).sum(-2)  # [draw, split]
    size = concentration.sum(-1, keepdim=True)
    below = (size + torch.arange(episodes, dtype=torch.float64, device=size.device)).log().sum(-1)
    terms = coefficients + picked
    total = log_sum(terms, -1)
    weight = (terms - total.masked_fill(total == -torch.inf, 0.0).unsqueeze(-1)).exp()
    shares = (weight @ into.double() + concentration * weight.sum(-1, keepdim=True)) / (size + episodes)
    return total - below, shares


@lru_cache(maxsize=32)
def splits(episodes: int, patterns: int) -> Tensor:
    """All ways to split episodes among patterns, [split, pattern]; fewer episodes have the same ones first.

    That is, but for the first pattern, whose number is what the others leave.
    """
    tails = _tails(episodes, patterns)
    edges = np.pad(tails, ((0, 0), (1, 1)), constant_values=((0, 0), (episodes, 0)))
    return torch.from_numpy(edges[:, :-1] - edges[:, 1:])


@lru_cache(maxsize=32)
def _before(episodes: int, patterns: int) -> Tensor:
    """Place among the splits of one episode fewer of each split less an episode of each pattern, [split, pattern].

    Places are those of the combinatorial number system: a split with tails r_k (episodes of pattern k and later) is
    number sum_k C(r_k + K - 1 - k, K - k), k = 1, ..., K - 1. Where there is no such split, a number beyond all.
    """
    tails, into = _tails(episodes, patterns), splits(episodes, patterns).numpy()
    place = np.arange(len(tails))[:, None]
    column = np.arange(1, patterns)
    table = np.array(
        [[min(comb(n, k), 1 << 60) for k in range(patterns)] for n in range(episodes + patterns)], dtype=np.int64
    )
    digits = tails + patterns - 1 - column
    fall = np.where(tails > 0, table[np.maximum(digits - 1, 0), patterns - column - 1], 0)
    less = np.where(into[:, 1:] > 0, place - fall.cumsum(-1), 1 << 60)
    return torch.from_numpy(np.concatenate([place, less], -1))


def _tails(episodes: int, patterns: int) -> np.ndarray:
    """Episodes of pattern k and later, k = 1, ..., K - 1: every falling sequence, the smallest first number first."""
    if patterns == 1:
        return np.zeros((1, 0), dtype=np.int64)
    rising = np.array(list(combinations_with_replacement(range(episodes + 1), patterns - 1)), dtype=np.int64)
    falling = rising[:, ::-1]
    return falling[np.lexsort(falling.T[::-1])]
