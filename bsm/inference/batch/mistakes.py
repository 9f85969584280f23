"""Everything wrong with a file of cases, each mistake once: where it is first, and in how many rows."""

from __future__ import annotations

from collections.abc import Callable

from bsm.spec.model import SpecError
from bsm.spec.problems import SHOWN

MOST = 1000  # different mistakes after which reading stops


class Mistakes:
    """Collects mistakes; `at` spells a place of the file, its line or row: "cases.csv:17"."""

    def __init__(self, file: str, at: Callable[[int], str]) -> None:
        self.file, self.at = file, at
        self.found: dict[str, tuple[int, int]] = {}  # message -> first place, rows

    def add(self, place: int, message: str) -> None:
        """Note a mistake; `message` says what was given, what would be accepted, and the likely remedy."""
        first, rows = self.found.get(message, (place, 0))
        self.found[message] = (min(first, place), rows + 1)
        if len(self.found) >= MOST:
            self.check(stopped=True)

    def check(self, stopped: bool = False) -> None:
        """Stop at what was found so far.

        Raises:
            SpecError: one line per mistake, in the order of the file.
        """
        if not self.found:
            return
        in_order = sorted(self.found.items(), key=lambda item: item[1][0])
        texts = [
            f"{self.at(place)}: {message}" + (f" (so in {rows:,} rows)" if rows > 1 else "")
            for message, (place, rows) in in_order
        ]
        if len(texts) == 1:
            raise SpecError(texts[0])
        more = [f"... and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
        more += ["reading stopped there"] if stopped else []
        raise SpecError("\n".join([f"{len(texts)} kinds of mistake in {self.file}:", *texts[:SHOWN], *more]))
