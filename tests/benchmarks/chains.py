"""Chains with evidence at every step, and the engines that filter and smooth them: ours, hmmlearn, dynamax, pyAgrum.

hmmlearn is its compiled inner loop (`scaling`), without the estimator around it; dynamax is jitted, and vectorised over
sequences; pyAgrum takes the chain unrolled into a network of one node per step.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from bsm import engine

FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
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


def ours(chains: Chains, at_once: int | None = None) -> Callable[[], engine.Smoothed]:
    """All sequences, so many at once; the answers of the last of them are given back."""
    initial, transition, evidence = map(torch.from_numpy, (chains.initial, chains.transition, chains.evidence))
    parts = evidence.split(at_once) if at_once else (evidence,)

    def call() -> engine.Smoothed:
        for part in parts:
            found = engine.smooth(initial, transition, part, varying=False)
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
    lazy = pyagrum.LazyPropagation(made)

    def call() -> np.ndarray:
        found = np.empty_like(chains.evidence)
        for n, evidence in enumerate(chains.evidence):
            seen = np.exp(evidence - evidence.max(1, keepdims=True))
            lazy.setEvidence({name: row.tolist() for name, row in zip(names, seen, strict=True)})
            lazy.makeInference()
            found[n] = [lazy.posterior(name).toarray() for name in names]
        return found

    return call
