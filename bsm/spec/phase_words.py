"""The phases of a model in words and plain values, for everything that prints what a number rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bsm.spec.model import Drift, Gate, Model, Number, Phase, Ref


def number(model: Model, given: Number) -> str:
    """A number as the file writes it: 0.3, or "0.05 to 0.3"."""
    return model.parameters[given.parameter].written if isinstance(given, Ref) else f"{given:g}"


def dynamics(model: Model) -> str:
    """The dynamics of all phases, each once, in order; replicator where there is no phase."""
    return ", ".join(dict.fromkeys(phase.dynamics for phase in model.phases)) or "replicator"


def phases(model: Model) -> list[dict[str, Any]]:
    """One mapping of plain values for each phase, in order of time; gates and drift as sentences."""
    return [_phase(model, phase) for phase in model.phases]


def _phase(model: Model, phase: Phase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "kind": phase.kind,
        "selections": number(model, phase.selections),
        "eta": number(model, phase.eta),
        "dynamics": phase.dynamics,
        "rl_steps": phase.rl_steps,
        "contexts": {
            name: {state: number(model, p) for state, p in zip(model.nodes[name].states, row, strict=True)}
            for name, row in phase.contexts.items()
        },
        "levers": dict(phase.levers),
        "selected": event(phase.selected),
        "unexplored": [event(actions) for actions in phase.unexplored],
        "exploration": number(model, phase.exploration),
        "gates": [gate(model, each) for each in phase.gates],
        "drift": [drift(model, each) for each in phase.drift],
    }


def event(states: Mapping[str, tuple[str, ...]]) -> str:
    """Nodes and their states: "act = hack or tamper, seen = yes"."""
    return ", ".join(f"{node} = {' or '.join(allowed)}" for node, allowed in states.items())


def gate(model: Model, of: Gate) -> str:
    """A gate in a phrase: its looks, what they catch, and whether they are held out."""
    stated = ", ".join(f"{m} {number(model, q)}" for m, q in of.detection.items() if m in model.motivations)
    how = f"catching {event(of.caught)}" if of.caught else f"detection stated ({stated})"
    what = "held out" if of.held_out else f"trained on, each taking {number(model, of.evasion)} of later detection"
    return f"{of.name} (looks: {number(model, of.looks)}, {what}, {how})"


def drift(model: Model, of: Drift) -> str:
    """Drift in a phrase: from, to, how often, and why."""
    memes = "" if of.transmission == 0.0 else f" + {number(model, of.transmission)} x share of {of.target}"
    return f"{of.source} to {of.target} ({of.kind}, {number(model, of.rate)}{memes} per selection)"


def line(phase: Mapping[str, Any], alone: bool) -> str:
    """A phase, as `phases` gives it, in a line; its dynamics are named unless `alone` (all phases have the same).

    A phase that says no more than its name, n and eta (a result written earlier) is told with those.
    """
    parts = [f"{phase['name']}, n = {phase['selections']} selections at eta = {phase['eta']}"]
    parts += [] if alone else [phase["dynamics"]]
    parts += [f"{name} = {state}" for name, state in phase.get("levers", {}).items()]
    if phase.get("selected"):
        parts.append(f"selected on {phase['selected']}")
    if phase.get("unexplored"):
        untried = " or ".join(f"({each})" for each in phase["unexplored"])
        parts.append(f"{untried} unexplored, explored with probability {phase['exploration']} per selection")
    parts += [f"gate {each}" for each in phase.get("gates", ())]
    parts += [f"drift {each}" for each in phase.get("drift", ())]
    return ", ".join(parts)


def timeline(told: Sequence[Mapping[str, Any]]) -> str:
    """All phases, as `phases` gives them, in a line, and the t at which shares are told."""
    alone = len({phase.get("dynamics") for phase in told}) == 1
    end = "t at its end" if len(told) == 1 else f"t at the end of {told[-1]['name']}"
    return f"{'; then '.join(line(phase, alone) for phase in told)}, {end}"
