"""The posterior over motivations, with everything that it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, overload

import torch

from bsm.evidence.ledger import Evidence
from bsm.inference.checks import check, check_quadrature, quadrature_error_of
from bsm.inference.fits import Fit, TooFewEffective
from bsm.inference.free import FreeFit, beside, integrate
from bsm.inference.hypotheses import Hypotheses
from bsm.inference.identify import Equivalence, equivalence
from bsm.inference.importance import Proposal, Sample
from bsm.inference.parallel import one_thread, side_by_side
from bsm.inference.pooled import POOLED, conditional_on, pool
from bsm.inference.predictive import predictive
from bsm.inference.result import Result, assemble
from bsm.inference.sampling import NEGLIGIBLE, Effort, Warm, inside_classes, per_motivation, sampled
from bsm.inference.stages import before_ledger, path_of
from bsm.spec.model import Model, SpecError

if TYPE_CHECKING:
    from bsm.inference.over_time.asked import When
    from bsm.inference.over_time.result import OverTime
    from bsm.motives.course import Moment

__all__ = ["Fit", "TooFewEffective", "fit", "fit_near", "posterior", "with_blocks"]


@overload
def posterior(
    model: Model,
    ledger: Evidence,
    seed: int = 0,
    draws: int = 600,
    overlay: str | None = None,
    subjects: tuple[str, ...] | None = None,
    blocks: bool = True,
    tolerance: float = 0.01,
    progress: bool = False,
    workers: int = 1,
    at: None = None,
    reading: None = None,
) -> Result: ...


@overload
def posterior(
    model: Model,
    ledger: Evidence,
    seed: int = 0,
    draws: int = 600,
    overlay: str | None = None,
    subjects: tuple[str, ...] | None = None,
    blocks: bool = True,
    tolerance: float = 0.01,
    progress: bool = False,
    workers: int = 1,
    *,
    at: Moment | str | tuple[str, float | str] | list[When],
    reading: str | None = None,
    beside: bool = True,
) -> OverTime: ...


def posterior(
    model: Model,
    ledger: Evidence,
    seed: int = 0,
    draws: int = 600,
    overlay: str | None = None,
    subjects: tuple[str, ...] | None = None,
    blocks: bool = True,
    tolerance: float = 0.01,
    progress: bool = False,
    workers: int = 1,
    at: When | list[When] = None,
    reading: str | None = None,
    beside: bool = True,
) -> Result | OverTime:
    """P(motivation | prior, selection, ledger) for every subject of a ledger; subjects are never pooled.

    Without `at`: now, after all phases, with everything that the answer rests on. Dynamics: replicator. Reading:
    hypothesis (one pattern drives). Uncertain parameters are integrated out by importance sampling, one Student-t
    proposal per motivation; the shift of each prompt variant by quadrature.

    With `at`: at these moments, filtered, smoothed and predicted, under the dynamics of each phase and any reading
    (`bsm.inference.over_time`).

    Args:
        model: the model.
        ledger: its evidence.
        seed: the same seed gives the same numbers, whatever the number of workers.
        draws: importance draws per motivation; more are taken where too few are effective.
        overlay: a named overlay to apply first.
        subjects: only these; all by default.
        blocks: also work out what each block of evidence adds, which takes about as long again.
        tolerance: total variation per episode under which motivations count as a practical class.
        progress: show a progress bar on standard error.
        workers: processes that share the subjects.
        at: a moment or a list of them: "start", "now", "phase" (its end, after its gates), ("phase", step) or
            "phase:step", "phase:50%" (a part of its selections), "phase:+100" (so many more, from now). `blocks` and
            `tolerance` say nothing then.
        reading: with `at`: "hypothesis", "mixture", "dirichlet" or "votes", instead of what the file says.
        beside: with `at`: also give hypothesis beside mixture, and mixture beside hypothesis, at about twice the time.

    Returns:
        A result; `result.motivations` is a DataArray over (subject, motivation) whose rows sum to one. With `at` an
        `OverTime`.

    Raises:
        ImpossibleEvidence: no motivation can produce the rows.
        TooFewEffective: fewer than 200 effective draws for a motivation whose posterior exceeds 0.001.
        SpecError: no ledger, or it has no row in the likelihood; an unknown subject.
    """
    if not isinstance(ledger, Evidence):
        raise SpecError(
            f"a posterior needs a ledger, bsm.Evidence.read(path, model), and {type(ledger).__name__} is given; "
            "without one, bsm.shares(model) gives shares of influence, bsm.course(model).shares(at) those at a moment"
        )
    if at is not None:
        from bsm.inference.over_time import posterior_over_time

        return posterior_over_time(
            model, ledger, at, seed, draws, overlay, subjects, reading, progress, workers, beside
        )
    if reading is not None:
        raise SpecError("`reading` is for a posterior at moments: name them in `at`, for instance at=['now']")
    model = model.with_overlay(overlay)
    chosen = subjects or ledger.subjects
    if not chosen:
        raise SpecError("the ledger has no row that enters the likelihood; `bsm.shares` gives prior x selection")
    tasks = [(model, ledger.for_subject(s), seed, draws, blocks, tolerance) for s in chosen]
    fits = dict(zip(chosen, side_by_side(fit, tasks, workers, "posterior" if progress else None), strict=True))
    return assemble(model, ledger, fits, overlay)


def fit(
    model: Model,
    evidence: Evidence,
    seed: int = 0,
    draws: int = 600,
    blocks: bool = True,
    tolerance: float = 0.01,
) -> Fit:
    """Inference for one subject's rows."""
    with one_thread():
        hypotheses = Hypotheses(model, evidence)
        found, samples, proposal = _core(hypotheses, seed, draws, None, None)
        found = _path_added(hypotheses, found, proposal) if blocks else found
        return _described(hypotheses, found, samples, tolerance)


