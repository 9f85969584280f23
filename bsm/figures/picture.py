"""A figure with its name and caption, not drawn yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bsm.figures.theme import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure that can be drawn in any theme: the stem of its file, what a screen reader says, its caption."""

    name: str
    title: str
    caption: str
    draw: Callable[[Theme], Figure]
