"""Random models over time that are Bayesian networks: phases with different tables, drift, gates, exploration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bsm.engine import compile
from bsm.motives.unrolled import Unrolled
from bsm.spec.model import Drift, Gate, Model, Phase, PriorTerm
from tests.motives.worlds import OURS, random_model

PAIRS = (("m0", "m1"), ("m1", "m2"), ("m2", "m0"), ("m0", "m2"))


def over_time(
    seed: int, later: bool = False, passed_on: bool = True, explored: bool = True, caused: bool = True
) -> Model:
    """Pressure, and three phases: one that explores and drifts, an audit, one with its own contexts and selection."""
    rng = np.random.default_rng(seed)
    model = random_model(seed, later, caused)
    names = tuple(model.motivations)
    press = PriorTerm("depth", "nats", 0.5, {n: float(rng.normal()) for n in names}, "per_step", "why", OURS)
    caught = {"o": ("yes",)}
    first = Phase(
        "first",
        float(rng.integers(0, 3)),
        1.0,
        drift=_drift(rng, False),
        unexplored=({"a": ("y", "z")},) if explored else (),
        exploration=0.3 if explored else 0.0,
    )
    audit = Phase(
        "audit",
        0.0,
        2.0,
        gates=(
            Gate("audit", 2.0, caught=caught, held_out=False, evasion=0.4),
            Gate("audit", 3.0, caught=caught),
            Gate("the probe", 1.0, detection={n: float(rng.random()) for n in (*names, "none_of_these")}),
        ),
    )
    last = Phase(
        "last",
        float(rng.integers(1, 3)),
        1.0,
        contexts={"c": (0.2, 0.8)},
        levers={"l": "on"} if "l" in model.nodes else {},
        drift=_drift(rng, passed_on),
        selected={"o": ("yes",), "p": ("no",)} if rng.random() < 0.5 else {},
        gates=(Gate("audit", 1.0, caught=caught),),
    )
    prior = replace(model.prior, terms=(*model.prior.terms, press))
    return replace(model, prior=prior, phases=(first, audit, last))


def listed(model: Model) -> Model:
    """The same where only some situations count: of what is seen, what is not seen, and a lever where there is one."""
    chosen = [{"d": "yes", "c": "no"}, {"d": "no", "h": "yes"}, {"d": "yes", "c": "yes", "h": "no"}]
    if "l" in model.nodes:
        chosen[1] |= {"l": "max"}
    filled = [{"d": "no", "c": "no", "h": "no"} | at for at in chosen]
    sees = {p for node in model.nodes.values() if node.role.value == "action" for p in node.parents}
    support = tuple(
        {n: s for n, s in at.items() if n in sees or n in given} for at, given in zip(filled, chosen, strict=True)
    )
    return replace(model, support=support)


def _drift(rng: np.random.Generator, passed_on: bool) -> tuple[Drift, ...]:
    chosen = [PAIRS[i] for i in rng.choice(len(PAIRS), size=rng.integers(1, 4), replace=False)]
    return tuple(
        Drift(a, b, float(rng.uniform(0, 0.2)), float(rng.uniform(0, 0.2)) if passed_on else 0.0) for a, b in chosen
    )


def given_selection(network: Unrolled, name: str) -> torch.Tensor:
    """P(variable | all that was passed), [..., state]."""
    return compile(network, name, list(network.selected))([network.selected]).probabilities.squeeze(-2)


def plain(seed: int, n: float = 2.0, later: bool = False) -> Model:
    """One phase, nothing but selection."""
    model = over_time(seed, later, explored=False, caused=False)
    prior = replace(model.prior, terms=model.prior.terms[:1])
    return replace(model, prior=prior, phases=(Phase("training", n, 1.0),))
