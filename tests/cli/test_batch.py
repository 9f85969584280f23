"""`bsm ask --batch`: the options, what is printed where, and a process that is stopped or killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bsm as library
from bsm.inference.batch import rows_done
from bsm.spec.load import load
from tests.cli.commands import ROOT, TINY, bsm, document, printed, told
from tests.inference.batches import random_cases, read, written

SEEN = ("suite", "action", "power")


@pytest.fixture
def cases(tmp_path):
    rows = [[f"r{i}", *row] for i, row in enumerate(random_cases(load(TINY), SEEN, 30))]
    return written(tmp_path / "cases.csv", ("id", *SEEN), rows)


def test_the_answers_are_those_of_the_library(cases, tmp_path):
    options = ("--keep", "id", "--do", "instructions=yes", "--given", "influence=no:0.2,yes:1", "--chunk", "8")
    out = tmp_path / "new" / "out.csv"
    about = document(
        "ask", TINY, "motivation", "power", "--batch", cases, "--out", out, *options, "--overlay", "bypass"
    )
    expected = library.ask_batch(
        load(TINY),
        ("motivation", "power"),
        cases,
        tmp_path / "expected.csv",
        given={"influence": {"no": 0.2, "yes": 1.0}},
        do={"instructions": "yes"},
        overlay="bypass",
        keep=["id"],
        chunk=8,
    )
    assert out.read_bytes() == expected.out.read_bytes()
    assert about == {**expected.about, "answers": "out.csv"}


def test_nothing_is_printed_but_on_stderr(cases, tmp_path):
    arguments = ("ask", TINY, "influence", "--batch", cases, "--out", tmp_path / "out.csv", "--keep", "id")
    result = bsm(*arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    rests, wrote = result.stderr.splitlines()
    assert rests.startswith("these answers rest on tiny: prior reward_seeker 0.1, influence_seeker 0.1, ")
    assert rests.endswith("and 4 more in out.csv.json; no number that they use is uncertain")
    assert wrote == f"wrote {tmp_path}/out.csv: 30 rows; {tmp_path}/out.csv.json says what they rest on"
    again = bsm(*arguments).stderr.splitlines()
    assert again[0] == rests
    assert again[1].startswith(f"answered before from the same inputs (--fresh: anew): {tmp_path}/out.csv: 30 rows")
    assert bsm(*arguments, "--fresh").stderr.splitlines() == [rests, wrote]


def test_impossible_rows_are_counted(tmp_path):
    cases = written(tmp_path / "cases.csv", ("suite", "reward"), [["clean", "3"], ["clean", "0"], ["clean", "3"]])
    arguments = ("ask", TINY, "influence", "--batch", cases, "--out", tmp_path / "out.csv")
    assert f"{cases}:2: suite = clean, reward = 3 cannot happen together" in told(*arguments)
    masked = bsm(*arguments, "--on-impossible", "mask")
    assert "out.csv: 3 rows, 2 of them impossible; " in masked.stderr
    assert [bool(row["note"]) for row in read(tmp_path / "out.csv")] == [True, False, True]


def test_draws_and_seed_are_passed_on(tmp_path):
    text = (TINY / "model.yaml").read_text(encoding="utf-8")
    assert "  strength: {value: 30" in text or "value: 30" in text
    (tmp_path / "model.yaml").write_text(text.replace("value: 30", 'value: "2 to 20"'), encoding="utf-8")
    cases = written(tmp_path / "cases.csv", ("suite",), [["clean"]])
    arguments = ("ask", tmp_path, "motivation", "--batch", cases, "--out", tmp_path / "out.csv")
    about = document(*arguments, "--draws", 20, "--seed", 4)
    assert (about["rests_on"]["draws"], about["rests_on"]["seed"]) == (20, 4)
    answer = library.ask(load(tmp_path), "motivation", {"suite": "clean"}, draws=20, seed=4)
    (row,) = read(tmp_path / "out.csv")
    for name, p in answer.probabilities.items():
        assert float(row[f"motivation={name}"]) == pytest.approx(p)
        assert float(row[f"motivation={name} low"]) == pytest.approx(answer.low[name])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch", "cases.csv"], "--batch needs the file that is to hold the answers: --out answers.csv"),
        (["--out", "a.csv"], "--out goes with --batch FILE, the file of cases"),
        (["--keep", "id"], "--keep goes with --batch FILE"),
        (["--chunk", "5"], "--chunk goes with --batch FILE"),
        (["--on-impossible", "mask"], "--on-impossible goes with --batch FILE"),
        (["--fresh"], "--fresh goes with --batch FILE"),
        (["--batch", "none.csv", "--out", "a.csv"], "none.csv: does not exist; give the path of a CSV or Parquet file"),
        (["--batch", "cases.csv", "--out", "a.csv"], "cases.csv:1: column 'id' is not a node of the model"),
        (["--batch", "cases.csv", "--out", "a.csv", "--given", "suite=claen"], "did you mean 'clean'?"),
        (["--batch", "cases.csv", "--out", "a.csv", "--chunk", "0"], "0 is not in the range x>=1"),
    ],
    ids=lambda a: " ".join(a) if isinstance(a, list) else "",
)
def test_mistakes_are_told(arguments, said, cases, monkeypatch):
    monkeypatch.chdir(cases.parent)
    assert said in " ".join(told("ask", TINY, "influence", *arguments).split())
    assert os.listdir(cases.parent) == ["cases.csv"]


def test_help_says_it():
    assert "--batch" in printed("ask", "--help")


# --- processes that are stopped ------------------------------------------------------------------------------


def heeds_ctrl_c() -> None:
    """Tests that run in the background inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Started:
    """`bsm ask --batch` in a process of its own."""

    def __init__(self, cases: Path, out: Path) -> None:
        words = [sys.executable, "-m", "bsm", "ask", TINY, "motivation", "--batch", cases, "--out", out]
        words += ["--keep", "id", "--chunk", "10", "--on-impossible", "mask"]
        self.out = out
        self.process = subprocess.Popen(
            [*map(str, words)], cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heeds_ctrl_c
        )

    def at(self, rows: int) -> None:
        """Wait until some rows are on disk, or for the end."""
        while self.process.poll() is None and (rows_done(self.out) or (0, 0))[0] < rows:
            time.sleep(0.001)

    def ended(self) -> tuple[int, str]:
        _, told = self.process.communicate(timeout=120)
        return self.process.returncode, told


