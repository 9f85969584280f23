"""What an AI with these shares would do: P(event | do(AI at t), context), under each reading of shares."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bsm.graph import Role
from bsm.motives.compile import Behaviour
from bsm.motives.course.votes import ballot, check, refuse_own
from bsm.motives.situations import Situations, seen, situations
from bsm.motives.theta import Theta
from bsm.spec.model import Model, SpecError

Event = Mapping[str, tuple[str, ...]]


def forecast(
    behaviour: Behaviour,
    theta: Theta,
    shares: Tensor,
    reading: str,
    event: str | Event,
    context: Mapping[str, str] | None = None,
) -> Tensor:
    """P(event in one context | do(AI)), [draw]; without a context, its mean over the declared support.

    Args:
        shares: [draw, m].
        reading: who is taken to drive, as in `by_situation`.
        event: the name of an observation, or nodes and the states that count.
        context: as in `situation`.

    Raises:
        SpecError: as `event_of`, `situation` and `by_situation`.
    """
    wanted = event_of(behaviour.model, event)
    if context is not None:
        return by_situation(behaviour, theta, shares, reading, wanted, situation(behaviour.model, context))[:, 0]
    each = by_situation(behaviour, theta, shares, reading, wanted, behaviour.support)
    return (each * behaviour.frequencies(theta)).sum(-1)


def by_situation(
    behaviour: Behaviour, theta: Theta, shares: Tensor, reading: str, event: Event, chosen: Situations
) -> Tensor:
    """P(event | do(AI), context) in each situation, [draw, situation].

    Hypothesis, mixture and dirichlet have one mean: sum over m of share times P(event | do(pi_m), c). Under `votes`
    the AI has the one policy of all votes together.

    Args:
        shares: [draw, m].
        event: nodes and the states that count.

    Raises:
        SpecError: under `votes`, a model without a vote policy (`votes.ballot`).
    """
    factors = behaviour.event(event)
    if reading == "votes":
        check(behaviour.model)
        refuse_own(behaviour, factors, f"the event on {list(event)}")
        pi = ballot(behaviour, theta, chosen).log_policy(shares).exp()
        return (pi * behaviour.consequence(factors, theta, chosen=chosen)).sum(-1)
    total: Tensor | float = 0.0
    for name, share in zip(behaviour.model.motivations, shares.unbind(-1), strict=True):
        pi = behaviour.log_policy(name, theta, chosen).exp()
        total = total + share[:, None] * (pi * behaviour.consequence(factors, theta, name, chosen)).sum(-1)
    assert isinstance(total, Tensor)
    return total


def event_of(model: Model, event: str | Event) -> Event:
    """An event by the name of an observation, or as nodes and states.

    Raises:
        SpecError: no such observation, node or state; or an observation that is a base rate.
    """
    if isinstance(event, str):
        if event not in model.observations:
            raise SpecError(f"{event!r} is not an observation of {model.name}; it has {sorted(model.observations)}")
        if model.observations[event].base_rate:
            raise SpecError(f"{event!r} is a base rate of {model.name}, not an event; name nodes and states")
        return model.observations[event].event
    for name, states in event.items():
        if name not in model.nodes:
            raise SpecError(f"the event names {name!r}, which is not a node of {model.name}")
        if unknown := [s for s in states if s not in model.nodes[name].states]:
            raise SpecError(f"the event: {name} has no state {unknown}; it has {list(model.nodes[name].states)}")
    return event


def situation(model: Model, context: Mapping[str, str]) -> Situations:
    """One situation; what the action sees and nothing names is at its default, what it does not see is set by do().

    Raises:
        SpecError: a node that is neither context nor lever, a state that does not exist, a blank without a default.
    """
    for name, state in context.items():
        if name not in model.nodes or model.nodes[name].role not in (Role.CONTEXT, Role.LEVER):
            options = [n for n, node in model.nodes.items() if node.role in (Role.CONTEXT, Role.LEVER)]
            raise SpecError(f"{name!r} is no context or lever of {model.name}; it has {options}")
        if state not in model.nodes[name].states:
            raise SpecError(f"{name} = {state!r} is not one of its states {list(model.nodes[name].states)}")
    names = seen(model)
    filled = {n: context.get(n, model.nodes[n].default) for n in names}
    if blank := [n for n, s in filled.items() if s is None]:
        raise SpecError(f"{blank} are seen by the action and have no default; give their states")
    others = tuple((n, s) for n, s in context.items() if n not in names)
    return situations(model, names, [[str(filled[n]) for n in names]], [others])


def described(model: Model, context: Mapping[str, str] | None) -> str:
    """A context in words, with the defaults that hold beside it: levers, and what the action sees."""
    if context is None:
        named, asked = "declared support", set[str]()
        among = [n for n, node in model.nodes.items() if node.role is Role.LEVER]
    else:
        named, asked = ", ".join(f"{n}={s}" for n, s in context.items()) or "everything at its default", set(context)
        among = [n for n, node in model.nodes.items() if node.role is Role.LEVER or n in seen(model)]
    held = [f"{n}={model.nodes[n].default}" for n in among if n not in asked and model.nodes[n].default is not None]
    return f"{named}; by default {', '.join(held)}" if held else named


def policies(behaviour: Behaviour, theta: Theta, chosen: Situations | None = None) -> Tensor:
    """pi_m(joint action | situation) of every motivation, [draw, m, situation, joint action]."""
    chosen = chosen or behaviour.support
    found = [behaviour.log_policy(name, theta, chosen).exp() for name in behaviour.model.motivations]
    return torch.stack(torch.broadcast_tensors(*found), 1)
