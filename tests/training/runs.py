"""One algorithm on one setting: plant, find the length on calibration seeds, train, measure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from tests.training import linear, measure, train, worlds
from tests.training.learners import Learner, learner
from tests.training.protocol import CHECKPOINTS, Algorithm, Protocol, Setting

FIRST_TEST_SEED = 1000


@dataclass(frozen=True)
class Course:
    """What was measured of the seeds while they were trained.

    Attributes:
        start: shares at step 0 [seed, pattern + 1]. policies: at step 0 under `worlds.ablations`.
        found: what `measure.everything` reads, by name [seed, checkpoint, k]. linear: the same with
            features frozen, empty for the control, that has none.
        success: mean success [seed, checkpoint].
    """

    start: Tensor
    policies: Tensor
    steps: Tensor
    found: dict[str, Tensor]
    linear: dict[str, Tensor]
    success: Tensor


def length(trained: Learner, algorithm: Algorithm, protocol: Protocol) -> int:
    """Steps until these (calibration) seeds have gone `progress` of the way, as the protocol says.

    Raises:
        RuntimeError: they have not after `most_steps`.
    """
    best, reached, goal = float(worlds.success(trained.setting).amax(-1).mean()), 0.0, 0.0
    for step, now in enumerate(islice(train.steps(trained, algorithm, protocol.batch, seed=0), protocol.most_steps)):
        reached = float(trained.mean_success(now).mean())
        goal = reached + protocol.progress * (best - reached) if step == 0 else goal
        if reached >= goal:
            return -(-max(step, 1) // CHECKPOINTS) * CHECKPOINTS
    raise RuntimeError(
        f"{algorithm.name} on {trained.setting.name}: after {protocol.most_steps} steps success is {reached:.3f}, "
        f"short of {goal:.3f}; raise its rate or most_steps"
    )


def course(trained: Learner, algorithm: Algorithm, protocol: Protocol, seed: int, steps: int) -> Course:
    """Train for so many steps, sampling from this seed, and measure at the checkpoints."""
    every, by_features = steps // CHECKPOINTS, protocol.learner == "network"
    kept = list(islice(train.steps(trained, algorithm, protocol.batch, seed), every, steps + 1, every))
    policies = torch.stack([trained.policies(now) for now in kept], 1)
    return Course(
        start=trained.shares,
        policies=trained.policies(trained.start),
        steps=torch.arange(1, CHECKPOINTS + 1, dtype=worlds.DTYPE) * every,
        found=measure.everything(policies),
        linear=measure.everything(linear.policies(trained, algorithm, every, CHECKPOINTS)) if by_features else {},
        success=torch.stack([trained.mean_success(now) for now in kept], 1),
    )


def both(setting: Setting, algorithm: Algorithm, protocol: Protocol) -> tuple[Course, Course]:
    """Courses of the calibration seeds and of the test seeds, of the length that the former give."""
    if algorithm.damping is None:
        algorithm = replace(algorithm, rate=algorithm.rate * protocol.faster)
    calibration = learner(setting, protocol, range(protocol.calibration_seeds))
    steps = length(calibration, algorithm, protocol)
    test = learner(setting, protocol, range(FIRST_TEST_SEED, FIRST_TEST_SEED + protocol.test_seeds))
    return (
        course(calibration, algorithm, protocol, 0, steps),
        course(test, algorithm, protocol, FIRST_TEST_SEED, steps),
    )
