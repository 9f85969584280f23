"""From a model to a Bayesian network of the world, actions following the base policy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from bsm.engine import conditional
from bsm.graph import Role
from bsm.motives.mechanisms import table
from bsm.motives.theta import Theta
from bsm.network.surgery import drop_edge
from bsm.network.tables import Network, Table, Variable
from bsm.spec.model import Model, Motivation, Node, Rows


def variables(model: Model) -> dict[str, Variable]:
    """The model's nodes as variables, in listed order."""
    return {n.name: Variable(n.name, n.states, n.values) for n in model.nodes.values()}


class World:
    """The network of one model (or of what a motivation believes) as a function of its parameters.

    Tables are compiled once. `leave_out` names nodes whose own table is not wanted because the caller will
    intervene on them: an action that sees many contexts would otherwise need all of its base policy.
    """

    def __init__(self, model: Model, leave_out: frozenset[str] = frozenset()) -> None:
        self.model = model
        self.variables = variables(model)
        self._builders: dict[str, Callable[[Theta], Table]] = {
            node.name: _root(node) if node.name in leave_out else table(node, model.nodes)
            for node in model.nodes.values()
        }
        self._dropped = tuple(edge for edge in model.dropped_edges if edge[1] not in leave_out)

    def network(
        self, theta: Theta, replaced: Mapping[str, Table] | None = None, only: Collection[str] | None = None
    ) -> Network:
        """The network at these parameter draws.

        Args:
            theta: parameter draws.
            replaced: tables that take the place of the nodes' own.
            only: nodes to keep, closed under causes; all when absent.
        """
        wanted = self._builders if only is None or self._dropped else [n for n in self._builders if n in only]
        own = replaced or {}
        tables = {name: own[name] if name in own else self._builders[name](theta) for name in wanted}
        network = Network({name: self.variables[name] for name in wanted}, tables)
        for (parent, child), marginal in zip(self._dropped, self._marginals(theta), strict=True):
            network = drop_edge(network, parent, child, marginal)
        return network

    def _marginals(self, theta: Theta) -> list[Tensor]:
        """What stands in for the parent of each dropped edge, [draw, state]: its marginal under pi_0.

        Each is taken in the world before its own edge is dropped, whatever is then done to the actions.
        """
        if not self._dropped:
            return []
        network = Network(self._before, {name: build(theta) for name, build in self._base_builders.items()})
        found = []
        for parent, child in self._dropped:
            marginal = conditional(network, parent, ())
            found.append(marginal)
            if child in self._before:
                network = drop_edge(network, parent, child, marginal)
        return found

    @cached_property
    def _base_builders(self) -> dict[str, Callable[[Theta], Table]]:
        """Tables of the nodes that the parents of dropped edges depend on, actions following pi_0."""
        nodes = self.model.nodes
        wanted: set[str] = set()
        ahead = [parent for parent, _ in self._dropped]
        while ahead:
            name = ahead.pop()
            if name not in wanted:
                wanted.add(name)
                ahead += nodes[name].parents
        return {n: table(nodes[n], nodes) for n in nodes if n in wanted}

    @property
    def _before(self) -> dict[str, Variable]:
        return {name: self.variables[name] for name in self._base_builders}


def _root(node: Node) -> Callable[[Theta], Table]:
    k = len(node.states)
    flat = Table(node.name, (), torch.full((1, k), 1 / k, dtype=torch.float64))
    return lambda theta: flat


def context_distribution(model: Model, phase: int | None = None, levers: bool = True) -> Model:
    """The model with the context frequencies of one phase, and its levers unless told otherwise; units stay.

    A lever that the phase sets is in that state in every situation, also where the declared support lists another.
    """
    if phase is None:
        return model
    contexts, held = model.phases[phase].contexts, model.phases[phase].levers if levers else {}
    if not (contexts or held):
        return model
    nodes = dict(model.nodes)
    for name, frequencies in contexts.items():
        nodes[name] = replace(nodes[name], mechanism=Rows((), frequencies), parents=())
    for name, state in held.items():
        table = Rows((), tuple(float(s == state) for s in nodes[name].states))
        nodes[name] = replace(nodes[name], mechanism=table, default=state)
    support = model.support and tuple({n: held.get(n, s) for n, s in at.items()} for at in model.support)
    return replace(model, nodes=nodes, support=support, base=model.without_overlays)


def default_levers(model: Model) -> Model:
    """The model with every lever at its default."""
    held = {
        n: replace(node, mechanism=Rows((), tuple(float(s == node.default) for s in node.states)))
        for n, node in model.nodes.items()
        if node.role is Role.LEVER
    }
    return replace(model, nodes={**model.nodes, **held}) if held else model


def believed(model: Model, motivation: Motivation) -> Model:
    """The model as this motivation believes it to be."""
    return model.edited(motivation.beliefs) if motivation.beliefs else model
