"""The networks that ship inside pgmpy, as its peers in tests and benchmarks get them; nothing is downloaded."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

from bsm.network.files import read_network
from bsm.network.reading import NormalisedColumn
from bsm.network.tables import Network

NAMES = ("asia", "child", "alarm", "insurance")


def file_of(name: str) -> Path:
    """The .bif.gz of a network in the installed pgmpy; pgmpy itself is not imported, which takes seconds."""
    found = find_spec("pgmpy")
    assert found is not None, "pgmpy is not installed"
    return Path(str(found.origin)).parent / "utils" / "example_models" / f"{name}.bif.gz"


def shipped(name: str) -> Network:
    """One of these networks; its columns off by up to 1e-6 (alarm has some) are normalised without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NormalisedColumn)
        return read_network(file_of(name))
