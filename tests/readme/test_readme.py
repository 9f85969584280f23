"""README.md stays true: its Python runs, its model and ledger load, its commands and files are there."""

from __future__ import annotations

import importlib
import re

import click
import pytest

import bsm
from bsm.cli import main
from tests.cli.commands import printed
from tests.readme.blocks import README, ROOT, TESTED, blocks, commands, languages
from tests.readme.measured import PLACE, measured

LONG = ("run", "models/alignment_faking")  # minutes: the slow test below runs it


@pytest.fixture
def in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_table_of_measurements_is_that_of_the_last_benchmark():
    found = PLACE.search(README)
    assert found is not None
    assert found.group() == measured()


def test_every_block_is_of_a_kind_that_is_tested():
    assert languages() == set(TESTED)


def test_python_blocks_run_and_say_what_their_comments_say(in_the_checkout, capsys):
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert capsys.readouterr().out == "0.2991378176403792 144 reward\n"
    tiny = bsm.load("models/tiny")
    asked = bsm.ask(tiny, "power", given={"suite": "clean"}, do={"action": "hack"})
    assert f"{bsm.fitness(tiny)['reward_seeker']:.4f}" in README
    assert f"{asked['yes']:.4f}" in README
    result = names["result"]
    assert isinstance(result, bsm.Result)
    assert result.subjects == ("my-ai",)
    assert ["influence_seeker", "power_schemer", "paperclip_schemer"] in [
        c["members"] for c in result.about["subjects"]["my-ai"]["exact_classes"]
    ]


def test_the_model_and_the_ledger_work_together(tmp_path):
    (model_text,), (ledger_text,) = blocks("yaml"), blocks("csv")
    (tmp_path / "model.yaml").write_text(model_text, encoding="utf-8")
    (tmp_path / "evidence.csv").write_text(ledger_text, encoding="utf-8")
    model = bsm.load(tmp_path)
    ledger = bsm.Evidence.read(tmp_path / "evidence.csv", model)
    assert (len(ledger.rows), ledger.excluded) == (3, ())
    assert {row.basis for row in ledger.rows} == {"counts", "interval"}
    result = bsm.posterior(model, ledger, seed=0, draws=300)
    assert float(result.motivations.sum()) == pytest.approx(1)
    assert set(model.overlays) == {"leak"}
    assert "not movable" not in printed("check", tmp_path)


def test_every_feature_that_the_model_file_explains_is_in_it():
    (text,) = blocks("yaml")
    for word in (
        "rule:",
        "noisy_or:",
        "logistic:",
        "table:",
        "base:",
        "beliefs:",
        "active_in:",
        "choices:",
        "overlays:",
        "levers:",
        "gates:",
        "drift:",
    ):
        assert word in text


@pytest.mark.parametrize("arguments", [c for c in commands("bsm") if tuple(c[:2]) != LONG], ids=" ".join)
def test_commands_run(arguments, in_the_checkout):
    assert printed(*arguments)


def test_long_commands_are_understood(in_the_checkout):
    for name, *arguments in commands("bsm"):
        command = main.commands[name]
        assert command.make_context(name, arguments).params


def test_make_targets_are_there():
    targets = set(re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    known = {name for target in targets for name in target.split()}
    assert {words[0] for words in commands("make")} <= known
    assert {"demo", "test"} <= {words[0] for words in commands("make")}


def test_the_table_of_commands_is_complete():
    """Each command has a row that names each of its options, and no other."""
    rows = dict(re.findall(r"^\| `bsm (\w+)([^`]*)` \|", README, re.M))
    assert set(rows) == set(main.commands)
    for name, usage in rows.items():
        options = {o for p in main.commands[name].params if isinstance(p, click.Option) for o in p.opts}
        assert set(re.findall(r"--[a-z-]+", usage)) == options - MINOR.get(name, set()), name


MINOR = {"ask": {"--draws", "--seed"}}


def test_names_in_the_table_of_interfaces_exist():
    section = README.split("## Interfaces")[1].split("\n## ")[0]
    for dotted in set(re.findall(r"`(bsm(?:\.\w+)+)", section)):
        found: object = bsm
        for part in dotted.split(".")[1:]:
            found = getattr(found, part, None) or importlib.import_module(f"{found.__name__}.{part}")  # type: ignore[attr-defined]
    for method in re.findall(r"[`.]Result\.(\w+)|`\.(\w+)[(`]", section):
        name = method[0] or method[1]
        fields = bsm.Result.__dataclass_fields__
        assert name in fields or hasattr(bsm.Result, name) or hasattr(bsm.Evidence, name), name


def test_files_that_it_names_are_there():
    for path in re.findall(r"`((?:models|notebooks)/[\w./]+)`", README):
        assert (ROOT / path).exists(), path


@pytest.mark.slow
def test_what_the_demo_prints_begins_as_shown(in_the_checkout, tmp_path):
    (shown,) = blocks("text")
    assert printed(*LONG, "--out", tmp_path).startswith(shown.rstrip("\n"))
