"""The torch passes: the same answers as the compiled ones, and gradients that finite differences confirm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from torch.autograd import gradcheck

from bsm.engine import temporal
from bsm.engine.temporal.differentiable import passed
from bsm.engine.temporal.inputs import chain
from bsm.engine.temporal.powers import moved, power
from tests.engine.temporal.chains import dense, enumerated, examples


@settings(max_examples=200)
@given(examples(most_states=5, most_steps=8))
def test_both_ways_agree(example):
    initial, transition, evidence = example.tensors()
    rows = torch.stack([evidence, evidence / 2])
    compiled = temporal.smooth(initial, transition, rows, varying=example.varying, on_impossible="mask")
    rows.requires_grad_()
    with_gradient = temporal.smooth(initial, transition, rows, varying=example.varying, on_impossible="mask")
    for one, other in zip(compiled, with_gradient, strict=True):
        np.testing.assert_allclose(other.detach(), one, rtol=1e-11, atol=1e-11)
    alone = temporal.filter(initial, transition, rows, varying=example.varying, on_impossible="mask")
    assert torch.equal(alone.filtered, with_gradient.filtered)


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_gradients_through_time(varying, shape):
    rng = np.random.default_rng(0)
    states, steps = 3, 5
    moves = (steps - 1, states, states) if varying else (states, states)
    start = torch.tensor(rng.normal(size=(states,)), requires_grad=True)
    step = torch.tensor(rng.normal(size=(*shape, *moves)), requires_grad=True)
    evidence = torch.tensor(rng.normal(size=(*shape, steps, states)), requires_grad=True)

    def answers(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(temporal.smooth(a.softmax(-1), b.softmax(-1), c, varying=varying))

    assert gradcheck(answers, (start, step, evidence))


def test_gradients_in_logs_where_a_state_would_have_been_lost():
    step = torch.tensor([[3.0, -2.0], [-2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    evidence = torch.tensor([[[0.0, 0.0]] * 4, [[0.0, -921.0], [0.0, -921.0], [-1843.0, 0.0], [0.0, 0.0]]])
    evidence = evidence.double().requires_grad_()
    initial = torch.tensor([0.5, 0.5], dtype=torch.float64)
    assert passed(chain(initial, step.softmax(-1), evidence, False), both=True).doubtful.tolist() == [False, True]

    def answers(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(temporal.smooth(initial, a.softmax(-1), b, varying=False))

    assert gradcheck(answers, (step, evidence), atol=1e-4)


@given(examples())
def test_the_gradient_of_log_evidence_is_the_smoothed_probability(example):
    """Fisher's identity; it holds with zeros, -inf and missing evidence too, and no gradient is NaN."""
    assume(enumerated(example) is not None)
    tensors = [x.requires_grad_() for x in example.tensors()]
    found = temporal.smooth(*tensors, varying=example.varying)
    found.log_evidence.backward()
    np.testing.assert_allclose(tensors[2].grad, found.smoothed.detach(), atol=1e-10)
    assert not any(x.grad is not None and x.grad.isnan().any() for x in tensors)


def test_a_masked_sequence_has_no_gradient_and_spoils_none():
    stay = torch.eye(2, dtype=torch.float64)
    evidence = torch.zeros(2, 3, 2, dtype=torch.float64)
    evidence[1, 0, 0] = evidence[1, 1, 1] = -torch.inf
    evidence.requires_grad_()
    half = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    found = temporal.smooth(half, stay, evidence, on_impossible="mask")
    (found.log_evidence[0] + found.smoothed.square().sum()).backward()
    assert (evidence.grad[1] == 0).all()
    assert evidence.grad.isfinite().all()
    assert half.grad.isfinite().all()


def test_prediction_and_powers_have_gradients():
    rng = np.random.default_rng(1)
    step = torch.tensor(rng.normal(size=(2, 3, 3)), requires_grad=True)
    start = torch.tensor(rng.normal(size=3), requires_grad=True)
    assert gradcheck(lambda a, b: temporal.predict(a.softmax(-1), b.softmax(-1), [0, 1, 7]), (start, step))
    assert gradcheck(lambda a: tuple(power(a.exp(), 6)), (step,))
    assert gradcheck(lambda a, b: tuple(moved(a.exp(), b.exp(), 5)), (start, step))
    fit = torch.tensor(rng.normal(size=3), requires_grad=True)
    assert gradcheck(lambda a: tuple(moved(start.softmax(-1), torch.diag_embed(a.exp()), 2.5)), (fit,))


def test_without_a_gradient_wanted_the_compiled_loops_answer():
    initial, transition, evidence = dense(np.random.default_rng(2), 3, 4).tensors()
    evidence.requires_grad_()
    with torch.no_grad():
        assert not temporal.smooth(initial, transition, evidence).smoothed.requires_grad
    assert temporal.smooth(initial, transition, evidence).smoothed.requires_grad
