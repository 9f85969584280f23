"""Results on disk: one JSON file for each part, with what it ran on, and a summary of all of them."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "bsm",
    "torch",
    "numpy",
    "numba",
    "opt_einsum",
    "pyagrum",
    "pgmpy",
    "pyro-ppl",
    "hmmlearn",
    "dynamax",
    "jax",
)


def environment() -> dict[str, Any]:
    """What the numbers depend on, and nothing that names a machine or its owner."""
    return {
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "dtype": "float64",
    }


def processor() -> str:
    """The model name of the CPU, or its architecture where the system does not say."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def write(part: str, records: Sequence[Mapping[str, Any]], folder: Path, **more: Any) -> Path:
    """Write the records of a part to `folder`/`part`.json, in place of those of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}.json"
    content = {"environment": environment(), **more, "findings": list(records)}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read(part: str, folder: Path) -> dict[str, Any] | None:
    """What an earlier run wrote of this part, or None."""
    path = folder / f"{part}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
