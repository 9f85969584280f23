"""What a batch will do, checked before any row is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bsm.inference.ask import aliases
from bsm.inference.batch.about import digest_of, software
from bsm.inference.batch.answers import columns_of
from bsm.inference.batch.columns import Columns, matched
from bsm.inference.batch.paths import Cases, Paths
from bsm.inference.batch.question import Asked, Posed, model_digest, probed
from bsm.spec.model import SpecError

MOST_ROWS = 20_000  # of a chunk
MOST_NUMBERS = 20_000_000  # of a chunk, over draws: some seconds of work
MOST_CELLS = 1_000_000  # of a chunk, as text


def check_options(draws: int, chunk: int | None, on_impossible: str) -> None:
    """Refuse numbers and words that mean nothing."""
    for name, number in (("draws", draws), ("chunk", chunk)):
        if number is not None and number < 1:
            raise SpecError(f"{name}={number} is given; 1 or more is accepted")
    if on_impossible not in ("raise", "mask"):
        raise SpecError(f"on_impossible={on_impossible!r} is not one of 'raise', 'mask'")


@dataclass(frozen=True, eq=False)
class Planned:
    """What will be done.

    Attributes:
        asked: the question, with the draws that it needs; `probe`: at two of them.
        source, columns: the cases, and what their columns are.
        header: of the answers.
        chunk: rows at once.
        mask: whether rows that cannot happen are noted, and not an error.
        inputs: what the answers depend on.
    """

    asked: Asked
    probe: Posed
    source: Cases
    columns: Columns
    header: Sequence[str]
    chunk: int
    mask: bool
    inputs: Mapping[str, Any]


def planned(asked: Asked, paths: Paths, keep: Sequence[str], chunk: int | None, mask: bool) -> Planned:
    """The plan.

    Args:
        chunk: rows at once; None for as many as take some seconds and little memory.
        mask: whether rows that cannot happen are noted, and not an error.

    Raises:
        SpecError, NetworkError, TooLarge: names, settings, columns or files that cannot be meant.
    """
    asked, probe = probed(asked)
    source = paths.opened()
    variables = {n: v for n, v in probe.network.variables.items() if n not in probe.constants or n in asked.given}
    named = aliases(asked.changed)
    columns = matched(source.header, variables, named, keep, asked.given, source.mistakes, source.header_at)
    header = ["row", *columns.kept, *columns_of(probe, asked.draws, mask)]
    if twice := [name for name in columns.kept if header.count(name) > 1]:
        raise SpecError(f"--keep {twice[0]}: the answers have a column of that name; rename it in {paths.cases}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise SpecError(f"two columns of the answers would be named {twice[0]!r}; rename a state of {asked.target[0]}")
    numbers = asked.draws * probe.count
    rows = chunk or max(1, min(MOST_ROWS, MOST_NUMBERS // numbers, MOST_CELLS // len(header)))
    inputs = {
        "model": asked.model.name,
        "sha256 of the model": model_digest(asked.model),
        "target": asked.target,
        "given": asked.given,
        "do": asked.do,
        "overlay": asked.overlay,
        "draws": asked.draws,
        "seed": asked.seed,
        "sha256 of the cases": digest_of(paths.cases),
        "keep": columns.kept,
        "on_impossible": "mask" if mask else "raise",
        "chunk": rows,
        **{f"version of {name}": found for name, found in software().items()},
    }
    return Planned(asked, probe, source, columns, header, rows, mask, json.loads(json.dumps(inputs)))
