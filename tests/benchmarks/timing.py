"""Times taken turn by turn in one process, and the ratios of times taken in the same turn."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import process_time

TURN = 0.1  # seconds: what takes less is repeated within its turn, so that no cold cache decides


@dataclass(frozen=True)
class Spread:
    """Least, middle and most of a quantity over the turns."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))

    def times(self, factor: float) -> Spread:
        return Spread(self.least * factor, self.median * factor, self.most * factor)


@dataclass(frozen=True)
class Runner:
    """Something to time: a call, and how many units of work one call does.

    A call shorter than a turn should be is made again within the turn, unless it can be made but once.
    """

    call: Callable[[], object]
    units: float
    again: bool = True


@contextmanager
def without_collection() -> Iterator[None]:
    """As `timeit` does: no garbage is collected while the clock runs, for nobody."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def once(call: Callable[[], object]) -> float:
    """Processor seconds that one call takes: all run on one thread, and what else the machine does must not count."""
    with without_collection():
        start = process_time()
        call()
        return process_time() - start


def one_turn(runner: Runner) -> float:
    """Processor seconds per unit of work: the mean of as many calls as fill a turn."""
    calls, start = 0, process_time()
    with without_collection():
        while calls == 0 or (runner.again and process_time() - start < TURN):
            runner.call()
            calls += 1
        return (process_time() - start) / calls / runner.units


def turns(runners: Mapping[str, Runner], repeats: int) -> dict[str, list[float]]:
    """Seconds per unit of work of each runner in each turn; in every turn all run, one after another.

    Each is called once before the clock starts.
    """
    for runner in runners.values():
        runner.call()
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(repeats):
        gc.collect()
        for name, runner in runners.items():
            taken[name].append(one_turn(runner))
    return taken


def ratio(theirs: list[float], ours: list[float]) -> Spread:
    """How many times longer theirs took than ours, turn by turn."""
    return Spread.of([t / o for t, o in zip(theirs, ours, strict=True)])
