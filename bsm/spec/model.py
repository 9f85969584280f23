"""What a model file means once it has been read: frozen values that cannot be wrong.

Everything that a number may be is settled here: a float, or a `Ref` to a named parameter. A parameter is
fixed (`prior is None`) or uncertain. Parsing and all error messages live in the other files of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bsm.graph import Role, SelectionGraph


class SpecError(ValueError):
    """A model or evidence file says something that cannot be; the message says what, where and the remedy."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A number that is the value of a named parameter."""

    parameter: str


Number = float | Ref


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a number comes from: a source, or whose opinion it is; `why` gives the reason."""

    source: str | None = None
    opinion_of: str | None = None
    why: str | None = None

    def __str__(self) -> str:
        head = f"source: {self.source}" if self.source else f"opinion of {self.opinion_of}"
        return f"{head} ({self.why})" if self.why else head


@dataclass(frozen=True, slots=True)
class Distribution:
    """A prior: `family` is one of FAMILIES, `args` its numbers in the order of the field's convention.

    normal(mean, sd), lognormal(mean of log, sd of log), logit_normal(mean of logit, sd of logit),
    beta(a, b), gamma(shape, rate), uniform(low, high), half_normal(sd).
    """

    family: str
    args: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named number. `value` is used where the parameter is held fixed: its given value or prior median.

    `written` is how the file writes it ("0.05 to 0.3"). `support` is "real", "positive" or "probability".
    """

    name: str
    value: float
    prior: Distribution | None
    support: str
    written: str
    provenance: Provenance


# --- mechanisms: how a node's table is given -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sticks:
    """A row with a Dirichlet prior, as independent Beta stick lengths, one for each state but the last."""

    lengths: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """`when` maps parents to the states they may be in; a parent left out may be in any.

    `p` holds one number per state; or a single reference, P(last state) of a two-state node; or sticks.
    """

    when: Mapping[str, tuple[str, ...]]
    p: tuple[Number, ...] | Sticks
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as rows; each parent configuration matches exactly one row, or else `otherwise`."""

    rows: tuple[Row, ...]
    otherwise: tuple[Number, ...] | Sticks | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """Adds `coefficient` (times the numeric value of parent `times`, if given) when `when` holds."""

    coefficient: Number
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    times: str | None = None


@dataclass(frozen=True, slots=True)
class Logistic:
    """P(last state) = sigmoid(intercept + terms); two-state nodes only."""

    intercept: Number
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """When `when` holds, this cause alone produces the last state with probability `p`."""

    when: Mapping[str, tuple[str, ...]]
    p: Number


@dataclass(frozen=True, slots=True)
class NoisyOr:
    """P(first state) = (1 - leak) * product over active causes of (1 - p); two-state nodes only."""

    leak: Number
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A deterministic value. `operator` with `operands`; an operand is a Rule, a parent's name or a float.

    sum, max, min: of the operands' values. equals: 1.0 if both operands are equal, else 0.0.
    threshold: 1.0 if the first operand is at least the second. if: operands are (then, else), and the
    condition is `when`, parents mapped to allowed states. literal: one operand, returned as it is. A state's
    name is turned into its numeric value when read, or into its position where the node has no values.
    """

    operator: str
    operands: tuple[Rule | str | float, ...]
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every state equally likely."""


Mechanism = Rows | Logistic | NoisyOr | Rule | Uniform


# --- the pieces of a model -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """One node. For an action the mechanism is the base policy (pi_0) given its parents.

    `default` is the state used where a ledger row or a situation leaves a context or lever blank.
    """

    name: str
    role: Role
    states: tuple[str, ...]
    values: tuple[float, ...] | None
    parents: tuple[str, ...]
    mechanism: Mechanism
    default: str | None = None
    about: str = ""
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes to a graph: edges dropped, then nodes replaced (perhaps with new parents) or added."""

    drop_edges: tuple[tuple[str, str], ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.drop_edges or self.nodes)


