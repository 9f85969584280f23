"""How low a prior a pattern may have that every environment rewards: a toy that tells the two dynamics apart.

D environments. In each, three patterns compete for influence: one *general* pattern, the same in all environments and
with one logit that they share; one *local* pattern; and the base policy of that environment. Both patterns earn reward
1 and the base policy 0, until P(reward) = `until`. The general pattern learns from D environments and the local one
from its own, but the general one starts rarer. At which prior do they end level?

    replicator    theta' = s - s_bar                 in logits, the shared one summed over environments
    softmax_pg    theta' = w (s - s_bar)             the same, in proportion to the influence that a pattern has

with w = softmax(theta) in each environment and s_bar = sum of w s.

**What s is.** In the replicator's line s is a *log*-fitness: shares grow by exp(s t), so a step multiplies them by
f = exp(s). In softmax_pg's line s is the expected reward itself. The toy puts the same numbers, 1 and 0, into both.
It does not put log f of a fitness f in {1, 0}, which for the base policy would be minus infinity and end training at
once. Elsewhere in the package a phase's fitness f is a probability and its replicator multiplies shares by f**eta (s =
eta log f), while its softmax_pg uses s = eta f: times of this toy are not steps of such a phase, and only where the
general and the local pattern end level is read from it.

What it shows: the threshold falls as 1/D under softmax_pg, a straight line of slope -1 between logarithms, and
exponentially in D under the replicator. A replicator overstates how easily diversity of environments makes up for a
low prior.

All environments being alike, one stands for all: logits are (general, local, base), last axis.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from typing import Literal

import torch
from torch import Tensor

from bsm.engine.temporal import flow

Dynamics = Literal["replicator", "softmax_pg"]
DYNAMICS: tuple[Dynamics, ...] = ("replicator", "softmax_pg")
LOCAL, UNTIL = 1e-2, 0.95
HALVINGS = 200  # of a bracket, below the spacing of float64 long before


def slopes(logits: Tensor, environments: Tensor, dynamics: Dynamics) -> Tensor:
    """The toy's differential equations: [..., 3] from logits [..., 3] and numbers of environments [...]."""
    share = logits.softmax(-1)
    reward = share[..., :2].sum(-1, keepdim=True)
    gain = torch.cat(
        [share[..., 2:].expand(*share.shape[:-1], 2), -reward], -1
    )  # s - s_bar: 1 - reward is base's share
    pull = share * gain if _known(dynamics) == "softmax_pg" else gain
    return torch.stack([pull[..., 0] * environments, pull[..., 1], pull[..., 2]], -1)


def trained(
    log10_general: float | Tensor,
    environments: float | Tensor,
    dynamics: Dynamics,
    local: float = LOCAL,
    until: float = UNTIL,
    tol: float = 1e-9,
) -> Tensor:
    """Shares (general, local, base) in an environment once training has reached P(reward) = `until`.

    Solved with log-odds of reward in place of time, for they rise in every solution: training stops exactly there.

    Args:
        log10_general: log10 of the prior share of the general pattern, as `threshold` gives it, and `environments`: D,
            at least 1; numbers or tensors that are broadcast. local: prior share of each local pattern.
        until: P(reward) at which to stop. tol: error allowed in each logit.

    Returns:
        [..., 3], summing to one.

    Raises:
        ValueError: priors that are not finite or already earn `until`, fewer environments than 1, or an unknown
            dynamics.

    >>> trained(-2.0, 1, "softmax_pg")
    tensor([0.4750, 0.4750, 0.0500], dtype=torch.float64)
    """
    shared, count = torch.broadcast_tensors(_float(log10_general) * log(10), _float(environments))
    _check(count, local, until)
    if not bool((shared.isfinite() & (shared.exp() + local < until)).all()):
        raise ValueError(
            f"priors of general and local must be positive and sum to less than until = {until:g}; local is {local:g}, "
            "and the general one is given as its log10"
        )
    start = torch.stack([shared, torch.full_like(shared, log(local)), torch.log1p(-shared.exp() - local)], -1)
    odds = start[..., :2].logsumexp(-1) - start[..., 2]
    end = flow(_per_log_odds(count, dynamics), start, log(until / (1 - until)) - odds, tol)
    return end.softmax(-1)


