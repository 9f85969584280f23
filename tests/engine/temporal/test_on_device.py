"""The passes over time on an accelerator: the answers of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.engine import temporal
from bsm.engine.temporal.ode import softmax_flow
from bsm.engine.temporal.powers import power
from tests.engine.temporal.chains import dense

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device was found"),
]


@pytest.mark.parametrize("varying", [False, True])
def test_every_pass_answers_as_on_the_cpu(varying):
    initial, transition, evidence = dense(np.random.default_rng(0), 5, 40, varying).tensors()
    rows = torch.stack([evidence, evidence * 200, evidence.roll(1, 0)])  # the second is done in logs
    here, there = (initial, transition, rows), tuple(x.cuda() for x in (initial, transition, rows))
    for ours, theirs in zip(
        temporal.smooth(*there, varying=varying), temporal.smooth(*here, varying=varying), strict=True
    ):
        assert ours.is_cuda
        torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-9, atol=1e-10)
    best = temporal.path(*there, varying=varying)
    assert torch.equal(best.states.cpu(), temporal.path(*here, varying=varying).states)
    drawn = temporal.sample(*there, 10, 0, varying=varying)
    assert torch.equal(drawn.cpu(), temporal.sample(*here, 10, 0, varying=varying))


def test_prediction_powers_and_flow_answer_as_on_the_cpu():
    rng = np.random.default_rng(1)
    initial, transition, _ = dense(rng, 4, 3).tensors()
    far = temporal.predict(initial.cuda(), transition.cuda(), [1, 1000])
    torch.testing.assert_close(far.cpu(), temporal.predict(initial, transition, [1, 1000]), rtol=1e-9, atol=1e-12)
    kept = transition * torch.tensor(rng.uniform(0.1, 1, size=4))
    for ours, theirs in zip(power(kept.cuda(), 10**6), power(kept, 10**6), strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-8, atol=1e-9)
    fitness = torch.tensor(rng.normal(size=4))
    moved = softmax_flow(initial.log().cuda(), fitness.cuda(), 50.0)
    torch.testing.assert_close(moved.cpu(), softmax_flow(initial.log(), fitness, 50.0), rtol=0, atol=2e-9)
