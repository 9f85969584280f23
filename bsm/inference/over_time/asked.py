"""Moments that a posterior is asked about, and how people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.evidence.cells import certain
from bsm.motives.course import START, Moment, moment
from bsm.motives.course.written import FORMS, ahead, beyond, position
from bsm.spec.model import Model, SpecError

NOW = "now"
When = Moment | str | tuple[str, float | str] | None


@dataclass(frozen=True, eq=False)
class Asked:
    """One moment.

    `phase` is a position in the file, -1 before all of them. `end`: the end of that phase, after its gates. Otherwise
    `step` selections of it are past, before its gates; as a part of its selections where `relative`. `ahead`: so many
    more selections of that phase are to come after now, without gates; `step` counts those.
    """

    label: str
    phase: int
    end: bool = False
    step: float = 0.0
    relative: bool = False
    ahead: bool = False

    def position(self, selections: Tensor) -> Tensor:
        """Selections of the phase that are past, [draw]; only where it is neither an end nor ahead."""
        if self.relative:
            return selections * self.step
        return torch.full_like(selections, self.step)

    def upto(self, model: Model, uncertain: float = math.inf) -> tuple[float, float]:
        """The last place in time of rows that lie before it, as `Seen.order` has places.

        Inside a phase of uncertain length, before a part of it lie rows at different steps in different draws:
        `uncertain` stands for that step.
        """
        if self.end or self.ahead or self.phase < 0:
            return (self.phase + 0.75 if self.end else self.phase + 0.25, 0.0)
        if not self.relative:
            return (self.phase + 0.25, self.step)
        n = certain(model.phases[self.phase].selections, model.parameters)
        return (self.phase + 0.25, uncertain if n is None else n * self.step)

    def order(self, model: Model) -> tuple[float, float, float]:
        """What sorts moments in time where the numbers of selections are certain.

        A part of a phase of uncertain length stands after its steps; where it lies among them differs between draws.
        """
        if self.ahead:
            return (float(len(model.phases)), self.step, 0.0)
        return (*self.upto(model), 0.0 if self.end else self.step)


def asked(model: Model, at: When | Sequence[When]) -> tuple[Asked, ...]:
    """The moments of `at`: one, or a list of them.

    A moment is written as in `bsm.motives.course.moment`, and also as "phase:+100" (a prediction: so many more
    selections of that phase after now, without gates). In a tuple the second part is a number or such text.

    Raises:
        SpecError: what cannot be meant; a moment given twice.
    """
    found = tuple(_one(model, one) for one in (at if isinstance(at, list) else [at]))
    if not found:
        raise SpecError(f"at = []: no moment is given; write {FORMS}")
    labels = [a.label for a in found]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise SpecError(f"at: {twice} given more than once; keep one of each")
    return found


def spread(model: Model, count: int = 8) -> list[str]:
    """`start`, then `count` - 1 moments evenly inside each phase that selects, and the end of each phase."""
    found = [START]
    for phase in model.phases:
        if phase.selections != 0.0:
            found += [f"{phase.name}:{100 * j / count:g}%" for j in range(1, count)]
        found.append(phase.name)
    return found if model.phases else [START, NOW]


def _one(model: Model, at: object) -> Asked:
    last = len(model.phases) - 1
    if at is None or at == NOW:
        return Asked(NOW, last, end=True)
    if (more := ahead(model, at)) is not None:
        name, steps = more
        return Asked(f"{name}:+{steps:g}", position(model, name), step=steps, ahead=True)
    return _read(model, moment(model, at))  # type: ignore[arg-type]  # it refuses what is no moment


def _read(model: Model, when: Moment) -> Asked:
    label = when.words(model)
    if when.phase < 0 or when.end:
        return Asked(label, when.phase, end=when.phase >= 0)
    if when.part is not None:
        return Asked(label, when.phase, step=when.part, relative=True)
    assert when.step is not None
    if when.step.numel() != 1:
        raise SpecError(
            f"at = {label}: one step per draw is given, but the draws are made here; write the part of the phase that "
            f"is past, for instance {model.phases[when.phase].name}:50%"
        )
    step, phase = float(when.step), model.phases[when.phase]
    n = certain(phase.selections, model.parameters)
    if n is not None and step > n * (1 + 1e-12):
        raise SpecError(f"at = {label}: {beyond(phase.name, step, n, when.phase == len(model.phases) - 1)}")
    return Asked(f"{phase.name}:{step:.12g}", when.phase, step=step)
