"""The model file as Python objects: build one in Python, write it as YAML, or read it back.

These classes say only which keys exist and of what kind each is. What the keys mean together (that names
exist, tables are complete, numbers fit their place) is checked by `bsm.spec.load`, which names the line.
Keys with spaces are written with underscores in Python: "opinion of" is `opinion_of`.

    ModelDocument(name="tiny", nodes={"action": NodeDocument(role="action", ...)}, ...).write("model.yaml")
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Discriminator, Field, PlainSerializer, Tag

from bsm.graph import Role
from bsm.spec import kinds
from bsm.spec.kinds import Condition, Flag, Label, Probabilities, Quantity, Real, RuleText
from bsm.spec.parts import Part, Sourced, shape
from bsm.spec.phase_document import PhaseDocument
from bsm.spec.starter import model_text
from bsm.spec.yaml_text import read_bytes, write_text


class ParameterDocument(Sourced):
    """A named number, used elsewhere as $name."""

    value: Quantity = Field(description="its value, or its prior")
    support: Literal["real", "positive", "probability"] | None = Field(
        None, description="its range; inferred from where it is used when absent"
    )
    used_by: Literal["ledger"] | None = Field(
        None,
        alias="used by",
        description="ledger: used in evidence.csv, not in this file (then give support)",
    )
    about: str | None = Field(None, description="in words")


class RowDocument(Sourced):
    """A row of a table: `when` and `p`, or `otherwise` alone in the last row."""

    when: Condition | None = Field(None, description="parents and the states they may be in; absent: any")
    p: Probabilities | None = Field(None, description="the distribution where `when` holds")
    otherwise: Probabilities | None = Field(None, description="for configurations that no other row matches")


class TermDocument(Part):
    """A term of a logistic table, in logits."""

    add: Quantity = Field(description="added when `when` holds, times the value of `times` if given")
    when: Condition | None = Field(None, description="parents and the states they may be in; absent: any")
    times: str | None = Field(None, description="a parent with numeric values")


class LogisticDocument(Part):
    """P(last state) = sigmoid(intercept + terms); two-state nodes only."""

    intercept: Quantity
    terms: list[TermDocument] = Field(default_factory=list, description="added to the intercept")


class CauseDocument(Part):
    """A cause that alone produces the last state with probability p."""

    when: Condition = Field(description="parents and the states they may be in")
    p: Quantity


class NoisyOrDocument(Part):
    """P(first state) = (1 - leak) * product over active causes of (1 - p); two-state nodes only."""

    leak: Quantity
    causes: list[CauseDocument] = Field(description="each may produce the last state on its own")


class MechanismDocument(Sourced):
    """A table, given in exactly one way."""

    p: Probabilities | None = Field(None, description="the same distribution whatever the parents")
    table: list[RowDocument] | None = Field(None, description="every parent configuration matches exactly one row")
    logistic: LogisticDocument | None = Field(None, description="two states: sums of terms in logits")
    noisy_or: NoisyOrDocument | None = Field(None, description="two states: independent causes of the last")
    rule: RuleText | None = Field(None, description="the state that follows from the parents; needs no source")


RoleName = Annotated[Role, PlainSerializer(str)]


class NodeEdit(MechanismDocument):
    """A node added or replaced by an edit; what is left out is inherited from the node it replaces."""

    role: RoleName | None = Field(None, description="what the node is for")
    about: str | None = Field(None, description="in words")
    states: list[Label] | None = Field(None, description="in order; [no, yes] when absent")
    values: list[Real] | None = Field(None, description="numbers that the states stand for")
    default: Label | None = Field(None, description="state of a context or lever where nothing else is said")
    parents: list[str] | None = Field(None, description="direct causes; for an action, what it sees")
    base: (
        Annotated[
            Annotated[Literal["uniform"], Tag("<word>")] | Annotated[MechanismDocument, Tag("<mapping>")],
            Discriminator(lambda raw: "<mapping>" if shape(raw) == "<mapping>" else "<word>"),
        ]
        | None
    ) = Field(None, description="actions only: base policy, `uniform` or any form of table")


class NodeDocument(NodeEdit):
    """A node of the graph."""

    role: RoleName = Field(description="what the node is for")


class SeeksDocument(Part):
    """A target of a motivation."""

    target: str = Field(description="a node; `influence` is the node whose role is influence")
    state: Label | None = Field(None, description="pursue this state, rather than the node's numeric value")
    weight: Quantity = Field(1.0, description="negative: avoid")
    active_in: Condition = Field(default_factory=dict, description="contexts in which it is pursued; all when empty")


class EditsDocument(Part):
    """Changes to the graph."""

    drop_edges: list[list[str]] = Field(default_factory=list, description="pairs [cause, effect]")
    nodes: dict[str, NodeEdit] = Field(default_factory=dict, description="nodes added or replaced")


Seeks = Annotated[
    Annotated[str, Tag("<word>")]
    | Annotated[SeeksDocument, Tag("<mapping>")]
    | Annotated[
        list[
            Annotated[
                Annotated[str, Tag("<word>")] | Annotated[SeeksDocument, Tag("<mapping>")],
                Discriminator(lambda raw: "<mapping>" if shape(raw) == "<mapping>" else "<word>"),
            ]
        ],
        Tag("<list>"),
    ],
    Discriminator(shape),
]


class MotivationEdit(Sourced):
    """A motivation added or replaced by an overlay; what is left out is inherited."""

    about: str | None = Field(None, description="in words")
    seeks: Seeks | None = Field(None, description="a node, {target: ...}, or a list of those")
    strength: Quantity | None = Field(None, description="beta, in units of the target's range")
    planning: Quantity | None = Field(None, description="kappa in (0, 1]: strength kept per intermediate node; 1")
    awareness: Quantity | None = Field(None, description="omega in [0, 1]: how often it reads the context right; 1")
    beliefs: EditsDocument | None = Field(None, description="how the graph it believes in differs")
    says: dict[str, MechanismDocument] | None = Field(None, description="its own tables of observation nodes")
    intended: Flag | None = Field(None, description="label of the motivation that developers intend")
    scope: Literal["bounded", "unbounded"] | None = Field(None, description="how much material it wants")
    horizon: Literal["bounded", "unbounded"] | None = Field(None, description="how far ahead it wants it")


class MotivationDocument(MotivationEdit):
    """A pattern that votes for what it believes leads to its targets."""

    seeks: Seeks = Field(description="a node, {target: ...}, or a list of those")
    strength: Quantity = Field(description="beta, in units of the target's range")


class TermOfPrior(Sourced):
    """One named consideration behind the prior, in nats."""

    name: str = Field(description="what it is, such as description length")
    kind: Literal["nats", "bits", "count"] = Field(
        description="nats: weight * amount; bits: -weight * amount * ln 2; count: weight * ln(amount)"
    )
    weight: Quantity = 1.0
    amounts: dict[str, Quantity] = Field(description="one for every motivation")
    acts: Literal["once", "per_step"] = Field(description="once: washes out with optimisation; per_step: does not")


class PriorDocument(Sourced):
    """The implicit prior over motivations, as a sum of named terms."""

    none_of_these: Quantity = Field(description="probability that none of the motivations is right, in [0, 1)")
    terms: list[TermOfPrior] = Field(default_factory=list, description="summed, then normalised")


class ObservationDocument(Part):
    """What an `observation` of the ledger counts."""

    event: Condition = Field(default_factory=dict, description="nodes and the states counted as k")
    base_rate: Flag = Field(False, description="a rate over other models: no likelihood, shown beside the prior")
    about: str | None = Field(None, description="in words")


class HeadlineDocument(Part):
    """What the report leads with."""

    motivations: list[str] = Field(description="whose posterior is added up")
    reference: str = Field(description="the motivation it is compared with")
    subject: str | None = Field(None, description="which AI of the ledger; all when absent")
    says: str | None = Field(None, description="what the number answers, in words")


class ChoiceDocument(Part):
    """One defensible alternative setting of the choices table."""

    name: str = Field(description="shown in the choices table")
    about: Literal["base policy", "reading", "noise", "coding", "evidence", "strength", "beliefs", "prior"] = Field(
        description="which kind of choice it is"
    )
    why: str = Field(description="why the setting is defensible")
    set: dict[str, Real] = Field(default_factory=dict, description="parameters held at a number")
    noise: dict[str, Real] = Field(default_factory=dict, description="rho or variant_sd held at a number")
    code: dict[str, Label] = Field(default_factory=dict, description="context columns replaced by one state")
    drop: list[str] = Field(default_factory=list, description="observations left out")
    only: dict[str, list[str]] = Field(default_factory=dict, description="ledger columns and the values kept")
    overlay: str | None = Field(None, description="an overlay of this file")


class SourcedQuantity(Sourced):
    """A number with its source."""

    value: Quantity


GivenQuantity = Annotated[
    Annotated[SourcedQuantity, Tag("<mapping>")] | Annotated[Quantity, Tag("<word>")],
    Discriminator(lambda raw: "<mapping>" if isinstance(raw, BaseModel) or shape(raw) == "<mapping>" else "<word>"),
]


class OverlayDocument(EditsDocument):
    """Named edits of the same file."""

    why: str = Field(description="what it stands for")
    parameters: dict[str, ParameterDocument] = Field(default_factory=dict, description="replaced or added")
    motivations: dict[str, MotivationEdit] = Field(default_factory=dict, description="replaced or added")
    phases: list[PhaseDocument] = Field(default_factory=list, description="each replaces the phase of its name")


class ModelDocument(Part):
    """A model file: one AI's selection story."""

    name: str = Field(description="letters, digits, _ and -")
    about: str = Field("", description="one paragraph")
    reading: Literal["hypothesis", "mixture", "dirichlet", "votes"] = Field(
        "hypothesis",
        description="hypothesis: one pattern drives an AI; mixture: each episode is driven by one drawn from its "
        "shares; dirichlet: between the two; votes: all vote on every action, shares as weights",
    )
    alpha: GivenQuantity | None = Field(
        None, description="dirichlet only: concentration of the shares of AIs around their mean"
    )
    parameters: dict[str, ParameterDocument] = Field(default_factory=dict, description="used as $name")
    nodes: dict[str, NodeDocument] = Field(description="in the order in which they are shown")
    motivations: dict[str, MotivationDocument] = Field(description="what may drive the AI")
    prior: PriorDocument
    phases: list[PhaseDocument] = Field(description="in the order of time; [] where this AI was not selected")
    support: Annotated[
        Annotated[Literal["all"], Tag("<word>")] | Annotated[list[dict[str, Label]], Tag("<list>")],
        Discriminator(lambda raw: "<list>" if shape(raw) == "<list>" else "<word>"),
    ] = Field("all", description="situations over which units are taken: all, or a list of {context: state}")
    closeness: Real | None = Field(None, description="at and above which an upstream target counts as close; 0.9")
    variant_sd: GivenQuantity | None = Field(
        None, description="sd, in logits, of the shift that a prompt variant gives all its rows"
    )
    observations: dict[str, ObservationDocument] = Field(
        default_factory=dict, description="what each `observation` of the ledger counts"
    )
    headline: HeadlineDocument | None = Field(None, description="what the report leads with")
    choices: list[ChoiceDocument] = Field(default_factory=list, description="defensible alternative settings")
    overlays: dict[str, OverlayDocument] = Field(default_factory=dict, description="named edits of this file")

    def plain(self) -> dict[str, Any]:
        """The document as mappings, lists, text and numbers, under the keys of the file."""
        return self.model_dump(by_alias=True, warnings=False)

    def text(self) -> str:
        """The document as YAML text."""
        return write_text(self.plain())

    def write(self, path: str | Path) -> Path:
        """Write the document as a model file; a folder gets a model.yaml. Returns the file written."""
        file = Path(path)
        if file.suffix not in (".yaml", ".yml"):
            file.mkdir(parents=True, exist_ok=True)
            file = file / "model.yaml"
        file.write_text(self.text(), encoding="utf-8")
        return file

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a model file as a document, to be changed and written again; `load` gives its meaning."""
        from bsm.spec.reading import model_file, read_document

        return read_document(model_file(path), cls)[0]


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the model file, for editors that complete and check as you type."""
    made = ModelDocument.model_json_schema(by_alias=True)
    made["$defs"] = {**made.get("$defs", {}), "Quantity": kinds.QUANTITY_SCHEMA, "Rule": kinds.RULE_SCHEMA}
    made["examples"] = [read_bytes(model_text("example").encode(), "example").data]
    shared = _with_refs(made)
    assert isinstance(shared, dict)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **shared}


def _with_refs(schema: object) -> object:
    """The schema with `{"shared": NAME}` turned into references to `$defs`."""
    if isinstance(schema, dict):
        inner = {key: _with_refs(value) for key, value in schema.items() if key != "shared"}
        return {"$ref": f"#/$defs/{schema['shared']}", **inner} if "shared" in schema else inner
    return [_with_refs(item) for item in schema] if isinstance(schema, list) else schema
