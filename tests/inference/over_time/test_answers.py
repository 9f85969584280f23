"""Forecasts, paths and divergence that a result over time answers."""

from __future__ import annotations

import numpy as np
import pytest

import bsm
from bsm.inference.over_time import OverTime
from bsm.motives.course import continued, course
from bsm.spec.model import SpecError
from tests.inference.examples import ledger
from tests.inference.over_time import enumeration as slowly
from tests.inference.over_time.test_chain import a_model, some_rows
from tests.inference.over_time.test_laws import ROWS, UNCERTAIN, drifting, still, values


def _paths(seed: int):  # type: ignore[no-untyped-def]
    """A model with rows whose asked moments are all its selections, and P(path | rows, named) by enumeration."""
    from dataclasses import replace

    model = a_model(seed, (1.0, 2.0))
    model = replace(model, phases=tuple(replace(p, unexplored=(), exploration=0.0) for p in model.phases))
    rows = some_rows(model, seed)
    start, happened = slowly.events(model, rows, False)
    none = len(model.motivations)
    each = {p: w for p, w in slowly.paths(start, happened).items() if p[0] != none}
    total = sum(each.values())
    found = bsm.posterior(model, slowly.evidence(rows), at=["start", "first:1", "last:1", "last:2"])
    return model, found, {p: w / total for p, w in each.items()}


@pytest.mark.parametrize("seed", [0, 3])
def test_the_most_probable_path_is_the_likeliest_of_all(seed):
    model, found, each = _paths(seed)
    best = max(each, key=each.__getitem__)
    path = found.path()
    assert tuple(path.states[0]) == tuple(list(model.motivations)[s] for s in best)
    assert path.probability[0] == pytest.approx(each[best], abs=1e-9)
    assert path.moments == ("start", "first:1", "last:1", "last:2")


def test_sampled_paths_are_as_frequent_as_probable():
    model, found, each = _paths(3)
    drawn = found.sample_paths(count=4000, seed=1)
    names = list(model.motivations)
    for path, p in each.items():
        often = np.mean((drawn.states == np.array([names[s] for s in path])).all(1))
        assert often == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / 4000) + 1e-9)
    assert (drawn.states == found.sample_paths(count=4000, seed=1).states).all()


def test_a_forecast_mixes_the_named_by_their_posterior():
    model = drifting(still())
    found = bsm.posterior(model, ledger(model, *ROWS), at=["tr:2", "now", "tr:+4"])
    for at in ("tr:2", "now", "tr:+4"):
        named = values(found, "smoothed", at)[:-1]
        behaviour = bsm.Behaviour(model)
        from bsm.motives.theta import central

        acted = [float(behaviour.log_policy(m, central(model)).exp()[0, 1, 1]) for m in model.motivations]
        forecast = found.forecast("acted", {"c": "v"}, at)
        assert forecast.mean == pytest.approx(float(named @ acted) / named.sum(), abs=1e-12)
        assert forecast.low == pytest.approx(forecast.mean)
        assert forecast.none_of_these == pytest.approx(1 - named.sum(), abs=1e-12)
        assert forecast.predicted == (at == "tr:+4")
        assert f"{forecast.mean:.3f}" in str(forecast)
        unseen = course(continued(model, "tr", 4) if "+" in at else model).shares(None if "+" in at else at)[0].numpy()
        assert forecast.without_rows == pytest.approx([float(unseen @ acted)] * 3, abs=1e-12)
    usual = found.forecast("acted", at="now").mean
    each = [found.forecast({"a": ("y",)}, {"c": c}, "now").mean for c in "uv"]
    assert usual == pytest.approx(0.3 * each[0] + 0.7 * each[1], abs=1e-12)


def test_a_forecast_has_a_band_over_parameters_and_survives_saving(tmp_path):
    model = drifting(still(**UNCERTAIN))
    found = bsm.posterior(model, ledger(model, ROWS[0]), at=["now"], draws=100)
    forecast = found.forecast("acted", {"c": "v"})
    assert forecast.low < forecast.mean < forecast.high
    assert forecast.without_rows[1] < forecast.without_rows[0] < forecast.without_rows[2]
    assert forecast.without_rows[0] == pytest.approx(float(bsm.course(model).behaviour("acted", {"c": "v"})), abs=0.1)
    again = OverTime.load(found.save(tmp_path / "f.nc"), model, ledger(model, ROWS[0]))
    assert again.forecast("acted", {"c": "v"}).mean == forecast.mean
    assert again.sample_paths(count=3).states.shape == (3, 1)


def test_divergence_weighs_families_by_what_is_known():
    from bsm.motives.course import course

    model = drifting(still())
    found = bsm.posterior(model, ledger(model, *ROWS), at=["now"])
    kl = found.divergence({"c": "u"}, {"c": "v"})
    wanted = course(model).divergence({"c": "u"}, {"c": "v"})
    np.testing.assert_allclose(kl.motivations[0], wanted.motivations[0], atol=1e-12)
    named = values(found, "smoothed", "now")[:-1] / values(found, "smoothed", "now")[:-1].sum()
    for family, value in kl.families.items():
        own = [i for i, m in enumerate(model.motivations) if found.about["families"][m] == family]
        weights = named[own] / named[own].sum()
        assert float(value[0]) == pytest.approx(float(weights @ wanted.motivations[0, own].numpy()), abs=1e-12)


def test_a_forecast_warns_where_most_of_what_is_believed_has_none():
    model = still(NONE="0.999")
    found = bsm.posterior(model, ledger(model, ROWS[0]), at=["now"])
    forecast = found.forecast("acted", {"c": "v"})
    assert forecast.none_of_these > 0.5
    assert "NOT TO BE RELIED ON" in str(forecast)
    sure = still(NONE="0")
    assert "RELIED" not in str(bsm.posterior(sure, ledger(sure, ROWS[0]), at=["now"]).forecast("acted", {"c": "v"}))


def test_draws_that_leave_nothing_to_the_named_have_no_say_in_what_is_forecast():
    model = drifting(still(**UNCERTAIN))
    found = bsm.posterior(model, ledger(model, ROWS[0]), at=["now"], draws=100)
    whole, apart = found.forecast("acted", {"c": "v"}), found.divergence({"c": "u"}, {"c": "v"})
    values = found.tree["draws"]["smoothed_probability"].copy()
    values[{"subject": 0, "moment": 0, "draw": slice(0, 40)}] = [0.0] * len(model.motivations) + [1.0]
    found.tree["draws"]["smoothed_probability"] = values
    some, left = found.forecast("acted", {"c": "v"}), found.divergence({"c": "u"}, {"c": "v"})
    np.testing.assert_allclose(some.draws, whole.draws[40:])
    assert some.mean != whole.mean
    np.testing.assert_allclose(left.motivations, apart.motivations[40:])
    for family, value in apart.families.items():
        np.testing.assert_allclose(left.families[family], value[40:])


def test_what_was_not_asked_about_is_refused():
    model = drifting(still())
    found = bsm.posterior(model, ledger(model, *ROWS), at=["now"])
    with pytest.raises(SpecError, match="not asked about"):
        found.forecast("acted", at="tr:2")
    with pytest.raises(SpecError, match="not an observation"):
        found.forecast("axted")
    with pytest.raises(SpecError, match="not a subject"):
        found.path("another")
    with pytest.raises(KeyError, match="is not a motivation"):
        found.value("smoothed", "ai", "now", "nobody")
