"""Whole configurations given the evidence: the most probable one, and draws from the posterior.

Rows are taken together by which cells are blank, for each such pattern leaves another set of variables open.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine.buckets import BYTES, Choose, LogFactor, backward, drawn_by, elimination_order, forward, most_probable
from bsm.engine.contraction import ancestors_of, readable
from bsm.engine.errors import TooLarge
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

    def groups(self, first: Sequence[str], then: Sequence[str]) -> list[tuple[int, ...]]:
        return [tuple(self.names.index(n) for n in group if n in self.names) for group in (first, then)]

    @property
    def sizes(self) -> dict[int, int]:
        return {i: len(self.network.variables[n].states) for i, n in enumerate(self.names)}


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
    for at, opened in _patterns(network, target, seen, codes, soft):
        hidden, asked = opened.groups([n for n in opened.names if n not in target], target)
        order, largest = elimination_order([f.axes for f in opened.factors], opened.sizes, [hidden, asked])
        _refuse(opened, largest, draws, 1, max_bytes)
        buckets, log_joint = forward(opened.factors, order, frozenset(asked))
        states = backward(buckets[len(hidden) :], draws, opened.rows, 1, most_probable)
        codes_here = _targets(opened, target, seen, codes[at], states, draws, 1)[:, :, 0]
        plain, _ = elimination_order([f.axes for f in opened.factors], opened.sizes, [(*hidden, *asked)])
        log_evidence = forward(opened.factors, plain, frozenset())[1]
        possible = (log_evidence > -math.inf).expand(draws, opened.rows)
        evidence[:, at] = log_evidence.expand(draws, opened.rows)
        gap = torch.where(possible, log_joint - log_evidence, -math.inf)
        best[:, at] = gap.clamp(max=0.0)
        found[:, at] = torch.where(possible.unsqueeze(-1), codes_here, -1)
    return MostProbable(found, best, evidence)


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
    for at, opened in _patterns(network, target, seen, codes, soft):
        everything = tuple(range(len(opened.names)))
        order, largest = elimination_order([f.axes for f in opened.factors], opened.sizes, [everything])
        _refuse(opened, largest, draws, count, max_bytes)
        buckets, log_evidence = forward(opened.factors, order, frozenset())
        states = backward(buckets, draws, opened.rows, count, choose)
        evidence[:, at] = log_evidence.expand(draws, opened.rows)
        possible = (evidence[:, at] > -math.inf)[..., None, None]
        found[:, at] = torch.where(possible, _targets(opened, target, seen, codes[at], states, draws, count), -1)
    return found.movedim(2, 0), evidence


def _draws(network: Network, soft: Mapping[str, Tensor]) -> int:
    return max((network.draws, *(len(w) for w in soft.values())))


def _patterns(
    network: Network, target: Sequence[str], seen: Sequence[str], codes: Tensor, soft: Mapping[str, Tensor]
) -> Iterator[tuple[Tensor, _Opened]]:
    """Row numbers and factors for each pattern of blanks."""
    blank = codes < 0
    if not blank.numel():  # torch finds no unique rows among none, or of no columns
        patterns, which = blank[:1], torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
    else:
        patterns, which = blank.unique(dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        at = (which == number).nonzero()[:, 0]
        columns = {n: c for c, n in enumerate(seen) if not bool(pattern[c])}
        yield at, _opened(network, target, columns, codes[at], {n: _rows(w, at) for n, w in soft.items()})


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


def _refuse(opened: _Opened, largest: Sequence[int], draws: int, count: int, max_bytes: int) -> None:
    sizes = opened.sizes
    cells = math.prod(sizes[a] for a in largest)
    needed = 3 * BYTES * draws * opened.rows * max(cells, count * max(sizes.values(), default=1))
    if needed > max_bytes:
        listed = ", ".join(f"{opened.names[a]} ({sizes[a]})" for a in largest)
        raise TooLarge(
            f"this needs about {readable(needed)} and may use {readable(max_bytes)} (max_bytes): {len(largest)} "
            f"variables meet in one table of {cells:,} cells, for {draws} draw(s) of {opened.rows:,} row(s) with "
            f"{count} result(s) each: {listed}. Remedy: ask about fewer rows at once, observe more, or raise max_bytes"
        )
