"""Sweeps, accounts of odds, the unrolled graph and the toy of two dynamics show the numbers behind them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from bsm.figures import problems
from bsm.figures.numbers import nats
from bsm.figures.over_time import captions
from bsm.figures.over_time.attribution import attribution, bars, edge
from bsm.figures.over_time.columns import columns, parted
from bsm.figures.over_time.diversity import LOWEST, diversity, power, thresholds
from bsm.figures.over_time.pictures import of_time, sweeps_of
from bsm.figures.over_time.sweep import Sweeps, sweep, sweeps
from bsm.figures.over_time.tracks import Curves
from bsm.figures.over_time.unrolled import slices, unrolled
from bsm.figures.theme import THEMES
from bsm.inference.parameters import Space
from bsm.motives.course import course
from bsm.motives.diversity import threshold
from bsm.questions.attribution import attribution as account
from bsm.spec.load import load
from tests.figures.over_time.examples import MODELS, phased, words_in


@cache
def swept() -> Sweeps:
    return sweeps(phased(), "training", draws=8)


# --- sweeps ------------------------------------------------------------------------------------------------


def test_a_sweep_covers_three_decades_and_the_models_own_interval():
    found = swept()
    assert found.selection[-1] / found.selection[0] >= 1000 * (1 - 1e-9)
    low, high = found.own
    assert found.selection[0] < low < high < found.selection[-1]
    assert low == pytest.approx(np.exp(2.0 - 1.645 * 0.6), rel=0.15)
    assert high == pytest.approx(np.exp(2.0 + 1.645 * 0.6), rel=0.15)


def test_both_dynamics_of_a_sweep_are_those_of_the_course():
    model = load(MODELS / "tiny")
    found = sweeps(model, "training")
    k = 5
    longer = replace(model, phases=(replace(model.phases[0], selections=float(found.selection[k])),))
    assert list(found.found) == ["replicator", "softmax_pg"]
    for dynamics, curves in found.found.items():
        wanted = course(longer, dynamics=dynamics).shares()[0].numpy()
        np.testing.assert_allclose(curves.middle[k], wanted, atol=1e-7)
    apart = found.found["replicator"].middle - found.found["softmax_pg"].middle
    assert np.abs(apart).max() > 0.05


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_a_sweep_can_be_printed(theme):
    assert problems(sweep(swept(), theme)) == []


def test_columns_of_a_sweep_show_its_shares_and_its_own_interval():
    found = swept()
    figure = sweep(found)
    tall = [axes for axes in figure.axes if len(axes.get_yticks()) == 3]
    assert len(tall) == 2
    for axes, curves in zip(tall, found.found.values(), strict=True):
        name = found.names[2]
        corners = next(c for c in axes.collections if c.get_label() == name).get_paths()[0].vertices
        at = corners[np.isclose(corners[:, 0], found.selection[4])][:, 1]
        assert at.max() - at.min() == pytest.approx(curves.middle[4, 2], abs=1e-9)
        (bar,) = [line for line in axes.lines if line.get_label() == "own"]
        assert list(bar.get_xdata()) == pytest.approx(found.own)
    assert {"replicator (as in the file)", "softmax_pg", "1", "10", "100"} <= set(words_in(figure))


def test_what_a_dynamics_refuses_is_told_in_its_column():
    found = sweeps(replace(load(MODELS / "tiny"), reading="votes"), "training")
    assert isinstance(found.found["replicator"], str)
    assert isinstance(found.found["softmax_pg"], Curves)
    figure = sweep(found)
    assert problems(figure) == []
    assert any("votes" in words and len(words) > 40 for words in words_in(figure))
    assert found.found["replicator"] in captions.sweep(found)


def test_the_caption_of_a_sweep_names_what_it_rests_on():
    told = captions.sweep(swept())
    low, high = swept().own
    for words in (
        f"{low:.3g} to {high:.3g}",
        "Reading: hypothesis",
        "replicator in this one",
        "(8 draws)",
        captions.SOFTMAX,
    ):
        assert words in told


def test_each_phase_that_selects_is_swept():
    assert [p.name for p in sweeps_of(load(MODELS / "tiny"))] == ["sweep"]
    still = replace(load(MODELS / "tiny"), phases=(phased().phases[0],))
    assert list(sweeps_of(still)) == []


# --- accounts of odds --------------------------------------------------------------------------------------


def test_bars_add_up_to_the_log_odds():
    found = bars(phased(), draws=20)
    parts = [f"{head}: {part}" for head, own in found.groups for part in own]
    total = sum(found.middle[name] for name in parts)
    np.testing.assert_allclose(total, found.middle["total"], atol=1e-9)
    space = Space.of(phased().parameters)
    with torch.no_grad():
        table = (
            account(phased(), theta=space.theta(space.prior_draws(20, 11))).table().set_index(["part", "motivation"])
        )
    for part in (*parts, "total"):
        for k, name in enumerate(found.names):
            assert found.middle[part][k] == pytest.approx(table.loc[(part, name), "nats"], abs=1e-9)
    assert [head for head, _ in found.groups] == ["training", "audit", "deployment"]  # the prior is even here
    assert found.middle["audit: logs looked through"][0] == 0  # the reference
    assert found.middle["audit: logs looked through"][1] == pytest.approx(2 * np.log(0.9 / 0.5), abs=1e-9)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_an_account_can_be_printed_and_shows_its_numbers(theme):
    found = bars(phased(), draws=20)
    figure = attribution(found, theme)
    assert problems(figure) == []
    said, limit = words_in(figure), edge(found)
    drawn = [(group.get_label(), bar.get_width()) for axes in figure.axes for group in axes.containers for bar in group]
    for part, values in found.middle.items():
        widths = sorted(wide for label, wide in drawn if label == part)
        others = [k for k, n in enumerate(found.names) if n != found.reference]
        wanted = sorted(np.clip(values[k], -limit, limit) for k in others if found.low[part][k] or found.high[part][k])
        assert widths == pytest.approx(wanted)
        assert all(nats(float(values[k])) in said for k in others if found.low[part][k] or found.high[part][k])
    assert {"training", "selection", "drift", "logs looked through", "filter", "total log odds"} <= set(said)


# --- the unrolled graph ------------------------------------------------------------------------------------


def test_slices_are_columns_in_the_order_of_time():
    found = slices(phased())
    sizes = {parted(name)[0]: (60.0, 20.0) for name in found.parents}
    plan = columns(found.parents, sizes)
    assert all(a[1] < b[0] for a, b in pairwise(plan.edges))
    for name, box in plan.boxes.items():
        base, time = parted(name)
        left, right = plan.edges[time]
        assert left - 1e-6 <= box.left < box.right <= right + 1e-6
        assert box.y == plan.boxes.get(f"{base}__t0", box).y
    edges = {(p, child) for child, own in found.parents.items() for p in own}
    assert set(plan.inside) | set(plan.across) == edges
    for parent, child in plan.inside:
        assert plan.boxes[parent].y > plan.boxes[child].y
    assert ("motivation__t0", "motivation__t1") in plan.across
    for (parent, child), route in plan.across.items():
        assert route[0] == (plan.boxes[parent].right, plan.boxes[parent].y)
        assert route[-1] == (plan.boxes[child].left, plan.boxes[child].y)
    boxes = list(plan.boxes.values())
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_a_node_without_time_is_refused():
    with pytest.raises(ValueError, match="'action' has no time"):
        columns({"action": ()}, {"action": (10.0, 10.0)})


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_unrolled_graph_names_its_nodes_with_their_time(theme):
    found = slices(load(MODELS / "tiny"))
    figure = unrolled(found, theme)
    assert problems(figure) == []
    said = {words.replace("\n", " ") for words in words_in(figure)}
    assert {"motivation[0]", "motivation[3]", "action[2]", "influence[1] = yes", "t = 3", "hidden: what drives"} <= said
    assert "influence[3] = yes" not in said
    stressed = [p for p in figure.axes[0].patches if p.get_linewidth() == 2.0]
    assert len(stressed) == len(found.given) == 3


def test_gates_and_phases_stand_in_the_unrolled_graph():
    said = {words.replace("\n", " ") for words in words_in(unrolled(slices(phased())))}
    assert "gate logs looked through[1] = passed" in said
    assert {"t = 0", "training", "deployment", "gate"} <= said


# --- the toy -----------------------------------------------------------------------------------------------


def test_the_threshold_falls_with_slope_minus_one_or_collapses():
    found = thresholds()
    figure = diversity(found)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    counts = torch.tensor(lines["softmax_pg"].get_xdata())
    for dynamics in ("softmax_pg", "replicator"):
        np.testing.assert_allclose(lines[dynamics].get_ydata(), threshold(counts, dynamics).numpy(), atol=1e-12)
    slope = np.diff(found.softmax_pg)[-1] / np.diff(np.log10(found.counts))[-1]
    assert slope == pytest.approx(-1, abs=0.02)
    beyond = [(c, y) for c, y in zip(found.counts, found.replicator, strict=True) if y < LOWEST]
    assert len(beyond) == 4
    assert {f"{power(round(y))} at {c:g}" for c, y in beyond} <= set(words_in(figure))
    for theme in THEMES.values():
        assert problems(diversity(found, theme)) == []


# --- all of them -------------------------------------------------------------------------------------------


def test_a_model_without_phases_has_no_time_and_others_have_every_figure():
    tiny = load(MODELS / "tiny")
    assert list(of_time(replace(tiny, phases=()))) == []
    found = {p.name: p for p in of_time(tiny)}
    assert list(found) == ["influence", "odds", "sweep", "attribution", "unrolled"]
    assert all(p.caption and p.title for p in found.values())
