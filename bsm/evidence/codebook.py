"""coding.csv and reading.csv of a model's folder: what the texts of its source rows mean in the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bsm.evidence.columns import AFTER_CONTEXTS, BEFORE_CONTEXTS, FIXED, WHERE_USED, meant
from bsm.evidence.files import Problems, Sheet, read_sheet
from bsm.spec.model import SpecError

KEYS = ("source_setting", "source_variant")
MORE_KEYS = {"source_stage": "training_stage", "source_model": "model", "source_behaviour": "behaviour"}
FOR_PEOPLE = ("kind", "why")
READING_COLUMNS = ("where", "text", "column", "value", "flipped")
ARM, BEHAVIOUR, SECOND = "arm", "behaviour", "second_observation"

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text of the source means: `value` in ledger column `column`, of the opposite if `flipped`."""

    column: str
    value: str
    flipped: bool


@dataclass(frozen=True, slots=True)
class Codebook:
    """Everything that turns source rows into ledger rows.

    Attributes:
        codes: ledger cells, by setting, variant and then the texts of `more_keys`.
        more_keys: which of MORE_KEYS coding.csv has; each is matched to that column of the source row.
        arms, behaviours: what each text means.
        contexts: context columns of the ledger, in order.
    """

    codes: Mapping[tuple[str, ...], Cells]
    more_keys: tuple[str, ...]
    arms: Mapping[str, Reading]
    behaviours: Mapping[str, Reading]
    contexts: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        given = {name for cells in self.codes.values() for name in cells}
        given |= {arm.column for arm in self.arms.values()}
        after = (name for name in AFTER_CONTEXTS if name not in WHERE_USED or name in given)
        return (*BEFORE_CONTEXTS, *self.contexts, *after)


def read_codebook(folder: Path) -> Codebook:
    """coding.csv and reading.csv of a model's folder.

    Raises:
        SpecError: a table is malformed, lists a text twice, or a code has no reason.
    """
    readings = _readings(folder / "reading.csv")
    path = folder / "coding.csv"
    sheet = read_sheet(path)
    require(sheet, (*KEYS, *FOR_PEOPLE), path)
    problems = Problems(str(path))
    more_keys = tuple(name for name in MORE_KEYS if name in sheet.header)
    keys = (*KEYS, *more_keys)
    codes: dict[tuple[str, ...], Cells] = {}
    for record, line in zip(sheet.records, sheet.lines, strict=True):
        cells = dict(zip(sheet.header, record, strict=True))
        key = tuple(cells[name] for name in keys)
        if key in codes:
            problems.add(line, f"{' with '.join(map(repr, key))} is coded twice; keep one row")
        if not cells["why"].strip():
            problems.add(line, "why is blank; every code gives its reason")
        codes[key] = {name: cell for name, cell in cells.items() if name not in (*keys, *FOR_PEOPLE)}
    problems.check()
    columns = [*(arm.column for arm in readings[ARM].values()), *sheet.header]
    contexts = dict.fromkeys(name for name in columns if name not in (*keys, *FOR_PEOPLE, *FIXED))
    return Codebook(codes, more_keys, readings[ARM], readings[BEHAVIOUR], tuple(contexts))


def _readings(path: Path) -> dict[str, dict[str, Reading]]:
    sheet = read_sheet(path)
    require(sheet, READING_COLUMNS, path)
    problems = Problems(str(path))
    found: dict[str, dict[str, Reading]] = {ARM: {}, BEHAVIOUR: {}}
    for record, line in zip(sheet.records, sheet.lines, strict=True):
        cells = dict(zip(sheet.header, record, strict=True))
        if cells["where"] not in found:
            problems.add(
                line,
                f"where = {cells['where']!r} is not a part of a source row; {meant(cells['where'], found)}",
            )
        elif cells["flipped"] not in ("", "yes"):
            problems.add(line, f"flipped = {cells['flipped']!r}; write yes, or leave it blank")
        elif cells["text"] in found[cells["where"]]:
            problems.add(line, f"{cells['text']!r} is listed twice; keep one row")
        else:
            reading = Reading(cells["column"], cells["value"], cells["flipped"] == "yes")
            found[cells["where"]][cells["text"]] = reading
    problems.check()
    return found


def require(sheet: Sheet, names: Iterable[str], path: Path, because: str = "") -> None:
    """Refuse a table that lacks one of these columns."""
    if missing := [name for name in names if name not in sheet.header]:
        raise SpecError(f"{path}:1: column {missing[0]!r} is missing{because}; it has {list(sheet.header)}")
