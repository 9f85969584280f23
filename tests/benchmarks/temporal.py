"""B1 and B2: filter and smoother against hmmlearn, dynamax and unrolled pyAgrum; a million steps by powers.

We, hmmlearn and dynamax each take as many sequences at once as are fastest for it. The peers take a part of the batch:
time is per step of a sequence, and answers are newly made in every turn. All run on one processor, so that a library
that asks for more threads gets no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from bsm.engine import Smoothed
from bsm.engine.temporal import power
from tests.benchmarks.chains import Answer, Chains, by_agrum, by_dynamax, by_hmmlearn, ours
from tests.benchmarks.findings import Finding, rounded, same
from tests.benchmarks.goals import BATCH, DENSE, MILLION, SINGLE, UNROLLED
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Runner, Spread, once, ratio, turns

AT_ONCE = (20, 50, 200, 1000)  # sequences that each engine is tried with
HMMLEARN_STEPS = 20_000  # in one call of hmmlearn, which takes one sequence after another anyway
SHORT = 5  # times as many turns for what takes microseconds
MOVES = 1_000_000


def findings(settings: Settings) -> Iterator[Finding]:
    with one_processor():
        for states in (8, 32):
            for steps in (100, 1000):
                yield _batch(states, steps, settings)
        yield _unrolled(8, 100, settings)
        for states in (8, 32):
            for steps in (1000, 10_000):
                yield _single(states, steps, settings)
        for states in (8, 32, 64):
            for one_way in (False, True):
                yield _million(states, one_way, settings)


@contextmanager
def one_processor() -> Iterator[None]:
    """Keep this process on one processor, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _batch(states: int, steps: int, settings: Settings) -> Finding:
    """Many sequences with one chain: ours against the faster, in each turn, of hmmlearn and dynamax."""
    chains, what = Chains.random(states, steps, settings.sequences), f"{states} states, {steps} steps"
    at_once = {"ours": _fastest(chains, ours), "dynamax": _fastest(chains, by_dynamax)}
    parts = {"hmmlearn": chains.part(max(10, HMMLEARN_STEPS // steps)), "dynamax": chains.part(at_once["dynamax"])}
    calls = {"hmmlearn": by_hmmlearn(parts["hmmlearn"]), "dynamax": by_dynamax(parts["dynamax"])}
    apart = {name: _apart(ours(parts[name])(), calls[name](), f"{name}, {what}") for name in parts}
    runners = {name: Runner(calls[name], parts[name].units) for name in parts}
    taken = turns({"ours": Runner(ours(chains, at_once["ours"]), chains.units)} | runners, settings.repeats)
    better = [min(turn) for turn in zip(taken["hmmlearn"], taken["dynamax"], strict=True)]
    beside = {"sequences": settings.sequences, "at_once": at_once, **_beside(taken), "largest_difference": apart}
    goal = DENSE if (states, steps) == (32, 100) else BATCH
    return Finding(goal, what, ratio(better, taken["ours"]), beside=beside)


def _fastest(chains: Chains, engine: Callable[[Chains], Callable[[], object]]) -> int:
    """How many sequences at once take it the least time per step; each number tried five times when warm."""
    cost = {}
    for size in sorted({min(size, len(chains.evidence)) for size in AT_ONCE}):
        call = engine(chains.part(size))
        call()
        cost[size] = min(once(call) for _ in range(5)) / size
    return min(cost, key=cost.__getitem__)


def _unrolled(states: int, steps: int, settings: Settings) -> Finding:
    """A network of one node per step, which pyAgrum fills with evidence anew for each sequence."""
    chains, what = Chains.random(states, steps, settings.sequences), f"{states} states, {steps} steps"
    part = chains.part(3)
    lazy = by_agrum(part)
    apart = same(ours(part)().smoothed.numpy(), lazy(), f"pyAgrum, {what}")
    at_once = _fastest(chains, ours)
    taken = turns(
        {"ours": Runner(ours(chains, at_once), chains.units), "pyagrum": Runner(lazy, part.units)}, settings.repeats
    )
    beside = {**_beside(taken), "largest_difference": {"pyagrum": apart}, "pyagrum_at_1000_steps": _long_agrum(states)}
    return Finding(UNROLLED, what, ratio(taken["pyagrum"], taken["ours"]), beside=beside)


def _long_agrum(states: int) -> str:
    """What becomes of pyAgrum on a chain of a thousand steps."""
    import pyagrum

    try:
        by_agrum(Chains.random(states, 1000, 1))()
    except pyagrum.GumException as error:
        return f"{type(error).__name__}"
    return "answers"


def _single(states: int, steps: int, settings: Settings) -> Finding:
    """One sequence, without a batch axis on either side; the goal speaks of a thousand steps."""
    chains, what = Chains.random(states, steps, 1), f"{states} states, {steps} steps"
    alone = Chains(chains.initial, chains.transition, chains.evidence[0])
    theirs = by_dynamax(chains, single=True)
    found = Smoothed(*(x.unsqueeze(0) for x in ours(alone)()))
    apart = _apart(found, tuple(np.asarray(x)[None] for x in theirs()), f"dynamax, one sequence, {what}")
    taken = turns({"ours": Runner(ours(alone), steps), "dynamax": Runner(theirs, steps)}, SHORT * settings.repeats)
    beside = {**_beside(taken), "largest_difference": {"dynamax": apart}}
    return Finding(SINGLE, what, ratio(taken["dynamax"], taken["ours"]), counts=steps == 1000, beside=beside)


def _million(states: int, one_way: bool, settings: Settings) -> Finding:
    """Selection and drift to any state, or only to later ones, where most entries of the answer all but vanish."""
    rng = np.random.default_rng(0)
    drift = 0.99 * np.eye(states) + 0.01 * rng.dirichlet(np.ones(states), size=states)
    matrix = torch.tensor((np.triu(drift) if one_way else drift) * rng.uniform(0.05, 1, size=states))
    taken = turns({"ours": Runner(partial(power, matrix, MOVES), 1e-3)}, SHORT * settings.repeats)["ours"]
    return Finding(MILLION, f"{states} states{', one way' if one_way else ''}", Spread.of(taken))


def _apart(found: Smoothed, theirs: Answer, what: str) -> float:
    """The largest difference between probabilities, or, relatively, between log evidences.

    Raises:
        DifferentAnswers: it is more than rounding.
    """
    mine = [x.numpy() for x in found]
    both = [same(mine[n], theirs[n], what) for n in (0, 1)]
    size = np.abs(theirs[2])
    return max(*both, same(mine[2] / size, theirs[2] / size, f"{what}, log evidence, relatively"))


def _beside(taken: Mapping[str, list[float]]) -> dict[str, Any]:
    return {"nanoseconds_per_step": {name: rounded(1e9 * float(np.median(times))) for name, times in taken.items()}}
