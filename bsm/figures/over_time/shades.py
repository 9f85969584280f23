"""Shades of one colour that are told apart by how light they are, also without colour."""

from __future__ import annotations

from matplotlib.colors import to_hex, to_rgb

STEP = 26.0  # of lightness, from one shade to the next where there is room
SPARED = 16.0  # lightness between the last shade and the background
LEAST = 14.0  # of lightness from one shade to the next, or the shades go towards the ink


def lightness(color: str) -> float:
    """How light a colour looks, L* of CIELAB from 0 (black) to 100 (white).

    >>> round(lightness("#000000")), round(lightness("#808080")), round(lightness("#ffffff"))
    (0, 54, 100)
    """
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 116 * y ** (1 / 3) - 16 if y > 216 / 24389 else y * 24389 / 27


def mixed(color: str, other: str, part: float) -> str:
    """A colour moved towards another one by a part of the way.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    red, green, blue = ((1 - part) * a + part * b for a, b in zip(to_rgb(color), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


def shades(color: str, background: str, ink: str, count: int) -> tuple[str, ...]:
    """So many shades of a colour, the colour itself first, the others nearer to the background, or to the ink.

    To the ink only where there is too little room to the background. They are even in lightness, in an order in which
    neighbours are far apart.
    """
    start = lightness(color)
    light, dark = (max(0.0, abs(lightness(end) - start) - SPARED) for end in (background, ink))
    towards, most = (background, light) if light >= min(dark, LEAST * (count - 1)) else (ink, dark)
    step = min(STEP, most / max(1, count - 1)) * (1 if lightness(towards) > start else -1)
    order = [*range(0, count, 2), *range(1, count, 2)]
    return tuple(_at(color, towards, start + step * k) for k in order)


def _at(color: str, towards: str, wanted: float) -> str:
    """The mixture of two colours that is so light."""
    low, high = 0.0, 1.0
    rising = lightness(towards) > lightness(color)
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if (lightness(mixed(color, towards, middle)) < wanted) is rising else (low, middle)
    return mixed(color, towards, low)
