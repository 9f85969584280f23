"""The phases of an AI as panels of an axis of time, and where on them moments and rows of a ledger stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        n = means.get(p["name"], _number(p["selections"]))
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


def _number(text: str) -> float:
    return float(text) if _is_number(text) else 1.0


def path(panels: Sequence[Panel], moments: Sequence[str]) -> tuple[tuple[int, float, int], ...]:
    """Where each moment stands, with those repeated at which one phase ends and the next begins."""
    inside: dict[int, list[tuple[float, int]]] = {}
    ends: dict[int, int] = {}
    now = max((i for i, p in enumerate(panels) if not p.ahead), default=0)
    before = moments.index(START) if START in moments else None
    for k, label in enumerate(moments):
        if label in (NOW, panels[now].name):
            ends[now] = k
        elif label != START:
            i, u = _place(panels, label)
            ends.update({i: k} if u is None else {})
            inside.setdefault(i, []).extend([] if u is None else [(u, k)])
    found: list[tuple[int, float, int]] = []
    for i, panel in enumerate(panels):
        before = ends.get(now, before) if panel.ahead else before
        points = [] if before is None else [(0.0, before)]
        points += [(u * panel.body, k) for u, k in sorted(inside.get(i, []))]
        if i in ends:
            points += [(panel.body, before)] if panel.gates and not panel.selects and before is not None else []
            points += [(panel.body, ends[i])] + ([(1.0, ends[i])] if panel.body < 1 else [])
        found += [(i, u, k) for u, k in points]
        before = points[-1][1] if points else before
    return tuple(found)


def _place(panels: Sequence[Panel], label: str) -> tuple[int, float | None]:
    """The panel of a moment, and where before its gates, from 0 to 1; None is its end, after them."""
    names = [p.name for p in panels if not p.ahead]
    if label in names:
        return names.index(label), None
    name, _, rest = label.rpartition(":")
    if rest.startswith("+"):
        i = next(i for i, p in enumerate(panels) if p.ahead and p.name == name)
        return i, float(rest) / panels[i].n if panels[i].n else 0.0
    i, part = names.index(name), part_of(label)
    return i, _along(panels[i], float(rest)) if part is None else part


def _along(panel: Panel, step: float) -> float:
    return min(1.0, step / panel.n) if panel.n else 0.0


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
            start, stop = (panel.body * _along(panel, s) for s in (step, step + steps))
        key = (i, start, stop, bool(steps))
        places[key] = places.get(key, 0) + 1
    return tuple(Mark(i, a, b, count, selected) for (i, a, b, selected), count in places.items())


def part_of(label: str) -> float | None:
    """0.5 of "phase:50%"; None of any other moment."""
    return float(label.rpartition(":")[2][:-1]) / 100 if label.endswith("%") else None
