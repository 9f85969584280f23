"""A1: posteriors for many complete rows of evidence, one after another by the peers and at once by ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from bsm.engine import compile
from bsm.network.tables import Network
from tests.benchmarks.findings import Finding, rounded, same, spread
from tests.benchmarks.goals import CONTRACT, LOOP, UNIQUE, UNIQUE_SHARE
from tests.benchmarks.networks import Task, tasks
from tests.benchmarks.peers import Agrum, AgrumPlain, Pgmpy, PyroContract
from tests.benchmarks.rows import sampled, unique
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Runner, Spread, once, ratio, turns


@dataclass(frozen=True)
class Sample:
    """All rows for ours, and the parts of them that the peers answer."""

    rows: Tensor
    different: Tensor  # the unique rows, in lexical order
    block: Tensor  # neighbours among the different rows, as they would come in a run over all of them

    @classmethod
    def of(cls, task: Task, count: int, part: int) -> Sample:
        rows = sampled(task.network, task.seen, count, seed=1)
        different = unique(rows)
        start = max(0, (len(different) - part) // 2)
        return cls(rows, different, different[start : start + part])

    @property
    def share(self) -> float:
        return len(self.different) / len(self.rows)


def findings(settings: Settings) -> Iterator[Finding]:
    """Three findings for each task: against pyAgrum's loop, pyAgrum on unique rows, and pyro.ops.contract."""
    for task in tasks(settings.names):
        yield from _of(task, settings)


def _of(task: Task, settings: Settings) -> Iterator[Finding]:
    sample = Sample.of(task, settings.rows, settings.agrum_rows)
    rows, asked = sample.rows, (task.network, task.target, task.seen)
    compiling = once(lambda: compile(*asked)(rows[:1]))
    query = compile(*asked)
    agrum, plain, pgmpy = Agrum(*asked), AgrumPlain(*asked), Pgmpy(*asked)
    contract, large = best_chunk(asked, rows[: settings.contract_rows]), best_chunk(asked, rows)
    subsample = {
        "pyagrum": (agrum, rows[: settings.agrum_rows]),
        "pyagrum_plain": (plain, rows[: settings.plain_rows]),
        "pyagrum_unique": (agrum, sample.block),
        "pgmpy": (pgmpy, rows[: settings.pgmpy_rows]),
        "contract": (contract, rows[: settings.contract_rows]),
        "contract_large": (large, rows[: max(large.chunk, settings.contract_rows)]),
    }
    apart = {
        name: same(query(part).probabilities, peer.posteriors(part), f"{task.title}, {name}")
        for name, (peer, part) in subsample.items()
    }
    runners = {"ours": Runner(lambda: query(rows), len(rows))}
    runners["ours_unique"] = Runner(lambda: query(sample.different), len(sample.different))
    for name, (peer, part) in subsample.items():
        runners[name] = Runner(lambda peer=peer, part=part: peer.posteriors(part), len(part))
    taken = turns(runners, settings.repeats)
    ratios = {name: ratio(taken[name], taken["ours"]) for name in subsample}
    beside = {
        "nodes": len(task.network.variables),
        "states": len(task.network.variables[task.target].states),
        "seen": len(task.seen),
        "rows": len(rows),
        "unique_share": rounded(sample.share),
        "compile_seconds": rounded(compiling),
        "seconds_per_row": {name: spread(Spread.of(times)) for name, times in taken.items()},
        "ratios": {name: spread(value) for name, value in ratios.items()},
        "largest_difference": apart,
    }
    yield Finding(LOOP, task.title, ratios["pyagrum"], beside=beside)
    on_unique = ratios["pyagrum_unique"].times(sample.share)
    deduplicated = ratio(taken["pyagrum_unique"], taken["ours_unique"])
    beside = {"unique_share": rounded(sample.share), "both_on_unique_rows": spread(deduplicated)}
    yield Finding(UNIQUE, task.title, on_unique, counts=sample.share >= UNIQUE_SHARE, beside=beside)
    chunks = {"rows_at_once": contract.chunk, "contract_large_rows_at_once": large.chunk}
    yield Finding(CONTRACT, task.title, ratios["contract"], beside=chunks)


def best_chunk(asked: tuple[Network, str, tuple[str, ...]], rows: Tensor) -> PyroContract:
    """The peer that takes as many rows at a time as suits it: doubled from 250 while that makes a row cheaper."""
    chunk, best, fastest = 250, PyroContract(*asked, len(rows)), math.inf
    while chunk <= len(rows):
        tried = PyroContract(*asked, chunk)
        runner = Runner(lambda tried=tried, part=rows[:chunk]: tried.posteriors(part), chunk)
        per_row = min(turns({"contract": runner}, 3)["contract"])
        if per_row > 0.95 * fastest:
            break
        chunk, best, fastest = 2 * chunk, tried, per_row
    return best
