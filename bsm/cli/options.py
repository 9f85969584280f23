"""Arguments and options that several commands share, and how answers are printed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bsm.spec.model import Model

C = TypeVar("C", bound=Callable[..., Any])


def model_argument(command: C) -> C:
    """MODEL: a folder or a model.yaml."""
    return click.argument("model", type=click.Path(path_type=Path))(command)


def overlay_option(command: C) -> C:
    """--overlay NAME."""
    return click.option("--overlay", metavar="NAME", help="Apply a named overlay of the model file.")(command)


def json_option(command: C) -> C:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(command)


def loaded(path: Path, overlay: str | None = None) -> Model:
    """The model of a path; an unknown overlay is refused before any work is done."""
    from bsm.spec.load import load

    model = load(path)
    model.with_overlay(overlay)
    return model


def folder_of(path: Path) -> Path:
    """The folder that holds a model's files."""
    return path if path.is_dir() else path.parent


def print_json(document: Any) -> None:
    """One JSON document on stdout; a number that is not finite is null."""
    click.echo(json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """The same with mappings, lists, text and finite numbers only; keys of several parts are joined."""
    if isinstance(value, Mapping):
        return {", ".join(k) if isinstance(k, tuple) else str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
