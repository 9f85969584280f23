"""Models and files of cases for the tests of batches, and the slow, obvious answer: one question after another."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import bsm
from bsm.engine import ImpossibleEvidence
from bsm.inference.ask import Answer
from bsm.spec.model import Model
from tests.inference.examples import small


def uncertain() -> Model:
    """The small model with uncertain strengths."""
    return small(STRENGTH='"0.5 to 4"')


def written(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """A CSV file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def random_cases(model: Model, nodes: Sequence[str], count: int, seed: int = 0, blank: float = 0.4) -> list[list[str]]:
    """Rows of states of these nodes, each cell empty with some probability."""
    rng = np.random.default_rng(seed)
    states = {**{n: node.states for n, node in model.nodes.items()}, "motivation": tuple(model.motivations)}
    return [["" if rng.random() < blank else str(rng.choice(states[n])) for n in nodes] for _ in range(count)]


def read(path: Path) -> list[dict[str, str]]:
    """A CSV file as mappings."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def named(answer: Answer) -> dict[str, float]:
    """What `bsm.ask` says, by the columns of a batch."""
    found = {}
    for states, p in answer.probabilities.items():
        each = (states,) if isinstance(states, str) else states
        name = " & ".join(f"{t}={s}" for t, s in zip(answer.target, each, strict=True))  # type: ignore[arg-type]
        found[name] = p
        if answer.draws > 1:
            found[f"{name} low"], found[f"{name} high"] = answer.low[states], answer.high[states]
    return {**found, "log_evidence": answer.log_evidence}


def one_by_one(
    model: Model, target: Any, nodes: Sequence[str], rows: Sequence[Sequence[str]], **more: Any
) -> list[dict[str, float] | None]:
    """`bsm.ask` of every row; None where it cannot happen."""
    given: Mapping[str, Any] = more.pop("given", {})
    found: list[dict[str, float] | None] = []
    for row in rows:
        seen = {n: cell for n, cell in zip(nodes, row, strict=True) if cell}
        try:
            found.append(named(bsm.ask(model, target, {**given, **seen}, **more)))
        except ImpossibleEvidence:
            found.append(None)
    return found
