"""What a run was asked for, and a key that changes whenever its answer might."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

NUMERIC = ("torch", "pyro-ppl", "numpy", "scipy", "numba")
KEY = "computed_from"  # attribute of a saved result


def cpus(most: int = 8) -> int:
    """CPUs that this process may use, up to `most`: each worker needs some 400 MB."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, most)


@dataclass(frozen=True)
class Request:
    """The inputs and settings of `bsm run`; `draws` None means the library's own number.

    `choices`: with the table of defensible settings. `workers`, the number of processes, changes no answer.
    """

    model: Path
    ledger: Path
    seed: int
    draws: int | None
    subjects: tuple[str, ...]
    overlay: str | None
    choices: bool
    workers: int = 1

    @property
    def inputs(self) -> tuple[Path, Path]:
        return (self.model, self.ledger)

    def command(self, out: Path) -> list[str]:
        """The command that asks for this."""
        words = ["bsm", "run", str(self.model.parent), "--out", str(out), "--seed", str(self.seed)]
        words += [] if self.draws is None else ["--draws", str(self.draws)]
        words += [word for subject in self.subjects for word in ("--subject", subject)]
        words += [] if self.overlay is None else ["--overlay", self.overlay]
        return words + ([] if self.choices else ["--no-choices"])

    @cached_property
    def key(self) -> str:
        """SHA-256 over input files, settings, this library's source and the numeric libraries' versions."""
        return self._digest(seed=self.seed, draws=self.draws, subjects=self.subjects, overlay=self.overlay,
                            choices=self.choices)  # fmt: skip

    @cached_property
    def part_key(self) -> str:
        """The same for what is found of one AI, or under one setting: it is of no other AI and needs no choices."""
        return self._digest(seed=self.seed, draws=self.draws, overlay=self.overlay)

    def _digest(self, **settings: object) -> str:
        versions = {name: version(name) for name in NUMERIC}
        digest = hashlib.sha256(json.dumps([settings, versions], sort_keys=True).encode())
        package = Path(__file__).parents[1]
        for path in (*self.inputs, *sorted(package.rglob("*.py"))):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()
