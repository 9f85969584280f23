"""What is observed, what the report leads with, and the choices under which it is repeated."""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping, Sequence

from bsm.graph import Role
from bsm.spec import quantities
from bsm.spec.conditions import event_of, states_of
from bsm.spec.document import ChoiceDocument, HeadlineDocument, ObservationDocument
from bsm.spec.model import Choice, Headline, Model, Node, Observation
from bsm.spec.problems import Place, Problems, listed, near, shorten

COLUMNS = ("id", "subject", "setting", "block", "variant", "phase", "observation", "source_id")


def read_observations(
    documents: Mapping[str, ObservationDocument], nodes: Mapping[str, Node], problems: Problems
) -> dict[str, Observation]:
    """What each `observation` of the ledger counts."""
    return {n: _observation(n, d, nodes, problems) for n, d in documents.items()}


def _observation(
    name: str, document: ObservationDocument, nodes: Mapping[str, Node], problems: Problems
) -> Observation:
    place: Place = ("observations", name)
    if bool(document.event) == document.base_rate:
        given = "both an event and base_rate are" if document.base_rate else "no event is"
        problems.add(place, f"{given} given; `event: {{node: state}}` or `base_rate: true` is accepted; keep one")
    event = event_of(document.event, nodes, (*place, "event"), problems, "contexts are columns of the ledger")
    return Observation(name, event, document.base_rate, document.about or "")


def read_headline(
    document: HeadlineDocument | None, motivations: Collection[str], problems: Problems
) -> Headline | None:
    """What the report leads with, if the file says."""
    if document is None:
        return None
    place: Place = ("headline", "motivations")
    if not document.motivations:
        problems.add(place, "an empty list is given; name at least one motivation")
    for i, name in enumerate(document.motivations):
        _exists(name, motivations, "motivations", (*place, i), problems)
    _exists(document.reference, motivations, "motivations", ("headline", "reference"), problems)
    return Headline(tuple(document.motivations), document.reference, document.subject, document.says or "")


SETTINGS = frozenset(  # that stand beside the declared choices
    {"as declared", "dynamics replicator", "dynamics softmax_pg", "reading hypothesis", "reading mixture"}
)


def read_choices(documents: Sequence[ChoiceDocument], model: Model, problems: Problems) -> tuple[Choice, ...]:
    """The choices table; every name in it exists in the model."""
    found: dict[str, Choice] = {}
    for i, document in enumerate(documents):
        place: Place = ("choices", i)
        if document.name in found or not document.name.strip():
            problems.add((*place, "name"), f"{shorten(document.name)} is given; names of choices differ; rename it")
        if document.name in SETTINGS:
            says = f"{document.name!r} is given, which is a setting that is always there; rename the choice"
            problems.add((*place, "name"), says)
        found[document.name] = _choice(document, place, model, problems)
    return tuple(found.values())


def _choice(document: ChoiceDocument, place: Place, model: Model, problems: Problems) -> Choice:
    contexts = [n for n, node in model.nodes.items() if node.role is Role.CONTEXT]
    _check_numbers(document, place, model, problems)
    for name, state in document.code.items():
        if _exists(name, contexts, "contexts", (*place, "code", name), problems):
            states_of(state, model.nodes[name], (*place, "code", name), problems)
    for i, name in enumerate(document.drop):
        _exists(name, model.observations, "observations", (*place, "drop", i), problems)
    for name, kept in document.only.items():
        here = (*place, "only", name)
        if not _exists(name, [*COLUMNS, *contexts], "columns", here, problems):
            continue
        if not kept:
            problems.add(here, "an empty list is given; name the values to keep")
        for i, value in enumerate(kept if name == "observation" else []):
            _exists(value, model.observations, "observations", (*here, i), problems)
        if name in contexts and name not in COLUMNS and kept:
            states_of(list(kept), model.nodes[name], here, problems)
    if document.overlay is not None:
        _exists(document.overlay, model.overlays, "overlays", (*place, "overlay"), problems)
    choice = Choice(
        name=document.name,
        about=document.about,
        why=document.why,
        set=dict(document.set),
        noise=dict(document.noise),
        code=dict(document.code),
        drop=tuple(document.drop),
        only={name: tuple(kept) for name, kept in document.only.items()},
        overlay=document.overlay,
    )
    if not any((choice.set, choice.noise, choice.code, choice.drop, choice.only, choice.overlay)):
        problems.add(place, "a choice that changes nothing is given; add set, noise, code, drop, only or overlay")
    return choice


def _check_numbers(document: ChoiceDocument, place: Place, model: Model, problems: Problems) -> None:
    for name, value in document.set.items():
        here = (*place, "set", name)
        if not _exists(name, model.parameters, "parameters", here, problems):
            continue
        support = typing.cast(quantities.Support, model.parameters[name].support)
        if not quantities.within(value, support):
            problems.add(here, f"{value:g} is given; {name} is a {support} number; correct it")
    for name, value in document.noise.items():
        here = (*place, "noise", name)
        if _exists(name, ("rho", "variant_sd"), "noise settings", here, problems) and value < 0:
            problems.add(here, f"{value:g} is given; {name} is at least 0; correct it")
        elif name == "rho" and value >= 1:
            problems.add(here, f"{value:g} is given; rho is below 1; correct it")


def _exists(name: str, known: Collection[str], kind: str, place: Place, problems: Problems) -> bool:
    if name not in known:
        problems.add(place, f"{shorten(name)} is given; the {kind} are {listed(known)}{near(name, known)}")
    return name in known
