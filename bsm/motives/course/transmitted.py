"""Replicator steps whose drift follows the shares: what spreads from those who have it (theory C19).

The drift of a step uses the shares before that step, of the course without a ledger (mean field). Steps are taken one
by one, compiled, or as torch expressions where gradients are wanted. Where there are too many for that, drift is held
over a block of 3^j steps at the shares of its middle step, where that agrees with three blocks of a third the length;
a block of one step is exact, so the error is controlled by the same map.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.motives.course.logs import carried, log_of, log_sum
from bsm.motives.course.stages import Stage
from bsm.motives.course.step import exploring, fraction, log_gain, transition
from bsm.spec.model import SpecError

MOST_COMPILED = 30_000_000  # steps x draws that are taken one by one
MOST_IN_TORCH = 1000  # steps, with gradients
TOLERANCE = 1e-9  # nats, in a log weight, over the whole phase
ROUNDING = 1e-12
MOST_BLOCKS = 20_000
LONGEST = 3**12


def advanced_together(stage: Stage, log_weights: Tensor, steps: Tensor) -> Tensor:
    """As `replicator.advanced`, for a phase with transmission.

    Raises:
        SpecError: shares that keep changing fast for so long that too many blocks would be needed.
    """
    explored = log_weights.shape[-1]
    gain = log_gain(stage, explored)
    moving = (stage.drift, stage.transmission, stage.exploration)
    sizes = [x.shape[:1] for x in (log_weights, steps, gain, *moving) if x is not None]
    draws = torch.broadcast_shapes(*sizes)[0]
    whole = steps.detach().floor().expand(draws)
    flat = log_weights.expand(draws, *log_weights.shape[1:]).flatten(1)
    numbers = (flat, gain, stage.drift, stage.transmission, stage.exploration)
    smooth = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in numbers)
    if smooth and float(whole.max()) <= MOST_IN_TORCH:
        for t in range(int(whole.max())):
            flat = torch.where((whole > t)[:, None], _one(stage, flat, gain, explored), flat)
    elif not smooth and float(whole.sum()) <= MOST_COMPILED:
        flat = _compiled(stage, flat, gain, explored, whole)
    else:
        flat = _in_blocks(stage, flat, gain, explored, whole)
    flow = transition(stage, explored, _shares(flat, explored))
    return fraction(flat, gain, flow, (steps - whole).expand(draws)).unflatten(1, log_weights.shape[1:])


def _compiled(stage: Stage, flat: Tensor, gain: Tensor, explored: int, whole: Tensor) -> Tensor:
    from bsm.motives.course.one_by_one import stepped

    assert stage.drift is not None
    assert stage.transmission is not None
    draws = len(flat)
    weights = flat.detach().unflatten(1, (-1, explored)).clone().numpy()
    others = (gain.unflatten(1, (-1, explored)), stage.drift, stage.transmission, exploring(stage, explored))
    gains, drift, passed, seen = (x.detach().expand(draws, *x.shape[1:]).contiguous().numpy() for x in others)
    stepped(weights, gains, drift, passed, seen, whole.long().numpy())
    return torch.from_numpy(weights).flatten(1)


def _one(stage: Stage, flat: Tensor, gain: Tensor, explored: int) -> Tensor:
    flow = transition(stage, explored, _shares(flat, explored))
    return log_sum((flat + gain)[:, :, None] + log_of(flow), -2)


def _shares(flat: Tensor, explored: int) -> Tensor:
    """Shares of the named motivations, [draw, m]; 0 where none is left."""
    named = log_sum(flat.unflatten(1, (-1, explored)))[:, :-1]
    total = log_sum(named)[:, None]
    return torch.where(total == -torch.inf, 0.0, (named - torch.where(total == -torch.inf, 0.0, total)).exp())


def _in_blocks(stage: Stage, flat: Tensor, gain: Tensor, explored: int, whole: Tensor) -> Tensor:
    done, size, longest = torch.zeros_like(whole), 1, float(whole.max())
    for _ in range(MOST_BLOCKS):
        left = whole - done
        if not bool((left > 0).any()):
            return flat
        taken = left.clamp_max(size)
        new = _block(stage, flat, gain, explored, taken)
        if size > 1:
            fine, rest = flat, taken
            for _ in range(3):
                part = rest.clamp_max(size // 3)
                fine, rest = _block(stage, fine, gain, explored, part), rest - part
            allowed = TOLERANCE * taken / longest + ROUNDING * (1 + fine.detach().abs().amax(-1))
            error = _gap(new, fine) / (3**2 - 1) / allowed
            new = _better(new, fine)
            if bool((error > 1).any()):
                size //= 3
                continue
            calm = bool((error < 0.1).all())
        else:
            calm = True
        flat, done = new, done + taken
        if calm and size < LONGEST:
            size *= 3
    raise SpecError(
        f"phase {stage.name}: shares still change fast after {float(done.min()):g} of {longest:g} selections with "
        f"transmission, and {MOST_BLOCKS} blocks of steps were taken; use fewer selections, a smaller eta, or no "
        "transmission"
    )


def _block(stage: Stage, flat: Tensor, gain: Tensor, explored: int, steps: Tensor) -> Tensor:
    """Steps with drift held at the shares of the middle one; exact for one step."""
    middle = ((steps - 1) / 2).floor().clamp_min(0.0)
    flow = transition(stage, explored, _shares(flat, explored))
    if bool((middle > 0).any()):
        half = carried(flat, gain[:, :, None] + log_of(flow), middle)
        flow = transition(stage, explored, _shares(half, explored))
    return carried(flat, gain[:, :, None] + log_of(flow), steps)


def _better(coarse: Tensor, fine: Tensor) -> Tensor:
    """Richardson: an error that falls with the square of the length is taken off."""
    there = (coarse > -torch.inf) & (fine > -torch.inf)
    step = torch.where(there, fine, 0.0) - torch.where(there, coarse, 0.0)
    return fine + step / (3**2 - 1)


def _gap(a: Tensor, b: Tensor) -> Tensor:
    """Largest difference of log weights, [draw]; states that are impossible in both do not count."""
    a, b = a.detach(), b.detach()
    same = (a == b) | ((a == -torch.inf) & (b == -torch.inf))
    return torch.where(same, 0.0, (a - b).abs()).amax(-1)
