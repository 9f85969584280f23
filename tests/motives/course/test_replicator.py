"""Replicator courses against plain loops over steps, and the laws of time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import conditional
from bsm.motives.course import course, transmitted
from bsm.motives.fitness import fitness, shares
from bsm.motives.network import to_network
from bsm.motives.theta import Theta, central
from bsm.spec import load
from bsm.spec.model import Drift, Gate, Phase, Ref, SpecError
from tests.motives.course.slow import history, several_phases
from tests.motives.worlds import random_model

MODELS = Path(__file__).parents[3] / "models"
seeds = st.integers(0, 10_000)


@settings(max_examples=6)
@given(seeds, st.booleans(), st.booleans())
def test_every_moment_is_that_of_a_loop_over_steps(seed, explored, passed_on):
    """Drift, transmission, exploration, pressure, gates of both kinds, levers, own contexts, own selection."""
    model = several_phases(seed, explored=explored, passed_on=passed_on)
    found = course(model)
    for phase, step, weights in history(model):
        at = phase if step is None else (phase, step)
        np.testing.assert_allclose(found.log_weights(at)[0].exp(), weights, rtol=1e-10, err_msg=str(at))
        np.testing.assert_allclose(found.shares(at)[0], weights[:-1] / weights[:-1].sum(), rtol=1e-10)


@settings(max_examples=4)
@given(seeds, st.floats(0.05, 4.95))
def test_a_fraction_of_a_step_comes_after_the_whole_ones(seed, n):
    model = several_phases(seed)
    model = replace(model, phases=(replace(model.phases[0], selections=n), *model.phases[1:]))
    np.testing.assert_allclose(course(model).log_weights()[0].exp(), history(model)[-1][2], rtol=1e-10)


@settings(max_examples=15)
@given(seeds)
def test_one_step_is_the_static_model(seed):
    model = random_model(seed)
    model = replace(model, phases=(Phase("training", 1.0, 1.0),))
    wanted = conditional(to_network(model), "motivation", (model.graph.influence,))[0, -1]
    np.testing.assert_allclose(course(model).shares()[0], wanted, atol=1e-12)


@settings(max_examples=8)
@given(seeds, st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_splitting_a_phase_in_two_changes_nothing(seed, first, second, passed_on):
    model = several_phases(seed, passed_on=passed_on)
    whole = replace(model.phases[0], selections=float(first + second), gates=model.phases[1].gates)
    halves = (
        replace(whole, selections=float(first), gates=()),
        replace(whole, name="and then", selections=float(second)),
    )
    a, b = (course(replace(model, phases=phases)).log_weights() for phases in ((whole,), halves))
    np.testing.assert_allclose(a, b, rtol=1e-12)


@settings(max_examples=15)
@given(seeds, st.integers(0, 3))
def test_it_is_conditioning_on_being_selected_each_time(seed, n):
    """Every path of motivations through n steps, weighed by P(path) P(selected at each step | path)."""
    model = several_phases(seed, explored=False, passed_on=False)
    phase = replace(model.phases[0], selections=float(n), eta=1.0)
    prior = replace(model.prior, terms=tuple(t for t in model.prior.terms if t.acts == "once"))
    model = replace(model, phases=(phase,), prior=prior)
    f = fitness(model).overall[0].numpy()
    q = np.eye(3)
    for d in phase.drift:
        i, j = int(d.source[1]), int(d.target[1])
        q[i, j] += d.rate
        q[i, i] -= d.rate
    start = course(model).shares("start")[0].numpy()
    weights = np.zeros(3)
    for path in np.ndindex(*[3] * (n + 1)):
        p = start[path[0]]
        for now, then in pairwise(path):
            p *= f[now] * q[now, then]  # selected while it acts, then it drifts
        weights[path[-1]] += p
    np.testing.assert_allclose(course(model).shares()[0], weights / weights.sum(), atol=1e-12)


@pytest.mark.parametrize(("passed_on", "blocks"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("explored", [False, True])
def test_many_steps_are_the_loop(passed_on, blocks, explored, monkeypatch):
    """Thousands of steps in numpy; transmission takes them one by one too, or in blocks if there are too many."""
    if blocks:
        monkeypatch.setattr(transmitted, "MOST_COMPILED", 0)
        monkeypatch.setattr(transmitted, "TOLERANCE", 1e-6)
    n = 2_000 if blocks else 20_000
    model = several_phases(5, explored=explored, passed_on=False)
    t = 1e-3 if passed_on else 0.0
    drift = (Drift("m0", "m1", 2e-4, t), Drift("m1", "m2", 1e-4, t), Drift("m2", "m0", 3e-4))
    phase = replace(model.phases[0], selections=float(n), eta=0.01, drift=drift, exploration=1e-3 * explored)
    model = replace(model, phases=(phase,))
    found = course(model)
    stage = found.stages[0]
    w = found.shares("start")[0].numpy()
    w = np.stack([w, 0 * w], 1)
    f = stage.fitness[0, :-1].numpy()
    before = f if stage.unexplored is None else stage.unexplored[0, :-1].numpy()
    gain = np.stack([before, f], 1) ** 0.01 * np.exp(0.01 * stage.pressure[0, :-1].numpy())[:, None]
    x = np.array([[1 - phase.exploration, phase.exploration], [0, 1]])
    q, passing = stage.drift[0].numpy(), 0 if stage.transmission is None else stage.transmission[0].numpy()
    for _ in range(n):
        extra = passing * w.sum(1) * np.ones((3, 3))
        w = (q + extra - np.diag(extra.sum(1))).T @ (w * gain) @ x
        w /= w.sum()
    np.testing.assert_allclose(found.shares()[0], w.sum(1), rtol=1e-6 if blocks else 1e-9)


def test_a_million_steps_are_the_loop_to_1e_9():
    model = random_model(7)
    drift = (Drift("m0", "m1", 2e-6), Drift("m1", "m2", 1e-6), Drift("m2", "m0", 3e-6))
    model = replace(model, phases=(Phase("long", 1e6, 1e-4, drift=drift),))
    found = course(model)
    stage = found.stages[0]
    w = found.shares("start")[0].numpy()
    step = (stage.fitness[0, :-1].numpy() ** 1e-4)[:, None] * stage.drift[0].numpy()
    for _ in range(10**6):
        w = w @ step
    np.testing.assert_allclose(found.shares()[0], w / w.sum(), rtol=1e-9)


def test_a_weight_that_float64_would_lose_is_kept():
    """A motivation that drift leaves and never enters loses 10,000 nats against the others and still has its odds."""
    model = random_model(11)
    drift = (Drift("m0", "m1", 0.1), Drift("m1", "m0", 0.0))
    model = replace(model, phases=(Phase("long", 1e5, 1.0, drift=drift),))
    found = course(model)
    f = found.stages[0].fitness[0]
    wanted = found.log_prior()[0] + 1e5 * f.log()
    np.testing.assert_allclose(found.log_weights()[0, [2, 3]], wanted[[2, 3]], rtol=1e-12)
    np.testing.assert_allclose(found.log_weights()[0, 0], wanted[0] + 1e5 * np.log(0.9), rtol=1e-12)
    assert bool(torch.isfinite(found.log_weights()).all())


def test_gates_without_selections():
    model = random_model(2)
    gate = Gate("audit", 3.0, caught={"o": ("yes",)})
    audit = Phase("audit", 0.0, 1.0, gates=(gate,))
    once, twice = (
        course(replace(model, phases=phases)) for phases in ((audit,), (audit, replace(audit, name="again")))
    )
    a, b = once.contributions()["audit: audit"], twice.contributions()["again: audit"]
    np.testing.assert_allclose(a, b, rtol=1e-14)  # held-out looks multiply
    q = 1 - (a / 3).exp()
    np.testing.assert_allclose(twice.log_weights(), twice.log_prior() + 6 * torch.log1p(-q), rtol=1e-12)
    assert once.shares(("audit", 0)).equal(once.shares("start"))  # a step lies before the gates


def test_detection_that_is_stated():
    """Of none_of_these, where nothing is stated, it is the mean over the prior."""
    model = random_model(2)
    gate = Gate("audit", 3.0, detection={"m0": 0.5, "m1": 0.1, "m2": 0.0})
    q = torch.tensor([[0.5, 0.1, 0.0]], dtype=torch.float64)
    for stated, outside in ((gate.detection, None), ({**gate.detection, "none_of_these": 0.7}, 0.7)):
        phase = Phase("audit", 0.0, 1.0, gates=(replace(gate, detection=stated),))
        found = course(replace(model, phases=(phase,)))
        mean = (found.shares("start") * q).sum(-1, keepdim=True)
        whole = torch.cat([q, mean if outside is None else torch.full_like(mean, outside)], 1)
        np.testing.assert_allclose(found.contributions()["audit: audit"], 3 * torch.log1p(-whole), rtol=1e-12)
    partly = replace(gate, detection={"m0": 0.5})
    with pytest.raises(SpecError, match="says nothing of"):
        course(replace(model, phases=(Phase("audit", 0.0, 1.0, gates=(partly,)),)))


def test_looks_that_are_trained_on_raise_evasion():
    model = random_model(2)
    held = Gate("audit", 2.0, caught={"o": ("yes",)})
    trained = replace(held, held_out=False, evasion=0.3, looks=5.0)
    other = replace(trained, name="another")
    found = course(
        replace(model, phases=(Phase("a", 0.0, 1.0, gates=(trained, other)), Phase("b", 0.0, 1.0, gates=(held,))))
    )
    plain = course(replace(model, phases=(Phase("b", 0.0, 1.0, gates=(held,)),)))
    assert found.shares("a").equal(found.shares("start"))  # multiplies nothing by itself
    q = 1 - (plain.contributions()["b: audit"] / 2).exp()
    wanted = 2 * torch.log1p(-q * 0.7**5)
    np.testing.assert_allclose(found.contributions()["b: audit"], wanted, rtol=1e-10)


def test_tiny():
    """Design, section 7: uniform prior, no bypass, kappa = 1, beta = 30, eta n = 10."""
    wanted = {
        "influence_seeker": 0.164880,
        "power_schemer": 0.164880,
        "paperclip_schemer": 0.164880,
        "tests_kludge": 0.164941,
        "reward_seeker": 0.157333,
        "correct_tests_seeker": 0.057843,
        "instruction_follower": 0.057843,
        "approval_seeker": 0.057839,
        "broken_tests_seeker": 0.009561,
        "log_tamperer": 0.0,
    }
    model = load(MODELS / "tiny" / "model.yaml")
    np.testing.assert_allclose(shares(model)[0], [wanted[m] for m in model.motivations], atol=6e-7)


def test_gradients_through_n_eta_and_rates():
    model = several_phases(3, explored=True)
    phase = replace(
        model.phases[0],
        selections=Ref("n"),
        eta=Ref("eta"),
        exploration=Ref("seen"),
        drift=(Drift("m0", "m1", Ref("rate"), Ref("passed")),),
        gates=(Gate("g", Ref("looks"), detection={"m0": 0.2, "m1": 0.3, "m2": Ref("q"), "none_of_these": 0.1}),),
    )
    drifting = replace(model, phases=(phase, replace(phase, name="b", drift=(Drift("m1", "m2", Ref("rate")),))))
    names = ("n", "eta", "seen", "rate", "passed", "looks", "q")
    start = torch.tensor([[3.4, 2.3], [0.7, 1.2], [0.2, 0.1], [0.1, 0.05], [0.2, 0.3], [2.0, 1.0], [0.4, 0.3]]).double()

    def answer(values: torch.Tensor) -> torch.Tensor:
        return course(drifting, Theta(dict(zip(names, values, strict=True)))).log_weights()

    assert torch.autograd.gradcheck(answer, start.requires_grad_(True))


def test_the_slope_in_n_is_right_at_a_whole_number():
    """Selections are often whole numbers: the slope there is that of the next fraction of a step."""
    model = several_phases(3, passed_on=False)
    model = replace(model, phases=(replace(model.phases[0], selections=Ref("n")),))

    def answer(n: torch.Tensor) -> torch.Tensor:
        return course(model, Theta({"n": n})).log_weights()[0, 0]

    n = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(answer(n), n)
    with torch.no_grad():
        ahead = (answer(n + 1e-6) - answer(n)) / 1e-6
    assert float(slope) == pytest.approx(float(ahead), rel=1e-4)


def test_draws_are_answered_together_as_one_by_one():
    model = several_phases(8)
    model = replace(model, phases=tuple(replace(p, selections=Ref("n"), eta=Ref("eta")) for p in model.phases))
    n, eta = torch.tensor([0.0, 2.5, 1500.0, 7.0]).double(), torch.tensor([1.0, 0.3, 0.01, 2.0]).double()
    together = course(model, Theta({"n": n, "eta": eta})).log_weights()
    for i in range(4):
        alone = course(model, Theta({"n": n[i : i + 1], "eta": eta[i : i + 1]})).log_weights()
        np.testing.assert_allclose(together[i], alone[0], rtol=1e-9)


def test_a_step_beyond_a_phase_is_refused():
    model = several_phases(8)
    n = central(model).of(model.phases[2].selections)
    with pytest.raises(SpecError, match="beyond its selections"):
        course(model).shares(("last", float(n) + 1))
    with pytest.raises(SpecError, match="not a phase"):
        course(model).shares("lst")
