"""Moments as people write them, and what is said of those that cannot be meant."""

from __future__ import annotations

from bsm.spec.model import Model, SpecError
from bsm.spec.problems import near

START = "start"
NOW_TEXT = "now"
FORMS = "start, now, PHASE (its end, after its gates), PHASE:STEP, PHASE:50% or PHASE:+STEPS (so many more after now)"


def position(model: Model, name: str) -> int:
    """The place of a phase in the file.

    Raises:
        SpecError: no such phase; with the nearest one, and how a moment is written.
    """
    names = [p.name for p in model.phases]
    if name not in names:
        meant = next((n for n in names if name.startswith(n)), None)  # "rl@50" is about rl
        hint = f"; did you mean {meant!r}?" if meant else near(name, [*names, START, NOW_TEXT])
        raise SpecError(f"{name!r} is not a phase of {model.name}, which has {names}{hint or '.'} A moment is {FORMS}")
    return names.index(name)


def ahead(model: Model, at: object) -> tuple[str, float] | None:
    """The phase and the selections to come of "phase:+100" or ("phase", "+100"); None for any other moment.

    Raises:
        SpecError: no such phase; what is to come is no number of at least 0.
    """
    if isinstance(at, tuple) and len(at) == 2 and all(isinstance(part, str) for part in at):
        at = ":".join(at)
    if not isinstance(at, str) or at in [p.name for p in model.phases]:
        return None
    name, colon, more = at.rpartition(":")
    if not (colon and more.startswith("+")):
        return None
    position(model, name)
    steps = number(at, more[1:])
    if not 0 <= steps < float("inf"):
        raise SpecError(f"at = {at!r}: {more} is given; selections to come are a finite number of at least 0")
    return name, steps


def number(at: object, text: str) -> float:
    """A number in the text of a moment.

    Raises:
        SpecError: it is none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise SpecError(f"at = {at!r}: {text!r} is no number of selections; write {FORMS}") from error


def beyond(name: str, step: float, selections: float, last: bool = False) -> str:
    """What is said of a step past the end of a phase with a known number of selections; `last`: none comes after."""
    said = f"step {step:g} of phase {name} lies beyond its selections:"
    if not selections:
        return f"{said} it has none; write {name}, its end, after its gates"
    more = f", or, so many after now, {name}:+{step - selections:g}" if last else ""
    return f"{said} it has {selections:g}; write a step of 0 to {selections:g}, {name} for its end{more}"
