"""A4: how near a pass over complete rows comes to copying its bytes in and out of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from bsm.engine import compile
from tests.benchmarks.findings import Finding, rounded, spread
from tests.benchmarks.goals import COPY
from tests.benchmarks.networks import Task, tasks
from tests.benchmarks.rows import sampled
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Runner, Spread, ratio, turns

DIFFERENT = 64  # rows that are looked up again and again


def findings(settings: Settings) -> Iterator[Finding]:
    for task in tasks(settings.names):
        yield _of(task, settings)


def _of(task: Task, settings: Settings) -> Finding:
    """Bytes in: int64 codes. Bytes out: float64 probabilities and log evidence.

    A copy reads as many bytes as it writes, so half of them are copied, into memory that is there already;
    the pass over rows allocates its answer. The same pass over few different rows, whose parts of the tables stay in
    cache, shows how much of its time it waits for memory.
    """
    rows = sampled(task.network, task.seen, settings.copy_rows, seed=5)
    narrow = rows.to(torch.int8)
    few = rows[:DIFFERENT].repeat(-(-len(rows) // DIFFERENT), 1)[: len(rows)]
    query = compile(task.network, task.target, task.seen, expected_rows=len(rows))
    moved, moved_narrow = (bytes_of(codes, *query(codes)) for codes in (rows, narrow))
    runners = {
        "ours": Runner(lambda: query(rows), len(rows)),
        "ours_few_different": Runner(lambda: query(few), len(rows)),
        "copy": Runner(copying(moved), len(rows)),
        "ours_int8": Runner(lambda: query(narrow), len(rows)),
        "copy_int8": Runner(copying(moved_narrow), len(rows)),
    }
    taken = turns(runners, settings.repeats)
    beside = {
        "rows": len(rows),
        "bytes_per_row": rounded(moved / len(rows)),
        "copy_bytes_per_second": rounded(moved / len(rows) / Spread.of(taken["copy"]).median),
        "of_its_time_when_tables_stay_in_cache": spread(ratio(taken["ours_few_different"], taken["ours"])),
        "with_codes_in_int8": spread(ratio(taken["ours_int8"], taken["copy_int8"])),
        "seconds_per_row": {name: spread(Spread.of(times)) for name, times in taken.items()},
    }
    return Finding(COPY, task.title, ratio(taken["ours"], taken["copy"]), beside=beside)


def bytes_of(*tensors: Tensor) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


def copying(moved: int) -> Callable[[], Tensor]:
    """A call that reads and writes this many bytes in all."""
    source = torch.ones(moved // 2, dtype=torch.uint8)
    target = torch.ones_like(source)
    return lambda: target.copy_(source)
