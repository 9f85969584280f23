"""What is not computed is not drawn, and words say where numbers are from."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bsm.figures.legible import drawn_texts
from bsm.figures.numbers import interval, probability
from bsm.figures.over_time import captions
from bsm.figures.over_time.influence import influence
from bsm.figures.over_time.odds import odds
from bsm.figures.over_time.panels import Panel
from bsm.figures.over_time.timeline import ALONE, axes_at, draw_steps, laid_out
from bsm.figures.over_time.tracks import of_model, of_result
from bsm.figures.theme import LIGHT, SMALL, figure
from tests.figures.over_time.examples import NONE, PRIOR, over_time, phased, words_in

SPARSE = ("training", "deployment:3", "deployment:+50")


def drawn(axes) -> list[tuple[float, float]]:
    """From where to where, in points, areas and lines of motivations are drawn."""
    areas = [c.get_paths()[0].vertices[:, 0] for c in axes.collections]
    lines = [line.get_xdata() for line in axes.lines if line.get_label() in ("middle", "no ledger")]
    return [(float(np.min(x)), float(np.max(x))) for x in (*areas, *lines)]


@pytest.mark.parametrize("draw", [influence, odds])
def test_between_moments_that_leave_a_phase_open_nothing_is_drawn(draw):
    found = of_result(over_time(only=SPARSE))
    made = draw(found)
    axes = [a for a in made.axes if drawn(a)]
    assert len(axes) == (2 + len(found.names) if draw is influence else len(found.names) - 1)
    for given in axes:
        axis = laid_out(found.panels, given.get_xlim()[1])
        at = [axis.at(i, u) for i, u, _ in found.path.places]
        assert all(any(abs(a - x) <= 2 * ALONE and abs(b - x) <= 2 * ALONE for x in at) for a, b in drawn(given))
        (moments,) = [line for line in given.lines if line.get_label() == "moments"]
        assert list(moments.get_xdata()) == pytest.approx(at)
    assert len({a for a, _ in drawn(axes[0])}) == 3


def test_a_line_holds_where_both_its_ends_are_computed():
    found = of_result(over_time(only=("start", "training", "deployment:50%", "deployment:+50")))
    given = next(a for a in influence(found).axes if drawn(a))
    axis = laid_out(found.panels, given.get_xlim()[1])
    assert (0.0, axis.at(1, 1.0)) in [(a, pytest.approx(b)) for a, b in drawn(given)]
    assert not any(a < axis.at(2, 0.5) < b for a, b in drawn(given))


def test_names_and_numbers_stand_at_the_last_computed_moment():
    found = of_result(over_time(only=("start", "training:50%")))
    made = influence(found)
    stack = next(a for a in made.axes if drawn(a))
    end = laid_out(found.panels, stack.get_xlim()[1]).end(found.path)
    left = stack.get_window_extent().x0
    places = sorted((text.get_window_extent().x0 - left, text.get_text()) for text in drawn_texts(made))
    texts = {words: x for x, words in places}  # of those that are the same the one furthest to the right
    scale = made.dpi / 72
    k, m = 1, 0
    number = probability(float(found.credence.middle[k, m]))
    band = interval(float(found.credence.low[k, m]), float(found.credence.high[k, m]))
    assert texts[f"{number} ({band})"] == pytest.approx((end + 8) * scale, abs=2)
    assert 0 < texts["none of these"] - end * scale < 40 * scale
    assert "those at training:50%, the last of them" in captions.influence(found)


@pytest.mark.parametrize("caption", [captions.influence, captions.odds])
def test_captions_tell_of_gaps_where_there_are_any(caption):
    sparse = caption(of_result(over_time(only=SPARSE)))
    assert "3 moments were computed (ticks and dots); straight lines" in sparse
    assert "elsewhere nothing is drawn" in sparse
    assert "those at deployment:+50, the last of them" in sparse
    full = caption(of_result(over_time()))
    assert "elsewhere nothing is drawn" not in full
    assert "40 equal-weight draws" in full
    assert "(7 draws)" in caption(of_model(phased(), draws=7))


def test_the_prior_of_a_caption_is_never_a_later_share():
    found = over_time(only=SPARSE)
    names = [n for n in found.names if n != NONE]
    told = ", ".join(f"{n} {probability(p)}" for n, p in zip(names, PRIOR, strict=True))
    assert f"Prior, as shares before selection: {told}." in captions.influence(of_result(found))
    older = of_result(found)
    about = {k: v for k, v in older.about.items() if k != "prior"}
    object.__setattr__(older, "about", about)
    said = captions.influence(older)
    assert "Prior, as shares" not in said
    assert f"Shares at training, the first computed moment: {names[0]} {probability(older.share.middle[0, 0])}" in said


# --- readings ----------------------------------------------------------------------------------------------


def test_a_reading_that_says_something_else_is_told_with_its_numbers():
    plain = over_time()
    last = plain.data["smoothed"].isel(subject=0, moment=-1).values
    other = last.copy()
    other[0], other[-1] = last[0] - 0.15, last[-1] + 0.15
    found = of_result(over_time(beside=other))
    said = captions.influence(found)
    k = plain.moments[-1]
    words = f"Not drawn: reading hypothesis, under which {k} has "
    assert words in said
    first = plain.names[0]
    for name, own, its in ((first, last[0], other[0]), ("none of these", last[-1], other[-1])):
        assert f"{name.replace('_', ' ')} {probability(its)} instead of {probability(own)}" in said
    assert any(
        "reading: mixture; hypothesis differs by up to 0.15 in probability" in w for w in words_in(influence(found))
    )


def test_a_reading_that_says_the_same_is_told_as_that():
    last = over_time().data["smoothed"].isel(subject=0, moment=-1).values
    found = of_result(over_time(beside=last))
    assert "Reading hypothesis, not drawn, has nothing further than 0.1 from this at deployment" in captions.odds(found)
    assert not any("hypothesis" in words for words in words_in(odds(found)))


# --- the axis ----------------------------------------------------------------------------------------------


def steps(panels: tuple[Panel, ...], wide: float = 300.0) -> dict[str, tuple[float, float]]:
    """What stands under the axis -> from where to where, in points from its left."""
    made = figure(LIGHT, 7.0, 1.0, layout=None)
    given = axes_at(made, LIGHT, 20.0, 20.0, wide, 20.0)
    draw_steps(given, LIGHT, laid_out(panels, wide))
    scale = 72 / made.dpi
    boxes = [(t.get_text(), t.get_window_extent()) for t in drawn_texts(made)]
    assert all(float(t.get_fontsize()) >= SMALL for t in drawn_texts(made))
    return {f"{words}@{k}": (box.x0 * scale - 20, box.x1 * scale - 20) for k, (words, box) in enumerate(boxes)}


def panel(name: str, n: float, ahead: bool = False) -> Panel:
    return Panel(name, "rl", f"{n:g}", "1", "replicator", n, ahead=ahead)


@pytest.mark.parametrize("sizes", [(10.0, 200.0), (300.0, 50.0), (1000.0, 1000.0, 1234.0)])
def test_steps_of_phases_that_touch_can_all_be_read(sizes):
    panels = tuple(panel(f"p{k}", n) for k, n in enumerate(sizes))
    found = steps(panels)
    axis = laid_out(panels, 300.0)
    wanted = [words for n in sizes for words in ("0", f"{n / 2:,.4g}", f"{n:,.4g}")]
    assert [key.partition("@")[0] for key in found] == wanted
    places = list(found.values())
    for k in range(len(sizes)):  # every word lies in its own panel
        own = places[3 * k : 3 * k + 3]
        assert axis.edges[k] < own[0][0]
        assert own[-1][1] < axis.edges[k + 1]
        assert own[0][1] < own[1][0]
        assert own[1][1] < own[2][0]


def test_where_there_is_little_room_fewer_steps_are_told():
    for wide, count in ((330.0, 9), (180.0, 6), (129.0, 3)):
        found = steps(tuple(panel(f"p{k}", 12345.0) for k in range(3)), wide)
        assert len(found) == count
        assert all(a[1] < b[0] for a, b in pairwise(found.values()))


def test_what_is_to_come_begins_at_plus_nothing():
    now, later = panel("p", 300.0), panel("p", 50.0, ahead=True)
    assert [key.partition("@")[0] for key in steps((now, later))] == ["0", "150", "300", "+0", "+25", "+50"]
