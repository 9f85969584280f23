"""Phases of uncertain length: every answer is a mean over lengths in which the rows and the asked step happen.

What is held against it is the same posterior at fixed lengths, where nothing is drawn, summed over a grid of lengths.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import bsm
from bsm.inference.over_time import OverTime, posterior_over_time
from bsm.inference.over_time.asked import asked
from bsm.motives.course import course
from bsm.motives.theta import Theta, central
from bsm.spec.model import SpecError
from tests.inference.examples import ledger, small
from tests.inference.over_time.test_laws import drifting, values

CENTRE = (np.log(2) + np.log(40)) / 2
SPREAD = (np.log(40) - np.log(2)) / 2 / stats.norm.ppf(0.95)
LENGTHS = {
    "PHASES": "[{name: tr, selections: $n, eta: 1, opinion of: us}]",
    "PARAMETERS": '{n: {value: "2 to 40", support: positive, opinion of: us}}',
    "NONE": "0.3",
}
NOW = {"k": 6, "n": 10, "c": "v"}
ALL = ["hypothesis", "mixture", "dirichlet", "votes"]
READINGS = [*ALL[:2], *(pytest.param(r, marks=pytest.mark.slow) for r in ALL[2:])]


def read(reading: str, **changes: str) -> bsm.Model:
    model = replace(small(**{**LENGTHS, **changes}), reading=reading, alpha=2.0 if reading == "dirichlet" else None)
    if reading == "votes":
        return replace(model, phases=tuple(replace(p, dynamics="softmax_pg") for p in model.phases))
    return model


def inside(step: float) -> dict[str, object]:
    """A row at a step, not selected on."""
    return {"k": 2, "n": 5, "phase": "tr", "step": step, "steps": 0}


def by_grid(model: bsm.Model, row: dict[str, object], at: str, shortest: float, points: int = 10):
    """P(motivation | rows, n at least `shortest`), log P(rows, n at least `shortest`), and means over lengths of more.

    Middles of `points` even parts of the prior above the shortest length.
    """
    least = stats.norm.cdf((np.log(shortest) - CENTRE) / SPREAD) if shortest else 0.0
    weights, found = [], []
    for p in least + (1 - least) * (np.arange(points) + 0.5) / points:
        held = model.with_parameters({"n": float(np.exp(CENTRE + SPREAD * stats.norm.ppf(p)))})
        one = posterior_over_time(held, ledger(held, row), [at], draws=10, beside=False)
        weights.append(np.exp(float(one.data["log_evidence"][0])))
        found.append(values(one, "smoothed", at))
    mean = np.array(weights) @ np.array(found) / sum(weights)
    return mean, float(np.log((1 - least) * np.mean(weights)))


def found_at(model: bsm.Model, row: dict[str, object], *at: str, draws: int = 600) -> OverTime:
    return posterior_over_time(model, ledger(model, row), list(at), draws=draws, beside=False)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("step", [10, 30])
def test_lengths_too_short_for_a_row_have_no_say(reading, step):
    """Neither of the named nor of none_of_these; and a row that few lengths allow is not impossible."""
    model = read(reading)
    wanted, evidence = by_grid(model, inside(step), "now", step)
    found = found_at(model, inside(step), "now")
    np.testing.assert_allclose(values(found, "smoothed", "now"), wanted, atol=0.03)
    assert float(found.data["log_evidence"][0]) == pytest.approx(evidence, abs=0.1)


@pytest.mark.parametrize("reading", [*ALL[:3], pytest.param("votes", marks=pytest.mark.slow)])
def test_before_a_step_that_is_reached_lengths_make_no_difference(reading):
    """Filtered at a step: the model with any length that reaches it."""
    model = read(reading)
    found = found_at(model, NOW, "tr:20", draws=200)
    wanted = course(model.with_parameters({"n": 25.0})).log_weights("tr:20")[0].softmax(-1)
    np.testing.assert_allclose(
        values(found, "filtered", "tr:20"), wanted, atol=0.02 if reading == "dirichlet" else 1e-6
    )
    assert values(found, "filtered", "tr:20")[-1] == pytest.approx(float(wanted[-1]), abs=1e-6)


@pytest.mark.parametrize("reading", READINGS)
def test_all_that_is_said_of_a_step_is_given_that_it_is_reached(reading):
    model = read(reading)
    wanted, evidence = by_grid(model, NOW, "tr:20", 20)
    noise = 0.004 if reading in ALL[:2] else 0.015  # where none_of_these has more
    anyhow = by_grid(model, NOW, "now", 0, 32)[1]
    found = found_at(model, NOW, "tr:20", "now")
    np.testing.assert_allclose(values(found, "smoothed", "tr:20"), wanted, atol=noise)
    assert float(found.data["reached"].sel(subject="ai", moment="tr:20")) == pytest.approx(
        np.exp(evidence - anyhow), abs=0.05
    )
    assert float(found.data["reached"].sel(subject="ai", moment="now")) == 1
    each = found.draws["smoothed_probability"].sel(subject="ai", moment="tr:20").values[0]
    np.testing.assert_allclose(each.mean(0), wanted, atol=2 * noise)
    np.testing.assert_allclose(each.sum(1), 1, atol=1e-12)
    extremes = model.with_parameters({"n": 20.01}), model.with_parameters({"n": 60.0})
    most = max(values(found_at(held, NOW, "tr:20", draws=10), "smoothed", "tr:20")[-1] for held in extremes)
    assert values(found, "smoothed_high", "tr:20")[-1] < most + noise
    there, now = (found.draws_at(at).sel(subject="ai")["n"].values[0] for at in ("tr:20", "now"))
    assert bool((there >= 20).all())
    assert bool((now < 20).any())
    kept = now >= 20
    np.testing.assert_array_equal(there[kept], now[kept])


@pytest.mark.parametrize("reading", ["hypothesis", "mixture"])
def test_a_forecast_at_a_step_is_given_that_it_is_reached(reading, tmp_path):
    """Also of a result that was saved."""
    model = read(reading)
    found = found_at(model, NOW, "tr:20", "now")
    named = by_grid(model, NOW, "tr:20", 20)[0]
    behaviour, theta = bsm.Behaviour(model), central(model)
    acted = [float(behaviour.log_policy(m, theta).exp()[0, 1, 1]) for m in model.motivations]
    wanted = float(named[:-1] @ acted) / named[:-1].sum()
    again = OverTime.load(found.save(tmp_path / "given.nc"), model, ledger(model, NOW))
    for one in (found, again):
        forecast = one.forecast("acted", {"c": "v"}, "tr:20")
        assert forecast.mean == pytest.approx(wanted, abs=1e-3)
        assert forecast.none_of_these == pytest.approx(named[-1], abs=0.004)
        assert forecast.high - forecast.low < 0.01


def test_a_forecast_goes_with_the_parameters_of_its_own_draws():
    """Where length and strength are both uncertain: each draw's policy at that draw's strength."""
    numbers = '{n: {value: "2 to 40", support: positive, opinion of: us}, b: {value: "0.5 to 8", support: positive, '
    model = read("hypothesis", PARAMETERS=numbers + "opinion of: us}}", STRENGTH="$b")
    found = found_at(model, NOW, "tr:20", "now")
    forecast = found.forecast("acted", {"c": "v"}, "tr:20")
    each = found.draws["smoothed_probability"].sel(subject="ai", moment="tr:20").values[0][:, :-1]
    own = found.draws_at("tr:20").sel(subject="ai")
    theta = Theta({n: torch.from_numpy(own[n].values[0].copy()) for n in ("n", "b")})
    acted = [bsm.Behaviour(model).log_policy(m, theta).exp()[:, 1, 1].numpy() for m in model.motivations]
    assert forecast.mean == pytest.approx(float((each * np.stack(acted, 1)).sum() / each.sum()), abs=1e-9)


def test_selected_on_rows_late_in_a_phase():
    """Where none_of_these is integrated with the rows: the steps that a row stands for are there too."""
    row = {"k": 1, "n": 2, "c": "v", "phase": "tr", "step": 12, "steps": 3}
    model = read("hypothesis")
    wanted, evidence = by_grid(model, row, "now", 15)
    found = found_at(model, row, "now")
    np.testing.assert_allclose(values(found, "smoothed", "now"), wanted, atol=0.03)
    assert float(found.data["log_evidence"][0]) == pytest.approx(evidence, abs=0.1)


def test_selection_that_says_nothing_still_takes_as_long_as_it_takes():
    """All patterns alike: no gradient in n, and yet n decides whether a step happens."""
    model = read("hypothesis", STRENGTH="0")
    found = found_at(model, NOW, "tr:20", "now", draws=200)
    reached = float(found.data["reached"].sel(subject="ai", moment="tr:20"))
    assert reached == pytest.approx(1 - stats.norm.cdf((np.log(20) - CENTRE) / SPREAD), abs=0.03)
    row = found_at(model, inside(20), "now", draws=200)
    assert row.about["subjects"]["ai"]["told"] == ["n"]
    assert bool((row.draws["n"].values >= 20).all())


def test_paths_are_in_time_and_of_draws_that_reach_every_moment():
    model = drifting(small(PHASES='[{name: tr, selections: "6.5", eta: 1, opinion of: us}]'))
    evidence = ledger(model, {"k": 3, "n": 10, "c": "v"})
    found = bsm.posterior(model, evidence, at=["tr:100%", "tr", "tr:6", "tr:0%", "start"])
    assert found.path().moments == ("start", "tr:0%", "tr:6", "tr:100%", "tr")
    order = [a.label for a in sorted(asked(model, list(found.moments)), key=lambda a: a.order(model))]
    assert order == ["start", "tr:0%", "tr:6", "tr:100%", "tr"]
    unsure = drifting(small(**LENGTHS))
    found = posterior_over_time(unsure, ledger(unsure, NOW), ["tr:20", "tr:10", "now"], draws=200, beside=False)
    path = found.path()
    assert path.moments == ("tr:10", "tr:20", "now")
    assert path.probability[0] > 0.3


def test_readings_that_do_not_exist_are_named():
    model = small(**LENGTHS)
    with pytest.raises(SpecError, match=r"'zz' is given; .* hypothesis, mixture, dirichlet, votes"):
        bsm.posterior(model, ledger(model, NOW), at="now", reading="zz")
