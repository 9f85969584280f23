"""Rows of evidence: cases sampled from the network itself, so that none is impossible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bsm.network.tables import Network


def sampled(network: Network, names: Sequence[str], count: int, seed: int) -> Tensor:
    """State codes [row, name] of this many worlds drawn from the network's first parameter draw."""
    rng = np.random.default_rng(seed)
    world: dict[str, np.ndarray] = {}
    for node in network.order:
        table = network.tables[node]
        columns = table.values[0].numpy()[tuple(world[p] for p in table.parents)]
        edges = np.broadcast_to(columns.cumsum(-1), (count, columns.shape[-1]))
        height = rng.random((count, 1)) * edges[:, -1:]  # so that rounding never picks a state beyond the last
        world[node] = (height >= edges).sum(-1)
    return torch.from_numpy(np.stack([world[n] for n in names], -1))


def blanked(rows: Tensor, share: float, seed: int) -> Tensor:
    """The rows with each cell missing (-1) with this probability, independently of all else."""
    missing = torch.rand(rows.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) < share
    return rows.masked_fill(missing, -1)


def unique(rows: Tensor) -> Tensor:
    """The different rows, in lexical order."""
    return torch.from_numpy(np.unique(rows.numpy(), axis=0))
