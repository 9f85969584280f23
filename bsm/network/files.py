"""Networks in files: BIF and XDSL, read and written so that no name and no number is lost or altered unsaid."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from pathlib import Path
from uuid import uuid4

import torch

from bsm.network import bif_reading, bif_writing, xdsl_reading, xdsl_writing
from bsm.network.reading import Reading
from bsm.network.surgery import one_draw
from bsm.network.tables import Network, NetworkError

ENDINGS = (".bif", ".bif.gz", ".xdsl")
MOST_BYTES = 256 * 2**20  # of text, once decompressed, and of tables


def read_network(path: str | Path, *, max_bytes: int = MOST_BYTES) -> Network:
    """A network from a BIF file (.bif, .bif.gz) or an XDSL file (.xdsl); the file need not be trusted.

    Names and the order of variables, parents and states are as in the file, states are always text, and every
    number is the float64 nearest to its decimals. Columns within 1e-9 of one stay as they are. Columns within
    1e-6 are divided by their sums, with one `NormalisedColumn` warning that names them. Not read, for they are
    no part of the network: its own name, comments, properties, costs and layout.

    Args:
        max_bytes: the longest text accepted, after decompression, and the most memory that its tables may take.

    Returns:
        A network of one draw on the CPU.

    Raises:
        NetworkError: the file is missing, of another kind, too large or damaged; a node that is not discrete; a
            table that is incomplete, misspelt, or off by more than 1e-6; a DOCTYPE. File and line are named.

    Warns:
        NormalisedColumn: columns were off by between 1e-9 and 1e-6; its `columns` lists all of them.

    Source: Cozman (1998), *The Interchange Format for Bayesian Networks*; BayesFusion, *GeNIe*, "XDSL file format".
    """
    ending = _ending(path)
    if not Path(path).is_file():
        what = "is a folder, not a file" if Path(path).is_dir() else "does not exist"
        raise NetworkError(f"{path}: {what}; give the path of a file ending in {' or '.join(ENDINGS)}")
    raw = _bytes(Path(path), ending, max_bytes)
    reading = Reading(path, max_bytes)
    if ending == ".xdsl":
        return xdsl_reading.parse(raw, reading)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise reading.error(line, f"not UTF-8 text ({error.reason}); save the file as UTF-8") from None
    return bif_reading.parse(text, reading)


def write_network(network: Network, path: str | Path, *, draw: int | None = None) -> None:
    """Write a network to a BIF file (.bif, .bif.gz) or an XDSL file (.xdsl).

    `read_network` gives back the same variables, states, parents and float64 bits: this is checked on what was
    written before the file gets its name, so that a file already there stays as it was until then. XDSL holds
    every static network, the numbers that states stand for included. BIF holds plain names only.

    Args:
        draw: which parameter draw to write; needed where the tables carry more than one.

    Raises:
        NetworkError: another ending; several draws and none chosen; what the format would lose or alter, with
            the remedy: for BIF names with blanks, brackets, commas or quotation marks, names that differ only in
            case, and values of states; for XDSL control characters and values that are not finite.
    """
    ending = _ending(path)
    network = one_draw(network, draw)
    if not network.variables:
        raise NetworkError("the network has no variables; there is nothing to write")
    raw = (xdsl_writing if ending == ".xdsl" else bif_writing).text_of(network).encode()
    size = sum(8 * table.values.numel() for table in network.tables.values())
    final = Path(path)
    if final.is_dir() or not final.parent.is_dir():
        what = "is a folder" if final.is_dir() else f"there is no folder {final.parent}"
        raise NetworkError(f"{path}: {what}; give the path of a file in a folder that exists")
    beside = final.with_name(f".{final.name[:40]}.{uuid4().hex}{ending}")
    try:
        with open(beside, "xb") as file:
            file.write(gzip.compress(raw, mtime=0) if ending.endswith(".gz") else raw)
        _check_same(network, beside, final, max(MOST_BYTES, len(raw), size))
        if final.exists():
            shutil.copymode(final, beside)
        os.replace(beside, final)
    finally:
        beside.unlink(missing_ok=True)


def _ending(path: str | Path) -> str:
    name = Path(path).name.lower()
    for ending in ENDINGS:
        if name.endswith(ending) and name != ending:
            return ending
    raise NetworkError(f"{path}: networks are read from and written to files ending in {', '.join(ENDINGS)}")


def _bytes(path: Path, ending: str, most: int) -> bytes:
    """What is in the file, decompressed; never more than a byte over the limit is held."""
    try:
        with gzip.open(path) if ending.endswith(".gz") else open(path, "rb") as file:
            raw = file.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NetworkError(f"{path}: not a sound gzip file ({error}); compress the .bif again") from None
    if len(raw) > most:
        raise NetworkError(
            f"{path}: more than {most} bytes of text; if it is to be trusted, give read_network a larger max_bytes"
        )
    return raw


def _check_same(network: Network, written: Path, path: Path, most: int) -> None:
    """Names, order and bits, as reading back what was written shows them."""
    try:
        found = read_network(written, max_bytes=most)
    except NetworkError as error:
        told = str(error).replace(str(written), str(path))
        raise NetworkError(f"{path}: nothing is kept, for what was written cannot be read back: {told}") from None
    same = list(network.variables.values()) == list(found.variables.values()) and all(
        table.parents == found.tables[name].parents
        and torch.equal(table.values.view(torch.int64), found.tables[name].values.view(torch.int64))
        for name, table in network.tables.items()
    )
    if not same:
        raise NetworkError(f"{path}: nothing is kept, for what was written reads back differently; please report this")
