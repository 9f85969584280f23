"""From source rows to ledger rows: hashes, flips, joins, and errors that name the table and line."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest

from bsm.evidence import source
from bsm.spec.model import SpecError

SOURCE = """source_id,citation,year,model,setting_context,behaviour,\
n_observed,n_total,rate,ci_low,ci_high,figure_or_table,note
s1,S. One 2024,2024,robin,hall | lit | variant: plain,stays,17,20,0.85,0.7,1,T1,
s1,S. One 2024,2024,robin,hall | lit | variant: plain,is sly,,,0.1,0.02,0.18,T1,
s1,S. One 2024,2024,robin,hall | dark | variant: plain,stays,,,0.508,0.4688,0.5472,T1,seen from afar
s1,S. One 2024,2024,robin,hall | dark | variant: plain,is sly,,,0,,,T1,
"""
CODING = """source_setting,source_variant,kind,setting,block,variant,place,level,rho,why
hall,variant: plain,default,in the hall,,,office,0.95,$spread,the default
"""
READING = """where,text,column,value,flipped,why
arm,lit,light,on,,
arm,dark,light,off,,
behaviour,stays,observation,went,yes,counts the opposite
behaviour,is sly,second_observation,sly,,
"""


def folder(where: Path, source: str = SOURCE, coding: str = CODING, reading: str = READING) -> Path:
    for name, content in {"source": source, "coding": coding, "reading": reading}.items():
        (where / f"{name}.csv").write_text(content, encoding="utf-8", newline="")
    return where


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_hash_is_over_the_cells_joined_by_the_unit_separator():
    assert source.sha256(["a", "", "é"]) == hashlib.sha256(b"a\x1f\x1f\xc3\xa9").hexdigest()


def test_flipped_counts_rates_and_ends_in_exact_decimals(tmp_path: Path):
    lit, dark = records(source.build(folder(tmp_path)))
    assert (lit["k"], lit["n"], lit["rate"], lit["ci_low"], lit["ci_high"]) == ("3", "20", "0.15", "0", "0.3")
    assert (dark["k"], dark["n"], dark["rate"]) == ("", "", "0.492")
    assert (dark["ci_low"], dark["ci_high"]) == ("0.4528", "0.5312")
    assert lit["note"] == 'flipped: the source counts "stays", 17 of 20'
    assert dark["note"].startswith('flipped: the source counts "stays", rate 0.508; "is sly" is printed as 0')
    assert dark["note"].endswith("source: seen from afar")


def test_the_second_count_joins_the_row_of_its_episodes(tmp_path: Path):
    lit, dark = records(source.build(folder(tmp_path)))
    assert (lit["second_observation"], lit["second_rate"], lit["second_ci_high"]) == ("sly", "0.1", "0.18")
    assert (dark["second_observation"], dark["second_rate"], dark["second_sha256"]) == ("", "", "")
    raw = list(csv.reader(SOURCE.splitlines()))
    assert (lit["sha256"], lit["second_sha256"]) == (source.sha256(raw[1]), source.sha256(raw[2]))


def test_codes_arms_and_citations_arrive_in_the_ledger(tmp_path: Path):
    lit, dark = records(source.build(folder(tmp_path)))
    assert (lit["light"], dark["light"], lit["place"], lit["rho"]) == ("on", "off", "office", "$spread")
    assert (lit["id"], dark["id"]) == ("s1-001", "s1-003")  # position among the source's rows
    assert (lit["subject"], lit["setting"], lit["date"], lit["figure_or_table"]) == (
        "robin",
        "in the hall",
        "2024",
        "T1",
    )


WRONG = {
    "variant that is not coded": (
        {"source": SOURCE.replace("variant: plain,stays,17", "variant: plian,stays,17")},
        ["source.csv:2: ", "'variant: plian' is not in coding.csv"],
    ),
    "arm that is not read": (
        {"source": SOURCE.replace("| lit |", "| lti |")},
        ["source.csv:2: ", "'lti' is not in reading.csv", "did you mean 'lit'?"],
    ),
    "behaviour that is not read": (
        {"source": SOURCE.replace("stays,17", "stasy,17")},
        ["source.csv:2: ", "'stasy' is not in reading.csv", "did you mean 'stays'?"],
    ),
    "second count without a first": (
        {
            "source": SOURCE.replace(
                "T1,\ns1,S. One 2024,2024,robin,hall | dark", "T2,\ns1,S. One 2024,2024,robin,hall | dark"
            )
        },
        ["source.csv:3: ", "a second count without a first"],
    ),
    "code that the source does not have": (
        {"coding": CODING + "hall,variant: other,default,in the hall,,,office,0.95,$spread,why not\n"},
        ["coding.csv: ('hall', 'variant: other') is not in source.csv as a first count"],
    ),
    "code without a reason": ({"coding": CODING.replace("the default", "")}, ["coding.csv:2: why is blank"]),
    "coded twice": ({"coding": CODING + CODING.splitlines()[1] + "\n"}, ["coding.csv:3: ", "coded twice"]),
    "reading of nothing": (
        {"reading": READING + "behavior,sings,observation,went,,\n"},
        ["reading.csv:6: ", "did you mean 'behaviour'?"],
    ),
    "odd flip": (
        {"reading": READING.replace(",yes,", ",true,")},
        ["reading.csv:4: flipped = 'true'; write yes"],
    ),
    "column gone": (
        {"source": SOURCE.replace("n_total", "total", 1)},
        ["source.csv:1: column 'n_total' is missing"],
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_text_that_is_not_listed_is_an_error_and_never_a_guess(kind: str, tmp_path: Path):
    tables, words = WRONG[kind]
    with pytest.raises(SpecError) as refused:
        source.build(folder(tmp_path, **tables))
    for word in words:
        assert word in str(refused.value)


STAGED_SOURCE = """source_id,citation,year,model,setting_context,training_stage,behaviour,\
n_observed,n_total,rate,ci_low,ci_high,figure_or_table,note
s1,S. One 2024,2024,robin,hall | lit,before,stays,2,20,0.1,,,T1,
s1,S. One 2024,2024,robin,hall | lit,before,is sly,1,20,0.05,,,T1,
s1,S. One 2024,2024,robin,hall | lit,after,stays,5,20,0.25,,,T1,
s1,S. One 2024,2024,robin,hall | lit,after,is sly,9,20,0.45,,,T1,
s1,S. One 2024,2024,wren,hall | lit,after,stays,7,20,0.35,,,T1,
s1,S. One 2024,2024,wren,hall | lit,after,sings,3,20,0.15,,,T1,
"""
STAGED_CODING = """source_setting,source_variant,source_stage,source_model,source_behaviour,\
kind,subject,setting,phase,steps,rho,why
hall,,before,robin,stays,first,robin the first,in the hall,pretraining,0,0,before
hall,,after,robin,stays,then,robin the first,in the hall,drill,0,0,after
hall,,after,wren,stays,other,wren,in the hall,drill,0,0,another bird
hall,,after,wren,sings,other,wren,singing,drill,0,0,another thing to do
"""
STAGED_READING = READING.replace("arm,dark,light,off,,\n", "") + "behaviour,sings,observation,sang,,\n"
STAGED = {"source": STAGED_SOURCE, "coding": STAGED_CODING, "reading": STAGED_READING}


def test_one_setting_at_several_stages_of_several_models_and_for_several_behaviours(tmp_path: Path):
    rows = records(source.build(folder(tmp_path, **STAGED)))
    columns = ("id", "subject", "setting", "phase", "observation", "k", "second_k")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("s1-001", "robin the first", "in the hall", "pretraining", "went", "18", "1"),
        ("s1-003", "robin the first", "in the hall", "drill", "went", "15", "9"),
        ("s1-005", "wren", "in the hall", "drill", "went", "13", ""),
        ("s1-006", "wren", "singing", "drill", "sang", "3", ""),
    ]
    assert not set(rows[0]) & {"source_stage", "source_model", "source_behaviour", "kind", "why"}
    raw = list(csv.reader(STAGED_SOURCE.splitlines()))
    assert (rows[1]["sha256"], rows[1]["second_sha256"]) == (source.sha256(raw[3]), source.sha256(raw[4]))


def test_keys_that_coding_does_not_have_are_not_looked_at(tmp_path: Path):
    lines = STAGED_SOURCE.replace("wren,hall | lit,after,sings", "wren,hall | lit,after,stays")
    coding = "source_setting,source_variant,kind,setting,why\nhall,,all,in the hall,one code for all\n"
    reading = STAGED_READING.replace("behaviour,sings,observation,sang,,\n", "")
    rows = records(source.build(folder(tmp_path, lines, coding, reading)))
    assert [row["subject"] for row in rows] == ["robin", "robin", "wren", "wren"]
    assert {row["setting"] for row in rows} == {"in the hall"}


def test_an_arm_may_mean_a_column_of_every_ledger(tmp_path: Path):
    """A phase or a step of its own; the column is there once."""
    for column in ("phase", "step"):
        reading = READING.replace("arm,lit,light,on", f"arm,lit,{column},3").replace("arm,dark,light", "arm,dark,phase")
        text = source.build(folder(tmp_path, reading=reading))
        assert text.splitlines()[0].split(",").count(column) == 1
        assert records(text)[0][column] == "3"


WRONG_STAGED = {
    "stage that is not coded": (
        {"source": STAGED_SOURCE.replace("after,sings", "aftre,sings")},
        [
            "source.csv:7: setting 'hall' with variant '', source_stage 'aftre', source_model 'wren', ",
            "source_behaviour 'sings' is not in coding.csv; add its row, or, of this setting and variant, ",
            "did you mean 'after | wren | sings'?",
        ],
    ),
    "setting that is not coded": (
        {"source": STAGED_SOURCE.replace("wren,hall | lit,after,sings", "wren,hlal | lit,after,sings")},
        ["source.csv:7: setting 'hlal' with variant '', ", "'sings' is not in coding.csv; add its row"],
    ),
    "code that the source does not have": (
        {"coding": STAGED_CODING + "hall,,before,wren,stays,other,wren,in the hall,drill,0,0,not there\n"},
        ["coding.csv: ('hall', '', 'before', 'wren', 'stays') is not in source.csv"],
    ),
    "code of a second count": (
        {"coding": STAGED_CODING + "hall,,after,robin,is sly,other,robin,in the hall,drill,0,0,never looked up\n"},
        ["coding.csv: ('hall', '', 'after', 'robin', 'is sly') is not in source.csv as a first count"],
    ),
    "coded twice": (
        {"coding": STAGED_CODING + STAGED_CODING.splitlines()[1] + "\n"},
        ["coding.csv:6: 'hall' with '' with 'before' with 'robin' with 'stays' is coded twice; keep one row"],
    ),
    "stages that the source does not print": (
        {"source": STAGED_SOURCE.replace("training_stage", "stage")},
        ["source.csv:1: column 'training_stage' is missing", "add it, or take source_stage out of coding.csv"],
    ),
}


@pytest.mark.parametrize("kind", WRONG_STAGED)
def test_a_stage_a_model_or_a_behaviour_that_is_not_listed_is_an_error(kind: str, tmp_path: Path):
    tables, words = WRONG_STAGED[kind]
    with pytest.raises(SpecError) as refused:
        source.build(folder(tmp_path, **{**STAGED, **tables}))
    for word in words:
        assert word in str(refused.value)


def test_one_command_writes_the_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert source.main([str(folder(tmp_path))]) == 0
    assert (tmp_path / "evidence.csv").read_text(encoding="utf-8") == source.build(tmp_path)
    assert "wrote" in capsys.readouterr().out
    (tmp_path / "coding.csv").unlink()
    assert source.main([str(tmp_path)]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert source.main([]) == 2


def test_step_is_a_column_only_where_a_code_gives_it(tmp_path: Path):
    assert "step" not in records(source.build(folder(tmp_path)))[0]
    header, row = CODING.splitlines()
    coded = f"{header},phase,step,steps\n{row},drill,3,0\n"
    lit, _ = records(source.build(folder(tmp_path, coding=coded)))
    assert (lit["phase"], lit["step"], lit["steps"]) == ("drill", "3", "0")
