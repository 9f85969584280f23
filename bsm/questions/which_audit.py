"""Which audit is asked about, by position in the file, and which phase follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bsm.spec.model import Model, SpecError


@dataclass(frozen=True)
class Audit:
    """The held-out gates of one name in one phase, by position."""

    name: str
    place: int
    gates: tuple[int, ...]

    def words(self, model: Model) -> str:
        more = f" ({len(self.gates)} gates)" if len(self.gates) > 1 else ""
        return f"{self.name} in {model.phases[self.place].name}{more}"


def pairs(model: Model, wanted: str | tuple[str, str] | None, phase: str | None) -> list[tuple[Audit, int]]:
    """Audits to choose among, each with the position of the phase that follows it; one where `wanted` names one.

    Arguments and errors as in `bsm.audit_half_life`.
    """
    audits = _named(model, wanted)
    names = [p.name for p in model.phases]
    if phase is not None:
        asked = _position(model, phase)
        found = [(a, asked) for a in audits if a.place <= asked]
        if not found:
            first = audits[0].place
            raise SpecError(
                f"phase {phase!r} comes before the audit ({audits[0].words(model)}), so a clean result cannot have "
                f"aged in it; ask about one of {names[first:]}"
            )
    else:
        found = [(a, at) for a in audits if (at := _next(model, a.place)) is not None]
        if not found:
            last = names[audits[-1].place]
            raise SpecError(
                f"no phase with selections follows the audit in {last}; name a phase that does, or phase={last!r} to "
                "let that one go on"
            )
    if wanted is not None and len(found) > 1:
        options = [(names[a.place], a.name) for a, _ in found]
        raise SpecError(f"{len(found)} phases of {model.name} have that audit; say which, audit= one of {options}")
    return found


def _named(model: Model, wanted: str | tuple[str, str] | None) -> list[Audit]:
    """All audits of a name, or all there are."""
    where, name = wanted if isinstance(wanted, tuple) else (None, wanted)
    phases = range(len(model.phases)) if where is None else [_position(model, where)]
    home = model.name if where is None else f"phase {where}"
    gates = [(i, g) for i in phases for g in model.phases[i].gates]
    if name is not None and not any(g.name == name for _, g in gates):
        raise SpecError(f"{home} has no gate {name!r}; its gates are {[g.name for _, g in gates]}")
    if name is not None and not any(g.name == name and g.held_out for _, g in gates):
        raise SpecError(f"the gate {name} is trained on, so passing it selects nobody; ask about a held-out one")
    found = [a for i in phases for a in _audits(model, i) if name in (None, a.name)]
    if not found:
        known = [g.name for _, g in gates]
        raise SpecError(f"{home} has no held-out gate; its gates are {known}. Add one under `gates:` of a phase")
    return found


def _audits(model: Model, place: int) -> Iterator[Audit]:
    gates = model.phases[place].gates
    for name in dict.fromkeys(g.name for g in gates if g.held_out):
        yield Audit(name, place, tuple(k for k, g in enumerate(gates) if g.held_out and g.name == name))


def _position(model: Model, name: str) -> int:
    names = [p.name for p in model.phases]
    if name not in names:
        raise SpecError(f"{name!r} is not a phase of {model.name}; it has {names}")
    return names.index(name)


def _next(model: Model, place: int) -> int | None:
    return next((i for i, p in enumerate(model.phases) if i > place and p.selections != 0.0), None)
