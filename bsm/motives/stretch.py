"""A stretch of equal selection steps: weights, then drift, again and again; and where shares stand at every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine.logs import log_of
from bsm.engine.temporal import power

ENTRIES = 1 << 20  # of the powers held at once
SHORTEST, LONGEST = 64, 4096  # steps that one set of powers serves: powers cost more than the products with them
NEAR_ONE = 1e-9  # how far sums of probabilities may be from one


@dataclass(frozen=True, eq=False)
class Stretch:
    """Equal steps of selection and drift under the replicator, then an optional gate.

    A step multiplies the share of motivation i by exp(log_weights[i]) and then moves it to j with probability
    drift[i, j]. A fraction r of a step weighs by exp(r log_weights) and drifts by (1 - r) I + r drift, after the whole
    steps. `gate`, once at the end, multiplies shares by exp(gate): an audit or a decision, with steps = 0 where no
    selection goes before it.

    Attributes:
        log_weights: [draw, motivation] in nats, up to a constant; -inf for what is never selected.
        drift: [draw, motivation, motivation], rows summing to one, [now, next]; None for no drift.
        steps: at least 0, a number or [draw].
        gate: [draw, motivation] in nats, or None.

    A leading axis of one, or none, serves all draws.
    """

    log_weights: Tensor
    drift: Tensor | None = None
    steps: float | Tensor = 1.0
    gate: Tensor | None = None

    def __post_init__(self) -> None:
        check_log("log_weights", self.log_weights)
        if self.gate is not None:
            check_log("gate", self.gate)
        if self.drift is not None:
            check_drift(self.drift, self.log_weights.shape[-1])
        times = torch.as_tensor(self.steps, dtype=torch.float64)
        if not bool(((times >= 0) & (times < torch.inf)).all()):
            raise ValueError(f"steps is {self.steps}; a stretch has a finite number of steps, at least 0")


class Part(NamedTuple):
    """A run of steps: weights before each of them, as shares and the log of their sum."""

    first: int
    shares: Tensor  # [..., step, state], each summing to one (zero where nothing is left)
    log_mass: Tensor  # [..., step] nats


def operator(log_weights: Tensor, drift: Tensor | None) -> tuple[Tensor, Tensor]:
    """One step as a matrix [..., now, next], and the nats per step that it leaves out: its largest weight is one."""
    top = log_weights.detach().amax(-1, keepdim=True)
    if bool((top == -torch.inf).any()):
        raise ValueError("no motivation can be selected in this stretch: all its log_weights are -inf")
    weights = (log_weights - top).exp()
    return (torch.diag_embed(weights) if drift is None else weights.unsqueeze(-1) * drift), top.squeeze(-1)


def along(weights: Tensor, matrix: Tensor, last: int) -> Iterator[Part]:
    """Weights before steps 0, 1, ..., last of a repeated operator, in parts that fit in memory.

    The powers of one part serve all parts, each row with its own scale, so that nothing underflows.

    Args:
        weights: [..., state], at least 0, any positive sum. matrix: [..., state, state], of the same batch axes.
        last: at least 0.
    """
    states = matrix.shape[-1]
    batch = torch.broadcast_shapes(weights.shape[:-1], matrix.shape[:-2])
    most = max(2, min(LONGEST, ENTRIES // max(1, batch.numel() * states * states)))
    log_mass = torch.zeros(batch, dtype=torch.float64, device=weights.device)
    now, first, length = weights.double().expand(*batch, states), 0, 0
    while first <= last:
        if length < min(most, last + 1 - first):  # short parts at first, for who looks for an early step
            length = min(most, max(SHORTEST, 8 * length), last + 1 - first)
            powers = power(matrix.unsqueeze(-3), torch.arange(length + 1, device=matrix.device))
        log_rows = log_of(now).unsqueeze(-2) + powers.log_scale  # [..., step, state]
        top = log_rows.amax(-1, keepdim=True)
        left = (log_rows - top.masked_fill(top == -torch.inf, 0.0)).exp()
        total = left.sum(-1)
        shares = ((left / total.clamp_min(1e-300).unsqueeze(-1)).unsqueeze(-2) @ powers.matrix).squeeze(-2)
        mass = log_mass.unsqueeze(-1) + top.squeeze(-1) + log_of(total)
        count = min(length, last + 1 - first)
        yield Part(first, shares[..., :count, :], mass[..., :count])
        now, log_mass, first = shares[..., length, :], mass[..., length], first + length


def check_shares(name: str, shares: Tensor) -> None:
    if not bool(((shares >= 0) & ((shares.sum(-1, keepdim=True) - 1).abs() <= NEAR_ONE)).all()):
        raise ValueError(f"{name} are shares: at least 0 and, along the last axis, summing to one; divide by their sum")


def check_log(name: str, values: Tensor) -> None:
    if not values.ndim or not bool((values < torch.inf).all()):
        raise ValueError(f"{name} are logs of weights, in nats, [draw, motivation]: numbers or -inf, never +inf or NaN")


def check_drift(drift: Tensor, states: int) -> None:
    if drift.ndim < 2 or drift.shape[-2:] != (states, states):
        raise ValueError(f"drift needs shape [draw, {states}, {states}], [now, next]; got {tuple(drift.shape)}")
    if not bool((drift >= 0).all()) or not bool(((drift.sum(-1) - 1).abs() <= NEAR_ONE).all()):
        raise ValueError("each row of drift holds probabilities of the next motivation: at least 0 and summing to one")
