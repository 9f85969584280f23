"""From verbatim source rows to a ledger: `python -m bsm.evidence.source models/<name>` writes evidence.csv.

A model's folder holds three tables. `source.csv`: rows of published figures, unchanged. `coding.csv`: what
each setting and prompt variant of the source is in the model, one row each, with the reason (`why`); its
columns other than source_setting, source_variant, kind and why are columns of the ledger. `reading.csv`:
what the arm (second part of `setting_context`) and the `behaviour` of a source row mean, and whether a
behaviour is the opposite of the observation, so that its counts are flipped. Everything is joined by exact
text: a text that is not listed is an error, not a guess.
"""

from __future__ import annotations

import csv
import hashlib
import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bsm.evidence.columns import AFTER_CONTEXTS, BEFORE_CONTEXTS, FIXED, WHERE_USED, meant
from bsm.evidence.files import Problems, Sheet, read_sheet
from bsm.spec.model import SpecError

SEPARATOR = "\x1f"  # U+001F, unit separator
PARTS = " | "  # between the parts of setting_context: setting, arm, variant
KEYS = ("source_setting", "source_variant")
FOR_PEOPLE = ("kind", "why")
SOURCE_COLUMNS = (
    "source_id", "citation", "year", "model", "setting_context", "behaviour", "n_observed", "n_total", "rate",
    "ci_low", "ci_high", "figure_or_table", "note",
)  # fmt: skip
READING_COLUMNS = ("where", "text", "column", "value", "flipped")
ARM, BEHAVIOUR, SECOND = "arm", "behaviour", "second_observation"

Cells = Mapping[str, str]


