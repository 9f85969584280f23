"""The marginals of all variables at once: what the evidence changes by, as each state is weighted more.

P(x = s, evidence) = w(s) dP(evidence)/dw(s) where w are the weights of x, ones where it is not observed; so one pass
back through the elimination gives every marginal. Slopes may leave the range of float64 where probabilities do not;
the rows in which one did are answered again, slower, from the marginals of the elimination's own tables.

Source: Darwiche (2003), "A differential approach to inference in Bayesian networks", JACM 50(3), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from bsm.engine.buckets import BYTES, LogFactor, calibrated, elimination_order, forward
from bsm.engine.contraction import question
from bsm.engine.elimination import eliminated
from bsm.network.tables import Network

SUMS = 1e-9  # how far from one the marginals of a variable may sum


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
    if not network.variables:
        return {}, torch.zeros(1, rows, dtype=torch.float64, device=network.device)
    step = _rows_at_once(network, weights, max_bytes)
    parts = [_some(network, weights, start, min(step, rows - start), max_bytes) for start in range(0, rows, step)]
    if not parts:
        none = {n: w[:, :0] for n, w in _full(network, {n: w[:, :1] for n, w in weights.items()}, 1).items()}
        return none, torch.zeros(len(next(iter(none.values()))), 0, dtype=torch.float64, device=network.device)
    found = {n: torch.cat([marginals[n] for marginals, _ in parts], 1) for n in network.variables}
    log_evidence = torch.cat([log_p for _, log_p in parts], 1)
    lost = _lost(found, log_evidence).nonzero()[:, 0]
    if len(lost):
        followed = any(m.requires_grad for m in found.values())  # then no row may keep what has no gradient
        at = torch.arange(rows, device=network.device) if followed else lost
        again = _again(network, weights, at, max_bytes)
        found = again if followed else {n: m.index_copy(1, at, again[n]) for n, m in found.items()}
        impossible = torch.isneginf(log_evidence).unsqueeze(-1)  # also what is far from the zero
        found = {n: m.masked_fill(impossible, 0.0) for n, m in found.items()}
    return found, log_evidence


def _lost(marginals: Mapping[str, Tensor], log_evidence: Tensor) -> Tensor:
    """[row], whether the marginals of some variable do not sum to one where the evidence is possible."""
    wrong = torch.zeros_like(log_evidence, dtype=torch.bool)
    for found in marginals.values():
        wrong = wrong | ~((found.detach().sum(-1) - 1).abs() < SUMS)
    return (wrong & (log_evidence > -math.inf)).any(0)


def _again(network: Network, weights: Mapping[str, Tensor], rows: Tensor, max_bytes: int) -> dict[str, Tensor]:
    """The marginals of these rows, [draw, row, state], in logs."""
    axis = {n: i for i, n in enumerate(network.variables)}
    factors = [LogFactor(tuple(axis[a] for a in t.axes), t.values.unsqueeze(1).log()) for t in network.tables.values()]
    sizes = {axis[n]: len(v.states) for n, v in network.variables.items()}
    scopes = [f.axes for f in factors]
    order = elimination_order(scopes, sizes, [tuple(sizes)])
    draws = max((network.draws, *(len(w) for w in weights.values())))
    parts = []
    for some in rows.split(max(1, max_bytes // (8 * draws * order.cells * BYTES))):
        seen = [LogFactor((axis[n],), (w if w.shape[1] == 1 else w[:, some]).log()) for n, w in weights.items()]
        buckets, _ = forward([*factors, *seen], order.axes, frozenset())
        parts.append([m.expand(draws, len(some), -1) for m in calibrated(buckets)])
    return {n: torch.cat([part[i] for part in parts], 1) for n, i in axis.items()}


def _rows_at_once(network: Network, weights: Mapping[str, Tensor], max_bytes: int) -> int:
    """How many rows fit, from what one of them and a second need."""

    def needed(rows: int) -> int:
        full = _full(network, {n: w[:, :1] for n, w in weights.items()}, rows)
        return question(network, (), {n: w.requires_grad_() for n, w in full.items()}).bytes(wide=False)

    with torch.enable_grad():
        one, another = needed(1), needed(2)
    each = max(1, another - one)
    return max(1, (max_bytes - one) // each)


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
