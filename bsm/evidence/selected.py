"""Rows inside a phase of selection: what their episodes were selected on, and how many selections they observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from bsm.evidence.cells import certain
from bsm.evidence.rows import LedgerRow
from bsm.motives.compile import Behaviour
from bsm.spec.model import Model, Parameter, Phase, SpecError


def phase_of(row: LedgerRow) -> str | None:
    """The phase whose selection the row's episodes went through; None for a row that was only seen there."""
    return row.phase if row.steps > 0 else None


def factors(behaviour: Behaviour, phase: str | None) -> dict[str, Tensor]:
    """Factors of being selected in a phase, by node; none outside selection.

    Raises:
        SpecError: the model has no such phase.
    """
    if phase is None:
        return {}
    selected = named(behaviour.model, phase).selected
    return behaviour.event(selected) if selected else behaviour.influence


def both(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Factors of two events at once."""
    shared = {n: one[n] * other[n] for n in one if n in other}
    return {**one, **other, **shared}


def named(model: Model, name: str) -> Phase:
    """A phase by its name."""
    for phase in model.phases:
        if phase.name == name:
            return phase
    raise SpecError(f"{name!r} is not a phase of {model.name}; it has {[p.name for p in model.phases]}")


def steps_of(rows: Sequence[LedgerRow]) -> dict[str, int]:
    """Selected steps that rows observed, by phase."""
    found: dict[str, int] = {}
    for row in rows:
        if (phase := phase_of(row)) is not None:
            found[phase] = found.get(phase, 0) + row.steps
    return found


def check_steps(model: Model, rows: Sequence[LedgerRow], parameters: Mapping[str, Parameter]) -> None:
    """No phase of known length has fewer selections than its rows observed.

    Where the length is uncertain, draws with too few selections have probability zero.

    Raises:
        SpecError: naming the last line of that phase.
    """
    for name, steps in steps_of(rows).items():
        n = certain(named(model, name).selections, parameters)
        if n is not None and steps > n:
            line = max(r.line for r in rows if phase_of(r) == name)
            raise SpecError(
                f"evidence line {line} and those before it stand for {steps} steps of phase {name}, "
                f"which has only {n:g} selections; correct `steps` in the ledger or `selections` in the model"
            )
