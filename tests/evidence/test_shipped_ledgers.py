"""Every shipped ledger is what its source rows build, row for row, and reads against its model."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bsm.evidence import Evidence, source
from bsm.spec import load

MODELS = Path(__file__).parents[2] / "models"
MODEL_OF = {
    "alignment_faking": "alignment_faking",
    "continual_deployment": "continual_deployment",
    "reward_hacking_rl": "reward_hacking_rl",
    "reward_hacking_rl/arms": "reward_hacking_rl",
}
STAGED = [name for name in MODEL_OF if name != "alignment_faking"]


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_ledger_that_is_shipped_has_its_source():
    ledgers = {path.parent.relative_to(MODELS).as_posix() for path in MODELS.rglob("evidence.csv")}
    sources = {path.parent.relative_to(MODELS).as_posix() for path in MODELS.rglob("source.csv")}
    assert ledgers == sources == set(MODEL_OF)


@pytest.mark.parametrize("name", MODEL_OF)
def test_a_shipped_ledger_is_what_the_command_builds(name: str):
    assert (MODELS / name / "evidence.csv").read_bytes() == source.build(MODELS / name).encode()


@pytest.mark.parametrize("name", MODEL_OF)
def test_a_shipped_ledger_reads_against_its_model(name: str):
    evidence = Evidence.read(MODELS / name / "evidence.csv", load(MODELS / MODEL_OF[name]))
    assert len(evidence.rows) + len(evidence.excluded) + len(evidence.base_rates) == len(
        records(MODELS / name / "evidence.csv")
    )


@pytest.mark.parametrize("name", STAGED)
def test_every_source_row_is_one_row_of_the_ledger_with_its_hash_and_its_figures(name: str):
    ledger, printed = records(MODELS / name / "evidence.csv"), source.read_source(MODELS / name / "source.csv")
    assert [row["sha256"] for row in ledger] == [row.sha256 for row in printed]
    for row, given in zip(ledger, printed, strict=True):
        figures = ("n_observed", "n_total", "rate", "ci_low", "ci_high")
        assert [row[c] for c in ("k", "n", "rate", "ci_low", "ci_high")] == [given.cells[c] for c in figures]


@pytest.mark.parametrize("name", STAGED)
def test_stages_are_told_apart(name: str):
    """A row of the first stage is in another phase than one of a later stage; nothing else decides."""
    first = {"pretraining", "before"}
    for code in records(MODELS / name / "coding.csv"):
        assert (code["kind"] == "before") == (code["phase"] in first), code


def test_the_arms_name_overlays_of_their_model():
    overlays = load(MODELS / "reward_hacking_rl").overlays
    for row in records(MODELS / "reward_hacking_rl" / "arms" / "evidence.csv"):
        word, name = row["block"].split(",")[0].split()
        assert word == "overlay"
        assert name in overlays
