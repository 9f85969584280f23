"""Quantities of a course and independences over time mean what they say."""

from __future__ import annotations

from math import log, log2
from pathlib import Path

import pytest

from bsm.claims import read_claims
from bsm.claims.answers import Answers, Setting
from bsm.claims.independence import d_separated, information
from bsm.claims.quantities import Group, Quantity
from bsm.motives.diversity import threshold
from bsm.motives.unrolled import unroll
from bsm.spec.load import load
from bsm.spec.model import SpecError
from tests.claims.folders import MODELS

CHANNELS = Setting("two_channels", {"selections": 5.0, "deployment_steps": 20.0})
READING = {"intended_helper": 0.1, "reward_seeker": 0.2, "influence_seeker": 0.4, "power_schemer": 0.5,
           "cue_bound_covert": 0.4, "covert_anywhere": 0.5, "carrier": 0.4}  # fmt: skip


@pytest.fixture(scope="module")
def deployment() -> Answers:
    return Answers(load(MODELS / "continual_deployment"))


@pytest.fixture(scope="module")
def tiny() -> Answers:
    return Answers(load(MODELS / "tiny"))


def asked(answers: Answers, kind: str, setting: Setting, **more: object) -> float:
    return answers.number(Quantity(kind, "here", **more), setting)  # type: ignore[arg-type]


def shares(answers: Answers, setting: Setting, at: str | None) -> dict[str, float]:
    return {m: asked(answers, "share", setting, of=Group((m,)), at=at) for m in answers.model.motivations}


def test_shares_are_those_at_the_moment(deployment: Answers) -> None:
    at_start = shares(deployment, CHANNELS, "start")
    assert at_start == pytest.approx({m: asked(deployment, "prior", CHANNELS, of=Group((m,))) for m in at_start})
    shorter = Setting("two_channels", {"selections": 5.0, "deployment_steps": 7.0})
    assert shares(deployment, CHANNELS, "deployment:7") == pytest.approx(shares(deployment, shorter, None))


def test_a_moment_beyond_a_phase_is_located(deployment: Answers) -> None:
    with pytest.raises(SpecError, match=r"here: .*beyond its selections"):
        asked(deployment, "share", CHANNELS, of=Group(("carrier",)), at="safety_training:6")


def test_detection_is_that_of_the_members_by_their_shares(deployment: Answers) -> None:
    group = ("power_schemer", "cue_bound_covert", "covert_anywhere")
    found = asked(deployment, "detection", CHANNELS, of=Group(group), gate="reading of cognition", at="audit:0")
    held = shares(deployment, CHANNELS, "audit:0")
    assert found == pytest.approx(sum(held[m] * READING[m] for m in group) / sum(held[m] for m in group), abs=1e-12)


def test_bits_of_an_audit_are_those_of_bayes(deployment: Answers) -> None:
    """At once after the audit: KL of shares times P(passed) against shares; both gates of that moment count."""
    gate = "reading of cognition"
    found = asked(deployment, "audit_bits", CHANNELS, gate=gate, at="audit")
    after = shares(deployment, CHANNELS, "audit")
    before = {m: w / (1 - READING[m]) for m, w in after.items()}
    total = sum(before.values())
    assert found == pytest.approx(sum(w * log2(w / (before[m] / total)) for m, w in after.items()), abs=1e-12)


def test_a_forecast_is_the_policies_by_shares(deployment: Answers) -> None:
    given = {"cue": "deployment", "probe": "tasks"}
    found = asked(deployment, "forecast", CHANNELS, target="act", state="covert", given={"cue": "deployment"})
    held = shares(deployment, CHANNELS, None)
    by_hand = sum(
        share * asked(deployment, "policy", CHANNELS, of=Group((m,)), state="covert", given=given)
        for m, share in held.items()
    )
    assert found == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("parameter", ["transmission", "onset", "online_training", "selections", "audit_looks"])
