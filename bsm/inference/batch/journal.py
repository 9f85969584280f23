"""How far a batch has come, on disk, so that it goes on after whatever stopped it with nothing lost or doubled.

The answers are on disk before the journal says so; what lies beyond the journal is cut off before going on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bsm.spec.model import SpecError

PARTIAL, JOURNAL = ".partial", ".partial.json"
FRESH = "start again with --fresh (fresh=True in Python)"


@dataclass(frozen=True)
class Journal:
    """What is done.

    Attributes:
        inputs: what the answers depend on; a journal of other inputs is not continued.
        total: rows of the file.
        rows, masked: rows done, and how many of them cannot happen.
        read: where reading goes on; None at the start.
        written: bytes or files of answers that are whole.
        max_bytes: what the engine may use, once that is known: its plan, and so the last digit, may depend on it.
    """

    inputs: Mapping[str, Any]
    total: int
    max_bytes: int = 0
    rows: int = 0
    masked: int = 0
    read: Mapping[str, int] | None = None
    written: int = 0

    def save(self, path: Path) -> None:
        """Replace the journal on disk; after a crash the old one or this one is there, whole."""
        replaced(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Journal | None:
        """The journal on disk, if there is one.

        Raises:
            SpecError: it is damaged.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise SpecError(f"{path}: this journal of a batch is damaged; {FRESH}") from None


def rows_done(out: Path) -> tuple[int, int] | None:
    """(rows done, rows in all) of a batch that was begun and is not finished."""
    with suppress(SpecError, OSError):
        journal = Journal.load(beside(out, JOURNAL))
        return None if journal is None else (journal.rows, journal.total)
    return None


def refuse_other_inputs(begun: Journal, now: Mapping[str, Any], partial: Path) -> None:
    """Refuse to continue what was begun from something else.

    Raises:
        SpecError: names what changed.
    """
    if begun.inputs == now:
        return
    names = [n for n in dict.fromkeys((*begun.inputs, *now)) if begun.inputs.get(n) != now.get(n)]
    changes = "; ".join(f"{n} was {_short(begun.inputs.get(n))} and is {_short(now.get(n))}" for n in names)
    raise SpecError(
        f"{partial} holds {begun.rows:,} rows that were answered from other inputs: {changes}. Give the same inputs to "
        f"go on, or another --out; or {FRESH}, and those rows are thrown away"
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def beside(out: Path, suffix: str) -> Path:
    """A file named after the answers."""
    return out.with_name(out.name + suffix)


def replaced(path: Path, text: str) -> None:
    """Write a small file, whole or not at all, and on disk when this returns."""
    begun = path.with_name(path.name + ".begun")
    with begun.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(begun, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names in a folder reach the disk, where the system knows how."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def removed(path: Path) -> None:
    """A file or folder that need not be there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def alone(partial: Path, folder: bool) -> Iterator[None]:
    """The unfinished answers, made where they are not there, for this process alone (where the system has locks).

    Raises:
        SpecError: another process is at work on them, or they are of the other kind.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        partial.mkdir(exist_ok=True)
    else:
        partial.touch()
    if partial.is_dir() != folder:
        raise SpecError(f"{partial} is not of this program's making, or of an answer in another format; {FRESH}")
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    handle = os.open(partial, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            same = os.path.samestat(os.fstat(handle), partial.stat())
        except OSError:
            same = False
        if not same:
            raise SpecError(
                f"{partial}: another process is writing these answers; wait for it, or choose another --out"
            )
        yield
    finally:
        os.close(handle)
