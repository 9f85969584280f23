"""What a course says beside shares: contributions, forecasts, influence, continuity, moments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.evidence.ledger import Evidence
from bsm.inference.hypotheses import Hypotheses
from bsm.motives.course import Moment, Timeline, continued, course, moment
from bsm.motives.course.forecast import described
from bsm.motives.course.influence import kl, of_mixture
from bsm.motives.course.moments import spread
from bsm.motives.course.unseen import log_unseen, refuse_rows_inside
from bsm.motives.situations import support
from bsm.motives.theta import central
from bsm.spec.load import load
from bsm.spec.model import Drift, Edits, Gate, Phase, Prior, PriorTerm, Seeks, SpecError
from tests.motives import by_hand
from tests.motives.course.slow import several_phases
from tests.motives.worlds import OURS, random_model

seeds = st.integers(0, 10_000)


# --- contributions -------------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(seeds, st.sampled_from(["replicator", "softmax_pg"]))
def test_contributions_sum_to_the_log_weights(seed, dynamics):
    found = course(several_phases(seed, dynamics))
    for at in ("start", "first", ("first", 0), "middle", ("last", 0.5), None):
        total = sum(found.contributions(at).values())
        np.testing.assert_allclose(total, found.log_weights(at), atol=1e-12, err_msg=str(at))
    names = list(found.contributions())
    assert {"prior: t", "prior: count", "first: selection", "first: depth", "middle: audit"} <= set(names)
    assert "middle: audit again" in names
    assert bool((found.contributions()["middle: audit"] == 0).all())  # trained on


def test_what_acts_once_washes_out_and_what_presses_does_not():
    """Between two motivations of one policy, selection adds nothing: the pressure grows with n, the prior does not."""
    model = random_model(5)
    twin = replace(model.motivations["m0"], name="twin")
    names = {"m0": model.motivations["m0"], "twin": twin}
    terms = (
        PriorTerm("salience", "nats", 1.0, {"m0": 2.0, "twin": 0.0}, "once", "why", OURS),
        PriorTerm("length", "nats", 1.0, {"m0": 0.0, "twin": 0.1}, "per_step", "why", OURS),
    )
    model = replace(model, motivations=names, prior=Prior(0.05, terms, OURS))
    part = []
    for n in (1.0, 10.0, 100.0, 1e4):
        phase = Phase("training", n, 1.0)
        nats = {k: float(v[0, 0] - v[0, 1]) for k, v in course(replace(model, phases=(phase,))).contributions().items()}
        assert nats["prior: salience"] == pytest.approx(2.0)
        assert nats["training: length"] == pytest.approx(-0.1 * n)
        assert nats["training: selection"] == pytest.approx(0.0, abs=1e-9)
        part.append(abs(nats["prior: salience"]) / sum(map(abs, nats.values())))
    assert part == sorted(part, reverse=True)
    assert part[-1] < 0.003


def test_a_motivation_that_drift_revives():
    """A gate that surely catches kills; drift brings it back; what came before then counts nothing."""
    model = random_model(5)
    gate = Gate("audit", 1.0, detection={"m0": 1.0, "m1": 0.2, "m2": 0.2, "none_of_these": 0.2})
    after = Phase("deployment", 3.0, 1.0, drift=(Drift("m1", "m0", 0.1),))
    found = course(replace(model, phases=(Phase("audit", 0.0, 1.0, gates=(gate,)), after)))
    assert float(found.shares("audit")[0, 0]) == 0
    assert float(found.shares()[0, 0]) > 0
    total = sum(found.contributions().values())
    np.testing.assert_allclose(total, found.log_weights(), atol=1e-12)
    gone = found.contributions("audit")
    assert float(gone["audit: audit"][0, 0]) == -np.inf
    assert not any(bool(v.isnan().any()) for v in gone.values())


# --- what inference reads --------------------------------------------------------------------------------------


def test_steps_that_rows_observed_count_with_the_rows():
    model = several_phases(3, explored=False)
    model = replace(model, phases=tuple(replace(p, drift=()) for p in model.phases))
    timeline, theta = Timeline(model), central(model)
    all_ = log_unseen(timeline, theta)
    np.testing.assert_allclose(all_, course(model).log_weights(), atol=1e-12)
    last = course(model).stages[-1]
    one = log_unseen(timeline, theta, {"last": 1})
    np.testing.assert_allclose(all_ - one, last.eta * last.fitness.log(), atol=1e-12)
    assert bool((log_unseen(timeline, theta, {"last": 1000}) == -torch.inf).all())


def test_rows_inside_a_phase_with_drift_are_refused():
    timeline = Timeline(several_phases(3))
    refuse_rows_inside(timeline, {})
    with pytest.raises(SpecError, match="at="):
        refuse_rows_inside(timeline, {"first": 0})
    with pytest.raises(SpecError, match="first has drift"):
        log_unseen(timeline, central(timeline.model), {"first": 1})


@pytest.mark.parametrize("dynamics", ["replicator", "softmax_pg"])
def test_credence_before_the_ledger_is_the_course(dynamics):
    model = several_phases(3, dynamics)
    hypotheses = Hypotheses(model, Evidence())
    found = hypotheses.log_credence(central(model))
    np.testing.assert_allclose(found, course(model).log_weights().log_softmax(-1), atol=1e-12)


# --- forecasts -------------------------------------------------------------------------------------------------


@settings(max_examples=6)
@given(seeds)
def test_a_forecast_is_the_mean_over_patterns(seed):
    model = random_model(seed, contexts_with_causes=False)
    found = course(model, reading="mixture")
    share = found.shares(("training", 2))[0]
    for c in by_hand.situations(model)[:2]:
        wanted = 0.0
        for s, name in zip(share.tolist(), model.motivations, strict=True):
            for a, p in zip(
                by_hand.joint_actions(model, by_hand.first_actions(model)),
                by_hand.policy(model, name, c).values(),
                strict=True,
            ):
                wanted += s * p * by_hand.consequence(model, name, lambda w: float(w["o"] == "yes"), a, c)
        assert float(found.behaviour("happened", c, ("training", 2))[0]) == pytest.approx(wanted, abs=1e-10)


def test_a_forecast_names_what_is_wrong():
    found = course(random_model(3))
    for event, context, match in (
        ("happens", {}, "not an observation"),
        ({"o": ("perhaps",)}, {}, "no state"),
        ({"oo": ("yes",)}, {}, "not a node"),
        ("happened", {"o": "yes"}, "no context or lever"),
        ("happened", {"c": "maybe"}, "not one of its states"),
    ):
        with pytest.raises(SpecError, match=match):
            found.behaviour(event, context)


# --- influence -------------------------------------------------------------------------------------------------


def twins(seed: int, idle: bool = False):  # type: ignore[no-untyped-def]
    """m0 and a twin of it; with `idle` a third that wants what no action moves."""
    model = random_model(seed, contexts_with_causes=False)
    one = replace(model.motivations["m0"], awareness=1.0, beliefs=Edits(), strength=5.0)
    names = {"m0": one, "twin": replace(one, name="twin")}
    if idle:
        names["idle"] = replace(one, name="idle", seeks=(Seeks("h", "yes"),))
    return replace(model, motivations=names, prior=Prior(0.05, (), OURS), phases=())


def test_a_redundant_pattern_has_share_and_no_influence():
    for reading in ("mixture", "votes"):
        found = course(twins(3), reading=reading)
        np.testing.assert_allclose(found.shares()[0], [0.5, 0.5])
        np.testing.assert_allclose(found.influence(filled_by="others")[0], [0, 0], atol=1e-14)
        assert bool((found.influence(filled_by="base")[0] > 1e-4).all())
        found = course(twins(3, idle=True), reading=reading)
        gone = found.influence(filled_by="base" if reading == "votes" else "others")[0]
        assert float(found.shares()[0, 2]) == pytest.approx(1 / 3)
        assert float(gone[0]) > 1e-5
        if reading == "votes":
            assert float(gone[2]) == pytest.approx(0, abs=1e-14)  # its votes are the same for every act
            assert float(found.influence(filled_by="others")[0, 2]) > 1e-4  # though it dilutes the others


def test_influence_is_the_divergence_from_the_ablated_policy():
    """By hand: two patterns, one context."""
    policies = torch.tensor([[[[0.9, 0.1]], [[0.2, 0.8]]]], dtype=torch.float64)
    base, often = torch.tensor([[[0.5, 0.5]]], dtype=torch.float64), torch.ones(1, 1).double()
    share = torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    whole = 0.75 * np.array([0.9, 0.1]) + 0.25 * np.array([0.2, 0.8])
    for fill, without in (
        ("others", ([0.2, 0.8], [0.9, 0.1])),
        ("base", ([0.425, 0.575], [0.8, 0.2])),
    ):
        wanted = [float((np.array(p) * np.log(np.array(p) / whole)).sum()) for p in without]
        np.testing.assert_allclose(of_mixture(share, policies, base, often, fill)[0], wanted, atol=1e-12)
    alone = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    np.testing.assert_allclose(of_mixture(alone, policies, base, often)[0, 0], kl(base[0, 0], policies[0, 0, 0]))


# --- continuity ------------------------------------------------------------------------------------------------


def test_divergence_between_training_and_deployment():
    """Means of policies over contexts, per motivation; a family's is that of its members by share."""
    model = random_model(12, contexts_with_causes=False)
    plain = {n: replace(m, awareness=1.0) for n, m in model.motivations.items()}
    seen = next(n for n in ("c", "d") if n in support(model).names)
    phases = (
        Phase("training", 3.0, 1.0, contexts={seen: (0.9, 0.1)}),
        Phase("deployment", 1.0, 1.0, contexts={seen: (0.2, 0.8)}, kind="deployment"),
    )
    model = replace(model, motivations=plain, phases=phases)
    found = course(model).divergence(at="training")
    assert (found.training, found.deployment) == ("training", "deployment")
    share = course(model).shares("training")[0]
    for i, name in enumerate(model.motivations):
        p, q = (usual(model, name, seen, at.contexts[seen]) for at in phases)
        wanted = float((p * np.log(p / q)).sum())
        assert float(found.motivations[0, i]) == pytest.approx(wanted, abs=1e-10)
    total = sum(float(v[0]) * weight(model, f, share) for f, v in found.families.items())
    assert total == pytest.approx(float((share * found.motivations[0]).sum()))
    with pytest.raises(SpecError, match="same contexts"):
        course(model).divergence("training", "training")


