"""Cost against rows: 10^3 to 10^7 rows streamed in chunks, with the most memory the process ever held.

Streaming is a loop over chunks that keeps a running mean of the posteriors. It runs in a process of its own, so
that what other benchmarks held does not count; sizes grow, so a peak that stays flat is flat for the largest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter

import torch
from torch import Tensor

from bsm.engine import Query, compile
from tests.benchmarks.findings import Finding, rounded
from tests.benchmarks.goals import FLAT, LINEAR
from tests.benchmarks.networks import GENERATED, Task, tasks
from tests.benchmarks.rows import sampled
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Spread

CHUNK = 100_000  # rows at a time
MIB = 2**20


def findings(settings: Settings) -> Iterator[Finding]:
    """Two findings for each behavioural network: time per row stays, and so does the peak of memory."""
    for task in tasks(tuple(name for name in settings.names if name in GENERATED)):
        command = [sys.executable, "-m", "tests.benchmarks.scaling", task.name, task.evidence]
        told = subprocess.run([*command, *map(str, settings.stream)], stdout=subprocess.PIPE, text=True, check=True)
        sizes = json.loads(told.stdout)
        most, fewer = sizes[-1], next(s for s in sizes if s["rows"] * 100 >= sizes[-1]["rows"])
        cost = [most["seconds"] / most["rows"] / (fewer["seconds"] / fewer["rows"])]
        yield Finding(LINEAR, task.title, Spread.of(cost), beside={"chunk": CHUNK, "sizes": sizes})
        yield Finding(FLAT, task.title, Spread.of([most["peak_mib"] / fewer["peak_mib"]]))


def streamed(task: Task, sizes: list[int]) -> list[dict[str, float]]:
    """Seconds, and peak memory in MiB so far, for each number of rows; compiling is not counted."""
    query = compile(task.network, task.target, task.seen)
    pool = sampled(task.network, task.seen, CHUNK, seed=7)
    mean_posterior(query, pool, CHUNK)
    found = []
    for rows in sizes:
        again = 3 if rows <= 1_000_000 else 1
        seconds = []
        for _ in range(again):
            start = perf_counter()
            mean_posterior(query, pool, rows)
            seconds.append(perf_counter() - start)
        found.append({"rows": rows, "seconds": rounded(sorted(seconds)[again // 2]), "peak_mib": rounded(peak_mib())})
    return found


def mean_posterior(query: Query, pool: Tensor, rows: int) -> Tensor:
    """The mean posterior of this many rows, which pass by in chunks."""
    chunks = (pool[: min(CHUNK, rows - start)] for start in range(0, rows, CHUNK))
    total = torch.zeros((), dtype=torch.float64)
    for answer in query.stream(chunks):
        total = total + answer.probabilities.sum(0)
    return total / rows


def peak_mib() -> float:
    """The most memory this process ever held."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak * 1024 / MIB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("evidence")
    parser.add_argument("sizes", nargs="+", type=int)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    task = next(t for t in tasks((asked.name,)) if t.evidence == asked.evidence)
    print(json.dumps(streamed(task, asked.sizes)))


if __name__ == "__main__":
    main()
