"""Running a command in this process, and a model to run it on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bsm.cli import main

ROOT = Path(__file__).parents[2]
TINY = ROOT / "models" / "tiny"
DRIFTING = """phases:
  - {name: training, kind: rl, selections: 10, eta: 1, opinion of: the test}
  - {name: use, kind: deployment, selections: 4, eta: 0.5, opinion of: the test, drift: [
      {from: reward_seeker, to: influence_seeker, rate: 0.05, kind: atrophy, opinion of: the test}]}

observations:
  hacked: {event: {action: hack}}

"""
DRIFTING_ROWS = """id,subject,setting,suite,phase,step,steps,observation,k,n,rho,source_id
a,ai,audit,broken-test,training,,0,hacked,3,5,0,made up
b,ai,audit,broken-test,use,2,0,hacked,2,5,0,made up
"""


def bsm(*arguments: object) -> Result:
    """`bsm ARGUMENTS`; an error that is not told comes out as an exception."""
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def printed(*arguments: object) -> str:
    """What a command that succeeds prints on stdout."""
    result = bsm(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def document(*arguments: object) -> Any:
    """The one JSON document that a command prints with --json."""
    return json.loads(printed(*arguments, "--json"))


def told(*arguments: object) -> str:
    """What a command that is refused says: status 2, on stderr, without a traceback, nothing on stdout."""
    result = bsm(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def starter(folder: Path, name: str = "begun") -> Path:
    """The model that `bsm new` writes."""
    printed("new", name, "--in", folder)
    return folder / name


def drifting(folder: Path) -> Path:
    """The model tiny with a second phase, in which one motivation turns into another; `DRIFTING_ROWS` fit it."""
    text = (TINY / "model.yaml").read_text(encoding="utf-8")
    start = text.index("phases:")
    end = text.index("support:", start)
    (folder / "model.yaml").write_text(text[:start] + DRIFTING + text[end:], encoding="utf-8")
    return folder


def names(folder: Path) -> set[str]:
    """The files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
