"""From motivations to derived policies and what they cause (design 3, policy and fitness)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property

import networkx as nx
import torch
from torch import Tensor

from bsm.engine import ImpossibleEvidence
from bsm.motives.mechanisms import compiled, configurations, table
from bsm.motives.seekers import cells, mean_product, possible, target_weights
from bsm.motives.situations import Frequencies, Situations, every, seen, support
from bsm.motives.theta import Theta
from bsm.motives.world import World, believed, default_levers
from bsm.network.tables import Table
from bsm.spec.model import Model, Motivation, Ref, Seeks

GREEDY_TOLERANCE = 1e-9  # relative to the spread of the votes: actions this close to the best are tied
ROUNDING = 1e-12  # relative to the largest expectation: a smaller spread is rounding, and nothing is moved


def references(thing: object) -> frozenset[str]:
    """Names of the parameters that a piece of a model refers to."""
    if isinstance(thing, Ref):
        return frozenset({thing.parameter})
    if is_dataclass(thing):
        return frozenset().union(*(references(getattr(thing, f.name)) for f in fields(thing)), frozenset())
    if isinstance(thing, Mapping):
        return frozenset().union(*(references(v) for v in thing.values()), frozenset())
    if isinstance(thing, tuple):
        return frozenset().union(*(references(v) for v in thing), frozenset())
    return frozenset()


@dataclass(frozen=True, eq=False)
class Votes:
    """What a motivation would vote for, in range units, before strength.

    `values` is [draw, situation, joint action]. `movable` is False where no situation has a spread,
    so that the policy is the base policy.
    """

    values: Tensor
    movable: bool


class Remembered:
    """Keeps results that do not depend on uncertain parameters, so that a posterior computes them once."""

    def __init__(self) -> None:
        self._kept: dict[object, Tensor] = {}

    def get(self, key: tuple, used: frozenset[str], theta: Theta, make: Callable[[], Tensor]) -> Tensor:
        """`make()`, or what it gave before at the same values of the parameters it uses."""
        involved = [theta.values[p] for p in sorted(used)]
        if any(v.numel() > 1 or v.requires_grad for v in involved):
            return make()
        full = (key, tuple(float(v) for v in involved))
        if full not in self._kept:
            self._kept[full] = make()
        return self._kept[full]


class Scene:
    """One graph with its situations: the model's own, the base model's, or what one motivation believes.

    With `strict` a listed situation that cannot occur is an error.
    """

    def __init__(self, model: Model, actions: tuple[str, ...], chosen: Situations, strict: bool) -> None:
        self.model = model
        self._strict = strict and chosen.listed
        self.actions = actions
        self.chosen = chosen
        self.world = World(model, leave_out=frozenset(self.actions))
        self._remembered = Remembered()
        self._causes: dict[frozenset[str], tuple[frozenset[str], frozenset[str]]] = {}

    def mean(self, theta: Theta, factors: Mapping[str, Tensor], replaced: Mapping[str, Table] | None = None) -> Tensor:
        """E[product of factors | do(a), c], [draw, situation, joint action]; 0 where c cannot occur.

        Raises:
            ImpossibleEvidence: a listed situation cannot occur.
        """
        inside = self.possible(theta)
        seen_later = {p for t in (replaced or {}).values() for p in t.parents}  # more than the node's own
        nodes, used = self._behind(frozenset(factors) | seen_later)

        def make() -> Tensor:
            network = self.world.network(theta, replaced, nodes)
            found = mean_product(network, self.model.graph, self.actions, self.chosen, factors)
            return found if bool(inside.all()) else found * inside[None, :, None]

        if replaced:
            return make()
        key = tuple((n, tuple(w.tolist())) for n, w in factors.items())
        return self._remembered.get(key, used, theta, make)

    def possible(self, theta: Theta) -> Tensor:
        """Which situations can occur in this graph, in some draw, [situation]."""
        nodes, used = self._behind(frozenset())

        def make() -> Tensor:
            network = self.world.network(theta, only=nodes)
            return possible(network, self.model.graph, self.actions, self.chosen)

        found = self._remembered.get(("possible",), used, theta, make)
        if self._strict and not bool(found.all()):
            first = int((~found).nonzero()[0, 0])
            raise ImpossibleEvidence(
                f"the situation {self.chosen.label(first)} has probability zero in {self.model.name}: "
                "these contexts never go together by their tables; correct the situation or a table"
            )
        return found

    def _behind(self, targets: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
        """Nodes that matter to these targets once the actions are set, and the parameters in their tables."""
        if targets not in self._causes:
            cut = self.model.graph.digraph.copy()
            cut.remove_edges_from([(p, a) for a in self.actions for p in self.model.graph.parents[a]])
            ends = targets | set(self.chosen.names) | {n for done in self.chosen.done for n, _ in done}
            nodes = ends.union(*(nx.ancestors(cut, n) for n in ends), self.actions)
            used = references({n: self.model.nodes[n].mechanism for n in nodes if n not in self.actions})
            self._causes[targets] = frozenset(nodes), used
        return self._causes[targets]


class Behaviour:
    """Derived policies of every motivation of a model in given situations, and their consequences.

    Args:
        model: the model, with or without overlays.
        chosen: where behaviour is wanted; the declared support when absent.
    """

    def __init__(self, model: Model, chosen: Situations | None = None) -> None:
        self.model = model
        self.stages = model.graph.action_stages()
        self.support = support(model)
        self.chosen = chosen or self.support
        self.frequencies = Frequencies(model, self.support)  # P(c) of the support, [draw, situation]
        self._scenes: dict[tuple, Scene] = {}
        self._latest: tuple[Theta | None, dict[tuple, Tensor]] = (None, {})

    def possible(self, theta: Theta) -> Tensor:
        """Which situations of the declared support can occur, [situation]."""
        return self._scene(self.model, 0, self.support, ("true",)).possible(theta)

    # --- policies ---------------------------------------------------------------------------------------

    @cached_property
    def joint_actions(self) -> list[tuple[str, ...]]:
        """The joint actions of the first stage, in the order of the last axis of every policy."""
        return cells(self.model.nodes, self.stages[0])

    def log_base(self, theta: Theta, chosen: Situations | None = None, stage: int = 0) -> Tensor:
        """log pi_0(joint action | situation) in nats, [draw, situation, joint action]."""
        chosen = chosen or self.chosen
        return self._recent(theta, ("base", stage, chosen.content), lambda: self._make_base(theta, chosen, stage))

    def _make_base(self, theta: Theta, chosen: Situations, stage: int) -> Tensor:
        total: Tensor | None = None
        for action in self.stages[stage]:
            evaluate, own = self._base_parts(action, stage, chosen)
            values = evaluate(theta)
            picked = values[:, torch.arange(values.shape[1]), own].log()
            total = picked if total is None else total + picked
        assert total is not None
        return total.reshape(total.shape[0], len(chosen), -1)

    def log_policy(self, name: str, theta: Theta, chosen: Situations | None = None, greedy: bool = False) -> Tensor:
        """log pi_m(joint action | situation) in nats, [draw, situation, joint action].

        pi(a|c) is proportional to pi_0(a|c) exp(beta * votes(a, c)); with awareness below one the context is
        misread as one drawn from the support. Greedy is the limit of large beta, ties shared by pi_0.
        """
        motivation = self.model.motivations[name]
        later = self.later_tables(motivation, theta, greedy)
        return self._policy(motivation, theta, chosen or self.chosen, 0, later, greedy)

    def _policy(
        self,
        motivation: Motivation,
        theta: Theta,
        chosen: Situations,
        stage: int,
        later: Mapping[str, Table],
        greedy: bool,
    ) -> Tensor:
        votes = self.votes(motivation, theta, chosen, stage, later)
        base = self.log_base(theta, chosen, stage)
        clear = _sharpen(base, votes.values, theta.of(motivation.strength), greedy)
        if motivation.awareness == 1.0 or stage > 0:
            return clear
        usual = self._policy_at_support(motivation, theta, chosen, later, greedy, clear)
        read = theta.of(motivation.awareness)[:, None, None]
        return torch.log(read * clear.exp() + (1 - read) * usual)

    def _policy_at_support(
        self,
        motivation: Motivation,
        theta: Theta,
        chosen: Situations,
        later: Mapping[str, Table],
        greedy: bool,
        clear: Tensor,
    ) -> Tensor:
        """Sum over contexts of P(c) pi*(a | c), [draw, 1, joint action]."""
        if chosen is not self.support:
            votes = self.votes(motivation, theta, self.support, 0, later)
            base = self.log_base(theta, self.support)
            clear = _sharpen(base, votes.values, theta.of(motivation.strength), greedy)
        weights = self.frequencies(theta)
        return (weights[:, :, None] * clear.exp()).sum(1, keepdim=True)

    def votes(
        self,
        motivation: Motivation,
        theta: Theta,
        chosen: Situations,
        stage: int = 0,
        later: Mapping[str, Table] | None = None,
    ) -> Votes:
        """Sum over targets of w kappa^d E[X | do(a), c] / u, in range units.

        0 for every action, so that the policy is the base policy, in a situation that cannot occur in the
        graph that is believed.
        """
        kind = ("believed", motivation.name) if motivation.beliefs else ("true",)
        scene = self._scene(believed(self.model, motivation), stage, chosen, kind)
        unit = self.unit(motivation, theta, stage)
        movable = unit > 0
        scale = torch.where(movable, 1 / torch.where(movable, unit, torch.ones_like(unit)), torch.zeros_like(unit))
        total = torch.zeros(1, len(chosen), 1, dtype=torch.float64)
        for seeks in motivation.seeks:
            distance = self.distance(motivation, seeks, stage) or 0
            factor = theta.of(seeks.weight) * theta.of(motivation.planning) ** distance * scale
            total = total + factor[:, None, None] * self._target(scene, seeks, theta, later)
        return Votes(total, bool((_spread(total.detach()) > 0).any()))

    def distance(self, motivation: Motivation, seeks: Seeks, stage: int = 0) -> int | None:
        """Nodes between the action and the target on the shortest believed path; None if there is no path."""
        graph = believed(self.model, motivation).graph
        edges = graph.distance(self.stages[stage], seeks.target)
        return None if edges is None else max(edges - 1, 0)

    def unit(self, motivation: Motivation, theta: Theta, stage: int = 0) -> Tensor:
        """u: the range of the sought quantity over actions and the support in the base model, [draw].

        Taken without overlays, with levers at their default and with the true graph, so that an edit changes
        what is expected, not the unit. Situations that cannot occur do not count.
        """
        key = (
            "unit",
            tuple((s.target, s.state, s.weight, tuple(s.active_in.items())) for s in motivation.seeks),
            stage,
        )
        return self._recent(theta, key, lambda: self._make_unit(motivation, theta, stage))

    def _make_unit(self, motivation: Motivation, theta: Theta, stage: int) -> Tensor:
        base = self.model.without_overlays
        if not all(known(base, s) for s in motivation.seeks):
            base = self.model
        scene = self._unit_scene(base, stage)
        total = torch.zeros(1, 1, 1, dtype=torch.float64)
        for seeks in motivation.seeks:
            total = total + theta.of(seeks.weight)[:, None, None] * self._target(scene, seeks, theta, None)
        return _spread(total.expand(-1, len(scene.chosen), -1)[:, scene.possible(theta)].flatten(1))

    def _unit_scene(self, base: Model, stage: int) -> Scene:
        key = ("unit", id(base), stage)
        if key not in self._scenes:
            chosen = support(base) if stage == 0 else every(base, seen(base, stage))
            self._scenes[key] = Scene(default_levers(base), base.graph.action_stages()[stage], chosen, True)
        return self._scenes[key]

    def _target(self, scene: Scene, seeks: Seeks, theta: Theta, replaced: Mapping[str, Table] | None) -> Tensor:
        seen_here = {n: s for n, s in seeks.active_in.items() if n in scene.chosen.names}
        factors = self.event({n: s for n, s in seeks.active_in.items() if n not in seen_here})  # expected, not known
        weights = target_weights(scene.model.nodes[seeks.target], seeks)
        factors[seeks.target] = factors[seeks.target] * weights if seeks.target in factors else weights
        values = scene.mean(theta, factors, replaced)
        return values * scene.chosen.holds(seen_here)[None, :, None] if seen_here else values

    # --- later actions, solved backwards ----------------------------------------------------------------

    def later_tables(self, motivation: Motivation, theta: Theta, greedy: bool = False) -> dict[str, Table]:
        """Policies of the same motivation at later actions, as tables; last stage first."""
        solved: dict[str, Table] = {}
        for stage in range(len(self.stages) - 1, 0, -1):
            chosen = every(self.model, seen(self.model, stage))
            log_policy = self._policy(motivation, theta, chosen, stage, dict(solved), greedy)
            solved.update(self._as_tables(stage, chosen, log_policy))
        return solved

    def first_tables(self, name: str, theta: Theta) -> dict[str, Table]:
        """One motivation's policy at the first joint action, as tables over all that it sees.

        `chosen` must be every combination of what is seen (`situations.every`).
        """
        return self._as_tables(0, self.chosen, self.log_policy(name, theta))

    def _as_tables(self, stage: int, chosen: Situations, log_policy: Tensor) -> dict[str, Table]:
        """One joint policy as a chain of conditional tables, one per action node of the stage."""
        actions = self.stages[stage]
        sizes = [len(self.model.nodes[n].states) for n in chosen.names]
        shape = [len(self.model.nodes[a].states) for a in actions]
        joint = log_policy.exp().reshape(log_policy.shape[0], *sizes, *shape)
        tables = {}
        for i, action in enumerate(actions):
            kept = joint.sum(dim=tuple(range(1 + len(sizes) + i + 1, joint.dim()))) if i + 1 < len(actions) else joint
            total = kept.sum(-1, keepdim=True)
            uniform = torch.full_like(kept, 1 / shape[i])
            values = torch.where(total > 0, kept / torch.where(total > 0, total, torch.ones_like(total)), uniform)
            tables[action] = Table(action, (*chosen.names, *actions[:i]), values)
        return tables

    # --- consequences -----------------------------------------------------------------------------------

    def consequence(
        self,
        factors: Mapping[str, Tensor],
        theta: Theta,
        name: str | None = None,
        chosen: Situations | None = None,
        greedy: bool = False,
    ) -> Tensor:
        """E[prod g(node) | do(a), c] in the true world, [draw, situation, joint action].

        For a named motivation its own later actions and what it says take the place of the base tables.
        """
        chosen = chosen or self.chosen
        scene = self._scene(self.model, 0, chosen, ("true",))
        outer = {n: w for n, w in factors.items() if n in scene.actions or n in chosen.names}
        inner = {n: w for n, w in factors.items() if n not in outer}
        own = self._has_own_tables(name, frozenset(inner))
        key = (
            name if own else None,
            greedy,
            id(scene),
            tuple((n, tuple(w.tolist())) for n, w in inner.items()),
        )
        values = self._recent(theta, key, lambda: self._inner(scene, inner, theta, name if own else None, greedy))
        return values * scene.mean(theta, outer) if outer else values

    def _inner(self, scene: Scene, inner: Mapping[str, Tensor], theta: Theta, name: str | None, greedy: bool) -> Tensor:
        own = self._own_tables(name, theta, greedy, frozenset(inner)) if name else {}
        return scene.mean(theta, inner, own or None)

    def _recent(self, theta: Theta, key: tuple, make: Callable[[], Tensor]) -> Tensor:
        """`make()`, kept for as long as the same parameter draws are asked about."""
        if self._latest[0] is not theta:
            self._latest = (theta, {})
        kept = self._latest[1]
        if key not in kept:
            kept[key] = make()
        return kept[key]

    def _has_own_tables(self, name: str | None, wanted: frozenset[str]) -> bool:
        """Whether a motivation's later actions or sayings can matter to these nodes."""
        if name is None or not wanted:
            return False
        return len(self.stages) > 1 or any(self._matters(node, wanted) for node in self.model.motivations[name].says)

    def _matters(self, node: str, wanted: frozenset[str]) -> bool:
        return node in wanted or any(node in self.model.graph.ancestors(w) for w in wanted)

    def event(self, event: Mapping[str, tuple[str, ...]]) -> dict[str, Tensor]:
        """Factors that are 1 on the listed states and 0 elsewhere."""
        nodes = self.model.nodes
        return {
            n: torch.tensor([float(s in states) for s in nodes[n].states], dtype=torch.float64)
            for n, states in event.items()
        }

    @cached_property
    def influence(self) -> dict[str, Tensor]:
        """Factor of being selected: the influence node in the state of value one."""
        name = self.model.graph.influence
        values = self.model.nodes[name].values
        assert values is not None
        return {name: torch.tensor(values, dtype=torch.float64)}

    def _own_tables(self, name: str, theta: Theta, greedy: bool, wanted: frozenset[str]) -> dict[str, Table]:
        motivation = self.model.motivations[name]
        own = self.later_tables(motivation, theta, greedy)
        for node, mechanism in motivation.says.items():
            if self._matters(node, wanted):
                own[node] = table(self.model.nodes[node], self.model.nodes, mechanism)(theta)
        return own

    # --- pieces built once ------------------------------------------------------------------------------

    def _scene(self, model: Model, stage: int, chosen: Situations, kind: tuple) -> Scene:
        key = (kind, stage, id(chosen) if chosen in (self.chosen, self.support) else chosen.content)
        if key not in self._scenes:
            actions = self.stages[stage]  # as in the true graph, whatever is believed
            self._scenes[key] = Scene(model, actions, chosen, strict=kind == ("true",))
        return self._scenes[key]

    def _base_parts(self, action: str, stage: int, chosen: Situations) -> tuple[Callable[[Theta], Tensor], Tensor]:
        key = ("base", action, stage, id(chosen) if chosen in (self.chosen, self.support) else chosen.content)
        if key not in self._parts:
            self._parts[key] = self._make_base_parts(action, stage, chosen)
        return self._parts[key]

    @cached_property
    def _parts(self) -> dict[tuple, tuple[Callable[[Theta], Tensor], Tensor]]:
        return {}

    def _make_base_parts(self, action: str, stage: int, chosen: Situations) -> tuple[Callable[[Theta], Tensor], Tensor]:
        node = self.model.nodes[action]
        at, position = self._known(stage, chosen)
        return compiled(node, self.model.nodes, at[:, [position[p] for p in node.parents]]), at[:, position[action]]

    def _known(self, stage: int, chosen: Situations) -> tuple[Tensor, dict[str, int]]:
        """Codes of what is seen and done, [situation x joint action, name], and the column of each name."""
        actions = self.stages[stage]
        joint = configurations([len(self.model.nodes[a].states) for a in actions])
        codes = torch.cat([chosen.codes.repeat_interleave(len(joint), dim=0), joint.repeat(len(chosen), 1)], dim=1)
        return codes, {name: j for j, name in enumerate((*chosen.names, *actions))}