@dataclass(frozen=True, slots=True)
class Seeks:
    """One target of a motivation: a node, or one state of it (indicator); negative weight avoids.

    `active_in` maps context nodes to the states in which the target is pursued; empty means everywhere.
    """

    target: str
    state: str | None = None
    weight: Number = 1.0
    active_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Motivation:
    """A pattern that votes for what it believes leads to its targets (design 3)."""

    name: str
    seeks: tuple[Seeks, ...]
    strength: Number  # beta, in range units
    planning: Number  # kappa in (0, 1]
    awareness: Number  # omega in [0, 1]
    beliefs: Edits = field(default_factory=Edits)
    says: Mapping[str, Mechanism] = field(default_factory=dict)  # observation node -> its table for this motivation
    intended: bool = False
    scope: str | None = None  # "bounded" | "unbounded"
    horizon: str | None = None  # "bounded" | "unbounded"
    about: str = ""
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class PriorTerm:
    """One consideration behind the prior. Log weight of m: sign * weight * amount[m], by `kind`:

    nats: weight * amount. bits: -weight * amount * ln 2 (description length). count: weight * ln(amount).
    `acts`: "once" (washes out with optimisation) or "per_step" (presses at every step of selection).
    """

    name: str
    kind: str
    weight: Number
    amounts: Mapping[str, Number]
    acts: str
    why: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Prior:
    """Sum of terms in nats, normalised over motivations; `none_of_these` is a probability outside it."""

    none_of_these: Number
    terms: tuple[PriorTerm, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Gate:
    """A look at the AI that it had to pass: an audit, a filter, a decision to deploy.

    `caught` maps nodes to the states that count as being caught; its probability in the phase's contexts follows
    from each motivation's policy. `detection` states the probability for each motivation instead. `looks` (k)
    independent looks that are held out multiply the weight by (1 - q)^k. A look that is trained on (`held_out`
    False) multiplies nothing: it leaves (1 - evasion) of q to every later look of the same name.
    """

    name: str
    looks: Number
    caught: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    detection: Mapping[str, Number] = field(default_factory=dict)  # motivation -> q, a probability per look
    held_out: bool = True
    evasion: Number = 0.0
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """Motivation `source` turns into `target` with probability `rate` per selection, for a reason other than selection.

    `transmission` adds itself times the share of `target` at that time (memes spread from those who have them).
    `kind`: "atrophy" | "reflection" | "memetic" | "other".
    """

    source: str
    target: str
    rate: Number
    transmission: Number = 0.0
    kind: str = "other"
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of selection: `selections` (n) at strength `eta`, then its gates.

    `kind` is a label of what it is. `dynamics`: "replicator" | "softmax_pg". `contexts` replaces tables of context
    roots and `levers` sets levers while it lasts. `selected` maps nodes to the states that count as being selected;
    the influence node where empty. `unexplored` lists joint actions (action -> states) that selection does not see
    until they have been explored, which happens with probability `exploration` at each selection. `rl_steps` is a
    label and enters nothing.
    """

    name: str
    selections: Number
    eta: Number
    contexts: Mapping[str, tuple[Number, ...]] = field(default_factory=dict)
    provenance: Provenance | None = None
    kind: str = "other"
    dynamics: str = "replicator"
    levers: Mapping[str, str] = field(default_factory=dict)
    selected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unexplored: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    exploration: Number = 0.0
    gates: tuple[Gate, ...] = ()
    drift: tuple[Drift, ...] = ()
    rl_steps: str | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a ledger's `observation` names: an event on nodes, or a base rate that has no likelihood."""

    name: str
    event: Mapping[str, tuple[str, ...]]  # node -> states counted as k
    base_rate: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One defensible alternative setting, for the choices table.

    `about`: "base policy" | "reading" | "noise" | "coding" | "evidence" | "strength" | "beliefs" | "prior".
    set: parameters held at a number. noise: "rho" / "variant_sd" held at a number. code: context columns
    replaced by one state in every row. drop: observations left out (also as second counts). only: ledger
    columns (setting, observation ...) restricted to the listed values. overlay: a named overlay.
    """

    name: str
    about: str
    why: str
    set: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overlay: str | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """What the report leads with: the posterior of these motivations together, against a reference."""

    motivations: tuple[str, ...]
    reference: str
    subject: str | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Named edits of the same file: graph edits, parameters and motivations replaced or added, phases replaced."""

    name: str
    why: str
    edits: Edits = field(default_factory=Edits)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    motivations: Mapping[str, Motivation] = field(default_factory=dict)
    phases: Mapping[str, Phase] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """One AI's selection story: graph, motivations, prior, phases, and how observations map to nodes."""

    name: str
    about: str
    nodes: Mapping[str, Node]
    parameters: Mapping[str, Parameter]
    motivations: Mapping[str, Motivation]
    prior: Prior
    phases: tuple[Phase, ...]
    support: tuple[Mapping[str, str], ...] | None  # situations; None: every combination of seen contexts
    observations: Mapping[str, Observation]
    variant_sd: Number | None  # sd, in logits, of the shift that a prompt variant gives all its rows
    reading: str = "hypothesis"  # "hypothesis" | "mixture" | "dirichlet" | "votes" (design 3, share is not credence)
    alpha: Number | None = None  # concentration of the shares of AIs around the mean, for "dirichlet"
    close: float = 0.9  # closeness at and above which an upstream target counts as close
    choices: tuple[Choice, ...] = ()
    headline: Headline | None = None
    overlays: Mapping[str, Overlay] = field(default_factory=dict)
    path: Path | None = None
    dropped_edges: tuple[tuple[str, str], ...] = ()  # by overlays; the child reads the parent's base marginal
    base: Model | None = None  # set on a model with overlays: the model without them

    @cached_property
    def graph(self) -> SelectionGraph:
        return SelectionGraph(
            roles={n: node.role for n, node in self.nodes.items()},
            parents={
                n: tuple(p for p in node.parents if (p, n) not in self.dropped_edges) for n, node in self.nodes.items()
            },
        )

    @property
    def without_overlays(self) -> Model:
        """The base model: units of motivations are always taken from it."""
        return self.base or self

    @property
    def uncertain(self) -> dict[str, Parameter]:
        """Parameters that carry a prior."""
        return {name: p for name, p in self.parameters.items() if p.prior is not None}

    def with_parameters(self, values: Mapping[str, float]) -> Model:
        """The same model with these parameters held at these numbers."""
        changed = dict(self.parameters)
        for name, value in values.items():
            if name not in changed:
                raise SpecError(f"{name!r} is not a parameter of {self.name}; it has {sorted(changed)}")
            changed[name] = replace(changed[name], value=float(value), prior=None, written=repr(float(value)))
        base = (
            self.base.with_parameters({k: v for k, v in values.items() if k in self.base.parameters})
            if self.base
            else None
        )
        return replace(self, parameters=changed, base=base)

    def with_overlay(self, name: str | None) -> Model:
        """The same model with one named overlay applied; None gives the model itself."""
        if name is None:
            return self
        if name not in self.overlays:
            raise SpecError(f"{name!r} is not an overlay of {self.name}; it has {sorted(self.overlays)}")
        overlay = self.overlays[name]
        return replace(
            self.edited(overlay.edits),
            parameters={**self.parameters, **overlay.parameters},
            motivations={**self.motivations, **overlay.motivations},
            phases=tuple(overlay.phases.get(phase.name, phase) for phase in self.phases),
            base=self.without_overlays,
        )

    def edited(self, edits: Edits) -> Model:
        """The same model on an edited graph: as an overlay draws it, or as a motivation believes it."""
        for source, target in edits.drop_edges:
            if target not in self.nodes or source not in self.nodes[target].parents:
                raise SpecError(f"cannot drop the edge {source} -> {target}: there is no such edge")
            if self.nodes[target].role is Role.ACTION:
                raise SpecError(
                    f"cannot drop the edge {source} -> {target}: what an action sees is changed by giving "
                    "the node anew, under `nodes`, with other parents"
                )
        return replace(
            self,
            nodes={**self.nodes, **edits.nodes},
            dropped_edges=(
                *(edge for edge in self.dropped_edges if edge[1] not in edits.nodes),  # given anew
                *edits.drop_edges,
            ),
        )
