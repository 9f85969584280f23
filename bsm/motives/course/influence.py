"""Influence of a pattern: how far the policy moves when the pattern is taken out (theory d1, after footnote 2).

E over contexts of KL(pi without m || pi). A share only stands for it: a pattern that others can replace has a share
and no influence.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.motives.course.votes import Ballot

FILLS = ("others", "base")


def of_mixture(shares: Tensor, policies: Tensor, base: Tensor, often: Tensor, filled_by: str = "others") -> Tensor:
    """Influence of each pattern where each episode is driven by one pattern drawn from the shares, [draw, m] nats.

    Args:
        shares: [draw, m].
        policies: pi_m(a | c), [draw, m, situation, action].
        base: pi_0(a | c), [draw, situation, action].
        often: P(c), [draw, situation].
        filled_by: who acts in the episodes that the pattern drove: the others in proportion to their shares (the
            base policy where there is no other), or the base policy.
    """
    _check(filled_by)
    whole = torch.einsum("dm,dmca->dca", *_same(shares, policies))[:, None]
    own = shares[:, :, None, None] * policies
    rest = (whole - own).clamp_min(0.0)
    if filled_by == "base":
        without = rest + shares[:, :, None, None] * base[:, None]
    else:
        left = (shares.sum(-1, keepdim=True) - shares).clamp_min(0.0)[:, :, None, None]
        alone = left <= 1e-15
        without = torch.where(alone, base[:, None], rest / torch.where(alone, 1.0, left))
    return _mean_kl(without, whole, often)


def of_votes(shares: Tensor, ballot: Ballot, often: Tensor, filled_by: str = "base") -> Tensor:
    """Influence of each pattern where all vote at once, [draw, m] nats.

    Args:
        filled_by: "base": its votes are gone (its weight is zeroed, the others' stay, as an ablation does);
            "others": theirs grow in proportion, to a sum of one.
    """
    _check(filled_by)
    m = shares.shape[-1]
    kept = shares[:, None, :] * (1 - torch.eye(m, dtype=torch.float64))
    if filled_by == "others":
        left = kept.sum(-1, keepdim=True)
        kept = kept / torch.where(left > 0, left, 1.0)
    without = torch.stack([ballot.log_policy(kept[:, i]).exp() for i in range(m)], 1)
    return _mean_kl(without, ballot.log_policy(shares).exp()[:, None], often)


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) in nats along the last axis; inf where p can and q cannot."""
    shape = torch.broadcast_shapes(p.shape, q.shape)
    p, q = p.expand(shape), q.expand(shape)
    impossible = (p > 0) & (q <= 0)
    ratio = torch.where((p > 0) & (q > 0), p / torch.where(q > 0, q, 1.0), 1.0)
    return torch.where(impossible.any(-1), torch.inf, (p * ratio.log()).sum(-1).clamp_min(0.0))


def _mean_kl(without: Tensor, whole: Tensor, often: Tensor) -> Tensor:
    """[draw, m]; contexts that never occur do not count."""
    found = kl(without, whole)
    weights = often[:, None, :].expand(found.shape[0], found.shape[1], -1)
    return torch.where(weights > 0, weights * found, 0.0).sum(-1)


def _same(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    draws = max(len(a), len(b))
    return a.expand(draws, *a.shape[1:]), b.expand(draws, *b.shape[1:])


def _check(filled_by: str) -> None:
    if filled_by not in FILLS:
        raise ValueError(f"filled_by is {filled_by!r}; it is one of {list(FILLS)}")
