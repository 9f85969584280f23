"""Ratios, verdicts, files and tables of a benchmark."""

from __future__ import annotations

import json
import time

import pytest

from tests.benchmarks import linear_cost, record
from tests.benchmarks.findings import Finding
from tests.benchmarks.goals import LOOP, MISSING
from tests.benchmarks.summary import number, summary
from tests.benchmarks.timing import Runner, Spread, one_turn, ratio, turns


def test_ratios_are_of_times_of_the_same_turn():
    found = ratio(theirs=[10.0, 40.0, 30.0], ours=[1.0, 2.0, 10.0])
    assert (found.least, found.median, found.most) == (3.0, 10.0, 20.0)


def test_runners_take_turns_after_a_call_that_is_not_timed():
    calls: list[str] = []
    runners = {name: Runner(lambda name=name: calls.append(name), 1, again=False) for name in "ab"}
    taken = turns(runners, repeats=2)
    assert calls == ["a", "b"] * 3
    assert [len(times) for times in taken.values()] == [2, 2]


def test_a_short_call_is_repeated_until_its_turn_is_full_and_counted_per_unit():
    def busy() -> None:
        end = time.process_time() + 0.01
        while time.process_time() < end:
            pass

    seconds = one_turn(Runner(busy, units=2))
    assert 0.005 <= seconds < 0.02


@pytest.mark.parametrize(
    ("goal", "median", "met"),
    [(LOOP, 1999.0, False), (LOOP, 2000.0, True), (MISSING, 10.0, True), (MISSING, 10.1, False)],
)
def test_goals_are_judged_by_the_median(goal, median, met):
    finding = Finding(goal, "asia, sinks", Spread(0.0, median, 1e6))
    assert finding.record()["met"] is met
    assert ("NOT met" in finding.line()) is not met


def test_a_task_outside_the_goal_is_neither_met_nor_missed():
    finding = Finding(LOOP, "asia, sinks", Spread(1.0, 1.0, 1.0), counts=False)
    assert finding.record()["met"] is None
    assert "outside the goal" in finding.line()


def test_summary_shows_the_worst_task_of_each_goal(tmp_path):
    found = [
        Finding(LOOP, "good", Spread(2000.0, 3000.0, 4000.0)),
        Finding(LOOP, "bad", Spread(900.0, 1000.0, 1100.0)),
        Finding(LOOP, "outside", Spread(1.0, 1.0, 1.0), counts=False),
    ]
    record.write("complete_rows", [f.record() for f in found], tmp_path, repeats=3)
    text = summary(("complete_rows", "queries"), tmp_path)
    assert "| bad | 900 / 1,000 / 1,100 | 1 of 2 |" in text
    assert "good" not in text
    assert "outside |" not in text


def test_results_name_what_they_depend_on_and_no_machine(tmp_path):
    path = record.write("draws", [], tmp_path)
    environment = json.loads(path.read_text(encoding="utf-8"))["environment"]
    assert environment["threads"] == 1
    assert {"torch", "pgmpy", "pyro-ppl"} <= set(environment["packages"])
    assert set(environment) == {"python", "packages", "processor", "threads", "dtype"}


def test_figure_of_cost_is_written_in_both_formats(tmp_path):
    sizes = [{"rows": 10**k, "seconds": {"median": 1e-6 * 10**k}, "peak_mib": 400.0} for k in range(3, 8)]
    linear_cost.draw({"bsm15, sinks": sizes, "bsm15, mixed": sizes}, tmp_path / "linear_cost")
    svg = (tmp_path / "linear_cost.svg").read_text(encoding="utf-8")
    assert linear_cost.TITLE in svg
    assert (tmp_path / "linear_cost.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("value", "text"), [(0.012345, "0.0123"), (4.567, "4.57"), (99.96, "100"), (100.4, "100"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits_and_thousands_set_apart(value, text):
    assert number(value) == text
