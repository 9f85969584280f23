"""`bsm run`: from a model that `bsm new` made to every output; stopped, gone on with, and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import bsm as library
from tests.cli.commands import TINY, bsm, document, names, printed, starter, told

FEW = ("--draws", "300")


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    return starter(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def finished(begun, tmp_path_factory) -> tuple[Path, str]:
    """A finished run's folder, and what it printed."""
    out = tmp_path_factory.mktemp("run") / "out"
    return out, printed("run", begun, "--out", out, *FEW)


def test_everything_is_written_and_nothing_is_left_over(finished):
    out, _ = finished
    written = names(out)
    assert {"result.nc", "index.html", "manifest.json", "figures/graph.png", "figures/graph.svg"} <= written
    assert not [name for name in written if "part" in name]
    pictures = {Path(name).stem for name in written if name.startswith("figures/")}
    assert {f"figures/{stem}.{kind}" for stem in pictures for kind in ("png", "svg")} <= written


def test_the_words_name_every_motivation(finished):
    out, said = finished
    for name in library.Result.load(out / "result.nc").names:
        assert name in said or name.replace("_", " ") in said


def test_the_result_is_that_of_the_library(begun, finished):
    model = library.load(begun)
    ledger = library.Evidence.read(begun / "evidence.csv", model)
    expected = library.posterior(model, ledger, seed=0, draws=300)
    saved = library.Result.load(finished[0] / "result.nc")
    assert saved.table().equals(expected.table())


def test_the_manifest_names_inputs_seed_and_command(begun, finished):
    found = json.loads((finished[0] / "manifest.json").read_text(encoding="utf-8"))
    text = json.dumps(found)
    assert "model.yaml" in text
    assert "evidence.csv" in text
    assert found["seed"] == 0
    assert found["command"].startswith("bsm run ")
    assert found["command"].endswith(" --seed 0 --draws 300")


def test_json_is_one_document_with_rows_that_sum_to_one(begun, finished):
    found = document("run", begun, "--out", finished[0], *FEW)
    (subject,) = found["subjects"].values()
    chances = [m["probability"] for m in subject["motivations"].values()]
    assert sum(chances) == pytest.approx(1)
    total = {name: sum(stage["nats"][name] for stage in subject["decomposition"]) for name in subject["motivations"]}
    reference = total[found["about"]["reference"]]
    assert reference == pytest.approx(0)
    assert len(subject["rows"]) == 2


def test_a_second_run_uses_what_is_there_until_something_changes(begun, finished, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "out")
    stamp = (out / "result.nc").stat().st_mtime_ns
    again = bsm("run", begun, "--out", out, *FEW)
    assert "was computed from the same inputs and is used" in again.stderr
    assert again.stdout == finished[1]
    assert (out / "result.nc").stat().st_mtime_ns == stamp
    for more in (["--seed", "1"], ["--fresh"]):
        other = bsm("run", begun, "--out", out, *FEW, *more)
        assert other.exit_code == 0
        assert "same inputs" not in other.stderr


def test_a_changed_ledger_is_computed_anew(begun, finished, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "out")
    changed = shutil.copytree(begun, tmp_path / "begun")
    ledger = changed / "evidence.csv"
    ledger.write_text(ledger.read_text(encoding="utf-8").replace(",31,50,", ",3,50,"), encoding="utf-8")
    result = bsm("run", changed, "--out", out, *FEW)
    assert "same inputs" not in result.stderr
    assert result.stdout != finished[1]


def test_a_run_that_is_stopped_keeps_what_is_done_and_goes_on(begun, tmp_path, monkeypatch):
    from bsm.cli import run

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "present", stopped)
        result = bsm("run", begun, "--out", tmp_path, *FEW)
    assert result.exit_code == 130
    assert f"stopped; {tmp_path}: result.nc" in result.stderr
    assert names(tmp_path) == {"result.nc"}
    assert "is used" in bsm("run", begun, "--out", tmp_path, *FEW).stderr
    assert "index.html" in names(tmp_path)


def test_stopped_before_anything_is_done_writes_nothing(begun, tmp_path, monkeypatch):
    from bsm.inference import posterior

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(posterior, "posterior", stopped)
    result = bsm("run", begun, "--out", tmp_path / "out", *FEW)
    assert (result.exit_code, result.stdout) == (130, "")
    assert "stopped; nothing was written" in result.stderr
    assert not (tmp_path / "out").exists()


def test_someone_elses_file_in_the_way_is_replaced(begun, tmp_path):
    (tmp_path / "result.nc").write_text("not a result", encoding="utf-8")
    assert bsm("run", begun, "--out", tmp_path, *FEW).exit_code == 0
    assert library.Result.load(tmp_path / "result.nc").names


def test_without_a_ledger_prior_and_selection_are_printed_and_nothing_is_written(tmp_path):
    out = tmp_path / "out"
    shown = printed("run", TINY, "--out", out)
    assert "tiny has no evidence.csv" in shown
    assert (
        "share of influence, prior x selection (replicator: training, n = 10 selections at eta = 1, t at its end)"
        in shown
    )
    assert not out.exists()
    found = document("run", TINY, "--out", out)
    assert sum(found["shares"].values()) == pytest.approx(1)
    assert found["shares"]["tests_kludge"] == pytest.approx(0.164941, abs=5e-7)


def test_choices_are_worked_out_unless_they_are_not_wanted(begun, tmp_path):
    chosen = shutil.copytree(begun, tmp_path / "begun")
    with (chosen / "model.yaml").open("a", encoding="utf-8") as file:
        file.write(
            "choices:\n  - {name: hard tasks alone, about: evidence, why: easy ones say less, only: {task: [hard]}}\n"
        )
    arguments = ("run", chosen, "--out", tmp_path / "out", "--workers", "1", *FEW)
    assert "hard tasks alone" in printed(*arguments)
    assert "choices" in {Path(name).stem for name in names(tmp_path / "out")}
    assert [row["name"] for row in document(*arguments)["about"]["choices"]["rows"]][1:] == ["hard tasks alone"]
    assert "hard tasks alone" not in printed(*arguments, "--no-choices")
    assert "choices" not in {Path(name).stem for name in names(tmp_path / "out")}


def test_mistakes_are_told_before_any_work(begun, tmp_path):
    assert "'nobody' is not a subject of" in told("run", begun, "--out", tmp_path / "o", "--subject", "nobody")
    assert "is not an overlay" in told("run", begun, "--overlay", "none")
    broken = shutil.copytree(begun, tmp_path / "broken")
    (broken / "evidence.csv").write_text("id,subject\n", encoding="utf-8")
    assert "evidence.csv:2: the file has a header and no rows" in told("run", broken)
    assert not (tmp_path / "o").exists()


def test_impossible_evidence_is_told_and_nothing_is_written(begun, tmp_path):
    never = shutil.copytree(begun, tmp_path / "never")
    text = (never / "model.yaml").read_text(encoding="utf-8")
    table = "base: {p: {solve: 1, fake: 0}, opinion of: you}"
    (never / "model.yaml").write_text(text.replace("base: uniform", table), encoding="utf-8")
    said = told("run", never, "--out", tmp_path / "out")
    assert "faked was seen 4 of 50 times, but every motivation gives it probability 0" in said
    assert not (tmp_path / "out").exists()
