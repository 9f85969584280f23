"""REINFORCE and natural policy gradient, all seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from tests.training.learners import Learner
from tests.training.protocol import Algorithm


def sampled(policy: Tensor, success: Tensor, batch: int, random: torch.Generator) -> Tensor:
    """Sampled gradient of mean success in the logits [seed, row, choice], unbiased.

    Episodes draw a row evenly, a choice and whether it succeeds; the advantage is success less the mean of the other
    episodes of the batch.
    """
    seeds, rows, choices = policy.shape
    row = torch.randint(rows, (seeds, batch), generator=random)
    each = policy.gather(1, row.unsqueeze(-1).expand(-1, -1, choices))
    chosen = torch.multinomial(each.flatten(0, 1), 1, generator=random).view(seeds, batch)
    won = (torch.rand(seeds, batch, generator=random, dtype=policy.dtype) < success[row, chosen]).to(policy.dtype)
    advantage = (won - won.mean(-1, keepdim=True)) * batch / (batch - 1)
    by_choice = torch.zeros(seeds, rows * choices, dtype=policy.dtype)
    by_choice.scatter_add_(1, row * choices + chosen, advantage / batch)
    by_row = by_choice.view(seeds, rows, choices)
    return by_row - policy * by_row.sum(-1, keepdim=True)


def expected(policy: Tensor, success: Tensor) -> Tensor:
    """Gradient of mean success in the logits [seed, row, choice], rows being met evenly."""
    return policy * (success - (policy * success).sum(-1, keepdim=True)) / policy.shape[-2]


def fisher(policy: Tensor) -> Tensor:
    """Fisher matrix of the logits, rows being met evenly [seed, row * choice, row * choice]."""
    rows = policy.shape[1]
    within = torch.diag_embed(policy) - policy.unsqueeze(-1) * policy.unsqueeze(-2)
    apart = torch.eye(rows, dtype=policy.dtype)
    return torch.einsum("stab,tu->staub", within, apart).flatten(3, 4).flatten(1, 2) / rows


def preconditioned(kernel: Tensor, policy: Tensor, slope: Tensor, damping: float) -> Tensor:
    """The vector v [seed, row * choice] for which J' v is (Fisher of parameters + damping)^-1 J' slope.

    (J' M J + d)^-1 J' = J' (M J J' + d)^-1, M being the Fisher matrix of the logits and kernel = J J'.
    """
    matrix = fisher(policy) @ kernel
    solved: Tensor = torch.linalg.solve(matrix + damping * torch.eye(matrix.shape[-1]).to(matrix), slope.flatten(1))
    return solved


def jacobian(scores: Callable[[Tensor], Tensor], parameters: Tensor) -> Tensor:
    """Derivatives of logits by parameters [seed, row * choice, parameter]."""
    out: Tensor = vmap(jacrev(scores))(parameters)
    return out.flatten(1, 2)


def steps(learner: Learner, algorithm: Algorithm, batch: int, seed: int) -> Iterator[Tensor]:
    """Parameters [seed, parameter] after 0, 1, 2, ... steps, without end."""
    random = torch.Generator().manual_seed(seed)
    parameters = learner.start
    while True:
        yield parameters
        given = parameters.detach().requires_grad_()
        scores = learner.scores(given)
        policy = scores.detach().softmax(-1)
        slope = sampled(policy, learner.success, batch, random)
        if algorithm.damping is not None:
            derivatives = jacobian(learner.scores, parameters)
            slope = preconditioned(derivatives @ derivatives.mT, policy, slope, algorithm.damping).view_as(slope)
        (step,) = torch.autograd.grad(scores, given, slope)
        parameters = parameters + algorithm.rate * step
