"""How motivations look over time: the colour of their family, a tint for each further one of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.colors import to_hex, to_rgb

from bsm.figures import frame as f
from bsm.figures.theme import Theme
from bsm.inference.result import NONE

TINTS = (0.0, 0.38, 0.62, 0.22, 0.5)


@dataclass(frozen=True)
class Look:
    """Fill of an area, colour of a line, hatch where colours alone do not tell, and the family."""

    fill: str
    line: str
    hatch: str
    family: str | None


def looks_of(names: Sequence[str], families: Mapping[str, str], theme: Theme) -> dict[str, Look]:
    """A look for every motivation; families have the colours that the other figures of the model give them."""
    order = list(dict.fromkeys(families.values()))
    seen: dict[str, int] = {}
    found = {}
    for name in names:
        if name == NONE:
            found[name] = Look(theme.faint, theme.muted, "", None)
            continue
        family = families[name]
        tint = TINTS[seen.get(family, 0) % len(TINTS)]
        seen[family] = seen.get(family, 0) + 1
        series = theme.series(order.index(family))
        hatch = series.hatch if theme.name == "grey" else ""
        found[name] = Look(mixed(series.color, theme.background, tint), series.color, hatch, family)
    return found


def mixed(color: str, other: str, part: float) -> str:
    """A colour moved towards another one by a part of the way.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    red, green, blue = ((1 - part) * a + part * b for a, b in zip(to_rgb(color), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


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
