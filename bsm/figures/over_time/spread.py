"""Parameter draws that fill their prior evenly, so that means and bands of few draws lie on smooth curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from bsm.inference.parameters import Space

MANY = 20_000  # prior draws of which quantiles are taken


def even_draws(space: Space, draws: int, seed: int) -> Tensor:
    """z over the prior, [draw, coordinate], at the points of a scrambled Sobol sequence; coordinates are independent.

    Each coordinate is at quantiles of many draws from its prior. What depends on two or three parameters is then met
    far better than by as many independent draws, above all where each draw ends near 0 or 1.

    Args:
        space: the uncertain parameters.
        draws: how many; a power of 2 fills best.
        seed: the same seed gives the same draws.
    """
    import torch

    if not space.names:
        return torch.zeros(draws, 0, dtype=torch.float64)
    engine = torch.quasirandom.SobolEngine(len(space.names), scramble=True, seed=seed)
    places = engine.draw(draws, dtype=torch.float64)
    many = space.prior_draws(MANY, seed).sort(0).values
    return many.gather(0, (places * MANY).long().clamp(0, MANY - 1))
