"""The columns of a ledger, and whether a header has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from bsm.evidence.files import Problems
from bsm.graph import Role
from bsm.spec.model import Model, SpecError

REQUIRED = ("id", "subject", "setting", "observation", "source_id")
BEFORE_CONTEXTS = ("id", "subject", "setting", "block")
AFTER_CONTEXTS = (
    "variant", "phase", "step", "steps", "observation",
    "k", "n", "rate", "ci_low", "ci_high", "level", "rho", "n_eff",
    "second_observation", "second_k", "second_rate", "second_ci_low", "second_ci_high",
    "fpr", "fnr", "opinion_of", "note",
    "source_id", "citation", "figure_or_table", "date", "sha256", "second_sha256",
)  # fmt: skip
WHERE_USED = ("step",)  # columns that a ledger made from published tables has only where its codes give them
FIXED = (*BEFORE_CONTEXTS, *AFTER_CONTEXTS)


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or what there is."""
    known = list(known)
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it may be one of {known}"


def context_nodes(model: Model) -> tuple[str, ...]:
    """Nodes that a ledger may set: contexts and levers, in the model's order.

    Raises:
        SpecError: one of them has the name of a ledger column.
    """
    found = tuple(name for name, node in model.nodes.items() if node.role in (Role.CONTEXT, Role.LEVER))
    for name in found:
        if name in FIXED:
            raise SpecError(
                f"model {model.name}: the {model.nodes[name].role} node {name!r} has the name of a ledger "
                "column, so a ledger cannot set it; rename the node"
            )
    return found


def seen_contexts(model: Model) -> tuple[str, ...]:
    """Contexts and levers that an action sees, so that every row must say or default them."""
    parents = {p for node in model.nodes.values() if node.role is Role.ACTION for p in node.parents}
    return tuple(name for name in context_nodes(model) if name in parents)


def check_columns(header: Sequence[str], model: Model, problems: Problems) -> None:
    """Known columns only, and the required ones present."""
    contexts = context_nodes(model)
    for name in header:
        if name in FIXED or name in contexts or not name:
            continue
        if name in model.nodes:
            problems.add(
                1,
                f"column {name!r} is a node of role {model.nodes[name].role}; a ledger sets contexts and "
                f"levers only: {list(contexts)}",
            )
        else:
            problems.add(1, f"unknown column {name!r}; {meant(name, (*FIXED, *contexts))}")
    for name in REQUIRED:
        if name not in header:
            problems.add(1, f"column {name!r} is missing; every ledger has {', '.join(REQUIRED)}, and k and n or rate")
    for name in seen_contexts(model):
        if name not in header and model.nodes[name].default is None:
            problems.add(
                1,
                f"column {name!r} is missing; actions see it, and its node has no default",
            )
    if not ({"k", "n"} <= set(header) or "rate" in header):
        problems.add(1, "no column says how often it was seen; give k and n, or rate with ci_low, ci_high and level")
