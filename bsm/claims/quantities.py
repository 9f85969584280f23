"""What a claim or a reference question may ask of a model: named quantities, as data.

    {quantity: fitness, of: NAME, overlay: NAME, set: {PARAMETER: NUMBER}}

A plain number stands for itself, and {difference: [first, second]} for first minus second.

Shares and what is made of them are those at a moment `at` (start, PHASE, or PHASE:STEP; the end of the last phase
when absent), under `dynamics` (replicator or softmax_pg in every phase; what the file says when absent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bsm.claims.reading import Part
from bsm.motives.families import Family

DYNAMICS = ("replicator", "softmax_pg")
PATTERNS = ("general", "local", "base")
WHEN = ("at", "dynamics")
HIGHEST = -0.1  # log10 of a prior in the toy; with that of the local pattern it leaves room to train
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # kind -> required and optional keys
    "fitness": (("of",), ()),  # P(influence | do(policy)), a probability
    "greedy_fitness": (("of",), ()),  # the same in the limit of unlimited strength
    "relative_fitness": (("of",), ()),  # fitness over the best fitness among the model's motivations
    "base_fitness": ((), ()),  # of the base policy
    "unit": (("of",), ()),  # u, the range of the sought quantity
    "distance": (("of",), ()),  # d, nodes between the action and the (nearest) target
    "closeness": (("of",), ()),  # Var(E[I | X]) / Var(E[I | parents of I])
    "family": (("of",), ()),  # text
    "policy": (
        ("of", "state"),
        ("given",),
    ),  # P(action = state | contexts), others at their defaults
    "prior": (("of",), ()),  # probability before selection, summed over the motivations named
    "share": (("of",), WHEN),  # prior x selection, no ledger, summed over the motivations named
    "posterior": (("of", "rows"), ()),  # credence given ledger rows, none_of_these beside it
    "log_prior_odds": (("of", "against"), ()),  # nats
    "log_share_odds": (("of", "against"), WHEN),  # nats
    "log_posterior_odds": (("of", "against", "rows"), ()),  # nats
    "distance_from_prior": ((), WHEN),  # KL(share || prior), nats
    "term_weight": (("of", "against", "term"), WHEN),  # part of the log share odds that one prior term makes up
    "forecast": (("target", "state"), ("given", *WHEN)),  # P(target = state | do(AI with these shares), contexts)
    "detection": (("of", "gate"), WHEN),  # P(the gate catches), over a group weighted by its shares at the moment
    "audit_bits": (("gate",), WHEN),  # KL(shares || shares without this held-out gate), bits
    "diversity_threshold": (  # log10 of the prior share at which one general pattern ends level with a local one
        ("environments",),  # per environment (theory d4, `bsm.motives.diversity`: a toy, of no model)
        ("dynamics",),  # that of the phases here when absent
    ),
    "diversity_share": (  # share of a pattern at the end of that toy: general, local or base
        ("pattern", "environments", "log10_prior"),
        ("dynamics",),
    ),
    "greedy_tie": ((), ()),  # motivations whose greedy fitness equals the best, a list
    "fittest": ((), ()),  # single targets that tie for the best among all candidates, a list
    "probability": (("target",), ("state", "given", "do")),  # one exact query
}


@dataclass(frozen=True)
class Group:
    """Motivations by name, or all of one family."""

    names: tuple[str, ...] = ()
    family: str | None = None

    def __str__(self) -> str:
        return f"every {self.family}" if self.family else " + ".join(self.names)


@dataclass(frozen=True)
class Quantity:
    """One quantity; fields that its kind does not use keep their defaults."""

    kind: str
    where: str
    of: Group = Group()
    against: Group = Group()
    overlay: str | None = None
    held: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Mapping[str, str], ...] = ()
    term: str = ""
    target: str = ""
    state: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    do: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Quantity, ...] = ()
    number: float = 0.0
    at: str | None = None
    dynamics: str | None = None
    gate: str = ""
    pattern: str = ""
    environments: float = 1.0
    log10_prior: float = 0.0

    def __str__(self) -> str:
        if self.kind == "number":
            return f"{self.number:g}"
        if self.kind == "difference":
            return " - ".join(map(str, self.parts))
        inner = " = ".join(part for part in (str(self.of) or self.target or self.pattern, self.state) if part)
        if self.kind.startswith("diversity"):
            words = [f"{self.environments:g} environments"]
            words += [f"prior 10^{self.log10_prior:g}"] if self.pattern else []
            inner = ", ".join([inner, *words] if inner else words)
        seen = [f"{name}={state}" for name, state in self.given.items()]
        seen += [f"do({name}={state})" for name, state in self.do.items()]
        seen += [" ".join(row.values()) for row in self.rows]
        against = (f" against {self.against}" if str(self.against) else "") + (f" | {', '.join(seen)}" if seen else "")
        beside = [f"gate {self.gate}"] if self.gate else []
        beside += [f"at {self.at}"] if self.at else []
        beside += [word for word in (self.dynamics, self.overlay) if word]
        beside += [f"{name} {value:g}" for name, value in self.held.items()]
        inside = "; ".join(part for part in (inner + against, ", ".join(beside)) if part)
        return self.kind.replace("_", " ") + (f"({inside})" if inside else "")


def read_quantity(part: Part) -> Quantity:
    """A quantity from its place in a file.

    Raises:
        SpecError: located; an unknown kind, key, name or state, or a number out of its parameter's range.
    """
    if isinstance(part.data, str):
        return Quantity("number", part.where, number=part.number())
    if isinstance(part.data, dict) and "difference" in part.data:
        return _difference(part)
    kinds = {key: [*KINDS[key][0], *KINDS[key][1]] for key in KINDS}
    every = {"quantity", "overlay", "set", *(key for keys in kinds.values() for key in keys)}
    kind = part.mapping(["quantity"], every)["quantity"].text(KINDS)
    required, optional = KINDS[kind]
    given = part.mapping(["quantity", *required], [*optional, "overlay", "set"])
    return Quantity(
        kind,
        part.where,
        of=_group(given["of"]) if "of" in given else Group(),
        against=_group(given["against"]) if "against" in given else Group(),
        overlay=given["overlay"].overlay() if "overlay" in given else None,
        held=given["set"].held() if "set" in given else {},
        rows=tuple(_row(row) for row in given["rows"].items()) if "rows" in given else (),
        term=given["term"].text(part.names.terms) if "term" in given else "",
        target=given["target"].node() if "target" in given else "",
        state=given["state"].text() if "state" in given else "",
        given=given["given"].states() if "given" in given else {},
        do=given["do"].states() if "do" in given else {},
        at=given["at"].moment() if "at" in given else None,
        dynamics=given["dynamics"].text(DYNAMICS) if "dynamics" in given else None,
        gate=given["gate"].text(part.names.gates) if "gate" in given else "",
        pattern=given["pattern"].text(PATTERNS) if "pattern" in given else "",
        environments=_environments(given["environments"]) if "environments" in given else 1.0,
        log10_prior=_log10_prior(given["log10_prior"]) if "log10_prior" in given else 0.0,
    )


def _environments(part: Part) -> float:
    if (value := part.number()) < 1:
        part.refuse(f"{value:g} is given; a number of environments is at least 1")
    return value


def _log10_prior(part: Part) -> float:
    if (value := part.number()) > HIGHEST:
        part.refuse(f"{value:g} is given; the log10 of a prior share is at most {HIGHEST:g}, for the toy starts rare")
    return value


def _difference(part: Part) -> Quantity:
    parts = part.mapping(["difference"])["difference"].items()
    if len(parts) != 2:
        part.refuse(f"{len(parts)} quantities are given; a difference is of two")
    return Quantity("difference", part.where, parts=tuple(read_quantity(p) for p in parts))


def _group(part: Part) -> Group:
    if isinstance(part.data, dict):
        return Group(family=part.mapping(["family"])["family"].text(str(f) for f in Family))
    return Group(tuple(p.motivation() for p in part.one_or_more()))


def _row(part: Part) -> dict[str, str]:
    """A ledger row: columns and cells; the ledger's own reader checks them."""
    return {column: cell.text() for column, cell in part.pairs().items()}
