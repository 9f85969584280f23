"""What stands where on an axis of time, and that it is what the model and the result say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bsm.figures.over_time.panels import Panel, marks
from bsm.figures.over_time.path import path
from bsm.figures.over_time.spread import even_draws
from bsm.figures.over_time.tracks import log_odds, of_model, of_result, selecting_phases, wanted
from bsm.inference.over_time.asked import asked
from bsm.inference.parameters import Space
from bsm.motives.course import Moment, course
from bsm.spec.model import Headline
from tests.figures.over_time.examples import MEAN_N, ROWS, over_time, phased


def test_moments_that_figures_want_are_moments_of_the_model():
    model = phased()
    labels = wanted(model, parts=4)
    assert labels[:3] == ["start", "before", "training:25%"]
    assert "training:100%" not in labels  # nothing happens between it and the end
    assert "deployment:100%" in labels  # before its gate
    assert [a.label for a in asked(model, list(labels))] == labels


def test_shares_of_a_model_are_those_of_its_course():
    model = phased()
    found = of_model(model, draws=60)
    space = Space.of(model.parameters)
    with torch.no_grad():
        own = course(model, space.theta(space.prior_draws(60, 5)))
        n = own.stages[1].n
        for label, at in (("start", "start"), ("training:30%", Moment(1, n * 0.3)), ("audit", "audit")):
            shares = own.shares(at).numpy()
            k = found.moments.index(label)
            np.testing.assert_allclose(found.share.middle[k], shares.mean(0), atol=1e-12)
            np.testing.assert_allclose(found.share.low[k], np.quantile(shares, 0.05, axis=0), atol=1e-12)
            odds = np.log(shares) - np.log(shares[:, :1])
            np.testing.assert_allclose(found.share_odds.middle[k], np.median(odds, axis=0), atol=1e-9)
    assert found.share.high[5].max() > found.share.low[5].max() + 1e-3  # bands are bands


def test_numbers_of_a_result_are_read_off_its_tree():
    result = over_time(("ai", "other"))
    found = of_result(result, "other")
    data = result.data.sel(subject="other")
    np.testing.assert_array_equal(found.credence.middle, data["smoothed"].values)
    np.testing.assert_array_equal(found.credence.high, data["smoothed_high"].values)
    np.testing.assert_array_equal(found.share.low, data["share_low"].values)
    draws = result.draws["smoothed_probability"].sel(subject="other").values[0]
    odds = np.log(draws[:, 4, 3] / draws[:, 4, 0])
    assert found.credence_odds.low[4, 3] == pytest.approx(np.quantile(odds, 0.05), abs=1e-9)
    assert of_result(result).subject == "ai"
    with pytest.raises(KeyError, match="nobody"):
        of_result(result, "nobody")
    with pytest.raises(KeyError, match="no motivation"):
        of_result(result, "ai", reference="nothing")


def test_an_impossible_motivation_has_odds_beyond_every_number():
    odds = log_odds(np.array([[[0.5, 0.0]], [[0.7, 0.0]]]), 0)
    assert odds.middle[0, 1] < -1e299
    assert odds.middle[0, 0] == 0


PANELS = (
    Panel("one", "rl", "3 to 9", "1", "replicator", 6.0),
    Panel("look", "audit", "0", "1", "replicator", 0.0, ("gate",)),
    Panel("two", "rl", "4", "1", "replicator", 4.0, ("gate",)),
)


def test_a_path_jumps_at_gates_and_nowhere_else():
    moments = ["start", "one:50%", "one", "look", "two:1", "two:100%", "two"]
    body = PANELS[2].body
    assert body < 1
    found = path(PANELS, moments)
    (run,) = found.runs
    assert run == (
        (0, 0.0, 0),
        (0, 0.5, 1),
        (0, 1.0, 2),
        (1, 0.0, 2),
        (1, 0.5, 2),
        (1, 0.5, 3),
        (1, 1.0, 3),
        (2, 0.0, 3),
        (2, 0.25 * body, 4),
        (2, body, 5),
        (2, body, 6),
        (2, 1.0, 6),
    )
    assert [k for _, _, k in found.places] == list(range(7))


def test_now_is_the_end_and_what_is_to_come_starts_from_there():
    ahead = (*PANELS, Panel("one", "to come", "10", "1", "replicator", 10.0, ahead=True))
    found = path(ahead, ["start", "now", "one:+5", "one:+10"])
    assert found.runs[-1][-3:] == ((3, 0.0, 1), (3, 0.5, 2), (3, 1.0, 3))
    assert found.last == (3, 1.0, 3)


STILL = Panel("still", "other", "0", "1", "replicator", 0.0)
PLAIN = Panel("plain", "rl", "10", "1", "replicator", 10.0)
LOOK = PANELS[1]
AHEAD = Panel("plain", "to come", "5", "1", "replicator", 5.0, ahead=True)


@pytest.mark.parametrize(
    ("panels", "moments", "runs"),
    [
        # nothing is known after the last moment, nor past a gate, nor before the first
        ((PLAIN, LOOK, PLAIN), ["plain:5"], [[(0, 0.5, 0)]]),
        ((PLAIN, LOOK), ["start", "plain"], [[(0, 0.0, 0), (0, 1.0, 1)]]),
        ((PANELS[0], LOOK, PANELS[2]), ["one", "two:2"], [[(0, 1.0, 0)], [(2, 0.42, 1)]]),
        # a gate inside a phase that selects is crossed only from right before it
        ((PANELS[2],), ["start", "two:2", "two"], [[(0, 0.0, 0), (0, 0.42, 1)], [(0, 0.84, 2), (0, 1.0, 2)]]),
        # a phase without selections and gates changes nothing, but it does not end a line
        ((STILL, PLAIN), ["start", "plain:5"], [[(0, 0.0, 0), (0, 1.0, 0), (1, 0.0, 0), (1, 0.5, 1)]]),
        ((PLAIN, STILL), ["plain"], [[(0, 1.0, 0)]]),
        # all selections of a phase without gates are its end
        ((PLAIN, AHEAD), ["plain:10", "plain:+5"], [[(0, 1.0, 0), (1, 0.0, 0), (1, 1.0, 1)]]),
        # what is to come hangs on now alone
        ((PLAIN, AHEAD), ["plain:5", "plain:+5"], [[(0, 0.5, 0)], [(1, 1.0, 1)]]),
    ],
)
def test_lines_lead_only_between_computed_moments(panels, moments, runs):
    found = path(panels, moments)
    assert [list(run) for run in found.runs] == [[(i, pytest.approx(u), k) for i, u, k in run] for run in runs]
    assert sorted(k for _, _, k in found.places) == list(range(len(moments)))
    assert found.last[2] == len(moments) - 1


def test_steps_in_a_phase_of_uncertain_length_stand_along_its_mean():
    model = phased()
    found = of_result(replace(over_time(only=("start", "training:5")), model=model))
    space = Space.of(model.parameters)
    mean = float(space.theta(space.prior_draws(4000, 1)).of(model.phases[1].selections).mean())
    assert found.panels[1].n == pytest.approx(mean, rel=0.1)
    assert found.path.last[1] == pytest.approx(5 / mean, rel=0.1)
    alone = of_result(over_time(only=("start", "training:5")))  # a file without its model
    assert alone.panels[1].n == pytest.approx(60**0.5)


def test_even_draws_meet_the_prior_better_than_as_many_random_ones():
    space = Space.of(phased().parameters)
    far = space.prior_draws(200_000, 99)
    level = far.quantile(0.7, 0)

    def rare(z):
        return float((z > level).all(1).double().mean())

    errors = {
        name: np.mean([abs(rare(draw(seed)) - rare(far)) for seed in range(20)])
        for name, draw in {
            "even": lambda s: even_draws(space, 64, s),
            "random": lambda s: space.prior_draws(64, s),
        }.items()
    }
    assert errors["even"] < 0.6 * errors["random"]
    assert torch.equal(even_draws(space, 8, 1), even_draws(space, 8, 1))
    many = even_draws(space, 1024, 3)
    np.testing.assert_allclose(many.mean(0), far.mean(0), atol=0.02)
    np.testing.assert_allclose(many.std(0), far.std(0), rtol=0.05)


def test_rows_stand_where_they_were_seen():
    found = marks(of_result(over_time()).panels, ROWS)
    body = of_result(over_time()).panels[3].body
    assert [(m.panel, m.rows, m.selected) for m in found] == [(0, 2, False), (3, 1, False), (3, 1, True), (3, 1, False)]
    assert [m.start for m in found] == pytest.approx([1.0, body * 2 / 6, body * 3 / 6, (1 + body) / 2])
    assert found[2].stop == pytest.approx(body * 5 / 6)


def test_the_mean_of_an_uncertain_number_comes_from_the_steps():
    assert {p.name: p.n for p in of_result(over_time()).panels} == MEAN_N
    assert [p.certain for p in of_result(over_time()).panels] == [True, False, True, True]


def test_a_parameter_that_is_zero_selects_nothing():
    model = phased()
    none = replace(model, parameters={**model.parameters, "n": replace(model.parameters["n"], value=0.0, prior=None)})
    assert selecting_phases(none) == ("deployment",)
    assert [m for m in wanted(none) if m.startswith("training")] == ["training"]


def test_odds_are_against_the_reference_of_the_headline():
    result, model = over_time(), phased()
    other = list(model.motivations)[3]
    told = replace(model, headline=Headline(motivations=(other,), reference=other, subject="ai", says="made up"))
    assert of_result(result).reference == next(iter(model.motivations))
    assert of_result(replace(result, model=told)).reference == other
    assert of_model(told, draws=4).reference == other
