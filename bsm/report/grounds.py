"""The tables of a page that say what a result rests on: rows left out, parameters, sources, the run itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from bsm.figures.captions import basis
from bsm.figures.numbers import count, many
from bsm.figures.standings import plain
from bsm.inference.result import NONE, Result
from bsm.report.html import Markup, details, listed, table, tag
from bsm.spec.model import Model

SOFTMAX = (
    "Under softmax_pg a share is the weight of a pattern in a policy trained by gradient; it is not the probability "
    "that an AI which was selected has the motivation."
)


def excluded(about: Mapping[str, Any]) -> Markup:
    """Rows of the ledger that are not in the likelihood, with the reason."""
    found = about["excluded"]
    if not found:
        return tag("p", "Nothing: every row of the ledger is in the likelihood.")
    lines = [[e["id"], e["subject"], e["line"], e["reason"]] for e in found]
    return table(["row", "subject", "line", "reason"], lines, numbers=[2], prose=[3])


def base_rates(about: Mapping[str, Any]) -> list[Markup]:
    """Counts of other things than episodes, beside the prior."""
    found = about["base_rates"]
    if not found:
        return []
    words = (
        "These figures count other things than episodes of one AI (models, say), so they have no likelihood here and "
        "move nothing. They stand beside the prior to be compared with it."
    )
    lines = [[b["id"], plain(b["observation"]), _of(b), b["citation"], b["note"]] for b in found]
    heads = ["row", "what is counted", "k of n", "source", "note"]
    return [tag("p", words), table(heads, lines, numbers=[2], prose=(3, 4))]


def _of(b: Mapping[str, Any]) -> str:
    return "–" if b["k"] is None or b["n"] is None else f"{count(b['k'])} of {count(b['n'])}"


def parameters(result: Result, subject: str) -> list[Markup]:
    """Every number that a model or ledger names: as written, prior, posterior and who says so; the prior's terms."""
    told = result.about["parameters"]
    lines = [[p["name"], p["written"], *_spans(result, subject, p["name"]), p["provenance"]] for p in told]
    heads = ["parameter", "as written", "prior, median (90 %)", "posterior, median (90 %)", "who says so"]
    caption = f"Posterior for {subject}, all motivations together. A number without a spread was held fixed."
    uncertain = sum(p["uncertain"] for p in told)
    every = table(heads, lines, (1, 2, 3), caption, prose=[4])
    said = f"Prior probability of {plain(NONE)}: {result.about['none_of_these']}."
    terms = [[t["name"], t["kind"], plain(t["acts"]), t["why"], t["provenance"]] for t in result.about["prior_terms"]]
    made = [
        details(f"{many(len(lines), 'parameter')}, {uncertain} of them uncertain and integrated out", every),
        tag("p", said if terms else f"{said} No other term: the named motivations start equally likely."),
    ]
    if terms:
        made.append(table(["term of the prior", "unit", "acts", "why", "who says so"], terms, prose=(3, 4)))
    return made


def _spans(result: Result, subject: str, name: str) -> tuple[str, str]:
    """Prior and posterior of a parameter, from the draws that the result keeps."""
    groups = result.tree.children
    found = []
    for group in ("prior", "posterior"):
        if group not in groups or name not in groups[group].data_vars:
            found.append("–")
            continue
        data = groups[group][name]
        values = np.asarray(data.sel(subject=subject) if "subject" in data.dims else data, dtype=float)
        found.append(spread(values))
    return found[0], found[1]


def spread(values: np.ndarray) -> str:
    """The median of draws of a parameter and their central 90 %.

    >>> spread(np.arange(101.0) - 50), spread(np.array([0.1234, 1234.5]))
    ('0 (−45 to 45)', '617 (61.8 to 1,173)')
    """
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{_three(middle)} ({_three(low)} to {_three(high)})"


def _three(x: float) -> str:
    """Three digits, or all before the point."""
    return (f"{x:,.0f}" if 1000 <= abs(x) < 1e7 else f"{x:.3g}").replace("-", "−")


def rests(result: Result, subject: str) -> Markup:
    """Dynamics, reading, selection, and what a share is."""
    share = (
        "A share is the part of an AI's influence that a motivation has after selection; a probability here is "
        "credence in the hypothesis that one motivation drives. They agree only under this reading and before "
        "the ledger."
    )
    gradient = [SOFTMAX] if "softmax_pg" in result.about["dynamics"] else []
    return listed([basis(result), share, *gradient, *result.about["subjects"][subject]["notes"]])


def sources(cited: Iterable[tuple[str, str]], model: Model | None) -> list[Markup]:
    """Sources of the rows with counts, and who says the numbers of the model.

    Args:
        cited: citation and subject of every row.
        model: the model, where it is at hand.
    """
    held: dict[str, list[str]] = {}
    for citation, subject in cited:
        held.setdefault(citation, []).append(subject)
    rows = [[name, f"{len(of):,}", ", ".join(dict.fromkeys(of))] for name, of in sorted(held.items())]
    made = [table(["source of rows", "rows", "subjects"], rows, numbers=[1], prose=[2])]
    numbers = list(_provenance(model)) if model else []
    if numbers:
        told = table(["place", "who says so"], numbers, prose=[1])
        made.append(details("Where the numbers of the model come from", told))
    return made


def _provenance(model: Model) -> Iterator[tuple[str, str]]:
    for name, node in model.nodes.items():
        if node.provenance:
            yield f"node {name}", str(node.provenance)
    for name, motivation in model.motivations.items():
        if motivation.provenance:
            yield f"motivation {name}", str(motivation.provenance)
    yield "prior", str(model.prior.provenance)
    for phase in model.phases:
        if phase.provenance:
            yield f"phase {phase.name}", str(phase.provenance)
        for gate in phase.gates:
            if gate.provenance and gate.provenance != phase.provenance:
                yield f"phase {phase.name}, gate {gate.name}", str(gate.provenance)
        for drift in phase.drift:
            if drift.provenance and drift.provenance != phase.provenance:
                yield f"phase {phase.name}, drift from {drift.source} to {drift.target}", str(drift.provenance)


def run(manifest: Mapping[str, Any] | None) -> list[Markup]:
    """The manifest: command, seed, versions, and the hash of every file."""
    if not manifest:
        return []
    told = [[key, tag("code", manifest[key])] for key in _RUN if manifest.get(key) is not None]
    versions = ", ".join(f"{name} {number}" for name, number in manifest.get("versions", {}).items())
    files = [
        [tag("code", path), kind, tag("code", digest)]
        for kind in ("input", "output")
        for path, digest in manifest.get(f"{kind}s", {}).items()
    ]
    made = [table(["run", "value"], [*told, ["versions", versions]], prose=[1])]
    return [*made, table(["file", "kind", "sha256"], files)] if files else made


_RUN = ("command", "seed", "python", "platform", "commit")
