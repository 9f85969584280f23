"""Where counts are too sharp for the lattice of none_of_these, the note names the row and how far off it may be."""

from __future__ import annotations

import re

import pytest
from scipy import stats

from bsm.inference.hypotheses import Hypotheses
from tests.evidence.test_none_of_these import free
from tests.inference.examples import at_centre, ledger, small

OPEN = {"k": 0, "n": 1, "c": "u"}  # one episode: its likelihood is wide, and so is the lattice that all rows share


def notes(*rows: dict) -> list[str]:
    h = Hypotheses(small(), ledger(small(), *rows))
    h.free.log_evidence(at_centre(h))
    h.free.log_evidence(at_centre(h))
    return h.free.notes


@pytest.mark.parametrize("n", [300_000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("share", [0.3, 0.30013, 0.3021])
def test_the_note_names_the_row_and_bounds_its_error(n: int, share: float) -> None:
    sharp = {"k": int(share * n), "n": n, "c": "v"}
    (note,) = notes(OPEN, sharp)
    assert note.startswith("line 3 (r1): counts so sharp")
    low, high = (float(x) for x in re.findall(r"[-+][0-9.]+", note)[-2:])
    exact = stats.betabinom.logpmf(sharp["k"], n, 2, 4) + stats.betabinom.logpmf(0, 1, 2, 4)
    off = free(small(), OPEN, sharp) - exact
    assert 1.1 * low - 0.1 <= off <= 1.1 * high + 0.1  # widths are rough


def test_counts_that_the_lattice_can_follow_have_no_note() -> None:
    assert notes(OPEN, {"k": 300, "n": 1000, "c": "v"}) == []


def test_of_many_rows_the_sharpest_are_named() -> None:
    rows = [{"k": 300_000 + i, "n": 1_000_000 + i, "c": "v", "variant": f"w{i}"} for i in range(9)]
    (note,) = [one for one in notes(OPEN, *rows) if "counts so sharp" in one]
    assert note.startswith("line 11 (r9), line 10 (r8)")
    assert "and 3 more" in note
    assert note.endswith("nats each")
