"""What an action leads to: expectations under do(action) in a context, the raw material of every vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from math import prod

import networkx as nx
import torch
from torch import Tensor

from bsm.engine import compile, conditional
from bsm.graph import Role, SelectionGraph
from bsm.motives.situations import Situations
from bsm.network.surgery import free, intervene
from bsm.network.tables import Network
from bsm.spec.model import Node, Seeks, SpecError


def cells(nodes: Mapping[str, Node], actions: Sequence[str]) -> list[tuple[str, ...]]:
    """The joint actions of a stage, last action fastest."""
    return list(product(*(nodes[a].states for a in actions)))


def target_weights(node: Node, seeks: Seeks) -> Tensor:
    """The number X that each state of a target counts for: its numeric value, or 1 for a named state."""
    if seeks.state is not None:
        return torch.tensor([float(s == seeks.state) for s in node.states], dtype=torch.float64)
    if node.values is None:
        raise SpecError(
            f"{node.name} is sought but its states {list(node.states)} have no numeric values; "
            "give the node `values`, or name the sought state"
        )
    return torch.tensor(node.values, dtype=torch.float64)


def mean_product(
    network: Network,
    graph: SelectionGraph,
    actions: Sequence[str],
    chosen: Situations,
    factors: Mapping[str, Tensor],
) -> Tensor:
    """E[prod_i g_i(node_i) | do(joint action), situation], shape [draw, situation, joint action].

    Args:
        network: the world; its tables for `actions` are ignored.
        graph: the same world's graph.
        actions: the action nodes of one stage; their joint states are the last axis.
        chosen: the situations; contexts without parents are set, others are conditioned on.
        factors: for each node a weight per state: numeric values for an expectation, 0/1 for an event.

    What is expected in a situation that cannot occur (see `possible`) means nothing; it is finite.
    """
    if chosen.done:
        return _by_intervention(network, graph, actions, chosen, factors)
    shape = [len(network.variables[a].states) for a in actions]
    out = torch.ones(1, len(chosen), prod(shape), dtype=torch.float64)
    inner: dict[str, Tensor] = {}
    for name, weights in factors.items():
        if name in actions:
            view = [1] * len(shape)
            view[list(actions).index(name)] = -1
            out = out * weights.reshape(view).expand(shape).reshape(1, 1, -1)
        elif name in chosen.names:
            out = out * weights[chosen.codes[:, chosen.names.index(name)]][None, :, None]
        else:
            inner[name] = weights
    return out * _expected(network, graph, actions, chosen, inner) if inner else out


def _by_intervention(
    network: Network,
    graph: SelectionGraph,
    actions: Sequence[str],
    chosen: Situations,
    factors: Mapping[str, Tensor],
) -> Tensor:
    """Situations that also set contexts which the action does not see: one intervened network a setting."""
    columns: dict[int, Tensor] = {}
    for done, members in _settings(chosen).items():
        plain = Situations(chosen.names, chosen.labels, chosen.codes[members])
        values = mean_product(intervene(network, dict(done)), graph, actions, plain, factors)
        columns.update({i: values[:, k] for k, i in enumerate(members)})
    draws = max(c.shape[0] for c in columns.values())
    return torch.stack([columns[i].expand(draws, -1) for i in range(len(chosen))], dim=1)


def _expected(
    network: Network,
    graph: SelectionGraph,
    actions: Sequence[str],
    chosen: Situations,
    factors: Mapping[str, Tensor],
) -> Tensor:
    targets = tuple(factors)
    relevant = _relevant(graph, tuple(actions), chosen.names, targets)
    roots = [n for n in relevant if not network.tables[n].parents or graph.roles[n] is Role.ACTION]
    freed = free(network, [*actions, *roots])
    probabilities = conditional(freed, targets, [*actions, *relevant], impossible="nan")
    for name in reversed(targets):
        probabilities = probabilities @ factors[name]
    flat = probabilities.reshape(probabilities.shape[0], -1, *probabilities.shape[1 + len(actions) :])
    if not relevant:
        return flat[:, None, :].expand(-1, len(chosen), -1)
    index = torch.zeros(len(chosen), dtype=torch.long)
    for n in relevant:
        j = chosen.names.index(n)
        index = index * len(chosen.labels[j]) + chosen.codes[:, j]
    picked = flat.flatten(2)[:, :, index].transpose(1, 2)
    return torch.where(torch.isnan(picked), torch.zeros_like(picked), picked)


def possible(network: Network, graph: SelectionGraph, actions: Sequence[str], chosen: Situations) -> Tensor:
    """Which situations can occur, whatever the actions and the contexts without causes are, [situation].

    A context without parents may be set to any state, even one of probability zero.
    """
    roots = [n for n in chosen.names if not network.tables[n].parents or graph.roles[n] is Role.ACTION]
    if len(roots) == len(chosen.names):
        return torch.ones(len(chosen), dtype=torch.bool)
    found = torch.zeros(len(chosen), dtype=torch.bool)
    for done, members in _settings(chosen).items():
        freed = free(intervene(network, dict(done)), [*actions, *roots])
        codes = chosen.codes[members]
        query = compile(freed, (), chosen.names, expected_rows=len(members))
        found[members] = torch.isfinite(query.drawn(codes, on_impossible="mask").log_evidence).any(0)
    return found


def _settings(chosen: Situations) -> dict[tuple[tuple[str, str], ...], list[int]]:
    """Positions of the situations, by what they set by do()."""
    parts: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for i in range(len(chosen)):
        parts.setdefault(chosen.done[i] if chosen.done else (), []).append(i)
    return parts


@lru_cache(maxsize=4096)
def _relevant(
    graph: SelectionGraph, actions: tuple[str, ...], names: tuple[str, ...], targets: tuple[str, ...]
) -> tuple[str, ...]:
    """The seen contexts on which targets depend once the actions are set: d-separation in the cut graph."""
    cut = graph.digraph.copy()
    cut.remove_edges_from([(p, a) for a in actions for p in graph.parents[a]])
    return tuple(n for n in names if not nx.is_d_separator(cut, {n}, set(targets), (set(names) | set(actions)) - {n}))
