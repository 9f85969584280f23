"""How much of everything a benchmark does."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.networks import NAMES


@dataclass(frozen=True)
class Settings:
    """Sizes of a run; peers take a subsample of the rows, for they are slow."""

    names: tuple[str, ...] = NAMES
    rows: int = 100_000
    repeats: int = 7
    agrum_rows: int = 1000
    plain_rows: int = 200
    pgmpy_rows: int = 10
    contract_rows: int = 2000
    single: int = 200  # warm queries of one row
    draws: int = 200
    draw_rows: int = 1000
    agrum_draws: int = 2
    plans: int = 20  # random networks to plan for
    copy_rows: int = 1_000_000
    value_rows: int = 1000
    agrum_value_rows: int = 30
    sequences: int = 10_000  # of evidence over time
    stream: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


FULL = Settings()
QUICK = Settings(
    names=("asia", "alarm", "bsm15"),
    rows=10_000,
    repeats=2,
    agrum_rows=200,
    plain_rows=50,
    pgmpy_rows=3,
    contract_rows=500,
    single=20,
    draws=20,
    draw_rows=200,
    agrum_draws=1,
    plans=2,
    copy_rows=100_000,
    value_rows=200,
    agrum_value_rows=5,
    sequences=200,
    stream=(1_000, 10_000, 100_000),
)
