"""Cost against rows: 10^3 to 10^7 rows streamed in chunks, with the most memory the process ever held.

Streaming is a loop over chunks that keeps a running mean of the posteriors. It runs in a process of its own, so
that what other benchmarks held does not count. Sizes grow, so a peak that stays flat is flat for the largest; at the
end some of the same rows are asked about in one call, to show that the measure sees memory that is held.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bsm.engine import Query, compile
from tests.benchmarks.findings import Finding, rounded, spread
from tests.benchmarks.goals import FLAT, LINEAR
from tests.benchmarks.networks import GENERATED, Task, tasks
from tests.benchmarks.rows import sampled
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Spread, once

CHUNK = 100_000  # rows at a time
KIB_PER_MIB = 1024
ENOUGH = 0.3  # seconds after which a size has been timed often enough
AT_ONCE = 1_000_000  # rows asked about in one call, at most


def findings(settings: Settings) -> Iterator[Finding]:
    """Two findings for each behavioural network: time per row stays, and so does the peak of memory."""
    for task in tasks(tuple(name for name in settings.names if name in GENERATED)):
        command = [sys.executable, "-m", "tests.benchmarks.scaling", task.name, task.evidence]
        told = subprocess.run([*command, *map(str, settings.stream)], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(told.stdout)
        sizes = found["sizes"]
        most, fewer = sizes[-1], next(s for s in sizes if s["rows"] * 100 >= sizes[-1]["rows"])
        cost = [seconds / most["rows"] / (fewer["seconds"]["median"] / fewer["rows"]) for seconds in found["longest"]]
        yield Finding(LINEAR, task.title, Spread.of(cost), beside={"chunk": CHUNK, "sizes": sizes})
        peak = Spread.of([most["peak_mib"] / fewer["peak_mib"]])
        yield Finding(FLAT, task.title, peak, beside={"in_one_call": found["in_one_call"]})


def streamed(task: Task, sizes: list[int]) -> dict[str, Any]:
    """Seconds, and peak memory in MiB so far, for each number of rows; compiling is not counted.

    `longest` lists all times of the most rows; `in_one_call` is the peak after one call with up to 10^6 rows.
    """
    query = compile(task.network, task.target, task.seen)
    pool = sampled(task.network, task.seen, CHUNK, seed=7)
    mean_posterior(query, pool, CHUNK)
    found = []
    for rows in sizes:
        seconds: list[float] = []
        while len(seconds) < 3 or sum(seconds) < ENOUGH:
            seconds.append(once(lambda rows=rows: mean_posterior(query, pool, rows)))
        found.append({"rows": rows, "seconds": spread(Spread.of(seconds)), "peak_mib": peak_mib()})
    many = pool.repeat(min(AT_ONCE, max(sizes)) // CHUNK, 1)
    query(many)
    return {"sizes": found, "longest": seconds, "in_one_call": {"rows": len(many), "peak_mib": peak_mib()}}


def mean_posterior(query: Query, pool: Tensor, rows: int) -> Tensor:
    """The mean posterior of this many rows, which pass by in chunks."""
    chunks = (pool[: min(CHUNK, rows - start)] for start in range(0, rows, CHUNK))
    total = torch.zeros((), dtype=torch.float64)
    for answer in query.stream(chunks):
        total = total + answer.probabilities.sum(0)
    return total / rows


def peak_mib() -> float:
    """The most memory this process ever held (Linux: VmHWM; `ru_maxrss` would begin with that of its parent)."""
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return rounded(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB**2)  # macOS counts bytes
    lines = status.read_text(encoding="utf-8").splitlines()
    held = next(line for line in lines if line.startswith("VmHWM:"))
    return rounded(int(held.split()[1]) / KIB_PER_MIB)


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
