"""Kinds of value in a model file: how each is read from text or Python, and what editors are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from bsm.spec.quantities import ACCEPTED, FAMILIES, LARGEST, number


def _label(raw: object) -> object:
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw


def _real(raw: object) -> float:
    if (value := number(raw)) is None:
        raise ValueError(f"{str(raw)[:60]!r} is given; a finite number is accepted")
    if abs(value) > LARGEST:
        raise ValueError(f"{value:g} is given; numbers of size up to {LARGEST:g} are accepted; rescale it")
    return value


def _quantity(raw: object) -> object:
    """Numbers become floats; text and mappings are kept as they are, to be read where their line is known."""
    if (value := number(raw)) is not None:
        return value
    if isinstance(raw, Mapping):
        return {str(_label(key)): _quantity(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_quantity(item) for item in raw]
    if isinstance(raw, str):
        return raw
    raise ValueError(f"{str(raw)[:60]!r} is given; accepted is {ACCEPTED}")


def _rule(raw: object) -> object:
    """Operand names and state names stay text, as do numbers, which may name a state."""
    if isinstance(raw, Mapping):
        return {str(_label(key)): _rule(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_rule(item) for item in raw]
    if isinstance(raw, str):
        return raw
    if (value := number(raw)) is not None:
        return f"{value:.17g}" if value != round(value) else str(int(value))
    raise ValueError(f"{str(raw)[:60]!r} is given; accepted is a parent's name, a number or a nested rule")


def _some_states(raw: object) -> object:
    if isinstance(raw := _label(raw), str):
        return raw
    if isinstance(raw, list | tuple) and all(isinstance(_label(item), str) for item in raw):
        return [str(item) for item in raw]
    raise ValueError(f"{str(raw)[:60]!r} is given; accepted is one state or a list of states")


_NUMBER_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "number"}, {"type": "string"}]}
QUANTITY_SCHEMA: dict[str, Any] = {
    "description": f"{ACCEPTED}. An interval is the central 90 % of a prior.",
    "examples": [0.3, "0.05 to 0.3", {"beta": [2, 5]}, "$strength"],
    "anyOf": [
        {"type": "number"},
        {"type": "string"},
        *(
            {
                "type": "object",
                "properties": {
                    family: {
                        "type": "array",
                        "description": ", ".join(meanings),
                        "items": _NUMBER_SCHEMA,
                        "minItems": len(meanings),
                        "maxItems": len(meanings),
                    }
                },
                "required": [family],
                "additionalProperties": False,
            }
            for family, meanings in FAMILIES.items()
        ),
    ],
}
_QUANTITY_REF = {"shared": "Quantity"}  # becomes a "$ref" in `schema`
_RULE_REF = {"shared": "Rule"}
_STATES_SCHEMA: dict[str, Any] = {
    "description": "one state, or a list of states of which any will do",
    "anyOf": [{"type": ["string", "number"]}, {"type": "array", "items": {"type": ["string", "number"]}}],
}
RULE_SCHEMA: dict[str, Any] = {
    "description": "a deterministic value: a parent's name, a number, a state's name, or one operator",
    "examples": [{"sum": ["one", "other"]}, {"if": {"one": "yes"}, "then": 3, "else": "other"}],
    "anyOf": [
        {"type": ["string", "number"]},
        *(
            {
                "type": "object",
                "properties": {op: {"type": "array", "items": _RULE_REF, "minItems": 2 if op == "equals" else 1}},
                "required": [op],
                "additionalProperties": False,
            }
            for op in ("sum", "max", "min", "equals")
        ),
        {
            "type": "object",
            "properties": {
                "threshold": {
                    "type": "object",
                    "properties": {"of": _RULE_REF, "at_least": _RULE_REF},
                    "required": ["of", "at_least"],
                    "additionalProperties": False,
                }
            },
            "required": ["threshold"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "if": {"type": "object", "additionalProperties": _STATES_SCHEMA},
                "then": _RULE_REF,
                "else": _RULE_REF,
            },
            "required": ["if", "then", "else"],
            "additionalProperties": False,
        },
    ],
}
_PROBABILITIES_SCHEMA: dict[str, Any] = {
    "description": "P(last state) of a two-state node as a quantity; or a mapping over all states that "
    "sums to one; or {dirichlet: {state: amount, ...}}",
    "examples": [0.8, "0.05 to 0.3", {"no": 0.7, "yes": 0.3}, {"dirichlet": {"a": 2, "b": 3, "c": 5}}],
    "anyOf": [_QUANTITY_REF, {"type": "object", "additionalProperties": {}}],
}
_BOOLEAN_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false", "yes", "no"]}]}

Real = Annotated[float, PlainValidator(_real), WithJsonSchema(_NUMBER_SCHEMA)]
Label = Annotated[str, BeforeValidator(_label), WithJsonSchema({"type": ["string", "number"]})]
Flag = Annotated[bool, WithJsonSchema(_BOOLEAN_SCHEMA)]
Quantity = Annotated[float | str | dict[str, list[float]], PlainValidator(_quantity), WithJsonSchema(_QUANTITY_REF)]
Probabilities = Annotated[
    float | str | dict[str, Any], PlainValidator(_quantity), WithJsonSchema(_PROBABILITIES_SCHEMA)
]
RuleText = Annotated[str | float | dict[str, Any], PlainValidator(_rule), WithJsonSchema(_RULE_REF)]
SomeStates = Annotated[str | list[str], PlainValidator(_some_states), WithJsonSchema(_STATES_SCHEMA)]
Condition = dict[str, SomeStates]
