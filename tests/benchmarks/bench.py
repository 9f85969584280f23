"""`make bench`: our engine and its peers in one process, one thread, with the same tables and equal answers.

Ratios are of times taken in the same turn; each is reported as min / median / max over the turns, beside the
goal it is held to, and judged by its median. Answers further apart than 1e-9 stop the run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

PARTS = {  # name of the part and of its results -> module that has `findings(settings)`
    "complete_rows": "tests.benchmarks.complete_rows",
    "queries": "tests.benchmarks.queries",
    "draws": "tests.benchmarks.draws",
    "bandwidth": "tests.benchmarks.bandwidth",
    "values": "tests.benchmarks.values",
    "temporal": "tests.benchmarks.temporal",
    "scaling": "tests.benchmarks.scaling",
}
PEERS = ("pyagrum", "hmmlearn", "dynamax")  # pgmpy and Pyro are there already
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> None:
    asked = arguments()
    one_thread()
    from tests.benchmarks import moderate, networks, record, settings

    chosen = settings.QUICK if asked.quick else settings.FULL
    chosen = replace(chosen, names=tuple(asked.networks or chosen.names), repeats=asked.repeats or chosen.repeats)
    if unknown := set(chosen.names) - set(networks.NAMES):
        sys.exit(f"no network {sorted(unknown)[0]!r}; there are {', '.join(networks.NAMES)}")
    folder = asked.out or (None if asked.quick or asked.networks else record.RESULTS)
    moderate.first_answer()
    for part in asked.parts or PARTS:
        print(f"\n{part}", flush=True)
        found = []
        for finding in importlib.import_module(PARTS[part]).findings(chosen):
            print(finding.line(), flush=True)
            found.append(finding.record())
        if folder:
            record.write(part, found, folder, repeats=chosen.repeats)
    if folder:
        finish(folder)
        print(f"\nwritten to {os.path.relpath(folder)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--networks", nargs="+", help="only these networks; nothing is written but with --out")
    parser.add_argument("--repeats", type=int, help="turns that each ratio is taken over")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, to see that all runs; nothing is written but with --out"
    )
    parser.add_argument("--out", type=Path, help="folder for results, in place of tests/benchmarks/results")
    asked = parser.parse_args()
    if unknown := [part for part in asked.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    return asked


def one_thread() -> None:
    """One thread for every library, said before any of them is loaded, and checked after.

    Raises:
        SystemExit: a peer is not installed, or a library holds more than one thread.
    """
    os.environ.update(dict.fromkeys(THREADS, "1"))
    if missing := [name for name in PEERS if find_spec(name) is None]:
        sys.exit(f"{missing[0]} is not installed; `make bench` installs it, or: pip install --editable '.[dev,peers]'")
    import pyagrum
    import torch
    from threadpoolctl import threadpool_info

    torch.set_num_threads(1)
    pyagrum.setNumberOfThreads(1)
    if several := [pool["internal_api"] for pool in threadpool_info() if pool["num_threads"] > 1]:
        sys.exit(f"{several} would use several threads; the benchmark compares one thread with one thread")


def finish(folder: Path) -> None:
    """Write the summary and the figure from all results in the folder, of this run and of earlier ones."""
    from tests.benchmarks import linear_cost, record, summary

    (folder / "summary.md").write_text(summary.summary(tuple(PARTS), folder), encoding="utf-8")
    if scaling := record.read("scaling", folder):
        sizes = {f["task"]: f["sizes"] for f in scaling["findings"] if "sizes" in f}
        linear_cost.draw(sizes, folder / "linear_cost")


if __name__ == "__main__":
    main()
