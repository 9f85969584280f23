"""The spine holds: imports point one way, heavy libraries stay where they are known, no model is special.

Design, section 2: each package may import only rows above it, at package and at file level.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx as nx
import pytest
import yaml

from bsm.graph import Role
from bsm.spec import schema

ROOT = Path(__file__).parents[1]
ROWS = (
    "graph",
    "spec",
    "network",
    "engine",
    "motives",
    "evidence",
    "inference",
    "questions",
    "claims",
    "figures",
    "report",
    "__init__",  # what `import bsm` offers
    "cli",
    "__main__",
)
ONLY_IN = {
    "pyro": "bsm.inference.parameters",
    "pgmpy": "bsm.network.bridge",
    "matplotlib": "bsm.figures",
    "click": "bsm.cli",
}
HEAVY = ("pgmpy", "pyro", "arviz", "matplotlib")

Sources = Mapping[str, str]  # module name -> text


def shipped() -> dict[str, str]:
    found = {}
    for path in sorted((ROOT / "bsm").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


# --- who imports whom --------------------------------------------------------------------------------------


def imported(module: str, sources: Sources) -> Iterator[str]:
    """Full names that a module imports, at its top, in functions, or for type checkers."""
    is_package = any(other.startswith(module + ".") for other in sources)
    here = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(sources[module])):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in sources else base
        elif isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def row(module: str) -> int:
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else "__init__"
    assert name in ROWS, f"{module} is in no row of design.md section 2: {ROWS}"
    return ROWS.index(name)


def upward_imports(sources: Sources) -> list[str]:
    """Imports of a row below the importer's own."""
    return [
        f"{module} imports {target}"
        for module in sources
        for target in imported(module, sources)
        if target.split(".")[0] == "bsm" and row(target) > row(module)
    ]


def cycles(sources: Sources) -> list[list[str]]:
    """Files that import one another in a circle."""
    graph = nx.DiGraph(
        (module, target) for module in sources for target in imported(module, sources) if target in sources
    )
    return [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]


def strays(sources: Sources) -> list[str]:
    """Imports of a library outside the only place that may know it."""
    return [
        f"{module} imports {target}"
        for module in sources
        for target in imported(module, sources)
        if (home := ONLY_IN.get(target.split(".")[0])) and not module.startswith(home)
    ]


def test_imports_point_only_to_rows_above():
    assert upward_imports(shipped()) == []


def test_no_file_imports_itself_by_way_of_others():
    assert cycles(shipped()) == []


def test_libraries_are_imported_only_where_they_are_known():
    assert strays(shipped()) == []


def test_the_three_checks_see_what_they_are_for():
    sources = {
        "bsm": "",
        "bsm.graph": "import bsm",
        "bsm.spec": "",
        "bsm.spec.model": "def late():\n    from bsm.engine import query",
        "bsm.engine": "",
        "bsm.engine.query": "from .plan import best\nfrom pyro import distributions",
        "bsm.engine.plan": "from bsm.engine.query import Answer\nimport matplotlib.pyplot as plt",
        "bsm.network": "",
        "bsm.network.bridge": "import pgmpy",
        "bsm.motives": "from importlib import import_module\nimport_module('pgmpy.inference')",
    }
    assert upward_imports(sources) == ["bsm.graph imports bsm", "bsm.spec.model imports bsm.engine.query"]
    assert cycles(sources) == [["bsm.engine.plan", "bsm.engine.query"]]
    assert strays(sources) == [
        "bsm.engine.query imports pyro",
        "bsm.engine.plan imports matplotlib.pyplot",
        "bsm.motives imports pgmpy.inference",
    ]


# --- what loads when ---------------------------------------------------------------------------------------


def loaded_after(code: str, *libraries: str) -> list[str]:
    """Which of the libraries are in memory after this code has run in a new process."""
    ask = f"{code}\nimport sys\nprint('loaded:', *sorted(set({libraries!r}) & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout.splitlines()[-1].split()[1:]


def test_import_bsm_is_light():
    assert loaded_after("import bsm", *HEAVY) == []


def test_help_does_not_load_torch():
    if not (ROOT / "bsm" / "cli.py").exists() and not (ROOT / "bsm" / "cli").exists():
        pytest.skip("there is no command line yet")
    code = (
        "import sys\nsys.argv = ['bsm', '--help']\nfrom bsm.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert loaded_after(code, "torch", "pandas", *HEAVY) == []


def test_loaded_after_sees_a_library():
    assert loaded_after("import yaml, click", "yaml", "click", "torch") == ["click", "yaml"]


# --- no model is special -----------------------------------------------------------------------------------


def literals(source: str) -> Iterator[tuple[int, str]]:
    """String literals with their lines; a docstring is not one."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def names_in(document: object) -> Iterator[str]:
    """Node and motivation names anywhere in a model file: of the model, its overlays and beliefs."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("nodes", "motivations") and isinstance(value, dict):
                yield from value
            yield from names_in(value)
    elif isinstance(document, list):
        for item in document:
            yield from names_in(item)


def words_of_the_format(part: object) -> Iterator[str]:
    """Keys of the file format, and words that it accepts where it accepts few."""
    if isinstance(part, dict):
        yield from part.get("properties", {})
        yield from part.get("enum", [])
        for inner in part.values():
            yield from words_of_the_format(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from words_of_the_format(inner)


def shipped_names() -> dict[str, str]:
    """Name -> the model that has it; names of roles and keys are words of the theory, not of a model."""
    known = {*words_of_the_format(schema())}
    assert {role.value for role in Role} < known
    return {
        name: file.parent.name
        for file in sorted((ROOT / "models").glob("*/model.yaml"))
        for name in names_in(yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader))
        if name not in known
    }


def test_no_literal_is_a_name_of_a_shipped_model():
    names = shipped_names()
    assert names, "no model was found to check against"
    found = [
        f"{module}:{line} {text!r} is a node or motivation of {names[text]}"
        for module, source in shipped().items()
        for line, text in literals(source)
        if text in names
    ]
    assert found == []


def test_the_literal_check_sees_code_and_not_docstrings():
    source = '"""scheming"""\ndef f(x):\n    """scheming"""\n    return {"scheming": f"{x}scheming"}\n'
    assert list(literals(source)) == [(4, "scheming"), (4, "scheming")]
    document = {"nodes": {"a": {}}, "overlays": {"o": {"nodes": {"b": {}}, "motivations": {"c": {}}}}}
    assert list(names_in(document)) == ["a", "b", "c"]
