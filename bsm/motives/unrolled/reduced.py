"""A network of some of the variables of another: the rest is summed out, exactly."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import networkx as nx
import torch

from bsm.engine import conditional
from bsm.network.surgery import free
from bsm.network.tables import Network, Table


def reduced(network: Network, roots: Sequence[str], keep: Collection[str]) -> Network:
    """The joint distribution of the kept variables given the roots, as a network again.

    A kept variable depends on those kept before it from which d-separation does not free it, so tables grow where
    common causes go. A row that cannot occur is uniform and enters nothing.

    Args:
        network: the network.
        roots: variables without parents that stay as they are.
        keep: the other variables to keep.

    Raises:
        TooLarge: an intermediate table would not fit in memory.
    """
    flat = free(network, roots)
    graph = nx.DiGraph((p, child) for child, table in network.tables.items() for p in table.parents)
    graph.add_nodes_from(network.variables)
    kept = [n for n in network.order if n in keep and n not in roots]
    tables = {n: network.tables[n] for n in roots}
    for i, name in enumerate(kept):
        parents = [*roots, *kept[:i]]
        for other in tuple(parents):
            rest = {p for p in parents if p != other}
            if nx.is_d_separator(graph, {name}, {other}, rest):
                parents.remove(other)
        values = conditional(flat, name, parents, impossible="nan")
        even = torch.full_like(values, 1 / values.shape[-1])
        tables[name] = Table(name, tuple(parents), torch.where(values.isnan(), even, values))
    listed = {n: v for n, v in network.variables.items() if n in tables}
    return Network(listed, {n: tables[n] for n in listed})
