"""Filter and smoother in torch: differentiable in every input, and on any device. One step at a time, all sequences
at once; in probabilities scaled at each step, or in logs where a possible state would have been lost.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.engine.logs import log_of, log_sum
from bsm.engine.temporal.floats import TINY
from bsm.engine.temporal.inputs import Chain, Passed


def passed(chain: Chain, both: bool) -> Passed:
    """Filter every sequence, and smooth it where `both`. The log-likelihoods must be fit."""
    numbers = chain.numbers.to(chain.initial.device)
    if chain.smallest < TINY:
        return _in_logs(*_of(chain, numbers), both)
    found = _scaled(*_of(chain, numbers), both)
    if not found.doubtful.any():
        return found
    parts = {}
    for in_logs in (False, True):  # apart, so that no gradient passes through what was lost
        which = (found.doubtful == in_logs).nonzero().flatten()
        parts[which] = (_in_logs if in_logs else _scaled)(*_of(chain, numbers[which]), both)
    order = torch.cat(list(parts)).argsort()
    filtered, smoothed, total, doubtful, impossible = zip(*parts.values(), strict=True)
    whole = [torch.cat(column)[order] for column in (filtered, total, doubtful, impossible)]
    return Passed(whole[0], torch.cat(smoothed)[order] if both else None, *whole[1:])


def _of(chain: Chain, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """initial [sequence, state], transition [1 or sequence, 1 or time - 1, state, state], evidence per sequence."""
    steps = _taken(chain.transition, numbers[:, 2])
    return chain.initial[numbers[:, 0]], steps, _taken(chain.log_likelihood, numbers[:, 1]).expand(len(numbers), -1, -1)


def _taken(table: Tensor, places: Tensor) -> Tensor:
    """table[places], without a copy where one entry stands for all, or all are taken in order."""
    if len(table) == 1 or (len(table) == len(places) and bool((places[1:] > places[:-1]).all())):
        return table
    return table[places]


def _step(transition: Tensor, t: int) -> Tensor:
    """The transition from t to t + 1: [state, state] where all share it, else [sequence, state, state]."""
    step = transition[:, min(t, transition.shape[1] - 1)]
    return step[0] if len(step) == 1 else step


def _product(x: Tensor, a: Tensor) -> Tensor:
    """x [sequence, state] times a."""
    return x @ a if a.ndim == 2 else (x.unsqueeze(-2) @ a).squeeze(-2)


def _scaled(initial: Tensor, transition: Tensor, evidence: Tensor, both: bool) -> Passed:
    """In probabilities that sum to one at each step; `smoothed` as in `lanes`."""
    top = evidence.detach().amax(-1, keepdim=True).clamp_min(torch.finfo(evidence.dtype).min)
    seen = (evidence - top).exp()
    alpha: list[Tensor] = []
    ratio: list[Tensor] = []
    total = top.sum((-2, -1))
    ahead = initial
    doubtful, impossible = (torch.zeros(len(initial), dtype=torch.bool, device=initial.device) for _ in range(2))
    for t in range(evidence.shape[1]):
        if t:
            ahead = _product(alpha[-1], _step(transition, t - 1))
        weight = ahead * seen[:, t]
        lost = (weight < TINY) & (ahead > 0) & (evidence[:, t] > -torch.inf)
        doubtful = doubtful | lost.any(-1)
        mass = weight.sum(-1, keepdim=True)
        none = mass == 0
        impossible = impossible | none.squeeze(-1)
        mass = mass.masked_fill(none, 1.0)
        total = total + mass.log().squeeze(-1)
        alpha.append(weight / mass)
        ratio.append(seen[:, t] / mass)
    smoothed = _scaled_back(transition, alpha, ratio) if both else None
    return Passed(torch.stack(alpha, 1), smoothed, total, doubtful, impossible & ~doubtful)


def _scaled_back(transition: Tensor, alpha: list[Tensor], ratio: list[Tensor]) -> Tensor:
    """The smoothed probabilities."""
    smoothed, message = [alpha[-1]], ratio[-1]
    for t in range(len(alpha) - 2, -1, -1):
        beta = _product(message, _step(transition, t).transpose(-1, -2))
        beta = beta.masked_fill(alpha[t] == 0, 0.0)  # what the past rules out takes no part, nor may it overflow
        smoothed.append(alpha[t] * beta)
        message = ratio[t] * beta
    return torch.stack(smoothed[::-1], 1)


def _in_logs(initial: Tensor, transition: Tensor, evidence: Tensor, both: bool) -> Passed:
    """In logs, which lose no state: [sequence, state, state] numbers for each step."""
    moves = log_of(transition)
    total = evidence.new_zeros(len(initial))
    ahead = log_of(initial)
    alpha: list[Tensor] = []
    impossible = torch.zeros(len(initial), dtype=torch.bool, device=initial.device)
    for t in range(evidence.shape[1]):
        if t:
            ahead = log_sum(alpha[-1].unsqueeze(-1) + _step(moves, t - 1), -2)
        joint = ahead + evidence[:, t]
        mass = log_sum(joint, -1)
        none = mass == -torch.inf
        impossible = impossible | none
        mass = mass.masked_fill(none, 0.0)
        total = total + mass
        alpha.append(joint - mass.unsqueeze(-1))
    filtered = torch.stack(alpha, 1).exp()
    doubtful = torch.ones_like(impossible)
    if not both:
        return Passed(filtered, None, total, doubtful, impossible)
    beta, smoothed = torch.zeros_like(alpha[-1]), [filtered[:, -1]]
    for t in range(len(alpha) - 2, -1, -1):
        message = (evidence[:, t + 1] + beta).unsqueeze(-2) + _step(moves, t)
        beta = log_sum(message, -1)
        joint = alpha[t] + beta
        mass = log_sum(joint, -1)
        beta = beta - mass.masked_fill(impossible, 0.0).unsqueeze(-1)
        smoothed.append((joint - mass.masked_fill(impossible, 0.0).unsqueeze(-1)).exp())
    return Passed(filtered, torch.stack(smoothed[::-1], 1), total, doubtful, impossible)
