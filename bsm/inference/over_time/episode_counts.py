"""Where the likelihood of an AI's own shares may be large: episodes per pattern, fitted to the rows.

Fits are variational: responsibilities of the patterns for episodes, and Dirichlet shares given them, in turn, begun
from several sets of patterns. They only say where to put points, so what they leave out costs effective points alone.

Source: Bishop (2006), Pattern Recognition and Machine Learning, section 10.2.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

ROUNDS = 40
MOST = 2_000_000  # numbers in a fit, above which fewer sets of patterns are begun from
ALL_SETS = 4  # patterns of which every set is begun from
SAME = 0.01  # part of the episodes by which fits that are the same may differ


class Items(NamedTuple):
    """What was seen, as episodes of a few kinds.

    `log_p` [draw, item, pattern], nats, but for a factor that all patterns share; `counts` [draw, item].
    """

    log_p: Tensor
    counts: Tensor


def fitted(items: Items, shape: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Fitted episodes per pattern [draw, fit, pattern], and what part of the mean each is worth [draw, fit].

    Args:
        items: what was seen.
        shape: of the prior's Dirichlet distribution, [draw, pattern]; 0 for a pattern without a share.
        most: fits of each draw; those that are the same as a better one get part 0.
    """
    draws, patterns = shape.shape
    log_p = items.log_p.expand(draws, -1, -1)
    n = items.counts.expand(draws, -1)
    sets = _sets(patterns, log_p.numel())
    inside = sets[None] * (shape[:, None] > 0)
    inside = torch.where(inside.sum(-1, keepdim=True) > 0, inside, (shape[:, None] > 0).double())
    count = n.sum(-1)[:, None, None] * inside / inside.sum(-1, keepdim=True)
    log_share, worth = _log_share(shape, count), torch.zeros(draws, len(sets), dtype=torch.float64)
    for _ in range(ROUNDS):
        score = log_p[:, None] + log_share[:, :, None]
        score = score.clamp_min(-1e300)
        worth = (n[:, None] * score.logsumexp(-1)).sum(-1) - (count * log_share.clamp_min(-1e300)).sum(-1)
        worth = worth + _log_beta(shape[:, None], count) - _log_beta(shape, torch.zeros_like(shape))[:, None]
        count = torch.einsum("di,dfim->dfm", n, score.softmax(-1)) * (shape[:, None] > 0)
        log_share = _log_share(shape, count)
    return _best(count, worth, n.sum(-1), most)


def _best(count: Tensor, worth: Tensor, total: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The most worthy fits that differ, and their parts."""
    order = worth.argsort(dim=-1, descending=True, stable=True)
    count = count.gather(1, order[..., None].expand_as(count))
    worth = worth.gather(1, order).clone()
    apart = (count[:, :, None] - count[:, None]).abs().sum(-1) > SAME * total[:, None, None] + 1e-9
    for i in range(1, worth.shape[1]):
        same = ~apart[:, i, :i] & (worth[:, :i] > -torch.inf)
        worth[:, i] = torch.where(same.any(-1), -torch.inf, worth[:, i])
    top, where = worth.topk(min(most, worth.shape[1]), -1)
    return count.gather(1, where[..., None].expand(-1, -1, count.shape[-1])), top.softmax(-1)


def _log_share(shape: Tensor, count: Tensor) -> Tensor:
    """E log share under Dirichlet(shape + count), [draw, fit, pattern]; -inf where the shape is 0."""
    a = shape[:, None] + count
    held = shape[:, None] > 0
    found = torch.where(held, a, 1.0).digamma() - a.sum(-1, keepdim=True).digamma()
    return torch.where(held, found, -torch.inf)


def _log_beta(shape: Tensor, count: Tensor) -> Tensor:
    """log of the beta function of shape + count over the patterns that have a shape."""
    a = torch.where(shape > 0, shape + count, 0.0)
    return torch.lgamma(torch.where(shape > 0, a, 1.0)).sum(-1) - torch.lgamma(a.sum(-1))


def _sets(patterns: int, size: int) -> Tensor:
    """Sets of patterns from which fits begin, [set, pattern]."""
    every = range(patterns)
    if patterns <= ALL_SETS:
        sizes: tuple[int, ...] = tuple(range(1, patterns + 1))
    else:
        sizes = (1, 2, patterns - 1, patterns)
    found = [one for k in sizes for one in combinations(every, k)]
    if len(found) * size > MOST:
        found = [*combinations(every, 1), tuple(every)]
    sets = torch.zeros(len(found), patterns, dtype=torch.float64)
    for i, one in enumerate(found):
        sets[i, list(one)] = 1.0
    return sets
