"""What `bsm ask` prints beside an answer: the prior that evidence moved, and the phases that it leaves out."""

from __future__ import annotations

import pytest

import bsm as library
from tests.cli.commands import TINY, document, printed

BEFORE = "before any phase: selection in training is no part of it"


def test_with_evidence_the_prior_stands_beside() -> None:
    prior = library.ask(library.load(TINY), "motivation")
    found = document("ask", TINY, "motivation", "--given", "action=hack")
    assert found["prior"] == pytest.approx(dict(prior.probabilities))
    assert found["prior"] != pytest.approx(found["probabilities"])
    lines = printed("ask", TINY, "motivation", "--given", "action=hack").splitlines()
    for line, (name, p) in zip(lines[1:], prior.probabilities.items(), strict=False):
        assert line.split()[0] == name
        assert line.endswith(f"prior {p:.6f}")
    assert "(prior: P(motivation), without what is given)" in "\n".join(lines)


def test_the_prior_is_under_the_same_intervention() -> None:
    prior = library.ask(library.load(TINY), "power", do={"suite": "clean"})
    found = document("ask", TINY, "power", "--given", "action=hack", "--do", "suite=clean")
    assert found["prior"] == pytest.approx(dict(prior.probabilities))
    text = printed("ask", TINY, "power", "--given", "action=hack", "--do", "suite=clean")
    assert "(prior: P(power | do(suite=clean)), without what is given)" in text


def test_without_evidence_there_is_no_prior_beside() -> None:
    assert document("ask", TINY, "motivation")["prior"] is None
    assert "prior" not in printed("ask", TINY, "motivation")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["motivation"], True),
        (["action"], True),
        (["suite", "--given", "action=hack"], True),
        (["influence", "--do", "action=hack"], False),
        (["suite"], False),
        (["action", "--given", "motivation=reward_seeker"], False),
        (["action", "--do", "motivation=reward_seeker"], False),
    ],
)
def test_an_answer_that_depends_on_who_chooses_says_that_it_is_before_any_phase(
    arguments: list[str], said: bool
) -> None:
    assert (BEFORE in printed("ask", TINY, *arguments)) == said
    assert document("ask", TINY, *arguments)["before_phases"] == (["training"] if said else [])
