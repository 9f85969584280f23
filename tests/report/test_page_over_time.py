"""The page over time: whole, self-contained, escaped, with every AI, moment and row in it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

import bsm
from bsm.inference.over_time import OverTime
from bsm.report.page_over_time import page_over_time
from bsm.spec.model import SpecError
from tests.cli.commands import DRIFTING_ROWS, drifting
from tests.report.test_page import HOSTILE, outline

MOMENTS = ["start", "training", "use:50%", "use", "use:+5"]
NAMES = ["a b", "a-b", "fourth", HOSTILE]


def found(folder: Path, subjects: list[str]) -> OverTime:
    """A result in which every subject has the same two rows."""
    model = bsm.load(drifting(folder))
    frame = pd.read_csv(io.StringIO(DRIFTING_ROWS), dtype=str, keep_default_na=False)
    each = [frame.assign(subject=s, id=[f"{k}-{i}" for i in frame["id"]]) for k, s in enumerate(subjects)]
    return bsm.posterior(model, bsm.Evidence.from_frame(pd.concat(each), model), at=[*MOMENTS], draws=60)


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> OverTime:
    return found(tmp_path_factory.mktemp("several"), NAMES)


@pytest.fixture(scope="module")
def whole(several) -> str:
    return page_over_time(several, {"command": "bsm run x", "seed": 0, "inputs": {"a.csv": "ab" * 32}, "outputs": {}})


def test_it_needs_no_network_and_its_links_lead_somewhere(whole):
    told = outline(whole)
    assert told.tags["script"] == told.tags["link"] == told.tags["img"] == told.tags["iframe"] == 0
    assert all(link.startswith("#") for link in told.links)
    assert [name for name, times in told.ids.items() if times > 1] == []
    assert {link[1:] for link in told.links} | set(re.findall(r"url\(#([^)]*)\)", whole)) <= set(told.ids)


def test_every_ai_has_a_section_with_its_figures_however_it_is_called(whole):
    told = outline(whole)
    assert {"ai-a-b", "ai-a-b-2", "ai-fourth"} <= set(told.ids)
    assert told.tags["svg"] == 2 * told.tags["figure"]
    assert told.tags["figure"] == 2 * len(NAMES) + 2 + 2 + 4  # AIs; no ledger; graph, fitness; sweeps, odds, slices
    assert "alert(1)" in "".join(told.words)
    assert "<script" not in whole


def test_every_row_moment_prior_and_number_is_there(whole, several):
    for k in range(len(NAMES)):
        assert f">{k}-a<" in whole
        assert f">{k}-b<" in whole
    for moment in ("start", "training", "use:50%", "use:+5, predicted"):
        assert f">{moment}<" in whole
    for p in several.about["prior"].values():
        assert f">{p:.3f}<" in whole
    assert "training, at its end" in whole
    assert ">use, after 2<" in whole
    assert "ab" * 32 in whole
    assert "3 of 5" in whole


def test_it_says_first_how_many_have_an_answer_and_that_no_setting_was_tried(whole, several):
    main = whole[whole.index("<main>") :]
    opening = main[: main.index("<nav")]
    last = several.smoothed.sel(moment="use:+5")
    half = int((last.drop_sel(motivation="none_of_these").max("motivation") > 0.5).sum())
    assert f"one named motivation has more than half in {half} of 4 AIs" in opening
    assert "The readings hypothesis and mixture differ" in opening
    assert "No other setting was tried here" in opening
    assert 'class="lead open"' in opening


def test_of_few_ais_everything_is_said_first(tmp_path):
    one = found(tmp_path, ["ai"])
    opening = unescape(page_over_time(one).split("<nav")[0])
    for sentence in bsm.inference.over_time.headline.headline(one, "ai"):
        assert sentence in opening


def test_rows_selected_on_one_after_another_stand_where_they_lie(tmp_path):
    model = bsm.load(drifting(tmp_path))
    rows = "id,subject,setting,suite,phase,step,steps,observation,k,n,rho,source_id\n" + "".join(
        f"{name},ai,audit,broken-test,training,,{steps},hacked,1,1,0,made up {name}\n"
        for name, steps in (("a", 3), ("b", 4))
    )
    frame = pd.read_csv(io.StringIO(rows), dtype=str, keep_default_na=False)
    html = page_over_time(bsm.posterior(model, bsm.Evidence.from_frame(frame, model), at=["use"], draws=60))
    assert ">training, after 0<" in html
    assert ">training, after 3<" in html


def test_without_its_model_it_says_what_is_missing(several):
    with pytest.raises(SpecError, match="this needs its model and ledger"):
        page_over_time(replace(several, model=None))
