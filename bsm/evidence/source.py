"""From verbatim source rows to a ledger: `python -m bsm.evidence.source models/<name>` writes evidence.csv.

A model's folder holds three tables. `source.csv`: rows of published figures, unchanged. `coding.csv`: what
each setting and prompt variant of the source is in the model, one row each, with the reason (`why`); its
columns other than source_setting, source_variant, kind and why are columns of the ledger. Where one setting was
seen before and after training, in several models or for several behaviours, coding.csv also has source_stage,
source_model or source_behaviour (`training_stage`, `model` or `behaviour` of the source row), and a row for each.
`reading.csv`: what the arm (second part of `setting_context`) and the `behaviour` of a source row mean, and
whether a behaviour is the opposite of the observation, so that its counts are flipped. Everything is joined by
exact text: a text that is not listed is an error, not a guess.
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

from bsm.evidence.codebook import MORE_KEYS, SECOND, Codebook, read_codebook, require
from bsm.evidence.columns import meant
from bsm.evidence.files import Problems, Sheet, read_sheet
from bsm.spec.model import SpecError

SEPARATOR = "\x1f"  # U+001F, unit separator
PARTS = " | "  # between the parts of setting_context: setting, arm, variant
SOURCE_COLUMNS = (
    "source_id", "citation", "year", "model", "setting_context", "behaviour", "n_observed", "n_total", "rate",
    "ci_low", "ci_high", "figure_or_table", "note",
)  # fmt: skip

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
        return (*same, self.setting, self.arm, self.variant, self.cells.get(MORE_KEYS["source_stage"], ""))


def build(folder: str | Path) -> str:
    """The text of evidence.csv, from source.csv, coding.csv and reading.csv of a model's folder.

    Raises:
        SpecError: a table is malformed, or it and the source do not list the same texts.
    """
    folder = Path(folder)
    codebook = read_codebook(folder)
    rows = read_source(folder / "source.csv", also=codebook.more_keys)
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


def read_source(path: Path, also: Iterable[str] = ()) -> tuple[SourceRow, ...]:
    """Source rows with their hashes.

    Args:
        path: the table.
        also: keys of coding.csv beyond setting and variant, whose columns the table must have.

    Raises:
        SpecError: the table is malformed, or has not the columns that are read.
    """
    sheet = read_sheet(path)
    require(sheet, SOURCE_COLUMNS, path)
    for name in also:
        because = f" and {name} of coding.csv is matched to it; add it, or take {name} out of coding.csv"
        require(sheet, (MORE_KEYS[name],), path, because)
    return tuple(_source_row(sheet, record, line) for record, line in zip(sheet.records, sheet.lines, strict=True))


def _source_row(sheet: Sheet, record: tuple[str, ...], line: int) -> SourceRow:
    cells = dict(zip(sheet.header, record, strict=True))
    setting, arm, variant = (*cells["setting_context"].split(PARTS, 2), "", "")[:3]
    return SourceRow(cells, sha256(record), line, setting, arm, variant)


def _listed(row: SourceRow, codebook: Codebook, problems: Problems) -> bool:
    before = len(problems.found)
    if _key(row, codebook) not in codebook.codes:
        problems.add(row.line, _uncoded(row, codebook))
    if row.arm and row.arm not in codebook.arms:
        problems.add(row.line, f"arm {row.arm!r} is not in reading.csv; {meant(row.arm, codebook.arms)}")
    return len(problems.found) == before


def _key(row: SourceRow, codebook: Codebook) -> tuple[str, ...]:
    """What coding.csv knows the row by."""
    return (row.setting, row.variant, *(row.cells[MORE_KEYS[name]] for name in codebook.more_keys))


def _uncoded(row: SourceRow, codebook: Codebook) -> str:
    more = {name: row.cells[MORE_KEYS[name]] for name in codebook.more_keys}
    told = "".join(f", {name} {text!r}" for name, text in more.items())
    told = f"setting {row.setting!r} with variant {row.variant!r}{told} is not in coding.csv; add its row"
    near = [PARTS.join(key[2:]) for key in codebook.codes if key[:2] == (row.setting, row.variant)]
    return f"{told}, or, of this setting and variant, {meant(PARTS.join(more.values()), near)}" if near else told


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
    first = (r for r in rows if codebook.behaviours[r.cells["behaviour"]].column != SECOND)  # a second has no code
    codes, behaviours = codebook.codes.keys(), {r.cells["behaviour"] for r in rows}
    unused = [
        *(f"coding.csv: {k} is not in source.csv as a first count" for k in codes - {_key(r, codebook) for r in first}),
        *(f"reading.csv: {text!r} is not in source.csv" for text in codebook.arms.keys() - {r.arm for r in rows}),
        *(f"reading.csv: {text!r} is not in source.csv" for text in codebook.behaviours.keys() - behaviours),
    ]
    if unused:
        raise SpecError("\n".join(f"{folder}/{told}; correct or remove it" for told in sorted(unused)))


def _record(name: str, row: SourceRow, second: SourceRow | None, codebook: Codebook) -> dict[str, str]:
    """One ledger row, as text."""
    behaviour = codebook.behaviours[row.cells["behaviour"]]
    measured = _flipped(row.cells) if behaviour.flipped else _measured(row.cells)
    notes = [_flip_note(row.cells)] if behaviour.flipped else []
    record = {
        "id": name,
        "subject": row.cells["model"],
        **codebook.codes[_key(row, codebook)],
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
