"""Do episodes say whether one pattern drives an AI or a mixture does? Likelihood of alpha, and when it is worth naming.

Only what varies between AIs of a kind, or between samples of one item, bears on alpha (see `bsm.motives.readings`): one
episode of one AI says nothing of it. Where the posterior of alpha stays near its prior, both ends of the family are to
be reported side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.motives.readings import POINTS, Method, dirichlet

LEAST_BITS = 1.0  # that identify alpha
GRID = tuple(10 ** (power / 4) for power in range(-12, 13))  # from 0.001 to 1000, four to a power of ten


@dataclass(frozen=True, eq=False)
class Episodes:
    """What one AI did: log p_m(x_i) in nats, [draw, item, pattern], and episodes per item, [item], one by default."""

    log_likelihood: Tensor
    counts: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Alpha:
    """What is known of alpha.

    Attributes:
        alphas, prior, posterior: [alpha]; both sum to one.
        bits: KL(posterior || prior): what the episodes say of alpha.
        least_bits: that were asked of it.
        identified: bits >= least_bits.
    """

    alphas: Tensor
    prior: Tensor
    posterior: Tensor
    bits: float
    least_bits: float
    identified: bool

    @property
    def readings(self) -> tuple[str, ...]:
        """Readings to report: the family averaged over alpha, or both its ends side by side."""
        return ("dirichlet",) if self.identified else ("hypothesis", "mixture")

    def __str__(self) -> str:
        told = f"the episodes say {self.bits:.3g} bits of alpha, and {self.least_bits:g} were asked"
        if self.identified:
            mean = 10 ** float((self.posterior * self.alphas.log10()).sum())
            return f"alpha is identified, about {mean:.3g}: {told}"
        return f"alpha is not identified, so both readings are given side by side: {told}"


def alpha_likelihood(
    ais: Sequence[Episodes],
    weights: Tensor,
    alphas: Tensor | None = None,
    method: Method = "auto",
    points: int = POINTS,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Log-likelihood of alpha from several AIs, each with its own shares ~ Dirichlet(alpha w), and its error.

    Args:
        ais: each AI's episodes; draws are the same parameter draws for all.
        weights: w, [draw, pattern], summing to one.
        alphas: [alpha], GRID by default. method, points, seed: as in `bsm.motives.readings.dirichlet`.

    Returns:
        Nats, [draw, alpha], -inf where an alpha rules the episodes out; and its standard error, 0 where exact.
    """
    grid = _grid(alphas, weights)
    total = torch.zeros(weights.shape[0], len(grid), dtype=torch.float64, device=weights.device)
    variance = torch.zeros_like(total)
    for ai in ais:
        found = dirichlet(ai.log_likelihood, weights, grid, ai.counts, method, points, seed)
        total, variance = total + found.log_likelihood, variance + found.error**2
    return total, variance.sqrt()


def alpha_identified(
    log_likelihood: Tensor,
    alphas: Tensor | None = None,
    log_prior: Tensor | None = None,
    least_bits: float = LEAST_BITS,
) -> Alpha:
    """Whether the episodes move alpha from its prior by a stated number of bits.

    Args:
        log_likelihood: of `alpha_likelihood`, [alpha], or [draw, alpha] with equally likely draws of other parameters
            from before these episodes, over which the likelihood is averaged.
        alphas: [alpha], as given to `alpha_likelihood`.
        log_prior: [alpha] in nats, summing to one when exponentiated; equal for all by default, which on GRID is even
            in log alpha between 0.001 and 1000.
        least_bits: of KL(posterior || prior) that identify alpha; an opinion, 1 by default.

    Raises:
        ValueError: shapes that do not fit, a prior that does not sum to one, or episodes impossible at every alpha.

    >>> alpha_identified(torch.zeros(25)).readings
    ('hypothesis', 'mixture')
    """
    grid = _grid(alphas, log_likelihood)
    prior = torch.full_like(grid, -log(len(grid))) if log_prior is None else log_prior.double()
    nats = log_likelihood.double()
    if nats.ndim not in (1, 2) or nats.shape[-1:] != grid.shape or prior.shape != grid.shape:
        raise ValueError(
            f"log_likelihood [draw, alpha] and log_prior [alpha] need one number for each of {len(grid)} alphas; got "
            f"{tuple(nats.shape)} and {tuple(prior.shape)}"
        )
    if bool((prior.logsumexp(-1).abs() > 1e-9) | nats.isnan().any() | (nats == inf).any()):
        raise ValueError("log_prior sums to one when exponentiated, and likelihoods are numbers or -inf")
    if not 0 < least_bits < inf:
        raise ValueError(f"least_bits is {least_bits}; a positive number of bits identifies alpha")
    if nats.ndim == 2:
        nats = log_sum(nats, 0) - log(len(nats))
    joint = nats + prior
    if bool((joint == -inf).all()):
        raise ValueError("these episodes are impossible at every alpha of the grid: some episode fits no pattern")
    posterior = joint.softmax(-1)
    apart = torch.where(posterior > 0, (joint - joint.logsumexp(-1)) - prior, 0.0)
    bits = max(0.0, float((posterior * apart).sum()) / log(2))
    return Alpha(grid, prior.exp(), posterior, bits, least_bits, bits >= least_bits)


def _grid(alphas: Tensor | None, like: Tensor) -> Tensor:
    grid = torch.tensor(GRID, dtype=torch.float64) if alphas is None else alphas.double()
    if grid.ndim != 1 or not len(grid) or not bool((grid >= 0).all()):
        raise ValueError("alphas is a row of numbers of at least 0")
    return grid.to(like.device)
