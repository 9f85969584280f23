"""The course of motivations spelled out with loops in numpy, from fitness, rates and gates as numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bsm.spec.model import Drift, Gate, Model, Phase, PriorTerm
from tests.motives import by_hand
from tests.motives.worlds import OURS, random_model

PAIRS = [("m0", "m1"), ("m1", "m2"), ("m2", "m0"), ("m0", "m2")]


def several_phases(seed: int, dynamics: str = "replicator", explored: bool = True, passed_on: bool = True) -> Model:
    """A random model with pressure and three phases: drift, gates of both kinds, exploration, levers, own contexts."""
    rng = np.random.default_rng(seed)
    model = random_model(seed, contexts_with_causes=False)
    names = tuple(model.motivations)
    press = PriorTerm("depth", "nats", 0.3, {n: float(rng.normal()) for n in names}, "per_step", "why", OURS)
    count = PriorTerm("count", "count", 1.0, {n: float(rng.uniform(0.5, 9)) for n in names}, "once", "why", OURS)
    prior = replace(model.prior, terms=(*model.prior.terms, press, count))
    audit = (
        Gate("audit", 2.0, caught={"o": ("yes",)}, held_out=False, evasion=0.4),
        Gate("audit", 3.0, caught={"o": ("yes",)}),
        Gate("probe", 1.0, detection={**{n: float(rng.random()) for n in names}, "none_of_these": 0.3}),
    )
    first = Phase(
        "first",
        float(rng.integers(0, 6)),
        float(rng.uniform(0.2, 2)),
        drift=drifts(rng, False),
        unexplored=({"a": ("y", "z")},) if explored else (),
        exploration=0.2 if explored else 0.0,
        dynamics=dynamics,
    )
    middle = Phase("middle", 0.0, 1.0, gates=audit, kind="audit")
    last = Phase(
        "last",
        float(rng.integers(1, 5)),
        0.7,
        contexts={"c": (0.2, 0.8)},
        levers={"l": "on"} if "l" in model.nodes else {},
        drift=drifts(rng, passed_on),
        selected={"o": ("yes",)} if rng.random() < 0.5 else {},
        gates=(Gate("audit", 1.0, caught={"o": ("yes",)}),),
        dynamics=dynamics,
    )
    return replace(model, prior=prior, phases=(first, middle, last))


def drifts(rng: np.random.Generator, passed_on: bool) -> tuple[Drift, ...]:
    chosen = [PAIRS[i] for i in rng.choice(len(PAIRS), size=rng.integers(1, 4), replace=False)]
    return tuple(
        Drift(a, b, float(rng.uniform(0, 0.2)), float(rng.uniform(0, 0.2)) if passed_on else 0.0) for a, b in chosen
    )


def world_of(model: Model, phase: Phase) -> Model:
    """The model as it is in a phase."""
    from bsm.spec.model import Rows

    nodes = dict(model.nodes)
    for name, p in phase.contexts.items():
        nodes[name] = replace(nodes[name], mechanism=Rows((), p))
    for name, state in phase.levers.items():
        point = tuple(float(s == state) for s in nodes[name].states)
        nodes[name] = replace(nodes[name], mechanism=Rows((), point), default=state)
    return replace(model, nodes=nodes, base=model)


def chance(model: Model, name: str | None, event: dict | None, hidden: tuple = ()) -> float:  # type: ignore[type-arg]
    """P(event | do(pi)) over situations by hand; `hidden` joint actions count as the base policy's mean."""

    def f(world: by_hand.World) -> float:
        return by_hand.selected(model, world) if event is None else float(by_hand.matches(event, world))

    total = 0.0
    for weight, c in zip(by_hand.frequencies(model), by_hand.situations(model), strict=True):
        acts = by_hand.joint_actions(model, by_hand.first_actions(model))
        base = [by_hand.base_policy(model, a, c) for a in acts]
        pi = base if name is None else list(by_hand.policy(model, name, c).values())
        usual = sum(p * by_hand.consequence(model, None, f, a, c) for p, a in zip(base, acts, strict=True))
        for p, a in zip(pi, acts, strict=True):
            unseen = any(all(a[n] in states for n, states in h.items()) for h in hidden)
            total += weight * p * (usual if unseen else by_hand.consequence(model, name, f, a, c))
    return total


