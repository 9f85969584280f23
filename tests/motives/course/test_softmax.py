"""softmax_pg against SciPy's solver, closed forms and autograd; and how it differs from the replicator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from bsm.motives.course import course
from bsm.motives.course.votes import ballot, gradient
from bsm.motives.theta import Theta, central
from bsm.spec.model import Drift, Edits, Gate, Phase, Ref, SpecError
from tests.motives.course.slow import several_phases
from tests.motives.worlds import random_model

seeds = st.integers(0, 10_000)


def simple(seed: int):  # type: ignore[no-untyped-def]
    """A model whose motivations read their context rightly."""
    model = random_model(seed, contexts_with_causes=False)
    plain = {n: replace(m, awareness=1.0, beliefs=Edits()) for n, m in model.motivations.items()}
    return replace(model, motivations=plain)


@settings(max_examples=6)
@given(seeds)
def test_it_is_the_differential_equation(seed):
    """theta' = eta w (s - mean), drift on shares, transmission by shares, exploration as a mean field."""
    model = several_phases(seed, "softmax_pg")
    phase = replace(model.phases[0], selections=8.0)
    found = course(replace(model, phases=(phase,)))
    stage = found.stages[0]
    full, before = stage.fitness[0, :-1].numpy(), stage.unexplored[0, :-1].numpy()
    drift, press = stage.drift[0].numpy(), stage.pressure[0, :-1].numpy()
    passed = 0 if stage.transmission is None else stage.transmission[0].numpy()

    def slope(_, y):  # type: ignore[no-untyped-def]
        w, known = np.exp(y[:3]), y[3:]
        s = known * full + (1 - known) * before + press
        extra = passed * w * np.ones((3, 3))
        q = drift + extra - np.diag(extra.sum(1)) - np.eye(3)
        new = np.array([sum(w[i] * q[i, j] * (known[i] - known[j]) for i in range(3)) for j in range(3)]) / w
        pull = phase.eta * w * (s - w @ s)
        return np.concatenate([pull - w @ pull + (w @ q) / w, phase.exploration * (1 - known) + new])

    start = np.concatenate([found.log_shares("start")[0].numpy(), np.zeros(3)])
    wanted = solve_ivp(slope, (0, 8.0), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    np.testing.assert_allclose(found.log_shares()[0], wanted[:3], atol=1e-8)
    state = found.state()[0].exp().numpy()
    np.testing.assert_allclose(state[:3, 1] / state[:3].sum(1), wanted[3:], atol=1e-8)
    assert state[3, 1] / state[3].sum() == pytest.approx(1 - np.exp(-8 * phase.exploration))


def test_fitness_enters_as_it_is_and_not_as_its_logarithm():
    """Two patterns: sinh d + d grows by eta (f_1 - f_2) t, with d the difference of logits."""
    model = simple(4)
    kept = dict(list(model.motivations.items())[:2])
    terms = (replace(model.prior.terms[0], amounts={"m0": 0.3, "m1": 0.0}),)
    model = replace(model, motivations=kept, prior=replace(model.prior, terms=terms))
    found = course(replace(model, phases=(Phase("rl", 500.0, 0.4, dynamics="softmax_pg"),)))
    f = found.stages[0].fitness[0]
    d = float(found.log_shares()[0, 0] - found.log_shares()[0, 1])
    assert np.sinh(d) + d == pytest.approx(np.sinh(0.3) + 0.3 + 0.4 * 500 * float(f[0] - f[1]), abs=1e-7)


CAUGHT = {"m0": 1.0, "m1": 1.0, "m2": 0.0, "none_of_these": 0.5}


@pytest.mark.parametrize("passed_on", [0.0, 0.3])
@pytest.mark.parametrize("explored", [False, True])
def test_drift_between_shares_of_zero_moves_nothing(passed_on, explored):
    """A gate left one of three; drift between the others, and from them to it, has nothing to carry."""
    gate = Phase("audit", 0.0, 1.0, gates=(Gate("g", 1.0, detection=CAUGHT),))
    hidden = {"unexplored": ({"a": ("y", "z")},), "exploration": 0.2} if explored else {}
    drift = (Drift("m0", "m1", Ref("rate"), passed_on), Drift("m1", "m2", 0.2, passed_on), Drift("m2", "m1", 0.0, 0.4))
    rl = Phase("rl", 3.0, 1.0, dynamics="softmax_pg", drift=drift, **hidden)
    rate = torch.tensor([0.1, 0.3], dtype=torch.float64, requires_grad=True)
    found = course(replace(simple(4), phases=(gate, rl)), Theta({"rate": rate}))
    np.testing.assert_array_equal(found.shares().detach(), [[0, 0, 1]] * 2)
    total = sum(found.contributions().values())
    np.testing.assert_allclose(total.detach(), found.log_weights().detach(), atol=1e-12)
    (slope,) = torch.autograd.grad(found.log_weights()[:, 2].sum() + found.shares().sum(), rate)
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)


