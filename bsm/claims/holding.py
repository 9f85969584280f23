"""What checking a statement gives back."""

from __future__ import annotations

from dataclasses import dataclass

from bsm.claims.kept import Setting


@dataclass(frozen=True, slots=True)
class Holding:
    """Whether a statement holds, by how much, and where it is tightest."""

    holds: bool
    by: float
    where: str


def beside(setting: Setting) -> str:
    """The setting in brackets, to stand behind other words."""
    return f" ({setting})" if str(setting) else ""
