"""Every notebook opens with its question, runs top to bottom, and its .ipynb is what its .py gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
LONG = {"02_alignment_faking", "03_influence_over_time"}  # run whole analyses
ABOVE_A_MINUTE = pytest.mark.slow


def cells(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def text_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    return cell.get("outputs", [])


def words(cell: dict[str, Any]) -> list[str]:
    """What a cell shows in text: printed, or the plain form of a table or figure."""
    found = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs(cell)]
    return ["".join(part) for part in found]


def source_cells(path: Path) -> list[str]:
    """The cells of a .py in percent format, comments of text cells and magics undone."""
    parts = re.split(r"^# %%( \[markdown\])?\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    found = []
    for kind, body in zip(parts[::2], parts[1::2], strict=True):
        magic = r"^# ?" if kind else r"^# (?=%)"
        found.append(re.sub(magic, "", body, flags=re.M).strip())
    return found


def test_there_are_notebooks():
    assert {"01_the_model", "02_alignment_faking"} <= {source.stem for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_opens_with_its_question(source):
    first = text_of(cells(source.with_suffix(".ipynb"))[0])
    assert re.match(r"# [^\n]*\?\n", first)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_executed_form_is_of_this_source_and_has_no_fault(source):
    """`make notebooks` was run after the last change."""
    shown = cells(source.with_suffix(".ipynb"))
    assert [text_of(cell).strip() for cell in shown] == source_cells(source)
    for cell in shown:
        assert not any(o["output_type"] == "error" or o.get("name") == "stderr" for o in outputs(cell))
        if cell["cell_type"] == "code":
            assert cell["execution_count"]
    shown_text = "\n".join(text for cell in shown for text in words(cell))
    assert not re.search(r"/(work|tmp|home|root)/", shown_text)


@pytest.mark.parametrize(
    "source",
    [pytest.param(s, marks=ABOVE_A_MINUTE if s.stem in LONG else (), id=s.stem) for s in SOURCES],
)
def test_it_runs_and_shows_what_is_stored(source, tmp_path):
    copy = shutil.copy(source, tmp_path)
    told = subprocess.run(
        [sys.executable, str(FOLDER / "refresh.py"), copy], capture_output=True, text=True, timeout=600
    )
    assert told.returncode == 0, told.stderr
    assert not list(FOLDER.parent.glob("kernel-*"))  # sockets of the kernel
    fresh = cells(tmp_path / f"{source.stem}.ipynb")
    stored = cells(source.with_suffix(".ipynb"))
    assert [words(cell) for cell in fresh] == [words(cell) for cell in stored]
