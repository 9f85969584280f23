"""The other engines, each used in the fastest right way known to us, on the same tables and the same rows.

Each peer is built once and kept warm. Its `posteriors(rows)` answers P(target | row) [row, state] for integer
codes, -1 where a cell is missing. What building costs is not part of its time per row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from opt_einsum import get_symbol
from torch import Tensor

from bsm.network.bridge import to_pgmpy, without_known_warning
from bsm.network.tables import Network

MISSING = -1


class Peer(Protocol):
    def posteriors(self, rows: Tensor) -> np.ndarray: ...


def agrum_network(network: Network, draw: int = 0) -> Any:
    """The network as a pyAgrum `BayesNet` with the same names and order of states."""
    import pyagrum

    made = pyagrum.BayesNet()
    for name, variable in network.variables.items():
        made.add(pyagrum.LabelizedVariable(name, name, list(variable.states)))
    for child, table in network.tables.items():
        for parent in table.parents:
            made.addArc(parent, child)
    fill(made, flattened(made, network, draw))
    return made


def fill(made: Any, flat: Mapping[str, list[float]]) -> None:
    """Write tables into a pyAgrum network of the same structure; `flat` is what `flattened` gives."""
    for child, numbers in flat.items():
        made.cpt(child).fillWith(numbers)


def flattened(made: Any, network: Network, draw: int) -> dict[str, list[float]]:
    """The tables of one parameter draw as pyAgrum takes them: flat, the first of a table's own names runs fastest."""
    flat = {}
    for child, table in network.tables.items():
        values = table.values[draw if len(table.values) > 1 else 0]
        axes = [table.axes.index(name) for name in reversed(made.cpt(child).names)]
        flat[child] = values.permute(axes).flatten().tolist()
    return flat


class Agrum:
    """pyAgrum's `LazyPropagation`, kept warm; only evidence that differs from the last row is changed.

    That is two to four times faster than `setEvidence` on each row, because messages that do not depend on
    what changed are kept. Rows in lexical order keep most.
    """

    def __init__(self, network: Network, target: str, seen: Sequence[str], made: Any = None) -> None:
        import pyagrum

        self.network = agrum_network(network) if made is None else made
        self.engine = pyagrum.LazyPropagation(self.network)
        self.engine.setNumberOfThreads(1)
        self.engine.eraseAllTargets()
        self.target = self.network.idFromName(target)
        self.engine.addTarget(self.target)
        self.ids = [self.network.idFromName(name) for name in seen]
        self.last = [MISSING] * len(self.ids)

    def observe(self, row: Sequence[int]) -> None:
        """Make this row the evidence."""
        engine = self.engine
        for node, state, before in zip(self.ids, row, self.last, strict=True):
            if state == before:
                continue
            if state == MISSING:
                engine.eraseEvidence(node)
            elif before == MISSING:
                engine.addEvidence(node, state)
            else:
                engine.chgEvidence(node, state)
        self.last = list(row)

    def posteriors(self, rows: Tensor) -> np.ndarray:
        answers = []
        for row in rows.tolist():
            self.observe(row)
            answers.append(self.engine.posterior(self.target).toarray())
        return np.array(answers)


class AgrumPlain(Agrum):
    """pyAgrum's `LazyPropagation` as its tutorials use it: the whole evidence is set anew for each row."""

    def observe(self, row: Sequence[int]) -> None:
        self.engine.setEvidence({n: s for n, s in zip(self.ids, row, strict=True) if s != MISSING})


class Pgmpy:
    """pgmpy's `VariableElimination`, one query for each row."""

    def __init__(self, network: Network, target: str, seen: Sequence[str]) -> None:
        with without_known_warning():
            from pgmpy.inference import VariableElimination
        self.engine = VariableElimination(to_pgmpy(network))
        self.network, self.target, self.seen = network, target, tuple(seen)

    def posteriors(self, rows: Tensor) -> np.ndarray:
        states = [self.network.variables[name].states for name in self.seen]
        answers = []
        for row in rows.tolist():
            evidence = {n: k[s] for n, k, s in zip(self.seen, states, row, strict=True) if s != MISSING}
            found = self.engine.query([self.target], evidence=evidence, show_progress=False)
            assert tuple(found.state_names[self.target]) == self.network.variables[self.target].states
            answers.append(np.asarray(found.values))
        return np.array(answers)


class PyroContract:
    """`pyro.ops.contract.einsum` over many complete rows at once, in probability space.

    Barren nodes are dropped. Each table is indexed by what was seen, which gives it a row axis; tables that
    see no evidence keep none. Rows are taken `chunk` at a time.
    """

    def __init__(self, network: Network, target: str, seen: Sequence[str], chunk: int = 1000) -> None:
        self.network, self.target, self.seen, self.chunk = network, target, tuple(seen), chunk
        self.row = get_symbol(len(network.variables))
        self.symbols = {name: get_symbol(i) for i, name in enumerate(network.variables)}
        self.output = self.row + self.symbols[target]
        self.tables = [network.tables[n] for n in relevant(network, (target, *seen))]

    def posteriors(self, rows: Tensor) -> np.ndarray:
        return torch.cat([self._part(part) for part in rows.split(self.chunk)]).numpy()

    def _part(self, rows: Tensor) -> Tensor:
        from pyro.ops.contract import einsum

        codes = dict(zip(self.seen, rows.T, strict=True))
        names, factors = [], []
        for table in self.tables:
            hidden = [n for n in table.axes if n not in codes]
            values = table.values[0].permute([table.axes.index(n) for n in (*seen_of(table.axes, codes), *hidden)])
            index = tuple(codes[n] for n in seen_of(table.axes, codes))
            factors.append(values[index] if index else values)
            names.append((self.row if index else "") + "".join(self.symbols[n] for n in hidden))
        (joint,) = einsum(f"{','.join(names)}->{self.output}", *factors, modulo_total=True)
        return joint / joint.sum(-1, keepdim=True)


def seen_of(axes: Sequence[str], codes: dict[str, Tensor]) -> list[str]:
    return [n for n in axes if n in codes]


def relevant(network: Network, names: Sequence[str]) -> list[str]:
    """These variables and their ancestors, parents first; all others are barren."""
    wanted = set(names)
    for name in reversed(network.order):
        if name in wanted:
            wanted.update(network.tables[name].parents)
    return [n for n in network.order if n in wanted]