def test_a_line_is_its_points(parameter: str, deployment: Answers) -> None:
    """Draws that differ in one parameter only, whatever it enters, are answered as one by one."""
    values = [0.001, 0.01, 0.02, 0.5]
    quantity = Quantity("share", "here", of=Group(("carrier", "covert_anywhere")))
    settings = [Setting(None, {"deployment_steps": 30.0, parameter: v}) for v in values]
    line = deployment.line(quantity, settings)
    for value, setting in zip(line, settings, strict=True):
        alone = Answers(deployment.model).number(quantity, setting)
        assert value == pytest.approx(alone, rel=1e-12)


def test_dynamics_are_those_asked_for() -> None:
    answers = Answers(load(MODELS / "coding_agent"))
    held = {"selections": 30.0}
    named = asked(answers, "share", Setting(None, held), of=Group(("reward_seeker",)), dynamics="softmax_pg")
    assert named == asked(answers, "share", Setting("policy_gradient", held), of=Group(("reward_seeker",)))
    assert named != asked(answers, "share", Setting(None, held), of=Group(("reward_seeker",)))
    for overlay, dynamics in ((None, "replicator"), ("policy_gradient", "softmax_pg")):
        found = asked(answers, "diversity_threshold", Setting(overlay), environments=4.0)
        assert found == float(threshold(4.0, dynamics))  # type: ignore[arg-type]


def test_information_over_time_is_that_of_drift(deployment: Answers) -> None:
    """I(motivation now; motivation next) from the prior and the rates of drift alone."""
    model = deployment.model.with_parameters({"online_training": 1.0, "transmission": 0.0, "onset": 0.1})
    network = unroll(model, {"safety_training": 0, "deployment": 1}, only=[])
    names = list(model.motivations)
    prior = network.tables["motivation__t0"].values[0].tolist()
    to = {"intended_helper": {"carrier": 0.1}}
    to["reward_seeker"] = {"carrier": 0.1, "power_schemer": 0.0003}
    to["influence_seeker"] = {"power_schemer": 0.0003}
    joint = {}
    for name, p in zip(names, prior, strict=True):
        leaving = to.get(name, {})
        joint[name, name] = p * (1 - sum(leaving.values()))
        joint |= {(name, other): p * rate for other, rate in leaving.items()}
    after = {n: sum(p for (_, b), p in joint.items() if b == n) for n in names}
    expected = sum(p * log(p / (prior[names.index(a)] * after[b])) for (a, b), p in joint.items())
    assert information(network, "motivation__t0", "motivation__t1") == pytest.approx(expected, rel=1e-9)
    assert not d_separated(network, "motivation__t0", "motivation__t1")
    assert d_separated(network, "motivation__t1", "influence__t0", ["motivation__t0"])


TIMED = (
    "- id: one\n  theory: d6\n  status: derived\n  says: words\n  independence: {a: %s, b: %s, holds: %s, steps: 2}\n"
)


@pytest.mark.parametrize(
    ("a", "b", "holds", "passed"),
    [
        ("motivation__t2", "influence__t0", "false", True),
        ("selected__t0", "action__t0", "false", True),
        ("selected__t0", "selected__t1", "true", False),
    ],
)
def test_times_are_read(a: str, b: str, holds: str, passed: bool, tiny: Answers, tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(TIMED % (a, b, holds), encoding="utf-8")
    assert read_claims(path, tiny.model)[0].check(tiny).passed == passed


@pytest.mark.parametrize("name", ["action__t2", "motivation__t3", "explored__t0", "gate_audit__t1", "selected__t2"])
def test_a_time_that_is_not_there_is_located(name: str, tiny: Answers, tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(TIMED % (name, "motivation__t0", "false"), encoding="utf-8")
    (claim,) = read_claims(path, tiny.model)
    with pytest.raises(SpecError, match=rf"{path}:5: '{name}' is not there") as caught:
        claim.check(tiny)
    assert "motivation__t2" in str(caught.value)
