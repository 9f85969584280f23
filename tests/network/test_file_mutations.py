"""Whatever happens to a file, reading it gives a network or a `NetworkError`; and what it gives can be written."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from bsm.network.bif_writing import text_of as bif_text
from bsm.network.files import read_network, write_network
from bsm.network.reading import NormalisedColumn
from bsm.network.tables import NetworkError
from bsm.network.xdsl_writing import text_of as xdsl_text
from tests.graphs import SHAPES, network_of
from tests.network.hostile import everything

CHARACTERS = [
    *" \t\n\r\0\"'(){}[]<>;,|&/*-+.eE0159aZ_=!?#%\\",
    "é",
    "\ud7ff",
    "\u2028",
    "//",
    "/*",
    "<!",
    "]]>",
    "&#",
    "1e999",
]
WORDS = [
    "network",
    "variable",
    "probability",
    "property",
    "default",
    "table",
    "type",
    "<state id='x'/>",
    "<cpt>",
    "</cpt>",
]


def mutated(text: str, rng: np.random.Generator) -> bytes:
    """The text after up to four changes: characters or words put in, cut out, swapped, repeated, or bytes broken."""
    for _ in range(rng.integers(1, 5)):
        at, end = sorted(rng.integers(0, len(text) + 1, 2).tolist())
        end = min(end, at + int(rng.integers(1, 60)))
        kind = rng.integers(7)
        if kind <= 1:
            text = text[:at] + str(rng.choice(CHARACTERS)) + text[at + int(kind) :]
        elif kind == 2:
            text = text[:at] + text[end:]
        elif kind == 3:
            text = text[:end] + text[at:end] + text[end:]
        elif kind == 4:
            text = text[:at] + f" {rng.choice(WORDS)} " + text[at:]
        elif kind == 5:
            lines = text.split("\n")
            a, b = rng.integers(0, len(lines), 2)
            lines[a], lines[b] = lines[b], lines[a]
            text = "\n".join(lines)
        elif rng.random() < 0.1:
            text = text[:at]
    raw = bytearray(text.encode())
    if raw and rng.random() < 0.1:
        raw[rng.integers(len(raw))] = rng.integers(256)
    return bytes(raw)


@pytest.mark.parametrize("count", [1000, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ending", [".bif", ".xdsl"])
def test_mutations(ending: str, count: int, tmp_path: Path):
    rng = np.random.default_rng(count)
    network = network_of(SHAPES["diamond"], rng, states=3)
    text = (bif_text if ending == ".bif" else xdsl_text)(network)
    path, copy = tmp_path / f"net{ending}", tmp_path / "copy.xdsl"
    read = 0
    for _ in range(count):
        path.write_bytes(mutated(text, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NormalisedColumn)
                found = read_network(path)
        except NetworkError as told:
            assert str(told).startswith(f"{path}:")  # noqa: PT017
            continue
        read += 1
        write_network(found, copy)
        assert everything(read_network(copy)) == everything(found)
    assert 0.01 < read / count < 0.9  # both ways out were taken
