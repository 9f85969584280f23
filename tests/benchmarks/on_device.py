"""What `make bench-gpu` measures. Answers on the device must equal those of the CPU to 1e-9.

The clock starts and stops with the device idle. Rows and answers stay on the device; `gpu_with_transfer` also
carries rows there and answers back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bsm.engine import compile
from bsm.network.tables import Network
from tests.benchmarks.draws import drawn
from tests.benchmarks.findings import rounded, same, spread
from tests.benchmarks.moderate import first_answer
from tests.benchmarks.networks import NAMES, Task, tasks
from tests.benchmarks.rows import blanked, sampled
from tests.benchmarks.timing import Runner, Spread, once, ratio, turns

SHARE_MISSING = 0.1
FLOAT32_APART = 1e-4  # float32 is timed beside float64 and may be off by this much


@dataclass(frozen=True)
class Sizes:
    names: tuple[str, ...] = NAMES
    rows: int = 1_000_000
    draws: int = 200
    draw_rows: int = 1000
    repeats: int = 7


FULL = Sizes()
QUICK = Sizes(("asia", "bsm15"), rows=10_000, draws=10, draw_rows=100, repeats=2)


def device() -> dict[str, Any]:
    """What the numbers depend on, on the side of the accelerator."""
    return {"name": torch.cuda.get_device_name(), "cuda": torch.version.cuda}


def records(sizes: Sizes) -> Iterator[dict[str, Any]]:
    """One record for each task by rows, then one for each by parameter draws."""
    for where in ("cpu", "cuda"):
        first_answer(where)
    for task in tasks(sizes.names):
        yield _by_rows(task, sizes)
    for task in tasks(sizes.names):
        yield _by_draws(task, sizes)


def _by_rows(task: Task, sizes: Sizes) -> dict[str, Any]:
    rows = sampled(task.network, task.seen, sizes.rows, seed=8)
    holed = blanked(rows, SHARE_MISSING, seed=8)
    rows_there, holed_there = rows.cuda(), holed.cuda()
    asked = (task.network, task.target, task.seen)
    options: dict[str, Any] = {"device": "cuda", "expected_rows": sizes.rows}
    compiling = once(idle(lambda: compile(*asked, **options)(rows_there[:1])))
    cpu, gpu = compile(*asked, expected_rows=sizes.rows), compile(*asked, **options)
    narrow = compile(*asked, dtype=torch.float32, **options)
    complete = cpu(rows).probabilities
    apart = {
        "gpu": same(complete, gpu(rows_there).probabilities.cpu(), task.title),
        "gpu_missing": same(cpu(holed).probabilities, gpu(holed_there).probabilities.cpu(), task.title),
        "gpu_float32": same(complete, narrow(rows_there).probabilities.cpu(), task.title, within=FLOAT32_APART),
    }
    runners = {
        "cpu": Runner(lambda: cpu(rows), sizes.rows),
        "cpu_missing": Runner(lambda: cpu(holed), sizes.rows),
        "gpu": Runner(idle(lambda: gpu(rows_there)), sizes.rows),
        "gpu_missing": Runner(idle(lambda: gpu(holed_there)), sizes.rows),
        "gpu_float32": Runner(idle(lambda: narrow(rows_there)), sizes.rows),
        "gpu_with_transfer": Runner(idle(lambda: gpu(rows.cuda()).probabilities.cpu()), sizes.rows),
    }
    told = {"what": "rows", "task": task.title, "rows": sizes.rows, "compile_seconds": rounded(compiling)}
    return told | _measured(runners, apart, sizes.repeats)


def _by_draws(task: Task, sizes: Sizes) -> dict[str, Any]:
    """New tables to answers, for every parameter draw; the network's tables are on the device before."""
    rows = sampled(task.network, task.seen, sizes.draw_rows, seed=9)
    network = drawn(task.network, sizes.draws, seed=9)

    def answered(network: Network, rows: Tensor) -> Tensor:
        return compile(network, task.target, task.seen, expected_rows=len(rows))(rows).probabilities

    network_there, rows_there = network.to("cuda"), rows.cuda()
    apart = {"gpu": same(answered(network, rows), answered(network_there, rows_there).cpu(), task.title)}
    units = sizes.draws * sizes.draw_rows
    runners = {
        "cpu": Runner(lambda: answered(network, rows), units),
        "gpu": Runner(idle(lambda: answered(network_there, rows_there)), units),
    }
    told = {"what": "draws and rows", "task": task.title, "draws": sizes.draws, "rows": sizes.draw_rows}
    return told | _measured(runners, apart, sizes.repeats)


def idle(call: Callable[[], object]) -> Callable[[], None]:
    """The call, with the device waited for before and after."""

    def waited() -> None:
        torch.cuda.synchronize()
        call()
        torch.cuda.synchronize()

    return waited


def _measured(runners: Mapping[str, Runner], apart: Mapping[str, float], repeats: int) -> dict[str, Any]:
    taken = turns(runners, repeats)
    against = {name: "cpu_missing" if name == "gpu_missing" else "cpu" for name in taken if name.startswith("gpu")}
    return {
        "repeats": repeats,
        "seconds_each": {name: spread(Spread.of(times)) for name, times in taken.items()},
        "times_faster_than_one_core": {n: spread(ratio(taken[core], taken[n])) for n, core in against.items()},
        "largest_difference": dict(apart),
    }


def line(found: Mapping[str, Any]) -> str:
    """One line of text for the terminal."""
    faster = found["times_faster_than_one_core"]
    told = ", ".join(f"{name} {value['median']:.4g}" for name, value in faster.items())
    each = found["seconds_each"]["gpu"]["median"] * 1e9
    return f"{found['task']:18} {found['what']:15} {each:.3g} ns each; times faster than one core: {told}"
