"""Bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Moved = Callable[[int], object]


@contextmanager
def bar(label: str, shown: bool | None, total: int | None = None, done: int = 0) -> Iterator[Moved]:
    """A bar that counts rows; it is given how many more are done.

    Args:
        shown: whether it is drawn; None: where standard error is a terminal.
        total: rows in all, where that is known; without it the bar goes when it ends.
        done: rows that were done before.
    """
    from tqdm import tqdm

    hidden = not (sys.stderr.isatty() if shown is None else shown)
    with tqdm(
        desc=label, total=total, initial=done, unit=" rows", unit_scale=True, disable=hidden, leave=total is not None
    ) as made:
        yield made.update
