"""Small hidden Markov chains for tests, and the slow, obvious answer: every path, one by one.

`enumerated` shares no code with the engine; `exact` is the textbook recursion in 60 decimal digits with exponents to
1e18, for what enumeration cannot reach.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor


@dataclass(frozen=True)
class Example:
    """One chain: initial [state], transition [state, state] or [time - 1, state, state], evidence [time, state]."""

    initial: np.ndarray
    transition: np.ndarray
    evidence: np.ndarray

    @property
    def varying(self) -> bool:
        return self.transition.ndim == 3

    def step(self, t: int) -> np.ndarray:
        """The transition from t to t + 1."""
        return self.transition[t] if self.varying else self.transition

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return torch.tensor(self.initial), torch.tensor(self.transition), torch.tensor(self.evidence)


@dataclass(frozen=True)
class Answer:
    """What `enumerated` found; `paths` [path, time] and P(path | evidence) [path]."""

    filtered: np.ndarray
    smoothed: np.ndarray
    log_evidence: float
    paths: np.ndarray
    posterior: np.ndarray
    log_joint: np.ndarray


def enumerated(example: Example) -> Answer | None:
    """Every answer by going through all paths; None where the evidence is impossible."""
    steps, states = example.evidence.shape
    filtered = [_through(example, t + 1) for t in range(steps)]
    if filtered[-1] is None:
        return None
    paths, log_joint = filtered[-1]
    top = log_joint.max()
    weights = np.exp(log_joint - top)
    total = math.fsum(weights)
    smoothed = [_marginal(paths[:, t], weights / total, states) for t in range(steps)]
    lasts = []
    for found in filtered:
        so_far, logs = found
        part = np.exp(logs - logs.max())
        lasts.append(_marginal(so_far[:, -1], part / math.fsum(part), states))
    return Answer(np.array(lasts), np.array(smoothed), float(top + math.log(total)), paths, weights / total, log_joint)


def _through(example: Example, steps: int) -> tuple[np.ndarray, np.ndarray] | None:
    """All paths of the first steps and their log joint probabilities with the evidence so far."""
    states = example.evidence.shape[1]
    paths = np.array(list(itertools.product(range(states), repeat=steps)))
    with np.errstate(divide="ignore"):
        logs = np.log(example.initial)[paths[:, 0]]
        for t in range(1, steps):
            logs = logs + np.log(example.step(t - 1))[paths[:, t - 1], paths[:, t]]
    for t in range(steps):
        logs = logs + example.evidence[t][paths[:, t]]
    return None if np.isneginf(logs).all() else (paths, logs)


def _marginal(codes: np.ndarray, weights: np.ndarray, states: int) -> np.ndarray:
    return np.array([math.fsum(weights[codes == k]) for k in range(states)])


def exact(example: Example) -> tuple[np.ndarray, np.ndarray, float]:
    """Filtered, smoothed and log evidence by forward and backward recursion in long decimals."""
    steps, states = example.evidence.shape
    with localcontext(Context(prec=60, Emin=-(10**18) + 1, Emax=10**18 - 1)):
        seen = [[Decimal(float(x)).exp() if x > -np.inf else Decimal(0) for x in row] for row in example.evidence]
        moves = [[[Decimal(float(x)) for x in row] for row in example.step(t)] for t in range(steps - 1)]
        ahead = [[Decimal(float(x)) * s for x, s in zip(example.initial, seen[0], strict=True)]]
        for t in range(1, steps):
            reach = [sum(ahead[-1][i] * moves[t - 1][i][j] for i in range(states)) for j in range(states)]
            ahead.append([r * s for r, s in zip(reach, seen[t], strict=True)])
        behind = [[Decimal(1)] * states]
        for t in range(steps - 2, -1, -1):
            told = [s * b for s, b in zip(seen[t + 1], behind[0], strict=True)]
            behind.insert(0, [sum(moves[t][i][j] * told[j] for j in range(states)) for i in range(states)])
        filtered = [[float(x / sum(row)) for x in row] for row in ahead]
        both = [[a * b for a, b in zip(one, two, strict=True)] for one, two in zip(ahead, behind, strict=True)]
        smoothed = [[float(x / sum(row)) for x in row] for row in both]
        return np.array(filtered), np.array(smoothed), float(sum(ahead[-1]).ln())


def dense(rng: np.random.Generator, states: int, steps: int, varying: bool = False, spread: float = 2.0) -> Example:
    """A chain without zeros, with evidence at every step."""
    shape = (steps - 1, states) if varying else (states,)
    transition = rng.dirichlet(np.ones(states), size=shape)
    return Example(rng.dirichlet(np.ones(states)), transition, spread * rng.normal(size=(steps, states)))


@st.composite
def examples(draw: st.DrawFn, most_states: int = 4, most_steps: int = 5) -> Example:
    """1 to 4 states, 1 to 5 steps; zeros in any table, -inf and missing evidence, wide and narrow likelihoods."""
    states, steps = draw(st.integers(1, most_states)), draw(st.integers(1, most_steps))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    varying, sparse = draw(st.booleans()), draw(st.booleans())
    plain = dense(rng, states, steps, varying, draw(st.sampled_from([0.3, 3.0, 100.0])))
    evidence = np.where(rng.random((steps, 1)) < 0.3, 0.0, plain.evidence)
    if sparse:
        evidence = np.where(rng.random(evidence.shape) < 0.2, -np.inf, evidence)
        return Example(_thinned(plain.initial, rng), _thinned(plain.transition, rng), evidence)
    return Example(plain.initial, plain.transition, evidence)


def _thinned(table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some entries set to zero, never a whole row, and each row divided by its sum."""
    kept = np.where(rng.random(table.shape) < 0.4, 0.0, table)
    kept = np.where(kept.sum(-1, keepdims=True) > 0, kept, table)
    return kept / kept.sum(-1, keepdims=True)
