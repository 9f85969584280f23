"""What was found for one subject as a file, so that work which was stopped goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bsm.evidence.ledger import Evidence
from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.fit import Found, fit
from bsm.inference.over_time.mixed import Banded
from bsm.spec.model import Model

KINDS, PARTS = ("filtered", "smoothed"), ("mean", "low", "high", "draws")


def found(
    model: Model, evidence: Evidence, asked: Sequence[Asked], seed: int, draws: int, file: Path | None = None
) -> Found:
    """What `fit` finds: read from the file where it is there, else found and left there."""
    kept = None if file is None else read(file)
    if kept is None:
        kept = fit(model, evidence, asked, seed, draws)
        if file is not None:
            write(kept, file)
    return kept


def file_of(folder: Path, reading: str, subject: str) -> Path:
    """The file of a subject under a reading."""
    return folder / f"{reading}-{_short(subject)}.npz"


def throw_away(folder: Path, subjects: Iterable[str]) -> None:
    """Remove the files of these subjects below a folder, and the folders that are empty then."""
    for subject in subjects:
        for file in folder.rglob(f"*-{_short(subject)}.*"):
            file.unlink(missing_ok=True)
    for inner in (*sorted(folder.rglob("*"), reverse=True), folder):
        if inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()


def _short(subject: str) -> str:
    return sha256(subject.encode()).hexdigest()[:16]


def write(kept: Found, file: Path) -> None:
    """Write numbers and words, no objects; the file is there whole or not at all.

    Another call of the same inputs may do the same, or have finished and thrown the folder away: then it is not needed.
    """
    words = {
        "names": list(kept.parameters),
        "given": list(kept.given),
        "log_evidence": kept.log_evidence,
        "told": kept.told,
        "notes": kept.notes,
    }
    arrays = {f"{kind}_{part}": getattr(getattr(kept, kind), part) for kind in KINDS for part in PARTS}
    arrays |= {f"given_{a}": _stacked(of) for a, of in kept.given.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    begun = file.with_suffix(f".{os.getpid()}.begun")
    with begun.open("wb") as stream:
        np.savez(
            stream,
            words=np.array(json.dumps(words)),
            parameters=_stacked(kept.parameters),
            effective=kept.effective,
            reached=kept.reached,
            **arrays,
        )
    with suppress(FileNotFoundError):
        begun.replace(file)


def read(file: Path) -> Found | None:
    """What `write` wrote; None where there is no such file, or another."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            words: dict[str, Any] = json.loads(str(held["words"]))
            named = {kind: Banded(**{part: held[f"{kind}_{part}"] for part in PARTS}) for kind in KINDS}
            return Found(
                **named,
                parameters=dict(zip(words["names"], held["parameters"], strict=True)),
                given={a: dict(zip(words["names"], held[f"given_{a}"], strict=True)) for a in words["given"]},
                log_evidence=words["log_evidence"],
                effective=held["effective"],
                reached=held["reached"],
                told=tuple(words["told"]),
                notes=tuple(words["notes"]),
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None


def _stacked(of: Mapping[str, np.ndarray]) -> np.ndarray:
    """[parameter, draw]."""
    return np.stack(list(of.values())) if of else np.zeros((0, 0))
