"""Parquet files of cases and of answers. The only file here that knows pyarrow, which is an extra."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bsm.inference.batch.answers import Answers
from bsm.inference.batch.columns import Columns, Part, coded
from bsm.inference.batch.mistakes import Mistakes
from bsm.network.tables import Variable
from bsm.spec.model import SpecError
from bsm.spec.problems import listed

PIECE = 4096  # rows read at once
GROUP = 2**16  # rows of a row group of the answers
GROUP_BYTES = 2**23
JOINED = "joined"


def arrow(path: Path) -> tuple[Any, Any]:
    """(pyarrow, pyarrow.parquet), or what to install."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise SpecError(
            f"{path}: Parquet needs pyarrow, which is not installed: pip install pyarrow, or pip install 'bsm[parquet]'"
        ) from None
    return pyarrow, pyarrow.parquet


class ParquetCases:
    """A Parquet file whose columns of nodes hold text; places are numbers of rows, from 1.

    `text`: whether kept columns are wanted as text.
    """

    header_at = 0

    def __init__(self, path: Path, text: bool) -> None:
        self.path, self.text = path, text
        self.pa, self.pq = arrow(path)
        self.mistakes = Mistakes(str(path), self.at)
        with self._opened() as file:
            self.schema = file.schema_arrow
        self.header = tuple(self.schema.names)

    def at(self, row: int) -> str:
        return f"{self.path}, row {row}" if row else str(self.path)

    def _opened(self) -> Any:
        try:
            return self.pq.ParquetFile(self.path)
        except (self.pa.ArrowException, OSError) as error:
            raise SpecError(f"{self.path}: not readable as Parquet: {_first_line(error)}") from None

    def parts(self, columns: Columns, most: int, start: Mapping[str, int] | None = None) -> Iterator[Part]:
        """The rows after `start`, `most` at a time; from the very start at least one part, perhaps without rows.

        Mistakes are collected, and told by `mistakes.check()`.
        """
        self._check_types(columns)
        self.mistakes.check()
        done = start["rows"] if start else 0
        first = True
        for table in self._tables(columns, most, done):
            if table.num_rows or (first and start is None):
                yield self._part(columns, table, done)
            done, first = done + table.num_rows, False

    def _tables(self, columns: Columns, most: int, skip: int) -> Iterator[Any]:
        """Rows in tables of `most`, the last one smaller and perhaps empty; row groups before `skip` are not read."""
        wanted = [self.header[at] for at in (*columns.seen_at, *columns.kept_at)]
        with self._opened() as file:
            groups = list(range(file.metadata.num_row_groups))
            while groups and (rows := file.metadata.row_group(groups[0]).num_rows) <= skip:
                skip -= rows
                groups.pop(0)
            schema = self.pa.schema([self.schema.field(n) for n in dict.fromkeys(wanted)])
            held = self.pa.Table.from_batches([], schema)
            pieces = file.iter_batches(PIECE, row_groups=groups, columns=schema.names) if groups else ()
            try:
                for piece in pieces:
                    table = self.pa.Table.from_batches([piece]).select(schema.names)
                    skipped = min(skip, table.num_rows)
                    skip -= skipped
                    held = self.pa.concat_tables([held, table.slice(skipped)])
                    while held.num_rows >= most:
                        yield held.slice(0, most)
                        held = held.slice(most)
            except (self.pa.ArrowException, OSError) as error:
                raise SpecError(f"{self.path}: not readable as Parquet: {_first_line(error)}") from None
            yield held

    def _check_types(self, columns: Columns) -> None:
        types = self.pa.types
        for variable, at in zip(columns.seen, columns.seen_at, strict=True):
            kind = self.schema.field(at).type
            value = kind.value_type if types.is_dictionary(kind) else kind
            if not any(
                is_one(value) for is_one in (types.is_string, types.is_large_string, types.is_integer, types.is_null)
            ):
                self.mistakes.add(
                    0,
                    f"column {self.header[at]!r} holds {kind}; cast it to text: {listed(variable.states)}",
                )
        for name, at in zip(columns.kept, columns.kept_at, strict=True):
            if types.is_nested(self.schema.field(at).type):
                self.mistakes.add(
                    0, f"--keep {name}: it holds {self.schema.field(at).type}; flat columns can be copied"
                )

    def _part(self, columns: Columns, table: Any, done: int) -> Part:
        codes = np.empty((table.num_rows, len(columns.seen)), dtype=np.int64)
        for c, (variable, at) in enumerate(zip(columns.seen, columns.seen_at, strict=True)):
            codes[:, c] = self._codes(self._plain(table.column(self.header[at])), variable, done + 1)
        kept = tuple(self._kept(table.column(name)) for name in columns.kept)
        rows = range(done + 1, done + 1 + table.num_rows)
        return Part(done + 1, codes, kept, rows, {"rows": done + table.num_rows})

    def _plain(self, column: Any) -> Any:
        """One array, without a dictionary."""
        kind = column.type
        return (column.cast(kind.value_type) if self.pa.types.is_dictionary(kind) else column).combine_chunks()

    def _codes(self, array: Any, variable: Variable, first: int) -> np.ndarray:
        """Each different cell is looked up once; a null is a blank."""
        cells = array.cast(self.pa.large_string()).dictionary_encode()
        if isinstance(cells, self.pa.ChunkedArray):
            cells = cells.combine_chunks()
        known = cells.dictionary.to_pylist()
        index = cells.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
        if {*known} - {*variable.states, ""}:
            return coded([*map([*known, ""].__getitem__, index.tolist())], variable, lambda i: first + i, self.mistakes)
        return np.append(coded(known, variable, int, self.mistakes), -1)[index]

    def _kept(self, column: Any) -> Any:
        plain = self._plain(column)
        if not self.text:
            return plain
        return ["" if cell is None else cell for cell in plain.cast(self.pa.large_string()).to_pylist()]


