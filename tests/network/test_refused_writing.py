"""What a format would lose is not written, and a file that was there stays as it was."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from bsm.network.bif_writing import text_of as bif_text
from bsm.network.files import read_network, write_network
from bsm.network.tables import Network, NetworkError, Table, Variable
from tests.graphs import SHAPES, network_of
from tests.network.hostile import everything

SMALL = network_of(SHAPES["diamond"], np.random.default_rng(0), states=3)


def one(states: tuple[str, ...], name: str = "x", values: tuple[float, ...] | None = None) -> Network:
    row = torch.full((1, len(states)), 1 / len(states), dtype=torch.float64)
    return Network({name: Variable(name, states, values)}, {name: Table(name, (), row)})


def pair(first: str, second: str) -> Network:
    row = torch.full((1, 2), 0.5, dtype=torch.float64)
    names = (first, second)
    return Network({n: Variable(n, ("0", "1")) for n in names}, {n: Table(n, (), row) for n in names})


@pytest.mark.parametrize(
    ("network", "ending", "message"),
    [
        (one(("a (b)", "c")), ".bif", r"the state 'a \(b\)' of 'x' cannot be written as BIF.*write an .xdsl file"),
        (one(("a,b", "c")), ".bif", "the state 'a,b' of 'x' cannot be written as BIF"),
        (one(("", "c")), ".bif", "the state '' of 'x' cannot be written as BIF"),
        (one(("no", "yes"), "two words"), ".bif", "the name 'two words' cannot be written as BIF"),
        (one(("no", "yes"), "a\xa0b"), ".bif", "cannot be written as BIF"),
        (one(("no", "yes"), "a\u200bb"), ".bif", "cannot be written as BIF"),
        (one(("no", "yes"), "http://x"), ".bif", "cannot be written as BIF"),
        (one(("no", "default")), ".bif", "the state 'default' of 'x' is a word of BIF itself"),
        (one(("no", "yes"), values=(0.0, 1.0)), ".bif", r"stand for numbers, \(0.0, 1.0\), which BIF cannot hold"),
        (one(("a b",)), ".bif.gz", "cannot be written as BIF"),
        (pair("Action", "action"), ".bif", "'Action' and 'action' differ only in case"),
        (one(("no", "a\0b")), ".xdsl", r"'x': 'a\\x00b' has U\+0000, which XML cannot hold"),
        (one(("no", "yes"), "\ud800"), ".xdsl", r"has U\+D800, which XML cannot hold"),
        (one(("no", "\uffff")), ".xdsl", r"has U\+FFFF, which XML cannot hold"),
        (one(("no", "yes"), values=(0.0, float("inf"))), ".xdsl", "stand for .*inf.*; files hold finite numbers"),
        (one(("no", "yes"), values=(0.0, float("nan"))), ".xdsl", "files hold finite numbers"),
        (one(("no", "s" * 5000)), ".xdsl", "cannot be read back: .*a name of 5000 characters"),
        (Network({}, {}), ".xdsl", "has no variables; there is nothing to write"),
        (SMALL, ".net", r"net.net: networks are read from and written to files ending in .bif, .bif.gz, .xdsl"),
        (SMALL, "", "files ending in .bif, .bif.gz, .xdsl"),
        (SMALL, ".xdsl.gz", "files ending in .bif, .bif.gz, .xdsl"),
    ],
)
def test_what_cannot_be_written(network: Network, ending: str, message: str, tmp_path: Path):
    path = tmp_path / f"net{ending}"
    path.write_text("as it was")
    with pytest.raises(NetworkError, match=message) as told:
        write_network(network, path)
    assert [p.name for p in tmp_path.iterdir()] == [f"net{ending}"]
    assert path.read_text() == "as it was"
    assert f".net{ending}." not in str(told.value)  # the place it was first written to is nobody's business


def test_a_file_is_written_to_a_folder_that_exists(tmp_path: Path):
    with pytest.raises(NetworkError, match="there is no folder"):
        write_network(SMALL, tmp_path / "none" / "net.bif")
    (tmp_path / "net.bif").mkdir()
    with pytest.raises(NetworkError, match="is a folder"):
        write_network(SMALL, tmp_path / "net.bif")


def test_what_is_written_is_read_back_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A writer that rounds is caught, and the file that was there stays."""
    write_network(SMALL, tmp_path / "net.bif")
    before = (tmp_path / "net.bif").read_bytes()
    text = bif_text(SMALL)
    figure = next(word for word in text.split() if word.startswith("0.") and len(word) > 14).strip(",;")
    monkeypatch.setattr("bsm.network.bif_writing.text_of", lambda _: text.replace(figure, figure[:14]))
    with pytest.raises(NetworkError, match="nothing is kept, for what was written reads back differently"):
        write_network(SMALL, tmp_path / "net.bif")
    assert (tmp_path / "net.bif").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.bif"]


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path):
    write_network(SMALL, tmp_path / "net.bif")
    (tmp_path / "plain").touch()
    assert (tmp_path / "net.bif").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "net.bif").chmod(0o640)
    write_network(SMALL, tmp_path / "net.bif")
    assert (tmp_path / "net.bif").stat().st_mode & 0o777 == 0o640


def test_no_warning_where_nothing_was_changed(tmp_path: Path):
    write_network(SMALL, tmp_path / "net.BIF")  # the case of an ending does not matter
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert everything(read_network(str(tmp_path / "net.BIF"))) == everything(SMALL)
