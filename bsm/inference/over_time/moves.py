"""From one moment to the next inside a phase: what weights are multiplied by, and where drift carries them.

A move is in logs: [draw, state], what each state is multiplied by, or [draw, from, to]. States are motivations with
none_of_these last, times whether what was unexplored has been explored.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.engine.temporal import power
from bsm.motives.course.softmax import ascended
from bsm.motives.course.stages import Stage
from bsm.motives.course.step import log_gain, transition
from bsm.spec.model import SpecError

MOST_TRANSMITTED = 1000  # steps with transmission, each of which has its own matrix


def applied(log_weights: Tensor, move: Tensor | None) -> Tensor:
    """Log weights [draw, state] after a move."""
    if move is None:
        return log_weights
    if move.ndim == 2:
        return log_weights + move
    return log_sum(log_weights[:, :, None] + move, -2)


def multiplied(gain: Tensor, steps: Tensor) -> Tensor:
    """gain [draw, state] nats per step over steps [draw]; no steps multiply by one, whatever the gain."""
    lost = gain == -torch.inf
    found = steps[:, None] * torch.where(lost, 0.0, gain)
    return torch.where(lost & (steps[:, None] > 0), -torch.inf, found)


def drifted(stage: Stage, explored: int, gain: Tensor, steps: Tensor) -> Tensor:
    """Steps of selection by `gain` and drift: whole ones, then a fraction r as (1 - r) I + r Q, [draw, from, to]."""
    flow = transition(stage, explored)
    whole = steps.detach().floor()
    log_step = gain[:, :, None] + log_of(flow)
    top = log_step.detach().amax((-1, -2))
    top = torch.where(top == -torch.inf, 0.0, top)
    found = power((log_step - top[:, None, None]).exp(), whole)
    move = log_of(found.matrix) + found.log_scale[..., None] + (top * whole)[:, None, None]
    part = steps - whole
    return move if bool((part == 0).all()) else after(move, _fraction(gain, flow, part))


def _fraction(gain: Tensor, flow: Tensor, part: Tensor) -> Tensor:
    eye = torch.eye(flow.shape[-1], dtype=torch.float64)
    r = part[:, None, None]
    return multiplied(gain, part)[:, :, None] + log_of((1 - r) * eye + r * flow)


def after(move: Tensor, other: Tensor) -> Tensor:
    """One move, then another, [draw, from, to]."""
    if torch.is_grad_enabled() and (move.requires_grad or other.requires_grad):
        return log_sum(move[..., None] + other[:, None], -2)
    rows, top = (x.amax(-1, keepdim=True) for x in (move, other.transpose(-1, -2)))
    rows, top = (torch.where(x == -torch.inf, 0.0, x) for x in (rows, top))  # by row of one, by column of the other
    product = (move - rows).exp() @ (other - top.transpose(-1, -2)).exp()
    return log_of(product) + rows + top.transpose(-1, -2)


def transmitted(stage: Stage, start: Tensor, bounds: Tensor, gains: Tensor) -> list[Tensor]:
    """Moves between bounds where drift follows the shares of the course without a ledger.

    Args:
        start: log weights of that course where the phase begins, [draw, m + 1, explored].
        bounds: selections that are past at each bound, [draw, bound], whole but for the last.
        gains: nats per step between bounds, [draw, bound - 1, state].

    Returns:
        One move [draw, from, to] for each pair of neighbouring bounds.

    Raises:
        SpecError: over 1,000 steps.
    """
    draws, explored, states = len(bounds), start.shape[-1], gains.shape[-1]
    last = bounds[:, -1].detach().floor()
    if float(last.max()) > MOST_TRANSMITTED:
        raise SpecError(
            f"phase {stage.name}: {float(last.max()):g} selections with transmission; with a ledger at "
            f"most {MOST_TRANSMITTED} are followed, since every step has its own drift; use fewer selections, or "
            "no transmission"
        )
    own, flat = log_gain(stage, explored), start.expand(draws, -1, -1).flatten(1)
    nothing = log_of(torch.eye(states, dtype=torch.float64)).expand(draws, states, states)
    moves = [nothing] * gains.shape[1]
    earliest, latest = bounds.detach().amin(0)[:-1].tolist(), bounds.detach().amax(0)[1:].tolist()
    for t in range(int(last.max()) + 1):
        flow = transition(stage, explored, _shares(flat, explored))
        for j in range(len(moves)):
            if latest[j] <= t or earliest[j] >= t + 1:
                continue
            part = (bounds[:, j + 1].clamp_max(t + 1) - bounds[:, j].clamp_min(t)).clamp_min(0.0)
            if bool((part > 0).any()):
                moves[j] = after(moves[j], _fraction(gains[:, j], flow, part))
        step = log_sum((flat + own)[:, :, None] + log_of(flow), -2)
        flat = torch.where((last > t)[:, None], step, flat)
    return moves


def _shares(flat: Tensor, explored: int) -> Tensor:
    named = log_sum(flat.unflatten(1, (-1, explored)))[:, :-1]
    total = log_sum(named)[:, None]
    return torch.where(total == -torch.inf, 0.0, (named - torch.where(total == -torch.inf, 0.0, total)).exp())


def flowed(stage: Stage, start: Tensor, bounds: Tensor) -> list[Tensor]:
    """Moves between bounds under softmax_pg: by what the course without a ledger multiplies each weight, [draw, state].

    So what is known of an AI is its share at the time, reweighted by the rows; no pattern turns into another.
    """
    moves, state = [], start
    for j in range(bounds.shape[1] - 1):
        new = ascended(stage, state, (bounds[:, j + 1] - bounds[:, j]).clamp_min(0.0)).log_weights
        old, now = log_sum(state), log_sum(new)
        moves.append(torch.where(old == -torch.inf, 0.0, now - torch.where(old == -torch.inf, 0.0, old)))
        state = new
    return moves
