"""A batch that is killed anywhere goes on to the same bytes; nothing is mixed, lost or doubled."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bsm
from bsm.engine import ImpossibleEvidence
from bsm.inference.batch import rows_done
from bsm.inference.batch.answers import Asker
from bsm.inference.batch.journal import alone
from bsm.spec.model import SpecError
from tests.inference.batches import random_cases, read, uncertain, written
from tests.inference.examples import small

pytest.importorskip("pyarrow")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed")

MODEL = uncertain()
SEEN = ("c", "z", "r")
ROWS = 22
STEPS = ("fsync", "replace", "truncate", "unlink", "rmdir")  # what a file system does one after another
KILLED = 9


@pytest.fixture
def cases(tmp_path):
    rows = [[f"r{i}", *row] for i, row in enumerate(random_cases(MODEL, SEEN, ROWS))]
    folder = tmp_path / "in"
    folder.mkdir()
    return written(folder / "cases.csv", ("id", *SEEN), rows)


def asked(cases: Path, out: Path, **changed: Any) -> Any:
    options = {"draws": 8, "seed": 1, "keep": ["id"], "chunk": 6, **changed}
    return bsm.ask_batch(options.pop("model", MODEL), options.pop("target", "motivation"), cases, out, **options)


def in_a_child(work: Callable[[], Any]) -> int:
    """The exit status of a forked process that does this: 0, or KILLED where it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside idle threads
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
        os._exit(0)
    except BaseException:  # nothing may run on in the copy of the test run
        os._exit(1)


def dying(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """From now on this process ends, without any cleaning up, before a step on disk; so after the one before it."""
    left = [step]

    def patched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os._exit(KILLED)
            return real(*arguments, **more)

        return call

    for name in STEPS:
        monkeypatch.setattr(os, name, patched(getattr(os, name)))


def killed(monkeypatch: pytest.MonkeyPatch, step: int, cases: Path, out: Path, **changed: Any) -> bool:
    """Whether asking was killed at this step; False where it ended before."""

    def work() -> None:
        dying(monkeypatch, step)
        asked(cases, out, **changed)

    status = in_a_child(work)
    assert status in (0, KILLED)
    return status == KILLED


def begun(monkeypatch: pytest.MonkeyPatch, cases: Path, out: Path) -> int:
    """Leave a batch that was killed in its middle; how many rows are on disk."""
    assert killed(monkeypatch, 13, cases, out)
    done = rows_done(out)
    assert done is not None
    assert 0 < done[0] < done[1] == ROWS
    return done[0]


@needs_fork
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_killed_at_any_step_on_disk_it_goes_on_to_the_same_bytes(kind, cases, tmp_path, monkeypatch):
    expected = asked(cases, tmp_path / f"whole.{kind}").out.read_bytes()
    step, gone_on = 1, set()
    while True:
        out = tmp_path / f"{step}" / f"out.{kind}"
        out.parent.mkdir()
        if not killed(monkeypatch, step, cases, out):
            break
        before = rows_done(out)
        batch = asked(cases, out)
        assert out.read_bytes() == expected
        assert sorted(p.name for p in out.parent.iterdir()) == [out.name, f"{out.name}.json"]
        if before:
            assert batch.computed in (ROWS - before[0], 0)
            gone_on.add(before[0])
        step += 1
    assert step > 15
    assert gone_on == {6, 12, 18, 22}


@needs_fork
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_killed_again_and_again_it_comes_to_the_same_bytes(kind, cases, tmp_path, monkeypatch):
    rng = random.Random(7)
    expected = asked(cases, tmp_path / f"whole.{kind}").out.read_bytes()
    out, deaths = tmp_path / f"out.{kind}", 0
    while killed(monkeypatch, rng.randint(1, 14), cases, out):
        deaths += 1
    assert deaths > 1
    assert out.read_bytes() == expected


@needs_fork
@pytest.mark.parametrize("tail", [b"13,r1", b"\xff\x00", b"13,r12,0.1,0.2\n14,"])
def test_what_the_journal_does_not_know_of_is_cut_off(tail, cases, tmp_path, monkeypatch):
    expected = asked(cases, tmp_path / "whole.csv").out.read_bytes()
    done = begun(monkeypatch, cases, tmp_path / "out.csv")
    with (tmp_path / "out.csv.partial").open("ab") as stream:
        stream.write(tail)
    batch = asked(cases, tmp_path / "out.csv")
    assert batch.computed == ROWS - done
    assert batch.out.read_bytes() == expected


@needs_fork
def test_lines_of_many_lines_are_found_again(tmp_path, monkeypatch):
    rows = [[f'r{i},\n"{i}"\n\n', *row] for i, row in enumerate(random_cases(MODEL, SEEN, ROWS))]
    cases = written(tmp_path / "cases.csv", ("id", *SEEN), rows)
    expected = asked(cases, tmp_path / "whole.csv").out.read_bytes()
    begun(monkeypatch, cases, tmp_path / "out.csv")
    assert asked(cases, tmp_path / "out.csv").out.read_bytes() == expected
    assert [row["id"] for row in read(tmp_path / "out.csv")] == [row[0] for row in rows]


# --- other inputs ------------------------------------------------------------------------------------------

CHANGES: dict[str, dict[str, Any]] = {
    "seed was 1 and is 2": {"seed": 2},
    "draws was 8 and is 9": {"draws": 9},
    'target was ["motivation"] and is ["r"]': {"target": "r"},
    'given was {} and is {"a": "x"}': {"given": {"a": "x"}},
    'do was {} and is {"a": "x"}': {"do": {"a": "x"}},
    'keep was ["id"] and is ["id", "z"]': {"keep": ["id", "z"]},
    "chunk was 6 and is 7": {"chunk": 7},
    'on_impossible was "raise" and is "mask"': {"on_impossible": "mask"},
    "sha256 of the model was": {"model": small(STRENGTH='"0.5 to 5"')},
}


@needs_fork
def test_what_was_begun_from_other_inputs_is_not_continued(cases, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    done = begun(monkeypatch, cases, out)
    partial = (tmp_path / "out.csv.partial").read_bytes()
    for said, changed in CHANGES.items():
        with pytest.raises(SpecError) as error:
            asked(cases, out, **changed)
        assert str(error.value).startswith(
            f"{out}.partial holds {done} rows that were answered from other inputs: {said}"
        )
        assert "start again with --fresh" in str(error.value)
    assert (tmp_path / "out.csv.partial").read_bytes() == partial
    text = cases.read_bytes()
    cases.write_bytes(text + b"x,,,\n")
    with pytest.raises(SpecError, match="sha256 of the cases was"):
        asked(cases, out)
    cases.write_bytes(text)
    assert asked(cases, out).computed == ROWS - done


@needs_fork
def test_fresh_throws_away_what_is_done(cases, tmp_path, monkeypatch):
    expected = asked(cases, tmp_path / "whole.csv", seed=2).out.read_bytes()
    begun(monkeypatch, cases, tmp_path / "out.csv")
    batch = asked(cases, tmp_path / "out.csv", seed=2, fresh=True)
    assert (batch.computed, batch.out.read_bytes()) == (ROWS, expected)


@needs_fork
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("out.csv.partial.json", b"{", "this journal of a batch is damaged; start again with --fresh"),
        ("out.csv.partial.json", b'{"rows": 1}', "this journal of a batch is damaged; start again with --fresh"),
        ("out.csv.partial", b"row", "is shorter than its journal says; start again with --fresh"),
        ("out.csv.partial", None, "is shorter than its journal says; start again with --fresh"),
        ("out.parquet.partial/0000000", None, "is missing and the journal says that it was written"),
    ],
)
def test_damage_is_told(name, content, said, cases, tmp_path, monkeypatch):
    out = tmp_path / name.split(".partial")[0]
    begun(monkeypatch, cases, out)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError, match=said):
        asked(cases, out)
    assert asked(cases, out, fresh=True).computed == ROWS


