"""Fitness, the shares that selection leaves, and the fittest motivations a graph admits (design 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.motives.compile import Behaviour
from bsm.motives.course import At, Course, Timeline, course
from bsm.motives.course.unseen import log_unseen
from bsm.motives.situations import Situations
from bsm.motives.theta import Theta, central
from bsm.motives.world import context_distribution
from bsm.spec.model import Model


@dataclass(frozen=True, eq=False)
class Fitness:
    """P(influence | do(pi_m)) for every motivation, a probability.

    `overall` [draw, motivation] and `base` [draw] average over the situations by their frequency;
    `by_context` is [draw, motivation, situation], of the `situations` that can occur. `movable` says which
    motivations have a target that some action can move; the others follow the base policy.
    """

    motivations: tuple[str, ...]
    situations: Situations
    overall: Tensor
    by_context: Tensor
    base: Tensor
    movable: Mapping[str, bool]

    def __getitem__(self, name: str) -> float:
        """Mean over draws of one motivation's fitness."""
        return float(self.overall[:, self.motivations.index(name)].mean())

    def as_dict(self) -> dict[str, float]:
        """Fitness by motivation, fittest first."""
        return dict(sorted(((m, self[m]) for m in self.motivations), key=lambda pair: -pair[1]))


def fitness(
    model: Model,
    overlay: str | None = None,
    theta: Theta | None = None,
    greedy: bool = False,
    phase: int | None = None,
) -> Fitness:
    """Fitness of every motivation of a model: how much its derived policy causes influence.

    Args:
        model: the model.
        overlay: a named overlay to apply; units stay those of the base model.
        theta: parameter draws; prior medians when absent.
        greedy: the limit of unlimited strength, ties shared by the base policy.
        phase: take context frequencies and levers from this phase instead of the nodes' own tables.
    """
    return of_behaviour(Behaviour(context_distribution(model.with_overlay(overlay), phase)), theta, greedy)


def of_behaviour(behaviour: Behaviour, theta: Theta | None = None, greedy: bool = False) -> Fitness:
    """Fitness in the declared support of a model whose behaviour is already compiled."""
    model = behaviour.model
    theta = theta or central(model)
    weights = behaviour.frequencies(theta)
    by_context = {m: _of_one(behaviour, m, theta, greedy) for m in model.motivations}
    base = behaviour.log_base(theta, behaviour.support).exp() * behaviour.consequence(
        behaviour.influence, theta, chosen=behaviour.support
    )
    inside = behaviour.possible(theta)
    draws = max(v.shape[0] for v in (*by_context.values(), weights))
    stacked = torch.stack([v.expand(draws, -1) for v in by_context.values()], dim=1)
    movable = {
        m: behaviour.votes(motivation, theta, behaviour.support).movable for m, motivation in model.motivations.items()
    }
    return Fitness(
        tuple(model.motivations),
        behaviour.support.part(inside.nonzero()[:, 0].tolist()),
        (stacked * weights[:, None]).sum(-1),
        stacked[..., inside],
        (base.sum(-1) * weights).sum(-1),
        movable,
    )


def _of_one(behaviour: Behaviour, name: str, theta: Theta, greedy: bool) -> Tensor:
    policy = behaviour.log_policy(name, theta, behaviour.support, greedy).exp()
    selected = behaviour.consequence(behaviour.influence, theta, name, behaviour.support, greedy)
    return (policy * selected).sum(-1)


def log_selection(
    model: Model, theta: Theta | None = None, steps_seen: Mapping[str, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Log weights that selection adds in all phases, in nats: motivations [draw, m] and the base policy [draw].

    Replicator: eta (n - steps) log f_m, plus eta n times the terms that press at every step, plus gates; with drift,
    exploration or softmax_pg the change of the log weight (`bsm.motives.course`). `steps_seen` (phase -> steps) are
    counted elsewhere, with the rows that observed them. Draws with n below them get -inf.

    Raises:
        SpecError: steps were seen in a model whose weights are not a product over steps.
    """
    timeline, theta = Timeline(model), theta or central(model)
    after = log_unseen(timeline, theta, steps_seen)
    before = Course(timeline, theta, ()).log_prior()
    never = (before == -torch.inf) & (after == -torch.inf)
    added = torch.where(never, 0.0, after - torch.where(never, 0.0, before))
    return added[:, :-1], added[:, -1]


def shares(model: Model, theta: Theta | None = None, at: At = None) -> Tensor:
    """Share of influence at a moment (now when absent): prior x selection, no ledger, [draw, motivation].

    The dynamics are those of the file's phases. Under the replicator and the hypothesis reading a share is also the
    credence before any behaviour is seen; `none_of_these` is never part of it.
    """
    return course(model, theta).shares(at)
