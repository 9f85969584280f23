"""What must leave a policy, a fitness or a share alone, whatever the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.motives.compile import Behaviour
from bsm.motives.fitness import fitness, log_selection, shares
from bsm.motives.theta import central
from bsm.spec.model import Edits, Model, Rows
from tests.motives.worlds import random_model

seeds = st.integers(0, 10_000)


def policies(model: Model) -> dict[str, np.ndarray]:
    behaviour, theta = Behaviour(model), central(model)
    return {m: behaviour.log_policy(m, theta).exp()[0].numpy() for m in model.motivations}


def changed(model: Model, **changes) -> Model:
    return replace(model, motivations={n: replace(m, **changes) for n, m in model.motivations.items()})


@settings(max_examples=15)
@given(seeds, st.floats(0.1, 50), st.floats(-5, 5))
def test_units_of_a_target_mean_nothing(seed, scale, shift):
    """A target's values stretched and moved: the range unit takes it out (single targets, pursued everywhere)."""
    model = random_model(seed)
    model = replace(
        model,
        motivations={
            n: replace(m, seeks=(replace(m.seeks[0], target="r", state=None, weight=1.0, active_in={}),))
            for n, m in model.motivations.items()
        },
    )
    states = tuple(float(scale * v + shift) for v in (0.0, 1.0, 2.0))
    r = model.nodes["r"]
    table = _as_rows(model, "r")
    other = replace(model, nodes={**model.nodes, "r": replace(r, values=states, mechanism=table)})
    for m, p in policies(model).items():
        np.testing.assert_allclose(policies(other)[m], p, atol=1e-9)


def _as_rows(model: Model, name: str) -> Rows:
    from itertools import product

    from bsm.spec.model import Row
    from tests.motives import by_hand

    node = model.nodes[name]
    listed = []
    for at in product(*(model.nodes[p].states for p in node.parents)):
        world = dict(zip(node.parents, at, strict=True))
        p = by_hand.distribution(node, model, world)
        listed.append(Row({n: (s,) for n, s in world.items()}, tuple(p.values())))
    return Rows(tuple(listed))


@settings(max_examples=10)
@given(seeds, st.floats(0.1, 9))
def test_weights_share_one_unit(seed, factor):
    """All weights multiplied by one number: u is multiplied too."""
    model = random_model(seed)
    scaled = replace(
        model,
        motivations={
            n: replace(m, seeks=tuple(replace(s, weight=factor * s.weight) for s in m.seeks))
            for n, m in model.motivations.items()
        },
    )
    for m, p in policies(model).items():
        np.testing.assert_allclose(policies(scaled)[m], p, atol=1e-9)


@settings(max_examples=10)
@given(seeds)
def test_no_strength_is_the_base_policy_and_no_awareness_is_blind(seed):
    model = random_model(seed, contexts_with_causes=False)
    behaviour, theta = Behaviour(model), central(model)
    weak = policies(changed(model, strength=0.0, awareness=1.0))
    blind = policies(changed(model, awareness=0.0))
    for m in model.motivations:
        np.testing.assert_allclose(weak[m], behaviour.log_base(theta).exp()[0], atol=1e-12)
        np.testing.assert_allclose(blind[m], np.broadcast_to(blind[m][:1], blind[m].shape), atol=1e-12)


@settings(max_examples=10)
@given(seeds)
def test_great_strength_is_greed(seed):
    model = changed(random_model(seed, contexts_with_causes=False), awareness=1.0, planning=1.0)
    strong, greedy = fitness(changed(model, strength=1e7)), fitness(model, greedy=True)
    for m in model.motivations:
        assert strong[m] == pytest.approx(greedy[m], abs=1e-3)


@settings(max_examples=10)
@given(seeds)
def test_seeking_influence_is_at_least_as_fit_as_the_base_policy(seed):
    """A vote for influence can only raise it, at every strength and in every context."""
    model = random_model(seed, contexts_with_causes=False)
    found = {}
    for strength in (0.0, 0.5, 2.0, 8.0, 32.0):
        m = replace(
            model.motivations["m0"],
            seeks=(replace(model.motivations["m0"].seeks[0], target="i", state="yes", weight=1.0, active_in={}),),
            beliefs=Edits(),
            awareness=1.0,
            strength=strength,
        )
        found[strength] = fitness(replace(model, motivations={"m0": m})).by_context[0, 0]
    rising = torch.stack(list(found.values()))
    assert bool((rising[1:] - rising[:-1] >= -1e-12).all())


@settings(max_examples=10)
@given(seeds, st.floats(0.1, 3), st.integers(0, 30))
def test_selection_adds_up_step_by_step(seed, eta, n):
    model = random_model(seed)
    phase = replace(model.phases[0], selections=float(n), eta=eta)
    model = replace(model, phases=(phase,))
    fit = fitness(model)
    theta = central(model)
    named, base = log_selection(model, theta)
    np.testing.assert_allclose(named[0], eta * n * fit.overall[0].log(), atol=1e-12)
    np.testing.assert_allclose(base[0], eta * n * fit.base[0].log(), atol=1e-12)
    if n >= 2:
        rest, _ = log_selection(model, theta, {phase.name: 2})
        np.testing.assert_allclose(rest[0], eta * (n - 2) * fit.overall[0].log(), atol=1e-12)
        gone, _ = log_selection(model, theta, {phase.name: n + 1})
        assert bool(torch.isneginf(gone).all())
    assert float(shares(model).sum()) == pytest.approx(1, abs=1e-12)
