"""Every shipped model answers its reference questions and keeps its claims; every derived claim can fail."""

from __future__ import annotations

from functools import cache
from math import log
from pathlib import Path

import pytest

from bsm.claims import Claim, Finding, Question, check, read_claims, read_reference
from bsm.claims.answers import Answers, Setting
from bsm.claims.quantities import Group, Quantity
from bsm.spec.load import load
from tests.claims.folders import MODELS, MUTANTS, mutated
from tests.claims.worlds import Worlds

CODING_AGENT = "coding_agent"


@cache
def answers_of(model: str) -> Answers:
    return Answers(load(MODELS / model))


def claims_of(model: str) -> tuple[Claim, ...]:
    return read_claims(MODELS / model / "claims.yaml", answers_of(model).model)


def questions() -> list[tuple[str, Question]]:
    found = []
    for file in sorted(MODELS.glob("*/reference.yaml")):
        model = file.parent.name
        found += [(model, q) for q in read_reference(file, answers_of(model).model)]
    return found


@pytest.mark.parametrize(("model", "question"), questions(), ids=lambda v: v if isinstance(v, str) else None)
def test_every_reference_question_has_its_worked_answer(model: str, question: Question) -> None:
    finding = question.check(answers_of(model))
    assert finding.passed, f"{finding.where}: {finding}"


CLAIMED = [file.parent.name for file in sorted(MODELS.glob("*/claims.yaml"))]


@pytest.mark.parametrize(
    ("model", "claim"), [(m, c) for m in CLAIMED for c in claims_of(m)], ids=lambda v: v if isinstance(v, str) else v.id
)
def test_every_claim_holds(model: str, claim: Claim) -> None:
    finding = claim.check(answers_of(model))
    assert finding.passed, f"{finding.where}: {finding}"


WANTED = {
    "coding_agent": {f"e{i}" for i in (*range(1, 15), 16, 20, 22, 23, 24, 26)} | {f"d6.{i}" for i in (1, 2, 3, 4, 5)},
    "continual_deployment": {f"e{i}" for i in (6, 7, 15, 17, 18, 19, 27, 33, 34, 35, 57)} | {"d6.6", "d6.7", "d6.8"},
    "reward_hacking_rl": {f"e{i}" for i in (5, 6, 7, 40, 41, 47, 57)} | {"d6.6"},
}


@pytest.mark.parametrize("model", CLAIMED)
def test_the_claims_of_the_theory_are_all_there(model: str) -> None:
    assert WANTED[model] <= {claim.theory for claim in claims_of(model)}


@pytest.mark.parametrize("model", CLAIMED)
def test_every_derived_claim_has_a_mutant_and_no_mutant_is_idle(model: str) -> None:
    assert {c.id for c in claims_of(model) if c.status == "derived"} == set(MUTANTS[model])


@pytest.mark.parametrize(("model", "name"), [(m, name) for m in CLAIMED for name in MUTANTS[m]])
def test_a_derived_claim_fails_in_its_mutant(model: str, name: str, tmp_path: Path) -> None:
    finding = in_mutant(model, name, tmp_path)
    assert finding.counts
    assert not finding.passed, f"{MUTANTS[model][name]['why']}, and yet: {finding}"


def in_mutant(model: str, name: str, folder: Path) -> Finding:
    changed = load(mutated(model, MUTANTS[model][name], folder))
    claims = {claim.id: claim for claim in read_claims(folder / "claims.yaml", changed)}
    return claims[name].check(Answers(changed))


def test_check_reads_a_folder() -> None:
    findings = check(MODELS / "tiny")
    assert len(findings) > 20
    assert all(f.passed and f.counts and f.kind == "reference" for f in findings)


OVERLAYS = [None, "bypass", "developer_iteration", "process_supervision", "noisy_grading", "unexplored_hacks",
            "honest_test", "honeypots", "multi_step", "white_box", "policy_gradient"]  # fmt: skip


