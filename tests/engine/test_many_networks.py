"""The check of very many networks finds nothing wrong, finds what is planted, and goes on where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from bsm.engine import Answer, Query, compile, conditional, query
from bsm.engine.configurations import MostProbable
from bsm.network.surgery import intervene
from tests.engine import many_networks
from tests.engine.checking import KINDS, Engine, check
from tests.engine.many_networks import ROOT, TOGETHER, Progress, joined, left, version, wrong_in


@pytest.mark.parametrize("part", range(4))
def test_nothing_is_wrong(part: int):
    assert wrong_in((part * 50, part * 50 + 50))[1:] == (None, "")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_nothing_is_wrong_in_five_thousand(part: int):
    assert wrong_in((1_000_000 + part * 500, 1_000_500 + part * 500))[1:] == (None, "")


# --- planted bugs ------------------------------------------------------------------------------------------


class Wrong(Query):
    """An engine with one thing wrong."""

    def __init__(self, right: Query) -> None:
        super().__init__(right.prepared)


class BlanksAreTheFirstState(Wrong):
    def drawn(self, rows, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        return super().drawn(rows.clamp(min=0), soft=soft, on_impossible=on_impossible)


class SlightlyOff(Wrong):
    def drawn(self, rows, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        p, log_p = super().drawn(rows, soft=soft, on_impossible=on_impossible)
        return Answer(p * (1 + 1e-9), log_p)


class LikelihoodsOfWhatWasSeenAreDropped(Wrong):
    def drawn(self, rows, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        kept = {n: w for n, w in (soft or {}).items() if n not in self.seen}
        return super().drawn(rows, soft=kept, on_impossible=on_impossible)


class NothingIsImpossible(Wrong):
    def __call__(self, rows, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        return super().__call__(rows, soft=soft, on_impossible="mask")


class MarginalsOfThePrior(Wrong):
    def marginals(self, rows, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        return super().marginals(rows * 0 - 1, on_impossible=on_impossible)


class MostProbableOneByOne(Wrong):
    def most_probable(self, rows, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        found = super().most_probable(rows, soft=soft, on_impossible=on_impossible)
        alone = self.marginals(rows, soft=soft, on_impossible=on_impossible)
        codes = [alone[n].argmax(-1) for n in self.target]
        possible = found.log_evidence.isfinite().unsqueeze(-1)
        each = torch.where(possible, torch.stack(codes, -1), -1) if codes else found.codes
        return MostProbable(each, found.log_probability, found.log_evidence)


class SamplesOfThePrior(Wrong):
    def sample(self, rows, count, seed, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        return super().sample(rows * 0 - 1, count, seed, on_impossible=on_impossible)


class NoGradientByLikelihoods(Wrong):
    def drawn(self, rows, *, soft=None, on_impossible="raise"):  # type: ignore[no-untyped-def]
        still = {n: w.detach() for n, w in (soft or {}).items()}
        p, log_p = super().drawn(rows, soft=still, on_impossible=on_impossible)
        return Answer(p, log_p + 0 * sum(w.sum() for w in (soft or {}).values()))


def with_query(kind: type[Wrong]) -> Engine:
    return Engine(compile=lambda *arguments, **options: kind(compile(*arguments, **options)))


def transposed(*arguments, **options):  # type: ignore[no-untyped-def]
    found = conditional(*arguments, **options)
    return found.flip(-1)


PLANTED: dict[str, Engine] = {
    **{kind.__name__: with_query(kind) for kind in Wrong.__subclasses__()},
    "do treated as observe": Engine(intervene=lambda network, settings: network),
    "do of the first setting only": Engine(
        intervene=lambda network, settings: intervene(network, dict([*settings.items()][:1]))
    ),
    "a table turned around": Engine(conditional=transposed),
}


@pytest.mark.parametrize("engine", PLANTED.values(), ids=PLANTED)
def test_a_wrong_engine_is_caught(engine: Engine):
    _, number, why = wrong_in((0, 300), engine)
    assert number is not None
    assert "AssertionError" in why or "does not require grad" in why, why
    check(number, Engine())  # and the right one is not


def test_every_kind_of_question_is_drawn():
    """Each in a fifth of the networks or so, by the numbers that `check` draws first."""
    asked: list[str] = []
    kinds = tuple(lambda e, a, r, name=kind.__name__: asked.append(name) for kind in KINDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.engine.checking.KINDS", kinds)
        for number in range(200):
            check(number, Engine())
    counts = {name: asked.count(name) for name in (kind.__name__ for kind in KINDS)}
    assert min(counts.values()) > 25, counts


# --- where it stopped --------------------------------------------------------------------------------------


def test_spans():
    assert joined([(200, 300), (0, 100), (100, 200), (400, 500)]) == [(0, 300), (400, 500)]
    with pytest.raises(ValueError, match="network 150 was checked twice"):
        joined([(100, 200), (150, 250)])
    assert list(left([], 250)) == [(0, 100), (100, 200), (200, 250)]
    assert list(left([(0, 100), (130, 170)], 250)) == [(100, 130), (170, 250)]
    assert list(left([(0, 1000)], 250)) == []
    assert list(left([(100, 200)], 120)) == [(0, 100)]
    rng = np.random.default_rng(0)
    done = joined((int(a) * TOGETHER, int(a) * TOGETHER + TOGETHER) for a in rng.choice(50, 20, replace=False))
    rest = [n for span in left(done, 5_000) for n in range(*span)]
    assert sorted([*rest, *(n for span in done for n in range(*span))]) == list(range(5_000))


def test_progress_is_kept_and_dropped_with_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    path = tmp_path / "deep" / "state.json"
    progress = Progress.of(path)
    progress.add((100, 200))
    progress.add((0, 100))
    again = Progress.of(path)
    assert again.done == [(0, 200)]
    assert (again.count(150), again.count(1_000)) == (150, 200)
    monkeypatch.setattr(many_networks, "version", lambda: "another")
    assert Progress.of(path).done == []
    assert "starting afresh" in capsys.readouterr().out


def test_the_version_is_that_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = version()
    (tmp_path / "bsm" / "engine").mkdir(parents=True)
    (tmp_path / "bsm" / "engine" / "query.py").write_bytes(Path(query.__file__).read_bytes())
    monkeypatch.setattr(many_networks, "ROOT", tmp_path)
    copied = version()
    (tmp_path / "bsm" / "engine" / "query.py").write_text("changed")
    assert len({before, copied, version()}) == 3


COMMAND = [sys.executable, "-m", "tests.engine.many_networks", "--workers", "2"]


def started(state: Path, count: int) -> subprocess.Popen[str]:
    ask = [*COMMAND, "--state", str(state), "--count", str(count)]
    return subprocess.Popen(
        ask, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=heeds_ctrl_c
    )


def heeds_ctrl_c() -> None:
    """Tests that run in the background inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def waited_for(what: Callable[[], bool], seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.05)


