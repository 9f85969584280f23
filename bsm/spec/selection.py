"""What comes before any evidence: the prior, the reading of shares, and the situations of the AI."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from bsm.graph import Role
from bsm.spec.conditions import states_of
from bsm.spec.document import PriorDocument, SourcedQuantity, TermOfPrior
from bsm.spec.model import Node, Number, Prior, PriorTerm
from bsm.spec.parameters import NOBODY, Numbers, Passport, provenance
from bsm.spec.problems import Place, Problems, listed, near, shorten
from bsm.spec.quantities import Support

_AMOUNT: dict[str, Support] = {"nats": "real", "bits": "positive", "count": "positive"}


def read_prior(document: PriorDocument, motivations: Collection[str], numbers: Numbers) -> Prior:
    """The prior over all motivations of the file, those that overlays add included."""
    problems = numbers.problems
    own = Passport(provenance(document), ("prior",))
    none = numbers.number(document.none_of_these, "probability", ("prior", "none_of_these"), own)
    if none == 1.0:
        problems.add(
            ("prior", "none_of_these"),
            "1 is given; a probability of at least 0 and below 1 is accepted; lower it",
        )
    terms = tuple(_term(t, ("prior", "terms", i), motivations, numbers) for i, t in enumerate(document.terms))
    for i, term in enumerate(terms):
        if term.name in [earlier.name for earlier in terms[:i]]:
            problems.add(
                ("prior", "terms", i, "name"),
                f"a second term {term.name!r} is given; names differ; rename it",
            )
    return Prior(none, terms, own.provenance or NOBODY)


def _term(document: TermOfPrior, place: Place, motivations: Collection[str], numbers: Numbers) -> PriorTerm:
    problems = numbers.problems
    passport = Passport(provenance(document), place)
    for name in document.amounts:
        if name not in motivations:
            problems.add(
                (*place, "amounts", name),
                f"{shorten(name)} is given; the motivations are {listed(motivations)}{near(name, motivations)}",
            )
    if missing := sorted(set(motivations) - set(document.amounts)):
        problems.add(
            (*place, "amounts"),
            f"nothing is given for {listed(missing)}; every motivation needs an amount; add them",
        )
    amounts: dict[str, Number] = {}
    for name, raw in document.amounts.items():
        here = (*place, "amounts", name)
        amounts[name] = numbers.number(raw, _AMOUNT[document.kind], here, passport)
        if document.kind == "count" and amounts[name] == 0:
            problems.add(here, "0 is given; a count above 0 is accepted, its logarithm is taken; correct it")
    if not document.why:
        problems.add(place, f"the term {document.name!r} gives no reason; every term has one; add `why`")
    weight = numbers.number(document.weight, "real", (*place, "weight"), passport)
    known = passport.provenance or NOBODY
    return PriorTerm(document.name, document.kind, weight, amounts, document.acts, document.why or "", known)


def read_given(raw: SourcedQuantity | object, key: str, numbers: Numbers) -> Number | None:
    """A positive number at the top of the file, with its source; None where the file has none."""
    if raw is None:
        return None
    written = raw if isinstance(raw, SourcedQuantity) else SourcedQuantity.model_validate({"value": raw})
    return numbers.number(written.value, "positive", (key,), Passport(provenance(written), (key,)))


def read_alpha(raw: SourcedQuantity | object, reading: str, numbers: Numbers) -> Number | None:
    """The concentration of shares, which the reading `dirichlet` needs and no other has."""
    alpha = read_given(raw, "alpha", numbers)
    if reading == "dirichlet" and alpha is None:
        numbers.problems.add(
            ("reading",),
            "dirichlet is given without `alpha`; it lies between hypothesis (alpha near 0) and mixture (alpha large); "
            'add `alpha: {value: "0.3 to 30", opinion of: ...}`, or choose hypothesis or mixture',
        )
    elif reading != "dirichlet" and alpha is not None:
        numbers.problems.add(
            ("alpha",), f"alpha is given, and the reading is {reading}; write `reading: dirichlet`, or remove alpha"
        )
    elif alpha == 0.0:
        numbers.problems.add(("alpha",), "0 is given; a number above 0 is accepted; for 0 write `reading: hypothesis`")
    return alpha


def read_closeness(given: float | None, problems: Problems) -> float:
    """The closeness at and above which an upstream target counts as close."""
    if given is not None and not 0 < given <= 1:
        problems.add(("closeness",), f"{given:g} is given; a number above 0 and at most 1 is accepted; correct it")
    return 0.9 if given is None else given


def read_support(
    given: list[dict[str, str]] | str, nodes: Mapping[str, Node], problems: Problems
) -> tuple[Mapping[str, str], ...] | None:
    """The situations listed, contexts that an action sees filled in by default; None for all of them."""
    if not isinstance(given, list):
        return None
    if not given:
        problems.add(("support",), "an empty list is given; situations are accepted; write `support: all` for all")
    found: dict[tuple[tuple[str, str], ...], int] = {}
    for i, situation in enumerate(given):
        full = tuple(_situation(situation, ("support", i), nodes, problems))
        if full in found:
            problems.add(
                ("support", i),
                f"the same situation is given as {problems.line(('support', found[full]))}; each is "
                "listed once; remove it",
            )
        found.setdefault(full, i)
    return tuple(dict(full) for full in found)


def _situation(
    given: Mapping[str, str], place: Place, nodes: Mapping[str, Node], problems: Problems
) -> Iterator[tuple[str, str]]:
    contexts = [n for n, node in nodes.items() if node.role in (Role.CONTEXT, Role.LEVER)]
    seen = {p for node in nodes.values() if node.role is Role.ACTION for p in node.parents}
    for name in given:
        if name not in contexts:
            problems.add(
                (*place, name),
                f"{shorten(name)} is given; the contexts are {listed(contexts)}{near(name, contexts)}",
            )
    for name in contexts:
        if name in given:
            states_of(given[name], nodes[name], (*place, name), problems)
            yield name, given[name]
        elif name in seen and nodes[name].role is Role.CONTEXT:  # a lever left out stays at its default
            if nodes[name].default is None:
                problems.add(
                    place,
                    f"nothing is given for {name}, which has no default; give its state here, or a default",
                )
            yield name, nodes[name].default or ""
