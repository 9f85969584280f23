"""Random networks of moderate treewidth, to see what planning costs."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import torch

from bsm.engine import compile
from bsm.network.tables import Network, Table, Variable

NEAR = 8  # a node's parents are among this many nodes before it


def moderate(nodes: int, seed: int) -> Network:
    """Nodes n0, n1, ... of 2 to 4 states with up to three parents each, all among the few nodes before."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, size=nodes)
    variables, tables = {}, {}
    for i in range(nodes):
        near = range(max(0, i - NEAR), i)
        parents = sorted(rng.choice(near, size=min(len(near), int(rng.integers(0, 4))), replace=False).tolist())
        name, axes = f"n{i}", tuple(f"n{p}" for p in parents)
        values = rng.dirichlet(np.ones(sizes[i]), size=[1, *(sizes[p] for p in parents)])
        variables[name] = Variable(name, tuple(f"s{k}" for k in range(sizes[i])))
        tables[name] = Table(name, axes, torch.from_numpy(values))
    return Network(variables, tables)


def first_answer(device: str = "cpu") -> None:
    """Ask something small, so that loading libraries and compiled loops is charged to nobody."""
    network = moderate(10, seed=0)
    compile(network, "n0", ("n9",), device=device)(torch.zeros(1, 1, dtype=torch.int64, device=device))


def width(network: Network) -> int:
    """An upper bound on the treewidth: that of the min-fill order on the moral graph."""
    moral = nx.Graph()
    moral.add_nodes_from(network.variables)
    for table in network.tables.values():
        moral.add_edges_from(combinations(table.axes, 2))
    return nx.algorithms.approximation.treewidth_min_fill_in(moral)[0]
