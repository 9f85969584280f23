"""Very many random networks against counting worlds: `python -m tests.engine.many_networks --count 100000`.

Each network has a number, which seeds it and all that is asked of it. Progress is kept in a file: interrupted or
killed, the same command goes on, and none is checked twice. When the engine or the check changes, it starts afresh.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from tests.engine.checking import ASKED, KINDS, Engine, check

ROOT = Path(__file__).parents[2]
CHECKED = (
    "bsm/engine/*.py",
    "bsm/network/tables.py",
    "bsm/network/surgery.py",
    *(f"tests/engine/{name}.py" for name in ("asking", "checking", "forcing", "many_networks", "networks")),
    "tests/graphs.py",
)
TOGETHER = 100  # networks that a process checks before it reports

Span = tuple[int, int]  # the first network, and the one after the last


# --- what is left to do ------------------------------------------------------------------------------------


def version() -> str:
    """A fingerprint of the engine and of the check."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in CHECKED for path in ROOT.glob(pattern)):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def joined(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that touch made one.

    Raises:
        ValueError: two of them overlap.
    """
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and start < found[-1][1]:
            raise ValueError(f"network {start} was checked twice")
        if found and start == found[-1][1]:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def left(done: Sequence[Span], count: int) -> Iterator[Span]:
    """What of the first `count` networks is not done, in spans of up to TOGETHER."""
    at = 0
    for start, stop in [*joined(done), (count, count)]:
        for first in range(at, min(start, count), TOGETHER):
            yield first, min(first + TOGETHER, start, count)
        at = max(at, stop)


@dataclass
class Progress:
    """What is done, kept in a file, by one version of the engine and of the check."""

    path: Path
    version: str
    done: list[Span]

    @classmethod
    def of(cls, path: Path) -> Progress:
        """Where the last run was left; from the start where there was none, or of another version."""
        now = version()
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path, now, [])
        if said["version"] != now:
            print(f"{path} is of another version of the engine or of this check: starting afresh")
            return cls(path, now, [])
        return cls(path, now, [(start, stop) for start, stop in said["done"]])

    def add(self, span: Span) -> None:
        """Note a span as done, on disk before this returns."""
        self.done = joined([*self.done, span])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps({"version": self.version, "done": self.done}), encoding="utf-8")
        os.replace(beside, self.path)

    def count(self, of: int) -> int:
        """How many of the first `of` networks are done."""
        return sum(max(0, min(stop, of) - start) for start, stop in self.done)


# --- doing it ----------------------------------------------------------------------------------------------


def wrong_in(span: Span, engine: Engine | None = None) -> tuple[Span, int | None, str]:
    """The span; and the first network in it that is answered wrongly, with what was wrong."""
    for number in range(*span):
        try:
            check(number, engine or Engine())
        except Exception:  # an error is as wrong as a wrong answer
            return span, number, traceback.format_exc()
    return span, None, ""


def _start_worker() -> None:
    """One thread; the parent stops its workers, and they stop when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def run(count: int, path: Path, workers: int) -> int:
    """Check what is left of the first `count` networks; the exit status."""
    progress = Progress.of(path)
    start = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, start, _start_worker) as pool,
        tqdm(total=count, initial=progress.count(count), unit="network", smoothing=0.05) as bar,
    ):
        try:
            for finished in as_completed([pool.submit(wrong_in, span) for span in left(progress.done, count)]):
                span, wrong, why = finished.result()
                if wrong is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    bar.close()
                    print(f"{why}\nnetwork {wrong} is answered wrongly. To see it again:")
                    print(f"python -m tests.engine.many_networks --only {wrong}")
                    return 1
                progress.add(span)
                bar.update(span[1] - span[0])
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            bar.close()
            print(f"stopped with {progress.count(count):,} of {count:,} done; the same command goes on from there")
            return 130
    print(
        f"{progress.count(count):,} random networks, each asked in {1 + ASKED} of {1 + len(KINDS)} ways, "
        "against counting worlds: 0 wrong"
    )
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.engine.many_networks", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="networks to check (default: %(default)s)")
    parser.add_argument("--state", type=Path, default=ROOT / "out" / "check-engine.json", help="where progress is kept")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="check one network and show what is wrong")
    given = parser.parse_args(arguments)
    if given.only is not None:
        _, wrong, why = wrong_in((given.only, given.only + 1))
        print(why if wrong is not None else f"network {given.only} is answered rightly")
        return 0 if wrong is None else 1
    return run(given.count, given.state, given.workers)


if __name__ == "__main__":
    sys.exit(main())
