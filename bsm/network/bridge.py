"""The only file that knows pgmpy: its classes move in every minor release, so the rest of bsm never sees one.

pgmpy is good for holding a network, for d-separation and for `VariableElimination` as an independent check.
It lets impossible evidence through as NaN and columns that sum to 1.004 as they are; ours refuses both. Its readers
and writers of files lose names and numbers, so files are `bsm.network.files`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bsm.network.surgery import one_draw
from bsm.network.tables import Network

if TYPE_CHECKING:
    from pgmpy.models import DiscreteBayesianNetwork

# `import pgmpy.inference` of 1.1.2 warns about a module of its own; a caller can do nothing about it
KNOWN_WARNING = (
    "`pgmpy.estimators.StructureScore` is deprecated and will be removed in v1.3.0. "
    "Use `pgmpy.structure_score` instead."
)


@contextmanager
def without_known_warning() -> Iterator[None]:
    """Import pgmpy inside this: its known `FutureWarning` is dropped by its exact text, others are shown."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f"{re.escape(KNOWN_WARNING)}$", category=FutureWarning)
        yield


def to_pgmpy(network: Network, draw: int | None = None) -> DiscreteBayesianNetwork:
    """The network as a pgmpy `DiscreteBayesianNetwork` with the same names, states and order of states.

    Args:
        draw: which parameter draw to take; needed where the tables carry more than one.

    Raises:
        NetworkError: there are several draws and none is chosen, or the one chosen does not exist.
    """
    network = one_draw(network, draw)
    with without_known_warning():
        from pgmpy.factors.discrete import TabularCPD
        from pgmpy.models import DiscreteBayesianNetwork

    model = DiscreteBayesianNetwork()
    model.add_nodes_from(network.variables)
    for child, table in network.tables.items():
        model.add_edges_from((parent, child) for parent in table.parents)
        states = {name: list(network.variables[name].states) for name in table.axes}
        cpd = TabularCPD(
            child,
            len(states[child]),
            table.values.reshape(-1, len(states[child])).T.numpy(),
            evidence=list(table.parents),
            evidence_card=[len(states[parent]) for parent in table.parents],
            state_names=states,
        )
        model.add_cpds(cpd)
    model.check_model()
    return model
