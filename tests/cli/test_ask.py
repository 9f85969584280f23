"""`bsm ask`: settings are read as written, answers are those of `bsm.ask`, and mistakes are told."""

from __future__ import annotations

import re

import pytest

import bsm as library
from tests.cli.commands import TINY, document, printed, told


@pytest.fixture(scope="module")
def tiny():
    return library.load(TINY)


def test_the_answer_is_that_of_the_library(tiny):
    found = document("ask", TINY, "influence", "--given", "suite=clean", "--do", "action=hack")
    answer = library.ask(tiny, "influence", given={"suite": "clean"}, do={"action": "hack"})
    assert found["probabilities"] == dict(answer.probabilities)
    assert found["log_evidence"] == answer.log_evidence
    assert found["given"] == {"suite": "clean"}


def test_text_says_the_question_and_each_state():
    shown = printed("ask", TINY, "influence", "--do", "action=hack")
    assert shown.startswith("P(influence | do(action=hack))\n")
    assert [line.split()[0] for line in shown.splitlines()[1:]] == ["no", "yes"]


def test_a_likelihood_and_a_new_distribution_are_read(tiny):
    likelihood, chances = {"0": 0.1, "1": 0.2, "2": 0.3, "3": 1.0}, {"clean": 0.5, "broken-test": 0.5}
    found = document(
        "ask",
        TINY,
        "motivation",
        "--given",
        "reward=0:0.1,1:0.2,2:0.3,3:1",
        "--do",
        "suite=clean:.5,broken-test:.5",
    )
    answer = library.ask(tiny, "motivation", given={"reward": likelihood}, do={"suite": chances})
    assert found["probabilities"] == dict(answer.probabilities)
    assert found["given"] == {"reward": likelihood}


def test_several_targets_have_their_states_joined():
    found = document("ask", TINY, "influence", "power", "--do", "action=hack")
    assert set(found["probabilities"]) == {"no, no", "no, yes", "yes, no", "yes, yes"}
    assert sum(found["probabilities"].values()) == pytest.approx(1)


def test_an_overlay_changes_the_answer():
    plain = document("ask", TINY, "power", "--do", "action=slack")
    bypass = document("ask", TINY, "power", "--do", "action=slack", "--overlay", "bypass")
    assert bypass["probabilities"]["yes"] == pytest.approx(0.9)
    assert plain["probabilities"]["yes"] < 0.2


def test_a_state_that_looks_like_a_distribution_is_a_state(tmp_path):
    text = (TINY / "model.yaml").read_text(encoding="utf-8").replace("broken-test", '"12:30"')
    (tmp_path / "model.yaml").write_text(text, encoding="utf-8")
    assert document("ask", tmp_path, "influence", "--given", "suite=12:30")["given"] == {"suite": "12:30"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "'nothing' is not a variable of this network; it has ['motivation', 'suite'"),
        (["influence", "--given", "reward=9"], "reward = '9' is not one of its states ['0', '1', '2', '3']"),
        (["influence", "--given", "reward"], "'reward' is given; NODE=STATE or NODE=STATE:NUMBER"),
        (["influence", "--given", "reward=3:1"], "leaves out ['0', '1', '2']; name every state"),
        (["influence", "--do", "suite=clean", "--do", "suite=clean"], "suite is given twice; keep one"),
        (
            ["influence", "--given", "reward=0", "--given", "instructions=yes", "--given", "action=hack"],
            "cannot happen",
        ),
        (["influence", "--overlay", "none"], "'none' is not an overlay of tiny; it has ['bypass']"),
    ],
    ids=["node", "state", "form", "likelihood", "twice", "impossible", "overlay"],
)
def test_mistakes_are_told(arguments, said):
    assert said in told("ask", TINY, *arguments)


def test_draws_that_would_not_fit_are_refused_before_they_are_made():
    """Tables of 500 draws of a large model once took the whole memory, and the process was killed."""
    said = told("ask", TINY.parent / "alignment_faking", "motivation", "--draws", "1000000")
    assert re.search(r"1000000 parameter draws .* take [\d,]+ bytes .* ask with --draws \d+ or fewer", said)
