"""The value of observing a node before deciding, for many cases at once."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
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
    found = _values(joint.reshape(-1, *joint.shape[-2:]).contiguous().numpy(), utility.contiguous().numpy())
    return torch.from_numpy(found).reshape(joint.shape[:-2])


@njit(cache=True, fastmath=False)
def _values(joint: np.ndarray, utility: np.ndarray) -> np.ndarray:
    cases, targets, states = joint.shape
    decisions = len(utility)
    found = np.empty(cases)
    expected, before = np.empty((decisions, states)), np.empty(decisions)
    for case in range(cases):
        expected[:] = 0.0
        for t in range(targets):
            for d in range(decisions):
                worth = utility[d, t]
                for s in range(states):
                    expected[d, s] += worth * joint[case, t, s]
        informed = 0.0
        before[:] = 0.0
        for s in range(states):
            best = -np.inf
            for d in range(decisions):
                best = max(best, expected[d, s])
                before[d] += expected[d, s]
            informed += best
        found[case] = informed - before.max()
    return found
