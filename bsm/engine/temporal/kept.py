"""Compiled code that is kept beside these files, and when to forget it.

Numba reuses the code of a function for as long as the file of that function is unchanged, whatever became of the
functions in other files that it calls. The loops over time call one another across files, so that all of their code
is forgotten when any file of this package is newer than it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def forget_stale(folder: Path) -> list[str]:
    """Remove the lists of kept code that are older than a source file of the folder; the names of those removed."""
    with suppress(OSError):
        newest = max((source.stat().st_mtime_ns for source in folder.glob("*.py")), default=0)
        stale = [x for x in (folder / "__pycache__").glob("*.nbi") if x.stat().st_mtime_ns < newest]
        for index in stale:
            index.unlink(missing_ok=True)
        return [index.name for index in stale]
    return []  # a folder that cannot be written keeps no code either


forget_stale(Path(__file__).parent)  # before any loop is looked up
