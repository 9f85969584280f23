"""Columns that are a little off: kept, normalised with a note, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bsm.network.files import read_network
from bsm.network.reading import NormalisedColumn
from bsm.network.tables import NetworkError
from tests.peers.shipped import file_of


def test_the_column_of_alarm_is_normalised_with_a_note():
    with pytest.warns(NormalisedColumn) as seen:
        network = read_network(file_of("alarm"))
    (note,) = seen
    assert "bsm/network" not in Path(note.filename).as_posix()  # the caller is told, not the reader
    assert f"{file_of('alarm')}: 6 column(s) within 1e-06 of one were divided by their sums" in str(note.message)
    said = f"{file_of('alarm')}:160: P(HREKG | ERRCAUTER = TRUE, HR = NORMAL) sums to 0.9999998999999999"
    assert note.message.columns[1] == said
    assert said in str(note.message)
    assert network.tables["HREKG"].values[0, 0, 1].tolist() == pytest.approx([1 / 3] * 3, abs=1e-15)


@pytest.mark.parametrize("ending", [".bif", ".xdsl"])
@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ("0.5 0.4999999995", True),  # 5e-10
        ("0.5 0.499999998", False),  # 2e-9
        ("0.5 0.500001", False),  # 1e-6, as far as it may be
        ("0.5 0.50000101", None),
        ("0.5 0.4999989", None),
    ],
)
def test_what_a_column_may_be_off(ending: str, row: str, kept: bool | None, tmp_path: Path):
    path = tmp_path / f"net{ending}"
    bif = "network n {\n}\nvariable x {\n type discrete [ 2 ] { no, yes };\n}\nprobability ( x ) {\n table ROW;\n}\n"
    xdsl = (
        '<smile>\n<nodes>\n<cpt id="x">\n<state id="no"/>\n<state id="yes"/>\n\n'
        "<probabilities>ROW</probabilities></cpt></nodes></smile>"
    )
    path.write_text((bif if ending == ".bif" else xdsl).replace("ROW", row))
    given_values = torch.tensor([[float(p) for p in row.split()]], dtype=torch.float64)
    if kept is None:
        with pytest.raises(NetworkError, match=rf"net{ending}:7: P\(x\) sums to .*within 1e-06: correct its numbers"):
            read_network(path)
    elif kept:
        assert torch.equal(read_network(path).tables["x"].values, given_values)
    else:
        with pytest.warns(NormalisedColumn, match=rf"net{ending}:7: P\(x\) sums to"):
            found = read_network(path).tables["x"].values
        assert torch.equal(found, given_values / given_values.sum())


def test_columns_beside_one_that_is_normalised_stay(tmp_path: Path):
    path = tmp_path / "net.bif"
    path.write_text(
        "network n { } variable p { type discrete [2] { a b }; } variable x { type discrete [2] { a b }; }"
        "probability ( p ) { table 0.5 0.5; } probability ( x | p ) { (a) 0.3 0.7000000002; (b) 0.3 0.7000002; }"
    )
    with pytest.warns(NormalisedColumn, match=r"1 column.*P\(x \| p = b\) sums to 1.0000002"):
        found = read_network(path)
    assert found.tables["x"].values[0, 0].tolist() == [0.3, 0.7000000002]
    assert float(found.tables["x"].values[0, 1].sum()) == pytest.approx(1, abs=1e-15)


def test_many_notes_are_one(tmp_path: Path):
    path = tmp_path / "net.bif"
    states = ", ".join(f"s{i}" for i in range(9))
    rows = "".join(f"(s{i}) 0.3, 0.7000001;\n" for i in range(9))
    path.write_text(
        f"network n {{ }} variable p {{ type discrete [9] {{ {states} }}; }}"
        "variable x { type discrete [2] { a b }; }"
        f"probability ( p ) {{ table {'0.125 ' * 8} 0; }} probability ( x | p ) {{ {rows} }}"
    )
    with pytest.warns(NormalisedColumn, match="9 column.*; and 3 more") as seen:
        read_network(path)
    assert len(seen) == 1
    assert len(seen[0].message.columns) == 9
