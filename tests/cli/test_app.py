"""The group: help, version, what is told and what is a bug, and the command as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import click
import pytest

from bsm import __version__
from bsm.cli.app import Commands, is_told, words_of
from bsm.spec.model import SpecError
from tests.cli.commands import ROOT, TINY, bsm, printed, told

COMMANDS = ["run", "at", "ask", "fitness", "show", "check", "new", "evidence", "schema"]


def test_help_lists_every_command_in_order_of_use():
    shown = printed("--help")
    assert re.findall(r"^  (\w+)  +[A-Z]", shown, re.M) == COMMANDS
    assert "..." not in shown.split("Commands:")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    assert printed(command, "--help").startswith(f"Usage: main {command} ")


def test_version():
    assert printed("--version") == f"bsm, version {__version__}\n"


def test_an_unknown_command_or_option_is_told():
    assert "No such command 'walk'" in told("walk")
    assert "No such option" in told("run", TINY, "--sead", "1")


def group(raised: BaseException) -> click.Group:
    made = Commands("main")

    @made.command()
    def go() -> None:
        raise raised

    return made


def ending(raised: BaseException) -> tuple[int, str]:
    from click.testing import CliRunner

    result = CliRunner().invoke(group(raised), ["go"], catch_exceptions=False)
    return result.exit_code, result.stderr


def test_our_errors_and_those_of_files_are_told():
    from bsm.engine import ImpossibleEvidence, TooLarge
    from bsm.graph import GraphError
    from bsm.inference.posterior import TooFewEffective
    from bsm.network.tables import NetworkError

    for kind in (SpecError, NetworkError, GraphError, ImpossibleEvidence, TooLarge, TooFewEffective):
        assert ending(kind("what, where, remedy")) == (2, "error: what, where, remedy\n")
    assert ending(PermissionError(13, "Permission denied", "out/a")) == (
        2,
        "error: out/a: Permission denied\n",
    )


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        ending(ZeroDivisionError())
    assert not is_told(KeyError("x"))


def test_an_error_without_words_says_its_kind():
    assert words_of(SpecError()) == "SpecError"


def test_stopping_ends_with_130():
    assert ending(KeyboardInterrupt()) == (130, "\nstopped\n")


def test_as_a_process():
    """`python -m bsm`: JSON alone on stdout, status and message of a refusal."""
    command = [sys.executable, "-m", "bsm"]
    fine = subprocess.run(
        [*command, "ask", "models/tiny", "influence", "--json"], cwd=ROOT, capture_output=True, text=True
    )
    assert (fine.returncode, fine.stderr) == (0, "")
    assert fine.stdout.startswith("{")
    refused = subprocess.run([*command, "fitness", "nowhere"], cwd=ROOT, capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: nowhere: ")


def test_a_reader_that_has_enough_is_no_error():
    made = subprocess.Popen(
        [sys.executable, "-m", "bsm", "schema"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert made.stdout is not None
    assert made.stderr is not None
    made.stdout.readline()
    made.stdout.close()
    said = made.stderr.read()
    made.stderr.close()
    assert made.wait() in (0, 1, -signal.SIGPIPE)
    assert said == b""


def test_bsm_runs_without_a_terminal_width():
    assert bsm().exit_code in (0, 2)  # click shows the help
