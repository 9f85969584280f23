"""The choices table beside a result over time: the same numbers, what was left out, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bsm
from bsm.figures.choice_table import choices_of, verdict
from bsm.inference.over_time import OverTime
from bsm.questions.choices_beside import with_choices
from bsm.questions.choices_over_time import choices_over_time
from bsm.report.page_over_time import page_over_time
from bsm.spec.model import Choice, Model
from tests.questions.test_choices_over_time import asked  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def result(asked) -> OverTime:  # noqa: F811
    model, ledger = asked
    return with_choices(bsm.posterior(model, ledger, at=["start", "last"], beside=False))


def test_it_holds_what_choices_over_time_finds_but_for_the_slow_dynamics(result, asked):  # noqa: F811
    model, ledger = asked
    found = choices_of(result)
    assert found is not None
    expected = choices_over_time(model, ledger, at="last")
    slow = "dynamics softmax_pg"
    assert [s.name for s in found.settings] == [s.name for s in expected.settings if s.name != slow]
    of = {s.name: s for s in expected.settings}
    for setting in found.settings[1:]:  # the declared one is the result itself, with draws of other moments beside
        assert (setting.headline, setting.low, setting.high) == (
            of[setting.name].headline,
            of[setting.name].low,
            of[setting.name].high,
        )
        assert sum(setting.motivations.values()) == pytest.approx(1.0)
        assert setting.motivations["m0"] + setting.motivations["m2"] == pytest.approx(setting.headline)
    assert [name for name, _ in found.without] == [slow]
    assert not found.determined  # one setting was not tried
    assert found.at == "last"
    assert found.default.headline == pytest.approx(float(result.smoothed.sel(moment="last")[0, [0, 2]].sum()))
    assert found.before == pytest.approx(result.about["prior"]["m0"] + result.about["prior"]["m2"])


def test_a_small_spread_with_a_setting_left_out_is_neither_determined_nor_not(result):
    found = choices_of(result)
    assert verdict(replace(found, limit=1.0)).startswith("Not all settings computed: from ")
    assert verdict(replace(found, limit=found.spread - 1e-9)).startswith("Not determined: from ")
    assert verdict(replace(found, limit=1.0, determined=True)).startswith("Determined: from ")


def test_the_page_says_first_how_far_the_headline_moves(result):
    html = page_over_time(result)
    opening = html[html.index("<main>") : html.index("<nav")]
    found = choices_of(result)
    assert "ai at last, one of the two (m0 or m2)" in opening
    assert f"it runs from {found.moved[0]:.2f} (" in opening
    assert f"{found.default.headline:.2f} as declared" in opening
    assert "No other setting was tried" not in opening
    assert 'id="figure-choices"' in html
    assert "it takes minutes" in html


def without(model: Model) -> list[Model]:
    by_gradient = tuple(replace(p, dynamics="softmax_pg") for p in model.phases)
    return [replace(model, headline=None), replace(model, phases=by_gradient)]


@pytest.mark.parametrize("which", range(2), ids=["no headline", "softmax_pg"])
def test_where_there_is_no_quick_table_the_result_stays_as_it_is(result, which):
    changed = OverTime(result.tree, without(result.model)[which], result.ledger)
    assert with_choices(changed) is changed


def test_where_a_choice_leaves_no_row_a_note_says_so(result):
    model = replace(result.model, choices=(Choice("none", "evidence", "none is left", only={"setting": ("t",)}),))
    found = with_choices(OverTime(result.tree, model, result.ledger))
    assert choices_of(found) is None
    assert "no choices table: choice 'none' leaves no row of the ledger" in found.about["notes"][-1]
    assert "No other setting was tried" in page_over_time(found)
    assert found.tree.equals(result.tree)


def test_what_was_found_is_kept(result, tmp_path, monkeypatch):
    from bsm.inference.over_time import found_files

    model = replace(result.model, choices=(Choice("independent", "noise", "no dependence", noise={"rho": 0.0}),))
    plain = OverTime(result.tree, model, result.ledger)
    first = with_choices(plain, keep=tmp_path)
    monkeypatch.setattr(found_files, "fit", lambda *_: pytest.fail("it was there already"))
    assert with_choices(plain, keep=tmp_path).about == first.about
