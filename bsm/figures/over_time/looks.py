"""How motivations look over time: the colour of their family, a shade and a hatch for each further one of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsm.figures import frame as f
from bsm.figures.over_time.shades import shades
from bsm.figures.theme import HATCHES, Theme
from bsm.inference.result import NONE


@dataclass(frozen=True)
class Look:
    """Fill of an area, colour of a line, hatch where fills alone do not tell, the family, and the hatch's colour."""

    fill: str
    line: str
    hatch: str
    family: str | None
    hatched: str = "#000000"


def looks_of(names: Sequence[str], families: Mapping[str, str], theme: Theme) -> dict[str, Look]:
    """A look for every motivation; families have the colours that the other figures of the model give them.

    Members of a family differ in how light they are, and all but its first are hatched.
    """
    order = list(dict.fromkeys(families.values()))
    members = {family: [n for n in names if families.get(n) == family] for family in order}
    found = {}
    for name in names:
        if name == NONE:
            found[name] = Look(theme.faint, theme.muted, "", None)
            continue
        family = families[name]
        series, place = theme.series(order.index(family)), members[family].index(name)
        fill = shades(series.color, theme.background, theme.ink, len(members[family]))[place]
        hatch, hatched = _hatch(theme, order.index(family), place), series.color if place else theme.background
        found[name] = Look(fill, series.color, hatch, family, hatched)
    return found


def _hatch(theme: Theme, family: int, place: int) -> str:
    """In grey each family has a hatch of its own, and its members others; in colour only further members have one."""
    if theme.name == "grey":
        return HATCHES[(family + place * len(HATCHES) // 2) % len(HATCHES)]
    return HATCHES[place % len(HATCHES)]


def stacked_in(names: Sequence[str], families: Mapping[str, str]) -> list[str]:
    """Motivations in the order of a stack, the lowest first: by family, in file order; none_of_these on top."""
    order = list(dict.fromkeys(families.values()))
    named = [n for n in names if n != NONE]
    return sorted(named, key=lambda n: (order.index(families[n]), named.index(n))) + [n for n in names if n == NONE]


def family_keys(looks: Mapping[str, Look], theme: Theme) -> list[f.Key]:
    """Legend entries of the families, and of none_of_these where it is there."""
    found: dict[str, f.Key] = {}
    for look in looks.values():
        word = look.family or "none of these"
        color = look.line if look.family else look.fill
        mark = {"marker": "s", "markersize": 6.0, "color": color, "linestyle": "none", "markeredgecolor": theme.muted}
        found.setdefault(word, f.Key(word, {**mark, "markeredgewidth": 0.4}))
    return list(found.values())
