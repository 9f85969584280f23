"""Moments as written: what cannot be meant is told with what is accepted, and courses print as short tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import bsm
from bsm.inference.over_time import asked
from bsm.motives.course import Course, Timeline, continued, course
from bsm.motives.theta import central
from bsm.spec.model import Model, Phase, SpecError
from tests.motives.worlds import random_model


@pytest.fixture(scope="module")
def model() -> Model:
    phases = (Phase("training", 20.0, 1.0), Phase("audit", 0.0, 1.0), Phase("use", 300.0, 0.1))
    return replace(random_model(3), phases=phases)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("trainin", "did you mean 'training'? A moment is start, now, PHASE"),
        ("training@50", "did you mean 'training'? A moment is start, now, PHASE"),
        ("end", "['training', 'audit', 'use']. A moment is start, now, PHASE (its end, after its gates), PHASE:STEP"),
        ("use:400", "lies beyond its selections: it has 300; write a step of 0 to 300"),
        ("audit:1", "it has none; write audit, its end, after its gates"),
        ("use:half", "'half' is no number of selections; write start, now"),
        ("use:nan", "a step is a finite number of at least 0"),
        ("use:+-3", "selections to come are a finite number of at least 0"),
        ("us:+3", "did you mean 'use'?"),
        (5, "at = 5 is no moment; write start, now, PHASE"),
        (("use",), "at = ('use',) is no moment"),
        (("use", None), "or a pair such as ('use', 10)"),
        (("use", "x"), "'x' is no number of selections"),
    ],
)
def test_a_moment_that_cannot_be_meant_is_told_with_what_is_accepted(model: Model, at: object, words: str) -> None:
    for ask in (course(model).shares, lambda one: asked(model, [one])):
        with pytest.raises(SpecError) as told:
            ask(at)  # type: ignore[operator]
        assert words in str(told.value)
        assert "audit:50%" not in str(told.value)


def test_past_the_last_phase_a_prediction_is_suggested_and_past_another_none(model: Model) -> None:
    with pytest.raises(SpecError, match=r"or, so many after now, use:\+100"):
        asked(model, "use:400")
    with pytest.raises(SpecError, match=r"it has 20") as told:
        asked(model, "training:30")
    assert "after now" not in str(told.value)


def test_a_course_goes_on_as_the_model_that_goes_on(model: Model) -> None:
    found, longer = course(model), course(continued(model, "use", 100.0))
    assert torch.equal(found.shares("use:+100"), longer.shares())
    assert torch.equal(found.shares(("use", "+100")), longer.shares())
    assert torch.equal(found.log_weights("use:+100"), longer.log_weights())
    parts = found.contributions("use:+100")
    assert torch.allclose(sum(parts.values()), longer.log_weights())  # type: ignore[arg-type]
    assert torch.allclose(found.shares("use:+0"), found.shares())
    assert not torch.allclose(found.shares("use:+100"), found.shares())


def test_a_part_may_be_the_second_of_a_pair(model: Model) -> None:
    assert torch.equal(course(model).shares(("use", "50%")), course(model).shares("use:150"))


def test_a_course_prints_shares_at_the_ends_of_phases_and_no_tensors(model: Model) -> None:
    found = course(model)
    lines = str(found).splitlines()
    assert lines[1].split() == ["motivation", "start", "training", "audit", "use"]
    assert len(lines) == 2 + len(model.motivations)
    for i, name in enumerate(model.motivations):
        said = lines[2 + i].split()
        shares = [float(found.shares(at)[0, i]) for at in ("start", "training", "audit", "use")]
        assert said[0] == name
        for word, share in zip(said[1:], shares, strict=True):
            assert word == "<0.001" if share < 0.0005 else word == f"{share:.3f}"
    assert len(repr(found)) < 200
    assert "tensor" not in str(found) + repr(found)


def test_a_course_over_draws_prints_their_mean(model: Model) -> None:
    theta = central(model).replaced({"drawn": torch.zeros(7, dtype=torch.float64)})
    timeline = Timeline(model)
    assert "mean over 7 draws" in str(Course(timeline, theta, timeline.stages(theta)))


def test_a_divergence_prints_a_line_for_each_motivation_and_family(model: Model) -> None:
    nodes = [n for n, node in model.nodes.items() if node.role.value == "context" and not node.parents]
    states = len(model.nodes[nodes[0]].states)
    first = {nodes[0]: (1.0, *[0.0] * (states - 1))}
    last = {nodes[0]: (*[0.0] * (states - 1), 1.0)}
    phases = (Phase("training", 2.0, 1.0, first), Phase("use", 2.0, 1.0, last, kind="deployment"))
    found = course(replace(model, phases=phases)).divergence()
    lines = str(found).splitlines()
    assert lines[0] == "KL(behaviour in training || behaviour in use), in nats"
    for i, motivation in enumerate(model.motivations):
        assert lines[2 + i].split() == [motivation, f"{float(found.motivations[0, i]):.3f}"]
    assert len(lines) == 2 + len(model.motivations) + len(found.families)
    assert "tensor" not in str(found) + repr(found)


def test_a_posterior_without_a_ledger_is_refused_with_what_needs_none(model: Model) -> None:
    for at in (["training"], None):
        with pytest.raises(SpecError, match=r"a posterior needs a ledger.*bsm\.course\(model\)\.shares\(at\)"):
            bsm.posterior(model, None, at=at)  # type: ignore[call-overload]
