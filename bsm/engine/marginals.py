"""The marginals of all variables at once: what the evidence changes by, as each state is weighted more.

P(x = s, evidence) = w(s) dP(evidence)/dw(s) where w are the weights of x, ones where it is not observed; so one pass
back through the elimination gives every marginal.

Source: Darwiche (2003), "A differential approach to inference in Bayesian networks", JACM 50(3), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from bsm.engine.contraction import question
from bsm.engine.elimination import eliminated
from bsm.network.tables import Network


def all_marginals(
    network: Network, weights: Mapping[str, Tensor], rows: int, max_bytes: int
) -> tuple[dict[str, Tensor], Tensor]:
    """P(variable | evidence) [draw, row, state] of every variable, and log evidence [draw, row].

    An impossible row has marginals of zero and a log evidence of -inf.

    Args:
        weights: [draw or 1, row or 1, state] of the variables about which something was seen.

    Raises:
        TooLarge: not even one row fits in `max_bytes`.
    """
    step = _rows_at_once(network, weights, max_bytes)
    parts = [_some(network, weights, start, min(step, rows - start), max_bytes) for start in range(0, rows, step)]
    found = {n: torch.cat([marginals[n] for marginals, _ in parts], 1) for n in network.variables}
    return found, torch.cat([log_p for _, log_p in parts], 1)


def _rows_at_once(network: Network, weights: Mapping[str, Tensor], max_bytes: int) -> int:
    """How many rows fit, from what one of them needs."""
    one = _full(network, {n: w[:, :1] for n, w in weights.items()}, 1)
    with torch.enable_grad():
        needed = question(network, (), {n: w.requires_grad_() for n, w in one.items()}).bytes(wide=False)
    return max(1, max_bytes // (2 * needed))


def _full(network: Network, weights: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
    """Weights [draw, row, state] of every variable, each a tensor of its own."""
    draws = max((network.draws, *(len(w) for w in weights.values())))
    found = {}
    for name, variable in network.variables.items():
        ones = torch.ones(1, 1, len(variable.states), dtype=torch.float64, device=network.device)
        found[name] = weights.get(name, ones).expand(draws, rows, -1).clone()
    return found


def _some(
    network: Network, weights: Mapping[str, Tensor], start: int, count: int, max_bytes: int
) -> tuple[dict[str, Tensor], Tensor]:
    follow = torch.is_grad_enabled() and any(t.values.requires_grad for t in network.tables.values())
    follow = follow or (torch.is_grad_enabled() and any(w.requires_grad for w in weights.values()))
    here = {n: w if w.shape[1] == 1 else w[:, start : start + count] for n, w in weights.items()}
    with torch.enable_grad():
        full = {n: w if w.requires_grad else w.requires_grad_() for n, w in _full(network, here, count).items()}
        values, log_scale = eliminated(network, (), full, count, max_bytes)
        zero = values == 0
        log_p = values.masked_fill(zero, 1.0).log() + log_scale
        slopes = torch.autograd.grad(log_p.sum(), list(full.values()), create_graph=follow)
    marginals = {n: w * slope for (n, w), slope in zip(full.items(), slopes, strict=True)}
    log_p = log_p.masked_fill(zero, -math.inf)
    if not follow:
        return {n: m.detach() for n, m in marginals.items()}, log_p.detach()
    return marginals, log_p
