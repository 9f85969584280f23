"""What the answers of a batch rest on: the file beside them, and one line of it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bsm.inference.batch.answers import Asker, Impossible, columns_of
from bsm.inference.batch.question import Asked
from bsm.motives.network import MOTIVATION
from bsm.spec.model import Model, Ref

NUMERIC = ("torch", "numpy", "scipy", "numba", "pyro-ppl")
SHOWN = 6  # motivations that the line lists


def rests_on(asked: Asked, asker: Asker) -> dict[str, Any]:
    """The model, the prior over motivations, what is answered where nothing is seen, parameters, draws and seed.

    Raises:
        Impossible: what is given for all rows cannot happen.
    """
    model, network = asked.changed, asker.posed.network
    nothing = asker.answers(np.full((1, len(asker.seen)), -1, dtype=np.int64))
    if nothing.notes and nothing.masked[0]:
        raise Impossible(0, nothing.notes[0])
    names = columns_of(asker.posed, asked.draws, notes=False)
    numbers = [*nothing.values[0].tolist(), float(nothing.log_evidence[0])]
    return {
        "model": model.name,
        "about": model.about,
        "overlay": asked.overlay,
        "prior_over_motivations": _over_draws(network.variables[MOTIVATION].states, network.tables[MOTIVATION].values),
        "prior_terms": [
            {
                "name": term.name,
                "kind": term.kind,
                "weight": _number(model, term.weight),
                "why": term.why,
                **_source(term.provenance),
            }
            for term in model.prior.terms
        ],
        "none_of_these": f"{_number(model, model.prior.none_of_these)}; it has no policy and no place in these answers",
        "selection": "none is applied beyond what a row or --given conditions on",
        "where_nothing_is_seen": dict(zip(names, numbers, strict=True)),
        "uncertain_parameters": {name: p.written for name, p in model.uncertain.items()} if asked.uncertain else {},
        "draws": asked.draws,
        "seed": asked.seed if asked.uncertain else None,
        "interval": "central 90 % of the values over draws, each weighed by its evidence" if asked.draws > 1 else None,
    }


def line(document: Mapping[str, Any], sidecar: Path) -> str:
    """One line for a person who is about to use the numbers."""
    prior = document["prior_over_motivations"].items()
    priors = [f"{m} {p if isinstance(p, float) else p['mean']:.3g}" for m, p in prior]
    more = f" and {len(priors) - SHOWN} more in {sidecar.name}" if len(priors) > SHOWN else ""
    count = len(document["uncertain_parameters"])
    drawn = f"{document['draws']} draw(s) of {count} uncertain parameters, seed {document['seed']}"
    overlay = f", overlay {document['overlay']}" if document["overlay"] else ""
    parameters = drawn if count else "no number that they use is uncertain"
    return f"these answers rest on {document['model']}{overlay}: prior {', '.join(priors[:SHOWN])}{more}; {parameters}"


def columns_described(asked: Asked, header: Sequence[str], kept: Sequence[str]) -> dict[str, str]:
    """What each column of the answers holds."""
    given = ", ".join(["row", *asked.given, *(f"do({n})" for n in asked.do)])
    each = 3 if asked.draws > 1 else 1
    numbers = header.index("log_evidence") - 1 - len(kept)
    meanings = [f"P({name} | {given})" for name in header[1 + len(kept) :][:numbers]]
    for at in range(numbers):
        if at % each:
            meanings[at] = f"{('low', 'high')[at % each - 1]} end of the central 90 % of the values over draws"
    rest = (
        "log P(what the row and --given observe) in nats; -inf where it cannot happen",
        "why a row has no probabilities, or which parameter draws have no weight in it",
    )
    said = ["number of the row of cases, from 1", *("copied" for _ in kept), *meanings, *rest]
    return dict(zip(header, said, strict=False))


@cache
def software() -> dict[str, str]:
    """Versions of what numbers may depend on, and a digest of this package's source."""
    found = {"bsm": sys.modules["bsm"].__version__}
    for name in NUMERIC:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    package = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return {**found, "its source": digest.hexdigest()[:16]}


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _over_draws(names: Sequence[str], values: torch.Tensor) -> dict[str, Any]:
    """A table [draw, state] by name; where draws differ, mean and central 90 %."""
    if len(values) == 1:
        return dict(zip(names, values[0].tolist(), strict=True))
    low, high = (torch.quantile(values, q, dim=0).tolist() for q in (0.05, 0.95))
    return {
        name: {"mean": mean, "low": a, "high": b}
        for name, mean, a, b in zip(names, values.mean(0).tolist(), low, high, strict=True)
    }


def _number(model: Model, number: Any) -> str | float:
    return model.parameters[number.parameter].written if isinstance(number, Ref) else number


def _source(provenance: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(provenance).items() if value}
