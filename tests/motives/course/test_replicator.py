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
from bsm.motives.course import course
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


def spreading(seed: int, n: float, explored: bool, transmission: float, eta: float | Ref = 0.01):  # type: ignore[no-untyped-def]
    """One long phase of weak drift in a ring."""
    model = several_phases(seed, explored=explored, passed_on=False)
    t = transmission
    drift = (Drift("m0", "m1", 2e-4, t), Drift("m1", "m2", 1e-4, t / 2), Drift("m2", "m0", 3e-4))
    phase = replace(model.phases[0], selections=float(n), eta=eta, drift=drift, exploration=1e-3 * explored)
    return replace(model, phases=(phase,))


def walked(found) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Log weights [m, explored] after the only phase, by a loop in numpy: logs, and each step its own matrix."""
    stage = found.stages[0]
    logs = found.state("start")[0, :-1].numpy()
    f = stage.fitness[0, :-1].numpy()
    before = f if stage.unexplored is None else stage.unexplored[0, :-1].numpy()
    eta, ways = float(stage.eta[0]), logs.shape[1]
    gain = eta * (np.log(np.stack([before, f], 1)[:, -ways:]) + stage.pressure[0, :-1].numpy()[:, None])
    e = float(stage.exploration[0])
    x = np.array([[1 - e, e], [0, 1]])[-ways:, -ways:]
    q, passing = stage.drift[0].numpy(), 0 if stage.transmission is None else stage.transmission[0].numpy()
    with np.errstate(divide="ignore"):
        for _ in range(int(stage.n[0])):
            w = np.exp(logs - logs.max()).sum(1)
            extra = passing * (w / w.sum()) * np.ones((3, 3))
            flow = np.log(q + extra - np.diag(extra.sum(1)))
            logs = np.logaddexp.reduce((logs + gain)[:, None, :] + flow[:, :, None], axis=0)
            logs = np.logaddexp.reduce(logs[:, :, None] + np.log(x)[None], axis=1)
    return logs


@pytest.mark.parametrize("transmission", [0.0, 1e-3, 0.03])
@pytest.mark.parametrize("explored", [False, True])
def test_many_steps_are_the_loop(transmission, explored):
    """Thousands of steps; every log weight to 1e-9 over the whole phase, what is passed on fast or slowly."""
    found = course(spreading(5, 10_000, explored, transmission))
    np.testing.assert_allclose(found.state()[0, :-1], walked(found), rtol=0, atol=1e-9)


@pytest.mark.parametrize("explored", [False, True])
def test_weights_that_float64_has_no_room_for_rise_and_others_fall(explored):
    """One starts 600 nats down, passes all others, and leaves one of them hundreds of nats behind; one it feeds."""
    model = spreading(5, 4_000, explored, 0.0, eta=1.0)
    once, *rest, press, count = model.prior.terms
    start = replace(once, amounts={"m0": 0.0, "m1": -600.0, "m2": 0.0})
    press = replace(press, amounts={"m0": 0.0, "m1": 1.0, "m2": 0.0})
    model = replace(model, prior=replace(model.prior, terms=(start, *rest, press, count)))
    drift = (Drift("m1", "m0", 1e-15, 0.02), Drift("m0", "m1", 0.0, 1e-3))
    found = course(replace(model, phases=(replace(model.phases[0], drift=drift),)))
    early, late = found.log_shares("start")[0], found.log_shares()[0]
    assert float(early[1] - early[2]) < -500
    assert float(late[1] - late[2]) > 400
    np.testing.assert_allclose(found.state()[0, :-1], walked(found), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("explored", [False, True])
def test_gradients_through_many_steps_with_transmission(explored):
    """They walk each part anew on the way back; values are those without gradients, slopes finite differences."""
    model = spreading(3, 333, explored, 5e-3, eta=Ref("eta"))
    eta = torch.tensor([0.01, 0.03], dtype=torch.float64, requires_grad=True)
    found = course(model, Theta({"eta": eta})).log_weights()
    with torch.no_grad():
        low, same, high = (course(model, Theta({"eta": eta + h})).log_weights() for h in (-1e-6, 0.0, 1e-6))
    np.testing.assert_allclose(found.detach(), same, rtol=0, atol=1e-9)
    each = torch.tensor([1.0, -2.0, 0.5, 0.1], dtype=torch.float64)
    (slope,) = torch.autograd.grad((found @ each).sum(), eta)
    np.testing.assert_allclose(slope, (high - low) @ each / 2e-6, rtol=1e-6)


def test_more_steps_with_transmission_than_anyone_waits_for():
    model = spreading(3, 2e9, False, 5e-3, eta=Ref("eta"))
    eta = torch.tensor([0.01, 0.03], dtype=torch.float64)
    with pytest.raises(SpecError, match=r"2e\+09 selections with transmission, 4e\+09 over 2 draws; at most 1e\+09"):
        course(model, Theta({"eta": eta})).shares()
    with pytest.raises(SpecError, match=r"with gradients; at most 20000 are followed.*use fewer"):
        course(model, Theta({"eta": eta.requires_grad_()})).shares()


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


def test_draws_in_which_more_leaves_than_there_is_are_counted():
    model = replace(
        random_model(2), phases=(Phase("p", 3.0, 1.0, drift=(Drift("m0", "m1", Ref("r")), Drift("m0", "m2", 0.5))),)
    )
    rates = torch.tensor([0.1, 0.6, 0.8], dtype=torch.float64)
    with pytest.raises(SpecError, match=r"phase p: drift out of m0 .* up to 1.3 in one step, above 1 in 2 of 3 draws"):
        course(model, Theta({"r": rates}))
