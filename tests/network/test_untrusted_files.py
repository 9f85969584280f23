"""Files made to harm, damaged files, and files that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bsm.network.files import read_network
from bsm.network.tables import NetworkError
from tests.network.texts import BIF, put


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE s [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><smile>&b;</smile>', "a DOCTYPE"),
        ('<!DOCTYPE s SYSTEM "file:///etc/hostname"><smile/>', "a DOCTYPE"),
        ("<smile><extensions>" + "<a>" * 1000, "64 deep; this is no network"),
        (
            "<smile " + " ".join(f'a{i}=""' for i in range(300_000)) + "/>",
            "a tag or comment of more than 1048576 bytes",
        ),
        ("<smile><!--" + " " * 2**22 + "--></smile>", "a tag or comment of more than 1048576 bytes"),
    ],
)
def test_harmful_xml(text: str, message: str, tmp_path: Path):
    with pytest.raises(NetworkError, match=message):
        read_network(put(tmp_path, text, ".xdsl"))


def test_sizes_are_bounded_before_memory_is_taken(tmp_path: Path):
    """A few lines of BIF can ask for a table of any size."""
    names = [f"v{i}" for i in range(40)]
    text = "network n { }" + "".join(f"variable {n} {{ type discrete [2] {{ a b }}; }}\n" for n in names)
    path = put(tmp_path, text + f"probability ( v39 | {', '.join(names[:39])} ) {{ default 1, 0; }}", ".bif")
    with pytest.raises(NetworkError, match=r"net.bif:41: the table of 'v39' takes 8.8e\+12 bytes and all tables"):
        read_network(path)
    ones = "".join(f"probability ( v{i} | {', '.join(names[:i])} ) {{ default 1, 0; }}\n" for i in range(24))
    with pytest.raises(
        NetworkError, match=r"the table of 'v16' takes 1.05e\+06 bytes and all tables of this file may take 1.05e\+06"
    ):
        read_network(put(tmp_path, text + ones, ".bif"), max_bytes=2**20)


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("network n { } variable v { type discrete [ 9999999 ] { a b }; }", ".bif"),
        ("<smile><nodes>" + "<cpt id='v'/>" * 1001, ".xdsl"),
    ],
    ids=["bif", "xdsl"],
)
def test_names_are_counted_before_they_are_kept(
    text: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bsm.network.reading.MOST_NAMES", 1000)
    with pytest.raises(NetworkError, match=rf"net{ending}:1: more than 1000 variables and states"):
        read_network(put(tmp_path, text, ending))


def test_a_table_of_too_many_parents(tmp_path: Path):
    names = [f"v{i}" for i in range(70)]
    text = "network n { }" + "".join(f"variable {n} {{ type discrete [1] {{ a }}; }}\n" for n in names)
    with pytest.raises(NetworkError, match="'v69' has 69 parents; at most 60 can be held"):
        read_network(put(tmp_path, text + f"probability ( v69 | {', '.join(names[:69])} ) {{ default 1; }}", ".bif"))


def test_long_texts_are_refused_and_so_are_bombs(tmp_path: Path):
    path = tmp_path / "net.bif.gz"
    path.write_bytes(gzip.compress(b" " * 3 * 10**8))
    with pytest.raises(
        NetworkError, match=r"more than 268435456 bytes of text; if it is to be trusted, give .* max_bytes"
    ):
        read_network(path)
    path.write_bytes(gzip.compress(BIF.encode()))
    assert len(read_network(path, max_bytes=len(BIF)).variables) == 2
    with pytest.raises(NetworkError, match="more than 100 bytes"):
        read_network(path, max_bytes=100)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"network", "not a sound gzip file", id="no archive"),
        pytest.param(gzip.compress(BIF.encode())[:-9], "not a sound gzip file", id="cut short"),
        pytest.param(gzip.compress(BIF.encode())[:40] + b"\0" * 40, "not a sound gzip file", id="overwritten"),
        pytest.param(b"", "'network' is needed here; got the end of the file", id="empty"),
        pytest.param(
            gzip.compress(b"network n {\n}\nvariable caf\xe9"),
            ":3: not UTF-8 text .*; save the file as UTF-8",
            id="not UTF-8",
        ),
    ],
)
def test_damaged_archives(raw: bytes, message: str, tmp_path: Path):
    (tmp_path / "net.bif.gz").write_bytes(raw)
    with pytest.raises(NetworkError, match=message):
        read_network(tmp_path / "net.bif.gz")


def test_files_that_are_none(tmp_path: Path):
    with pytest.raises(NetworkError, match=r"none.bif: does not exist; give the path of a file ending in .bif or"):
        read_network(tmp_path / "none.bif")
    (tmp_path / "folder.xdsl").mkdir()
    with pytest.raises(NetworkError, match="is a folder, not a file"):
        read_network(tmp_path / "folder.xdsl")
    for name in ("net.net", "net", ".bif", "net.bif.zip", "net.uai"):
        with pytest.raises(NetworkError, match=r"read from and written to files ending in .bif, .bif.gz, .xdsl"):
            read_network(tmp_path / name)
