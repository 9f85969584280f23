"""The headline under every defensible setting, and whether it is determined (design 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from bsm.evidence.ledger import Evidence
from bsm.inference.fits import Fit, TooFewEffective
from bsm.inference.parallel import side_by_side
from bsm.inference.posterior import fit, fit_near, with_blocks
from bsm.inference.result import Result, assemble
from bsm.motives.compile import references
from bsm.motives.prior import log_prior
from bsm.motives.theta import central
from bsm.spec.model import Choice, Model, SpecError

LIMIT = 0.3  # a headline that moves by more than this across the choices is not determined
NOT_AVAILABLE = (
    {
        "name": "mixture reading",
        "about": "reading",
        "why": "shares of several patterns inside one AI (Dirichlet alpha above zero) need variation between AIs or "
        "between samples of one item; `bsm at MODEL --reading mixture` answers under it, at any moment",
    },
)


@dataclass(frozen=True)
class Variation:
    """One choice made concrete: the model and evidence it means.

    `same_noise`: rows, noise and the mass of `none_of_these` are those declared. `same_behaviour`: only numbers of the
    prior change, so that every likelihood stays what it was.
    """

    name: str
    about: str
    why: str
    model: Model
    evidence: Evidence
    same_noise: bool
    same_behaviour: bool


def analysis(
    model: Model,
    ledger: Evidence,
    seed: int = 0,
    draws: int = 600,
    overlay: str | None = None,
    subjects: tuple[str, ...] | None = None,
    blocks: bool = True,
    progress: bool = False,
    workers: int = 1,
) -> Result:
    """The posterior of every subject and, for the headline's subject, the same under every declared choice.

    What `bsm.posterior` gives, with `about["choices"]` added. Arguments as there. Subjects and choices share the
    workers; choices start their search where the declared setting ended. Blocks are worked out for the headline's
    subject alone.

    Raises:
        As `bsm.posterior`. A choice that cannot be computed is listed with the reason, not dropped.
    """
    declared = model.with_overlay(overlay)
    chosen = subjects or ledger.subjects
    if not chosen:
        raise SpecError("the ledger has no row that enters the likelihood; `bsm.shares` gives prior x selection")
    lead = headline_subject(declared, chosen)
    order = [lead, *(s for s in chosen if s != lead)]
    varied = variations(declared, ledger.for_subject(lead))
    alone = [(fit, declared, ledger.for_subject(s), seed, draws if s == lead else draws // 2, False) for s in order]
    fits = dict(zip(order, side_by_side(_call, alone, workers, "posterior" if progress else None), strict=True))
    first = fits[lead]
    near: list[tuple[Any, ...]] = [(with_blocks, declared, ledger.for_subject(lead), first)] if blocks else []
    longest = sorted(varied, key=lambda v: v.same_noise)  # long work first, so that no worker ends alone
    near += [(_tried, v, first, seed) for v in longest]
    done = side_by_side(_call, near, workers, "choices" if progress else None)
    fits[lead] = done.pop(0) if blocks else first
    of = {v.name: f for v, f in zip(longest, done, strict=True)}
    found = [of[v.name] for v in varied]
    result = assemble(declared, ledger, {s: fits[s] for s in chosen}, overlay)
    return _with(result, _table(declared, lead, fits[lead], varied, found))


def _call(work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments)


def _tried(variation: Variation, near: Fit, seed: int) -> Fit | str:
    """One choice; the reason where it cannot be computed."""
    if variation.same_behaviour:
        return reweighted(variation.model, near)
    try:
        return fit_near(variation.model, variation.evidence, near, seed, same_noise=variation.same_noise)
    except (TooFewEffective, ValueError) as error:
        return str(error)


def choices(
    model: Model,
    ledger: Evidence,
    result: Result | None = None,
    seed: int = 0,
    progress: bool = False,
    workers: int = 1,
) -> Result:
    """A result with the choices table: `result` where one is given, else computed here (see `analysis`)."""
    if result is None:
        return analysis(model, ledger, seed, progress=progress, workers=workers)
    lead = headline_subject(model, result.subjects)
    first = fit(model, ledger.for_subject(lead), seed, blocks=False)
    varied = variations(model, ledger.for_subject(lead))
    found = side_by_side(_tried, [(v, first, seed) for v in varied], workers, "choices" if progress else None)
    return _with(result, _table(model, lead, first, varied, found))


def headline_subject(model: Model, subjects: tuple[str, ...]) -> str:
    """The subject that the choices table is about: the headline's, or the ledger's first."""
    wanted = model.headline.subject if model.headline else None
    return wanted if wanted in subjects else subjects[0]


def variations(model: Model, evidence: Evidence) -> list[Variation]:
    """Every declared choice as a model and evidence."""
    return [_variation(model, evidence, choice) for choice in model.choices]


def _variation(model: Model, evidence: Evidence, choice: Choice) -> Variation:
    changed = model.with_overlay(choice.overlay)
    held = {k: v for k, v in choice.set.items() if k in changed.parameters}
    changed = changed.with_parameters(held)
    rows = evidence.select(only=choice.only, drop=choice.drop, recode=choice.code)
    if "rho" in choice.noise:
        rho = float(choice.noise["rho"])
        rows = replace(rows, rows=tuple(replace(r, rho=rho, n_eff=_kept_n_eff(r)) for r in rows.rows))
    if "variant_sd" in choice.noise:
        changed = replace(changed, variant_sd=float(choice.noise["variant_sd"]) or None)
    if not rows.rows:
        raise SpecError(f"choice {choice.name!r} leaves no row of the ledger; correct its `only`, `drop` or `code`")
    touched = references(tuple((r.rho, r.n_eff, r.fpr, r.fnr) for r in evidence.rows))
    touched |= references((model.variant_sd, model.prior.none_of_these))
    same = not (choice.noise or choice.only or choice.drop or choice.code or choice.overlay or touched & set(held))
    same = same and not model.phases
    settled = not model.uncertain.keys() & references(model.prior.terms)
    prior_alone = same and settled and _only_prior(model) >= set(held)
    return Variation(choice.name, choice.about, choice.why, changed, rows, same, prior_alone)


def _only_prior(model: Model) -> frozenset[str]:
    """Parameters that appear in the terms of the prior and nowhere else."""
    elsewhere = references((tuple(model.nodes.values()), tuple(model.motivations.values()), model.phases))
    return references(model.prior.terms) - elsewhere - references((model.variant_sd, model.prior.none_of_these))


def reweighted(model: Model, near: Fit) -> Fit:
    """A fit under other prior weights: likelihoods and parameter draws stay, only the prior odds move."""
    theta = central(model)
    named = log_prior(model, theta)[0] + torch.log1p(-theta.of(model.prior.none_of_these))
    prior = torch.cat([named, theta.of(model.prior.none_of_these).log()])
    moved = prior - near.path[1]
    conditional = torch.softmax(near.conditional.log() + moved, -1)
    last = near.log_evidence + moved
    return replace(near, path=torch.stack([prior, prior, last]), log_evidence=last, conditional=conditional)


def _kept_n_eff(row: Any) -> Any:
    return row.n_eff if row.basis == "stated n_eff" else None


def _table(
    model: Model, subject: str, declared: Fit, varied: list[Variation], found: list[Fit | str]
) -> dict[str, Any]:
    headline = list(model.headline.motivations) if model.headline else [_leading(declared)]
    rows = [_row("as declared", "default", "the file as it stands", declared, headline)]
    for v, f in zip(varied, found, strict=True):
        if isinstance(f, str):
            rows.append({"name": v.name, "about": v.about, "why": v.why, "headline": None, "note": f})
        else:
            rows.append(_row(v.name, v.about, v.why, f, headline))
    computed = [r for r in rows if r["headline"] is not None]
    spread = max(r["headline"] for r in computed) - min(r["headline"] for r in computed)
    return {
        "subject": subject,
        "headline": headline,
        "says": model.headline.says if model.headline else "",
        "limit": LIMIT,
        "spread": spread,
        "determined": spread <= LIMIT,
        "rows": rows,
        "ranges": {n: _range(computed, n) for n in declared.names},
        "not_available": list(NOT_AVAILABLE),
    }


def _leading(declared: Fit) -> str:
    return declared.names[int(declared.probabilities[:-1].argmax())]


def _range(rows: list[dict[str, Any]], name: str) -> list[float]:
    values = [r["motivations"][name] for r in rows]
    return [min(values), max(values)]


def _row(name: str, about: str, why: str, f: Fit, headline: list[str]) -> dict[str, Any]:
    at = [f.names.index(h) for h in headline]
    low, high = np.quantile(f.conditional[:, at].sum(-1).numpy(), [0.05, 0.95])
    probabilities: Mapping[str, float] = {n: float(p) for n, p in zip(f.names, f.probabilities, strict=True)}
    return {
        "name": name,
        "about": about,
        "why": why,
        "headline": sum(probabilities[h] for h in headline),
        "low": float(low),
        "high": float(high),
        "motivations": probabilities,
        "note": "",
    }


def _with(result: Result, table: dict[str, Any]) -> Result:
    tree = result.tree.copy()
    about = json.loads(tree.attrs["bsm"])
    about["choices"] = table
    tree.attrs["bsm"] = json.dumps(about, allow_nan=False)
    return Result(tree)
