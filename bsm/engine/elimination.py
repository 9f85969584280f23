"""Posteriors by eliminating variables with the rows as one more axis: for whatever no table can hold.

Sum-product elimination over named axes (Koller & Friedman 2009, chapter 9) as batched matrix products, with weights in
place of observed states (virtual evidence, Pearl 1988 section 2.2.2). Differentiable in tables and weights.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bsm.engine.contraction import answered, question
from bsm.engine.errors import ImpossibleEvidence
from bsm.engine.factors import RangeLost, narrowed
from bsm.engine.impossible import impossible_configurations
from bsm.network.tables import Network, NetworkError


def eliminated(
    network: Network, target: Sequence[str], weights: Mapping[str, Tensor], rows: int, max_bytes: int | None
) -> tuple[Tensor, Tensor]:
    """P(target, evidence) as values [draw, row, *target] and log_scale [draw, row]: P = values * exp(log_scale).

    The largest value of each draw and row lies in [0.5, 1], or is 0 where the evidence is impossible. Exact zeros stay
    zeros; a cell over 1e307 times smaller than the largest is 0. The scale is a constant to autograd. Rows, then draws,
    are taken in parts to stay within `max_bytes`.

    Args:
        weights: [draw or 1, row or 1, state] per variable.

    Raises:
        TooLarge: an intermediate table would not fit; raised before anything is allocated.
    """
    asked = question(network, target, weights)
    draws = max((network.draws, *(len(w) for w in weights.values())))
    if not asked.tensors:
        one = torch.ones(draws, rows, dtype=torch.float64, device=network.device)
        return one, torch.zeros_like(one)
    try:
        values, log_scale = answered(asked, wide=False, max_bytes=max_bytes)
    except RangeLost:
        mantissa, exponent = answered(asked, wide=True, max_bytes=max_bytes)
        values, log_scale = narrowed(mantissa, exponent, range(2, mantissa.ndim))
        log_scale = log_scale.reshape(log_scale.shape[:2])
    return values.expand(draws, rows, *values.shape[2:]), log_scale.expand(draws, rows)


Names = str | Sequence[str]


def conditional(
    network: Network, target: Names, given: Names, impossible: str = "error", *, max_bytes: int | None = None
) -> Tensor:
    """P(target | given) at every configuration of the given variables, as one table.

    Args:
        impossible: what to do where P(given) = 0: "error", or "nan" to answer NaN there.
        max_bytes: memory the query may use; a quarter of the machine's where not given.

    Returns:
        [draw, *given, *target], summing to one over the target axes.

    Raises:
        ImpossibleEvidence: P(given) = 0; the message names the configuration and the zero responsible.
        TooLarge: an intermediate table would not fit.
        NetworkError: an unknown or repeated variable.
    """
    if impossible not in ("error", "nan"):
        raise ValueError(f"impossible={impossible!r} is not one of 'error', 'nan'")
    given, target = names_of(network, given), names_of(network, target)
    asked = question(network, names_of(network, (*given, *target)), {})
    if not asked.tensors:
        return torch.ones(asked.sizes[:1], dtype=torch.float64, device=network.device)
    dims = list(range(2 + len(given), 2 + len(given) + len(target)))
    try:
        values, _ = answered(asked, wide=False, max_bytes=max_bytes)
    except RangeLost:  # each configuration gets its own scale, so a rare one is not lost beside a common one
        values, _ = narrowed(*answered(asked, wide=True, max_bytes=max_bytes), dims)
    total = values.sum(dims, keepdim=True) if target else values
    zero = total == 0
    if impossible == "error" and bool(zero.any()):
        there = zero.reshape(zero.shape[0], *zero.shape[2 : 2 + len(given)])
        raise ImpossibleEvidence(impossible_configurations(network, given, there))
    # divided by one where impossible, so that NaN there does not spread to the gradient of the tables
    found = values / total.masked_fill(zero, 1.0)
    return found.masked_fill(zero, math.nan).squeeze(1)


def names_of(network: Network, names: Names) -> tuple[str, ...]:
    """The names, each a variable and none twice."""
    found = (names,) if isinstance(names, str) else tuple(names)
    for name in found:
        network.variable(name)
    if twice := [n for n, times in Counter(found).items() if times > 1]:
        raise NetworkError(f"{twice[0]} is asked for twice in {list(found)}; name each variable once")
    return found
