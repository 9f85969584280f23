"""Filter and smoother against hmmlearn, dynamax and unrolled pyAgrum; powers of a matrix; one thread, equal answers.

Alone: `python -m tests.benchmarks.temporal [--quick]`, on one processor. Peers that are not installed are left out.
hmmlearn is its compiled inner loop (`scaling`), without the estimator around it; dynamax is jitted and vectorised. It
and we take as many sequences at once as are fastest for each. The peers take a part of the batch: time is per step of a
sequence, and answers are newly made in every turn.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from bsm.engine import temporal
from bsm.engine.temporal.powers import power
from tests.benchmarks.findings import Finding, rounded, same
from tests.benchmarks.goals import Goal
from tests.benchmarks.settings import FULL, QUICK
from tests.benchmarks.timing import Runner, Spread, once, ratio, turns

BATCH = Goal("B1", "filter and smoother, 10,000 sequences: times faster than the better of hmmlearn and dynamax", 2)
DENSE = Goal("B1", "the same at 32 states and 100 steps", 4)
UNROLLED = Goal("B1", "filter and smoother: times faster than pyAgrum on the unrolled chain", 100)
SINGLE = Goal("B2", "one sequence: times faster than dynamax, jitted and warm", 1)
MILLION = Goal("B2", "a million steps without evidence: milliseconds", 1, at_least=False)

FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
CHUNKS = (20, 50, 200, 1000)  # sequences at once that each engine is tried with
Answer = tuple[np.ndarray, np.ndarray, np.ndarray]  # filtered, smoothed, log evidence, sequences along axis 0


@dataclass(frozen=True)
class Chains:
    """One chain and many sequences of evidence [sequence, time, state]."""

    initial: np.ndarray
    transition: np.ndarray
    evidence: np.ndarray

    @classmethod
    def random(cls, states: int, steps: int, sequences: int) -> Chains:
        rng = np.random.default_rng(0)
        evidence = rng.standard_normal((sequences, steps, states))
        evidence *= 2
        return cls(rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), size=states), evidence)

    def part(self, sequences: int) -> Chains:
        return Chains(self.initial, self.transition, self.evidence[:sequences])

    @property
    def units(self) -> float:
        return self.evidence.shape[0] * self.evidence.shape[1]


def ours(chains: Chains, at_once: int | None = None) -> Callable[[], temporal.Smoothed]:
    """All sequences, so many at once; the answers of the last of them are given back."""
    initial, transition, evidence = map(torch.from_numpy, (chains.initial, chains.transition, chains.evidence))
    parts = evidence.split(at_once) if at_once else (evidence,)

    def call() -> temporal.Smoothed:
        for part in parts:
            found = temporal.smooth(initial, transition, part, varying=False)
        return found

    return call


def by_hmmlearn(chains: Chains) -> Callable[[], Answer]:
    from hmmlearn import _hmmc

    initial, transition = chains.initial, chains.transition

    def call() -> Answer:
        filtered, smoothed, total = np.empty_like(chains.evidence), np.empty_like(chains.evidence), []
        for n, evidence in enumerate(chains.evidence):
            top = evidence.max(1, keepdims=True)
            seen = np.exp(evidence - top)
            log_evidence, ahead, scale = _hmmc.forward_scaling(initial, transition, seen)
            both = ahead * _hmmc.backward_scaling(initial, transition, seen, scale)
            filtered[n], smoothed[n] = ahead, both / both.sum(1, keepdims=True)
            total.append(log_evidence + top.sum())
        return filtered, smoothed, np.array(total)

    return call


def by_dynamax(chains: Chains, single: bool = False) -> Callable[[], Any]:
    """Its smoother, jitted; all sequences at once, or the only one without a batch axis."""
    os.environ.setdefault("XLA_FLAGS", FLAGS)
    import jax
    from dynamax.hidden_markov_model import hmm_smoother

    jax.config.update("jax_enable_x64", True)
    smoother = jax.jit(hmm_smoother if single else jax.vmap(hmm_smoother, in_axes=(None, None, 0)))
    evidence = chains.evidence[0] if single else chains.evidence
    tables = [jax.numpy.asarray(x) for x in (chains.initial, chains.transition, evidence)]

    def call() -> Any:
        found = smoother(*tables)
        return jax.block_until_ready((found.filtered_probs, found.smoothed_probs, found.marginal_loglik))

    return call


def by_agrum(chains: Chains) -> Callable[[], np.ndarray]:
    """Smoothed probabilities [sequence, time, state] by `LazyPropagation` on a network of one node per step."""
    import pyagrum

    _, steps, states = chains.evidence.shape
    made = pyagrum.BayesNet()
    names = [made.variable(made.add(pyagrum.LabelizedVariable(f"x__t{t}", "", states))).name() for t in range(steps)]
    made.cpt(names[0]).fillWith(chains.initial.tolist())
    for now, following in pairwise(names):
        made.addArc(now, following)
        made.cpt(following).fillWith(chains.transition.flatten().tolist())
    engine = pyagrum.LazyPropagation(made)

    def call() -> np.ndarray:
        found = np.empty_like(chains.evidence)
        for n, evidence in enumerate(chains.evidence):
            seen = np.exp(evidence - evidence.max(1, keepdims=True))
            engine.setEvidence({name: row.tolist() for name, row in zip(names, seen, strict=True)})
            engine.makeInference()
            found[n] = [engine.posterior(name).toarray() for name in names]
        return found

    return call


def installed(package: str) -> bool:
    return find_spec(package) is not None


# --- what is found -----------------------------------------------------------------------------------------


def findings(settings: Any = None) -> Iterator[Finding]:
    """All of B1 and B2; `settings.rows` below 100,000 asks for small sizes, `settings.repeats` for so many turns."""
    quick = settings is not None and settings.rows < 100_000
    repeats = 5 if settings is None else settings.repeats
    for states in (8, 32):
        for steps in (100, 1000):
            yield from _batch(states, steps, 200 if quick else 10_000, repeats)
        for steps in (1000, 10_000):
            yield from _single(states, steps, 10 * repeats)
    for states in (8, 32, 64):
        for one_way in (False, True):
            yield _million(states, one_way, 10 * repeats)


def _batch(states: int, steps: int, sequences: int, repeats: int) -> Iterator[Finding]:
    chains = Chains.random(states, steps, sequences)
    found = ours(chains.part(1000))()
    at_once = {"ours": _fastest(chains, ours)}
    runners = {"ours": Runner(ours(chains, at_once["ours"]), chains.units)}
    if installed("hmmlearn"):
        part = chains.part(max(10, 20_000 // steps))
        _agree(found, by_hmmlearn(part)(), f"hmmlearn, {states} states, {steps} steps")
        runners["hmmlearn"] = Runner(by_hmmlearn(part), part.units)
    if installed("dynamax"):
        at_once["dynamax"] = _fastest(chains, by_dynamax)
        part = chains.part(at_once["dynamax"])
        _agree(found, by_dynamax(part)(), f"dynamax, {states} states, {steps} steps")
        runners["dynamax"] = Runner(by_dynamax(part), part.units)
    if len(runners) > 1:
        times = turns(runners, repeats)
        better = [min(turn) for turn in zip(*(times[name] for name in runners if name != "ours"), strict=True)]
        beside = _beside(times) | {"sequences": sequences, "at_once": at_once}
        goal = DENSE if (states, steps) == (32, 100) else BATCH
        yield Finding(goal, f"{states} states, {steps} steps", ratio(better, times["ours"]), beside=beside)
    if installed("pyagrum") and steps == 100 and states == 8:
        part = chains.part(3)
        same(ours(part)().smoothed.numpy(), by_agrum(part)(), "pyAgrum")
        times = turns(
            {"ours": Runner(ours(chains), chains.units), "agrum": Runner(by_agrum(part), part.units)}, repeats
        )
        value = ratio(times["agrum"], times["ours"])
        yield Finding(UNROLLED, f"{states} states, {steps} steps", value, counts=False, beside=_beside(times))


def _fastest(chains: Chains, engine: Callable[[Chains], Callable[[], object]]) -> int:
    """How many sequences at once take it the least time per step; each number tried five times when warm."""
    cost = {}
    for size in sorted({min(size, len(chains.evidence)) for size in CHUNKS}):
        call = engine(chains.part(size))
        call()
        cost[size] = min(once(call) for _ in range(5)) / size
    return min(cost, key=cost.__getitem__)


def _single(states: int, steps: int, repeats: int) -> Iterator[Finding]:
    chains = Chains.random(states, steps, 1)
    alone = Chains(chains.initial, chains.transition, chains.evidence[0])
    if not installed("dynamax"):
        return
    found = temporal.Smoothed(*(x.unsqueeze(0) for x in ours(alone)()))
    theirs = by_dynamax(chains, single=True)
    _agree(found, tuple(np.asarray(x)[None] for x in theirs()), f"dynamax, one sequence of {steps} steps")
    times = turns({"ours": Runner(ours(alone), 1), "dynamax": Runner(theirs, 1)}, repeats)
    value = ratio(times["dynamax"], times["ours"])
    yield Finding(SINGLE, f"{states} states, {steps} steps", value, counts=steps == 1000, beside=_beside(times))


def _million(states: int, one_way: bool, repeats: int) -> Finding:
    """Drift to any state, or only to later ones, where most entries of the answer all but vanish."""
    rng = np.random.default_rng(0)
    drift = 0.99 * np.eye(states) + 0.01 * rng.dirichlet(np.ones(states), size=states)
    matrix = torch.tensor((np.triu(drift) if one_way else drift) * rng.uniform(0.05, 1, size=states))
    times = turns({"ours": Runner(partial(power, matrix, 1_000_000), 1e-3)}, repeats)["ours"]
    return Finding(MILLION, f"{states} states{', one way' if one_way else ''}", Spread.of(times))


def _agree(found: temporal.Smoothed, theirs: Answer, what: str) -> None:
    count = len(theirs[2])
    for ours_, theirs_ in zip(found[:2], theirs[:2], strict=True):
        same(ours_[:count].numpy(), theirs_, what)
    log_evidence = found.log_evidence[:count].numpy()
    same(log_evidence / np.abs(theirs[2]), theirs[2] / np.abs(theirs[2]), f"{what}, log evidence")


def _beside(times: Mapping[str, list[float]]) -> dict[str, Any]:
    return {"nanoseconds": {name: rounded(1e9 * float(np.median(taken))) for name, taken in times.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.temporal", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all runs")
    parser.add_argument("--repeats", type=int, help="turns that each ratio is taken over")
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # libraries that ask for more threads get no more
    torch.set_num_threads(1)
    chosen = QUICK if asked.quick else FULL
    print(f"load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} processors", flush=True)
    for finding in findings(replace(chosen, repeats=asked.repeats or chosen.repeats)):
        print(finding.line(), finding.beside.get("nanoseconds", ""), flush=True)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