def sha256(cells: Iterable[str]) -> str:
    """Hash of one source row: its cells in column order, joined by U+001F, as UTF-8."""
    return hashlib.sha256(SEPARATOR.join(cells).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source row, its hash, and the parts of its setting_context (a part that is not there is "")."""

    cells: Cells
    sha256: str
    line: int
    setting: str
    arm: str
    variant: str

    @property
    def episodes(self) -> tuple[str, ...]:
        """Source rows that agree in all of this are about the same episodes."""
        same = (self.cells[name] for name in ("source_id", "model", "figure_or_table"))
        return (*same, self.setting, self.arm, self.variant)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text of the source means: `value` in ledger column `column`, of the opposite if `flipped`."""

    column: str
    value: str
    flipped: bool


@dataclass(frozen=True, slots=True)
class Codebook:
    """Everything that turns source rows into ledger rows."""

    codes: Mapping[tuple[str, str], Cells]
    arms: Mapping[str, Reading]
    behaviours: Mapping[str, Reading]
    contexts: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        given = {name for cells in self.codes.values() for name in cells}
        after = (name for name in AFTER_CONTEXTS if name not in WHERE_USED or name in given)
        return (*BEFORE_CONTEXTS, *self.contexts, *after)


def build(folder: str | Path) -> str:
    """The text of evidence.csv, from source.csv, coding.csv and reading.csv of a model's folder.

    Raises:
        SpecError: a table is malformed, or it and the source do not list the same texts.
    """
    folder = Path(folder)
    codebook = read_codebook(folder)
    rows = read_source(folder / "source.csv")
    problems = Problems(str(folder / "source.csv"))
    seconds = _seconds(rows, codebook, problems)
    numbers: dict[str, int] = {}
    records = []
    for row in rows:
        numbers[row.cells["source_id"]] = number = numbers.get(row.cells["source_id"], 0) + 1
        behaviour = codebook.behaviours.get(row.cells["behaviour"])
        if behaviour is not None and behaviour.column != SECOND and _listed(row, codebook, problems):
            name = f"{row.cells['source_id']}-{number:03d}"
            records.append(_record(name, row, seconds.pop(row.episodes, None), codebook))
    for row in seconds.values():
        problems.add(row.line, "a second count without a first: no other row counts the same episodes")
    problems.check()
    _check_all_used(rows, codebook, folder)
    return _csv(codebook.columns, records)


def write(folder: str | Path) -> Path:
    """Write evidence.csv of a model's folder."""
    path = Path(folder) / "evidence.csv"
    text = build(folder)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read_source(path: Path) -> tuple[SourceRow, ...]:
    """Source rows with their hashes."""
    sheet = read_sheet(path)
    _require(sheet, SOURCE_COLUMNS, path)
    return tuple(_source_row(sheet, record, line) for record, line in zip(sheet.records, sheet.lines, strict=True))


def _source_row(sheet: Sheet, record: tuple[str, ...], line: int) -> SourceRow:
    cells = dict(zip(sheet.header, record, strict=True))
    setting, arm, variant = (*cells["setting_context"].split(PARTS, 2), "", "")[:3]
    return SourceRow(cells, sha256(record), line, setting, arm, variant)


def read_codebook(folder: Path) -> Codebook:
    """coding.csv and reading.csv of a model's folder."""
    readings = _readings(folder / "reading.csv")
    path = folder / "coding.csv"
    sheet = read_sheet(path)
    _require(sheet, (*KEYS, *FOR_PEOPLE), path)
    problems = Problems(str(path))
    codes: dict[tuple[str, str], Cells] = {}
    for record, line in zip(sheet.records, sheet.lines, strict=True):
        cells = dict(zip(sheet.header, record, strict=True))
        key = cells[KEYS[0]], cells[KEYS[1]]
        if key in codes:
            problems.add(line, f"{key[0]!r} with {key[1]!r} is coded twice; keep one row")
        if not cells["why"].strip():
            problems.add(line, "why is blank; every code gives its reason")
        codes[key] = {name: cell for name, cell in cells.items() if name not in (*KEYS, *FOR_PEOPLE)}
    problems.check()
    coded = [name for name in sheet.header if name not in (*KEYS, *FOR_PEOPLE, *FIXED)]
    arms = readings[ARM]
    return Codebook(
        codes,
        arms,
        readings[BEHAVIOUR],
        tuple(dict.fromkeys([*(arm.column for arm in arms.values()), *coded])),
    )


def _readings(path: Path) -> dict[str, dict[str, Reading]]:
    sheet = read_sheet(path)
    _require(sheet, READING_COLUMNS, path)
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


def _require(sheet: Sheet, names: Iterable[str], path: Path) -> None:
    if missing := [name for name in names if name not in sheet.header]:
        raise SpecError(f"{path}:1: column {missing[0]!r} is missing; it has {list(sheet.header)}")


def _listed(row: SourceRow, codebook: Codebook, problems: Problems) -> bool:
    before = len(problems.found)
    if (row.setting, row.variant) not in codebook.codes:
        problems.add(
            row.line,
            f"setting {row.setting!r} with variant {row.variant!r} is not in coding.csv; add its row",
        )
    if row.arm and row.arm not in codebook.arms:
        problems.add(row.line, f"arm {row.arm!r} is not in reading.csv; {meant(row.arm, codebook.arms)}")
    return len(problems.found) == before


def _seconds(rows: Iterable[SourceRow], codebook: Codebook, problems: Problems) -> dict[tuple[str, ...], SourceRow]:
    """Source rows that are second counts, by the episodes they share with a first count."""
    found: dict[tuple[str, ...], SourceRow] = {}
    for row in rows:
        behaviour = codebook.behaviours.get(row.cells["behaviour"])
        if behaviour is None:
            known = meant(row.cells["behaviour"], codebook.behaviours)
            problems.add(row.line, f"behaviour {row.cells['behaviour']!r} is not in reading.csv; {known}")
        elif behaviour.column == SECOND and found.setdefault(row.episodes, row) is not row:
            problems.add(row.line, f"a second count of the same episodes is in line {found[row.episodes].line} too")
    return found


def _check_all_used(rows: Iterable[SourceRow], codebook: Codebook, folder: Path) -> None:
    """No code or reading is left over: a leftover is mostly a mistyped text."""
    rows = tuple(rows)
    unused = [
        *(f"coding.csv: {key}" for key in codebook.codes.keys() - {(r.setting, r.variant) for r in rows}),
        *(f"reading.csv: {text!r}" for text in codebook.arms.keys() - {r.arm for r in rows}),
        *(f"reading.csv: {text!r}" for text in codebook.behaviours.keys() - {r.cells["behaviour"] for r in rows}),
    ]
    if unused:
        raise SpecError(
            "\n".join(f"{folder}/{text} is not in source.csv; correct or remove it" for text in sorted(unused))
        )


def _record(name: str, row: SourceRow, second: SourceRow | None, codebook: Codebook) -> dict[str, str]:
    """One ledger row, as text."""
    behaviour = codebook.behaviours[row.cells["behaviour"]]
    measured = _flipped(row.cells) if behaviour.flipped else _measured(row.cells)
    notes = [_flip_note(row.cells)] if behaviour.flipped else []
    record = {
        "id": name,
        "subject": row.cells["model"],
        **codebook.codes[row.setting, row.variant],
        **measured,
        behaviour.column: behaviour.value,
        **{n: row.cells[n] for n in ("source_id", "citation", "figure_or_table")},
        "date": row.cells["year"],
        "sha256": row.sha256,
    }
    if row.arm:
        record[codebook.arms[row.arm].column] = codebook.arms[row.arm].value
    if second is not None:
        counted, note = _second(second, codebook)
        record |= counted
        notes.append(note)
    if not (record["ci_low"] or record.get("second_ci_low")):
        record["level"] = ""
    if row.cells["note"]:
        notes.append(f"source: {row.cells['note']}")
    return {**record, "note": "; ".join(note for note in notes if note)}


def _measured(cells: Cells) -> dict[str, str]:
    ledger = {"k": "n_observed", "n": "n_total", "rate": "rate", "ci_low": "ci_low", "ci_high": "ci_high"}
    return {name: cells[source] for name, source in ledger.items()}


def _flipped(cells: Cells) -> dict[str, str]:
    """Counts of the opposite: k = n - k, rate = 1 - rate, and the ends of the interval change places."""
    given = _measured(cells)
    return {
        "k": str(int(given["n"]) - int(given["k"])) if given["k"] else "",
        "n": given["n"],
        "rate": _rest(given["rate"]),
        "ci_low": _rest(given["ci_high"]),
        "ci_high": _rest(given["ci_low"]),
    }


def _rest(share: str) -> str:
    """1 - share, in exact decimals."""
    return str(1 - Decimal(share)) if share else ""


def _flip_note(cells: Cells) -> str:
    printed = f"{cells['n_observed']} of {cells['n_total']}" if cells["n_total"] else f"rate {cells['rate']}"
    return f'flipped: the source counts "{cells["behaviour"]}", {printed}'


def _second(row: SourceRow, codebook: Codebook) -> tuple[dict[str, str], str]:
    """Columns of a second count, and a note; a rate of 0 or 1 without interval is left blank."""
    reading = codebook.behaviours[row.cells["behaviour"]]
    given = _flipped(row.cells) if reading.flipped else _measured(row.cells)
    if not given["k"] and not given["ci_low"] and Decimal(given["rate"]) in (0, 1):
        return {}, f'"{row.cells["behaviour"]}" is printed as {given["rate"]} without an interval: left blank'
    shown = {
        "second_k": given["k"],
        "second_rate": given["rate"],
        "second_ci_low": given["ci_low"],
        "second_ci_high": given["ci_high"],
    }
    return {SECOND: reading.value, **shown, "second_sha256": row.sha256}, ""


def _csv(columns: tuple[str, ...], records: Iterable[Cells]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def main(arguments: list[str]) -> int:
    """Write evidence.csv of the model folders named; errors go to stderr with status 2."""
    if not arguments:
        print("usage: python -m bsm.evidence.source models/NAME ...", file=sys.stderr)
        return 2
    try:
        for folder in arguments:
            print(f"wrote {write(folder)}")
    except SpecError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