def test_drift_between_shares_that_float64_has_no_room_for():
    """Two logits 800 nats below the first: they drift among themselves as if they were all there is."""
    model = simple(4)
    amounts = {"m0": 900.0, "m1": 100.0, "m2": 101.0}
    model = replace(model, prior=replace(model.prior, terms=(replace(model.prior.terms[0], amounts=amounts),)))
    drift = (Drift("m1", "m2", 0.1), Drift("m2", "m1", 0.05))
    found = course(replace(model, phases=(Phase("rl", 6.0, 0.0, dynamics="softmax_pg", drift=drift),)))
    q = torch.tensor([[-0.1, 0.1], [0.05, -0.05]], dtype=torch.float64)
    wanted = torch.tensor([1.0, np.e], dtype=torch.float64) @ torch.linalg.matrix_exp(6 * q)
    log_w = found.log_shares()[0]
    np.testing.assert_allclose(log_w[1:] + 800, wanted.log(), atol=1e-7)
    assert float(log_w[0]) == 0.0


@pytest.mark.parametrize("dynamics", ["replicator", "softmax_pg"])
@pytest.mark.parametrize("explored", [False, True])
def test_where_no_motivation_is_left_the_gate_is_named(dynamics, explored):
    """In the draws where a gate catches all, weights are zero after it; the other draws go on as if alone."""
    caught = {"m0": 1.0, "m1": 1.0, "m2": Ref("q"), "none_of_these": 0.5}
    seen = Gate("look", 1.0, detection={**CAUGHT, "m0": 0.5, "m1": 0.5})
    audit = Phase("audit", 0.0, 1.0, gates=(seen, Gate("g", 1.0, detection=caught)))
    hidden = {"unexplored": ({"a": ("y", "z")},), "exploration": 0.2} if explored else {}
    drift = (Drift("m0", "m1", 0.1),)
    after = Phase("rl", 3.0, 1.0, dynamics=dynamics, drift=drift, **hidden)
    model = replace(simple(4), phases=(audit, after))
    both = course(model, Theta({"q": torch.tensor([0.3, 1.0], dtype=torch.float64)}))
    alone = course(model, Theta({"q": torch.tensor([0.3], dtype=torch.float64)}))
    np.testing.assert_allclose(both.log_weights()[0], alone.log_weights()[0], atol=1e-9)
    assert both.log_weights()[1, :3].tolist() == [-np.inf] * 3
    assert bool(both.log_weights()[1, 3] > -np.inf)
    assert not any(bool(part.isnan().any()) for part in both.contributions().values())
    with pytest.raises(SpecError, match="at rl no motivation is left in 1 of 2 draws: in phase audit the gate g"):
        both.shares()


def test_where_no_motivation_is_selected_the_phase_is_named():
    model = random_model(4)
    found = course(replace(model, phases=(Phase("rl", 2.0, 1.0),)))
    stage = replace(found.stages[0], fitness=0 * found.stages[0].fitness)
    found = replace(found, stages=(stage,), _kept={})
    with pytest.raises(SpecError, match="at rl no motivation is left in 1 of 1 draws: in phase rl every one that was"):
        found.shares()


def test_none_of_these_keeps_its_odds_to_all_patterns_together():
    model = replace(simple(4), phases=(Phase("rl", 50.0, 1.0, dynamics="softmax_pg"),))
    before, after = course(model).log_weights("start")[0].exp(), course(model).log_weights()[0].exp()
    assert float(after[-1]) == float(before[-1])
    assert float(after[:-1].sum()) == pytest.approx(float(before[:-1].sum()), rel=1e-12)


