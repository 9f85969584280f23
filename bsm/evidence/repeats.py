"""The same episodes counted twice: which rows of a ledger are about the same episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bsm.evidence.files import Problems
from bsm.spec.model import Model, Observation

Episodes = tuple[object, ...]
REMEDY = "keep one of them; if they are different episodes, say what differs in variant, setting or source_id"


@dataclass(frozen=True, slots=True)
class Counted:
    """What tells one row's episodes from another's; `usable` where the row has trials of its own."""

    id: str
    subject: str
    line: int
    episodes: Episodes
    observation: str
    usable: bool


def episodes(
    subject: str,
    source: str,
    setting: str,
    contexts: Mapping[str, str],
    variant: str,
    phase: str | None,
    step: float | None = None,
) -> Episodes:
    """Rows that agree in all of this are about the same episodes."""
    return (subject, source, setting, tuple(sorted(contexts.items())), variant, phase, step)


def unflipped(observation: Observation, model: Model) -> object:
    """The same value for an event and for its opposite: 9 of 10 refusals are 1 of 10 compliances."""
    if len(observation.event) != 1:
        return frozenset((node, frozenset(states)) for node, states in observation.event.items())
    ((node, states),) = observation.event.items()
    rest = frozenset(model.nodes[node].states) - frozenset(states)
    return node, frozenset((frozenset(states), rest))


def repeats(counted: Iterable[Counted], model: Model, problems: Problems) -> dict[int, str]:
    """Reasons, by line, for the rows that only repeat others without trials of their own.

    Two rows with trials of their own on the same episodes are a problem: counting both would count the
    evidence twice.
    """
    excluded: dict[int, str] = {}
    kept: dict[Episodes, list[Counted]] = {}
    for row in sorted(counted, key=lambda row: (not row.usable, row.line)):
        about = unflipped(model.observations[row.observation], model)
        earlier = kept.setdefault(row.episodes, [])
        same = [e for e in earlier if unflipped(model.observations[e.observation], model) == about]
        if same and row.usable:
            first = same[0]
            problems.add(
                row.line,
                f"{row.id} repeats {first.id} of line {first.line}: same subject, source_id, setting, "
                f"contexts, variant{flipped(row, first)} and observation; {REMEDY}",
            )
        elif same:
            excluded[row.line] = f"a repeat of {same[0].id} (line {same[0].line}){flipped(row, same[0])}"
        elif earlier and row.usable:
            first = earlier[0]
            problems.add(
                row.line,
                f"{row.id} counts the episodes of {first.id} (line {first.line}) a second time, by "
                f"another behaviour; join them: one row with second_observation = {row.observation}, "
                f"or {REMEDY}",
            )
        earlier.append(row)
    return excluded


def flipped(row: Counted, other: Counted) -> str:
    return "" if row.observation == other.observation else f" (after flipping {row.observation} to {other.observation})"
