"""`bsm at`: moments on the command line, with a ledger and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsm.inference.over_time import OverTime
from bsm.motives.course import course
from bsm.spec.load import load
from tests.cli.commands import TINY, document, printed, told

PHASES = """phases:
  - {name: training, kind: rl, selections: 10, eta: 1, opinion of: the test}
  - {name: use, kind: deployment, selections: 4, eta: 0.5, opinion of: the test, drift: [
      {from: reward_seeker, to: influence_seeker, rate: 0.05, kind: atrophy, opinion of: the test}]}
"""
OBSERVED = "observations:\n  hacked: {event: {action: hack}}\n"
ROWS = """id,subject,setting,suite,phase,step,steps,observation,k,n,rho,source_id
a,ai,audit,broken-test,training,,0,hacked,3,5,0,made up
b,ai,audit,broken-test,use,2,0,hacked,2,5,0,made up
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = (TINY / "model.yaml").read_text(encoding="utf-8")
    start = text.index("phases:")
    end = text.index("support:", start)
    (tmp_path / "model.yaml").write_text(text[:start] + PHASES + "\n" + OBSERVED + "\n" + text[end:], encoding="utf-8")
    return tmp_path


def test_without_a_ledger_it_prints_shares_at_the_end_of_each_phase(folder: Path) -> None:
    found = document("at", folder, "--forecast", "hacked:suite=clean")
    own = course(load(folder))
    assert list(found["shares"]) == ["start", "training", "use"]
    for moment, shares in found["shares"].items():
        assert list(shares.values()) == pytest.approx(own.shares(moment)[0].tolist(), abs=1e-12)
    assert [f["at"] for f in found["forecasts"]] == ["start", "training", "use"]
    assert found["forecasts"][2]["probability"] == pytest.approx(float(own.behaviour("hacked", {"suite": "clean"})[0]))
    assert "replicator; reading: hypothesis" in printed("at", folder, "training:3")


def test_with_a_ledger_it_prints_and_writes_the_posterior(folder: Path, tmp_path: Path) -> None:
    (folder / "evidence.csv").write_text(ROWS, encoding="utf-8")
    out = tmp_path / "found.nc"
    moments = ["training:3", "use:2", "now", "use:+5"]
    found = document("at", folder, *moments, "--forecast", "hacked:suite=broken-test", "--out", out)
    loaded = OverTime.load(out)
    assert loaded.moments == tuple(moments)
    for row in found["rows"]:
        at = (row["subject"], row["moment"], row["motivation"])
        assert row["filtered"] == pytest.approx(loaded.value("filtered", *at), abs=1e-12)
    assert [f["at"] for f in found["forecasts"]] == moments
    for one in found["forecasts"]:
        assert -1e-12 <= one["low"] - 1e-12 <= one["mean"] <= one["high"] + 1e-12 <= 1 + 1e-9, one
    text = printed("at", folder, *moments)
    assert "use:+5, predicted" in text
    assert "replicator; reading: hypothesis" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "'nowhere' is not a phase of tiny"),
        (["training:99"], "lies beyond its selections"),
        (["--forecast", "hacked:suite"], "OBSERVATION:NODE=STATE,NODE=STATE is accepted"),
        (["--forecast", "unheard_of"], "unheard_of"),
        (["--forecast", "hacked:suite=nothing"], "nothing"),
    ],
)
def test_what_cannot_be_asked_is_told(folder: Path, arguments: list[str], words: str) -> None:
    assert words in " ".join(told("at", folder, *arguments).split())


def test_figures_of_every_subject_are_written_with_their_captions(folder: Path, tmp_path: Path) -> None:
    other = "c,other/ai,audit,clean,use,,0,hacked,1,5,0,made up\n"
    (folder / "evidence.csv").write_text(ROWS + other, encoding="utf-8")
    drawn = tmp_path / "figures"
    printed("at", folder, "start", "training:50%", "training", "use", "--draws", "200", "--figures", drawn)
    stems = {f"{kind}-{who}" for kind in ("influence", "odds") for who in ("ai", "other-ai")}
    stems |= {"sweep-training", "sweep-use", "attribution", "unrolled"}
    assert {p.name for p in drawn.iterdir()} == {f"{s}.{end}" for s in stems for end in ("png", "svg", "txt")}
    assert "given all 1 row of other/ai" in (drawn / "influence-other-ai.txt").read_text(encoding="utf-8")


def test_figures_without_a_ledger_show_shares(folder: Path, tmp_path: Path) -> None:
    printed("at", folder, "--figures", tmp_path / "figures", "--reading", "mixture")
    stems = {"influence", "odds", "sweep-training", "sweep-use", "attribution", "unrolled"}
    assert {p.stem for p in (tmp_path / "figures").iterdir()} == stems
    for stem in ("influence", "odds", "attribution"):
        assert "Reading: mixture" in (tmp_path / "figures" / f"{stem}.txt").read_text(encoding="utf-8")