def known(model: Model, seeks: Seeks) -> bool:
    """Whether a model has a target and the contexts in which it is pursued; an overlay may add either."""
    return seeks.target in model.nodes and all(n in model.nodes for n in seeks.active_in)


def _spread(values: Tensor) -> Tensor:
    """max - min along the last axis; zero where it is no more than rounding of numbers of this size."""
    spread = values.amax(-1) - values.amin(-1)
    return torch.where(spread > ROUNDING * values.detach().abs().amax(-1), spread, torch.zeros_like(spread))


def _sharpen(log_base: Tensor, votes: Tensor, strength: Tensor, greedy: bool) -> Tensor:
    """log of pi_0 exp(beta votes), normalised; greedy keeps only the best actions."""
    if greedy:
        possible = torch.where(torch.isneginf(log_base), -torch.inf, votes.expand(*_shape(log_base, votes)))
        best = possible.amax(-1, keepdim=True)
        slack = GREEDY_TOLERANCE * (votes.amax(-1) - votes.amin(-1)).amax() + ROUNDING * votes.abs().amax()
        kept = torch.where(possible >= best - slack, log_base, -torch.inf)
        return kept - torch.logsumexp(kept, -1, keepdim=True)
    raw = log_base + strength[:, None, None] * votes
    return raw - torch.logsumexp(raw, -1, keepdim=True)


def _shape(a: Tensor, b: Tensor) -> Sequence[int]:
    return torch.broadcast_shapes(a.shape, b.shape)
