"""Statements hold when they should, fail when they should, and say by how much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsm.claims import read_claims, read_reference
from bsm.claims.answers import Answers
from bsm.claims.finding import Finding
from bsm.claims.independence import mutual_information
from bsm.spec.load import load
from bsm.spec.model import SpecError
from tests.claims.folders import MODELS
from tests.claims.worlds import Worlds


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers(load(MODELS / "tiny"))


def checked(statement: str, answers: Answers, folder: Path, status: str = "derived") -> Finding:
    path = folder / "claims.yaml"
    path.write_text(f"- id: one\n  theory: e1\n  status: {status}\n  says: words\n  {statement}\n")
    (claim,) = read_claims(path, answers.model)
    return claim.check(answers)


FITNESS = "{quantity: fitness, of: reward_seeker}"


@pytest.mark.parametrize(
    ("direction", "holds", "by"),
    [("up", True, 1), ("not_down", True, 1), ("down", False, -1), ("not_up", False, -1)],
)
def test_a_rising_line(direction: str, holds: bool, by: int, answers: Answers, tmp_path: Path) -> None:
    """Fitness rises with strength; the finding gives the smallest step, negative against the direction."""
    found = checked(
        f"monotone: {{quantity: {FITNESS}, lever: {{parameter: strength}}, values: [1, 2, 3, 4, 5],"
        f" direction: {direction}}}",
        answers,
        tmp_path,
    )
    steps = np.diff([Worlds(MODELS / "tiny" / "model.yaml", strength=s).fitness("reward_seeker") for s in range(1, 6)])
    assert found.passed == holds
    assert found.by == pytest.approx(steps.min() if by > 0 else -steps.max(), abs=1e-12)


@pytest.mark.parametrize(("direction", "holds"), [("up", False), ("down", False), ("not_up", True), ("not_down", True)])
def test_a_flat_line_is_neither_up_nor_down(direction: str, holds: bool, answers: Answers, tmp_path: Path) -> None:
    found = checked(
        "monotone: {quantity: {quantity: base_fitness}, lever: {parameter: strength}, "
        f"values: [1, 2, 3, 4, 5], direction: {direction}}}",
        answers,
        tmp_path,
    )
    assert found.passed == holds


@pytest.mark.parametrize(("least", "holds"), [(0, True), (0.9, True), (1.1, False)])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_an_effect_that_is_too_small_does_not_count(
    direction: str, least: float, holds: bool, answers: Answers, tmp_path: Path
) -> None:
    """`least` is a factor of the smallest step here; the finding still gives the step itself."""
    line = [Worlds(MODELS / "tiny" / "model.yaml", strength=s).fitness("reward_seeker") for s in range(1, 6)]
    step = float(np.diff(line).min())
    asked = FITNESS if direction == "up" else f"{{difference: [0, {FITNESS}]}}"
    found = checked(
        f"monotone: {{quantity: {asked}, lever: {{parameter: strength}}, values: [1, 2, 3, 4, 5],"
        f" direction: {direction}, least: {least * step:.17g}}}",
        answers,
        tmp_path,
    )
    assert found.passed == holds
    assert found.by == pytest.approx(step, abs=1e-12)


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ("ordering: {quantities: [2, 1]}", True),
        ("ordering: {quantities: [2, 1], least: 0.9}", True),
        ("ordering: {quantities: [2, 1], least: 1}", False),
        ('ordering: {quantities: [1, 1.5], relation: ">=", tolerance: 0.5}', True),
        ("ordering: {quantities: [1, 2]}", False),
        ("ordering: {quantities: [3, 2, 2]}", False),
        ('ordering: {quantities: [3, 2, 2], relation: ">="}', True),
        ("equality: {quantities: [1, 1.0000000001]}", True),
        ("equality: {quantities: [1, 1.00000001]}", False),
        ("equality: {quantities: [1, 1.1], tolerance: 0.2}", True),
        ("equality: {quantities: [{difference: [3, 1]}, 2]}", True),
        ("independence: {a: influence, b: action, given: [reward], holds: true}", True),
        ("independence: {a: influence, b: action, given: [reward], holds: false}", False),
        ("independence: {a: influence, b: action, holds: false}", True),
        ("independence: {a: influence, b: action, holds: true}", False),
        ("independence: {a: power, b: action, given: influence, holds: false, at: {overlay: bypass}}", True),
    ],
)
def test_holds_or_not(statement: str, holds: bool, answers: Answers, tmp_path: Path) -> None:
    assert checked(statement, answers, tmp_path).passed == holds


def test_one_failure_fails_the_claim(answers: Answers, tmp_path: Path) -> None:
    found = checked("ordering: [{quantities: [2, 1]}, {quantities: [1, 2]}]", answers, tmp_path)
    assert not found.passed
    assert found.by == -1


def test_only_derived_claims_count(answers: Answers, tmp_path: Path) -> None:
    assert checked("ordering: {quantities: [2, 1]}", answers, tmp_path).counts
    assert not checked("ordering: {quantities: [2, 1]}", answers, tmp_path, status="assumed").counts


def test_mutual_information_is_that_of_the_joint_table() -> None:
    """I(influence; action | correct_tests) from every world, in nats."""
    worlds = Worlds(MODELS / "tiny" / "model.yaml")
    joint = np.zeros((2, 4, 2))
    for s in worlds.situations():
        for p, a in zip(worlds.base_policy(s), worlds.joint_actions(), strict=True):
            for world, q in worlds.worlds({**s, **a}, ("influence", "correct_tests")):
                where = tuple(worlds.states(n).index(world[n]) for n in ("correct_tests", "action", "influence"))
                joint[where] += worlds.frequency(s) * p * q
    independent = joint.sum(2, keepdims=True) * joint.sum(1, keepdims=True) / joint.sum((1, 2), keepdims=True)
    expected = (joint * np.log(joint / independent)).sum()
    found = mutual_information(load(MODELS / "tiny"), "action", "influence", ["correct_tests"])
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ("{quantity: fitness, of: [reward_seeker, influence_seeker]}", "is of one motivation"),
        ("{quantity: share, of: {family: unrelated}}", "has no unrelated here"),
        ("{quantity: closeness, of: power_schemer}", "has no closeness"),
        ("{quantity: policy, of: reward_seeker, state: nap}", "no action has a state 'nap'"),
    ],
)
def test_a_quantity_that_does_not_exist_is_located(ask: str, message: str, answers: Answers, tmp_path: Path) -> None:
    path = tmp_path / "reference.yaml"
    path.write_text(f"# one question\n- ask: {ask}\n  answer: 1\n  worked: nowhere\n")
    (question,) = read_reference(path, answers.model)
    with pytest.raises(SpecError, match=message) as caught:
        question.check(answers)
    assert f"{path}:2: " in str(caught.value)


def test_a_wrong_answer_fails_by_how_far_it_is_off(answers: Answers, tmp_path: Path) -> None:
    path = tmp_path / "reference.yaml"
    path.write_text("- {ask: {quantity: unit, of: reward_seeker}, answer: 1.6, within: 0.01, worked: wrong}\n")
    found = read_reference(path, answers.model)[0].check(answers)
    assert not found.passed
    assert found.by == pytest.approx(0.01 - 0.1, abs=1e-9)
