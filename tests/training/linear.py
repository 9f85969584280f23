"""What training would do if the features of step 0 stayed as they are: the tangent kernel, with nothing fitted.

Not a contender: it needs the network itself, and the theory is about patterns. It shows which part of an error of the
theory is that a change in one situation carries to others as the network's features have it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tests.training import train
from tests.training.learners import Learner
from tests.training.protocol import TASKS, Algorithm


def policies(learner: Learner, algorithm: Algorithm, every: int, checkpoints: int) -> Tensor:
    """Under `worlds.ablations`, expected gradients [seed, checkpoint, 1 + pattern, context, action]."""
    trained, shown = learner.scores(learner.start), learner.shown(learner.start)
    derivatives = train.jacobian(learner.scores, learner.start)
    within = derivatives @ derivatives.mT
    across = train.jacobian(learner.shown, learner.start) @ derivatives.mT
    seen, push = [], torch.zeros_like(within[..., 0])
    for step in range(every * checkpoints + 1):
        if step and step % every == 0:
            seen.append((shown + (across @ push.unsqueeze(-1)).view_as(shown)).softmax(-1))
        policy = (trained + (within @ push.unsqueeze(-1)).view_as(trained)).softmax(-1)
        slope = train.expected(policy, learner.success)
        if algorithm.damping is not None:
            slope = train.preconditioned(within, policy, slope, algorithm.damping).view_as(slope)
        push = push + algorithm.rate * slope.flatten(1)
    return torch.stack(seen, 1).unflatten(-2, (-1, 2 * TASKS))
