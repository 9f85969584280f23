"""Mistakes in claims.yaml and reference.yaml are errors that name file, line and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bsm.claims import read_claims, read_reference
from bsm.spec.load import load
from bsm.spec.model import Model, SpecError
from tests.claims.folders import MODELS

CLAIM = """\
- id: one
  theory: e1
  status: derived
  says: words
"""
ORDERING = "  ordering: {quantities: [{quantity: fitness, of: reward_seeker}, {quantity: base_fitness}]}\n"
MONOTONE = """\
  monotone:
    quantity: {quantity: fitness, of: reward_seeker}
    lever: {parameter: strength}
    values: [1, 2, 3, 4, 5]
    direction: up
"""
SHARES = "  ordering: {quantities: [{quantity: share, of: reward_seeker, at: training}, 0]}\n"
TOY = "  ordering: {quantities: [{quantity: diversity_share, pattern: general, environments: 2, log10_prior: -3}, 0]}\n"
TIMED = "  independence: {a: power__t1, b: motivation__t0, holds: false, steps: 2}\n"
QUESTION = "- {ask: {quantity: fitness, of: reward_seeker}, answer: 0.3, worked: by hand}\n"


@pytest.fixture(scope="module")
def tiny() -> Model:
    return load(MODELS / "tiny")


BAD_CLAIMS = {
    "not a list": ("id: one\n", 1, "a list is accepted"),
    "no status": (CLAIM.replace("  status: derived\n", "") + ORDERING, 1, "'status' is missing"),
    "unknown status": (CLAIM.replace("derived", "derivd") + ORDERING, 3, "did you mean 'derived'"),
    "states nothing": (CLAIM, 1, "states nothing that can be checked"),
    "unknown key": (CLAIM + ORDERING.replace("ordering", "orderng"), 5, "did you mean 'ordering'"),
    "repeated id": ((CLAIM + ORDERING) * 2, 6, "also used at .*:1"),
    "repeated key": (CLAIM + ORDERING * 2, 6, "given twice"),
    "unknown motivation": (
        CLAIM + ORDERING.replace("reward_seeker", "rewardseeker"),
        5,
        "did you mean 'reward_seeker'",
    ),
    "unknown kind": (
        CLAIM + ORDERING.replace("base_fitness", "base_fitnes"),
        5,
        "did you mean 'base_fitness'",
    ),
    "key of another kind": (CLAIM + ORDERING.replace("of:", "term:"), 5, "accepted are"),
    "one quantity": (CLAIM + "  equality: {quantities: [{quantity: base_fitness}]}\n", 5, "at least two"),
    "too few values": (CLAIM + MONOTONE.replace(", 4, 5", ""), 8, "at least 5 are needed"),
    "values that fall": (CLAIM + MONOTONE.replace("4, 5", "5, 4"), 8, "do not rise"),
    "unknown lever": (CLAIM + MONOTONE.replace("strength", "strenght"), 7, "did you mean 'strength'"),
    "value out of range": (CLAIM + MONOTONE.replace("[1,", "[-1,"), 8, "-1"),
    "unknown direction": (CLAIM + MONOTONE.replace("up", "sideways"), 9, "accepted are"),
    "negative effect": (CLAIM + MONOTONE + "    least: -1\n", 10, "least is zero or more"),
    "negative tolerance": (CLAIM + MONOTONE.replace("up", "not_up") + "    tolerance: -1\n", 10, "zero or more"),
    "slack of what rises": (CLAIM + MONOTONE + "    tolerance: 1\n", 10, "there least, the size above which"),
    "effect of what may be flat": (CLAIM + MONOTONE.replace("up", "not_up") + "    least: 1\n", 10, "there tolerance"),
    "slack of an order": (CLAIM + ORDERING.replace("}]}", "}], tolerance: 1}"), 5, "beside >; there least"),
    "unknown overlay": (CLAIM + MONOTONE + "    at: {overlay: bypas}\n", 10, "did you mean 'bypass'"),
    "unknown family": (
        CLAIM + ORDERING.replace("of: reward_seeker", "of: {family: schemr}"),
        5,
        "did you mean 'schemer'",
    ),
    "difference of three": (
        CLAIM + ORDERING.replace("{quantity: base_fitness}", "{difference: [1, 2, 3]}"),
        5,
        "a difference is of two",
    ),
    "a node twice": (CLAIM + "  independence: {a: power, b: power, holds: true}\n", 5, "different nodes"),
    "unknown node": (
        CLAIM + "  independence: {a: powr, b: reward, holds: true}\n",
        5,
        "did you mean 'power'",
    ),
    "neither true nor false": (
        CLAIM + "  independence: {a: power, b: reward, holds: yes}\n",
        5,
        "accepted are",
    ),
    "unknown phase": (CLAIM + SHARES.replace("training}", "trainin}"), 5, "did you mean 'training'"),
    "no number of selections": (CLAIM + SHARES.replace("training}", '"training:soon"}'), 5, "after the colon a number"),
    "selections below 0": (CLAIM + SHARES.replace("training}", '"training:-1"}'), 5, "after the colon a number"),
    "unknown dynamics": (CLAIM + SHARES.replace("at: training", "dynamics: softmax"), 5, "did you mean 'softmax_pg'"),
    "unknown gate": (
        CLAIM + ORDERING.replace("fitness, of: reward_seeker", "audit_bits, gate: look"),
        5,
        "accepted are",
    ),
    "half an environment": (CLAIM + TOY.replace("environments: 2", "environments: 0.5"), 5, "at least 1"),
    "a prior that is common": (CLAIM + TOY.replace("-3", "0"), 5, "at most -0.1"),
    "unknown pattern": (CLAIM + TOY.replace("general", "globl"), 5, "accepted are"),
    "a time without steps": (CLAIM + TIMED.replace(", steps: 2", ""), 5, "needs `steps`"),
    "steps without a time": (CLAIM + TIMED.replace("power__t1", "power"), 5, "as in power__t0"),
    "unknown node at a time": (CLAIM + TIMED.replace("power__t1", "powr__t1"), 5, "did you mean 'power'"),
    "half a step": (CLAIM + TIMED.replace("steps: 2", "steps: 1.5"), 5, "whole number"),
    "steps of an unknown phase": (
        CLAIM + TIMED.replace("steps: 2", "steps: {trainin: 2}"),
        5,
        "did you mean 'training'",
    ),
    "alias": (CLAIM.replace("words", "*words") + ORDERING, 4, "alias"),
    "tab": (CLAIM + "\tordering: 1\n", 5, "not YAML"),
}


@pytest.mark.parametrize("name", BAD_CLAIMS)
def test_a_malformed_claim_is_located(name: str, tiny: Model, tmp_path: Path) -> None:
    text, line, remedy = BAD_CLAIMS[name]
    refused(lambda path: read_claims(path, tiny), tmp_path / "claims.yaml", text, line, remedy)


BAD_QUESTIONS = {
    "no worked answer": (QUESTION.replace(", worked: by hand", ""), 1, "'worked' is missing"),
    "no kind": (QUESTION.replace("quantity: fitness, ", ""), 1, "'quantity' is missing"),
    "negative within": (QUESTION.replace("worked", "within: -1, worked"), 1, "zero or more"),
    "unknown answer": (QUESTION.replace("0.3", "{nobody: 0.3}"), 1, "no such motivation"),
    "no answers": (QUESTION.replace("0.3", "{}"), 1, "no answers"),
    "unknown state": (
        QUESTION.replace("of: reward_seeker", "of: reward_seeker, given: {suite: x}"),
        1,
        "given",
    ),
    "nothing": ("", 1, "empty"),
}


@pytest.mark.parametrize("name", BAD_QUESTIONS)
def test_a_malformed_question_is_located(name: str, tiny: Model, tmp_path: Path) -> None:
    text, line, remedy = BAD_QUESTIONS[name]
    refused(lambda path: read_reference(path, tiny), tmp_path / "reference.yaml", text, line, remedy)


def refused(read, path: Path, text: str, line: int, remedy: str) -> None:  # type: ignore[no-untyped-def]
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        read(path)
    assert re.search(rf"{re.escape(str(path))}:{line}: ", str(caught.value)), caught.value
    assert re.search(remedy, str(caught.value)), caught.value
