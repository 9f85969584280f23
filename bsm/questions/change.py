"""How much of a change over time is selection and how much is drift (Price), through the phases of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.motives.course import Course, Moment, Stage, course
from bsm.motives.course.step import log_gain, transition
from bsm.motives.price import price
from bsm.motives.stretch import Stretch
from bsm.motives.theta import Theta
from bsm.spec.model import Model, SpecError


@dataclass(frozen=True, eq=False)
class Change:
    """The change of the mean of a trait over the phases of a model, in units of the trait.

    `selection` and `drift` have one entry per phase, [draw]; gates count as selection, exploration of what was
    unexplored changes no trait. `before` + all parts = `after`, [draw]. Dynamics: replicator.
    """

    trait: Mapping[str, float]
    phases: tuple[str, ...]
    selection: Mapping[str, Tensor]
    drift: Mapping[str, Tensor]
    before: Tensor
    after: Tensor

    def __str__(self) -> str:
        lines = [f"{'before':<28}{float(self.before.mean()):10.4f}"]
        for phase in self.phases:
            parts = self.selection[phase], self.drift[phase]
            lines.append(f"{phase:<28}{'':10}  selection {_mean(parts[0])}  drift {_mean(parts[1])}")
        return "\n".join([*lines, f"{'after':<28}{float(self.after.mean()):10.4f}"])


def change(model: Model, trait: Mapping[str, float], theta: Theta | None = None) -> Change:
    """Split the change of a trait's mean, from before all phases to now, into selection and drift in each phase.

    Args:
        model: the model, with or without overlays.
        trait: motivation -> its value; 0 for those left out. For a family, 1 for each member; for a behaviour, its
            probability under each motivation.
        theta: parameter draws; prior medians when absent.

    Raises:
        SpecError: an unknown motivation; softmax_pg, or drift with transmission, whose steps are not one operator.

    Source: Price (1970), Nature 227:520.
    """
    names = tuple(model.motivations)
    if unknown := [n for n in trait if n not in names]:
        raise SpecError(f"{unknown} are not motivations of {model.name}; it has {list(names)}")
    own = course(model, theta)
    explored = 2 if own.timeline.explores else 1
    values = torch.tensor([trait.get(n, 0.0) for n in names] + [0.0], dtype=torch.float64).repeat_interleave(explored)
    state = own.state(Moment(-1)).clone()
    state[:, -1] = -torch.inf  # shares of influence are of named motivations
    stretches = [_stretch(own, stage, explored) for stage in own.stages]
    found = price(state.flatten(1).softmax(-1), stretches, values)
    labels = tuple(s.name for s in own.stages)
    return Change(
        dict(trait),
        labels,
        dict(zip(labels, found.selection, strict=True)),
        dict(zip(labels, found.drift, strict=True)),
        found.before,
        found.after,
    )


def _stretch(own: Course, stage: Stage, explored: int) -> Stretch:
    if stage.dynamics != "replicator":
        raise SpecError(
            f"phase {stage.name} has dynamics {stage.dynamics}; the equation of Price is for the replicator"
        )
    if stage.transmission is not None:
        raise SpecError(
            f"drift in phase {stage.name} is transmitted, so every step has another operator; set transmission to 0, "
            "or compare `Course.shares` at two moments"
        )
    flow = transition(stage, explored) if stage.moves else None
    return Stretch(log_gain(stage, explored), flow, stage.n, stage.log_gates.repeat_interleave(explored, -1))


def _mean(values: Tensor) -> str:
    return f"{float(values.mean()):+.4f}"
