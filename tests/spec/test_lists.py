"""What is given where a list of mappings stands: the remedy can be followed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bsm.spec import SpecError, load

TINY = Path(__file__).parents[2] / "models" / "tiny" / "model.yaml"
ONE = {"from": "reward_seeker", "to": "influence_seeker", "rate": 0.1, "opinion of": "us", "why": "a test"}


def with_drift(folder: Path, drift: object) -> Path:
    document = yaml.load(TINY.read_text(encoding="utf-8"), yaml.BaseLoader)
    phase = {"name": "use", "selections": 3, "eta": 1, "opinion of": "us", "why": "a test", "drift": drift}
    (folder / "model.yaml").write_text(yaml.safe_dump({**document, "phases": [phase]}), encoding="utf-8")
    return folder


def told(folder: Path, drift: object) -> str:
    with pytest.raises(SpecError) as refused:
        load(with_drift(folder, drift))
    return str(refused.value)


def test_drift_as_a_matrix_is_answered_with_the_form_of_an_entry(tmp_path: Path) -> None:
    said = told(tmp_path, {"reward_seeker": {"reward_seeker": 0.9, "influence_seeker": 0.1}})
    assert "write one entry for each: [{from: ..., to: ..., rate: ...}]" in said
    assert "around it" not in said


def test_one_entry_without_its_brackets_needs_only_them(tmp_path: Path) -> None:
    assert "a list is accepted; write [ ] around it" in told(tmp_path, ONE)
    assert len(load(with_drift(tmp_path, [ONE])).phases[0].drift) == 1
