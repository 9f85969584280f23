"""Laws of the posterior over time: what must hold whatever the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import bsm
from bsm.engine import ImpossibleEvidence
from bsm.inference.over_time import OverTime, posterior_over_time
from bsm.inference.over_time.asked import asked, spread
from bsm.spec.model import Drift, SpecError
from tests.inference.examples import ledger, small, training

DRIFT = (Drift("m", "k", 0.1), Drift("k", "n", 0.05))
ROWS = [
    {"k": 3, "n": 10, "c": "v"},
    {"k": 1, "n": 2, "c": "v", "phase": "tr", "steps": 2, "setting": "t"},
    {"k": 2, "n": 5, "phase": "tr", "step": 4, "steps": 0, "setting": "w"},
]
UNCERTAIN = {
    "PHASES": training("2 to 40"),
    "PARAMETERS": '{b: {value: "0.2 to 20", support: positive, opinion of: us}}',
    "STRENGTH": "$b",
}


def still(**changes: str) -> bsm.Model:
    return small(**{"PHASES": training(6), "VARIANT": "variant_sd: {value: 0.4, opinion of: us}", **changes})


def drifting(model: bsm.Model, *more: Drift) -> bsm.Model:
    return replace(model, phases=tuple(replace(p, drift=(*DRIFT, *more)) for p in model.phases))


def values(found: OverTime, name: str, at: str) -> np.ndarray:
    return found.data[name].sel(subject="ai", moment=at).values


def test_now_is_the_posterior_where_nothing_drifts():
    model = still()
    evidence = ledger(model, *ROWS)
    found, static = bsm.posterior(model, evidence, at=["start", "now"]), bsm.posterior(model, evidence)
    np.testing.assert_allclose(values(found, "smoothed", "now"), static.motivations[0], atol=1e-9)
    np.testing.assert_allclose(values(found, "smoothed", "start"), static.motivations[0], atol=1e-9)
    np.testing.assert_allclose(found.data["share"].sel(moment="now")[:-1], bsm.shares(model)[0], atol=1e-12)


def test_without_phases_too():
    model = small(VARIANT="variant_sd: {value: 0.4, opinion of: us}")
    evidence = ledger(model, ROWS[0])
    found, static = bsm.posterior(model, evidence, at=["start", "now"]), bsm.posterior(model, evidence)
    np.testing.assert_allclose(values(found, "filtered", "now"), static.motivations[0], atol=1e-9)
    np.testing.assert_allclose(values(found, "filtered", "start")[:-1], [0.8 * p for p in _prior(model)], atol=1e-12)


def _prior(model):  # type: ignore[no-untyped-def]
    from bsm.motives.prior import log_prior
    from bsm.motives.theta import central

    return log_prior(model, central(model)).exp()[0]


def test_a_variant_seen_at_two_moments_keeps_its_shift_where_nothing_drifts():
    model = still()
    twice = [{**ROWS[0], "setting": "s"}, {"k": 4, "n": 9, "phase": "tr", "step": 1, "steps": 0, "setting": "s"}]
    evidence = ledger(model, *twice)
    found, static = bsm.posterior(model, evidence, at=["now"]), bsm.posterior(model, evidence)
    np.testing.assert_allclose(values(found, "smoothed", "now"), static.motivations[0], atol=1e-9)
    assert not found.about["subjects"]["ai"]["notes"]
    moved = bsm.posterior(drifting(model), evidence, at=["now"])
    assert "shift of its own" in moved.about["subjects"]["ai"]["notes"][0]


def test_within_monte_carlo_error_where_parameters_are_uncertain():
    model = still(**UNCERTAIN)
    evidence = ledger(model, ROWS[0], {"k": 3, "n": 12, "setting": "t", "rho": "0.01 to 0.1", "opinion_of": "us"})
    found, static = bsm.posterior(model, evidence, at=["now"]), bsm.posterior(model, evidence, blocks=False)
    np.testing.assert_allclose(values(found, "smoothed", "now"), static.motivations[0], atol=0.02)
    assert float(found.tree["sample_stats"]["effective_draws"][0]) >= 200
    low, high = values(found, "smoothed_low", "now"), values(found, "smoothed_high", "now")
    assert bool((low <= high).all())
    assert bool((high > low).any())


@pytest.mark.parametrize("uncertain", [False, True])
def test_filtered_is_smoothed_at_the_last_moment(uncertain):
    model = drifting(still(**(UNCERTAIN if uncertain else {})))
    found = posterior_over_time(model, ledger(model, ROWS[0]), ["tr:50%", "now"], draws=200, beside=False)
    atol = 1e-12 if not uncertain else 0.02
    np.testing.assert_allclose(values(found, "filtered", "now"), values(found, "smoothed", "now"), atol=atol)
    assert float(abs(values(found, "filtered", "tr:50%") - values(found, "smoothed", "tr:50%")).max()) > 1e-3


def test_a_row_changes_nothing_filtered_before_it():
    model = drifting(still())
    at = ["start", "tr:2", "tr:4", "tr:5.5"]
    before = bsm.posterior(model, ledger(model, ROWS[1], ROWS[2]), at=at)
    after = bsm.posterior(model, ledger(model, ROWS[1], ROWS[2], ROWS[0]), at=at)
    for moment in at:
        np.testing.assert_array_equal(values(before, "filtered", moment), values(after, "filtered", moment))
    assert float(abs(values(before, "smoothed", "tr:4") - values(after, "smoothed", "tr:4")).max()) > 1e-3


def test_splitting_a_phase_changes_nothing():
    whole = drifting(still())
    (phase,) = whole.phases
    split = replace(
        whole, phases=(replace(phase, name="one", selections=4.0), replace(phase, name="two", selections=2.0))
    )
    rows = [ROWS[0], {**ROWS[1], "step": 1}, ROWS[2]]
    renamed = [
        {**ROWS[0]}, {**ROWS[1], "step": 1, "phase": "one"}, {**ROWS[2], "phase": "one"}
    ]  # fmt: skip
    a = bsm.posterior(whole, ledger(whole, *rows), at=["tr:2", "tr:5", "now"])
    b = bsm.posterior(split, ledger(split, *renamed), at=["one:2", "two:1", "now"])
    for name in ("filtered", "smoothed"):
        np.testing.assert_allclose(a.data[name].values, b.data[name].values, atol=1e-12)
    assert float(a.data["log_evidence"][0]) == pytest.approx(float(b.data["log_evidence"][0]), abs=1e-10)


def test_asking_changes_nothing():
    """Also not at a moment between two whole selections."""
    model = drifting(still())
    evidence = ledger(model, *ROWS)
    few, many = (
        bsm.posterior(model, evidence, at=["tr:3"]),
        bsm.posterior(model, evidence, at=["tr:3", "tr:2.7", "tr:3.2"]),
    )
    for name in ("filtered", "smoothed"):
        np.testing.assert_array_equal(values(few, name, "tr:3"), values(many, name, "tr:3"))
    assert float(few.data["log_evidence"][0]) == float(many.data["log_evidence"][0])


def test_between_two_selections_probabilities_are_between():
    model = drifting(still())
    found = bsm.posterior(model, ledger(model, *ROWS), at=["tr:3", "tr:3.000001", "tr:3.5", "tr:3.999999", "tr:4"])
    for name in ("filtered", "smoothed"):
        np.testing.assert_allclose(values(found, name, "tr:3"), values(found, name, "tr:3.000001"), atol=1e-5)
    np.testing.assert_allclose(values(found, "smoothed", "tr:4"), values(found, "smoothed", "tr:3.999999"), atol=1e-5)
    middle = (values(found, "smoothed", "tr:3") + values(found, "smoothed", "tr:4")) / 2
    np.testing.assert_allclose(values(found, "smoothed", "tr:3.5"), middle, atol=1e-12)


def test_prediction_is_the_course_of_what_is_known_now():
    """More selections, without drift: weights times fitness."""
    model = still()
    found = bsm.posterior(model, ledger(model, *ROWS), at=["now", "tr:+5", "tr:+0"])
    fit = bsm.fitness(model)
    gained = values(found, "filtered", "now") * np.append(fit.overall[0].numpy(), float(fit.base[0])) ** 5
    np.testing.assert_allclose(values(found, "filtered", "tr:+5"), gained / gained.sum(), atol=1e-12)
    np.testing.assert_array_equal(values(found, "smoothed", "tr:+5"), values(found, "filtered", "tr:+5"))
    np.testing.assert_allclose(values(found, "smoothed", "tr:+0"), values(found, "smoothed", "now"), atol=1e-12)
    assert [int(p) for p in found.data["predicted"]] == [0, 1, 1]


def test_the_same_seed_gives_the_same_numbers():
    model = drifting(still(**UNCERTAIN))
    evidence = ledger(model, ROWS[0])
    runs = [posterior_over_time(model, evidence, ["tr:50%", "now"], draws=60, seed=s, beside=False) for s in (3, 3, 4)]
    for name in ("filtered", "smoothed", "smoothed_low", "share"):
        np.testing.assert_array_equal(runs[0].data[name], runs[1].data[name])
    assert bool((runs[0].data["smoothed"] != runs[2].data["smoothed"]).any())


def test_moments_beyond_an_uncertain_phase_are_given_that_it_is_long_enough():
    model = still(**UNCERTAIN)
    found = bsm.posterior(model, ledger(model, ROWS[0]), at=["tr:10", "now"], draws=100)
    reached = float(found.data["reached"].sel(subject="ai", moment="tr:10"))
    assert 0.2 < reached < 0.8
    assert "has with probability" in found.about["subjects"]["ai"]["notes"][0]
    assert float(values(found, "filtered", "tr:10").sum()) == pytest.approx(1, abs=1e-12)


def test_what_is_saved_is_loaded(tmp_path):
    model = drifting(still())
    found = bsm.posterior(model, ledger(model, *ROWS), at=spread(model, 2))
    again = OverTime.load(found.save(tmp_path / "over_time.nc"), model)
    np.testing.assert_array_equal(found.data["smoothed"], again.data["smoothed"])
    assert again.about == found.about
    assert again.moments == ("start", "tr:50%", "tr")
    assert again.table().equals(found.table())
    assert str(again) == str(found)
    with pytest.raises(SpecError, match="does not hold"):
        OverTime.load(tmp_path / "over_time.nc").needs()
    with pytest.raises(SpecError, match="no such file"):
        OverTime.load(tmp_path / "other.nc")
    bsm.posterior(still(), ledger(still(), *ROWS)).save(tmp_path / "static.nc")
    with pytest.raises(SpecError, match="no result over time"):
        OverTime.load(tmp_path / "static.nc")


def test_words_name_dynamics_reading_n_and_eta():
    model = drifting(still(**UNCERTAIN))
    text = str(bsm.posterior(model, ledger(model, ROWS[0]), at=["now", "tr:+3"], draws=60))
    for part in ("replicator", "reading: hypothesis", "n = 2 to 40", "eta = 1", "tr:+3, predicted", "prior: m"):
        assert part in text


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (["tr:7"], "beyond|fewer"),
        (["rt"], "not a phase"),
        (["tr:x"], "no number"),
        (["tr:120%"], "0% to 100%"),
        ([], "no moment"),
        (["tr", "tr"], "more than once"),
        ([3.0], "no moment"),
        (["tr:+-2"], "at least 0"),
    ],
)
def test_moments_that_cannot_be_meant_are_refused(at, says):
    model = still()
    with pytest.raises(SpecError, match=says):
        bsm.posterior(model, ledger(model, ROWS[0]), at=at)


def test_rows_that_cannot_be_meant_are_refused():
    model = drifting(still())
    twice = [{"k": 1, "n": 1, "phase": "tr", "step": s, "steps": 2, "setting": str(s)} for s in (0, 1)]
    with pytest.raises(SpecError, match=r"lines 2 .* and 3 .* both stand for selection 2"):
        bsm.posterior(model, ledger(model, *twice), at="now")
    with pytest.raises(SpecError, match=r"line 2: step 1\.5 .* whole number"):
        bsm.posterior(model, ledger(model, {"k": 1, "n": 1, "phase": "tr", "step": 1.5, "steps": 0}), at="now")
    soft = replace(still(), phases=tuple(replace(p, dynamics="softmax_pg") for p in still().phases))
    with pytest.raises(SpecError, match="nothing to condition on"):
        bsm.posterior(soft, ledger(soft, {"k": 1, "n": 1, "phase": "tr", "steps": 1}), at="now")


@pytest.mark.parametrize("reading", ["hypothesis", "mixture", "dirichlet"])
def test_impossible_rows_name_their_line(reading):
    never = "{table: [{otherwise: {x: 1, y: 0, z: 0}}]}"
    model = replace(still(BASE=never, NONE="0", VARIANT=""), alpha=0.5)
    with pytest.raises(ImpossibleEvidence, match="line 2"):
        bsm.posterior(model, ledger(model, {"k": 2, "n": 3}), at="now", reading=reading)


def test_softmax_reweights_the_share_at_the_time():
    """Without drift P(m at t | rows) is share(t) times the likelihood of the rows so far, and it is labelled."""
    model = replace(still(NONE="0"), phases=tuple(replace(p, dynamics="softmax_pg") for p in still().phases))
    found = bsm.posterior(model, ledger(model, ROWS[0], ROWS[2]), at=["tr:3", "tr:4", "tr", "now"])
    shares = bsm.shares(model, at="tr:3")[0].numpy()
    np.testing.assert_allclose(values(found, "filtered", "tr:3")[:-1], shares, atol=1e-8)
    ratio = values(found, "filtered", "now")[:-1] / values(found, "filtered", "tr:4")[:-1]
    now, then = bsm.shares(model)[0].numpy(), bsm.shares(model, at="tr:4")[0].numpy()
    by_rows = ratio * then / now
    np.testing.assert_allclose(by_rows / by_rows[0], np.exp(_log_row(model) - _log_row(model)[0]), rtol=1e-6)
    assert "not P(motivation | selected)" in str(found)


def _log_row(model):  # type: ignore[no-untyped-def]
    from tests.inference.examples import log_likelihood

    plain = replace(model, phases=())
    found = log_likelihood(plain, ledger(plain, ROWS[0]))
    return np.array([found[m] for m in model.motivations])


def test_a_million_selections_with_drift_are_quick_and_finite():
    import time

    model = drifting(still(PHASES=training(1_000_000, 0.01)))
    evidence = ledger(model, ROWS[0], {"k": 2, "n": 5, "phase": "tr", "step": 1000, "steps": 0, "setting": "w"})
    started = time.perf_counter()
    found = bsm.posterior(model, evidence, at=["tr:999999", "now"])
    assert time.perf_counter() - started < 20
    assert bool(torch.isfinite(torch.from_numpy(found.data["smoothed"].values)).all())


def test_asked_moments_keep_their_words():
    model = still()
    labels = [a.label for a in asked(model, ["start", ("tr", 2), ("tr", "50%"), "tr:+3", None, "tr"])]
    assert labels == ["start", "tr:2", "tr:50%", "tr:+3", "now", "tr"]
