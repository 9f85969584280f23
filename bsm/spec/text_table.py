"""Tables of text, the same wherever the library prints one."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> str:
    """Columns two blanks apart; those whose position is in `numbers` are aligned on the right.

    >>> print(aligned(("seeks", "share"), [("reward", "0.9"), ("power", "0.12")], numbers=(1,)))
    seeks   share
    reward    0.9
    power    0.12
    """
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[k]) for row in table) for k in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if k in numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in table)
