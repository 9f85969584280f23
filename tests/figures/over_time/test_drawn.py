"""Figures along the phases show the numbers that they are given, and can be printed."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from bsm.figures import problems
from bsm.figures.numbers import interval, nats, probability
from bsm.figures.over_time import captions
from bsm.figures.over_time.areas import apart, ceiling
from bsm.figures.over_time.influence import influence
from bsm.figures.over_time.looks import looks_of, stacked_in
from bsm.figures.over_time.odds import edge, odds
from bsm.figures.over_time.shades import lightness
from bsm.figures.over_time.timeline import laid_out
from bsm.figures.over_time.tracks import Tracks, of_model, of_result
from bsm.figures.theme import THEMES
from tests.figures.over_time.examples import NONE, over_time, phased, words_in


@cache
def tracks(name: str) -> Tracks:
    made = {
        "model": lambda: of_model(phased(), draws=40),
        "softmax": lambda: of_model(phased("softmax_pg"), draws=3),
        "result": lambda: of_result(over_time()),
        "ahead": lambda: of_result(over_time(("a very long name of an AI, with words", "b"), ("deployment:+50",))),
        "sparse": lambda: of_result(over_time(only=("training", "deployment:3", "deployment:+50"))),
        "short": lambda: of_result(over_time(only=("start", "training:50%"))),
    }
    return made[name]()


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("name", ["model", "softmax", "result", "ahead", "sparse", "short"])
@pytest.mark.parametrize("draw", [influence, odds])
def test_nothing_overlaps_is_cut_or_too_small(draw, name, theme):
    assert problems(draw(tracks(name), theme)) == []


def layers(axes) -> dict[str, np.ndarray]:
    """Lower and upper edges of stacked areas: label -> corners of its outline."""
    named = [c for c in axes.collections if not c.get_label().startswith("_")]
    return {c.get_label(): c.get_paths()[0].vertices for c in named}


def heights(corners: np.ndarray, x: float) -> float:
    at = corners[np.isclose(corners[:, 0], x)][:, 1]
    return float(at.max() - at.min())


def stacks(figure) -> list:
    return [axes for axes in figure.axes if list(axes.get_yticks()) == [0, 0.5, 1]]


def test_the_layers_of_a_stack_are_as_high_as_the_shares():
    found = tracks("result")
    first, second = stacks(influence(found))
    axis = laid_out(found.panels, first.get_xlim()[1])
    x = axis.at(1, 0.5)  # training:50%, where nothing jumps
    k = found.moments.index("training:50%")
    for axes, curves in ((first, found.share), (second, found.credence)):
        drawn, foot = layers(axes), 0.0
        for m, name in enumerate(found.names):
            if name == NONE and axes is first:
                assert name not in drawn
                continue
            assert heights(drawn[name], x) == pytest.approx(curves.middle[k, m], abs=1e-9)
        for name in stacked_in(found.names, found.families):
            if name in drawn:  # each stands on the one below
                at = drawn[name][np.isclose(drawn[name][:, 0], x)][:, 1]
                assert at.min() == pytest.approx(foot, abs=1e-9)
                foot = at.max()
        assert foot == pytest.approx(1.0)


def rows(figure) -> list:
    return [axes for axes in figure.axes if any(line.get_label() == "middle" for line in axes.lines)]


def test_rows_have_the_mean_its_band_and_its_number_at_the_end():
    found = tracks("result")
    figure = influence(found)
    order = stacked_in(found.names, found.families)
    assert len(rows(figure)) == len(order)
    (run,) = found.path.runs
    x_moments = [k for _, _, k in run]
    for name, axes in zip(order, rows(figure), strict=True):
        m = found.names.index(name)
        line = next(one for one in axes.lines if one.get_label() == "middle")
        np.testing.assert_allclose(line.get_ydata(), found.credence.middle[x_moments, m])
        band = next(c for c in axes.collections if c.get_label() == "band").get_paths()[0].vertices[:, 1]
        assert band.max() == pytest.approx(found.credence.high[:, m].max())
        assert band.min() == pytest.approx(found.credence.low[x_moments, m].min())
        others = [one for one in axes.lines if one.get_label() == "no ledger"]
        assert len(others) == (name != NONE)
        for one in others:
            np.testing.assert_allclose(one.get_ydata(), found.share.middle[x_moments, m])
        ends = [float(part[-1, m]) for part in (found.credence.middle, found.credence.low, found.credence.high)]
        assert f"{probability(ends[0])} ({interval(*ends[1:])})" in words_in(figure)


def test_phases_are_named_with_kind_and_n_and_gates_stand_at_their_ends():
    found = tracks("result")
    figure = influence(found)
    said = words_in(figure)
    assert {"training", "rl", "n = 3 to 20, η = 1", "n = 6, η = 0.5", "1 gate", "pretraining"} <= set(said)
    first = stacks(figure)[0]
    axis = laid_out(found.panels, first.get_xlim()[1])
    gates = sorted(line.get_xdata()[0] for line in first.lines if line.get_label() == "gate")
    assert gates == pytest.approx([axis.at(2, 0.5), axis.at(3, found.panels[3].body)])
    assert {"½ n", "n", "3", "6"} <= set(said)  # steps of the uncertain phase, and of the certain one


def test_rows_of_the_ledger_are_marked_with_their_number():
    found = tracks("result")
    strip = next(axes for axes in influence(found).axes if any(line.get_label() == "rows" for line in axes.lines))
    axis = laid_out(found.panels, strip.get_xlim()[1])
    at = [line.get_xdata()[0] for line in strip.lines if line.get_label() == "rows"]
    assert at == pytest.approx([axis.at(m.panel, m.start) for m in found.marks])
    assert [t.get_text() for t in strip.texts if t.get_text().isdigit()] == [str(m.rows) for m in found.marks]


def test_odds_are_drawn_to_the_edge_and_told_in_full():
    found = tracks("model")
    figure, limit = odds(found), edge(found.share_odds)
    assert len(rows(figure)) == len(found.names) - 1
    said = words_in(figure)
    names = [n for n in stacked_in(found.names, found.families) if n != found.reference]
    for name, axes in zip(names, rows(figure), strict=True):
        m = found.names.index(name)
        line = next(one for one in axes.lines if one.get_label() == "middle")
        wanted = found.share_odds.middle[[k for _, _, k in found.path.runs[0]], m]
        np.testing.assert_allclose(line.get_ydata(), np.clip(wanted, -limit, limit))
        ends = [float(p[-1, m]) for p in (found.share_odds.middle, found.share_odds.low, found.share_odds.high)]
        wide = f"{nats(ends[0])} ({nats(ends[1])} to {nats(ends[2])})"
        assert wide in said or nats(ends[0]) in said
    assert f"+{limit:g}" in said


def test_softmax_pg_says_that_a_share_is_no_probability_given_selection():
    warned = "softmax_pg; reading: hypothesis; a share is not P(motivation | selected)"
    assert any(warned in words for words in words_in(influence(tracks("softmax"))))
    assert not any("is not P(" in words for words in words_in(influence(tracks("model"))))
    for caption in (captions.influence, captions.odds):
        assert captions.SOFTMAX in caption(tracks("softmax"))
        assert captions.SOFTMAX not in caption(tracks("model"))


@pytest.mark.parametrize("caption", [captions.influence, captions.odds])
def test_captions_say_what_the_figure_rests_on(caption):
    told = caption(tracks("result"))
    for words in (
        "Dynamics: replicator",
        "Reading: mixture",
        "training, n = 3 to 20 at eta = 1",
        "gates filter",
        "to the end of deployment",
        "Prior, as shares before selection",
        "prior mass 0.05",
        "central 90 % over parameters",
        "of ai",
    ):
        assert words in told, words
    first = tracks("result").names[0]
    assert f"{first} {probability(float(tracks('result').share.middle[0, 0]))}" in told
    assert "None of these is no part of shares" in caption(tracks("model"))


def test_families_have_one_colour_and_their_members_shades():
    families = {"a": "schemer", "b": "kludge", "c": "schemer"}
    looks = looks_of(["a", "b", "c", NONE], families, THEMES["light"])
    assert looks["a"].line == looks["c"].line == THEMES["light"].series(0).color
    assert looks["b"].line == THEMES["light"].series(1).color
    assert stacked_in(["a", "b", "c", NONE], families) == ["a", "c", "b", NONE]


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("members", [(1, 2, 1, 1, 2), (2, 2, 2, 2, 2, 2, 2), (3, 1, 5)])
def test_layers_that_may_touch_are_told_apart(theme, members):
    families = {f"{f}{m}": str(f) for f, count in enumerate(members) for m in range(count)}
    names = list(families)
    looks = looks_of(names, families, theme)
    for a, b in pairwise(stacked_in(names, families)):
        light = abs(lightness(looks[a].fill) - lightness(looks[b].fill))
        if looks[a].family == looks[b].family:
            assert light >= (12 if members != (3, 1, 5) else 4)
            assert looks[a].hatch != looks[b].hatch
        elif theme.name == "grey":
            assert looks[a].hatch != looks[b].hatch
    for look in looks.values():
        assert abs(lightness(look.fill) - lightness(theme.background)) >= 12


def test_names_where_a_stack_ends_stand_beside_what_their_layer_looks_like():
    found = tracks("model")
    figure = influence(found)
    looks = looks_of(found.names, found.families, THEMES["light"])
    boxes = [p for p in stacks(figure)[0].patches if isinstance(p, Rectangle) and p.get_zorder() == 9]
    assert [to_hex(box.get_facecolor()) for box in boxes] == [
        looks[n].fill for n in stacked_in(found.names, found.families)
    ]


def test_labels_keep_apart_and_in_order():
    places = apart([5.0, 5.1, 5.2, 40.0], 8.0, 0.0, 50.0)
    assert all(b - a >= 8.0 - 1e-9 for a, b in pairwise(places))
    assert places[3] == 40.0
    assert [ceiling(p) for p in (0.03, 0.6, 1.0)] == [0.05, 1.0, 1.0]
