"""Which uncertain parameters weights depend on: the others need not be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.places import Seen
from bsm.inference.over_time.weights import Weights
from bsm.inference.parameters import Space
from bsm.motives.compile import references
from bsm.motives.theta import Theta
from bsm.spec.model import Model

FIRST = 8  # draws that are tried
FURTHER = 64  # at a time, while some target is impossible in all of them
ROUNDS = 8


def lengths(model: Model, moments: Sequence[Seen], asked: Sequence[Asked]) -> frozenset[str]:
    """Numbers of selections that decide whether a row or an asked step happens at all: a jump without a gradient."""
    phases = {s.phase for s in moments if s.step is not None}
    phases |= {a.phase for a in asked if a.phase >= 0 and not a.end and not a.ahead}
    return references(tuple(model.phases[p].selections for p in sorted(phases)))


def told(space: Space, weights: Callable[[Theta], Weights], always: frozenset[str]) -> tuple[str, ...]:
    """Parameters with a gradient at some prior draw, and those of `always`, in the order of the space.

    All parameters, where some target is impossible at every draw tried: then nothing is known of what it depends on.
    """
    if not space.names:
        return ()
    moved, possible = torch.zeros(len(space.names), dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
    for round_ in range(ROUNDS):
        z = space.prior_draws(FURTHER if round_ else FIRST, seed=2 + round_).clone().requires_grad_(True)
        found = weights(space.theta(z))
        moved = moved | _moved(found, z)
        possible = possible | (found.log_weight > -torch.inf).any(0)
        if bool(possible.all()):
            return tuple(n for i, n in enumerate(space.names) if n in always or bool(moved[i]))
    return space.names


def _moved(found: Weights, z: torch.Tensor) -> torch.Tensor:
    """Whether any weight that is finite has a gradient in a coordinate, [coordinate]."""
    parts = [found.named, found.log_weight, found.none]
    total = torch.stack([(torch.where(torch.isfinite(p), p, 0.0) ** 2).sum() for p in parts]).sum()
    if not total.requires_grad:
        return torch.zeros(z.shape[1], dtype=torch.bool)
    (gradient,) = torch.autograd.grad(total, z, allow_unused=True)
    return torch.zeros(z.shape[1], dtype=torch.bool) if gradient is None else (gradient != 0).any(0)
