"""Read a model file, or a model built in Python, into a `Model`; every mistake is named with its line.

All problems of a stage are reported together. The stages: the YAML text, the keys, the graph, then tables,
motivations, overlays and what refers to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from bsm.spec.document import ModelDocument
from bsm.spec.gates import check_rates
from bsm.spec.graph_checks import check_name
from bsm.spec.model import Model, Motivation, SpecError
from bsm.spec.motivations import Motivations
from bsm.spec.overlays import Overlays
from bsm.spec.parameters import Declared, Numbers, resolve
from bsm.spec.phases import Phases, check_votes
from bsm.spec.problems import Place, Problems, listed, shorten
from bsm.spec.reading import model_file, read_document, validated
from bsm.spec.reporting import read_choices, read_headline, read_observations
from bsm.spec.selection import read_alpha, read_closeness, read_given, read_prior, read_support
from bsm.spec.world import World

AT_MOST = {"nodes": 1000, "parameters": 5000, "motivations": 1000, "overlays": 100, "phases": 50}
MAX_WORLDS = 500_000  # nodes times motivations times overlays: each motivation is checked under each overlay


def load(source: str | Path | ModelDocument) -> Model:
    """The model that a folder, a model.yaml or a document built in Python describes.

    Raises:
        SpecError: one line per problem: file:line, what was given, what is accepted, and the likely remedy.
    """
    if isinstance(source, ModelDocument):
        problems = Problems(f"model {source.name!s:.60}")
        return _model(validated(source.plain(), ModelDocument, problems), problems, None)
    file = model_file(source)
    return _model(*read_document(file, ModelDocument), file)


def _model(document: ModelDocument, problems: Problems, file: Path | None) -> Model:
    _check_names(document, problems)
    _check_sources(document, (), problems)
    problems.stop()
    declared = {name: Declared(d, ("parameters", name)) for name, d in document.parameters.items()}
    numbers = Numbers(problems, declared)
    world = World(problems).base(document, numbers)
    motivations = _motivations(document, world, numbers)
    every = {*motivations, *(name for o in document.overlays.values() for name in o.motivations)}
    prior = read_prior(document.prior, every, numbers)
    phases = Phases(numbers, world.nodes, motivations, every).read(document.phases, ("phases",))
    check_votes(document.reading, document.phases, ("phases",), problems)
    variant_sd = read_given(document.variant_sd, "variant_sd", numbers)
    alpha = read_alpha(document.alpha, document.reading, numbers)
    overlays = Overlays(document, world, motivations, numbers, every)
    found = {name: overlays.read(name) for name in document.overlays}
    parameters = {name: resolve(name, d, numbers.uses.get(name, []), problems) for name, d in declared.items()}
    model = Model(
        name=document.name,
        about=document.about,
        nodes=world.nodes,
        parameters={**parameters, **numbers.made},
        motivations=motivations,
        prior=prior,
        phases=phases,
        support=read_support(document.support, world.nodes, problems),
        observations=read_observations(document.observations, world.nodes, problems),
        variant_sd=variant_sd,
        reading=document.reading,
        alpha=alpha,
        close=read_closeness(document.closeness, problems),
        headline=read_headline(document.headline, motivations, problems),
        overlays=found,
        path=file,
    )
    model = replace(model, choices=read_choices(document.choices, model, problems))
    problems.stop()
    _check_finished(model, problems)
    problems.stop()
    return model


def _motivations(document: ModelDocument, world: World, numbers: Numbers) -> dict[str, Motivation]:
    reader = Motivations(numbers, world)
    found = {name: reader.motivation(name, d, ("motivations", name)) for name, d in document.motivations.items()}
    intended = [name for name, motivation in found.items() if motivation.intended]
    for name in intended[1:]:
        numbers.problems.add(
            ("motivations", name, "intended"),
            f"{name} is marked intended, as is {intended[0]}; at most one is; keep one",
        )
    return found


# --- checks of the whole file ----------------------------------------------------------------------------


def _check_names(document: ModelDocument, problems: Problems) -> None:
    name = document.name
    if not (name[:1].isalpha() and name.isascii() and name.translate({45: 97, 95: 97}).isalnum() and len(name) <= 80):
        problems.add(("name",), f"{shorten(name)} is given; letters, digits, _ and - are accepted, a letter first")
    for kind, limit in AT_MOST.items():
        if (count := len(getattr(document, kind))) > limit:
            problems.add((kind,), f"{count} {kind} are given; at most {limit} are accepted; split the model")
    size = len(document.nodes) * (1 + len(document.motivations)) * (1 + len(document.overlays))
    if size > MAX_WORLDS:
        problems.add(
            ("overlays",) if document.overlays else ("nodes",),
            f"nodes times motivations times overlays come to {size}; at most {MAX_WORLDS} are "
            "accepted; split the model",
        )
    if not document.motivations:
        problems.add(("motivations",), "no motivation is given; at least one is needed; add one")
    for kind, place, names in _named(document):
        for given in names:
            check_name(given, kind, (*place, given), problems)
            if (kind, given) in (
                ("motivation", "none_of_these"),
                ("motivation", "motivation"),
                ("parameter", "variant_sd"),
            ):
                problems.add((*place, given), f"a {kind} named {given} is given; the name is reserved; rename it")


def _named(document: ModelDocument) -> Iterator[tuple[str, Place, Collection[str]]]:
    """Kind, place and names of everything that is named by its key, but nodes."""
    yield "motivation", ("motivations",), document.motivations
    yield "parameter", ("parameters",), document.parameters
    yield "observation", ("observations",), document.observations
    yield "overlay", ("overlays",), document.overlays
    for name, overlay in document.overlays.items():
        yield "motivation", ("overlays", name, "motivations"), overlay.motivations
        yield "parameter", ("overlays", name, "parameters"), overlay.parameters


def _check_sources(part: object, place: Place, problems: Problems) -> None:
    """No part names both a source and whose opinion it is."""
    if isinstance(part, BaseModel):
        if getattr(part, "source", None) and getattr(part, "opinion_of", None):
            problems.add(
                (*place, "opinion of"),
                "both `source` and `opinion of` are given; one is accepted; keep what is true of every number here",
            )
        for name, field in type(part).model_fields.items():
            _check_sources(getattr(part, name), (*place, field.alias or name), problems)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            _check_sources(value, (*place, key), problems)
    elif isinstance(part, list):
        for i, value in enumerate(part):
            _check_sources(value, (*place, i), problems)


def _check_finished(model: Model, problems: Problems) -> None:
    """What only the finished model shows: fixed parameters in narrow places, and every overlay applied."""
    worlds: dict[str | None, Model] = {None: model}
    for name in model.overlays:
        try:
            worlds[name] = model.with_overlay(name)
            for motivation in worlds[name].motivations.values():
                _ = worlds[name].edited(motivation.beliefs).graph  # raises where belief and overlay make a cycle
        except (SpecError, ValueError) as error:
            problems.add(("overlays", name), f"with this overlay: {error}; change one of them")
    for overlay, world in worlds.items():
        _check_drift(model, overlay, world, problems)
        if len(intended := [m.name for m in world.motivations.values() if m.intended]) > 1 and overlay:
            problems.add(
                ("overlays", overlay),
                f"{listed(intended)} are marked intended under this overlay; at most one is; unmark the others",
            )
        for name, motivation in world.motivations.items():
            known = None if isinstance(motivation.planning, float) else motivation.planning.parameter
            if known and world.parameters[known].prior is None and world.parameters[known].value == 0:
                inside = overlay is not None and name in model.overlays[overlay].motivations
                place: Place = ("overlays", overlay or "", "motivations") if inside else ("motivations",)
                problems.add(
                    (*place, name, "planning"),
                    f"${known} is given, which is 0; a planning above 0 and at most 1 is accepted; raise it",
                )


def _check_drift(model: Model, overlay: str | None, world: Model, problems: Problems) -> None:
    own = tuple(model.overlays[overlay].phases) if overlay else ()
    for i, phase in enumerate(world.phases):
        inside = phase.name in own
        place: Place = ("overlays", overlay or "", "phases", own.index(phase.name)) if inside else ("phases", i)
        check_rates(phase, world.parameters, place, problems)
