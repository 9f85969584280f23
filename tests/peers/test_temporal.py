"""The passes over time against other code: hmmlearn, dynamax, pgmpy and our own static engine on the unrolled chain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings

from bsm.engine import compile as compiled
from bsm.engine import temporal
from bsm.network.bridge import to_pgmpy, without_known_warning
from bsm.network.tables import Network, Table, Variable
from tests.engine.temporal.chains import Example, dense, enumerated, examples

SIZES = [(2, 50, False), (8, 100, False), (32, 30, False), (3, 1000, False), (5, 20, True)]
PEERS = [size for size in SIZES if not size[2]]  # hmmlearn knows no transitions that differ by step


def ours(example: Example) -> temporal.Smoothed:
    return temporal.smooth(*example.tensors(), varying=example.varying)


@pytest.mark.parametrize(("states", "steps", "varying"), PEERS)
def test_hmmlearn_agrees(states, steps, varying):
    inner = pytest.importorskip("hmmlearn._hmmc")
    example = dense(np.random.default_rng(0), states, steps, varying)
    top = example.evidence.max(1, keepdims=True)
    seen = np.exp(example.evidence - top)
    log_evidence, filtered, scale = inner.forward_scaling(example.initial, example.transition, seen)
    behind = inner.backward_scaling(example.initial, example.transition, seen, scale)
    smoothed = filtered * behind / (filtered * behind).sum(1, keepdims=True)
    found = ours(example)
    np.testing.assert_allclose(found.filtered, filtered, atol=1e-10)
    np.testing.assert_allclose(found.smoothed, smoothed, atol=1e-10)
    np.testing.assert_allclose(found.log_evidence, log_evidence + top.sum(), rtol=1e-12)
    log_joint, states_found = inner.viterbi(example.initial, example.transition, example.evidence)
    best = temporal.path(*example.tensors())
    np.testing.assert_allclose(best.log_joint, log_joint, rtol=1e-12)
    assert best.states.tolist() == list(states_found)


@pytest.mark.parametrize(("states", "steps", "varying"), SIZES)
def test_dynamax_agrees(states, steps, varying):
    inference = pytest.importorskip("dynamax.hidden_markov_model")
    import jax

    with jax.enable_x64(True):
        example = dense(np.random.default_rng(1), states, steps, varying)
        tables = (example.initial, example.transition, example.evidence)
        theirs = inference.hmm_smoother(*tables)
        found = ours(example)
        np.testing.assert_allclose(found.filtered, theirs.filtered_probs, atol=1e-10)
        np.testing.assert_allclose(found.smoothed, theirs.smoothed_probs, atol=1e-10)
        np.testing.assert_allclose(found.log_evidence, theirs.marginal_loglik, rtol=1e-12)
        best = temporal.path(*example.tensors(), varying=varying)
        assert best.states.tolist() == inference.hmm_posterior_mode(*tables).tolist()


# --- the chain unrolled into a network of one variable per step ---------------------------------------------


def unrolled(example: Example) -> Network:
    steps, states = example.evidence.shape
    names = [f"state__t{t}" for t in range(steps)]
    variables = {name: Variable(name, tuple(f"s{k}" for k in range(states))) for name in names}
    tables = {names[0]: Table(names[0], (), torch.tensor(example.initial).unsqueeze(0))}
    for t in range(1, steps):
        tables[names[t]] = Table(names[t], (names[t - 1],), torch.tensor(example.step(t - 1)).unsqueeze(0))
    return Network(variables, tables)


def likelihoods(example: Example) -> list[np.ndarray]:
    return [np.exp(row - max(row.max(), -1e300)) for row in example.evidence]


@settings(max_examples=60)
@given(examples(most_states=3))
def test_our_static_engine_agrees_on_the_unrolled_chain(example):
    assume(enumerated(example) is not None)
    network, found = unrolled(example), ours(example)
    seen = dict(zip(network.variables, likelihoods(example), strict=True))
    soft = {name: torch.tensor(weights).unsqueeze(0) for name, weights in seen.items()}
    tops = sum(row.max() for row in example.evidence)
    for t, name in enumerate(network.variables):
        answer = compiled(network, name, ())([{}], soft=soft)
        np.testing.assert_allclose(found.smoothed[t], answer.probabilities.reshape(-1), atol=1e-10)
        np.testing.assert_allclose(found.log_evidence, float(answer.log_evidence) + tops, atol=1e-10, rtol=1e-12)
        so_far = dict(list(soft.items())[: t + 1])
        answer = compiled(network, name, ())([{}], soft=so_far)
        np.testing.assert_allclose(found.filtered[t], answer.probabilities.reshape(-1), atol=1e-10)


@settings(max_examples=25)
@given(examples(most_states=3, most_steps=4))
def test_pgmpy_agrees_on_the_unrolled_chain(example):
    assume(enumerated(example) is not None)
    assume(len(example.initial) > 1)
    with without_known_warning():
        from pgmpy.factors.discrete import TabularCPD
        from pgmpy.inference import VariableElimination
    network, found = unrolled(example), ours(example)
    for t, name in enumerate(network.variables):
        soft = [
            TabularCPD(
                other, len(weights), weights.reshape(-1, 1), state_names={other: list(network.variables[other].states)}
            )
            for other, weights in zip(network.variables, likelihoods(example), strict=True)
        ]
        answer = VariableElimination(to_pgmpy(network)).query([name], virtual_evidence=soft, show_progress=False)
        np.testing.assert_allclose(found.smoothed[t], answer.values, atol=1e-10)
