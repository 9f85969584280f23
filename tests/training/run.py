"""`python -m tests.training.run`: train, measure, predict; results and figure into tests/training/results.

One core, some minutes. Each variant and algorithm is kept in the state folder when done; a later run of the same code
does not repeat it.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
DRAWS = ("run", "figure", "summary")  # files that change no number


def _digest() -> str:
    """A name for the code as it was when this began, comments and words of docstrings apart."""
    held = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in DRAWS and not path.stem.startswith("test_"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                    node.body = node.body[1:]
            held.update(ast.dump(tree).encode())
    return held.hexdigest()[:12]


CODE = _digest()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.training.run", description=__doc__)
    parser.add_argument("variants", nargs="*", help="of tests.training.protocol.VARIANTS; all where none is named")
    parser.add_argument("--state", type=Path, default=Path("out/training"), help="where finished parts are kept")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    one_thread()
    from tests.training import figure, summary
    from tests.training.protocol import ALGORITHMS, VARIANTS

    if unknown := set(asked.variants) - set(VARIANTS):
        parser.error(f"no variant {sorted(unknown)[0]!r}; there are {', '.join(map(repr, VARIANTS))}")
    found: dict[str, Any] = {}
    for name in asked.variants or VARIANTS:
        found[name] = {which: kept(name, which, asked.state) for which in ALGORITHMS}
        for which in ALGORITHMS:
            print("\n".join(lines(name, which, found[name][which])), flush=True)
    if asked.variants:
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    held = ",\n".join(f"{json.dumps(name)}: {json.dumps(records)}" for name, records in found.items())
    (asked.out / "training.json").write_text(f"{{\n{held}\n}}\n", encoding="utf-8")
    (asked.out / "summary.md").write_text(summary.text(found), encoding="utf-8")
    figure.write(found, asked.out)
    print(f"\nwritten to {os.path.relpath(asked.out)}")


def one_thread() -> None:
    """Small matrices are slower on several threads."""
    import torch

    torch.set_num_threads(1)


def part(variant: str, which: str) -> dict[str, Any]:
    """The record of one algorithm on one variant, made now."""
    from tests.training import runs, verdict
    from tests.training.protocol import ALGORITHMS, SETTINGS, VARIANTS

    chosen, protocol = VARIANTS[variant]
    setting, algorithm = SETTINGS[chosen], ALGORITHMS[which]
    calibration, test = runs.both(setting, algorithm, protocol)
    return verdict.record(setting, test, list(verdict.claims(setting, algorithm, calibration, test)))


def kept(variant: str, which: str, state: Path) -> dict[str, Any]:
    """The record from the state folder, or made now and put there whole."""
    path = state / f"{variant.replace(' ', '_')}-{which}-{CODE}.json"
    if path.is_file():
        old: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return old
    made = part(variant, which)
    state.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(made), encoding="utf-8")
    draft.replace(path)
    return made


def lines(variant: str, which: str, made: dict[str, Any]) -> list[str]:
    """What is printed of a record: part of pairs in the band, mean and largest error."""
    success = made["success"]
    told = [f"\n{variant}, {which}: {made['steps'][-1]} steps, success {success[0]:.2f} to {success[-1]:.2f}"]
    told.append(f"  {'':28s} {'training':>20s} {'deployment':>20s} {'behaviour':>20s}  time per step")
    for name, claim in made["claims"].items():
        cells = [
            f"{100 * claim['inside'][k]:3.0f} %  {claim['mean_error'][k]:.3f} {claim['largest_error'][k]:.3f}"
            for k in ("training", "deployment", "behaviour")
        ]
        scale = "" if claim["time_per_step"] is None else f"{claim['time_per_step']:.4g}"
        told.append(f"  {name:28s} " + " ".join(f"{cell:>20s}" for cell in cells) + f"  {scale}")
    return told


if __name__ == "__main__":
    main()