def log_prior(model: Model) -> np.ndarray:
    """log prior with none_of_these last."""
    nats = np.zeros(len(model.motivations))
    for t in model.prior.terms:
        if t.acts == "once":
            amounts = np.array([t.amounts[m] for m in model.motivations])
            nats += t.weight * {"nats": amounts, "bits": -amounts * np.log(2), "count": np.log(abs(amounts))}[t.kind]
    p = np.exp(nats - nats.max())
    none = model.prior.none_of_these
    return np.log(np.append((1 - none) * p / p.sum(), none))


def pressure(model: Model) -> np.ndarray:
    found = np.zeros(len(model.motivations) + 1)
    for t in model.prior.terms:
        if t.acts == "per_step":
            found[:-1] += t.weight * np.array([t.amounts[m] for m in model.motivations])
    return found


def history(model: Model) -> list[tuple[str, float | None, np.ndarray]]:
    """(phase, step, weights [m + 1]) after every step (before gates) and, with step None, after the gates."""
    names = [*model.motivations, None]
    weights = np.zeros((len(names), 2))  # by whether it has explored
    weights[:, 0] = np.exp(log_prior(model))
    looks: dict[str, float] = {}
    found = []
    for phase in model.phases:
        world = world_of(model, phase)
        event = dict(phase.selected) or None
        full = np.array([chance(world, m, event) for m in names])
        before = np.array([chance(world, m, event, phase.unexplored) for m in names])
        press = pressure(model)
        left, done = float(phase.selections), 0.0
        while left > 0:
            r = min(1.0, left)
            weights = one_step(model, phase, weights, full, before, press, r)
            left, done = left - r, done + r
            found.append((phase.name, done, weights.sum(1)))
        for gate in phase.gates:
            weights = weights * passed(world, names, gate, looks)[:, None]
        found.append((phase.name, None, weights.sum(1)))
    return found


def one_step(model, phase, weights, full, before, press, r):  # type: ignore[no-untyped-def]
    """A step, or a part r of one: selection, then drift by the shares before it, then exploration."""
    order = list(model.motivations)
    share = weights[:-1].sum(1) / weights[:-1].sum()
    q = np.eye(len(order) + 1)
    for d in phase.drift:
        i, j = order.index(d.source), order.index(d.target)
        rate = d.rate + d.transmission * share[j]
        q[i, j] += rate
        q[i, i] -= rate
    x = np.array([[1 - phase.exploration, phase.exploration], [0.0, 1.0]])
    both = np.einsum("ij,ef->iejf", q, x)
    identity = np.einsum("ij,ef->iejf", np.eye(len(q)), np.eye(2))
    gain = np.stack([before, full], 1) ** (phase.eta * r) * np.exp(phase.eta * r * press)[:, None]
    return np.einsum("ie,iejf->jf", weights * gain, (1 - r) * identity + r * both)


def passed(world: Model, names: list, gate: Gate, looks: dict[str, float]) -> np.ndarray:  # type: ignore[type-arg]
    """P(pass) of each, remembering what looks that were trained on have taught."""
    if not gate.held_out:
        looks[gate.name] = looks.get(gate.name, 1.0) * (1 - gate.evasion) ** gate.looks
        return np.ones(len(names))
    if gate.caught:
        q = np.array([chance(world, m, dict(gate.caught)) for m in names])
    else:
        q = np.array([gate.detection[m or "none_of_these"] for m in names])
    return (1 - q * looks.get(gate.name, 1.0)) ** gate.looks
