"""Replicator steps whose drift follows the shares: what spreads from those who have it (theory C19).

The drift of a step uses the shares before that step, of the course without a ledger (mean field). Steps are taken one
by one: compiled, or as torch expressions where gradients are wanted, of which a part at a time is kept.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from bsm.engine.logs import log_of, log_sum
from bsm.motives.course.stages import Stage
from bsm.motives.course.step import exploring, fraction, log_gain, transition
from bsm.spec.model import SpecError

MOST_COMPILED = 1_000_000_000  # steps x draws: minutes
MOST_IN_TORCH = 20_000  # steps, with gradients: a minute


def advanced_together(stage: Stage, log_weights: Tensor, steps: Tensor) -> Tensor:
    """As `replicator.advanced`, for a phase with transmission.

    Raises:
        SpecError: more steps than can be taken in minutes, 10^9 over all draws, or 20,000 with gradients.
    """
    explored = log_weights.shape[-1]
    gain = log_gain(stage, explored)
    draws = max(len(x) for x in (log_weights, steps, *stage.numbers))
    whole = steps.detach().floor().expand(draws)
    flat = log_weights.expand(draws, *log_weights.shape[1:]).flatten(1)
    numbers = (flat, gain, stage.drift, stage.transmission, stage.exploration)
    smooth = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in numbers)
    _refuse_long(stage, whole, smooth)
    flat = (_in_torch if smooth else _compiled)(stage, flat, gain, explored, whole)
    flow = transition(stage, explored, _shares(flat, explored))
    return fraction(flat, gain, flow, (steps - whole).expand(draws)).unflatten(1, log_weights.shape[1:])


def _refuse_long(stage: Stage, whole: Tensor, smooth: bool) -> None:
    asked, most = float(whole.max() if smooth else whole.sum()), MOST_IN_TORCH if smooth else MOST_COMPILED
    if asked > most:
        raise SpecError(
            f"phase {stage.name}: {float(whole.max()):g} selections with transmission"
            + (", with gradients" if smooth else f", {asked:g} over {len(whole)} draws")
            + f"; at most {most:g} are followed, one by one, since drift follows the shares of each step; use fewer "
            "selections (with a larger eta and higher rates)"
            + (", or no transmission" if smooth else ", fewer draws, or no transmission")
        )


def _in_torch(stage: Stage, flat: Tensor, gain: Tensor, explored: int, whole: Tensor) -> Tensor:
    """Steps that gradients pass through; of every part only where it began is kept, and the way back walks it anew."""
    last = int(whole.max())
    part = max(1, math.isqrt(last))

    def walked(flat: Tensor, first: int) -> Tensor:
        for t in range(first, min(first + part, last)):
            flat = torch.where((whole > t)[:, None], _one(stage, flat, gain, explored), flat)
        return flat

    for first in range(0, last, part):
        flat = checkpoint(walked, flat, first, use_reentrant=False, preserve_rng_state=False)
    return flat


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
