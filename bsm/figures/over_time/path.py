"""Where computed moments stand along the panels of an axis of time, and between which of them lines may be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from bsm.figures.over_time.panels import NOW, START, Panel, along, part_of

Place = tuple[int, float, int]  # panel, place on it from 0 to 1, moment whose values stand there


@dataclass(frozen=True)
class Path:
    """Lines lead from each place of a run to the next; between runs nothing is known, and nothing is drawn.

    A run begins and ends at computed moments; in between a moment is repeated where the next phase begins, up to the
    gates of a phase without selections, and through one that has neither, for nothing happens there. `places` has each
    computed moment once, where it stands itself.
    """

    runs: tuple[tuple[Place, ...], ...]
    places: tuple[Place, ...]

    @property
    def last(self) -> Place:
        """The last computed moment."""
        return self.runs[-1][-1]


@dataclass(frozen=True)
class _Stood:
    """Moments by panel: inside it (place before gates, moment), right before its gates, and at its end."""

    inside: Mapping[int, Sequence[tuple[float, int]]]
    brink: Mapping[int, int]
    ends: Mapping[int, int]


def path(panels: Sequence[Panel], moments: Sequence[str]) -> Path:
    """The path of moments, which are named as results name them."""
    now = max((i for i, p in enumerate(panels) if not p.ahead), default=0)
    stood = _stood(panels, moments, now)
    known = moments.index(START) if START in moments else None
    own = {} if known is None else {known: (0, 0.0)}
    line: list[Place | None] = []
    for i, panel in enumerate(panels):
        if panel.ahead:
            known = stood.ends.get(now)
            line += [] if line and line[-1] is not None and line[-1][2] == known else [None]
        own |= {k: (i, u * panel.body) for u, k in stood.inside.get(i, ())}
        own |= {stood.ends[i]: (i, 1.0)} if i in stood.ends else {}
        points, known = _through(i, panel, known, stood)
        line += points
    runs = [list(part) for broken, part in groupby(line, lambda place: place is None) if not broken]
    kept = tuple(_ended([place for place in run if place is not None], own) for run in runs)
    return Path(tuple(run for run in kept if run), tuple((i, u, k) for k, (i, u) in sorted(own.items(), key=_second)))


def _second(item: tuple[int, tuple[int, float]]) -> tuple[int, float]:
    return item[1]


def _ended(run: Sequence[Place], own: Mapping[int, tuple[int, float]]) -> tuple[Place, ...]:
    """A run up to the last place at which a moment stands itself."""
    last = max((j for j, (i, u, k) in enumerate(run) if own[k] == (i, u)), default=-1)
    return tuple(run[: last + 1])


def _through(i: int, panel: Panel, known: int | None, stood: _Stood) -> tuple[list[Place | None], int | None]:
    """Places on one panel, None where the line breaks, and the moment whose values hold at its end, if one does."""
    end = stood.ends.get(i)
    points: list[Place | None] = [] if known is None else [(i, 0.0, known)]
    points += [(i, u * panel.body, k) for u, k in sorted(stood.inside.get(i, ()))]
    before = stood.brink.get(i) if panel.selects else (points[-1][2] if points and points[-1] is not None else None)
    if end is not None and panel.gates:
        reached = (i, panel.body, before) if before is not None else None
        points += [*([] if points and points[-1] == reached else [reached]), (i, panel.body, end), (i, 1.0, end)]
    elif end is not None:
        points += [(i, 1.0, end)]
    elif not panel.gates and before is not None:
        points, end = [*points, (i, 1.0, before)], before
    return (points, end) if end is not None else ([*points, None], None)


def _stood(panels: Sequence[Panel], moments: Sequence[str], now: int) -> _Stood:
    inside: dict[int, list[tuple[float, int]]] = {}
    brink: dict[int, int] = {}
    ends: dict[int, int] = {}
    for k, label in enumerate(moments):
        if label == START:
            continue
        if label in (NOW, panels[now].name):
            ends[now] = k
            continue
        i, u, last = _place(panels, label)
        if u is None or (last and not panels[i].gates and not panels[i].ahead):
            ends.setdefault(i, k)
            continue
        inside.setdefault(i, []).append((u, k))
        if last:
            brink[i] = k
    return _Stood(inside, brink, ends)


def _place(panels: Sequence[Panel], label: str) -> tuple[int, float | None, bool]:
    """The panel of a moment, where before its gates, from 0 to 1 (None: its end, after them), and if right before."""
    names = [p.name for p in panels if not p.ahead]
    if label in names:
        return names.index(label), None, False
    name, _, rest = label.rpartition(":")
    if rest.startswith("+"):
        i = next(i for i, p in enumerate(panels) if p.ahead and p.name == name)
        return i, float(rest) / panels[i].n if panels[i].n else 0.0, False
    i, part = names.index(name), part_of(label)
    if part is not None:
        return i, part, part == 1
    u = along(panels[i], float(rest))
    return i, u, panels[i].selects and panels[i].certain and u == 1
