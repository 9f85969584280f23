"""From the text of a model file to a document, with what pydantic finds wrong said in our own words."""

from __future__ import annotations

import os
import typing
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bsm.spec.problems import Place, Problems, listed, near, shorten
from bsm.spec.yaml_text import read_file

D = TypeVar("D", bound=BaseModel)


def model_file(path: str | Path) -> Path:
    """The model.yaml that a path means: the path itself, or the one in that folder."""
    file = Path(path)
    return file / "model.yaml" if os.path.isdir(file) else file


def read_document(file: Path, kind: type[D]) -> tuple[D, Problems]:
    """A file as a document, and the problems (none yet) that know the lines of its parts.

    Raises:
        SpecError: the text is not the YAML accepted here, or has unknown, missing or mistyped keys.
    """
    text = read_file(file)
    problems = Problems(str(file), text.lines)
    if not isinstance(text.data, dict):
        problems.add((), "the file is not a mapping; keys such as name, nodes and motivations are accepted")
    problems.stop()
    return validated(text.data, kind, problems), problems


def validated(data: object, kind: type[D], problems: Problems) -> D:
    """Plain data as a document.

    Raises:
        SpecError: unknown, missing or mistyped keys, each with its line.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False):
            place = _place(found["loc"])
            problems.add(place, _explain(found["type"], found["msg"], found.get("input"), place, kind))
        problems.stop()
        raise


def _place(loc: tuple[str | int, ...]) -> Place:
    """Where a pydantic error is, without the names of union members."""
    return tuple(part for part in loc if not (str(part).startswith("<") or part == "[key]"))


_WRONG_KIND = {
    "list_type": "a list is accepted; write [ ] around it",
    "string_type": "text is accepted; check the indentation",
    "bool_parsing": "`true` or `false` is accepted; write one of them",
    "bool_type": "`true` or `false` is accepted; write one of them",
}


def _explain(kind: str, message: str, given: object, place: Place, root: type[BaseModel]) -> str:
    """A pydantic error in the words of this project: what was given; what is accepted; the remedy."""
    shown = shorten(given)
    if kind == "extra_forbidden":
        keys = _keys(_part_at(root, place[:-1]))
        hint = near(str(place[-1]), keys) or "; remove it"
        return f"the key {shorten(place[-1])} is given; accepted here are {listed(keys, 40)}{hint}"
    if kind == "missing":
        return f"the key {place[-1]!r} is missing; it is required here; add it"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        part = _part_at(root, place)
        keys_text = f" with {listed(_keys(part), 40)}" if part else ""
        return f"{shown} is given; a mapping{keys_text} is accepted; check the indentation"
    if kind == "list_type" and isinstance(given, dict) and (part := _part_at(root, (*place, 0))):
        return f"{shown} is given; {_list_of(part, given)}"
    if kind in ("enum", "literal_error"):
        accepted = message.removeprefix("Input should be ").replace("'", "").replace(" or ", ", ").split(", ")
        return f"{shown} is given; accepted is {', '.join(accepted)}{near(str(given), accepted) or '; change it'}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"{shown} is given; {_WRONG_KIND.get(kind, message)}"


def _list_of(part: type[BaseModel], given: dict) -> str:
    """What is accepted where a list of mappings is, and the remedy that fits what is given."""
    keys = _keys(part)
    if given and set(given) <= set(keys):
        return "a list is accepted; write [ ] around it"
    needed = [field.alias or name for name, field in part.model_fields.items() if field.is_required()]
    form = ", ".join(f"{key}: ..." for key in needed or keys[:1])
    return (
        f"a list is accepted, of mappings with {listed(keys, 40)} is accepted; write one entry for each: [{{{form}}}]"
    )


# --- which keys are accepted at a place ------------------------------------------------------------------


def _keys(part: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in part.model_fields.items()] if part else []


def _part_at(root: type[BaseModel], place: Place) -> type[BaseModel] | None:
    """The document class at a place, or None if something else stands there."""
    here: object = root
    for step in place:
        part = _class_in(here)
        if part is None or isinstance(step, int):
            here = _held(here)
        else:
            here = {field.alias or name: field.annotation for name, field in part.model_fields.items()}.get(step)
    return _class_in(here)


def _members(kind: Any) -> list[Any]:
    """A type, or the members of a union, without the annotations around them."""
    if hasattr(kind, "__metadata__"):
        return _members(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (list, dict) or not typing.get_args(kind):
        return [kind]
    return [member for argument in typing.get_args(kind) for member in _members(argument)]


def _class_in(kind: object) -> type[BaseModel] | None:
    found = [m for m in _members(kind) if isinstance(m, type) and issubclass(m, BaseModel)]
    return found[0] if found else None


def _held(kind: object) -> object:
    """What a list or a mapping holds, or None."""
    found = [m for m in _members(kind) if typing.get_origin(m) in (list, dict)]
    return typing.get_args(found[0])[-1] if found else None
