"""However a ledger's bytes are damaged, the answer is rows of finite numbers or a located error."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bsm.evidence import Evidence
from bsm.spec.model import Ref, SpecError
from tests.evidence import alignment
from tests.evidence.example import MODEL, text

SMALL = text(
    {"second_observation": "sly", "second_rate": "0.1", "note": '"a, b"'},
    {
        "id": "b",
        "variant": "b",
        "k": "",
        "n": "",
        "rate": "0.2",
        "ci_low": "0.1",
        "ci_high": "0.3",
        "level": "0.95",
    },
    {
        "id": "c",
        "variant": "c",
        "k": "",
        "n": "",
        "rate": "0.3",
        "rho": "",
        "n_eff": "25 to 100",
        "opinion_of": "us",
    },
    {
        "id": "d",
        "variant": "d",
        "phase": "drill",
        "step": "7.5",
        "steps": "2",
        "fpr": "0.05",
        "fnr": "$spread",
        "date": "2024",
    },
    {"id": "e", "observation": "goers"},
).encode()
PIECES = [
    b",",
    b'"',
    b"\n",
    b"\0",
    b"\xff",
    b"nan",
    b"-",
    b"1e308",
    b"1e-308",
    b" to ",
    b"$",
    b"inf",
    b"",
    b"9" * 40,
    b"\r",
]


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    """One to four edits: a slice dropped, doubled or replaced, or a cell swapped for another."""
    for _ in range(rng.integers(1, 5)):
        a, b = sorted(rng.integers(0, len(raw) + 1, size=2))
        b = min(int(b), int(a) + int(rng.integers(1, 12)))
        piece = [
            PIECES[rng.integers(len(PIECES))],
            raw[a:b] * 2,
            bytes(rng.integers(0, 256, size=3, dtype=np.uint8)),
            b"",
        ]
        raw = raw[:a] + piece[rng.integers(4)] + raw[b:]
        if rng.random() < 0.3 and raw.count(b",") > 2:
            cells = raw.split(b",")
            i, j = rng.integers(0, len(cells), size=2)
            cells[i] = cells[j]
            raw = b",".join(cells)
    return raw


def numbers(ledger: Evidence) -> list[float]:
    """Every number that a likelihood could use."""
    found: list[float] = []
    for row in ledger.rows:
        found += [row.k, row.n, row.second.k if row.second else 0.0]
        found += [x for x in (row.rho, row.n_eff, row.fpr, row.fnr) if x is not None and not isinstance(x, Ref)]
        assert 0 <= row.k <= row.n
        assert row.second is None or 0 <= row.second.k <= row.n
        assert row.rho is not None or row.n_eff is not None
        assert row.step is None or (row.phase and row.step >= 0)
    for parameter in ledger.parameters.values():
        found += [parameter.value, *(parameter.prior.args if parameter.prior else ())]
    return found + [x for b in ledger.base_rates for x in (b.k, b.n, b.rate) if x is not None]


def survive(raw: bytes, count: int, seed: int, folder: Path, model=MODEL) -> None:
    rng = np.random.default_rng(seed)
    path, accepted = folder / "evidence.csv", 0
    refused: list[str] = []
    for _ in range(count):
        path.write_bytes(mutated(raw, rng))
        try:
            ledger = Evidence.read(path, model)
        except SpecError as error:
            refused.append(str(error))
            continue
        accepted += 1
        assert all(math.isfinite(x) for x in numbers(ledger))
    assert all("evidence.csv" in message for message in refused)
    assert 0 < accepted < count  # the damage is neither always nor never noticed


def test_damaged_ledgers_end_in_finite_rows_or_a_located_error(tmp_path: Path):
    survive(SMALL, 300, seed=1, folder=tmp_path)


@pytest.mark.slow
def test_ten_thousand_damaged_ledgers(tmp_path: Path):
    survive(SMALL, 10_000, seed=2, folder=tmp_path)


@pytest.mark.slow
def test_damage_to_the_shipped_ledger(tmp_path: Path):
    raw = (alignment.FOLDER / "evidence.csv").read_bytes()
    survive(raw, 300, seed=3, folder=tmp_path, model=alignment.MODEL)
