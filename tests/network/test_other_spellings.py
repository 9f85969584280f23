"""What the formats allow beside the common way to write them, and what other programs make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bsm.network.files import read_network
from bsm.network.tables import NetworkError
from tests.network.texts import BIF, XDSL, put


def test_the_two_are_the_same_network(tmp_path: Path):
    ours = [read_network(put(tmp_path, text, ending)) for text, ending in ((BIF, ".bif"), (XDSL, ".xdsl"))]
    assert ours[0].variables == ours[1].variables
    assert ours[0].tables["grass"].values.tolist() == [[[0.8, 0.1, 0.1], [0.05, 0.15, 0.8]]]
    assert all(torch.equal(t.values, ours[1].tables[n].values) for n, t in ours[0].tables.items())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("network rain {\n}", '\ufeffnetwork "rain model" { property "by = }us" ; }'),
        ("  type discrete [ 2 ]", '  property "position = (1; 2)" ;\n  type discrete[2]'),
        ("{ no, yes }", "{no yes}"),
        ("{ no, yes }", '{ "no" "yes" }'),
        ("\n", "\r\n"),
        ("table 0.7, 0.3;", "table 0.7 .3 ; // the weather\n /* of\n many } days */"),
        ("table 0.7, 0.3;", "() 7e-1, +3.E-1;"),
        ("table 0.7, 0.3;", "default 0.7, 0.3;"),
        ("| rain )", ", rain )"),
        ("| rain )", "  rain )"),
        ("(no) 0.8, 0.1, 0.1;\n  (yes) 0.05, 0.15, 0.8;", "table 0.8, 0.05, 0.1, 0.15, 0.1, 0.8;"),
        ("(no) 0.8, 0.1, 0.1;\n  (yes) 0.05, 0.15, 0.8;", "(yes) 0.05, 0.15, 0.8;\n  (no) 0.8, 0.1, 0.1;"),
        ("  (no) 0.8, 0.1, 0.1;", "  default 0.8, 0.1, 0.1;"),
    ],
)
def test_other_ways_to_write_bif(before: str, after: str, tmp_path: Path):
    assert before in BIF
    plain, other = (read_network(put(tmp_path, text, ".bif")) for text in (BIF, BIF.replace(before, after)))
    assert other.variables == plain.variables
    assert all(torch.equal(t.values, other.tables[n].values) for n, t in plain.tables.items())


def test_tables_may_come_before_variables(tmp_path: Path):
    head, *blocks = BIF.replace("variable", "§variable").replace("probability", "§probability").split("§")
    turned = read_network(put(tmp_path, head + "".join(reversed(blocks)), ".bif"))
    assert list(turned.variables) == ["grass", "rain"]
    assert turned.tables["grass"].values[0, 1].tolist() == [0.05, 0.15, 0.8]
    broken = (head + "".join(reversed(blocks))).replace("0.15", "0.16")
    with pytest.raises(NetworkError, match=r"net.bif:5: P\(grass \| rain = yes\)"):
        read_network(put(tmp_path, broken, ".bif"))


def test_names_in_quotation_marks_may_hold_anything_printable(tmp_path: Path):
    text = BIF.replace("no", '"no {never}, // (0)"').replace("rain", '"Rain, today"')
    network = read_network(put(tmp_path, text.replace('network "Rain, today"', "network rain"), ".bif"))
    assert network.variables["Rain, today"].states == ("no {never}, // (0)", "yes")
    assert network.tables["grass"].parents == ("Rain, today",)


def test_deterministic_nodes_of_xdsl(tmp_path: Path):
    text = (
        XDSL.replace('<cpt id="grass">', '<deterministic id="grass">')
        .replace("<probabilities>0.8 0.1 0.1 0.05 0.15 0.8</probabilities>\n    </cpt>", "TABLE\n    </deterministic>")
        .replace("TABLE", "<resultingstates>dry\n wet</resultingstates><property id='note'>of mine</property>")
    )
    assert read_network(put(tmp_path, text, ".xdsl")).tables["grass"].values.tolist() == [[[1, 0, 0], [0, 0, 1]]]
    for wrong, message in [
        ("dry", "1 resulting states of 'grass' where 2 are needed"),
        ("dry wet wet", "3 resulting states of 'grass' where 2 are needed"),
        ("dry soaked", "'soaked' is not a state of 'grass'"),
    ]:
        with pytest.raises(NetworkError, match=rf"net.xdsl:14: {message}"):
            read_network(put(tmp_path, text.replace("dry\n wet", wrong), ".xdsl"))
    with pytest.raises(NetworkError, match="the state 'very wet' has a blank"):
        read_network(put(tmp_path, text.replace('id="wet"', 'id="very wet"'), ".xdsl"))


def test_columns_of_pyagrum_xdsl_come_in_another_order(tmp_path: Path):
    """With one parent its order is GeNIe's; with two it is not, and it says nothing of it."""
    from_agrum = XDSL.replace("GeNIe 5", "aGrUM 3.3.1")
    assert read_network(put(tmp_path, from_agrum, ".xdsl")).tables["grass"].parents == ("rain",)
    three = '<cpt id="c"><state id="x"/><parents>rain grass</parents><probabilities>1 1 1 1 1 1</probabilities></cpt>'
    with pytest.raises(NetworkError, match=r"written by 'aGrUM 3.3.1'.*another order.*write a .bif file"):
        read_network(put(tmp_path, from_agrum.replace("</nodes>", f"{three}</nodes>"), ".xdsl"))