def children(parent: int) -> list[Path]:
    """The processes that this one started, where the system lists processes as Linux does."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.joinpath("stat").read_text().rpartition(")")[2].split()[1] == str(parent):
                found.append(process)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_it_goes_on_and_checks_each_network_once(tmp_path: Path, stop: signal.Signals):
    """`joined` refuses a network that is done twice; workers do not outlive their parent."""
    state = tmp_path / "state.json"
    first = started(state, 1_000)
    waited_for(state.exists)
    workers = children(first.pid)
    os.kill(first.pid, stop)
    said = first.communicate(timeout=60)[0]
    assert first.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    assert ("stopped with" in said) == (stop == signal.SIGINT)
    done = sum(end - begin for begin, end in json.loads(state.read_text())["done"])
    assert 0 < done < 1_000
    waited_for(lambda: not any(worker.exists() for worker in workers), 30)
    second = started(state, 1_000)
    assert second.communicate(timeout=300)[0].endswith(
        "1,000 random networks, each asked in 3 of 10 ways, against counting worlds: 0 wrong\n"
    )
    assert second.returncode == 0
    assert json.loads(state.read_text())["done"] == [[0, 1_000]]


def test_a_wrong_network_ends_it_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """In this process, in place of workers: exit status 1, the number, and nothing noted as done."""

    class Here:
        def __init__(self, *arguments: object) -> None: ...

        def __enter__(self) -> Here:
            return self

        def __exit__(self, *error: object) -> None: ...

        def submit(self, work: Callable, span: tuple[int, int]) -> Future:
            done: Future = Future()
            done.set_result(work(span))
            return done

        def shutdown(self, **how: object) -> None: ...

    monkeypatch.setattr(many_networks, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(many_networks, "Engine", lambda: PLANTED["SlightlyOff"])
    assert many_networks.main(["--count", "20", "--state", str(tmp_path / "state.json")]) == 1
    said = capsys.readouterr().out
    number = wrong_in((0, 20))[1]
    assert f"--only {number}\n" in said
    assert f"network {number} is answered wrongly" in said
    assert not (tmp_path / "state.json").exists()


def test_one_network_by_its_number(capsys, monkeypatch: pytest.MonkeyPatch):
    assert many_networks.main(["--only", "7"]) == 0
    assert "network 7 is answered rightly" in capsys.readouterr().out
    monkeypatch.setattr(many_networks, "Engine", lambda: PLANTED["SlightlyOff"])
    assert many_networks.main(["--only", "7"]) == 1
    assert "AssertionError" in capsys.readouterr().out
