"""Whole configurations given the evidence: the most probable one, and draws from the posterior.

Rows are taken together by which cells are blank, for each such pattern leaves another set of variables open; as many
at once as fit in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine.buckets import (
    BYTES,
    Choose,
    LogFactor,
    Order,
    backward,
    drawn_by,
    elimination_order,
    forward,
    most_probable,
)
from bsm.engine.contraction import ancestors_of, readable
from bsm.engine.errors import TooLarge
from bsm.engine.plan import Axes
from bsm.network.tables import Network


class MostProbable(NamedTuple):
    """`codes` [row, target], the most probable joint state of the targets; `log_probability` [row] is the log of its
    posterior probability, in nats; `log_evidence` [row] as in any answer.

    All have a leading axis of parameter draws where the network has more than one. An impossible row that is masked
    has codes of -1 and logs of -inf.
    """

    codes: Tensor
    log_probability: Tensor
    log_evidence: Tensor


@dataclass(frozen=True, eq=False)
class _Opened:
    """Rows with one pattern of blanks: the factors at what they saw, and the variables that are open."""

    network: Network
    names: tuple[str, ...]
    factors: tuple[LogFactor, ...]
    rows: int

    def groups(self, target: Sequence[str]) -> tuple[Axes, Axes]:
        """The open variables that are no target, and those that are."""
        asked = {i for i, n in enumerate(self.names) if n in set(target)}
        return tuple(i for i in range(len(self.names)) if i not in asked), tuple(sorted(asked))

    @property
    def sizes(self) -> dict[int, int]:
        return {i: len(self.network.variables[n].states) for i, n in enumerate(self.names)}

    def order(self, *groups: Axes) -> Order:
        """One group eliminated after the other."""
        return elimination_order([f.axes for f in self.factors], self.sizes, groups)


def most_probable_states(
    network: Network,
    target: Sequence[str],
    seen: Sequence[str],
    codes: Tensor,
    soft: Mapping[str, Tensor],
    max_bytes: int,
) -> MostProbable:
    """As `Query.most_probable`, always with an axis of draws."""
    draws = _draws(network, soft)
    found = torch.full((draws, len(codes), len(target)), -1, dtype=torch.int64, device=codes.device)
    best = torch.full((draws, len(codes)), -math.inf, dtype=torch.float64, device=codes.device)
    evidence = best.clone()
    for at, opened in _opened_rows(network, target, seen, codes, soft, 1, True, max_bytes):
        states, log_joint, log_evidence = _best(opened, target, draws)
        codes_here = _targets(opened, target, seen, codes[at], states, draws, 1)[:, :, 0]
        possible = (log_evidence > -math.inf).expand(draws, opened.rows)
        evidence[:, at] = log_evidence.expand(draws, opened.rows)
        gap = torch.where(possible, log_joint - log_evidence, -math.inf)
        best[:, at] = gap.clamp(max=0.0)
        found[:, at] = torch.where(possible.unsqueeze(-1), codes_here, -1)
    return MostProbable(found, best, evidence)


def _best(opened: _Opened, target: Sequence[str], draws: int) -> tuple[dict[int, Tensor], Tensor, Tensor]:
    """The states of the targets, the log of their joint probability with the evidence, and of the evidence."""
    hidden, asked = opened.groups(target)
    log_evidence = forward(opened.factors, opened.order((*hidden, *asked)).axes, frozenset())[1]
    buckets, log_joint = forward(opened.factors, opened.order(hidden, asked).axes, frozenset(asked))
    return backward(buckets[len(hidden) :], draws, opened.rows, 1, most_probable), log_joint, log_evidence


def posterior_samples(
    network: Network,
    target: Sequence[str],
    seen: Sequence[str],
    codes: Tensor,
    soft: Mapping[str, Tensor],
    count: int,
    seed: int,
    max_bytes: int,
) -> tuple[Tensor, Tensor]:
    """As `Query.sample`: codes [count, draw, row, target], and log evidence [draw, row]."""
    draws = _draws(network, soft)
    generator = torch.Generator(device=codes.device).manual_seed(seed)
    choose: Choose = drawn_by(generator)
    found = torch.full((draws, len(codes), count, len(target)), -1, dtype=torch.int64, device=codes.device)
    evidence = torch.full((draws, len(codes)), -math.inf, dtype=torch.float64, device=codes.device)
    for at, opened in _opened_rows(network, target, seen, codes, soft, count, False, max_bytes):
        states, log_evidence = _drawn(opened, draws, count, choose)
        evidence[:, at] = log_evidence.expand(draws, opened.rows)
        possible = (evidence[:, at] > -math.inf)[..., None, None]
        found[:, at] = torch.where(possible, _targets(opened, target, seen, codes[at], states, draws, count), -1)
    return found.movedim(2, 0), evidence


def _drawn(opened: _Opened, draws: int, count: int, choose: Choose) -> tuple[dict[int, Tensor], Tensor]:
    """States of all open variables, drawn one given the other, and the log of the evidence."""
    order = opened.order(tuple(range(len(opened.names))))
    buckets, log_evidence = forward(opened.factors, order.axes, frozenset())
    return backward(buckets, draws, opened.rows, count, choose), log_evidence


def _draws(network: Network, soft: Mapping[str, Tensor]) -> int:
    return max((network.draws, *(len(w) for w in soft.values())))


def _opened_rows(
    network: Network,
    target: Sequence[str],
    seen: Sequence[str],
    codes: Tensor,
    soft: Mapping[str, Tensor],
    count: int,
    apart: bool,
    max_bytes: int,
) -> Iterator[tuple[Tensor, _Opened]]:
    """Row numbers and factors for each pattern of blanks, as many rows at once as fit.

    Args:
        count: results per row.
        apart: whether targets are eliminated after all others.

    Raises:
        TooLarge: not even one row fits.
    """
    blank = codes < 0
    if not blank.numel():  # torch finds no unique rows among none, or of no columns
        patterns, which = blank[:1], torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
    else:
        patterns, which = blank.unique(dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        at = (which == number).nonzero()[:, 0]
        columns = {n: c for c, n in enumerate(seen) if not bool(pattern[c])}

        def opened(some: Tensor, columns: Mapping[str, int] = columns) -> _Opened:
            return _opened(network, target, columns, codes[some], {n: _rows(w, some) for n, w in soft.items()})

        for part in at.split(_rows_at_once(opened(at[:1]), target, _draws(network, soft), count, apart, max_bytes)):
            yield part, opened(part)


def _rows(weights: Tensor, at: Tensor) -> Tensor:
    return weights if weights.shape[1] == 1 else weights[:, at]


def _opened(
    network: Network, target: Sequence[str], columns: Mapping[str, int], codes: Tensor, soft: Mapping[str, Tensor]
) -> _Opened:
    relevant = ancestors_of(network, (*target, *columns, *soft))
    names = tuple(n for n in relevant if n not in columns)
    axis = {n: i for i, n in enumerate(names)}
    factors = [LogFactor((), torch.zeros(1, 1, dtype=torch.float64, device=codes.device))]
    factors += [_at_codes(network.tables[n].values, network.tables[n].axes, columns, codes, axis) for n in relevant]
    for name, weights in soft.items():
        if name in columns:
            state = codes[:, columns[name]].reshape(1, -1, 1).expand(len(weights), -1, 1)
            picked = weights.expand(-1, len(codes), -1).gather(2, state)[..., 0]
            factors.append(LogFactor((), picked.log()))
        else:
            factors.append(LogFactor((axis[name],), weights.log()))
    return _Opened(network, names, tuple(factors), len(codes))


def _at_codes(
    values: Tensor, axes: Sequence[str], columns: Mapping[str, int], codes: Tensor, axis: Mapping[str, int]
) -> LogFactor:
    """A table at what each row saw: [draw, row or 1, *open axes] in logs."""
    seen = [n for n in axes if n in columns]
    still = [n for n in axes if n not in columns]
    order = [1 + axes.index(n) for n in (*seen, *still)]
    moved = values.permute(0, *order)
    lead, rest = moved.shape[1 : 1 + len(seen)], moved.shape[1 + len(seen) :]
    at = torch.zeros(len(codes) if seen else 1, dtype=torch.int64, device=codes.device)
    for name, size in zip(seen, lead, strict=True):
        at = at * size + codes[:, columns[name]]
    picked = moved.reshape(len(values), -1, *rest).index_select(1, at)
    return LogFactor(tuple(axis[n] for n in still), picked.log())


def _targets(
    opened: _Opened,
    target: Sequence[str],
    seen: Sequence[str],
    codes: Tensor,
    states: Mapping[int, Tensor],
    draws: int,
    count: int,
) -> Tensor:
    """[draw, row, count, target]: the states found, and the codes of targets that were seen."""
    columns = []
    for name in target:
        if name in opened.names:
            columns.append(states[opened.names.index(name)])
        else:
            code = codes[:, list(seen).index(name)].to(torch.int64)
            columns.append(code.reshape(1, -1, 1).expand(draws, -1, count))
    empty = torch.empty(draws, len(codes), count, 0, dtype=torch.int64, device=codes.device)
    return torch.stack(columns, -1) if columns else empty


def _rows_at_once(one: _Opened, target: Sequence[str], draws: int, count: int, apart: bool, max_bytes: int) -> int:
    """How many rows like this one fit: their buckets are all kept for the way back."""
    hidden, asked = one.groups(target)
    order = one.order(hidden, asked) if apart else one.order((*hidden, *asked))
    sizes = one.sizes
    cells = math.prod(sizes[a] for a in order.largest)
    results = count * (len(sizes) + len(target) + 5 * max(sizes.values(), default=1))
    needed = BYTES * draws * (order.cells + 3 * cells + results)
    if needed > max_bytes:
        listed = ", ".join(f"{one.names[a]} ({sizes[a]})" for a in order.largest)
        raise TooLarge(
            f"this needs about {readable(needed)} for one row and may use {readable(max_bytes)} (max_bytes): "
            f"{len(order.largest)} variables meet in one table of {cells:,} cells, for {draws} draw(s) and {count:,} "
            f"result(s): {listed}. Remedy: observe more, cut edges with do(), give nodes fewer parents, ask for fewer "
            "results, or raise max_bytes"
        )
    return max_bytes // needed
