"""Model folders changed for a test, written where a test may write."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

MODELS = Path(__file__).parents[2] / "models"


def _yaml(path: Path) -> dict:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


MUTANTS = {path.stem: _yaml(path) for path in sorted((Path(__file__).parent / "mutants").glob("*.yaml"))}


def mutated(model: str, mutant: dict, folder: Path) -> Path:
    """A copy of a model folder with the pieces of a mutant in place of the model's, or of an overlay's.

    `nodes` and what `phases` gives of a phase take the place of the file's own; `parameters` holds them at numbers.
    """
    shutil.copytree(MODELS / model, folder, dirs_exist_ok=True)
    raw = _yaml(folder / "model.yaml")
    edited = raw["overlays"][mutant["overlay"]] if "overlay" in mutant else raw
    edited.setdefault("nodes", {}).update(mutant.get("nodes", {}))
    for name, value in mutant.get("parameters", {}).items():
        edited["parameters"][name]["value"] = value
    phases = {phase["name"]: phase for phase in edited.get("phases", [])}
    for name, changes in mutant.get("phases", {}).items():
        phases[name].update(changes)
    (folder / "model.yaml").write_text(yaml.dump(raw, Dumper=Loose, sort_keys=False), encoding="utf-8")
    return folder


class Loose(yaml.SafeDumper):
    """Writes no aliases, which model files do not accept."""

    def ignore_aliases(self, data: object) -> bool:
        return True