@settings(max_examples=8)
@given(seeds, st.floats(0.1, 5), st.floats(0.1, 5))
def test_splitting_a_phase_in_two_changes_nothing(seed, first, second):
    model = several_phases(seed, "softmax_pg")
    whole = replace(model.phases[0], selections=first + second)
    halves = (replace(whole, selections=first), replace(whole, name="b", selections=second))
    a, b = (course(replace(model, phases=p)).log_shares() for p in ((whole,), halves))
    np.testing.assert_allclose(a, b, atol=1e-8)


def test_gradients_through_n_eta_and_drift():
    model = replace(
        simple(6),
        phases=(Phase("rl", Ref("n"), Ref("eta"), dynamics="softmax_pg", drift=(Drift("m0", "m1", Ref("rate")),)),),
    )
    start = torch.tensor([[3.0, 8.2], [0.7, 1.2], [0.05, 0.1]], dtype=torch.float64, requires_grad=True)
    for reading in ("hypothesis", "votes"):

        def answer(values: torch.Tensor, reading: str = reading) -> torch.Tensor:
            return course(model, Theta(dict(zip(("n", "eta", "rate"), values, strict=True))), reading=reading).shares()

        assert torch.autograd.gradcheck(answer, start, atol=1e-6)


# --- votes --------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seeds)
def test_the_vote_gradient_is_that_of_being_selected(seed):
    """w (G - mean of G) is the gradient of P(selected | do(pi)) in the logits, by autograd."""
    model = replace(simple(seed), phases=(Phase("rl", 1.0, 1.0, contexts={"c": (0.3, 0.7)}, dynamics="softmax_pg"),))
    found = course(model, reading="votes")
    stage, theta = found.stages[0], central(model)
    who = stage.behaviour
    logits = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_(True)
    pi = ballot(who, theta).log_policy(logits.softmax(0)[None]).exp()
    chance = who.consequence(who.influence, theta, chosen=who.support)
    expected = ((pi * chance).sum(-1) * who.frequencies(theta)).sum()
    (wanted,) = torch.autograd.grad(expected, logits)
    w = logits.detach().softmax(0)[None]
    g = gradient(stage, theta)(w, None)
    np.testing.assert_allclose((w * (g - (w * g).sum(-1, keepdim=True)))[0], wanted, atol=1e-12)


def test_votes_climb_to_being_selected_more():
    model = replace(simple(1), phases=(Phase("rl", 200.0, 1.0, dynamics="softmax_pg"),))
    found = course(model, reading="votes")
    event = {model.graph.influence: ("yes",)}
    chances = [float(found.behaviour(event, at=("rl", n))[0]) for n in (0, 10, 50, 200)]
    assert chances == sorted(chances)
    assert chances[-1] > chances[0]


def test_one_pattern_alone_votes_as_it_acts():
    """With share one, the vote policy is its own policy."""
    model = simple(9)
    model = replace(model, motivations={"m1": model.motivations["m1"]}, phases=())
    model = replace(model, prior=replace(model.prior, terms=()))
    lone, votes = course(model), course(model, reading="votes")
    event = {"o": ("yes",)}
    torch.testing.assert_close(lone.behaviour(event), votes.behaviour(event))


def test_where_votes_are_not_defined():
    model = replace(simple(9), phases=(Phase("rl", 2.0, 1.0),))
    with pytest.raises(SpecError, match="softmax_pg"):
        course(model, reading="votes")
    unsure = {**model.motivations, "m0": replace(model.motivations["m0"], awareness=0.5)}
    with pytest.raises(SpecError, match="awareness"):
        course(replace(model, motivations=unsure), dynamics="softmax_pg", reading="votes").shares()
    later = random_model(3, later=True)
    aware = {n: replace(m, awareness=1.0) for n, m in later.motivations.items()}
    with pytest.raises(SpecError, match="after an outcome"):
        course(replace(later, motivations=aware), dynamics="softmax_pg", reading="votes").shares()
    with pytest.raises(SpecError, match="does not exist"):
        course(model, reading="vote")
