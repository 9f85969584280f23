"""Moments at which influence is asked about: before everything, inside a phase, at its end, now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsm.spec.model import Model, Number, SpecError


@dataclass(frozen=True, eq=False)
class Moment:
    """A moment in the course of an AI.

    `phase` is the position of a phase in the file, -1 before all of them. `step` counts the selections of that phase
    that are past, a number or one per draw [draw]; None is the end of the phase, after its gates, so that a moment
    at `step` = n lies before them.
    """

    phase: int
    step: Tensor | None = None

    def words(self, model: Model) -> str:
        """As it is written on the command line: `start`, `phase` or `phase:step`."""
        if self.phase < 0:
            return "start"
        name = model.phases[self.phase].name
        if self.step is None:
            return name
        low, high = float(self.step.min()), float(self.step.max())
        return f"{name}:{low:g}" if low == high else f"{name}:{low:g} to {high:g}"


At = Moment | str | tuple[str, float | Tensor] | None
START = "start"
NOW = None
NOW_TEXT = "now"


def moment(model: Model, at: At = None) -> Moment:
    """A moment from the ways of writing one.

    Args:
        model: the model whose phases it lies in.
        at: None or "now" is the end of the last phase after its gates (of a model without phases: before
            everything). "start" is before everything. "phase" is the end of that phase, after its gates.
            ("phase", step) or "phase:step" is after so many of its selections, before its gates; a step may be a
            tensor [draw].

    Raises:
        SpecError: no such phase; a step that is no number, negative, or beyond a fixed number of selections.

    Numbers of selections that are uncertain are compared with `step` where they are drawn, in `Course`.
    """
    if isinstance(at, Moment):
        return _inside(model, at)
    if at is None:
        return Moment(len(model.phases) - 1)
    if isinstance(at, str):
        return _inside(model, _read(model, at))
    name, step = at
    return _inside(model, Moment(_position(model, name), torch.as_tensor(step, dtype=torch.float64).reshape(-1)))


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
        return Moment(_position(model, text))
    try:
        number = float(step)
    except ValueError as error:
        raise SpecError(
            f"at = {text!r}: {step!r} is no number of selections; write phase or phase:step, for instance "
            f"{(names or ['training'])[0]}:10"
        ) from error
    return Moment(_position(model, name), torch.tensor([number], dtype=torch.float64))


def _position(model: Model, name: str) -> int:
    names = [p.name for p in model.phases]
    if name not in names:
        raise SpecError(f"{name!r} is not a phase of {model.name}; it has {names}, and {START!r} is before all of them")
    return names.index(name)


def _inside(model: Model, at: Moment) -> Moment:
    if not -1 <= at.phase < len(model.phases):
        raise SpecError(f"{model.name} has {len(model.phases)} phases; there is none at position {at.phase}")
    if at.step is None or at.phase < 0:
        return at
    if not bool(((at.step >= 0) & (at.step < torch.inf)).all()):
        raise SpecError(f"a step is a finite number of at least 0; got {at.step.tolist()}")
    return at


def steps_at(at: Moment, phase: int, selections: Tensor, name: str) -> Tensor | None:
    """Selections of a phase that are past at a moment, [draw]; None where the phase is over, gates and all.

    Raises:
        SpecError: the step lies beyond the phase's selections.
    """
    if phase < at.phase or (phase == at.phase and at.step is None):
        return None
    if phase > at.phase:
        return torch.zeros_like(selections)
    assert at.step is not None
    short = at.step > selections
    if bool(short.any()):
        raise SpecError(
            f"step {float(at.step.max()):g} of phase {name} lies beyond its selections, {float(selections.min()):g} "
            f"to {float(selections.max()):g} in {int(short.sum())} of {short.numel()} draws; ask for an earlier "
            "step, or give one step per draw, at most its selections"
        )
    return torch.broadcast_tensors(at.step, selections)[0]


def continued(model: Model, phase: str, selections: Number, name: str | None = None) -> Model:
    """The model with more of one phase at its end, without gates: what is predicted to come.

    Args:
        model: the model.
        phase: the phase that goes on, or comes again.
        selections: how many more.
        name: of the new phase; the phase's own name with "(continued)" when absent.
    """
    again = model.phases[_position(model, phase)]
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