def many(folder: Path, count: int = 4000) -> Path:
    rows = [[f"r{i}", *row] for i, row in enumerate(random_cases(load(TINY), (*SEEN, "reward"), count))]
    return written(folder / "cases.csv", ("id", *SEEN, "reward"), rows)


def whole(cases: Path, out: Path) -> bytes:
    """What is written in one go."""
    arguments = ("--keep", "id", "--chunk", 10, "--on-impossible", "mask")
    printed_to = bsm("ask", TINY, "motivation", "--batch", cases, "--out", out, *arguments)
    assert printed_to.exit_code == 0
    return out.read_bytes()


TRIES = 5  # on a busy machine a process may end before the test that watches it gets to stop it


def killed_and_continued(folder: Path, times: int, seed: int) -> None:
    for number in range(TRIES):
        (part := folder / str(number)).mkdir()
        if in_time(part, times, seed):
            return
    pytest.fail(f"{TRIES} times the process ended before it could be killed")


def in_time(folder: Path, times: int, seed: int) -> bool:
    """Kill it so many times, go on, and look at what it wrote; False if it ended before it could be killed."""
    cases, out = many(folder), folder / "out.csv"
    rng, done, deaths = random.Random(seed), 0, 0
    for _ in range(times):
        started = Started(cases, out)
        started.at(done + rng.randint(1, 4000 // (times + 1)))
        started.process.kill()
        status, told = started.ended()
        if status == 0:
            return False
        assert status == -signal.SIGKILL, told
        reached = rows_done(out)
        assert reached is not None
        assert reached[0] > done, "it went on from where it was"
        done, deaths = reached[0], deaths + 1
    status, told = Started(cases, out).ended()
    assert (status, deaths) == (0, times), told
    assert out.read_bytes() == whole(cases, folder / "whole.csv")
    assert [row["id"] for row in read(out)] == [f"r{i}" for i in range(4000)]
    return True


def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(tmp_path):
    killed_and_continued(tmp_path, times=2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_killed_many_times_it_goes_on_to_the_same_bytes(seed, tmp_path):
    killed_and_continued(tmp_path, times=6, seed=seed)


def test_stopped_it_says_how_to_go_on(tmp_path):
    cases = many(tmp_path)
    for number in range(TRIES):
        started = Started(cases, out := tmp_path / f"out{number}.csv")
        started.at(50)
        started.process.send_signal(signal.SIGINT)
        status, said = started.ended()
        if status != 0:
            break
    assert status == 130
    done, total = rows_done(out)
    assert f"stopped with {done:,} of {total:,} rows on disk; the same command goes on from there" in said
    assert "Traceback" not in said
    assert out.exists() is False
    status, said = Started(cases, out).ended()
    assert status == 0
    assert out.read_bytes() == whole(cases, tmp_path / "whole.csv")


# --- memory --------------------------------------------------------------------------------------------------

PEAK = """
import sys
from pathlib import Path
from bsm.cli import main
try:
    main(sys.argv[1:])
finally:
    print(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM:")).split()[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_four_times_the_rows_take_no_more_memory(kind, tmp_path):
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process is read from /proc")
    peaks = []
    for count in (200_000, 800_000):
        block = random_cases(load(TINY), SEEN, 1000, blank=0.3)
        cases = written(tmp_path / f"{count}.csv", ("id", *SEEN), [[str(i), *block[i % 1000]] for i in range(count)])
        words = ["ask", TINY, "motivation", "--batch", cases, "--out", tmp_path / f"out{count}.{kind}", "--keep", "id"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] - peaks[0] < 40, peaks  # MiB; the rows between them, as Python objects, take 300
