"""A2: one warm query, a plan for 60 nodes, and cells missing at random."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from bsm.engine import compile
from tests.benchmarks.findings import Finding, rounded, same, spread
from tests.benchmarks.goals import MISSING, ONE, PLAN
from tests.benchmarks.moderate import moderate, width
from tests.benchmarks.networks import Task, tasks
from tests.benchmarks.peers import Agrum
from tests.benchmarks.rows import blanked, sampled
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Runner, Spread, once, ratio, turns

LEAST_NODES = 15  # the goal for one query speaks of networks of this size and more
PLANNED_NODES, PLANNED_SEEN = 60, 15
SHARE_MISSING = 0.1


def findings(settings: Settings) -> Iterator[Finding]:
    for task in tasks(settings.names):
        yield _one(task, settings)
    for seed in range(1, settings.plans + 1):
        yield _plan(seed)
    for task in tasks(settings.names):
        yield _missing(task, settings)


def _one(task: Task, settings: Settings) -> Finding:
    """Rows asked one at a time, each unlike the one before, with everything compiled already."""
    asked = (task.network, task.target, task.seen)
    rows = sampled(task.network, task.seen, settings.single, seed=2)
    query, agrum, single = compile(*asked), Agrum(*asked), rows.split(1)
    same([query(row).probabilities[0].numpy() for row in single], agrum.posteriors(rows), task.title)

    def ours() -> None:
        for row in single:
            query(row)

    taken = turns(
        {"ours": Runner(ours, len(rows)), "pyagrum": Runner(lambda: agrum.posteriors(rows), len(rows))},
        settings.repeats,
    )
    beside = {"seconds_per_query": {name: spread(Spread.of(times)) for name, times in taken.items()}}
    enough = len(task.network.variables) >= LEAST_NODES
    return Finding(ONE, task.title, ratio(taken["pyagrum"], taken["ours"]), counts=enough, beside=beside)


def _plan(seed: int) -> Finding:
    """Seconds from a random network never seen before to its first answer."""
    network = moderate(PLANNED_NODES, seed)
    seen = tuple(network.variables)[3 :: PLANNED_NODES // PLANNED_SEEN]
    rows = sampled(network, seen, 1, seed)
    seconds = once(lambda: compile(network, "n0", seen)(rows))
    beside = {"nodes": PLANNED_NODES, "seen": len(seen), "treewidth_at_most": width(network)}
    return Finding(PLAN, f"random network {seed}", Spread.of([seconds]), beside=beside)


def _missing(task: Task, settings: Settings) -> Finding:
    """The same rows with a tenth of the cells blank, against the rows complete; the first call pays for patterns."""
    asked = (task.network, task.target, task.seen)
    rows = sampled(task.network, task.seen, settings.rows, seed=3)
    holed = blanked(rows, SHARE_MISSING, seed=3)
    query, agrum = compile(*asked), Agrum(*asked)
    first = once(lambda: query(holed))
    few = holed[: settings.plain_rows]
    apart = same(query(few).probabilities, agrum.posteriors(few), f"{task.title}, missing")
    runners = {
        "complete": Runner(lambda: query(rows), len(rows)),
        "missing": Runner(lambda: query(holed), len(rows)),
        "pyagrum": Runner(lambda: agrum.posteriors(few), len(few)),
    }
    taken = turns(runners, settings.repeats)
    beside = {
        "patterns": patterns(holed),
        "first_call_seconds": rounded(first),
        "seconds_per_row": {name: spread(Spread.of(times)) for name, times in taken.items()},
        "times_faster_than_pyagrum": spread(ratio(taken["pyagrum"], taken["missing"])),
        "largest_difference": {"pyagrum": apart},
    }
    return Finding(MISSING, task.title, ratio(taken["missing"], taken["complete"]), beside=beside)


def patterns(rows: Tensor) -> int:
    """How many different sets of cells are missing."""
    return len((rows < 0).unique(dim=0))