# --- answers that are there --------------------------------------------------------------------------------


def test_answers_from_the_same_inputs_are_used_and_others_replaced(cases, tmp_path):
    out = tmp_path / "out.csv"
    first = asked(cases, out)
    assert (first.computed, asked(cases, out).computed) == (ROWS, 0)
    assert asked(cases, out).about == first.about
    assert asked(cases, out, fresh=True).computed == ROWS
    whole = out.read_bytes()
    out.write_bytes(whole[:-5])
    assert (asked(cases, out).computed, out.read_bytes()) == (ROWS, whole)
    out.with_name("out.csv.json").unlink()
    assert asked(cases, out).computed == ROWS
    assert asked(cases, out, seed=2).computed == ROWS
    assert out.read_bytes() != whole


@needs_fork
def test_finding_answers_leaves_other_work_that_was_begun(cases, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    asked(cases, out)
    assert killed(monkeypatch, 13, cases, out, seed=2)
    done = rows_done(out)
    assert asked(cases, out).computed == 0
    assert rows_done(out) == done
    assert asked(cases, out, seed=2).computed == ROWS - done[0]


def test_old_answers_stay_until_new_ones_are_whole(cases, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    asked(cases, out)
    old = out.read_bytes()
    whole, calls = Asker.answers, []

    def stopping(self, codes):
        calls.append(1)
        if len(calls) == 4:  # the first is about no row
            raise KeyboardInterrupt
        return whole(self, codes)

    monkeypatch.setattr(Asker, "answers", stopping)
    with pytest.raises(KeyboardInterrupt):
        asked(cases, out, seed=2)
    assert out.read_bytes() == old
    assert rows_done(out) == (12, ROWS)


# --- side by side --------------------------------------------------------------------------------------------


def test_two_at_once_are_refused(cases, tmp_path):
    pytest.importorskip("fcntl")
    out = tmp_path / "out.csv"
    with alone(tmp_path / "out.csv.partial", folder=False):
        with pytest.raises(SpecError, match="another process is writing these answers"):
            asked(cases, out)
        assert (tmp_path / "out.csv.partial").exists()
    assert asked(cases, out).computed == ROWS


def test_cases_written_to_while_they_are_read_are_told(cases, tmp_path, monkeypatch):
    whole = Asker.answers

    def meddling(self, codes):
        with cases.open("a", encoding="utf-8") as stream:
            stream.write("x,,,\n")
        return whole(self, codes)

    monkeypatch.setattr(Asker, "answers", meddling)
    with pytest.raises(SpecError, match=r"cases\.csv was written to while it was read; start again with --fresh"):
        asked(cases, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_an_impossible_row_leaves_nothing_to_continue(tmp_path):
    model = bsm.load(Path(__file__).parents[2] / "models" / "tiny")
    cases = written(tmp_path / "cases.csv", ("suite", "reward"), [["clean", "0"]] * 9 + [["clean", "3"]])
    with pytest.raises(ImpossibleEvidence, match=r"cases\.csv:11: "):
        bsm.ask_batch(model, "motivation", cases, tmp_path / "out.csv", chunk=2)
    assert rows_done(tmp_path / "out.csv") is None
    assert bsm.ask_batch(model, "motivation", cases, tmp_path / "out.csv", on_impossible="mask").masked == 1
