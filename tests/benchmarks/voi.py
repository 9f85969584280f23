"""The value of observing a node before deciding, for many cases at once."""

from __future__ import annotations

import torch
from torch import Tensor


def value_of_observing(joint: Tensor, utility: Tensor) -> Tensor:
    """Expected value of sample information: what knowing a node's state is worth to one who then decides.

        EVSI(X | e) = sum_s P(s | e) max_d E[u | d, s, e] - max_d E[u | d, e]
                    = sum_s max_d sum_t P(t, s | e) u(d, t) - max_d sum_t P(t | e) u(d, t)

    The second line needs no division, so a state s of probability zero adds nothing instead of 0/0.

    Args:
        joint: P(target, node | e) [..., target, node], summing to one over the last two axes in each case.
        utility: u(decision, state of the target) [decision, target], in any unit.

    Returns:
        The value [...] in the unit of the utility, before what observing costs; at least 0 but for rounding.

    Source: Raiffa & Schlaifer (1961), Applied Statistical Decision Theory, chapter 4.
    """
    expected = torch.einsum("...ts,dt->...ds", joint, utility)
    return expected.amax(-2).sum(-1) - expected.sum(-1).amax(-1)