def threshold(environments: float | Tensor, dynamics: Dynamics, local: float = LOCAL, until: float = UNTIL) -> Tensor:
    """Log10 of the prior share at which the general pattern ends level with each local one.

    Each dynamics keeps a quantity constant, which leaves one equation in one unknown, solved by halving. With g, l, b
    for the logits, and H, B for the shares of general and base in units of the local pattern's:

        softmax_pg    exp(-g) - D exp(-l)   and   g / D + l + b
        replicator    H**(1 / (D - 1)) * (1 + B + H / D)

    Args:
        environments: D, at least 1, a number or any tensor. local, until: as in `trained`.

    Returns:
        Log10, in the shape of `environments`: not the prior itself, which under the replicator is soon too small for
        a float.

    Raises:
        ValueError: as `trained`.

    >>> threshold(torch.tensor([1.0, 2, 4, 8, 16, 32]), "softmax_pg")
    tensor([-2.0000, -2.2847, -2.5836, -2.8856, -3.1878, -3.4896],
           dtype=torch.float64)
    >>> threshold(torch.tensor([1.0, 2, 4, 8]), "replicator")
    tensor([ -2.0000,  -3.7944,  -7.6039, -15.3700], dtype=torch.float64)
    """
    count = _float(environments)
    _check(count, local, until)
    if 2 * local >= until:
        raise ValueError(f"a general prior as high as local = {local:g} already earns until = {until:g}; lower local")
    solve = _softmax_pg if _known(dynamics) == "softmax_pg" else _replicator
    return solve(count, log(local), until) / log(10)


def _softmax_pg(count: Tensor, local: float, until: float) -> Tensor:
    ratio = log(2 * (1 - until) / until)  # base against either pattern at the end, in logs

    def excess(general: Tensor) -> Tensor:
        base = torch.log1p(-general.exp() - exp(local))
        level = (general / count + local + base - ratio) / (1 / count + 2)  # of both logits at the end
        return (local - general).exp() - count + (count - 1) * (local - level).exp()

    return _root(excess, local - count.log(), torch.full_like(count, local))


def _replicator(count: Tensor, local: float, until: float) -> Tensor:
    end = (1 + 2 * (1 - until) / until + 1 / count).log()

    def excess(ahead: Tensor) -> Tensor:  # of general over local, in logs
        start = (exp(-local) - ahead.exp() * (1 - 1 / count)).log()
        return (count - 1) * (end - start) - ahead

    return local + _root(excess, (count - 1) * (end + local), torch.zeros_like(count))


def _root(excess: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Where a function that is positive just above `low` and negative at `high` changes sign, elementwise."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = excess(middle) > 0
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return (low + high) / 2


def _per_log_odds(count: Tensor, dynamics: Dynamics) -> Callable[[Tensor], Tensor]:
    def rate(logits: Tensor) -> Tensor:
        slope = slopes(logits, count, dynamics)
        rise = (logits[..., :2].softmax(-1) * slope[..., :2]).sum(-1) - slope[..., 2]
        return slope / rise.unsqueeze(-1)

    return rate


def _float(value: float | Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _known(dynamics: str) -> str:
    if dynamics not in DYNAMICS:
        raise ValueError(f"dynamics {dynamics!r} is not one of {list(DYNAMICS)}")
    return dynamics


def _check(count: Tensor, local: float, until: float) -> None:
    if not bool(((count >= 1) & (count < torch.inf)).all()):
        raise ValueError("there is at least one environment, and a finite number of them")
    if not 0 < local < until < 1:
        raise ValueError(f"0 < local < until < 1 is needed; got local = {local:g}, until = {until:g}")
