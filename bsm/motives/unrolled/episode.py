"""One selection step as a network: contexts, actions of the motivation at the time, outcomes, being selected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.motives.course.measured import chances, policy, selected_when, unexplored
from bsm.motives.course.stages import Stage
from bsm.motives.network import MOTIVATION, to_network
from bsm.motives.theta import Theta
from bsm.motives.unrolled.listed import situation_nodes
from bsm.motives.unrolled.reduced import reduced
from bsm.network.tables import Network, Table, Variable

NO_YES = ("no", "yes")


@dataclass(frozen=True, eq=False)
class Episode:
    """A selection step.

    Attributes:
        network: its nodes, with `motivation` (and what is explored) as roots whose tables are not used.
        selected: node -> state, which together mean that the AI passed the step.
        log_scale: [draw] nats that log P(selected | motivation) lacks of the log weight that a step multiplies: the
            largest pressure, and the chance that the contexts are those of the situation. The same for all.
    """

    network: Network
    selected: Mapping[str, str]
    log_scale: Tensor


def fresh(name: str, taken: Collection[str]) -> str:
    """The name, or where it is taken the first free of `name_2`, `name_3` ..."""
    found, k = name, 1
    while found in taken:
        found, k = f"{name}_{(k := k + 1)}", k
    return found


def episode(stage: Stage, theta: Theta, explored: str | None, only: Collection[str] | None) -> Episode:
    """One step of a phase.

    Args:
        stage: the phase.
        theta: the parameter draws at which it was made.
        explored: name of the node that says whether what is unexplored has been explored, in models that have it.
        only: nodes of the model to keep; all where absent. What is selected on is always kept.
    """
    model = stage.behaviour.model
    network = to_network(model, theta=theta)
    variables, tables = dict(network.variables), dict(network.tables)
    selected: dict[str, str] = {}
    situation, scale = None, torch.zeros(1, dtype=torch.float64)
    if explored is not None:
        variables[explored] = Variable(explored, NO_YES)
        tables[explored] = Table(explored, (), torch.full((1, 2), 0.5, dtype=torch.float64))
    if model.support is not None:
        situation, met = fresh("situation", variables), fresh("in_situation", variables)
        added, own, scale = situation_nodes(network, stage.behaviour, theta, situation, met)
        variables |= added
        tables |= own
        selected |= {met: "yes"} if met in variables else {}
    direct = _single(stage)
    if direct is None:
        name = fresh("selected", variables)
        variables[name] = Variable(name, NO_YES)
        tables[name] = _selection(stage, theta, name, explored, situation)
        direct = (name, "yes")
    selected[direct[0]] = direct[1]
    if stage.pressures:
        name = fresh("pressure", variables)
        nats = stage.pressure[:, :-1]
        scale = scale + nats.amax(-1)
        yes = (nats - nats.amax(-1, keepdim=True)).exp()
        variables[name] = Variable(name, NO_YES)
        tables[name] = Table(name, (MOTIVATION,), torch.stack([1 - yes, yes], -1))
        selected[name] = "yes"
    whole = Network(variables, tables)
    if only is not None:
        roots = (MOTIVATION, *([explored] if explored else []))
        whole = reduced(whole, roots, {*only, *selected})
    return Episode(whole, selected, scale)


def _single(stage: Stage) -> tuple[str, str] | None:
    """The one node and state that mean being selected; None where it takes a node of its own to say so."""
    factors = selected_when(stage.behaviour, stage.phase)
    if len(factors) > 1 or stage.phase.unexplored:
        return None
    ((name, weights),) = factors.items()
    if sorted(weights.tolist()) != [0.0] * (len(weights) - 1) + [1.0]:
        return None
    return name, stage.behaviour.model.nodes[name].states[int(weights.argmax())]


def _selection(stage: Stage, theta: Theta, name: str, explored: str | None, situation: str | None) -> Table:
    """P(selected | ...): whether its nodes are as they must be; of unexplored actions, what the base policy has."""
    behaviour, nodes = stage.behaviour, stage.behaviour.model.nodes
    factors = selected_when(behaviour, stage.phase)
    first = behaviour.stages[0] if stage.phase.unexplored else ()
    chosen = behaviour.support
    where = (situation,) if situation else chosen.names
    context = where if stage.phase.unexplored else ()
    lead = (explored,) if stage.phase.unexplored and explored else ()
    extra = tuple(n for n in factors if n not in (*first, *context))
    sizes = {n: len(nodes[n].states) for n in (*first, *chosen.names, *extra)} | dict.fromkeys(lead, 2)
    sizes |= {situation: len(chosen)} if situation else {}
    parents = (*lead, *first, *context, *extra)
    shape = [sizes[n] for n in parents]
    yes = torch.ones(1, *shape, dtype=torch.float64)
    for node, weights in factors.items():
        yes = yes * weights.reshape([-1 if n == node else 1 for n in parents])
    if lead:
        usual = _usual(stage, theta, [sizes[n] for n in context], bool(situation))
        usual = usual.reshape(len(usual), *(1 for _ in first), *usual.shape[1:], *(1 for _ in extra))
        hidden = unexplored(behaviour, stage.phase).reshape([sizes[n] for n in first])
        hidden = hidden.reshape(1, *hidden.shape, *(1 for _ in (*context, *extra)))
        draws = len(usual)
        before = torch.where(hidden, usual, yes[:, 0].expand(draws, *shape[1:]))
        yes = torch.stack([before, yes[:, 1].expand(draws, *shape[1:])], 1)
    return Table(name, parents, torch.stack([1 - yes, yes], -1))


def _usual(stage: Stage, theta: Theta, sizes: list[int], listed: bool) -> Tensor:
    """P(selected | c) of the base policy, [draw, *context]; 0 in situations outside the support."""
    behaviour = stage.behaviour
    factors = selected_when(behaviour, stage.phase)
    mean = (policy(behaviour, theta) * chances(behaviour, factors, theta)).sum(-1).clamp(0.0, 1.0)
    if listed:
        return mean
    codes = behaviour.support.codes
    full = torch.zeros(len(mean), *sizes, dtype=torch.float64)
    full[(slice(None), *codes.T)] = mean if sizes else mean[:, 0]
    return full
