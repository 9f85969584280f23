"""Rows of codes to answers: means and intervals over parameter draws, each row weighing the draws by its evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bsm.engine import Query
from bsm.inference.batch.question import Posed
from bsm.inference.batch.reasons import Reasons

IN_CALL = 2**26  # bytes that one call to the engine and its summary may take, about
COPIES = 6  # of the answer that a summary holds at once
LEVEL = 0.9


class Summary(NamedTuple):
    """`mean`, `low`, `high` [row, state]; `log_evidence` [row] in nats; and of each row, [row]:

    in how many draws it is possible, and `zero`, the first draw in which it is not (0 where it always is).
    """

    mean: Tensor
    low: Tensor
    high: Tensor
    log_evidence: Tensor
    possible: Tensor
    zero: Tensor


class Answers(NamedTuple):
    """`values` [answer, column] in the order of the columns; `masked` [answer], which of them have none."""

    values: np.ndarray
    log_evidence: np.ndarray
    masked: np.ndarray
    notes: Sequence[str] | None


class Impossible(Exception):
    """A row that cannot happen: its position and the reason."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True, eq=False)
class Asker:
    """A compiled question and the variables that rows observe, in the order of their codes."""

    posed: Posed
    query: Query
    seen: tuple[str, ...]
    mask: bool

    @cached_property
    def reasons(self) -> Reasons:
        return Reasons(self.posed, self.seen)

    def distinct(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(rows that stand for all, each the first of its kind and in order; which of them each row equals)."""
        sizes = [len(self.posed.network.variables[n].states) + 1 for n in self.seen]
        key, count = np.zeros(len(codes), dtype=np.int64), 1
        for column, size in zip(codes.T, sizes, strict=True):
            if count * size >= 2**62:
                _, key = np.unique(key, return_inverse=True)
                count = len(codes) + 1
            key, count = key * size + column + 1, count * size
        _, first, which = np.unique(key, return_index=True, return_inverse=True)
        order = first.argsort()
        return first[order], order.argsort()[which]

    def answers(self, codes: np.ndarray) -> Answers:
        """The answers to distinct rows of codes.

        Raises:
            Impossible: a row has probability zero in some draw, and rows are not masked.
        """
        found = self.summary(codes)
        draws = self.posed.network.draws
        spoiled = (found.possible < draws).numpy()
        if spoiled.any() and not self.mask:
            row = int(np.flatnonzero(spoiled)[0])
            raise Impossible(row, *self.reasons.of(codes[[row]], found.zero[[row]].numpy()))
        parts = [found.mean] if draws == 1 else [found.mean, found.low, found.high]
        values = torch.stack(parts, -1).flatten(1).numpy()
        masked = (found.possible == 0).numpy()
        notes = self._notes(codes, found) if self.mask else None
        return Answers(values, (found.log_evidence + self.posed.log_scale).numpy(), masked, notes)

    def summary(self, codes: np.ndarray) -> Summary:
        """Rows in as many calls as memory asks for."""
        draws, states = self.posed.network.draws, self.posed.count
        rows = max(1, IN_CALL // (8 * COPIES * draws * (states + 1)))
        parts = [self._summary(codes[i : i + rows]) for i in range(0, max(1, len(codes)), rows)]
        return Summary(*(torch.cat(each) for each in zip(*parts, strict=True)))

    def _summary(self, codes: np.ndarray) -> Summary:
        if not len(codes):
            none = torch.zeros(0, self.posed.count, dtype=torch.float64)
            count = torch.zeros(0, dtype=torch.int64)
            return Summary(none, none, none, none.sum(1), count, count)
        p, log_p = self.query.drawn(torch.from_numpy(self.posed.with_constants(codes)), on_impossible="mask")
        return summarised(p.flatten(2), log_p)

    def _notes(self, codes: np.ndarray, found: Summary) -> list[str]:
        draws, possible = self.posed.network.draws, found.possible.tolist()
        never = [i for i, n in enumerate(possible) if n == 0]
        reasons = dict(zip(never, self.reasons.of(codes[never], found.zero[never].numpy()), strict=True))
        return [
            ""
            if n == draws
            else reasons.get(i, f"impossible in {draws - n} of {draws} parameter draws, which have no weight")
            for i, n in enumerate(possible)
        ]


def columns_of(posed: Posed, draws: int, notes: bool) -> list[str]:
    """Names of the columns that answer: each joint state, with the ends of its interval; log evidence; notes."""
    names = state_names(posed)
    if draws > 1:
        names = [column for name in names for column in (name, f"{name} low", f"{name} high")]
    return [*names, "log_evidence", *(["note"] if notes else [])]


def state_names(posed: Posed) -> list[str]:
    """`node=state` of each joint state of the targets, in the order of the answers."""
    return [
        " & ".join(f"{node}={state}" for node, state in zip(posed.target, states, strict=True))
        for states in product(*posed.states)
    ]


def summarised(p: Tensor, log_p: Tensor) -> Summary:
    """Average over parameter draws given each row's evidence, and the central 90 % of the values over draws.

    Args:
        p: [draw, row, state]; zeros where the row is impossible.
        log_p: [draw, row] in nats, -inf there.
    """
    impossible = torch.isneginf(log_p)
    possible, zero = len(p) - impossible.sum(0), impossible.to(torch.int8).argmax(0)
    if len(p) == 1:
        return Summary(p[0], p[0], p[0], log_p[0], possible, zero)
    weights = torch.softmax(log_p.masked_fill(possible == 0, 0.0), 0)
    mean = (p * weights.unsqueeze(-1)).sum(0)
    low, high = intervals(p, weights)
    return Summary(mean, low, high, torch.logsumexp(log_p, 0) - math.log(len(p)), possible, zero)


def intervals(values: Tensor, weights: Tensor, level: float = LEVEL) -> tuple[Tensor, Tensor]:
    """Central interval of weighted values over the first axis, for every row and state at once.

    Args:
        values: [draw, row, state].
        weights: [draw, row], summing to one over draws.
    """
    ordered, order = values.permute(1, 2, 0).contiguous().sort(-1)
    below = weights.T.unsqueeze(1).expand(-1, values.shape[2], -1).gather(-1, order).cumsum(-1)
    tail, last = (1 - level) / 2, len(values) - 1

    def at(share: float) -> Tensor:
        place = (below < share).sum(-1, keepdim=True).clamp_(max=last)
        return ordered.gather(-1, place)[..., 0]

    return at(tail), at(1 - tail)
