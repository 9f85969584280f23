"""Phases of selection as a model file writes them, with their gates and their drift."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from bsm.spec.kinds import Condition, Flag, Label, Probabilities, Quantity
from bsm.spec.parts import Sourced


def _as_text(raw: object) -> object:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


Remark = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number"]})]


class GateDocument(Sourced):
    """A look at the AI that it had to pass: an audit, a filter, a decision to deploy."""

    name: str = Field(description="gates of one name look for the same thing, in whatever phase")
    looks: Quantity = Field(description="k: independent looks, each of which had to find nothing")
    caught: Condition = Field(default_factory=dict, description="nodes and the states that count as being caught")
    detection: dict[str, Quantity] = Field(
        default_factory=dict, description="instead of `caught`: the probability that one look catches each motivation"
    )
    held_out: Flag = Field(
        True, description="yes: what is caught is not deployed, and a look is no training; no: it is trained on"
    )
    evasion: Quantity | None = Field(
        None, description="looks trained on: the part of later detection that each look of this name takes away"
    )
    about: str | None = Field(None, description="in words")


class DriftDocument(Sourced):
    """One motivation turns into another for a reason other than selection."""

    from_: str = Field(alias="from", description="the motivation that turns")
    to: str = Field(description="the motivation that it turns into")
    rate: Quantity = Field(description="probability per selection")
    transmission: Quantity | None = Field(
        None, description="added to the rate, times the share that `to` has then: memes spread from those who hold them"
    )
    kind: Literal["atrophy", "reflection", "memetic", "other"] = Field("other", description="why; a label")


class PhaseDocument(Sourced):
    """A stretch of selection that this AI went through; its gates come at its end."""

    name: str = Field(description="as in the `phase` column of the ledger")
    kind: Literal["pretraining", "rl", "supervised", "self_generated", "audit", "deployment", "other"] = Field(
        "other", description="what it is; a label"
    )
    about: str | None = Field(None, description="in words")
    selections: Quantity = Field(
        description="n: how many times it was selected, 0 or more; usually an interval over decades"
    )
    eta: Quantity = Field(description="strength of one selection")
    rl_steps: Remark | None = Field(None, description="steps of RL that were reported; a label, never n")
    dynamics: Literal["replicator", "softmax_pg"] = Field(
        "replicator", description="replicator: share times fitness to the eta; softmax_pg: policy gradient on logits"
    )
    contexts: dict[str, Probabilities] = Field(default_factory=dict, description="replaces tables of root contexts")
    levers: dict[str, Label] = Field(default_factory=dict, description="state of each lever while it lasts")
    selected: Condition = Field(
        default_factory=dict, description="nodes and the states that count as selected; the influence node when empty"
    )
    unexplored: list[Condition] = Field(
        default_factory=list, description="joint actions (action: states) that selection does not see until explored"
    )
    exploration: Quantity | None = Field(
        None, description="probability, per selection, that the unexplored actions are explored; 0 when absent"
    )
    gates: list[GateDocument] = Field(default_factory=list, description="in their order, after the last selection")
    drift: list[DriftDocument] = Field(default_factory=list, description="at every selection")