@pytest.mark.parametrize("held", [{}, {"strength": 3.0, "planning": 0.7, "awareness": 0.6, "flaw": 0.5}], ids=str)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_fitness_is_that_of_walking_every_world(overlay: str | None, held: dict[str, float]) -> None:
    worlds = Worlds(MODELS / CODING_AGENT / "model.yaml", overlay, **held)
    answers = answers_of(CODING_AGENT)
    for greedy in (False, True):
        found = answers.fitness(overlay, held, greedy)
        for name in answers.model.motivations:
            assert found[name] == pytest.approx(worlds.fitness(name, greedy), abs=1e-12), name
    assert float(found.base[0]) == pytest.approx(worlds.base_fitness(), abs=1e-12)


def test_the_walk_covers_every_overlay() -> None:
    assert set(answers_of(CODING_AGENT).model.overlays) == set(OVERLAYS) - {None}


@pytest.mark.parametrize("overlay", [None, "bypass"])
def test_the_worked_reference_is_that_of_walking_every_world(overlay: str | None) -> None:
    worlds = Worlds(MODELS / "tiny" / "model.yaml", overlay, strength=10.0, planning=0.8)
    found = answers_of("tiny").fitness(overlay, {"strength": 10.0, "planning": 0.8}, greedy=False)
    for name in worlds.motivations:
        assert found[name] == pytest.approx(worlds.fitness(name), abs=1e-12)


def odds(answers: Answers, of: str, against: str, rows: list[dict[str, str]], setting: Setting) -> float:
    """Log posterior odds less log share odds: what the rows say, in nats."""
    pair = {"where": "here", "of": Group((of,)), "against": Group((against,))}
    after = Quantity("log_posterior_odds", rows=tuple(rows), **pair)  # type: ignore[arg-type]
    return answers.number(after, setting) - answers.number(Quantity("log_share_odds", **pair), setting)  # type: ignore[arg-type]


def test_the_bait_says_what_the_policies_say() -> None:
    """One episode outside selection: the odds move by the ratio of P(hack) in that context, and no more."""
    row = {"tests": "sound", "offer": "credible", "observation": "hacked", "k": "1", "n": "1"}
    setting = Setting("honest_test", {"selections": 10.0, "strength": 3.0})
    worlds = Worlds(MODELS / CODING_AGENT / "model.yaml", "honest_test", strength=3.0)
    at = worlds.situations().index({"tests": "sound", "signal": "absent", "offer": "credible"})
    hacks = {m: worlds.policy(m)[at][1] for m in worlds.motivations}
    for other in ("influence_seeker", "paperclip_schemer", "intended_follower", "hack_kludge"):
        expected = log(hacks["reward_seeker"] / hacks[other])
        found = odds(answers_of(CODING_AGENT), "reward_seeker", other, [row], setting)
        assert found == pytest.approx(expected, abs=1e-9)


def test_training_data_move_the_odds_of_motivations_that_do_not_act_alike() -> None:
    """The control of the fourth claim: the same rows tell the reward-seeker from the intended motivation."""
    row = {
        "tests": "erroneous",
        "observation": "hacked",
        "k": "37",
        "n": "40",
        "rho": "0.05",
        "phase": "training",
    }
    setting = Setting(None, {"selections": 100.0})
    assert odds(answers_of(CODING_AGENT), "reward_seeker", "intended_follower", [row], setting) > 5


def test_logged_and_used_reward_correlate_under_the_base_policy_at_every_log_access() -> None:
    """The claim on robustness says so: what breaks the correlation is the AI's own optimisation."""
    for access in (0.0, 0.5, 0.95):
        worlds = Worlds(MODELS / CODING_AGENT / "model.yaml", log_access=access)
        assert correlation(worlds, "logged_reward", "reward") > 0.3


def correlation(worlds: Worlds, x: str, y: str) -> float:
    seen = [
        (worlds.frequency(s) * p * q, worlds.value(x, world[x]), worlds.value(y, world[y]))
        for s in worlds.situations()
        for p, a in zip(worlds.base_policy(s), worlds.joint_actions(), strict=True)
        for world, q in worlds.worlds({**s, **a}, (x, y))
    ]
    ex, ey = (sum(p * pair[i] for p, *pair in seen) for i in (0, 1))
    covariance = sum(p * (a - ex) * (b - ey) for p, a, b in seen)
    spread = sum(p * (a - ex) ** 2 for p, a, b in seen) * sum(p * (b - ey) ** 2 for p, a, b in seen)
    return covariance / spread**0.5