def fit_near(
    model: Model, evidence: Evidence, near: Fit, seed: int = 0, draws: int = 500, same_noise: bool = False
) -> Fit:
    """Probabilities for a question close to one already answered; no decomposition, checks or classes.

    The search for modes starts where that of `near` ended. `same_noise` says that rows, noise and prior mass are
    equal, so that its integral for `none_of_these` is taken over.
    """
    with one_thread():
        hypotheses = Hypotheses(model, evidence)
        return _core(hypotheses, seed, draws, near.warm.for_other(hypotheses), near.free if same_noise else None)[0]


def with_blocks(model: Model, evidence: Evidence, found: Fit) -> Fit:
    """The same fit with what each block of evidence adds."""
    with one_thread():
        return _path_added(Hypotheses(model, evidence), found, found.warm.proposal)


def _core(
    hypotheses: Hypotheses, seed: int, draws: int, start: Proposal | None, free: FreeFit | None
) -> tuple[Fit, Sample, Proposal]:
    """Posterior probabilities and pooled draws."""
    full = len(hypotheses.blocks)
    samples, proposal = sampled(hypotheses, full, Effort(draws, seed), start)
    inside, offset = inside_classes(hypotheses, samples)
    free = free or integrate(hypotheses, full, seed, beside(hypotheses, samples))
    last = torch.cat([inside, free.log_evidence[None] - offset])
    effective = torch.cat([per_motivation(hypotheses, samples.effective), free.effective[None]])
    check(hypotheses, last, effective)
    error = quadrature_error_of(hypotheses, samples, torch.softmax(samples.log_evidence, 0) > NEGLIGIBLE)
    check_quadrature(error)
    prior, credence, shares = before_ledger(hypotheses, seed)
    drawn, pooled = pool(hypotheses, samples, free, last, seed)
    conditional, own_blocks = conditional_on(hypotheses, pooled, drawn, last, free.highest)
    whole, told = hypotheses.whole_space, hypotheses.space.names
    at_prior = whole.theta(whole.prior_draws(POOLED, seed + 7)).values
    at_posterior = hypotheses.space.theta(pooled).values
    found = Fit(
        names=hypotheses.names,
        blocks=hypotheses.blocks,
        log_evidence=last,
        offset=offset,
        path=torch.stack([prior, credence, last]),
        effective=effective,
        path_effective=torch.full((3,), float("inf")),
        drawn=drawn,
        conditional=conditional,
        parameters={n: (at_posterior if n in told else at_prior)[n].expand(POOLED).numpy() for n in whole.names},
        prior={n: at_prior[n].expand(POOLED).numpy() for n in whole.names},
        told=told,
        shares=shares,
        log_blocks=own_blocks,
        checks=(),
        equivalence=Equivalence((), (), hypotheses.names[:-1], torch.zeros(0, 0), 0.0),
        quadrature_error=error,
        notes=tuple(hypotheses.free.notes),
        draws=draws,
        seed=seed,
        free=free,
        warm=Warm(told, tuple(members[0] for members in hypotheses.classes), proposal),
    )
    return found, samples, proposal


def _path_added(hypotheses: Hypotheses, found: Fit, proposal: Proposal) -> Fit:
    path, effective = path_of(hypotheses, proposal, found)
    return replace(found, path=path, path_effective=effective)


def _described(hypotheses: Hypotheses, found: Fit, samples: Sample, tolerance: float) -> Fit:
    """The fit with its predictive checks and the classes that are not told apart."""
    behaviour = found.log_evidence - found.path[1]
    return replace(
        found,
        checks=predictive(hypotheses, samples, found.log_evidence, found.seed),
        equivalence=equivalence(hypotheses, samples, found.log_evidence, behaviour, tolerance),
    )
