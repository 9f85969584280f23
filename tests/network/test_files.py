"""Files carry every name and every bit, or are refused; what pgmpy reads in ours is what we wrote."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

import bsm
from bsm.network.bif_writing import text_of as bif_text
from bsm.network.bridge import without_known_warning
from bsm.network.files import read_network, write_network
from bsm.network.tables import Network, NetworkError, Table, Variable
from tests.graphs import SHAPES, network_of
from tests.network.hostile import NASTY, PLAIN_NAME, everything, networks
from tests.peers.shipped import NAMES, file_of, shipped

FOLDER_STAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the file is written anew
SMALL = network_of(SHAPES["diamond"], np.random.default_rng(0), states=3)


@given(networks())
@FOLDER_STAYS
def test_xdsl_carries_every_network(tmp_path: Path, network: Network):
    write_network(network, tmp_path / "net.xdsl")
    assert everything(read_network(tmp_path / "net.xdsl")) == everything(network)
    assert [p.name for p in tmp_path.iterdir()] == ["net.xdsl"]  # nothing is left beside it


def test_xdsl_carries_each_nasty_name(tmp_path: Path):
    """Of variables, of parents and of states: a chain through all of them."""
    variables = {name: Variable(name, NASTY) for name in NASTY}
    rows = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(len(NASTY)), (1, len(NASTY))))
    tables = {NASTY[0]: Table(NASTY[0], (), rows[:, 0])}
    for parent, child in pairwise(NASTY):
        tables[child] = Table(child, (parent,), rows)
    network = Network(variables, tables)
    write_network(network, tmp_path / "net.xdsl")
    assert everything(read_network(tmp_path / "net.xdsl")) == everything(network)


@given(networks(PLAIN_NAME, values=False))
@FOLDER_STAYS
def test_bif_carries_plain_names(tmp_path: Path, network: Network):
    for ending in (".bif", ".bif.gz"):
        try:
            write_network(network, tmp_path / f"net{ending}")
        except NetworkError as refused:
            assert "differ only in case" in str(refused) or "//" in str(refused)  # noqa: PT017
        else:
            assert everything(read_network(tmp_path / f"net{ending}")) == everything(network)


@given(networks())
@FOLDER_STAYS
def test_bif_is_right_or_refused(tmp_path: Path, network: Network):
    try:
        write_network(network, tmp_path / "net.bif")
    except NetworkError as refused:
        assert "write an .xdsl file instead" in str(refused)  # noqa: PT017
    else:
        assert everything(read_network(tmp_path / "net.bif")) == everything(network)


@pytest.mark.parametrize("count", [2, pytest.param(150, marks=pytest.mark.slow)])
def test_pgmpy_reads_the_bif_alike(count: int):
    """What is not refused means the same to pgmpy: the guard is where pgmpy is wrong."""
    with without_known_warning():
        from pgmpy.readwrite import BIFReader

    @given(networks(PLAIN_NAME, values=False, most=15))  # few and large: its reader takes a second to begin
    @settings(max_examples=count)
    def check(network: Network) -> None:
        try:
            text = bif_text(network)
        except NetworkError:
            return
        _assert_same(BIFReader(string=text).get_model(), network)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_shipped_networks(name: str, tmp_path: Path):
    """Numbers as pgmpy reads them; then there and back through each format, which pgmpy reads alike."""
    with without_known_warning():
        from pgmpy.readwrite import BIFReader, XDSLReader
    network = shipped(name)
    original = BIFReader(string=gzip.decompress(file_of(name).read_bytes()).decode()).get_model()
    _assert_same(original, network, off=1e-7 if name == "alarm" else 0)
    for ending in (".bif", ".bif.gz", ".xdsl"):
        write_network(network, tmp_path / f"net{ending}")
        assert everything(read_network(tmp_path / f"net{ending}")) == everything(network)
    _assert_same(XDSLReader(path=str(tmp_path / "net.xdsl")).get_model(), network)


def _assert_same(model: object, network: Network, off: float = 0) -> None:
    assert set(model.nodes()) == set(network.variables)
    for name, table in network.tables.items():
        cpd = model.get_cpds(name)
        assert tuple(cpd.variables) == (name, *table.parents)
        assert {n: tuple(s) for n, s in cpd.state_names.items()} == {n: network.variables[n].states for n in table.axes}
        np.testing.assert_allclose(np.moveaxis(cpd.values, 0, -1), table.values[0], rtol=0, atol=off)


def test_a_draw_is_chosen_and_gradients_do_not_matter(tmp_path: Path):
    network = network_of(SHAPES["chain"], np.random.default_rng(0), draws=3)
    with pytest.raises(NetworkError, match=r"carries 3 parameter draws.*give draw=0 to 2"):
        bsm.write_network(network, tmp_path / "net.xdsl")
    network.tables["a"].values.requires_grad_(True)
    bsm.write_network(network, tmp_path / "net.xdsl", draw=2)
    found = bsm.read_network(tmp_path / "net.xdsl")
    assert all(torch.equal(found.tables[n].values[0], t.values[2]) for n, t in network.tables.items())
    assert not found.tables["a"].values.requires_grad


def test_writing_is_repeatable(tmp_path: Path):
    for ending in (".bif", ".bif.gz", ".xdsl"):
        paths = [tmp_path / f"{i}{ending}" for i in range(2)]
        for path in paths:
            write_network(SMALL, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_xdsl_lists_parents_first_and_keeps_the_order(tmp_path: Path):
    """Readers may want parents before children; the order of the network comes back all the same."""
    turned = Network(dict(reversed(SMALL.variables.items())), SMALL.tables)
    write_network(turned, tmp_path / "net.xdsl")
    text = (tmp_path / "net.xdsl").read_text()
    assert text.index('cpt id="a"') < text.index('cpt id="b"') < text.index('cpt id="d"')
    assert list(read_network(tmp_path / "net.xdsl").variables) == ["d", "c", "b", "a"]
    write_network(SMALL, tmp_path / "net.xdsl")
    assert "bsm_" not in (tmp_path / "net.xdsl").read_text()  # nothing of ours where the format has room
