"""The files of a batch: what is read, what is written, and that neither is the other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bsm.inference.batch.csv_files import CsvCases
from bsm.inference.batch.journal import JOURNAL, PARTIAL, beside
from bsm.inference.batch.parquet_files import ParquetCases
from bsm.spec.model import SpecError

CSV, PARQUET = (".csv",), (".parquet", ".pq")
SIDECAR = ".json"
Cases = CsvCases | ParquetCases


@dataclass(frozen=True)
class Paths:
    """The cases, the answers, and what lies beside the answers."""

    cases: Path
    out: Path

    @classmethod
    def checked(cls, cases: str | Path, out: str | Path, model: Path | None) -> Paths:
        """Refuse names that cannot be meant.

        Raises:
            SpecError: no such file, another format, or answers in place of the cases or the model.
        """
        paths = cls(Path(cases), Path(out))
        if not paths.cases.is_file():
            what = "is a folder or a device" if paths.cases.exists() else "does not exist"
            raise SpecError(f"{cases}: {what}; give the path of a CSV or Parquet file of cases")
        for path in (paths.cases, paths.out):
            if path.suffix.lower() not in (*CSV, *PARQUET):
                raise SpecError(f"{path}: files of cases and answers end in {', '.join((*CSV, *PARQUET))}; rename it")
        if paths.out.is_dir():
            raise SpecError(f"{out}: is a folder; name the file that is to hold the answers")
        for other, what in ((paths.cases, "the cases"), (model, "the model")):
            if other and paths.out.exists() and other.exists() and os.path.samefile(paths.out, other):
                raise SpecError(f"{out}: the answers would replace {what}; name another file")
        return paths

    @property
    def parquet(self) -> bool:
        """Whether the answers are Parquet."""
        return self.out.suffix.lower() in PARQUET

    @property
    def partial(self) -> Path:
        return beside(self.out, PARTIAL)

    @property
    def journal(self) -> Path:
        return beside(self.out, JOURNAL)

    @property
    def sidecar(self) -> Path:
        return beside(self.out, SIDECAR)

    def opened(self) -> Cases:
        """The cases."""
        if self.cases.suffix.lower() in PARQUET:
            return ParquetCases(self.cases, text=not self.parquet)
        return CsvCases(self.cases)

    def state(self) -> tuple[int, int]:
        """What changes when somebody writes the cases: bytes and time."""
        found = self.cases.stat()
        return found.st_size, found.st_mtime_ns
