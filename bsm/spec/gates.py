"""What happens in a phase beside selection: gates that the AI had to pass, and drift between motivations."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from bsm.spec.conditions import event_of
from bsm.spec.model import Drift, Gate, Node, Number, Parameter, Phase, Ref
from bsm.spec.parameters import Numbers, Passport
from bsm.spec.phase_document import DriftDocument, GateDocument
from bsm.spec.problems import Place, Problems, listed, near, shorten
from bsm.spec.quantiles import quantile

MOST_GATES = 100
NONE = "none_of_these"
ONE = 1e-9  # a sum may pass one by this much
PASSED = 1e-4  # part of the draws that may lie above what counts as the end of an uncertain number


def read_gates(
    documents: Sequence[GateDocument],
    phase: Place,
    nodes: Mapping[str, Node],
    motivations: Collection[str],
    numbers: Numbers,
    passport: Passport,
) -> tuple[Gate, ...]:
    """The gates of one phase, in their order; each says in exactly one way how likely it is to catch."""
    if len(documents) > MOST_GATES:
        numbers.problems.add(
            (*phase, "gates"),
            f"{len(documents)} gates are given; at most {MOST_GATES} are accepted; many looks are `looks` of one gate",
        )
        return ()
    return tuple(
        _gate(document, (*phase, "gates", i), nodes, motivations, numbers, passport)
        for i, document in enumerate(documents)
    )


def _gate(
    document: GateDocument,
    place: Place,
    nodes: Mapping[str, Node],
    motivations: Collection[str],
    numbers: Numbers,
    phase: Passport,
) -> Gate:
    passport, problems = phase.within(document, place), numbers.problems
    if not document.name.strip():
        problems.add((*place, "name"), "an empty name is given; a gate has a name; write one")
    if bool(document.caught) == bool(document.detection):
        given = "both `caught` and `detection` are" if document.caught else "neither `caught` nor `detection` is"
        problems.add(
            place,
            f"{given} given; `caught: {{node: state}}` (its probability follows from the policies) or "
            "`detection: {motivation: probability}` is accepted; keep one",
        )
    set_by = "contexts are those of the phase"
    return Gate(
        name=document.name,
        looks=numbers.number(document.looks, "positive", (*place, "looks"), passport),
        caught=event_of(document.caught, nodes, (*place, "caught"), problems, set_by),
        detection=_detection(document, (*place, "detection"), motivations, numbers, passport),
        held_out=document.held_out,
        evasion=_evasion(document, place, numbers, passport),
        provenance=passport.provenance,
    )


def _detection(
    document: GateDocument, place: Place, motivations: Collection[str], numbers: Numbers, passport: Passport
) -> dict[str, Number]:
    known = (*motivations, NONE)  # which acts by the base policy, and whose detection nothing else tells
    for name in document.detection:
        if name not in known:
            numbers.problems.add(
                (*place, name),
                f"{shorten(name)} is given; accepted are {listed(known)}{near(name, known)}",
            )
    if document.detection and (missing := sorted(set(motivations) - set(document.detection))):
        numbers.problems.add(
            place, f"nothing is given for {listed(missing)}; every motivation needs its probability; add them"
        )
    return {
        name: numbers.number(raw, "probability", (*place, name), passport) for name, raw in document.detection.items()
    }


def _evasion(document: GateDocument, place: Place, numbers: Numbers, passport: Passport) -> Number:
    if document.held_out and document.evasion is not None:
        numbers.problems.add(
            (*place, "evasion"),
            "evasion is given, and the gate is held out; looks teach evasion where they are trained on; write "
            "`held_out: no`, or remove it",
        )
    if document.evasion is None:
        if not document.held_out:
            numbers.problems.add(
                place,
                f"the gate {shorten(document.name)} is trained on and gives no `evasion`, the part of later detection "
                "that a look takes away; add it (0 if none)",
            )
        return 0.0
    return numbers.number(document.evasion, "probability", (*place, "evasion"), passport)


def read_drift(
    documents: Sequence[DriftDocument],
    phase: Place,
    motivations: Collection[str],
    numbers: Numbers,
    passport: Passport,
) -> tuple[Drift, ...]:
    """The drift of one phase: from each motivation to each other at most one."""
    first: dict[tuple[str, str], Place] = {}
    for i, document in enumerate(documents):
        place: Place = (*phase, "drift", i)
        pair = (document.from_, document.to)
        for key, name in (("from", document.from_), ("to", document.to)):
            if name not in motivations:
                numbers.problems.add(
                    (*place, key),
                    f"{shorten(name)} is given; the motivations are {listed(motivations)}{near(name, motivations)}",
                )
        if document.from_ == document.to:
            numbers.problems.add(
                (*place, "to"), f"drift from {document.to} to itself is given; what does not turn stays; remove it"
            )
        elif pair in first:
            numbers.problems.add(
                place,
                f"drift from {pair[0]} to {pair[1]} is given twice, first at {numbers.problems.line(first[pair])}; "
                "add the rates in one",
            )
        first.setdefault(pair, place)
    return tuple(_drift(document, (*phase, "drift", i), numbers, passport) for i, document in enumerate(documents))


def _drift(document: DriftDocument, place: Place, numbers: Numbers, phase: Passport) -> Drift:
    passport = phase.within(document, place)
    passed_on: Number = 0.0
    if document.transmission is not None:
        passed_on = numbers.number(document.transmission, "probability", (*place, "transmission"), passport)
    return Drift(
        source=document.from_,
        target=document.to,
        rate=numbers.number(document.rate, "probability", (*place, "rate"), passport),
        transmission=passed_on,
        kind=document.kind,
        provenance=passport.provenance,
    )


def check_rates(phase: Phase, parameters: Mapping[str, Parameter], place: Place, problems: Problems) -> None:
    """The drift out of a motivation leaves a probability of staying, whatever the shares and in all but freak draws.

    Shares sum to one at most, so the largest transmission is the most that they add. Of an uncertain number the end
    counts that 1 draw in 10,000 passes; one that is alone never passes 1.
    """
    for source in dict.fromkeys(d.source for d in phase.drift):
        out = {i: d for i, d in enumerate(phase.drift) if d.source == source}
        total = math.fsum(_most(d.rate, parameters) for d in out.values())
        total += max(_most(d.transmission, parameters) for d in out.values())
        if total > 1 + ONE:
            unsure = any(_unsure(n, parameters) for d in out.values() for n in (d.rate, d.transmission))
            problems.add(
                (*place, "drift", max(out)),
                f"{source} turns into others with probability {'up to ' * unsure}{total:g} per selection (rates, and "
                f"the largest transmission{', each at the end that 1 draw in 10,000 passes' * unsure}); at most 1 is "
                f"accepted; lower them{', or narrow the intervals' * unsure}",
            )


def _most(number: Number, parameters: Mapping[str, Parameter]) -> float:
    if not isinstance(number, Ref):
        return number
    parameter = parameters[number.parameter]
    return parameter.value if parameter.prior is None else quantile(parameter.prior, 1 - PASSED)


def _unsure(number: Number, parameters: Mapping[str, Parameter]) -> bool:
    return isinstance(number, Ref) and parameters[number.parameter].prior is not None
