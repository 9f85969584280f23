"""`bsm at`: moments on the command line, with a ledger and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsm.inference.over_time import OverTime
from bsm.inference.parameters import Space
from bsm.motives.course import continued, course
from bsm.spec.load import load
from tests.cli.commands import DRIFTING_ROWS as ROWS
from tests.cli.commands import document, drifting, printed, told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return drifting(tmp_path)


def uncertain(folder: Path) -> None:
    """Make the selections of training uncertain."""
    file = folder / "model.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("selections: 10,", 'selections: "5 to 20",'), encoding="utf-8")


def test_without_a_ledger_it_prints_shares_at_the_end_of_each_phase(folder: Path) -> None:
    found = document("at", folder, "--forecast", "hacked:suite=clean")
    own = course(load(folder))
    assert [r["moment"] for r in found["rows"]] == [
        m for m in ("start", "training", "use") for _ in load(folder).motivations
    ]
    for moment in ("start", "training", "use"):
        shares = [r["share"] for r in found["rows"] if r["moment"] == moment]
        assert shares == pytest.approx(own.shares(moment)[0].tolist(), abs=1e-12)
    assert [f["at"] for f in found["forecasts"]] == ["start", "training", "use"]
    assert found["forecasts"][2]["mean"] == pytest.approx(float(own.behaviour("hacked", {"suite": "clean"})[0]))
    text = printed("at", folder, "training:3")
    assert "replicator; reading: hypothesis" in text
    assert "no parameter is uncertain" in text


def test_without_a_ledger_uncertain_parameters_give_a_band(folder: Path) -> None:
    uncertain(folder)
    found = document("at", folder, "training", "--forecast", "hacked", "--draws", "80", "--seed", "3")
    model = load(folder)
    space = Space.of(model.parameters)
    drawn = course(model, space.theta(space.prior_draws(80, 3)))
    shares = drawn.shares("training")
    assert found["about"]["draws"] == 80
    assert found["about"]["seed"] == 3
    assert [r["share"] for r in found["rows"]] == pytest.approx(shares.mean(0).tolist(), abs=1e-12)
    for end, level in (("share_low", 0.05), ("share_high", 0.95)):
        assert [r[end] for r in found["rows"]] == pytest.approx(shares.quantile(level, 0).tolist(), abs=1e-12)
    told = drawn.behaviour("hacked", None, "training")
    assert found["forecasts"][0]["mean"] == pytest.approx(float(told.mean()))
    assert found["forecasts"][0]["high"] == pytest.approx(float(told.quantile(0.95)))
    assert "central 90 % over 80 draws from the prior of the parameters, seed 3" in printed(
        "at", folder, "training", "--draws", "80", "--seed", "3"
    )


def test_without_a_ledger_more_selections_are_predicted(folder: Path) -> None:
    found = document("at", folder, "use:+5", "--forecast", "hacked:suite=clean")
    longer = course(continued(load(folder), "use", 5.0))
    assert [r["share"] for r in found["rows"]] == pytest.approx(longer.shares()[0].tolist(), abs=1e-12)
    assert {r["predicted"] for r in found["rows"]} == {True}
    assert found["forecasts"][0]["mean"] == pytest.approx(float(longer.behaviour("hacked", {"suite": "clean"})[0]))
    assert "use:+5, predicted" in printed("at", folder, "use:+5")


def test_draws_that_do_not_reach_a_moment_are_left_out(folder: Path) -> None:
    uncertain(folder)
    model = load(folder)
    space = Space.of(model.parameters)
    n = space.theta(space.prior_draws(200, 0)).of(model.phases[0].selections)
    found = document("at", folder, "training:10", "--draws", "200")
    assert found["rows"][0]["reached"] == pytest.approx(float((n >= 10).double().mean()))
    assert 0 < found["rows"][0]["reached"] < 1
    assert "note: at training:10 is given that the phase has so many" in printed("at", folder, "training:10")
    assert "at most" in told("at", folder, "training:1e9")


def test_with_a_ledger_it_prints_and_writes_the_posterior(folder: Path, tmp_path: Path) -> None:
    (folder / "evidence.csv").write_text(ROWS, encoding="utf-8")
    out = tmp_path / "found.nc"
    moments = ["training:3", "use:2", "now", "use:+5"]
    found = document("at", folder, *moments, "--forecast", "hacked:suite=broken-test", "--out", out)
    loaded = OverTime.load(out)
    assert loaded.moments == tuple(moments)
    for row in found["rows"]:
        at = (row["subject"], row["moment"], row["motivation"])
        own = loaded.of_reading(row["reading"])["filtered"].sel(subject=at[0], moment=at[1], motivation=at[2])
        assert row["filtered"] == pytest.approx(float(own), abs=1e-12)
    assert [f["at"] for f in found["forecasts"]] == moments
    for one in found["forecasts"]:
        assert -1e-12 <= one["low"] - 1e-12 <= one["mean"] <= one["high"] + 1e-12 <= 1 + 1e-9, one
    text = printed("at", folder, *moments)
    assert "use:+5, predicted" in text
    assert "replicator; reading: hypothesis" in text


def test_the_text_begins_with_what_is_known_and_explains_its_columns(folder: Path) -> None:
    (folder / "evidence.csv").write_text(ROWS, encoding="utf-8")
    text = printed("at", folder, "start", "use", "use:+123456", "--draws", "60")
    head, rest = text.split("filtered: P(motivation)")
    assert "* ai at use:+123456, predicted, under hypothesis, given all rows: " in head
    assert "none_of_these" in head
    assert "(prior " in head
    assert "the readings " in head
    assert "smoothed: given all rows" in rest
    assert "a mean lies outside it" in " ".join(rest.split())
    (line,) = {one for one in rest.splitlines() if "use:+123456, predicted" in one}
    assert line.split("predicted")[1].startswith("  ")
    assert " 0.000" not in text


def test_one_reading_is_printed_where_one_is_asked_for_and_both_where_none_is(folder: Path) -> None:
    (folder / "evidence.csv").write_text(ROWS, encoding="utf-8")
    both = document("at", folder, "use", "--draws", "60")
    one = document("at", folder, "use", "--draws", "60", "--reading", "mixture")
    assert [r["reading"] for r in both["rows"]] == ["hypothesis"] * (len(both["rows"]) // 2) + ["mixture"] * (
        len(both["rows"]) // 2
    )
    assert {r["reading"] for r in one["rows"]} == {"mixture"}
    same = [r for r in both["rows"] if r["reading"] == "mixture"]
    assert [r["smoothed"] for r in one["rows"]] == [r["smoothed"] for r in same]
    assert "reading hypothesis" not in printed("at", folder, "use", "--draws", "60", "--reading", "mixture")


def test_a_forecast_without_meaning_is_told_before_the_posterior(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "evidence.csv").write_text(ROWS, encoding="utf-8")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the posterior was begun")

    monkeypatch.setattr("bsm.inference.posterior.posterior", never)
    for asked, words in (("hackd", "hackd"), ("hacked:suit=clean", "suit"), ("hacked:suite=clen", "clen")):
        assert words in told("at", folder, "use", "--forecast", asked)
    with pytest.raises(AssertionError, match="begun"):
        printed("at", folder, "use", "--forecast", "hacked:suite=clean")


@pytest.mark.parametrize("option", [("--out", "found.nc"), ("--subject", "ai")])
def test_what_needs_a_ledger_is_refused_without_one(folder: Path, option: tuple[str, str]) -> None:
    said = told("at", folder, *option)
    assert f"{option[0]} needs a ledger" in said
    assert not (folder / "found.nc").exists()


@pytest.mark.parametrize("ledger", [True, False])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "'nowhere' is not a phase of tiny"),
        (["trainig"], "did you mean 'training'? A moment is start, now, PHASE"),
        (["training@50"], "did you mean 'training'? A moment is start, now, PHASE"),
        (["end"], "PHASE:50% or PHASE:+STEPS"),
        (["use:9"], "it has 4; write a step of 0 to 4, use for its end, or, so many after now, use:+5"),
        (["training:99"], "lies beyond its selections"),
        (["--forecast", "hacked:suite"], "OBSERVATION:NODE=STATE,NODE=STATE is accepted"),
        (["--forecast", "unheard_of"], "unheard_of"),
        (["--forecast", "hacked:suite=nothing"], "nothing"),
    ],
)
def test_what_cannot_be_asked_is_told(folder: Path, arguments: list[str], words: str, ledger: bool) -> None:
    if ledger:
        (folder / "evidence.csv").write_text(ROWS, encoding="utf-8")
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
