"""The phases of an AI as panels of an axis of time, and where on them moments and rows of a ledger stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

START, NOW = "start", "now"
AHEAD = "to come"
BEFORE_GATES = 0.84  # part of a panel that lies before the gates at its end


@dataclass(frozen=True)
class Panel:
    """A phase on the axis of time. `n` is the mean of its selections over parameter draws, `written` as in the file."""

    name: str
    kind: str
    written: str
    eta: str
    dynamics: str
    n: float
    gates: tuple[str, ...] = ()
    ahead: bool = False

    @property
    def selects(self) -> bool:
        return self.n > 0

    @property
    def certain(self) -> bool:
        """Whether its number of selections is one number."""
        return "to" not in self.written.split() and _is_number(self.written)

    @property
    def body(self) -> float:
        """Where on the panel, from 0 to 1, the gates stand at its end; 1 where there are none."""
        if not self.gates:
            return 1.0
        return BEFORE_GATES if self.selects else 0.5


@dataclass(frozen=True)
class Mark:
    """Rows of a ledger seen at one place: on a panel from `start` to `stop` (0 to 1), which differ if selected on."""

    panel: int
    start: float
    stop: float
    rows: int
    selected: bool


def dynamics_of(panels: Sequence[Panel]) -> tuple[str, ...]:
    """The dynamics of the phases that select, each once."""
    return tuple(dict.fromkeys(p.dynamics for p in panels if p.selects)) or ("no selection",)


def panels_of(
    phases: Sequence[Mapping[str, Any]], means: Mapping[str, float], ahead: Mapping[str, float]
) -> tuple[Panel, ...]:
    found = []
    for p in phases:
        n = means.get(p["name"], number(p["selections"]))
        gates = tuple(p["gates"])
        found.append(Panel(p["name"], p["kind"], p["selections"], p["eta"], p["dynamics"], n, gates))
    kinds = {p.name: p for p in found}
    for name, steps in ahead.items():
        of = kinds[name]
        found.append(Panel(name, AHEAD, f"{steps:g}", of.eta, of.dynamics, steps, ahead=True))
    return tuple(found)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def number(text: str) -> float:
    """How many selections stand for a phase on the axis: the number, or the middle of `low to high` in logs.

    >>> number("3"), number("10 to 1000")
    (3.0, 100.0)
    """
    ends = text.split(" to ")
    if not all(_is_number(end) for end in ends):
        return 1.0
    low, high = float(ends[0]), float(ends[-1])
    return low if low == high else sqrt(max(low, 1e-3) * max(high, 1e-3))


def marks(panels: Sequence[Panel], rows: Sequence[Mapping[str, Any]]) -> tuple[Mark, ...]:
    """Where rows were seen: after the gates of their phase, now where they name none, or at their step."""
    names = [p.name for p in panels if not p.ahead]
    filled: dict[int, float] = {}
    places: dict[tuple[int, float, float, bool], int] = {}
    for row in rows:
        i = names.index(row["phase"]) if row["phase"] else len(names) - 1
        panel, step, steps = panels[i], row["step"], row["steps"] if row["phase"] else 0
        if steps and step is None:
            step = filled.get(i, 0.0)
            filled[i] = step + steps
        if step is None:
            start = stop = (panel.body + 1) / 2
        else:
            start, stop = (panel.body * along(panel, s) for s in (step, step + steps))
        key = (i, start, stop, bool(steps))
        places[key] = places.get(key, 0) + 1
    return tuple(Mark(i, a, b, count, selected) for (i, a, b, selected), count in places.items())


def part_of(label: str) -> float | None:
    """0.5 of "phase:50%"; None of any other moment."""
    return float(label.rpartition(":")[2][:-1]) / 100 if label.endswith("%") else None


def along(panel: Panel, step: float) -> float:
    """Where so many selections of a panel stand, from 0 to 1 before its gates."""
    return min(1.0, step / panel.n) if panel.n else 0.0
