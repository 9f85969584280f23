"""What every mapping of a model file has in common: keys that are known, an order, and a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer


def shape(raw: object) -> str:
    """Which form of a field with several is used; the tags are cut from places in error messages."""
    if isinstance(raw, list | tuple):
        return "<list>"
    return "<mapping>" if isinstance(raw, Mapping | BaseModel) else "<word>"


FIRST = ("name", "role", "about", "seeks", "value", "states", "values", "default", "parents", "when", "times")
LAST = ("source", "opinion of", "why")


class Part(BaseModel):
    """A mapping of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @model_serializer(mode="wrap")
    def _in_reading_order(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What a part is comes first, where its numbers come from last; what nobody set is left out."""
        data = dump(self)
        for name, field in type(self).model_fields.items():
            unset = name not in self.model_fields_set
            if getattr(self, name) is None or (
                unset and getattr(self, name) == field.get_default(call_default_factory=True)
            ):
                data.pop(field.alias or name, None)
        first = {key: data[key] for key in FIRST if key in data}
        last = {key: data[key] for key in LAST if key in data}
        return {**first, **{key: value for key, value in data.items() if key not in LAST}, **last}


class Sourced(Part):
    """Carries where its numbers come from: a source, or whose opinion they are, and why."""

    source: str | None = Field(None, description="publication, dataset, or `definition`")
    opinion_of: str | None = Field(None, alias="opinion of", description="whose judgement the numbers are")
    why: str | None = Field(None, description="the reason for the numbers")
