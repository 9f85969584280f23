"""A small model and ledger to break in one place at a time."""

from __future__ import annotations

from pathlib import Path

from bsm.evidence import Evidence
from bsm.graph import Role
from bsm.spec.model import (
    Distribution,
    Model,
    Node,
    Observation,
    Parameter,
    Phase,
    Prior,
    Provenance,
    Ref,
    Uniform,
)

OURS = Provenance(opinion_of="bsm tests")


def node(name: str, role: Role, states: str, parents: str = "", default: str | None = None) -> Node:
    return Node(name, role, tuple(states.split()), None, tuple(parents.split()), Uniform(), default, provenance=OURS)


NODES = (
    node("place", Role.CONTEXT, "office home"),
    node("light", Role.CONTEXT, "on off", default="on"),
    node("rule", Role.LEVER, "strict loose", default="strict"),
    node("move", Role.ACTION, "go stay", "place light"),
    node("say", Role.ACTION, "plain sly", "place light"),
    node("chosen", Role.INFLUENCE, "no yes", "move rule"),
)
MODEL = Model(
    name="example",
    about="",
    nodes={n.name: n for n in NODES},
    parameters={
        "spread": Parameter("spread", 0.05, None, "probability", "0.05", OURS),
        "worth": Parameter("worth", 40.0, None, "positive", "40", OURS),
        "long": Parameter("long", 30.0, Distribution("lognormal", (3.4, 1.0)), "positive", "6 to 155", OURS),
    },
    motivations={},
    prior=Prior(0.05, (), OURS),
    phases=(
        Phase("drill", 10.0, 1.0, provenance=OURS),
        Phase("work", Ref("long"), 1.0, levers={"rule": "loose"}, provenance=OURS),
    ),
    support=None,
    observations={
        "went": Observation("went", {"move": ("go",)}),
        "stayed": Observation("stayed", {"move": ("stay",)}),
        "sly": Observation("sly", {"say": ("sly",)}),
        "goers": Observation("goers", {}, base_rate=True),
    },
    variant_sd=None,
)

HEADER = [
    *("id", "subject", "setting", "place", "light", "variant", "phase", "step", "steps", "observation"),
    *("k", "n", "rate", "ci_low", "ci_high", "level", "rho", "n_eff"),
    *("second_observation", "second_k", "second_rate", "second_ci_low", "second_ci_high"),
    *("fpr", "fnr", "opinion_of", "note"),
    *("source_id", "citation", "figure_or_table", "date", "sha256", "second_sha256"),
]
GOOD = {
    "id": "a",
    "subject": "robin",
    "setting": "hall",
    "place": "office",
    "observation": "went",
    "k": "3",
    "n": "20",
    "rho": "0.1",
    "source_id": "ours2025",
}


def text(*rows: dict[str, str], header: list[str] = HEADER) -> str:
    """A ledger whose rows are GOOD with these changes."""
    records = [header, *([{**GOOD, **row}.get(name, "") for name in header] for row in rows)]
    return "".join(",".join(record) + "\n" for record in records)


def ledger(folder: Path, *rows: dict[str, str], raw: str | bytes | None = None) -> Evidence:
    """Read a ledger of these rows, or of this text, from a file called evidence.csv."""
    path = folder / "evidence.csv"
    content = text(*rows) if raw is None else raw
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Evidence.read(path, MODEL)
