"""Phases in words: what is printed beside every number that rests on them."""

from bsm.spec import load, phase_words
from bsm.spec.starter import model_text
from tests.spec.examples import FULL, write


def test_one_plain_phase_is_told_by_n_eta_and_t(tmp_path):
    model = load(write(tmp_path, model_text("mine")))
    told = phase_words.phases(model)
    assert phase_words.timeline(told) == "training, n = 3 to 30 selections at eta = 1, t at its end"
    assert phase_words.dynamics(model) == "replicator"
    earlier = [{key: told[0][key] for key in ("name", "selections", "eta")}]
    assert phase_words.timeline(earlier) == phase_words.timeline(told)


def test_phases_tell_dynamics_levers_gates_and_drift_in_order(tmp_path):
    model = load(write(tmp_path, FULL))
    training, tuned, audit = phase_words.phases(model)
    assert [p["kind"] for p in (training, tuned, audit)] == ["other", "rl", "audit"]
    assert training["contexts"] == {"scene": {"clean": "0.5", "broken-test": "0.5"}}
    assert (tuned["selections"], tuned["rl_steps"], tuned["exploration"]) == ("30 to 3000", "1e6", "0.001 to 0.01")
    assert tuned["gates"] == [
        "audit (looks: 1 to 10, held out, catching action = hack or tamper)",
        "probe (looks: 2, held out, detection stated (reward_seeker 0.1, kludge 0.4, inf 0.1 to 0.3))",
    ]
    assert tuned["drift"] == [
        "inf to kludge (atrophy, 0.0001 to 0.01 per selection)",
        "inf to reward_seeker (memetic, 0.2 + 0.6 x share of reward_seeker per selection)",
    ]
    assert audit["gates"] == ["probe (looks: 3, trained on, each taking 0.2 of later detection, catching t2 = yes)"]
    said = phase_words.timeline([training, tuned, audit])
    assert said.startswith("training, n = 10 to 1000 selections at eta = 1, replicator; then tuned for reward, ")
    assert "softmax_pg, dev = on, selected on r = 1 or 2, i = yes, (action = tamper, style = yes) or (" in said
    assert said.endswith(", t at the end of audit before release")
    assert phase_words.dynamics(model) == "replicator, softmax_pg"


def test_an_overlay_tells_its_own_phases(tmp_path):
    model = load(write(tmp_path, FULL)).with_overlay("bypass")
    *_, audit = phase_words.phases(model)
    assert audit["gates"] == ["probe (looks: 1 to 5, held out, catching extra = yes)"]
    assert audit["drift"] == ["added to inf (other, 0.3 per selection)"]
    assert "added 0" in phase_words.phases(model)[1]["gates"][1]
