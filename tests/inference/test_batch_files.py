"""Files of cases: what is wrong is told with its line, what is right is read as it stands; CSV and Parquet agree."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import bsm
from bsm.inference.batch import csv_files
from bsm.spec.model import SpecError
from tests.inference.batches import random_cases, read, written

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

TINY = bsm.load(Path(__file__).parents[2] / "models" / "tiny")
SEEN = ("suite", "action", "power")


def asked(cases: Path, out: Path, **more) -> bsm.inference.batch.Batch:
    return bsm.ask_batch(TINY, "influence", cases, out, **more)


def refused(cases: Path, **more) -> str:
    """What is said of a file, which must leave nothing behind."""
    with pytest.raises(SpecError) as error:
        asked(cases, cases.with_name("out.csv"), **more)
    assert [p.name for p in cases.parent.iterdir()] == [cases.name]
    return str(error.value)


# --- malformed CSV -----------------------------------------------------------------------------------------

MALFORMED = {
    "unknown column": (
        b"suite,acton\nclean,hack\n",
        1,
        "column 'acton' is not a node of the model; did you mean 'action'",
    ),
    "unlike column": (b"suite,zzz\nclean,1\n", 1, "'zzz' is not a node of the model; the nodes are motivation, suite"),
    "how to copy": (b"id,suite\n1,clean\n", 1, "To copy the column to the answers: --keep COLUMN"),
    "column twice": (b"suite,power,suite\n,,\n", 1, "column 'suite' is there 2 times; give each its own name"),
    "column without name": (b"suite,\nclean,\n", 1, "a column without a name; name it or remove it"),
    "no node": (b"id\n1\n", 1, "no column is a node of the model; it has motivation, suite"),
    "semicolons": (b"suite;power\nclean;no\n", 1, "commas, and no other mark, are between columns"),
    "unknown state": (
        b"suite,power\nclean,no\nclaen,no\n",
        3,
        "suite = 'claen' is not one of its states ['clean', 'broken",
    ),
    "nearest state": (b"suite,power\nclaen,no\n", 2, "did you mean 'clean'?"),
    "NA": (b"suite,power\nclean,NA\n", 2, "power = 'NA' is not one of its states ['no', 'yes']; leave the cell empty"),
    "space": (b"suite,power\nclean, \n", 2, "power = ' ' is not one of its states ['no', 'yes']; leave the cell empty"),
    "spaces around": (
        b"suite,power\nclean, no\n",
        2,
        "power = ' no' is not one of its states ['no', 'yes']; did you mean 'no'",
    ),
    "case": (b"suite,power\nclean,YES\n", 2, "power = 'YES' is not one of its states ['no', 'yes']"),
    "too few cells": (
        b"suite,power\nclean,no\nclean\n",
        3,
        "1 cells where the header has 2; look for a missing or unq",
    ),
    "too many cells": (b"suite,power\nclean,no,yes\n", 2, "3 cells where the header has 2"),
    "empty file": (b"", 1, "the file is empty; its first line names the columns"),
    "empty lines only": (b"\n\n", 1, "the file is empty; its first line names the columns"),
    "empty first line": (b"\nsuite\nclean\n", 1, "an empty line before the last row"),
    "empty line between": (b"suite,power\nclean,no\n\n\nclean,no\n", 3, "an empty line before the last row; remove it"),
    "not UTF-8": ("suite,power\nclean,no\nclean,nö\n".encode("latin-1"), 3, "not UTF-8 text (invalid"),
    "UTF-16": ("suite,power\nclean,no\n".encode("utf-16"), 1, "not UTF-8 text (invalid start byte); save the file as"),
    "NUL": (b"suite,power\nclean,no\nclean,n\0o\n", 3, "a NUL character; this is not a text file"),
    "unclosed quote": (
        b'suite,power\nclean,no\n"clean,no\nclean,no\n',
        3,
        "not readable as CSV (unexpected end of data)",
    ),
    "text after a quote": (b'suite,power\n"clean"x,no\n', 2, "not readable as CSV (',' expected after '\"')"),
    "CR alone": (b"suite,power\rclean,no\r", 1, "not readable as CSV (new-line character seen in unquoted field"),
    "line of a quoted row": (b'suite,power\n"clean\nx",no\nclean,oh\n', 2, "suite = 'clean\\nx' is not one of"),
    "line after a quoted row": (b'id,power\n"a\nb\nc",no\nx,oh\n', 5, "power = 'oh' is not one of its states"),
    "Parquet by another name": (b"PAR1\x15\x04\x15\x00\n\xff", 1, "a NUL character; this is not a text file"),
}


@pytest.mark.parametrize(("content", "line", "said"), MALFORMED.values(), ids=MALFORMED)
def test_a_mistake_is_told_with_its_line(content, line, said, tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_bytes(content)
    told = refused(cases, keep=["id"] if b"id,p" in content or content == b"id\n1\n" else [])
    (wanted,) = [text for text in told.splitlines() if text.startswith(f"{cases}:{line}: ")][:1]
    assert said in wanted


def test_all_mistakes_are_told_at_once_each_where_it_is_first(tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_bytes(b"suite,power\nclean,maybe\nclean,no\nno,maybe\n,\nclean\nclean,maybe\n")
    assert refused(cases).splitlines() == [
        f"3 kinds of mistake in {cases}:",
        f"{cases}:2: power = 'maybe' is not one of its states ['no', 'yes'] (so in 3 rows)",
        f"{cases}:4: suite = 'no' is not one of its states ['clean', 'broken-test']",
        f"{cases}:6: 1 cells where the header has 2; look for a missing or unquoted comma",
    ]


def test_reading_stops_after_many_different_mistakes(tmp_path):
    cases = written(tmp_path / "cases.csv", ("power", "suite"), [[f"x{i}", ""] for i in range(3000)])
    told = refused(cases).splitlines()
    assert told[0] == f"1000 kinds of mistake in {cases}:"
    assert told[-2:] == ["... and 980 more", "reading stopped there"]


@pytest.mark.parametrize("row", ["clean," + "x" * 10_000_000, '"' + "clean\n" * 2_000_000, '"\n",' * 2_000_000])
def test_a_row_without_end_takes_little_memory(row, tmp_path, monkeypatch):
    """One endless line, one endless cell of many lines, one endless row of many cells."""
    cases = tmp_path / "cases.csv"
    cases.write_text(f"suite,power\nclean,no\n{row}", encoding="utf-8")
    taken = []
    whole = csv_files.Lines.__next__

    def counting(lines):
        text = whole(lines)
        taken.append(len(text))
        return text

    monkeypatch.setattr(csv_files.Lines, "__next__", counting)
    told = refused(cases)
    assert told.startswith(f"{cases}:3: ")
    assert "more than 1,048,576 bytes" in told or "field larger than field limit" in told
    assert sum(taken) <= 2**20 + 100


# --- options that do not fit the file ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"keep": ["idd"]}, "--keep idd: the file has no such column; it has id, suite, row; did you mean 'id'?"),
        ({"keep": ["id", "row"]}, "--keep row: the answers have a column of that name; rename it in"),
        ({"keep": ["id", "row"], "given": {"suite": "clean"}}, "'suite' is a column and is given for all rows too"),
    ],
    ids=["keep what is not there", "keep what clashes", "given and seen"],
)
def test_options_that_do_not_fit_the_columns_are_told(more, said, tmp_path):
    assert said in refused(written(tmp_path / "cases.csv", ("id", "suite", "row"), [["1", "clean", ""]]), **more)


def test_files_that_cannot_be_meant_are_refused(tmp_path):
    cases = written(tmp_path / "cases.csv", ("suite",), [["clean"]])
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "cases.txt").write_text("suite\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(cases)
    for one, out, said in (
        ("none.csv", "o.csv", "none.csv: does not exist; give the path of a CSV or Parquet file of cases"),
        ("folder.csv", "o.csv", "folder.csv: is a folder or a device; give the path of a CSV or Parquet"),
        ("cases.txt", "o.csv", "cases.txt: files of cases and answers end in .csv, .parquet, .pq; rename it"),
        ("cases.csv", "o.xlsx", "o.xlsx: files of cases and answers end in .csv, .parquet, .pq; rename it"),
        ("cases.csv", "folder.csv", "folder.csv: is a folder; name the file that is to hold the answers"),
        ("cases.csv", "cases.csv", "cases.csv: the answers would replace the cases; name another file"),
        ("cases.csv", "link.csv", "link.csv: the answers would replace the cases; name another file"),
    ):
        with pytest.raises(SpecError) as error:
            asked(tmp_path / one, tmp_path / out)
        assert said in str(error.value)


# --- what is right -------------------------------------------------------------------------------------------


def test_cells_are_copied_as_they_are(tmp_path):
    """Commas, quotes, line breaks, NA, spaces and other scripts; a mark at the start; lines that end in CR LF."""
    odd = ['a,"b"', "two\nlines", "r\ret", "NA", " x ", "動機", "", "=1+1", "\t"]
    rows = [[cell, "clean"] for cell in odd]
    cases = written(tmp_path / "cases.csv", ("some, name", "suite"), rows)
    cases.write_bytes(b"\xef\xbb\xbf" + cases.read_bytes())
    assert b"\r\n" in cases.read_bytes()
    found = read(asked(cases, tmp_path / "out.csv", keep=["some, name"], chunk=3).out)
    assert [row["some, name"] for row in found] == odd


def test_a_kept_node_is_evidence_too(tmp_path):
    cases = written(tmp_path / "cases.csv", ("suite", "power"), [["clean", "yes"], ["", "no"]])
    plain, kept = asked(cases, tmp_path / "a.csv"), asked(cases, tmp_path / "b.csv", keep=["suite"])
    assert kept.about["evidence"] == ["suite", "power"]
    found = read(kept.out)
    assert [row.pop("suite") for row in found] == ["clean", ""]
    assert found == read(plain.out)


def test_a_header_alone_has_no_answers(tmp_path):
    for name, out in (("cases.csv", "a.csv"), ("cases.csv", "a.parquet"), ("cases.parquet", "b.csv")):
        written(tmp_path / "cases.csv", ("suite",), [])
        pq.write_table(pa.table({"suite": pa.array([], pa.string())}), tmp_path / "cases.parquet")
        batch = asked(tmp_path / name, tmp_path / out)
        assert (batch.rows, batch.computed) == (0, 0)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "row,influence=no,influence=yes,log_evidence\n"
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    assert pq.read_table(tmp_path / "a.parquet").column_names == [
        "row",
        "influence=no",
        "influence=yes",
        "log_evidence",
    ]


def test_a_lone_column_may_be_blank_when_it_says_so(tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text('suite\nclean\n""\nclean\n\n\n', encoding="utf-8")
    assert [row["row"] for row in read(asked(cases, tmp_path / "out.csv").out)] == ["1", "2", "3"]


# --- Parquet -------------------------------------------------------------------------------------------------


def as_parquet(path: Path, header, rows, **types) -> Path:
    columns = {n: [row[i] or None for row in rows] for i, n in enumerate(header)}
    table = pa.table({n: pa.array(cells, types.get(n, pa.string())) for n, cells in columns.items()})
    pq.write_table(table, path, row_group_size=7)
    return path


def test_all_formats_agree(tmp_path):
    header = ("id", *SEEN)
    rows = [[f"r{i}", *row] for i, row in enumerate(random_cases(TINY, SEEN, 40))]
    written(tmp_path / "cases.csv", header, rows)
    as_parquet(
        tmp_path / "cases.parquet", header, rows, suite=pa.dictionary(pa.int8(), pa.string()), power=pa.large_string()
    )
    made = {}
    for source in ("csv", "parquet"):
        for kind in ("csv", "parquet"):
            batch = asked(tmp_path / f"cases.{source}", tmp_path / f"{source}.{kind}", keep=["id"], chunk=9)
            made[source, kind] = batch.out
    assert made["csv", "csv"].read_bytes() == made["parquet", "csv"].read_bytes()
    assert pq.read_table(made["csv", "parquet"]).equals(pq.read_table(made["parquet", "parquet"]))
    table = pq.read_table(made["csv", "parquet"]).to_pylist()
    assert [{n: str(cell) for n, cell in row.items()} for row in table] == read(made["csv", "csv"])


def test_whole_numbers_are_states_and_kept_columns_keep_their_type(tmp_path):
    columns = {
        "reward": pa.array([0, None, 3]),
        "score": pa.array([1.5, None, 2.0]),
        "ok": pa.array([True, False, None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "cases.parquet")
    keep = ["score", "ok"]
    table = pq.read_table(asked(tmp_path / "cases.parquet", tmp_path / "out.parquet", keep=keep).out)
    assert table.select(keep).equals(pa.table(columns).select(keep))
    text = read(asked(tmp_path / "cases.parquet", tmp_path / "out.csv", keep=keep).out)
    assert [(row["score"], row["ok"]) for row in text] == [("1.5", "true"), ("", "false"), ("2", "")]
    by_name = read(asked(written(tmp_path / "c.csv", ("reward",), [["0"], ['"'], ["3"]][::2]), tmp_path / "c2.csv").out)
    assert [row["influence=yes"] for row in by_name] == [row["influence=yes"] for row in text][::2]


def test_impossible_rows_are_null_in_parquet(tmp_path):
    cases = written(tmp_path / "cases.csv", ("suite", "reward"), [["clean", "3"], ["clean", "0"]])
    rows = pq.read_table(asked(cases, tmp_path / "out.parquet", on_impossible="mask").out).to_pylist()
    assert (rows[0]["influence=no"], rows[0]["influence=yes"], rows[0]["log_evidence"]) == (None, None, float("-inf"))
    assert rows[0]["note"].startswith("suite = clean, reward = 3 cannot happen together")
    assert rows[1]["influence=no"] + rows[1]["influence=yes"] == pytest.approx(1)
    assert rows[1]["note"] == ""


PARQUET = {
    "unknown state": ({"suite": ["clean"] * 30 + ["claen"]}, ", row 31: suite = 'claen' is not one of its states"),
    "unknown column": ({"suit": ["clean"]}, ": column 'suit' is not a node of the model; did you mean 'suite'?"),
    "fractions": ({"reward": [1.0]}, ": column 'reward' holds double; cast it to text: 0, 1, 2, 3"),
    "truth values": ({"power": [True]}, ": column 'power' holds bool; cast it to text: no, yes"),
    "kept lists": (
        {"power": ["no"], "id": [[1]]},
        ": --keep id: it holds list<element: int64>; flat columns can be copied",
    ),
}


@pytest.mark.parametrize(("columns", "said"), PARQUET.values(), ids=PARQUET)
def test_a_mistake_in_parquet_is_told_with_its_row(columns, said, tmp_path):
    cases = tmp_path / "cases.parquet"
    pq.write_table(pa.table(columns), cases, row_group_size=4)
    assert refused(cases, keep=["id"] if "id" in columns else []).startswith(f"{cases}{said}")


def test_what_is_not_parquet_is_told(tmp_path):
    cases = tmp_path / "cases.parquet"
    cases.write_bytes(b"suite\nclean\n" * 10)
    assert refused(cases).startswith(f"{cases}: not readable as Parquet: ")
    as_parquet(cases, ("suite",), [["clean"]] * 5000)
    whole = cases.read_bytes()
    cases.write_bytes(whole[:4] + b"\xff" * 40 + whole[44:])
    assert refused(cases).startswith(f"{cases}: not readable as Parquet: ")


def test_without_pyarrow_its_name_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    cases = written(tmp_path / "cases.csv", ("suite",), [["clean"]])
    assert asked(cases, tmp_path / "out.csv").rows == 1
    for one, out in (("cases.csv", "out.parquet"), ("out.parquet", "o.csv")):
        (tmp_path / "out.parquet").write_bytes(b"")
        with pytest.raises(SpecError, match=r"Parquet needs pyarrow, which is not installed: pip install pyarrow"):
            asked(tmp_path / one, tmp_path / out)
