"""What a good ledger means: trials, dependence, contexts, repeats, and other readings of the same rows."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from bsm.evidence import Evidence, Excluded, Second
from bsm.evidence.trials import Interval, implied_trials
from bsm.spec.model import Ref, SpecError
from tests.evidence.example import GOOD, MODEL, ledger

RATE = {"k": "", "n": "", "rate": "0.2"}
INTERVAL = {**RATE, "ci_low": "0.102", "ci_high": "0.298", "level": "0.95"}


def one(folder: Path, **changes: str):
    (row,) = ledger(folder, changes).rows
    return row


def test_a_row_says_what_the_file_says(tmp_path: Path):
    row = one(tmp_path, block="", light="", variant="default", date="2024-12", note="as seen")
    assert (row.id, row.subject, row.setting, row.block, row.variant) == ("a", "robin", "hall", "hall", "")
    assert row.contexts == {"place": "office", "light": "on"}  # blank light is its default; rule is not seen
    assert (row.k, row.n, row.basis, row.printed, row.rho, row.n_eff) == (
        3,
        20,
        "counts",
        "3 of 20",
        0.1,
        None,
    )
    assert (row.phase, row.steps, row.fpr, row.fnr, row.second) == (None, 0, 0.0, 0.0, None)
    assert (row.date, row.note, row.line) == ("2024-12", "as seen", 2)


def test_trials_of_a_rate_and_its_interval_by_hand(tmp_path: Path):
    """Half-width 0.098 = 1.96 se, so se = 0.05; n = 0.2 * 0.8 / 0.0025 = 64 and k = 12.8."""
    row = one(tmp_path, **INTERVAL)
    assert row.n == pytest.approx(64, rel=1e-4)
    assert row.k == pytest.approx(12.8, rel=1e-4)
    assert (row.basis, row.printed) == ("interval", "0.2 [0.102, 0.298]")


def test_an_interval_cut_off_at_zero_counts_by_its_open_side():
    whole = implied_trials(0.03, Interval(0.03 - 0.04, 0.07, 0.95))
    assert implied_trials(0.03, Interval(0.0, 0.07, 0.95)) == whole


@pytest.mark.parametrize(("rate", "low", "high"), [(0.0, 0.0, 0.1), (1.0, 0.9, 1.0), (0.2, 0.2, 0.2)])
def test_a_rate_of_0_or_1_or_an_interval_without_width_has_no_trials(rate: float, low: float, high: float):
    assert implied_trials(rate, Interval(low, high, 0.95)) is None


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_trials_do_not_depend_on_the_level_at_which_the_same_error_is_printed(level: float):
    from statistics import NormalDist

    half = 0.05 * NormalDist().inv_cdf((1 + level) / 2)
    k, n = implied_trials(0.2, Interval(0.2 - half, 0.2 + half, level))
    assert (k, n) == pytest.approx((12.8, 64), rel=1e-9)


def test_a_rate_of_known_n_counts_its_share(tmp_path: Path):
    row = one(tmp_path, k="", rate="0.14", n="350")
    assert (row.k, row.n, row.basis, row.printed) == (pytest.approx(49), 350, "counts", "0.14 of 350")


def test_a_stated_n_eff_stands_for_n_and_leaves_nothing_to_rho(tmp_path: Path):
    row = one(tmp_path, **RATE, rho="", n_eff="50")
    assert (row.k, row.n, row.basis, row.rho, row.n_eff) == (10, 50, "stated n_eff", 0.0, 50)
    uncertain = one(tmp_path, **RATE, rho="", n_eff="25 to 100", opinion_of="us")
    assert (uncertain.k, uncertain.n) == (pytest.approx(10), pytest.approx(50))  # the geometric middle
    assert uncertain.n_eff == Ref("n_eff: 25 to 100")


def test_counts_may_say_n_eff_instead_of_rho(tmp_path: Path):
    row = one(tmp_path, rho="", n_eff="$worth", k="30", n="200")
    assert (row.k, row.n, row.rho, row.n_eff) == (30, 200, None, Ref("worth"))


def test_one_episode_needs_no_dependence(tmp_path: Path):
    assert one(tmp_path, k="1", n="1", rho="").rho == 0.0


def test_identical_text_is_one_parameter_and_other_text_another(tmp_path: Path):
    said = {"opinion_of": "us"}
    rows = ledger(
        tmp_path,
        {"rho": "0.01 to 0.1", **said},
        {"id": "b", "variant": "b", "rho": "0.01  to 0.1", "fpr": "0.01 to 0.1", **said},
        {"id": "c", "variant": "c", "rho": "0.01 to 0.2", "fnr": "$spread", **said},
    )
    assert [row.rho for row in rows.rows[:2]] == [Ref("rho: 0.01 to 0.1")] * 2
    assert set(rows.parameters) == {"rho: 0.01 to 0.1", "fpr: 0.01 to 0.1", "rho: 0.01 to 0.2"}
    assert rows.rows[2].fnr == Ref("spread")
    parameter = rows.parameters["rho: 0.01 to 0.1"]
    assert parameter.prior is not None
    assert parameter.prior.family == "logit_normal"
    assert parameter.provenance.opinion_of == "us"
    odds = math.sqrt(0.01 / 0.99 * 0.1 / 0.9)
    assert parameter.value == pytest.approx(odds / (1 + odds))


def test_a_row_inside_selection_stands_for_one_step_unless_it_says_more(tmp_path: Path):
    assert (one(tmp_path, phase="drill").phase, one(tmp_path, phase="drill").steps) == ("drill", 1)
    assert one(tmp_path, phase="drill", steps="4").steps == 4
    assert one(tmp_path, phase="drill", steps="0").steps == 0


def test_a_row_says_where_in_its_phase_it_was_seen(tmp_path: Path):
    assert one(tmp_path, phase="drill").step is None
    assert one(tmp_path).step is None
    assert one(tmp_path, phase="drill", step="0", steps="0").step == 0.0
    assert one(tmp_path, phase="drill", step="2.5", steps="0").step == 2.5
    assert one(tmp_path, phase="drill", step="10", steps="0").step == 10.0
    assert one(tmp_path, phase="drill", step="6", steps="4").steps == 4
    assert one(tmp_path, phase="work", step="1e6", steps="7").step == 1e6  # its length is uncertain


def test_a_lever_left_blank_is_as_the_phase_of_the_row_sets_it():
    rows = [
        {"id": "now"},
        {"id": "drill", "phase": "drill"},
        {"id": "work", "phase": "work"},
        {"id": "seen", "phase": "work", "step": "3", "steps": "0"},
        {"id": "said", "phase": "work", "rule": "strict"},
    ]
    frame = pd.DataFrame([{**GOOD, "rule": "", "phase": "", "step": "", "steps": "", **row} for row in rows])
    wanted = {"now": None, "drill": None, "work": "loose", "seen": "loose", "said": "strict"}
    assert {row.id: row.contexts.get("rule") for row in Evidence.from_frame(frame, MODEL).rows} == wanted
    without = Evidence.from_frame(frame.drop(columns="rule").iloc[:4], MODEL)
    assert {row.id: row.contexts.get("rule") for row in without.rows} == {n: wanted[n] for n in list(wanted)[:4]}


def test_a_lever_may_be_set_by_a_row(tmp_path: Path):
    from bsm.evidence.ledger import Evidence as Ledger

    row = Ledger.from_frame(pd.DataFrame([{**GOOD, "rule": "loose"}]), MODEL).rows[0]
    assert row.contexts == {"place": "office", "light": "on", "rule": "loose"}


def test_a_second_count_is_of_the_rows_own_episodes(tmp_path: Path):
    assert one(tmp_path, second_observation="sly", second_k="7").second == Second("sly", 7)
    rate = one(tmp_path, **INTERVAL, second_observation="sly", second_rate="0.25")
    assert rate.second is not None
    assert rate.second.k == pytest.approx(0.25 * 64, rel=1e-4)
    zero = {"second_rate": "0", "second_ci_low": "0", "second_ci_high": "0.1", "level": "0.95"}
    assert one(tmp_path, second_observation="sly", **zero).second == Second("sly", 0)


def test_rows_without_trials_are_listed_with_the_reason(tmp_path: Path):
    read = ledger(
        tmp_path,
        {},
        {"id": "b", "variant": "b", **RATE, "rho": ""},
        {
            "id": "c",
            "variant": "c",
            "k": "",
            "n": "",
            "rate": "1",
            "ci_low": "1",
            "ci_high": "1",
            "level": "0.95",
        },
    )
    assert [row.id for row in read.rows] == ["a"]
    assert [(e.id, e.line) for e in read.excluded] == [("b", 3), ("c", 4)]
    assert all("neither n, nor an interval, nor a stated n_eff" in e.reason for e in read.excluded)
    assert "width of zero" in read.excluded[1].reason


@pytest.mark.parametrize("first", [True, False])
def test_a_repeat_without_trials_is_excluded_as_a_repeat_and_not_for_want_of_n(first: bool, tmp_path: Path):
    bare = {"id": "bare", **RATE, "rate": "0.85", "observation": "stayed", "variant": "default"}
    read = ledger(tmp_path, *([bare, {}] if first else [{}, bare]))
    line = 2 if first else 3
    reason = f"a repeat of a (line {5 - line}) (after flipping stayed to went)"
    assert read.excluded == (Excluded("bare", "robin", reason, line),)
    assert [row.id for row in read.rows] == ["a"]


@pytest.mark.parametrize(
    "other",
    [
        {"variant": "b"},
        {"setting": "yard"},
        {"subject": "wren"},
        {"place": "home"},
        {"light": "off"},
        {"phase": "drill"},
        {"phase": "drill", "step": "3"},
        {"source_id": "theirs2025"},
    ],
)
def test_other_episodes_are_not_repeats(other: dict[str, str], tmp_path: Path):
    assert len(ledger(tmp_path, {}, {"id": "b", **other}).rows) == 2


def test_other_moments_of_a_phase_are_other_episodes(tmp_path: Path):
    seen = {"phase": "drill", "steps": "0"}
    moments = [{"id": f"at{x}", "step": x, **seen} for x in ("", "0", "5", "10")]
    assert len(ledger(tmp_path, *moments).rows) == 4
    with pytest.raises(SpecError, match="twice repeats at5"):
        ledger(tmp_path, *moments, {"id": "twice", "step": "5.0", **seen})


def test_base_rates_stand_apart(tmp_path: Path):
    read = ledger(tmp_path, {}, {"id": "b", "observation": "goers", "place": "", "rho": "", "k": "5", "n": "25"})
    assert [row.id for row in read.rows] == ["a"]
    (rate,) = read.base_rates
    assert (rate.id, rate.k, rate.n, rate.rate) == ("b", 5, 25, None)


def test_a_frame_reads_like_the_file_it_was_made_from(tmp_path: Path):
    rows = [{}, {"id": "b", "variant": "b", **INTERVAL}]
    read = ledger(tmp_path, *rows)
    typed = pd.DataFrame([{**GOOD, **row} for row in rows])
    for name in ("k", "n", "rate", "ci_low", "ci_high", "level"):
        typed[name] = pd.to_numeric(typed[name])  # missing counts become NaN and counts become 3.0
    assert Evidence.from_frame(typed, MODEL).rows == read.rows
    assert read.frame is not None
    assert Evidence.from_frame(read.frame, MODEL, read.path) == read


def test_subjects_are_kept_apart(tmp_path: Path):
    read = ledger(
        tmp_path,
        {},
        {"id": "b", "subject": "wren"},
        {"id": "c", "subject": "wren", "variant": "c", **RATE, "rho": ""},
        {"id": "d", "observation": "goers", "subject": "birds"},
    )
    assert read.subjects == ("robin", "wren")
    wren = read.for_subject("wren")
    assert ([r.id for r in wren.rows], [e.id for e in wren.excluded]) == (["b"], ["c"])
    assert [b.id for b in wren.base_rates] == ["d"]
    with pytest.raises(SpecError, match="did you mean 'wren'"):
        read.for_subject("wrem")


def test_other_readings_of_the_same_rows(tmp_path: Path):
    read = ledger(
        tmp_path,
        {"second_observation": "sly", "second_k": "4"},
        {"id": "b", "place": "home", "variant": "b"},
        {"id": "c", "observation": "sly", "setting": "yard"},
        {"id": "d", "variant": "d", **RATE, "rho": "", "n_eff": "50"},
    )
    ids = lambda **how: [row.id for row in read.select(**how).rows]  # noqa: E731
    assert ids() == ["a", "b", "c", "d"]
    assert ids(only={"setting": ["hall"]}) == ["a", "b", "d"]
    assert ids(only={"place": ["home"], "observation": ["went"]}) == ["b"]
    assert ids(only={"variant": ["default", "b"]}) == ["a", "b", "c"]
    without = read.select(drop=["sly"])
    assert ([r.id for r in without.rows], without.rows[0].second) == (["a", "b", "d"], None)
    assert {r.contexts["place"] for r in read.select(recode={"place": "home"}).rows} == {"home"}
    twice = read.select(scale=2).rows
    assert (twice[0].k, twice[0].n, twice[0].second, twice[0].rho) == (6, 40, Second("sly", 8), 0.1)
    assert (twice[3].k, twice[3].n, twice[3].n_eff) == (20, 100, 100)
    with pytest.raises(SpecError, match="did you mean 'place'"):
        read.select(only={"plaec": ["home"]})
    with pytest.raises(SpecError, match="'move' is not a context"):
        read.select(recode={"move": "go"})


def test_many_rows_are_read_in_seconds():
    n = 20_000
    rows = pd.DataFrame([GOOD] * n).assign(id=[f"r{i}" for i in range(n)], variant=[f"v{i}" for i in range(n)])
    assert len(Evidence.from_frame(rows, MODEL).rows) == n
