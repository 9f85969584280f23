"""Where the likelihood of an AI's own shares may be large: episodes per pattern, fitted to the rows.

Fits are variational: responsibilities of the patterns for episodes, and Dirichlet shares given them, in turn, begun
from several sets of patterns. Where patterns act alike, or concentration is little, many sets do as well as each other,
and points are needed near each: what is worth something and is not kept counts as part of the error.

Source: Bishop (2006), Pattern Recognition and Machine Learning, section 10.2.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

ROUNDS = 40
AT_ONCE = 2_000_000  # numbers in a fit, above which sets are chosen by some of the draws
ALL_SETS = 4  # patterns of which every set is begun from
THREES = 16  # patterns of which sets of three are begun from
SAME = 0.01  # part of the episodes by which fits that are the same may differ
DRIVES = 0.5  # episodes from which on a pattern drives something
LEAST = 1e-3  # part of the mean that a fit is worth to be kept


class Items(NamedTuple):
    """What was seen, as episodes of a few kinds.

    `log_p` [draw, item, pattern], nats, but for a factor that all patterns share; `counts` [draw, item].
    """

    log_p: Tensor
    counts: Tensor


class Fits(NamedTuple):
    """Episodes per pattern [draw, fit, pattern], the part of the mean that each is worth [draw, fit], what is left out.

    Parts sum to one; a fit that is the same as a better one has part 0. `left` is the part of fits not kept, [draw].
    """

    counts: Tensor
    worth: Tensor
    left: Tensor


def fitted(items: Items, shape: Tensor, most: int) -> Fits:
    """Fits that are worth a thousandth of the mean in any draw.

    Args:
        items: what was seen.
        shape: of the prior's Dirichlet distribution, [draw, pattern]; 0 for a pattern without a share.
        most: fits to keep.
    """
    draws, patterns = shape.shape
    log_p, n = items.log_p.expand(draws, -1, -1), items.counts.expand(draws, -1)
    sets = _sets(patterns)
    some = max(1, AT_ONCE // (len(sets) * log_p[0].numel()))
    if some >= draws:
        return _best(*_begun(log_p, n, shape, sets), n.sum(-1), most)
    among = torch.linspace(0, draws - 1, some).round().long()
    worth = _apart(*_begun(log_p[among], n[among], shape[among], sets), n[among].sum(-1)).softmax(-1).amax(0)
    useful = worth.argsort(descending=True, stable=True)[:most]
    pieces = zip(log_p.split(some), n.split(some), shape.split(some), strict=True)
    found = [_begun(x, counted, a, sets[useful]) for x, counted, a in pieces]
    count, worth = (torch.cat(column) for column in zip(*found, strict=True))
    return _best(count, worth, n.sum(-1), most)


def _begun(log_p: Tensor, n: Tensor, shape: Tensor, sets: Tensor) -> tuple[Tensor, Tensor]:
    """Counts [draw, set, pattern] fitted from episodes divided evenly in each set, and their worth in nats."""
    draws = len(shape)
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
    return count, worth


def _best(count: Tensor, worth: Tensor, total: Tensor, most: int) -> Fits:
    """The most worthy fits that differ."""
    part = _apart(count, worth, total).softmax(-1)
    useful = int((part >= LEAST).sum(-1).max())
    kept, where = part.topk(min(most, max(1, useful)), -1)
    whole = kept.sum(-1, keepdim=True)
    left = (1 - whole.squeeze(-1)).clamp_min(0.0)
    return Fits(count.gather(1, where[..., None].expand(-1, -1, count.shape[-1])), kept / whole, left)


def _apart(count: Tensor, worth: Tensor, total: Tensor) -> Tensor:
    """Worth [draw, fit]; -inf for what is the same as a better one: nearly the same counts, or the same patterns.

    Likelihoods of shares have one mode in each set of patterns that drive something, however slowly fits get there.
    """
    order = worth.argsort(dim=-1, descending=True, stable=True)
    ordered = count.gather(1, order[..., None].expand_as(count))
    found = worth.gather(1, order)
    for i in range(1, worth.shape[1]):
        near = (ordered[:, :i] - ordered[:, i, None]).abs().sum(-1) <= SAME * total[:, None] + 1e-9
        near |= ((ordered[:, :i] > DRIVES) == (ordered[:, i, None] > DRIVES)).all(-1)
        same = near & (found[:, :i] > -torch.inf)
        found[:, i] = torch.where(same.any(-1), -torch.inf, found[:, i])
    return torch.empty_like(worth).scatter(1, order, found)


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


def _sets(patterns: int) -> Tensor:
    """Sets of patterns from which fits begin, [set, pattern]."""
    every = range(patterns)
    if patterns <= ALL_SETS:
        sizes: tuple[int, ...] = tuple(range(1, patterns + 1))
    else:
        sizes = (1, 2, *((3,) if patterns <= THREES else ()), patterns - 1, patterns)
    found = [one for k in sorted(set(sizes)) for one in combinations(every, k)]
    sets = torch.zeros(len(found), patterns, dtype=torch.float64)
    for i, one in enumerate(found):
        sets[i, list(one)] = 1.0
    return sets
