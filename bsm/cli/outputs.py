"""The folder that a run fills: every file whole or not there, and a list of those that are done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from bsm.cli.request import KEY
from bsm.cli.writing import written
from bsm.figures.numbers import many

if TYPE_CHECKING:
    from bsm.inference.over_time import OverTime
    from bsm.inference.result import Result

Saved = TypeVar("Saved", "Result", "OverTime")

RESULT, PAGE, MANIFEST = "result.nc", "index.html", "manifest.json"
FIGURES, UNFINISHED = "figures/", "unfinished"


class Outputs:
    """Writes below one folder; `done` are the files written, in order, relative to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: list[str] = []
        self.parts: Path | None = None

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file."""
        written(self.folder / name, content)
        self._note(name)

    def result(self, result: Result | OverTime, key: str) -> None:
        """Write the result, marked with what it was computed from; what an earlier run drew from another goes."""
        result.tree.attrs[KEY] = key
        for path in self._drawn_before():
            path.unlink()
        result.save(self.folder / RESULT)
        self._note(RESULT)

    def unfinished(self, key: str) -> Path:
        """The folder for parts of a result of these inputs."""
        self.parts = self._parts(key)
        return self.parts

    def throw_away(self, key: str, subjects: Sequence[str]) -> None:
        """Throw away the parts of these inputs that are of these subjects: others may be of a run that was stopped."""
        if (folder := self._parts(key)).is_dir():
            from bsm.inference.over_time.found_files import throw_away

            throw_away(folder, subjects)
            if not any(folder.parent.iterdir()):
                folder.parent.rmdir()

    def _parts(self, key: str) -> Path:
        return self.folder / UNFINISHED / key[:16]

    def _drawn_before(self) -> list[Path]:
        """The page, manifest and figures that an earlier manifest lists."""
        manifest = self.folder / MANIFEST
        try:
            listed = "\n".join(json.loads(manifest.read_text(encoding="utf-8"))["outputs"]) + "\n"
        except (OSError, ValueError, KeyError, TypeError):
            return []
        pictures = (p for p in self.folder.glob("figures/*") if f"figures/{p.name}\n" in listed)
        return [*pictures, *(p for p in (self.folder / PAGE, manifest) if p.is_file())]

    def earlier(self, key: str, load: Callable[[Path], Saved]) -> Saved | None:
        """The result that an earlier run left here, if it was computed from the same inputs."""
        from bsm.spec.model import SpecError

        path = self.folder / RESULT
        try:
            found = load(path) if path.is_file() else None
        except SpecError:
            return None  # another program's file, or another version's; it is written anew
        if found is None or found.tree.attrs.get(KEY) != key:
            return None
        self._note(RESULT)
        click.echo(f"{path} was computed from the same inputs and is used (--fresh: anew)", err=True)
        return found

    @property
    def paths(self) -> list[Path]:
        """The files that are done."""
        return [self.folder / name for name in self.done]

    def finished(self) -> str:
        """What is done, in words."""
        if not self.done:
            if self.parts is None or not any(self.parts.rglob("*.npz")):
                return "nothing was written"
            return f"what was found from these inputs so far is in {self.parts}; the same command goes on from there"
        pictures = {Path(name).stem for name in self.done if name.startswith(FIGURES)}
        files = [name for name in self.done if not name.startswith(FIGURES)]
        told = [*files, *([f"{many(len(pictures), 'figure')} as PNG and SVG"] if pictures else [])]
        return f"{self.folder}: {', '.join(told)}"

    def _note(self, name: str) -> None:
        if name not in self.done:
            self.done.append(name)
