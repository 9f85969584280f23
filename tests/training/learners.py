"""What is trained: networks, and the control that has what the theory assumes, one logit per pattern."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from tests.training import measure, networks, planting, worlds
from tests.training.protocol import TASKS, Protocol, Setting


@dataclass(frozen=True)
class Learner:
    """Parameters of many seeds, and what they mean.

    Attributes:
        start: parameters at step 0 [seed, parameter]. shares: at step 0, the base last [seed, pattern + 1].
        scores: from [..., parameter] to logits of the choices trained [..., row, choice], rows being met evenly.
        success: P(success | choice) [row, choice].
        shown: logits of actions under `worlds.ablations` [..., (1 + pattern) * context, action].
    """

    setting: Setting
    start: Tensor
    shares: Tensor
    scores: Callable[[Tensor], Tensor]
    success: Tensor
    shown: Callable[[Tensor], Tensor]

    def policies(self, parameters: Tensor) -> Tensor:
        """P(action) under `worlds.ablations` [..., 1 + pattern, context, action]."""
        return self.shown(parameters).softmax(-1).unflatten(-2, (-1, 2 * TASKS))

    def mean_success(self, parameters: Tensor) -> Tensor:
        """In training with all gates on [seed]."""
        given = self.policies(parameters)[..., 0, worlds.TRAINING, :]
        return (given * worlds.success(self.setting)).sum(-1).mean(-1)


def learner(setting: Setting, protocol: Protocol, seeds: range) -> Learner:
    """What the protocol trains."""
    made = {"network": network, "patterns": one_logit_per_pattern}[protocol.learner]
    return made(setting, protocol, seeds)


def network(setting: Setting, protocol: Protocol, seeds: range) -> Learner:
    """Networks with planted patterns."""
    start, shape = planting.planted(setting, protocol.hidden, protocol.planting_steps, seeds)
    ablations = worlds.ablations(len(setting.patterns))
    trained = ablations if protocol.gates == "dropped" else ablations[:1]
    rows = worlds.inputs(trained, worlds.TRAINING).flatten(0, 1)
    seen = worlds.inputs(ablations).flatten(0, 1)
    return Learner(
        setting,
        start,
        measure.starting_shares(setting, start, shape),
        lambda parameters: networks.logits(parameters, rows, shape),
        worlds.success(setting).repeat(len(trained), 1),
        lambda parameters: networks.logits(parameters, seen, shape),
    )


def one_logit_per_pattern(setting: Setting, protocol: Protocol, seeds: range) -> Learner:
    """A choice of pattern per episode, credited to the pattern; the same start for every seed."""
    parts, gates = worlds.policies(setting), worlds.ablations(len(setting.patterns))
    start = worlds.shares(setting).log().repeat(len(seeds), 1)
    return Learner(
        setting,
        start,
        start.softmax(-1),
        lambda theta: theta.unsqueeze(-2).expand(*theta.shape[:-1], TASKS, theta.shape[-1]),
        (parts[:, worlds.TRAINING] * worlds.success(setting)).sum(-1).T,
        lambda theta: worlds.mixture(theta.softmax(-1), gates, parts).log().flatten(-3, -2),
    )
