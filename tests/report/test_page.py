"""The page: whole, self-contained, escaped, and with every row of the ledger in it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from bsm.figures.standings import standings
from bsm.report.html import Markup, table, tag
from bsm.report.page import TITLES, page
from tests.figures.results import LONG, RESULTS, made, real

VOID = {"meta"}


class Outline(HTMLParser):
    """Checks that elements nest, and collects identifiers, links and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.words: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[name] += 1
        given = dict(attributes)
        self.ids.update([given["id"]] if given.get("id") else [])
        self.links += [v for k, v in given.items() if k in ("href", "xlink:href", "src") and v]
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(name, attributes)
        if name not in VOID:
            self.open.pop()

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, words: str) -> None:
        self.words.append(words)


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    found.close()
    assert not found.open
    return found


@pytest.fixture(scope="module")
def whole() -> str:
    model, result = real()
    return page(result, model, {"command": "bsm run x", "seed": 0, "inputs": {"a.csv": "ab" * 32}, "outputs": {}})


def test_the_page_needs_no_network_and_no_script(whole):
    found = outline(whole)
    assert found.tags["script"] == found.tags["link"] == found.tags["img"] == found.tags["iframe"] == 0
    assert all(link.startswith("#") for link in found.links)
    assert not re.search(r"url\((?!#)", whole)
    assert "@import" not in whole
    assert set(re.findall(r'"(https?://[^"]*)"', whole)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_identifiers_are_unique_and_links_lead_somewhere(whole):
    """Two figures with the same identifiers would borrow each other's glyphs, and lose them when one is hidden."""
    found = outline(whole)
    assert [name for name, times in found.ids.items() if times > 1] == []
    assert {link[1:] for link in found.links} <= set(found.ids)
    used = set(re.findall(r"url\(#([^)]*)\)", whole))
    assert used <= set(found.ids)


def test_the_sections_come_in_order(whole):
    wanted = [title for name, title in TITLES.items() if name not in ("base-rates",)]
    assert re.findall(r"<h2>([^<]*)</h2>", whole) == wanted


def test_every_figure_is_there_in_light_and_dark(whole):
    found = outline(whole)
    assert found.tags["svg"] == 2 * found.tags["figure"]
    assert found.tags["figure"] == 11  # of the result 4, of the model 2, over time 5
    assert whole.count('role="img" aria-label="') == found.tags["svg"]


def test_every_row_every_prior_and_every_hash_is_there(whole):
    _, result = real()
    for row in result.rows("model-a").itertuples():
        assert f">{row.row}<" in whole
    for s in standings(result, "model-a"):
        assert f">{s.prior:.3f}<" in whole
    assert "ab" * 32 in whole
    assert "made up for the tests" in whole
    assert "opinion of" in whole


@pytest.mark.parametrize("name", ["two", "fifteen", "impossible"])
def test_pages_of_every_size_are_whole(name):
    outline(page(RESULTS[name]()))


HOSTILE = "<script>alert(1)</script>&\"'"


def test_words_of_a_ledger_are_escaped():
    """A ledger is untrusted: nothing in it may become markup."""
    result = made(
        (HOSTILE, "b"),
        subjects=(HOSTILE, "c"),
        blocks={HOSTILE: 4},
        exact=[[HOSTILE, "b"]],
        choices=[("as declared", "default", 0.2), (HOSTILE, HOSTILE, 0.9)],
    )
    model, _ = real()
    html = page(result, replace(model, name=HOSTILE, about=HOSTILE), {"command": HOSTILE, "inputs": {HOSTILE: "00"}})
    found = outline(html)
    assert found.tags["script"] == 0
    assert "alert(1)" in "".join(found.words)
    assert "<script" not in html


def test_a_long_word_does_not_break_the_page():
    assert LONG in page(made((LONG, "b"), subjects=(LONG,))).replace(" ", "_")


def test_a_result_that_is_not_determined_says_so_first():
    html = page(made(choices=[("as declared", "default", 0.2), ("other", "noise", 0.9)]))
    main = html[html.index("<main>") :]
    assert main.index("Not determined: from 0.20 to 0.90") < main.index("<figure")
    assert 'class="lead open"' in main


def test_cells_are_escaped_unless_they_are_markup():
    made_ = table(["a", "b"], [["<i>", tag("b", "<u>")]], numbers=[1], marked=[0])
    assert "&lt;i&gt;" in made_
    assert "<b>&lt;u&gt;</b>" in made_
    assert isinstance(made_, Markup)
    assert '<tr class="out">' in made_
