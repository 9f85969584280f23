"""`make bench-gpu`: the same questions on a CUDA device, rows resident there, against one core of the CPU beside it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.benchmarks.bench import THREADS, finish


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all runs")
    parser.add_argument("--out", type=Path, help="folder for results, in place of tests/benchmarks/results")
    asked = parser.parse_args()
    os.environ.update(dict.fromkeys(THREADS, "1"))
    import torch

    if not torch.cuda.is_available():
        sys.exit("No CUDA device was found, so nothing was measured; `make bench` measures the CPU.")
    torch.set_num_threads(1)
    from tests.benchmarks import on_device, record

    records = []
    for found in on_device.records(on_device.QUICK if asked.quick else on_device.FULL):
        print(on_device.line(found), flush=True)
        records.append(found)
    folder = asked.out or record.RESULTS
    record.write("gpu", records, folder, device=on_device.device())
    finish(folder)
    print(f"written to {os.path.relpath(folder)}")


if __name__ == "__main__":
    main()
