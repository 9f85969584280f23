"""Situations that a file lists, as nodes: which one it is, what it sets, what is done in it, that it is met."""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.engine import compile
from bsm.graph import Role
from bsm.motives.compile import Behaviour
from bsm.motives.network import MOTIVATION
from bsm.motives.theta import Theta
from bsm.network.surgery import intervene
from bsm.network.tables import Network, Table, Variable

Nodes = tuple[dict[str, Variable], dict[str, Table], Tensor]


def situation_nodes(network: Network, behaviour: Behaviour, theta: Theta, name: str, met: str) -> Nodes:
    """Nodes to add to, or to put in place of, those of one episode, so that it happens in the declared support.

    Given `met` = yes, situation i (state `s{i + 1}` of the node `name`) has its frequency in the support; levers, and
    what it sets without the action seeing it, are set by do(); contexts that the action sees are observed. The first
    joint action follows the policy in that situation, which expects what it sets.

    Args:
        network: the episode, contexts by their tables.
        behaviour: of the phase; its support must be a list.
        name: of the node that says which situation it is.
        met: of the node that says that the contexts are those of the situation.

    Returns:
        The nodes, and -log P(met) [draw], which is the same for every motivation.
    """
    chosen, nodes = behaviour.support, behaviour.model.nodes
    count = len(chosen)
    levers = [n for n in chosen.names if nodes[n].role is Role.LEVER]
    observed = [n for n in chosen.names if n not in levers]
    done = [{n: s for n, s in chosen.settings(i) if n in levers or n not in chosen.names} for i in range(count)]
    weights = behaviour.frequencies(theta)
    chance = _chance(network, observed, [dict(chosen.settings(i)) for i in range(count)], done)
    weights = torch.where(weights > 0, weights / torch.where(chance > 0, chance, 1.0), 0.0)
    variables = {name: Variable(name, tuple(f"s{i + 1}" for i in range(count)))}
    total = weights.sum(-1, keepdim=True)
    tables = {name: Table(name, (), weights / total)}
    for node in dict.fromkeys(n for settings in done for n in settings):
        tables[node] = _set(network, node, [settings.get(node) for settings in done], name)
    tables |= _first_actions(behaviour, theta, name)
    if observed:
        variables[met] = Variable(met, ("no", "yes"))
        tables[met] = Table(met, (name, *observed), _agrees(behaviour, observed))
    return variables, tables, total[:, 0].log()


def _chance(
    network: Network, observed: list[str], settings: list[dict[str, str]], done: list[dict[str, str]]
) -> Tensor:
    """P(the contexts that situation i observes | do(what it sets)), [draw, situation]."""
    found = []
    for at, do in zip(settings, done, strict=True):
        query = compile(intervene(network, do), (), observed, expected_rows=1)
        found.append(query.drawn([{n: at[n] for n in observed}], on_impossible="mask").log_evidence.exp())
    return torch.cat(torch.broadcast_tensors(*found), dim=1)


def _set(network: Network, node: str, states: list[str | None], name: str) -> Table:
    """The table of a node which some situations set, the situation as last parent."""
    own, variable = network.tables[node], network.variables[node]
    columns = []
    for state in states:
        point = torch.zeros_like(own.values)
        if state is not None:
            point[..., variable.code(state)] = 1.0
        columns.append(own.values if state is None else point)
    return Table(node, (*own.parents, name), torch.stack(columns, dim=-2))


def _first_actions(behaviour: Behaviour, theta: Theta, name: str) -> dict[str, Table]:
    """Tables of the actions taken first, given the motivation, the situation and the actions listed before."""
    model, actions = behaviour.model, behaviour.stages[0]
    policies = [behaviour.log_policy(m, theta, behaviour.support).exp() for m in model.motivations]
    joint = torch.stack(torch.broadcast_tensors(*policies), 1)
    joint = joint.unflatten(-1, [len(model.nodes[a].states) for a in actions])
    found = {}
    for i, action in enumerate(actions):
        last = range(4 + i, joint.ndim)
        kept = joint.sum(tuple(last)) if last else joint
        total = kept.sum(-1, keepdim=True)
        even = torch.full_like(kept, 1 / kept.shape[-1])
        values = torch.where(total > 0, kept / torch.where(total > 0, total, 1.0), even)
        found[action] = Table(action, (MOTIVATION, name, *actions[:i]), values)
    return found


def _agrees(behaviour: Behaviour, observed: list[str]) -> Tensor:
    """1 where the contexts are those of the situation, [1, situation, *observed, (no, yes)]."""
    chosen = behaviour.support
    sizes = [len(behaviour.model.nodes[n].states) for n in observed]
    yes = torch.zeros(len(chosen), *sizes, dtype=torch.float64)
    columns = [chosen.codes[:, chosen.names.index(n)] for n in observed]
    yes[(torch.arange(len(chosen)), *columns)] = 1.0
    return torch.stack([1 - yes, yes], -1)[None]
