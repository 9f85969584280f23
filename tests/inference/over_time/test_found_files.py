"""What is found for one subject comes back from its file as it was, and no file is a reason to stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bsm
from bsm.inference.over_time import found_files, posterior_over_time
from bsm.inference.over_time.fit import fit
from tests.cli.commands import DRIFTING_ROWS, drifting

AT = ["start", "training:8", "training:50%", "use"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A model of uncertain length, so that some draws do not reach a moment, and rows of two AIs."""
    folder = drifting(tmp_path_factory.mktemp("drifting"))
    file = folder / "model.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("selections: 10,", 'selections: "5 to 20",'), encoding="utf-8")
    (folder / "evidence.csv").write_text(
        DRIFTING_ROWS + "c,other,audit,broken-test,use,,0,hacked,0,9,0,made up\n", encoding="utf-8"
    )
    model = bsm.load(folder)
    return model, bsm.Evidence.read(folder / "evidence.csv", model)


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The subjects that are inferred, as they are."""
    done: list[str] = []

    def counting(model, evidence, *rest):
        done.append(evidence.subjects[0])
        return fit(model, evidence, *rest)

    monkeypatch.setattr(found_files, "fit", counting)
    return done


def test_a_second_call_finds_everything_there_and_says_the_same(inputs, tmp_path, counted):
    first = posterior_over_time(*inputs, AT, draws=40, keep=tmp_path / "kept")
    assert counted == ["ai", "other"] * 2
    again = posterior_over_time(*inputs, AT, draws=40, keep=tmp_path / "kept")
    assert counted == ["ai", "other"] * 2
    assert "draws_given" in first.tree.children  # kept too
    assert again.tree.equals(first.tree)
    assert again.tree.attrs == first.tree.attrs
    without = posterior_over_time(*inputs, AT, draws=40)
    assert without.tree.equals(first.tree)


def test_stopped_it_goes_on_with_what_was_not_done(inputs, tmp_path, counted, monkeypatch):
    with monkeypatch.context() as patch:
        before = found_files.fit

        def stops(model, evidence, *rest):
            if evidence.subjects == ("other",):
                raise KeyboardInterrupt
            return before(model, evidence, *rest)

        patch.setattr(found_files, "fit", stops)
        with pytest.raises(KeyboardInterrupt):
            posterior_over_time(*inputs, AT, draws=40, keep=tmp_path)
    assert counted == ["ai"]
    assert len(list(tmp_path.glob("*.npz"))) == 1
    posterior_over_time(*inputs, AT, draws=40, keep=tmp_path)
    assert counted == ["ai", "other", "ai", "other"]  # what the second reading found stands beside


@pytest.mark.parametrize("spoilt", [b"", b"nothing of the kind", b"PK\x03\x04 half of it"])
def test_another_file_in_its_place_is_found_again_and_replaced(inputs, tmp_path, counted, spoilt):
    first = posterior_over_time(*inputs, AT, draws=40, subjects=("ai",), beside=False, keep=tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for content in (spoilt, whole[: len(whole) // 2]):
        file.write_bytes(content)
        again = posterior_over_time(*inputs, AT, draws=40, subjects=("ai",), beside=False, keep=tmp_path)
        assert again.tree.equals(first.tree)
    assert len(counted) == 3


def test_no_object_is_read_from_a_file(inputs, tmp_path: Path):
    file = tmp_path / "made.npz"
    np.savez(file, words=np.array([{"an": "object"}], dtype=object))
    assert found_files.read(file) is None
