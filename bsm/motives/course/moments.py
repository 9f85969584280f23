"""Moments at which influence is asked about: before everything, inside a phase, at its end, now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsm.motives.course.written import FORMS, NOW_TEXT, START, beyond, number, position
from bsm.spec.model import Model, Number, SpecError


@dataclass(frozen=True, eq=False)
class Moment:
    """A moment in the course of an AI.

    `phase` is the position of a phase in the file, -1 before all of them. `step` counts the selections of that phase
    that are past, a number or one per draw [draw]; or `part` is the part of them that is past, 0 to 1, the same in
    every draw. With neither it is the end of the phase, after its gates, so that a moment at `step` = n or `part` = 1
    lies before them.
    """

    phase: int
    step: Tensor | None = None
    part: float | None = None

    @property
    def end(self) -> bool:
        """Whether it is the end of its phase, after its gates."""
        return self.step is None and self.part is None

    def past(self, selections: Tensor) -> Tensor:
        """Selections of its phase that are past, [draw], where it has `selections` [draw]; not for an end."""
        if self.part is not None:
            return selections * self.part
        assert self.step is not None
        return torch.broadcast_tensors(self.step, selections)[0]

    def words(self, model: Model) -> str:
        """As it is written on the command line: `start`, `phase`, `phase:50%` or `phase:step`."""
        if self.phase < 0:
            return START
        name = model.phases[self.phase].name
        if self.part is not None:
            return f"{name}:{100 * self.part:.12g}%"
        if self.step is None:
            return name
        low, high = float(self.step.min()), float(self.step.max())
        return f"{name}:{low:g}" if low == high else f"{name}:{low:g} to {high:g}"


At = Moment | str | tuple[str, float | Tensor] | None
NOW = None


def moment(model: Model, at: At = None) -> Moment:
    """A moment from the ways of writing one.

    Args:
        model: the model whose phases it lies in.
        at: None or "now" is the end of the last phase after its gates (of a model without phases: before
            everything). "start" is before everything. "phase" is the end of that phase, after its gates.
            ("phase", step) or "phase:step" is after so many of its selections, before its gates; a step may be a
            tensor [draw]. "phase:50%" is after that part of its selections in every draw, which suits an uncertain
            number of them.

    Raises:
        SpecError: what is no moment; no such phase; a step that is no number or negative; a part that is not 0% to
            100%; selections to come, for which a model that goes on is asked (`Course`, `continued`).

    Selections are compared with `step` where they are drawn, in `Course`.
    """
    if isinstance(at, Moment):
        return _inside(model, at)
    if at is None:
        return Moment(len(model.phases) - 1)
    if isinstance(at, str):
        return _inside(model, _read(model, at))
    name, step = _pair(model, at)
    if isinstance(step, str):
        return _inside(model, _read(model, f"{name}:{step}"))
    return _inside(model, Moment(position(model, name), step))


def _pair(model: Model, at: object) -> tuple[str, Tensor | str]:
    """A phase and a step, or a text that says which."""
    if isinstance(at, tuple) and len(at) == 2 and isinstance(at[0], str):
        if isinstance(at[1], str):
            return at[0], at[1]
        if isinstance(at[1], (int, float, Tensor)):
            return at[0], torch.as_tensor(at[1], dtype=torch.float64).reshape(-1)
    example = model.phases[-1].name if model.phases else "PHASE"
    raise SpecError(f"at = {at!r} is no moment; write {FORMS}, or a pair such as ({example!r}, 10)")


def _read(model: Model, text: str) -> Moment:
    names = [p.name for p in model.phases]
    if text in names:
        return Moment(names.index(text))
    if text == START:
        return Moment(-1)
    if text == NOW_TEXT:
        return Moment(len(names) - 1)
    name, colon, step = text.rpartition(":")
    if not colon:
        return Moment(position(model, text))
    phase = position(model, name)
    if step.startswith("+"):
        number(text, step)
        raise SpecError(
            f"at = {text!r}: {step!r} is no number of selections that are past; those still to come need a model "
            "that goes on (bsm.motives.course.continued)"
        )
    found = number(text, step.removesuffix("%"))
    if not step.endswith("%"):
        return Moment(phase, torch.tensor([found], dtype=torch.float64))
    if not 0 <= found <= 100:
        raise SpecError(f"at = {text!r}: {step} is given; a part of a phase is 0% to 100%")
    return Moment(phase, part=found / 100)


def _inside(model: Model, at: Moment) -> Moment:
    if not -1 <= at.phase < len(model.phases):
        raise SpecError(f"{model.name} has {len(model.phases)} phases; there is none at position {at.phase}")
    if at.end or at.phase < 0:
        return at
    if at.part is not None:
        if at.step is not None:
            raise SpecError(f"a moment has a step or a part, not both; got {at.step.tolist()} and {at.part}")
        if not 0 <= at.part <= 1:
            raise SpecError(f"a part of a phase is 0 to 1; got {at.part}")
        return at
    assert at.step is not None
    if not bool(((at.step >= 0) & (at.step < torch.inf)).all()):
        raise SpecError(f"a step is a finite number of at least 0; got {at.step.tolist()}")
    return at


def steps_at(at: Moment, phase: int, selections: Tensor, name: str) -> Tensor | None:
    """Selections of a phase that are past at a moment, [draw]; None where the phase is over, gates and all.

    Raises:
        SpecError: the step lies beyond the phase's selections.
    """
    if phase < at.phase or (phase == at.phase and at.end):
        return None
    if phase > at.phase:
        return torch.zeros_like(selections)
    past = at.past(selections)
    short = past > selections
    if bool(short.any()):
        low, high, many = float(selections.min()), float(selections.max()), short.numel()
        if low == high:
            raise SpecError(beyond(name, float(past.max()), high))
        raise SpecError(
            f"step {float(past.max()):g} of phase {name} lies beyond its selections, {low:g} to {high:g}, in "
            f"{int(short.sum())} of {many} draws; ask for an earlier step, for a part of the phase ({name}:50%), or "
            "give one step per draw, at most its selections"
        )
    return past


def continued(model: Model, phase: str, selections: Number, name: str | None = None) -> Model:
    """The model with more of one phase at its end, without gates: what is predicted to come.

    Args:
        model: the model.
        phase: the phase that goes on, or comes again.
        selections: how many more.
        name: of the new phase; the phase's own name with "(continued)" when absent.
    """
    again = model.phases[position(model, phase)]
    label = name or f"{phase} (continued)"
    if label in (taken := [p.name for p in model.phases]):
        raise SpecError(f"{label!r} is already a phase of {model.name}, which has {taken}; give the new one a name")
    return replace(model, phases=(*model.phases, replace(again, name=label, selections=selections, gates=())))


def spread(model: Model, selections: Sequence[Tensor], count: int) -> list[Moment]:
    """`count` + 1 moments per phase that has selections, from its start to its last step, and its end after its gates.

    Steps are evenly spaced in each draw, so that a moment lies equally far into the phase in all draws.
    """
    found = [Moment(-1)]
    for i, n in enumerate(selections):
        if bool((n > 0).any()):
            found += [Moment(i, n * (j / count)) for j in range(1, count + 1)]
        found.append(Moment(i))
    return found
