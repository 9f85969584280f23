"""CSV files of cases, read line by line in constant memory, and of answers, which can be cut and continued."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bsm.inference.batch.answers import Answers
from bsm.inference.batch.columns import Columns, Part, coded
from bsm.inference.batch.mistakes import Mistakes
from bsm.spec.model import SpecError

LONGEST = 2**20  # bytes of one row
MOST_BYTES = 2**24  # of the rows held at once
QUOTE = "quote cells that hold commas, quotes or line breaks, and close every quote"
SPECIAL = re.compile(r'[",\r\n]')
MARK = b"\xef\xbb\xbf"  # with which some programs begin UTF-8


class Unreadable(Exception):
    """A line that cannot be read, so that nothing after it can be; `line` where it is not that of the row."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Lines:
    """Lines of a file as text; `line` and `offset` say how many lines and bytes were taken."""

    def __init__(self, stream: BinaryIO, line: int = 0) -> None:
        self.stream, self.line, self.offset = stream, line, stream.tell()
        self.taken = 0  # bytes of the row that is being read

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        raw = self.stream.readline(LONGEST + 1)
        if not raw:
            raise StopIteration
        self.line += 1
        self.taken += len(raw)
        if self.taken > LONGEST:
            raise Unreadable(
                f"a row of more than {LONGEST:,} bytes; look for an unclosed quote, or lines that end in CR"
            )
        begin, self.offset = self.offset, self.offset + len(raw)
        try:
            text = (raw if begin else raw.removeprefix(MARK)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(f"not UTF-8 text ({error.reason}); save the file as UTF-8", self.line) from None
        if "\0" in text:
            raise Unreadable("a NUL character; this is not a text file, or it was damaged: export it again", self.line)
        return text


class CsvCases:
    """A UTF-8 CSV file with a header line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mistakes = Mistakes(str(path), self.at)
        with path.open("rb") as stream:
            header = next(self._records(Lines(stream)), None)
        self.mistakes.check()
        if header is None:
            raise SpecError(f"{path}:1: the file is empty; its first line names the columns")
        self.header_at, cells = header
        self.header = tuple(cells)

    def at(self, line: int) -> str:
        return f"{self.path}:{line}"

    def parts(self, columns: Columns, most: int, start: Mapping[str, int] | None = None) -> Iterator[Part]:
        """The rows after `start`, `most` at a time; from the very start at least one part, perhaps without rows.

        Mistakes are collected, and told by `mistakes.check()`.
        """
        with self.path.open("rb") as stream:
            begun = start or {"offset": 0, "line": 0, "rows": 0}
            stream.seek(begun["offset"])
            lines = Lines(stream, begun["line"])
            records = self._records(lines)
            if start is None:
                next(records)
            done, empty = begun["rows"], start is None
            while True:
                rows, places = self._taken(lines, records, most)
                if not rows and not empty:
                    return
                end = {"offset": lines.offset, "line": lines.line, "rows": done + len(rows)}
                yield self._part(columns, done + 1, rows, places, end)
                done, empty = done + len(rows), False

    def _taken(
        self, lines: Lines, records: Iterator[tuple[int, list[str]]], most: int
    ) -> tuple[list[list[str]], list[int]]:
        rows: list[list[str]] = []
        places: list[int] = []
        width, enough = len(self.header), lines.offset + MOST_BYTES
        for line, cells in records:
            if len(cells) != width:
                self.mistakes.add(
                    line,
                    f"{len(cells)} cells where the header has {width}; look for a missing or unquoted comma",
                )
                continue
            rows.append(cells)
            places.append(line)
            if len(rows) >= most or lines.offset >= enough:
                break
        return rows, places

    def _part(
        self, columns: Columns, first: int, rows: list[list[str]], places: list[int], end: Mapping[str, int]
    ) -> Part:
        codes = np.empty((len(rows), len(columns.seen)), dtype=np.int64)
        for c, (variable, at) in enumerate(zip(columns.seen, columns.seen_at, strict=True)):
            codes[:, c] = coded([row[at] for row in rows], variable, places.__getitem__, self.mistakes)
        return Part(first, codes, tuple([row[at] for row in rows] for at in columns.kept_at), places, end)

    def _records(self, lines: Lines) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row; empty lines may stand at the end of the file only."""
        reader = csv.reader(lines, strict=True)
        empty = 0
        while True:
            line, lines.taken = lines.line + 1, 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except Unreadable as error:
                self.mistakes.add(error.line or line, str(error))
                return
            except csv.Error as error:
                self.mistakes.add(line, f"not readable as CSV ({error}); {QUOTE}")
                return
            if not cells:
                empty = empty or line
                continue
            if empty:
                self.mistakes.add(empty, 'an empty line before the last row; remove it, or write "" for an empty cell')
                empty = 0
            yield line, cells


class CsvAnswers:
    """Answers appended to a file; `written` says how many bytes of it are whole."""

    def __init__(self, path: Path, header: Sequence[str], written: int) -> None:
        self.path, self.header, self.written = path, header, written
        if path.stat().st_size < written:
            raise SpecError(f"{path} is shorter than its journal says; start again with --fresh")
        os.truncate(path, written)

    def write(self, part: Part, answers: Answers, which: np.ndarray) -> int:
        """Append the rows of a part; on disk when this returns how many bytes are whole.

        Args:
            which: [row], which of the answers is that of each row.
        """
        numbers = map(str, range(part.first, part.first + len(part)))
        heads = map(",".join, zip(numbers, *map(quoted, part.kept), strict=True))
        tails = [f",{','.join(cells)}\n" for cells in cells_of(answers)]
        lines = [head + tails[i] for head, i in zip(heads, which.tolist(), strict=True)]
        if self.written == 0:
            lines.insert(0, ",".join(quoted(self.header)) + "\n")
        with self.path.open("ab") as stream:
            stream.write("".join(lines).encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
            self.written = stream.tell()
        return self.written

    def finish(self) -> Path:
        """The whole file."""
        return self.path


def cells_of(answers: Answers) -> list[list[str]]:
    """Cells of each answer: numbers in the fewest digits that give them back, nothing where there is none."""
    blank = [""] * answers.values.shape[1]
    values: list[list[Any]] = answers.values.tolist()
    evidence, masked = answers.log_evidence.tolist(), answers.masked.tolist()
    made = [
        [*(blank if none else map(repr, row)), repr(log_p)]
        for row, log_p, none in zip(values, evidence, masked, strict=True)
    ]
    if answers.notes is None:
        return made
    return [[*row, note] for row, note in zip(made, quoted(answers.notes), strict=True)]


def quoted(cells: Sequence[str]) -> Sequence[str]:
    """Cells as a CSV file holds them."""
    if not SPECIAL.search("".join(cells)):
        return cells
    return ['"' + cell.replace('"', '""') + '"' if SPECIAL.search(cell) else cell for cell in cells]
