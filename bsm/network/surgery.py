"""Changes to a network that give back a network: set a mechanism, cut an edge, replace a table.

An intervention is a network, not a kind of query, so every engine answers "what if" with no causal code of
its own, and observing cannot be mistaken for intervening.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

import torch
from torch import Tensor

from bsm.network.tables import Network, NetworkError, Table, Variable


@dataclass(frozen=True, slots=True)
class Shift:
    """An intervention that moves a variable's log-odds, in every row of its table, and keeps its parents.

    P'(s | parents) ∝ P(s | parents) · exp(nats[s]); states not named move by 0. A probability of zero stays zero,
    and only differences count: adding the same number to every state changes nothing.

    Attributes:
        nats: state -> how far its log-odds move, in nats: a number, or a tensor with one per draw, [] or [draw].

    Source: Eberhardt & Scheines (2007), *Interventions and Causal Inference* (a parametric intervention, which
    leaves the edges); the form is exponential tilting.
    """

    nats: Mapping[str, float | Tensor]


Setting = str | Mapping[str, float] | Tensor | Shift | Table


def intervene(network: Network, settings: Mapping[str, Setting]) -> Network:
    """The network after do(settings); every mechanism that is not named stays as it is.

    Args:
        settings: for each variable, one of:
            a state: the variable loses its parents and is in that state;
            a distribution, state -> probability or a tensor [draw, state]: it loses its parents and follows this;
            a `Shift`: it keeps its parents, and its log-odds move by the nats given;
            a `Table`: it gets these parents and this table, [draw, parent..., child], on the network's device.

    Returns:
        A network with the same variables. Gradients flow to the tables and to the settings that are tensors.

    Raises:
        NetworkError: an unknown variable or state; probabilities that leave a state out or do not sum to one; a
            shift that is not finite; a table of another variable, of the wrong shape, or that closes a cycle.

    Source: Pearl (2009), *Causality*, 3.2 (truncated factorisation) and 4.2 (distributions and new parents);
    Correa & Bareinboim (2020), *A Calculus for Stochastic Interventions*.
    """
    tables = dict(network.tables)
    for name, setting in settings.items():
        tables[network.variable(name).name] = _mechanism(network, network.variable(name), setting)
    return replace(network, tables=tables, known_good=network)


def _mechanism(network: Network, variable: Variable, setting: Setting) -> Table:
    if isinstance(setting, Table):
        if setting.child != variable.name:
            raise NetworkError(f"do({variable.name}): the table given is that of {setting.child}")
        for parent in setting.parents:
            network.variable(parent)
        return setting
    if isinstance(setting, Shift):
        table = network.tables[variable.name]
        return replace(table, values=_shifted(table.values, _nats(network, variable, setting)))
    if isinstance(setting, Tensor):
        return Table(variable.name, (), setting)
    if not isinstance(setting, (str, Mapping)):
        raise NetworkError(
            f"do({variable.name}): {setting!r} is no state, distribution, Shift or Table; states are text, "
            f"{list(variable.states)}"
        )
    row = _point(variable, setting) if isinstance(setting, str) else _distribution(variable, setting)
    return Table(variable.name, (), torch.tensor([row], dtype=torch.float64, device=network.device))


def _nats(network: Network, variable: Variable, shift: Shift) -> Tensor:
    """What each state moves by, [draw, state]."""
    given = {variable.code(state): (state, nats) for state, nats in shift.nats.items()}
    moved = [torch.zeros((), dtype=torch.float64, device=network.device)] * len(variable.states)
    for code, (state, nats) in given.items():
        moved[code] = torch.as_tensor(nats, dtype=torch.float64, device=network.device)
        if not bool(torch.isfinite(moved[code]).all()):
            raise NetworkError(
                f"do({variable.name}): the shift of {state!r} is {nats}, and nats are finite; to rule a state out or "
                "to make it certain, give a distribution or a state"
            )
    if any(m.ndim > 1 for m in moved) or len({network.draws, *(m.numel() for m in moved)} - {1}) > 1:
        shapes = {state: tuple(moved[code].shape) for code, (state, _) in given.items()}
        wanted = f"each is one number, or one per draw, [{network.draws}]"
        raise NetworkError(f"do({variable.name}): the shifts have the shapes {shapes}; {wanted}")
    return torch.stack(torch.broadcast_tensors(*(m.reshape(-1) for m in moved)), -1)


def _shifted(values: Tensor, nats: Tensor) -> Tensor:
    """Each row times exp(nats), over its sum; rows are scaled by their largest entry first, so none underflows."""
    nats = nats.reshape(len(nats), *[1] * (values.ndim - 2), -1)
    with torch.no_grad():  # the scale cancels, and so does its gradient
        scale = (values.clamp(min=0).log() + nats).amax(-1, keepdim=True)
    half = (nats - scale) / 2  # two halves: exp(-log p) alone may be larger than any float64
    half = torch.where(values > 0, half, half.clamp(max=350))
    weights = values * half.exp() * half.exp()
    return weights / weights.sum(-1, keepdim=True)


def free(network: Network, names: Iterable[str]) -> Network:
    """The network in which these variables are uniform roots.

    Conditioning on a freed variable is intervening on it: P(x | a) in free(network, [a]) is P(x | do(a)), for
    every state of `a` in one query.
    """
    tables = dict(network.tables)
    for name in names:
        count = len(network.variable(name).states)
        row = torch.full((1, count), 1 / count, dtype=torch.float64, device=network.device)
        tables[name] = Table(name, (), row)
    return replace(network, tables=tables, known_good=network)


def drop_edge(network: Network, parent: str, child: str, marginal: Tensor) -> Network:
    """The network without one edge: the child reads not the parent but a draw from `marginal` of its own.

    Args:
        marginal: [draw, state of parent], each row summing to one: what stands in for the parent.

    Raises:
        NetworkError: there is no such edge, or the marginal has the wrong shape or does not sum to one.
    """
    states, table = len(network.variable(parent).states), network.tables[network.variable(child).name]
    if parent not in table.parents:
        near = get_close_matches(parent, table.parents, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NetworkError(f"there is no edge {parent} -> {child}; {child} has parents {list(table.parents)}{hint}")
    if marginal.ndim != 2 or marginal.shape[1] != states:
        raise NetworkError(f"the marginal of {parent} needs shape [draw, {states}]; got {tuple(marginal.shape)}")
    if not bool(((marginal.detach().sum(1) - 1).abs() < 1e-9).all()) or bool((marginal.detach() < 0).any()):
        raise NetworkError(f"each row of the marginal of {parent} must be a distribution, within 1e-9 of one")
    axis = 1 + table.parents.index(parent)
    weights = marginal.reshape(-1, *[states if i == axis else 1 for i in range(1, table.values.ndim)])
    left = tuple(p for p in table.parents if p != parent)
    return with_table(network, Table(child, left, (table.values * weights).sum(axis)))


def one_draw(network: Network, draw: int | None = None) -> Network:
    """The network of one parameter draw, detached and on the CPU: what a file or another library can hold.

    Args:
        draw: which; needed where the tables carry more than one.

    Raises:
        NetworkError: there are several draws and none is chosen, or the one chosen does not exist.
    """
    if draw is None and network.draws > 1:
        raise NetworkError(
            f"this network carries {network.draws} parameter draws, and one can be held here: give draw=0 to "
            f"{network.draws - 1}, or build the network with its parameters held fixed"
        )
    draw = draw or 0
    if not 0 <= draw < network.draws:
        raise NetworkError(f"draw={draw} does not exist; this network has draws 0 to {network.draws - 1}")
    chosen = {
        name: replace(table, values=table.values[[draw if len(table.values) > 1 else 0]].detach().cpu())
        for name, table in network.tables.items()
    }
    return Network(network.variables, chosen)


def with_table(network: Network, table: Table) -> Network:
    """The network with the table of one of its variables replaced."""
    changed = {**network.tables, network.variable(table.child).name: table}
    return replace(network, tables=changed, known_good=network)


def _point(variable: Variable, state: str) -> list[float]:
    code = variable.code(state)
    return [float(i == code) for i in range(len(variable.states))]


def _distribution(variable: Variable, given: Mapping[str, float]) -> list[float]:
    codes = {variable.code(state): float(p) for state, p in given.items()}
    if missing := [s for i, s in enumerate(variable.states) if i not in codes]:
        raise NetworkError(f"do({variable.name}): no probability for {missing}; name every state, zeros too")
    row = [codes[i] for i in range(len(variable.states))]
    if not all(math.isfinite(p) and p >= 0 for p in row):
        raise NetworkError(f"do({variable.name}): {dict(given)} has a probability that is negative or not finite")
    if abs(sum(row) - 1) > 1e-9:
        raise NetworkError(
            f"do({variable.name}): {dict(given)} sums to {sum(row):.12g}; it must sum to one within 1e-9. "
            "Nothing is renormalised for you"
        )
    return row
