"""`bsm run` where it matters when a row was seen: every output over time, gone on with, and when it is chosen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import bsm as library
from bsm.cli import run
from bsm.cli.run_kinds import NOW, OVER_TIME, PARTS, kind_of
from bsm.figures.over_time.tracks import wanted
from bsm.inference.over_time import OverTime
from bsm.report.sentences_over_time import UNTRIED
from tests.cli.commands import DRIFTING_ROWS, bsm, document, drifting, names, printed

FEW = ("--draws", "80", "--workers", "1")
TWO = DRIFTING_ROWS + "c,another ai,audit,broken-test,use,,0,hacked,0,9,0,made up\n"


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    folder = drifting(tmp_path_factory.mktemp("drifting"))
    (folder / "evidence.csv").write_text(TWO, encoding="utf-8")
    return folder


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """Figures take most of the time."""
    monkeypatch.setattr(run, "present", lambda *_: None)


@pytest.fixture(scope="module")
def finished(begun, tmp_path_factory) -> tuple[Path, str]:
    """A finished run's folder, and what it printed."""
    out = tmp_path_factory.mktemp("run") / "out"
    return out, printed("run", begun, "--out", out, *FEW)


def test_result_page_manifest_and_the_figures_of_every_ai_are_written(finished):
    out, said = finished
    written = names(out)
    assert {"result.nc", "index.html", "manifest.json"} <= written
    pictures = {Path(name).stem for name in written if name.startswith("figures/")}
    assert {f"{kind}-{ai}" for kind in ("influence", "odds") for ai in ("ai", "another-ai")} <= pictures
    assert {"graph", "fitness", "attribution", "unrolled"} <= pictures
    assert {f"figures/{stem}.{kind}" for stem in pictures for kind in ("png", "svg")} <= written
    listed = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["outputs"]
    assert len(listed) == len(written) - 1  # all but itself
    assert "* ai at use, under hypothesis, given all rows: " in said
    assert said.index("No other setting was tried here") < said.index("* ai at use")
    assert "training:50%" not in said  # the tables that are printed have the ends of phases


def test_the_result_is_that_of_the_library(begun, finished):
    model = library.load(begun)
    ledger = library.Evidence.read(begun / "evidence.csv", model)
    expected = library.posterior(model, ledger, at=[*wanted(model, PARTS)], seed=0, draws=80)
    saved = OverTime.load(finished[0] / "result.nc", model, ledger)
    assert saved.table().equals(expected.table())


@pytest.mark.usefixtures("undrawn")
def test_a_second_run_uses_what_is_there_until_something_changes(begun, finished, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "out")
    again = bsm("run", begun, "--out", out, *FEW)
    assert "was computed from the same inputs and is used" in again.stderr
    assert again.stdout == finished[1]
    other = bsm("run", begun, "--out", out, *FEW, "--subject", "another ai")
    assert "is used" not in other.stderr
    assert names(out) == {"result.nc"}  # what was drawn from the other result is gone


@pytest.mark.usefixtures("undrawn")
def test_json_is_one_document_with_rows_that_sum_to_one(begun, finished):
    found = document("run", begun, "--out", finished[0], *FEW)
    sums: dict[tuple[str, ...], float] = {}
    for row in found["rows"]:
        at = (row["subject"], row["moment"], row["reading"])
        sums[at] = sums.get(at, 0.0) + row["smoothed"]
    assert len(sums) == 2 * 2 * len(wanted(library.load(begun), PARTS))
    assert list(sums.values()) == pytest.approx([1.0] * len(sums))
    assert set(found["headline"]) == {"ai", "another ai"}
    assert found["across_settings"] == UNTRIED


@pytest.mark.usefixtures("undrawn")
def test_stopped_between_two_ais_it_keeps_the_first(begun, finished, tmp_path, monkeypatch):
    from bsm.inference.over_time import found_files

    whole, done, out = found_files.fit, [], tmp_path / "out"

    def stops(model, evidence, *rest):
        if done and evidence.subjects == ("another ai",):
            raise KeyboardInterrupt
        done.append(evidence.subjects[0])
        return whole(model, evidence, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(found_files, "fit", stops)
        result = bsm("run", begun, "--out", out, *FEW)
    assert result.exit_code == 130
    (parts,) = (out / "unfinished").iterdir()
    assert f"stopped; what was found from these inputs so far is in {parts}; the same command goes on" in result.stderr
    one = shutil.copytree(out, tmp_path / "one")
    printed("run", begun, "--out", one, *FEW, "--subject", "another ai")
    assert [p.name for p in (one / "unfinished").iterdir()] == [parts.name]  # what is known of the first AI stays
    half = shutil.copytree(out, tmp_path / "half")
    other = out / "unfinished" / ("0" * 16) / "part.npz"
    other.parent.mkdir()
    other.write_bytes(b"of other inputs")
    monkeypatch.setattr(found_files, "fit", lambda *given: (done.append(given[1].subjects[0]), whole(*given))[1])
    for folder, words, inferred in (
        (out, (), ["another ai", "ai", "another ai"]),
        (shutil.copytree(half, tmp_path / "third"), ("--no-choices",), ["another ai", "ai", "another ai"]),
        (half, ("--fresh",), ["ai", "another ai"] * 2),
    ):
        done.clear()
        assert printed("run", begun, "--out", folder, *FEW, *words) == finished[1]
        assert done == inferred
        assert not (folder / "unfinished" / parts.name).exists()
    assert other.read_bytes() == b"of other inputs"


def test_over_time_only_where_a_row_lies_in_a_phase_in_which_it_matters_when(begun, tmp_path):
    model = library.load(begun)
    ledger = library.Evidence.read(begun / "evidence.csv", model)
    assert kind_of(model, ledger, ()) is OVER_TIME
    now = tmp_path / "now.csv"
    now.write_text(TWO.replace(",use,,0,", ",,,0,"), encoding="utf-8")
    mixed = library.Evidence.read(now, model)
    assert kind_of(model, mixed, ()) is OVER_TIME
    assert kind_of(model, mixed, ("another ai",)) is NOW  # its row is of now
    rows = library.Evidence.from_frame(_frame(), library.load(_still(begun, tmp_path)))
    assert kind_of(library.load(tmp_path), rows, ()) is NOW


def _still(begun: Path, folder: Path) -> Path:
    """The same model in which nothing turns into anything."""
    text = (begun / "model.yaml").read_text(encoding="utf-8")
    start, end = text.index(", drift: ["), text.index("]}\n", text.index(", drift: ["))
    (folder / "model.yaml").write_text(text[:start] + text[end + 1 :], encoding="utf-8")
    return folder


def _frame():
    import io

    import pandas as pd

    return pd.read_csv(io.StringIO(DRIFTING_ROWS), dtype=str)