class ParquetAnswers:
    """Answers as one file for each part in a folder, joined at the end; `written` counts the files that are whole."""

    def __init__(self, folder: Path, header: Sequence[str], written: int) -> None:
        self.folder, self.header, self.written = folder, header, written
        self.pa, self.pq = arrow(folder)
        if missing := [p for p in map(self._file, range(written)) if not p.is_file()]:
            raise SpecError(
                f"{missing[0]} is missing and the journal says that it was written; start again with --fresh"
            )
        whole = {self._file(i) for i in range(written)}
        for path in folder.iterdir():
            if path not in whole:
                path.unlink()

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:07d}"

    def write(self, part: Part, answers: Answers, which: np.ndarray) -> int:
        """Write the rows of a part; on disk when this returns how many files are whole.

        Args:
            which: [row], which of the answers is that of each row.
        """
        none = answers.masked[which]
        arrays = [self.pa.array(np.arange(part.first, part.first + len(part), dtype=np.int64))]
        arrays += [self.pa.array(k, self.pa.string()) if isinstance(k, (list, tuple)) else k for k in part.kept]
        arrays += [self.pa.array(column[which], self.pa.float64(), mask=none) for column in answers.values.T]
        arrays.append(self.pa.array(answers.log_evidence[which]))
        if answers.notes is not None:
            arrays.append(self.pa.array([answers.notes[i] for i in which], self.pa.string()))
        self._save(self._file(self.written), [self.pa.table(arrays, names=list(self.header))])
        self.written += 1
        return self.written

    def finish(self) -> Path:
        """The whole file, made of all parts."""
        path = self.folder / JOINED
        self._save(path, self._groups())
        return path

    def _groups(self) -> Iterator[Any]:
        """The parts, joined to row groups of some size."""
        held: list[Any] = []
        for number in range(self.written):
            held.append(self.pq.read_table(self._file(number), use_threads=False))
            if sum(t.num_rows for t in held) >= GROUP or sum(t.nbytes for t in held) >= GROUP_BYTES:
                yield self.pa.concat_tables(held)
                held = []
        if held:
            yield self.pa.concat_tables(held)

    def _save(self, path: Path, tables: Any) -> None:
        """A file of these row groups, on disk whole or under another name."""
        begun = path.with_name(path.name + ".begun")
        with begun.open("wb") as stream:
            writer = None
            for table in tables:
                writer = writer or self.pq.ParquetWriter(stream, table.schema)
                writer.write_table(table, row_group_size=max(1, table.num_rows))
                del table
                self.pa.default_memory_pool().release_unused()  # it keeps what every row group left, and the peak grows
            if writer is not None:
                writer.close()
            stream.flush()
            os.fsync(stream.fileno())
        begun.replace(path)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
