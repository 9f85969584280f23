"""Likelihood of an AI's episodes under the readings of its shares, from one driving pattern to a fixed mixture.

Weights w say which share of influence each pattern has among AIs of this kind. One family of readings says how they
are spread within an AI, whose own shares are s ~ Dirichlet(alpha w), each episode driven by one pattern drawn from s:

    alpha -> 0           hypothesis    one pattern drives all episodes of an AI: sum_m w_m prod_i p_m(x_i)
    alpha                dirichlet     E_s prod_i sum_m s_m p_m(x_i)
    alpha -> infinity    mixture       every AI has the same shares: prod_i sum_m w_m p_m(x_i)

For one episode all readings agree. `none_of_these` has no share and is no part of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.motives import assignments
from bsm.motives.own_shares.mean import mean
from bsm.motives.stretch import check_shares

Method = Literal["auto", "exact", "points"]
MOST_TERMS = 20_000_000  # of an exact sum, all draws together
POINTS = 32_768


class Reading(NamedTuple):
    """What a reading says of the episodes of one AI.

    log_likelihood: nats, [draw], or [draw, alpha] for several alphas; -inf where the reading rules the episodes out.
    shares: mean of s given the episodes, [draw, pattern] or [draw, alpha, pattern]: also P(pattern drives the AI's next
        episode). They sum to one; all zero where the episodes are ruled out.
    error: standard error of log_likelihood; 0 where it is exact.
    """

    log_likelihood: Tensor
    shares: Tensor
    error: Tensor


def dirichlet(
    log_likelihood: Tensor,
    weights: Tensor,
    alpha: float | Tensor,
    counts: Tensor | None = None,
    method: Method = "auto",
    points: int = POINTS,
    seed: int = 0,
) -> Reading:
    """The reading at concentration alpha: 0 is `hypothesis`, infinity is `mixture`, both exactly.

    Exact by summing over how many episodes each pattern drove, where there are few; else by quasi-random points
    (differentiable too, the points being held). A weight of 0 stays 0 and gets gradient 0.

    Args:
        log_likelihood: log p_m(x_i) in nats, [draw, item, pattern]; -inf allowed.
        weights: w, [draw, pattern], summing to one.
        alpha: from 0 to infinity, a number or [alpha].
        counts: episodes that each item stands for, [item], one each by default; other than whole numbers need points.
        method: "exact", "points", or "auto": exact if that takes at most MOST_TERMS terms.
        points: about how many of each draw, in eight scramblings. seed: of the scramblings.

    Raises:
        ValueError: shapes that do not fit, weights that do not sum to one, negative or NaN alpha or counts, +inf or NaN
            log-likelihoods, an exact sum that is too long, or fewer than 20 effective points.

    >>> told_apart = torch.tensor([[[0.9, 0.1], [0.1, 0.9]]]).double().log()
    >>> even = torch.tensor([[0.5, 0.5]]).double()
    >>> dirichlet(told_apart, even, torch.tensor([0.0, 2.0, torch.inf])).log_likelihood.exp()
    tensor([[0.0900, 0.1967, 0.2500]], dtype=torch.float64)
    """
    x, w, n = _checked(log_likelihood, weights, counts)
    alphas = torch.as_tensor(alpha, dtype=torch.float64, device=x.device)
    if alphas.ndim > 1 or not bool((alphas >= 0).all()):
        raise ValueError("alpha is a number or a row of numbers, from 0 (hypothesis) to infinity (mixture)")
    summed = _exactly(x, n, method)
    coefficients = assignments.log_coefficients(x, n) if summed else None
    found = []
    for one in alphas.reshape(-1):
        if float(one.detach()) in (0.0, torch.inf):
            found.append((hypothesis if one == 0 else mixture)(x, w, n))
        elif coefficients is not None:
            log_mean, shares = assignments.log_mean(coefficients, one * w, int(n.sum()))
            found.append(Reading(log_mean, shares, torch.zeros_like(log_mean.detach())))
        else:
            found.append(_by_points(x, n, one * w, points, seed))
    if not alphas.ndim:
        return found[0]
    return Reading(
        torch.stack([r.log_likelihood for r in found], 1),
        torch.stack([r.shares for r in found], 1),
        torch.stack([r.error for r in found], 1),
    )


def hypothesis(log_likelihood: Tensor, weights: Tensor, counts: Tensor | None = None) -> Reading:
    """One pattern drives every episode of an AI: the limit alpha -> 0. Arguments as in `dirichlet`."""
    x, w, n = _checked(log_likelihood, weights, counts)
    each = log_of(w) + _times(n.unsqueeze(-1), x).sum(-2)
    total = log_sum(each, -1)
    shares = (each - total.masked_fill(total == -torch.inf, 0.0).unsqueeze(-1)).exp()
    return Reading(total, shares, torch.zeros_like(total.detach()))


def mixture(log_likelihood: Tensor, weights: Tensor, counts: Tensor | None = None) -> Reading:
    """Each episode of every AI is driven by a pattern drawn from w: the limit alpha -> infinity."""
    x, w, n = _checked(log_likelihood, weights, counts)
    total = _times(n, log_sum(log_of(w).unsqueeze(-2) + x, -1)).sum(-1)
    possible = (total > -torch.inf).unsqueeze(-1)
    return Reading(total, torch.where(possible, w.expand(*total.shape, -1), 0.0), torch.zeros_like(total.detach()))


def side_by_side(log_likelihood: Tensor, weights: Tensor, counts: Tensor | None = None) -> Mapping[str, Reading]:
    """Both ends of the family, to be reported together where alpha is not identified."""
    return {
        "hypothesis": hypothesis(log_likelihood, weights, counts),
        "mixture": mixture(log_likelihood, weights, counts),
    }


def drivers(shares: Tensor, log_likelihood: Tensor) -> Tensor:
    """P(pattern drove an episode | the episode, the AI's earlier ones): [draw, item, pattern], each a next episode.

    Args:
        shares: of a `Reading` of the earlier episodes, [draw, pattern]. log_likelihood: [draw, item, pattern].

    Raises:
        ValueError: an episode that no pattern with a share could have done.
    """
    each = log_of(shares).unsqueeze(-2) + log_likelihood.double()
    if bool((each.amax(-1) == -torch.inf).any()):
        raise ValueError("an episode has probability 0 under every pattern with a share: no pattern drove it")
    return each.softmax(-1)


def _by_points(x: Tensor, n: Tensor, shape: Tensor, points: int, seed: int) -> Reading:
    draws, met = max(x.shape[0], shape.shape[0]), n > 0
    items, a = x.expand(draws, -1, -1)[:, met], shape.expand(draws, -1)
    best = items.detach().masked_fill(a.detach()[:, None] == 0, -torch.inf).amax(-1)
    possible = (best > -torch.inf).all(-1)
    rows = possible.nonzero().flatten()
    nats, shares = items.new_full((draws,), -torch.inf), torch.zeros_like(a)
    error = items.new_zeros(draws)
    if not len(rows):
        return Reading(nats, shares, error)
    found = mean(items[rows], n[met], a[rows], points, seed)
    return Reading(
        nats.index_put((rows,), found.log_mean),
        shares.index_put((rows,), found.shares),
        error.index_put((rows,), found.error),
    )


def _exactly(x: Tensor, n: Tensor, method: Method) -> bool:
    if method not in ("auto", "exact", "points"):
        raise ValueError(f"method {method!r} is not one of ['auto', 'exact', 'points']")
    whole = bool((n == n.round()).all())
    terms = x.shape[0] * assignments.work(int(n.sum().ceil()), x.shape[-1])
    if method == "exact" and not (whole and terms <= MOST_TERMS):
        raise ValueError(
            f"an exact sum needs whole counts and at most {MOST_TERMS:,} terms; these episodes take {terms:,}; "
            "use method='points', or fewer draws"
        )
    return method != "points" and whole and terms <= MOST_TERMS


def _times(count: Tensor, log_p: Tensor) -> Tensor:
    """count * log_p, with 0 episodes of what is impossible counting nothing."""
    return torch.where(count == 0, 0.0, count * log_p.masked_fill((count == 0).expand_as(log_p), 0.0))


def _checked(log_likelihood: Tensor, weights: Tensor, counts: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    x, w = log_likelihood.double(), weights.double()
    if (
        x.ndim != 3
        or w.ndim != 2
        or x.shape[-1] != w.shape[-1]
        or (x.shape[0] != w.shape[0] and 1 not in (x.shape[0], w.shape[0]))
    ):
        raise ValueError(
            "log_likelihood needs shape [draw, item, pattern] and weights [draw, pattern], as many patterns and draws; "
            f"got {tuple(x.shape)} and {tuple(w.shape)}"
        )
    check_shares("weights", w)
    if not bool((x < torch.inf).all()):
        raise ValueError("log-likelihoods are numbers or -inf, in nats, never +inf or NaN")
    n = torch.ones(x.shape[1], dtype=torch.float64, device=x.device) if counts is None else counts.double()
    if n.shape != x.shape[1:2] or not bool(((n >= 0) & (n < torch.inf)).all()):
        raise ValueError(f"counts needs one finite number of at least 0 for each of {x.shape[1]} items; got {counts}")
    return x, w, n
