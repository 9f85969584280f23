"""What every page has: a head, an opening, links to its sections, the sections; and figures in both themes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bsm.figures.picture import Picture
from bsm.figures.theme import DARK, LIGHT, as_svg
from bsm.report.html import Markup, both, joined, section, tag
from bsm.report.style import CSS


@dataclass(frozen=True)
class Section:
    """A part of a page that can be linked to by `name`; without `parts` it is left out."""

    name: str
    title: str
    parts: Sequence[object]


def whole(title: str, opening: Markup, sections: Iterable[Section]) -> str:
    """An HTML file with no network and no script; light and dark; it prints."""
    shown = [s for s in sections if s.parts]
    nav = tag("nav", joined(tag("a", s.title, href=f"#{s.name}") for s in shown), aria_label="Sections")
    head = [
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        Markup(f"<style>{CSS}</style>"),
    ]
    body = tag("main", joined([opening, nav, *(section(s.name, s.title, *s.parts) for s in shown)]))
    return f"<!doctype html>\n{tag('html', tag('head', *head), tag('body', body), lang='en')}\n"


def figure(picture: Picture, drawn: tuple[str, str] | None = None) -> Markup:
    """A figure with its caption; `drawn` is what `in_both` made of it, where that was done already."""
    light, dark = drawn or in_both(picture)
    return both(light, dark, picture.name, picture.title, picture.caption)


def in_both(picture: Picture) -> tuple[str, str]:
    """A figure as SVG, light and dark."""
    return as_svg(picture.draw(LIGHT)), as_svg(picture.draw(DARK))


def of_kinds(shown: Mapping[str, Markup], *kinds: str) -> list[Markup]:
    """Figures of these kinds; what follows a hyphen in a figure's name tells it from others of its kind."""
    return [part for name, part in shown.items() if name.partition("-")[0] in kinds]
