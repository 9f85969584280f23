"""The half-life of an audit against two AIs followed in a loop: one that was clean, and one at which nobody looked."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest
import torch

from bsm.motives.course import course
from bsm.motives.theta import Theta
from bsm.questions.audits import audit_half_life
from bsm.spec.load import load
from bsm.spec.model import Drift, Gate, Model, Phase, SpecError
from tests.motives.course.slow import several_phases
from tests.questions.audit_loop import by_replicator, first_below, flown, followed, looped_bits, named, same
from tests.readme.blocks import README

AUDIT = Gate("audit", 2.0, detection={"m0": 0.9, "m1": 0.1, "m2": 0.3, "none_of_these": 0.2})
OTHER = Gate("other", 1.0, detection={"m0": 0.9, "m1": 0.1, "m2": 0.5, "none_of_these": 0.2})
TRAINED = Gate("audit", 1.0, detection=AUDIT.detection, held_out=False, evasion=0.3)
DRIFTS = (Drift("m0", "m1", 0.05), Drift("m2", "m1", 0.02))
CHECK = Phase("check", 0.0, 1.0, gates=(AUDIT,))
DEPLOYED = Phase("deployed", 50.0, 0.1, drift=DRIFTS)


def with_phases(seed: int, *phases: Phase, none: float = 0.1) -> Model:
    model = several_phases(seed, explored=False, passed_on=False)
    return replace(model, prior=replace(model.prior, none_of_these=none), phases=phases)


# --- who counts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passed_on", [False, True])
@pytest.mark.parametrize("seed", [2, 3])
def test_none_of_these_takes_no_part_on_either_path(seed: int, passed_on: bool) -> None:
    kept = several_phases(seed, passed_on=passed_on, explored=False).phases[2]
    phases = (Phase("first", 3.0, 0.5), CHECK, replace(kept, name="deployed", eta=0.3, gates=()))
    found = [audit_half_life(with_phases(seed, *phases, none=none), "audit", most=400) for none in (0.0, 0.1, 0.6)]
    for one in found[1:]:
        assert float(one.step[0]) == float(found[0].step[0])
        assert float(one.bits[0]) == pytest.approx(float(found[0].bits[0]), rel=1e-9)
    same(with_phases(seed, *phases, none=0.6), found[2], {(1, 0)}, 2)


def test_a_drift_that_is_hardly_transmitted_has_the_answer_of_one_that_is_not() -> None:
    """The path by fixed operators and the path step by step mean the same."""
    answers = []
    for transmission in (0.0, 1e-12):
        moving = tuple(replace(d, transmission=transmission) for d in DRIFTS)
        model = with_phases(3, CHECK, replace(DEPLOYED, drift=moving))
        answers.append(audit_half_life(model))
    assert float(answers[0].step[0]) == float(answers[1].step[0])
    assert float(answers[0].bits[0]) == pytest.approx(float(answers[1].bits[0]), rel=1e-9)


def test_bits_are_about_motivations_whether_or_not_they_have_explored() -> None:
    """On most of these models, counting (motivation, explored) as one thing gives another step."""
    hidden = ({"a": ("y", "z")},)
    deployed = replace(
        DEPLOYED, eta=3.0, drift=(Drift("m0", "m1", 0.05), Drift("m2", "m1", 0.05)), unexplored=hidden, exploration=0.05
    )
    steps = []
    for seed in (0, 2, 17, 33):
        model = with_phases(seed, replace(CHECK, gates=(replace(AUDIT, looks=3.0),)), deployed)
        found = audit_half_life(model)
        same(model, found, {(0, 0)}, 1)
        steps.append(float(found.step[0]))
        assert not found.monotone
    assert steps == [5, 22, 6, 6]  # by pairs 3, 19, 5 and 73


# --- what lies between ---------------------------------------------------------------------------------------


def test_another_audit_between_takes_bits_before_the_phase_begins() -> None:
    strong, middle = replace(CHECK, gates=(replace(AUDIT, looks=4.0),)), replace(CHECK, name="mid", gates=(OTHER,))
    model = with_phases(1, strong, middle, replace(DEPLOYED, drift=DRIFTS[:1]))
    found = audit_half_life(model, "audit")
    same(model, found, {(0, 0)}, 2)
    assert float(found.bits[0]) == pytest.approx(0.136, abs=1e-3)
    assert float(found.step[0]) == 27


@pytest.mark.parametrize("measure", ["clean", "mutual"])
@pytest.mark.parametrize("seed", range(4))
def test_all_that_lies_between_changes_both(seed: int, measure: str) -> None:
    """Selection with a part of a step, drift, exploration and gates of both kinds, before, beside, and after."""
    hidden = {"unexplored": ({"a": ("y", "z")},), "exploration": 0.1}
    first, middle, last = several_phases(seed, passed_on=False).phases
    checked = replace(first, name="check", gates=(OTHER, TRAINED, AUDIT, replace(OTHER, name="more")))
    between = (
        replace(middle, gates=middle.gates[:2]),
        replace(DEPLOYED, name="between", selections=2.5, gates=(TRAINED, OTHER)),
    )
    model = with_phases(seed, checked, *between, replace(last, name="deployed", gates=(AUDIT,), **hidden))
    found = audit_half_life(model, ("check", "audit"), "deployed", measure=measure, most=300)
    bits = same(model, found, {(0, 2)}, 3, measure)
    assert bits[0] != pytest.approx(looped_bits(model, {(0, 2)}, 1, 0, measure)[0], rel=1e-3)
    early = audit_half_life(model, ("check", "audit"), "between", measure=measure, most=300)
    same(model, early, {(0, 2)}, 2, measure)


def test_transmission_between_follows_each_ai_by_its_own_shares() -> None:
    spreading = Phase("spreading", 6.0, 0.5, drift=(Drift("m0", "m1", 0.02, 0.3), Drift("m2", "m0", 0.0, 0.2)))
    model = with_phases(1, CHECK, spreading, DEPLOYED)
    same(model, audit_half_life(model, phase="deployed"), {(0, 0)}, 2)
    model = with_phases(1, CHECK, DEPLOYED, spreading)
    same(model, audit_half_life(model, phase="spreading", most=200), {(0, 0)}, 2)
    with pytest.raises(SpecError, match="'mutual' needs replicator dynamics without transmission in spreading"):
        audit_half_life(with_phases(1, CHECK, spreading, DEPLOYED), phase="deployed", measure="mutual")


@pytest.mark.parametrize("order", [0, 1])
def test_a_phase_of_softmax_pg_between_or_asked_about(order: int) -> None:
    ascent = replace(DEPLOYED, name="ascent", dynamics="softmax_pg", selections=8.0, eta=0.5, gates=(OTHER,))
    two = (ascent, DEPLOYED) if order == 0 else (DEPLOYED, ascent)
    model = with_phases(1, CHECK, *two)
    found = audit_half_life(model, "audit", "deployed" if order == 0 else "ascent", most=100)
    shares = [named(followed(model, gone, 1, 0))[-1] for gone in (None, {(0, 0)})]
    if order == 0:
        shares = [flown(model, ascent, w, [8.0])[-1] for w in shares]
        gate = np.array([1 - OTHER.detection[m] for m in model.motivations])
        shares = [w * gate / (w * gate).sum() for w in shares]
        courses = [by_replicator(model, DEPLOYED, w, 100) for w in shares]
    else:
        shares = [by_replicator(model, DEPLOYED, w, 50)[-1] for w in shares]
        courses = [flown(model, ascent, w, list(range(101))) for w in shares]
    bits = [float((p * np.log2(p / q)).sum()) for p, q in zip(*courses, strict=True)]
    assert float(found.bits[0]) == pytest.approx(bits[0], rel=1e-6)
    assert float(found.step[0]) == first_below(bits) < 100


def test_a_phase_before_the_audit_is_refused_and_its_own_goes_on() -> None:
    model = with_phases(1, replace(DEPLOYED, name="early"), CHECK, DEPLOYED)
    with pytest.raises(
        SpecError, match=r"phase 'early' comes before the audit \(audit in check\), .*\['check', 'deployed'\]"
    ):
        audit_half_life(model, None, "early")
    alone = with_phases(1, replace(DEPLOYED, selections=5.0, gates=(AUDIT,)))
    with pytest.raises(SpecError, match="phase='deployed' to let that one go on"):
        audit_half_life(alone)
    longer = with_phases(1, *alone.phases, replace(DEPLOYED, name="again"))
    found = audit_half_life(alone, phase="deployed")
    assert float(found.step[0]) == float(audit_half_life(longer).step[0])
    same(longer, found, {(0, 0)}, 1)


# --- which audit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [None, "audit", ("check", "audit")])
@pytest.mark.parametrize("order", ["trained first", "held out first", "both"])
def test_a_look_that_was_trained_on_is_never_the_audit(order: str, wanted: str | tuple[str, str] | None) -> None:
    gates = {"trained first": (TRAINED, AUDIT), "held out first": (AUDIT, TRAINED), "both": (TRAINED, AUDIT, TRAINED)}
    model = with_phases(1, replace(CHECK, gates=gates[order]), DEPLOYED)
    found = audit_half_life(model, wanted)
    same(model, found, {(0, gates[order].index(AUDIT))}, 1)
    assert found.audit == "audit in check"


def test_held_out_looks_of_one_name_are_one_audit() -> None:
    gates = (AUDIT, OTHER, TRAINED, replace(AUDIT, looks=4.0))
    model = with_phases(1, replace(CHECK, gates=gates), DEPLOYED)
    found = audit_half_life(model, "audit")
    bits = same(model, found, {(0, 0), (0, 3)}, 1)
    alone = [looped_bits(model, {(0, k)}, 1, 0)[0] for k in (0, 3)]
    assert all(abs(bits[0] - one) > 0.01 for one in alone)
    assert str(found).startswith("audit in check (2 gates): ")


def test_looks_of_one_name_in_two_phases_are_told_apart() -> None:
    model = with_phases(1, CHECK, DEPLOYED, replace(CHECK, name="later"), replace(DEPLOYED, name="after"))
    with pytest.raises(SpecError, match=r"one of \[\('check', 'audit'\), \('later', 'audit'\)\]"):
        audit_half_life(model, "audit")
    same(model, audit_half_life(model, ("check", "audit")), {(0, 0)}, 1)
    same(model, audit_half_life(model, ("later", "audit")), {(2, 0)}, 3)
    same(model, audit_half_life(model, "audit", "deployed"), {(0, 0)}, 1)  # only one of them comes before it


@pytest.mark.parametrize("strong", [0, 1])
def test_the_audit_that_says_most_is_asked_about(strong: int) -> None:
    weak = replace(AUDIT, name="weak", looks=0.01)
    gates = (AUDIT, weak) if strong == 0 else (weak, AUDIT)
    model = with_phases(1, *(replace(CHECK, name=f"check {i}", gates=(g,)) for i, g in enumerate(gates)), DEPLOYED)
    found = audit_half_life(model)
    assert found.audit == f"audit in check {strong}"
    same(model, found, {(strong, 0)}, 2)


def test_an_audit_that_says_nothing_is_named() -> None:
    nothing = replace(AUDIT, looks=0.0)
    with pytest.raises(SpecError, match="audit in check carries 0 bits at the start of deployed, in 1 of 1 draws"):
        audit_half_life(with_phases(1, replace(CHECK, gates=(nothing,)), DEPLOYED))
    sure = replace(AUDIT, detection=dict.fromkeys(["m0", "m1", "m2"], 1.0))
    with pytest.raises(
        SpecError, match="no motivation that passed audit in check can be there at the start of deployed"
    ):
        audit_half_life(with_phases(1, replace(CHECK, gates=(sure,)), DEPLOYED))


@pytest.mark.parametrize(("looks", "said"), [(0.05, True), (2.0, False)])
def test_an_answer_warns_where_an_audit_says_next_to_nothing(looks: float, said: bool) -> None:
    found = audit_half_life(with_phases(1, replace(CHECK, gates=(replace(AUDIT, looks=looks),)), DEPLOYED))
    assert (float(found.bits[0]) < 0.01) == said
    assert ("Under 0.01 bits: there it says next to nothing" in str(found)) == said


def test_draws_have_their_own_answers() -> None:
    from bsm.spec.model import Parameter, Provenance, Ref

    known = Parameter("k", 1.0, None, "positive", "1", Provenance(opinion_of="the test"))
    model = with_phases(
        1,
        replace(CHECK, gates=(OTHER, replace(AUDIT, looks=Ref("k")))),
        replace(DEPLOYED, selections=2.5),
        replace(DEPLOYED, name="on"),
    )
    model = replace(model, parameters={**model.parameters, "k": known})
    values = [0.01, 1.0, 3.0]
    theta = {n: torch.tensor([p.value], dtype=torch.float64) for n, p in model.parameters.items()}
    found = audit_half_life(model, "audit", "on", Theta({**theta, "k": torch.tensor(values, dtype=torch.float64)}))
    for k, step, bits in zip(values, found.step, found.bits, strict=True):
        one = audit_half_life(model.with_parameters({"k": k}), "audit", "on")
        assert float(step) == float(one.step[0])
        assert float(bits) == pytest.approx(float(one.bits[0]), rel=1e-9)
    assert "Under 0.01 bits in 1 of 3 draws" in str(found)


def test_the_shipped_model_names_the_audit_that_says_most() -> None:
    model = load("models/continual_deployment")
    said = audit_half_life(model, "looks trained on")
    assert float(said.bits[0]) == pytest.approx(6.005e-5, rel=1e-3)
    assert "Under 0.01 bits" in str(said)
    offers = model.with_parameters({"honest_offers": 10})
    found = audit_half_life(offers)
    assert found.audit == "honest offer in honest_test"
    last = int(found.step[0])
    both = [replace(p, gates=()) if p.name == "honest_test" else p for p in offers.phases]
    longer = [
        course(replace(m, phases=(*m.phases[:-1], replace(m.phases[-1], selections=float(last)))))
        for m in (offers, replace(offers, phases=tuple(both)))
    ]
    bits = []
    for step in (0, last - 1, last):
        p, q = (own.shares(("deployment", float(step)))[0].tolist() for own in longer)
        bits.append(sum(a * log2(a / b) for a, b in zip(p, q, strict=True) if a))
    assert float(found.bits[0]) == pytest.approx(bits[0], rel=1e-8)
    assert bits[2] < bits[0] / 2 <= bits[1]
    assert f"{bits[0]:.3f} bits" in README
    assert f"after {last} steps" in README
