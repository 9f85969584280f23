"""How far an integral over a lattice may be off where a likelihood is narrower than its spacing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bsm.evidence.rows import LedgerRow

TERMS = 50
SHOWN = 6  # rows that a note names


def too_high(width: float, spacing: float) -> float:
    """The most by which the log of a sum over a lattice exceeds that of the integral of a normal factor.

    That is where a point lies on the peak: by Poisson summation 1 + 2 sum_k exp(-2 (pi k width / spacing)^2).

    >>> too_high(1.0, 1.0) < 1e-8, round(too_high(0.1, 1.0), 2)
    (True, 1.38)
    """
    ratio = width / spacing
    return math.log1p(2 * sum(math.exp(-2 * (math.pi * k * ratio) ** 2) for k in range(1, TERMS)))


def too_low(width: float, spacing: float) -> float:
    """The most by which it falls short: the peak lies half way between two points.

    >>> too_low(1.0, 1.0) < 1e-8, round(too_low(0.1, 1.0), 1)
    (True, 10.4)
    """
    ratio = width / spacing
    points = sum(math.exp(-0.5 * ((j + 0.5) / ratio) ** 2) for j in range(-TERMS, TERMS))
    return -math.log(points / (ratio * math.sqrt(2 * math.pi))) if points else math.inf


class Coarse:
    """The rows whose likelihoods were found narrower than the lattice that they were summed over, at the worst."""

    def __init__(self) -> None:
        self._ratios: dict[int, float] = {}  # row -> width of its likelihood over the spacing, the least seen
        self._shift = False

    def meets(self, rows: Sequence[int], widths: Sequence[float], spacing: float, wanted: float) -> None:
        """Remember rows for which this spacing is more than one and a half times what they want."""
        sharp = {r: w / spacing for r, w in zip(rows, widths, strict=True) if spacing > 1.5 * w}
        self._shift = self._shift or not sharp
        for row, ratio in sharp.items():
            self._ratios[row] = min(ratio, self._ratios.get(row, math.inf))

    def note(self, rows: Sequence[LedgerRow]) -> list[str]:
        """What a reader should know, if anything: which rows, and by how much they may be off."""
        found = []
        if self._ratios:
            order = sorted(self._ratios, key=lambda r: self._ratios[r])
            named = ", ".join(f"line {rows[r].line} ({rows[r].id})" for r in order[:SHOWN])
            more = f" and {len(order) - SHOWN} more" if len(order) > SHOWN else ""
            ratio = self._ratios[order[0]]
            found.append(
                f"{named}{more}: counts so sharp that the lattice of log-odds on which none_of_these is integrated is "
                f"coarser than they deserve; log P(row | none_of_these) may be off by "
                f"-{_nats(too_low(ratio, 1.0))} to +{_nats(too_high(ratio, 1.0))} nats{' each' * (len(order) > 1)}"
            )
        if self._shift:
            found.append(
                "shifts of wordings are so small (variant_sd) that the lattice of log-odds on which none_of_these is "
                "integrated is coarser than they deserve"
            )
        return found


def _nats(size: float) -> str:
    return f"{size:.0f}" if size >= 10 else f"{max(size, 0.001):.2g}"
