"""How much each motivation, and each family, behaves in deployment as in training (theory C23)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.motives.compile import Behaviour
from bsm.motives.course.forecast import policies, situation
from bsm.motives.course.influence import kl
from bsm.motives.course.stages import Timeline
from bsm.motives.course.words import divergence_text
from bsm.motives.families import placement
from bsm.motives.theta import Theta
from bsm.spec.model import Model, SpecError

Where = str | Mapping[str, str] | None


@dataclass(frozen=True, eq=False, repr=False)
class Divergence:
    """KL(policy in training contexts || policy in deployment contexts), in nats.

    A policy over contexts is its mean over them, sum of P(c) pi(a | c): what is done how often. `motivations` is
    [draw, m], `names` in their order. `families` has for each family the mean over its members, weighted by their
    shares, [draw]; a family without any share is left out. Printed, it is a table.
    """

    training: str
    deployment: str
    motivations: Tensor
    families: Mapping[str, Tensor]
    names: tuple[str, ...]

    def __str__(self) -> str:
        each = dict(zip(self.names, self.motivations.unbind(-1), strict=True))
        return divergence_text((self.training, self.deployment), each, self.families)

    def __repr__(self) -> str:
        return f"<Divergence of {self.training} and {self.deployment}: {len(self.names)} motivations>"


def divergence(
    timeline: Timeline, theta: Theta, shares: Tensor, training: Where = None, deployment: Where = None
) -> Divergence:
    """Continuity of behaviour from training to deployment.

    Args:
        timeline: the phases of a model.
        theta: parameter draws.
        shares: [draw, m], that weigh the members of a family.
        training: a phase, whose contexts and levers hold; or one situation (context -> state). The first phase with
            contexts or levers of its own when absent.
        deployment: the same; the last phase of kind deployment when absent, or the model's own tables if there is
            none.

    Raises:
        SpecError: no such phase, or nothing tells training from deployment.
    """
    model = timeline.model
    training = _training(model) if training is None else training
    deployment = _deployment(model) if deployment is None else deployment
    if training == deployment:
        raise SpecError(
            f"{model.name}: training and deployment have the same contexts ({_words(training)}); name phases with "
            "contexts or levers of their own, or give a situation"
        )
    found = kl(_usual(timeline, theta, training), _usual(timeline, theta, deployment))
    members: dict[str, list[int]] = {}
    for i, name in enumerate(model.motivations):
        members.setdefault(str(placement(model, name).family), []).append(i)
    families = {}
    for family, own in members.items():
        weights = shares[:, own]
        total = weights.sum(-1)
        if bool((total > 0).all()):
            families[family] = (torch.where(weights > 0, weights * found[:, own], 0.0)).sum(-1) / total
    return Divergence(_words(training), _words(deployment), found, families, tuple(model.motivations))


def where(timeline: Timeline, place: str | None) -> Behaviour:
    """Behaviour in one phase, or outside all."""
    if place is None:
        return timeline.outside
    names = [p.name for p in timeline.model.phases]
    if place not in names:
        raise SpecError(f"{place!r} is not a phase of {timeline.model.name}; it has {names}")
    return timeline.behaviours[names.index(place)]


def _usual(timeline: Timeline, theta: Theta, place: Where) -> Tensor:
    """Mean policy over the contexts of a place, [draw, m, joint action]."""
    if isinstance(place, Mapping):
        return policies(timeline.outside, theta, situation(timeline.model, place))[:, :, 0]
    behaviour = where(timeline, place)
    return (policies(behaviour, theta) * behaviour.frequencies(theta)[:, None, :, None]).sum(2)


def _training(model: Model) -> str | None:
    return next((p.name for p in model.phases if p.contexts or p.levers), None)


def _deployment(model: Model) -> str | None:
    found = [p.name for p in model.phases if p.kind == "deployment"]
    return found[-1] if found else None


def _words(place: Where) -> str:
    if isinstance(place, Mapping):
        return ", ".join(f"{n}={s}" for n, s in place.items())
    return place or "the model's own context tables"
