"""The committed page and figures say what the committed numbers say, and can be read."""

from __future__ import annotations

import json

import pytest

from bsm.figures.legible import small_texts, texts_overlap
from tests.training import figure, summary
from tests.training.protocol import ALGORITHMS, JUDGED, VARIANTS
from tests.training.run import RESULTS


@pytest.fixture(scope="module")
def found():
    return json.loads((RESULTS / "training.json").read_text(encoding="utf-8"))


def test_every_variant_is_there(found):
    assert {name: list(records) for name, records in found.items()} == {name: list(ALGORITHMS) for name in VARIANTS}


def test_the_page_is_of_these_numbers(found):
    assert summary.text(found) == (RESULTS / "summary.md").read_text(encoding="utf-8")


def test_figures_can_be_read(found):
    for made in (figure.courses(found[JUDGED]), figure.insides(found)):
        assert texts_overlap(made) == []
        assert small_texts(made) == []
