"""Which family a motivation belongs to, read off where its targets stand relative to influence (design 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from bsm.engine import conditional
from bsm.graph import Role, SelectionGraph
from bsm.motives.seekers import target_weights
from bsm.motives.theta import Theta, central
from bsm.motives.world import World, context_distribution
from bsm.spec.model import Model, Seeks


class Family(StrEnum):
    """The maximally fit families of theory (a), and what lies outside them."""

    FITNESS_SEEKER = "fitness-seeker"  # at influence, or close upstream
    KLUDGE = "kludge"  # several targets, or one pursued only in some contexts
    INGREDIENT = "kludge ingredient"  # one target, farther upstream
    SCHEMER = "schemer"  # a consequence of influence
    BLOOD_RELATIVE = "blood relative"  # shares a cause with influence, neither cause nor consequence
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a motivation stands.

    `closeness` is Var(E[I | X]) / Var(E[I | parents of I]) under base training contexts (those of the first
    phase that has its own) and pi_0, where every target is an ancestor of influence (or influence itself, 1); None
    elsewhere. `bypasses` are the routes from an action to a downstream target that do not pass through influence.
    """

    family: Family
    closeness: float | None
    bypasses: tuple[tuple[str, ...], ...]
    intended: bool


def placement(model: Model, name: str, theta: Theta | None = None) -> Placement:
    """The family of one motivation, with closeness and bypass routes.

    The family is read off the position of the targets, whatever the sign of their weights: a pattern that
    avoids influence stands where one that seeks it stands.
    """
    motivation = model.motivations[name]
    closeness = closeness_of(model, motivation.seeks, theta)
    family = _family(model, motivation.seeks, closeness)
    return Placement(family, closeness, bypasses(model.graph, motivation.seeks), motivation.intended)


def _family(model: Model, seeks: Sequence[Seeks], closeness: float | None) -> Family:
    graph = model.graph
    below = graph.descendants(graph.influence)
    if all(s.target in below for s in seeks):
        return Family.SCHEMER
    if closeness is not None and closeness >= model.close:
        return Family.FITNESS_SEEKER
    if len(seeks) > 1 or any(s.active_in for s in seeks):
        return Family.KLUDGE
    target = seeks[0].target
    if closeness is not None:
        return Family.INGREDIENT
    shared = (graph.ancestors(target) | {target}) & graph.ancestors(graph.influence)
    causes = {n for n in shared if graph.roles[n] not in (Role.CONTEXT, Role.LEVER)}
    return Family.BLOOD_RELATIVE if causes else Family.UNRELATED


def bypasses(graph: SelectionGraph, seeks: Sequence[Seeks]) -> tuple[tuple[str, ...], ...]:
    """Directed routes from an action to a target downstream of influence that avoid influence."""
    below = graph.descendants(graph.influence)
    actions = graph.with_role(Role.ACTION)
    return tuple(
        route
        for s in seeks
        if s.target in below
        for a in actions
        for route in graph.routes(a, s.target, avoiding=graph.influence)
    )


def closeness_of(model: Model, seeks: Sequence[Seeks], theta: Theta | None = None) -> float | None:
    """Var(E[I | X]) / Var(E[I | parents of I]), X being the weighted sum of the targets.

    None where a target is not upstream of influence or is pursued in some contexts only.
    """
    graph = model.graph
    influence = graph.influence
    upstream = graph.ancestors(influence)
    if any(s.active_in for s in seeks) or not all(s.target in upstream or s.target == influence for s in seeks):
        return None
    if any(s.target == influence for s in seeks):
        return 1.0 if len(seeks) == 1 else None
    theta = theta or central(model)
    network = World(context_distribution(model, training_contexts(model), levers=False)).network(theta)
    most = _explained(network, graph.parents[influence], influence, None)
    weights = [(s.target, target_weights(model.nodes[s.target], s), float(theta.of(s.weight)[0])) for s in seeks]
    names = tuple(dict.fromkeys(t for t, _, _ in weights))
    return float("nan") if most == 0 else _explained(network, names, influence, weights) / most


def training_contexts(model: Model) -> int | None:
    """The first phase with context frequencies of its own; None where all keep the tables of the context nodes.

    Placement is taken under base training contexts: later phases (deployment among them) move no motivation to
    another family.
    """
    return next((i for i, phase in enumerate(model.phases) if phase.contexts), None)


def _explained(
    network: object, names: tuple[str, ...], influence: str, weights: list[tuple[str, Tensor, float]] | None
) -> float:
    """Var(E[influence | names]), or given their weighted sum."""
    joint = conditional(network, (*names, influence), ())[0]  # type: ignore[arg-type]
    flat = joint.reshape(-1, joint.shape[-1])
    if weights is not None:
        flat = _by_value(flat, _sums(joint.shape[:-1], names, weights))
    p = flat.sum(-1)
    kept = p > 0
    share = flat[kept, -1] / p[kept]
    mean = flat[:, -1].sum()
    return float((p[kept] * (share - mean) ** 2).sum())


def _sums(shape: Sequence[int], names: tuple[str, ...], weights: list[tuple[str, Tensor, float]]) -> Tensor:
    total = torch.zeros(*shape, dtype=torch.float64)
    for target, x, weight in weights:
        view = [1] * len(shape)
        view[names.index(target)] = -1
        total = total + weight * x.reshape(view)
    return total.reshape(-1)


def _by_value(flat: Tensor, value: Tensor) -> Tensor:
    """Rows that have the same value, added together."""
    _, which = torch.unique(torch.round(value * 1e9), return_inverse=True)
    return torch.zeros(int(which.max()) + 1, flat.shape[1], dtype=torch.float64).index_add_(0, which, flat)
