"""One algorithm on one setting: plant, find the length on calibration seeds, train, measure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from tests.training import measure, networks, planting, train, worlds
from tests.training.protocol import CHECKPOINTS, Algorithm, Protocol, Setting

FIRST_TEST_SEED = 1000


@dataclass(frozen=True)
class Course:
    """What was measured of networks while they were trained.

    Attributes:
        start: shares at step 0 [seed, pattern + 1]. policies: at step 0 under `worlds.ablations`.
        shares: influence shares by place [seed, checkpoint, pattern]. success: mean success [seed, checkpoint].
    """

    start: Tensor
    policies: Tensor
    steps: Tensor
    shares: dict[str, Tensor]
    success: Tensor


def mean_success(setting: Setting, parameters: Tensor, shape: networks.Sizes) -> Tensor:
    """Success in training with all gates on [seed]."""
    seen = worlds.inputs(torch.ones(1, len(setting.patterns), dtype=worlds.DTYPE), worlds.TRAINING)
    given = networks.policy(parameters, seen, shape)[:, 0]
    return (given * worlds.success(setting)).sum(-1).mean(-1)


def length(setting: Setting, algorithm: Algorithm, protocol: Protocol) -> int:
    """Steps until calibration seeds have gone `progress` of the way, as the protocol says.

    Raises:
        RuntimeError: they have not after `most_steps`.
    """
    parameters, shape = planting.planted(setting, protocol.hidden, protocol.planting_steps, calibration(protocol))
    best = float(worlds.success(setting).amax(-1).mean())
    goal = None
    for step, now in enumerate(train.steps(setting, algorithm, parameters, shape, protocol.batch, seed=0)):
        reached = float(mean_success(setting, now, shape).mean())
        goal = reached + protocol.progress * (best - reached) if goal is None else goal
        if reached >= goal:
            return -(-max(step, 1) // CHECKPOINTS) * CHECKPOINTS
        if step == protocol.most_steps:
            break
    raise RuntimeError(f"{algorithm.name} on {setting.name}: success {reached:.3f} of {goal:.3f} after {step} steps")


def course(setting: Setting, algorithm: Algorithm, protocol: Protocol, seeds: range, steps: int) -> Course:
    """Train these seeds for so many steps and measure at the checkpoints."""
    parameters, shape = planting.planted(setting, protocol.hidden, protocol.planting_steps, seeds)
    gates = worlds.inputs(worlds.ablations(len(setting.patterns)))
    every = steps // CHECKPOINTS
    trained = train.steps(setting, algorithm, parameters, shape, protocol.batch, seed=seeds.start)
    kept = list(islice(trained, every, steps + 1, every))
    policies = [networks.policy(now, gates, shape) for now in kept]
    shares = {
        place: torch.stack([measure.influence_shares(p, contexts) for p in policies], 1)
        for place, contexts in measure.PLACES.items()
    }
    return Course(
        start=measure.starting_shares(setting, parameters, shape),
        policies=networks.policy(parameters, gates, shape),
        steps=torch.arange(1, CHECKPOINTS + 1, dtype=worlds.DTYPE) * every,
        shares=shares,
        success=torch.stack([mean_success(setting, now, shape) for now in kept], 1),
    )


def calibration(protocol: Protocol) -> range:
    return range(protocol.calibration_seeds)


def test_seeds(protocol: Protocol) -> range:
    return range(FIRST_TEST_SEED, FIRST_TEST_SEED + protocol.test_seeds)