def weight(model, family, share):  # type: ignore[no-untyped-def]
    from bsm.motives.families import placement

    return sum(float(s) for s, m in zip(share, model.motivations, strict=True) if placement(model, m).family == family)


def usual(model, name, seen, p):  # type: ignore[no-untyped-def]
    from bsm.spec.model import Rows

    nodes = {**model.nodes, seen: replace(model.nodes[seen], mechanism=Rows((), p))}
    world = replace(model, nodes=nodes, base=model)
    rows = [list(by_hand.policy(world, name, c).values()) for c in by_hand.situations(world)]
    return np.array(by_hand.frequencies(world)) @ np.array(rows)


# --- moments ---------------------------------------------------------------------------------------------------


def test_ways_of_writing_a_moment():
    model = several_phases(3)
    found = course(model)
    for a, b in (
        (None, "last"),
        ("now", "last"),
        ("last:1", ("last", 1)),
        ("start", ("first", 0)),
        ("first", ("middle", 0)),
        ("middle:25%", ("middle", found.stages[1].n * 0.25)),
        ("last:100%", ("last", found.stages[2].n)),
        ("last:0%", "middle"),
    ):
        assert found.log_weights(a).equal(found.log_weights(b))
    assert moment(model, "last:1").words(model) == "last:1"
    assert moment(model, "last:12.5%").words(model) == "last:12.5%"
    assert moment(model, None).words(model) == "last"
    for wrong, match in (
        ("lest", "not a phase"),
        ("lest:50%", "not a phase"),
        ("last:x", "no number"),
        ("last:x%", "no number"),
        ("last:101%", "0% to 100%"),
        ("last:nan%", "0% to 100%"),
        ("last:+3", "still to come"),
        (("last", -1), "at least 0"),
        (Moment(2, part=1.5), "0 to 1"),
        (Moment(2, torch.ones(1), 0.5), "not both"),
    ):
        with pytest.raises(SpecError, match=match):
            moment(model, wrong)
    places = spread(model, [s.n for s in found.stages], 4)
    assert found.over(places).shape == (len(places), 1, 3)


def test_more_of_a_phase_is_a_longer_phase():
    model = several_phases(3)
    more = continued(model, "last", 3.0)
    longer = replace(model.phases[-1], selections=model.phases[-1].selections + 3.0, gates=())
    ends = replace(model, phases=(*model.phases[:-1], replace(model.phases[-1], gates=())))
    a = course(continued(ends, "last", 3.0)).log_weights()
    np.testing.assert_allclose(a, course(replace(model, phases=(*model.phases[:-1], longer))).log_weights(), rtol=1e-12)
    assert more.phases[-1].name == "last (continued)"
    with pytest.raises(SpecError, match="already a phase"):
        continued(more, "last", 1.0)


def test_a_context_in_words_names_the_defaults_beside_it():
    model = load("models/continual_deployment")
    told = "cue=deployment; by default probe=tasks, offer=none, channels=closed"
    assert described(model, {"cue": "deployment"}) == told
    assert described(model, {"cue": "deployment", "channels": "open"}).endswith("; by default probe=tasks, offer=none")
    assert described(model, None) == "declared support; by default channels=closed"
