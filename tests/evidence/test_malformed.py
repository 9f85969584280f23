"""A malformed ledger is refused with its file, its line and a remedy."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bsm.evidence import Evidence, files
from bsm.spec.model import SpecError
from tests.evidence.example import GOOD, HEADER, MODEL, ledger, text

OTHER = {"id": "b", "variant": "another"}  # a second good row, on other episodes
RATE = {"k": "", "n": "", "rate": "0.2"}
INTERVAL = {**RATE, "ci_low": "0.1", "ci_high": "0.3", "level": "0.95"}
SECOND = {"second_observation": "sly", "second_rate": "0.1"}

# (what is wrong with the second row, words of the message)
ROWS = {
    "k above n": ({"k": "40"}, ["k = 40 is more than n = 20", "part of n"]),
    "negative count": ({"k": "-3"}, ["k = -3 must be between 0 and"]),
    "fractional count": ({"k": "3.5"}, ["must be whole", "rate"]),
    "no trials": ({"k": "0", "n": "0"}, ["n = 0 must be between 1 and"]),
    "not a number": (
        {"k": "three"},
        ["k = 'three' is not a finite number", "blank where the figure is unknown"],
    ),
    "not finite": ({"n": "inf"}, ["n = 'inf' is not a finite number"]),
    "not a number's NaN": ({"k": "nan"}, ["k = 'nan' is not a finite number"]),
    "overflow": ({"rate": "1e999"}, ["too large"]),
    "underscored": ({"n": "1_000"}, ["n = '1_000' is not"]),
    "percentage": ({**RATE, "rate": "14"}, ["rate = 14 must be between 0 and 1", "0.14 for 14 %"]),
    "k without n": ({"n": ""}, ["k without n", "give n"]),
    "n without k": ({"k": ""}, ["n without k", "give k"]),
    "no figure at all": ({"k": "", "n": ""}, ["no count and no rate", "never zero"]),
    "unknown observation": ({"observation": "wnet"}, ["observation = 'wnet'", "did you mean 'went'?"]),
    "unknown state": ({"light": "onn"}, ["light = 'onn'", "did you mean 'on'?"]),
    "blank context": ({"place": ""}, ["place is blank", "['office', 'home']"]),
    "unknown phase": ({"phase": "dril"}, ["phase = 'dril'", "did you mean 'drill'?"]),
    "steps outside selection": ({"steps": "2"}, ["steps = 2 outside selection", "name the phase"]),
    "steps below 0": ({"phase": "drill", "steps": "-1"}, ["steps = -1 must be between 0"]),
    "part of a step": ({"phase": "drill", "steps": "1.5"}, ["steps = 1.5 is a count"]),
    "step outside selection": ({"step": "2"}, ["step = 2 outside selection", "name the phase"]),
    "step 0 outside selection": ({"step": "0"}, ["step = 0 outside selection", "name the phase"]),
    "step beyond the phase": ({"phase": "drill", "step": "11", "steps": "0"}, ["step = 11 must be between 0 and 10"]),
    "step before the phase": ({"phase": "drill", "step": "-1"}, ["step = -1 must be between 0 and 10"]),
    "steps beyond the phase": (
        {"phase": "drill", "step": "9.5"},
        ["step = 9.5 and steps = 1 reach beyond the 10 selections of phase drill", "(0: only seen)"],
    ),
    "step in words": ({"phase": "drill", "step": "end"}, ["step = 'end' is not a finite number"]),
    "interval upside down": (
        {**INTERVAL, "ci_low": "0.3", "ci_high": "0.1"},
        ["ci_low = 0.3 is above ci_high = 0.1", "swap"],
    ),
    "rate outside its interval": (
        {**INTERVAL, "rate": "0.5"},
        ["rate = 0.5 is outside its interval [0.1, 0.3]"],
    ),
    "half an interval": ({**INTERVAL, "ci_low": ""}, ["ci_low is blank but the other end is not"]),
    "interval without rate": ({**INTERVAL, "rate": ""}, ["an interval without a rate", "give rate"]),
    "interval without level": ({**INTERVAL, "level": ""}, ["an interval without a level", "level = 0.95"]),
    "level of nothing": ({**INTERVAL, "level": "9.1e-309"}, ["must be between 0 and 1", "no nearer", "0.95"]),
    "level of certainty": ({**INTERVAL, "level": "0.9999999999999999"}, ["must be between 0 and 1", "no nearer"]),
    "level in percent": ({**INTERVAL, "level": "95"}, ["level = 95 must be between 0 and 1", "0.95"]),
    "interval beyond 1": ({**INTERVAL, "ci_high": "1.3"}, ["ci_high = 1.3 must be between 0 and 1"]),
    "absurdly narrow": (
        {**INTERVAL, "rate": "0.2", "ci_low": "0.19999999999", "ci_high": "0.2"},
        ["more than 1e+12 trials", "check the ends"],
    ),
    "rate contradicts counts": ({"rate": "0.85"}, ["3 / 20 = 0.150 contradicts rate = 0.85", "flip both"]),
    "rho of one": ({"rho": "1"}, ["rho = 1", "below 1"]),
    "rho above one": ({"rho": "1.5"}, ["rho = 1.5 must be between 0 and 1"]),
    "rho and n_eff": ({"n_eff": "10"}, ["rho and n_eff both", "give one"]),
    "dependence not said": ({"rho": ""}, ["rho and n_eff are blank", "rho = 0 for independent"]),
    "n_eff above n": ({"rho": "", "n_eff": "30"}, ["n_eff = 30 is more than n = 20"]),
    "nobody's interval": ({"rho": "0.01 to 0.1"}, ["nobody's", "opinion_of"]),
    "interval of rho beyond 1": ({"rho": "0.1 to 2", "opinion_of": "us"}, ["rho", "inside 0 to 1"]),
    "unknown parameter": ({"rho": "$sprad"}, ["no such parameter", "did you mean 'spread'?"]),
    "parameter of the wrong kind": ({"rho": "$worth"}, ["support 'positive'", "'probability'"]),
    "judge that says the opposite": ({"fpr": "0.6", "fnr": "0.5"}, ["fpr + fnr = 1.1", "below 1"]),
    "hash in capitals": ({"sha256": "A" * 64}, ["sha256", "64 digits 0-9a-f"]),
    "date": ({"date": "18.12.2024"}, ["date = '18.12.2024'", "write a year"]),
    "blank source": ({"source_id": ""}, ["source_id is blank"]),
    "duplicate id": ({"id": "a"}, ["id 'a' is that of line 2 too"]),
    "second count of nothing": ({"second_k": "2"}, ["second_k without second_observation"]),
    "second count without figures": ({"second_observation": "sly"}, ["without second_k or second_rate"]),
    "second k above n": (
        {"second_observation": "sly", "second_k": "21"},
        ["second_k = 21 is more than n = 20"],
    ),
    "second rate of zero": ({**SECOND, "second_rate": "0"}, ["second_rate = 0", "leave second_* blank"]),
    "second count of the opposite": (
        {**SECOND, "second_observation": "stayed"},
        ["own observation, or its opp"],
    ),
    "second count is a base rate": ({**SECOND, "second_observation": "goers"}, ["is a base rate"]),
    "second figures disagree": (
        {**SECOND, "second_k": "10"},
        ["second_k / n = 0.500 contradicts second_rate = 0.1"],
    ),
    "endless cell": ({"note": "x" * 3000}, ["note holds 3000 characters", "unclosed quote"]),
    "repeat": ({"variant": "default"}, ["b repeats a of line 2", "keep one of them"]),
    "repeat after flipping": (
        {"variant": "", "observation": "stayed", "k": "17"},
        ["b repeats a of line 2", "after flipping stayed to went"],
    ),
    "two behaviours of the same episodes": (
        {"variant": "", "observation": "sly"},
        ["counts the episodes of a (line 2) a second time", "second_observation = sly"],
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_bad_row_is_refused_with_its_line_and_a_remedy(kind: str, tmp_path: Path):
    changes, words = ROWS[kind]
    with pytest.raises(SpecError) as refused:
        ledger(tmp_path, {}, {**OTHER, **changes})
    message = str(refused.value)
    assert "evidence.csv:3: " in message
    for word in words:
        assert word in message


FILES = {
    "empty": ("", ["evidence.csv:1: ", "the file is empty"]),
    "header only": (text(), ["evidence.csv:2: ", "no rows"]),
    "unknown column": (
        text({}).replace("light,", "lihgt,", 1),
        ["evidence.csv:1: ", "did you mean 'light'?"],
    ),
    "action as column": (
        text({}).replace("light,", "move,", 1),
        ["evidence.csv:1: ", "role action", "contexts"],
    ),
    "missing column": (text({}, header=HEADER[1:]), ["evidence.csv:1: ", "column 'id' is missing"]),
    "missing context": (
        text({}, header=[c for c in HEADER if c != "place"]),
        ["evidence.csv:1: ", "column 'place' is missing", "no default"],
    ),
    "no figures": (
        text({}, header=[c for c in HEADER if c not in ("k", "rate")]),
        ["evidence.csv:1: ", "give k and n, or rate"],
    ),
    "column twice": (text({}, header=[*HEADER, "note"]), ["evidence.csv:1: ", "'note' is there 2 times"]),
    "ragged": (
        text({}) + "a,b,c\n",
        ["evidence.csv:3: ", "3 cells where the header has 33 columns", "comma"],
    ),
    "open quote": (text({}) + '"open\n', ["evidence.csv:3: ", "not readable as CSV", "quote"]),
    "NUL": (text({}).encode().replace(b"hall", b"ha\0l"), ["evidence.csv:2: ", "NUL"]),
    "not UTF-8": (
        text({}).encode().replace(b"hall", b"ha\xffl"),
        ["evidence.csv:2: ", "save the file as UTF-8"],
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_bad_file_is_refused_with_its_line_and_a_remedy(kind: str, tmp_path: Path):
    raw, words = FILES[kind]
    with pytest.raises(SpecError) as refused:
        ledger(tmp_path, raw=raw)
    for word in words:
        assert word in str(refused.value)


def test_the_last_line_of_a_cell_with_line_breaks_does_not_shift_later_lines(tmp_path: Path):
    raw = text({"note": '"two\nlines"'}, {**OTHER, "k": "40"})
    with pytest.raises(SpecError, match=r"evidence\.csv:4: k = 40"):
        ledger(tmp_path, raw=raw)


def test_all_problems_are_said_at_once_and_beyond_twenty_only_counted(tmp_path: Path):
    bad = [{"id": f"r{i}", "variant": f"v{i}", "k": "40"} for i in range(30)]
    with pytest.raises(SpecError) as refused:
        ledger(tmp_path, *bad)
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("30 problems in ")
    assert [line.split("evidence.csv:")[1].split(":")[0] for line in lines[1:21]] == [str(i) for i in range(2, 22)]
    assert lines[21:] == ["... and 10 more"]


def test_missing_files_and_folders_say_so(tmp_path: Path):
    with pytest.raises(SpecError, match=r"nothing\.csv: does not exist"):
        Evidence.read(tmp_path / "nothing.csv", MODEL)
    with pytest.raises(SpecError, match="is a folder"):
        Evidence.read(tmp_path, MODEL)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read a file known to be too large"))
    with pytest.raises(SpecError, match="bytes is more than the 100"):
        ledger(tmp_path, {})


def test_more_rows_than_a_ledger_may_have_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MOST_ROWS", 2)
    with pytest.raises(SpecError, match=r"evidence\.csv:4: more than 2 rows"):
        ledger(tmp_path, *({"id": i, "variant": i} for i in "abc"))


def test_frames_are_checked_like_files():
    with pytest.raises(SpecError, match=r"evidence:3: k = 40 is more than n = 20"):
        Evidence.from_frame(pd.DataFrame([GOOD, {**GOOD, **OTHER, "k": "40"}]), MODEL)
    with pytest.raises(SpecError, match="no rows"):
        Evidence.from_frame(pd.DataFrame(columns=list(GOOD)), MODEL)


def test_a_context_may_not_be_called_like_a_column(tmp_path: Path):
    from dataclasses import replace

    node = replace(MODEL.nodes["light"], name="setting")
    with pytest.raises(SpecError, match="'setting' has the name of a ledger column"):
        Evidence.from_frame(pd.DataFrame([GOOD]), replace(MODEL, nodes={**MODEL.nodes, "setting": node}))
