"""Random questions to a network, and their answers by going through all the worlds one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from bsm.engine import Answer
from bsm.network.tables import Network
from tests.engine.networks import random_network
from tests.graphs import networks

WITHIN = 1e-10


@dataclass(frozen=True)
class Asked:
    """Rows of evidence: codes [row, seen], -1 for a blank, and likelihoods [row, state] or [draw, row, state]."""

    network: Network
    target: tuple[str, ...]
    seen: tuple[str, ...]
    codes: Tensor
    soft: Mapping[str, Tensor] = field(default_factory=dict)


# --- counting worlds ---------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def worlds(network: Network, without: str | None = None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """State codes [world] of each variable, and the product of all tables but one, [draw, world]."""
    sizes = [len(v.states) for v in network.variables.values()]
    codes = dict(zip(network.variables, np.indices(sizes).reshape(len(sizes), -1), strict=True))
    p = np.ones((network.draws, math.prod(sizes)))
    for name, table in network.tables.items():
        if name != without:
            p = p * table.values.detach().numpy()[(slice(None), *(codes[a] for a in table.axes))]
    return codes, p


def masses(asked: Asked, without: str | None = None) -> np.ndarray:
    """How much each world weighs in each row, [draw, row, world]."""
    codes, p = worlds(asked.network, without)
    found = p[:, None, :] * np.ones((1, len(asked.codes), 1))
    for column, name in enumerate(asked.seen):
        seen = asked.codes[:, column].numpy()[:, None]
        found = found * np.where(seen < 0, 1.0, seen == codes[name])
    for name, likelihood in asked.soft.items():
        w = likelihood.detach().numpy()
        found = found * (w if w.ndim == 3 else w[None])[..., codes[name]]
    return found


def counted(asked: Asked) -> np.ndarray:
    """P(target, evidence) [draw, row, *target]."""
    return summed(masses(asked), asked.network, asked.target)


def summed(found: np.ndarray, network: Network, names: Sequence[str]) -> np.ndarray:
    """[draw, row, *names] of what is [draw, row, world]."""
    listed = list(network.variables)
    sizes = [len(v.states) for v in network.variables.values()]
    grid = found.reshape(*found.shape[:2], *sizes)
    grid = grid.sum(tuple(2 + i for i, n in enumerate(listed) if n not in names))
    left = [n for n in listed if n in names]
    return grid.transpose(0, 1, *(2 + left.index(n) for n in names))


def normalised(joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(target | evidence) and log P(evidence); zeros and -inf where the evidence is impossible."""
    total = joint.sum(tuple(range(2, joint.ndim)))
    possible = total > 0
    safe = np.where(possible, total, 1.0)
    return joint / safe.reshape(*safe.shape, *[1] * (joint.ndim - 2)), np.where(possible, np.log(safe), -np.inf)


def answers(asked: Asked) -> tuple[np.ndarray, np.ndarray]:
    """As `normalised(counted(asked))`, by adding logs: for worlds too rare for a float64."""
    with np.errstate(divide="ignore"):
        logs = {n: t.values.detach().log() for n, t in asked.network.tables.items()}
        codes, _ = worlds(asked.network)
        found = sum(
            v.numpy()[(slice(None), *(codes[a] for a in asked.network.tables[n].axes))] for n, v in logs.items()
        )
        found = np.asarray(found)[:, None, :] + np.zeros((1, len(asked.codes), 1))
        for column, name in enumerate(asked.seen):
            seen = asked.codes[:, column].numpy()[:, None]
            found = found + np.where(seen < 0, 0.0, np.log((seen == codes[name]).astype(float)))
        for name, likelihood in asked.soft.items():
            w = likelihood.detach().log().numpy()
            found = found + (w if w.ndim == 3 else w[None])[..., codes[name]]
    top = found.max(-1, keepdims=True)
    top = np.where(np.isneginf(top), 0.0, top)
    probabilities, log_evidence = normalised(summed(np.exp(found - top), asked.network, asked.target))
    return probabilities, log_evidence + top[..., 0]


def agree(answer: Answer, asked: Asked, within: float = WITHIN) -> None:
    """The answer, masked and with its axis of draws, is what counting worlds gives."""
    probabilities, log_evidence = normalised(counted(asked))
    assert answer.probabilities.shape == probabilities.shape
    assert answer.log_evidence.shape == log_evidence.shape
    np.testing.assert_allclose(answer.probabilities.detach().numpy(), probabilities, rtol=0, atol=within)
    np.testing.assert_allclose(answer.log_evidence.detach().numpy(), log_evidence, rtol=within, atol=within)


# --- questions at random -----------------------------------------------------------------------------------


def random_question(network: Network, rng: np.random.Generator, rows: int = 8) -> Asked:
    """None to three targets, none to all variables seen, perhaps a target among them; blanks here and there.

    The last row is blank; of the others every third is arbitrary and may be impossible, the rest can happen.
    """
    names = [str(n) for n in rng.permutation(list(network.variables))]
    target = tuple(names[: rng.choice([0, 1, 1, 1, 2, 3])])
    shown = [n for n in names if n not in target or rng.random() < 0.3]
    seen = tuple(str(n) for n in rng.permutation(shown)[: rng.integers(len(shown) + 1)])
    return Asked(network, target, seen, random_codes(network, seen, rng, rows))


def random_codes(network: Network, seen: Sequence[str], rng: np.random.Generator, rows: int) -> Tensor:
    """Codes [row, seen] as `random_question` describes."""
    codes, p = worlds(network)
    chosen = rng.choice(p.shape[1], size=rows, p=p[0] / p[0].sum())
    sizes = [len(network.variables[n].states) for n in seen]
    likely = np.array([codes[n][chosen] for n in seen]).reshape(len(seen), rows).T.astype(np.int64)
    arbitrary = rng.integers(np.array(sizes, dtype=np.int64), size=likely.shape)
    found = np.where((np.arange(rows) % 3 == 2)[:, None], arbitrary, likely)
    blank = rng.random(found.shape) < rng.choice([0.0, 0.2, 0.5])
    blank[-1:] = True
    return torch.from_numpy(np.where(blank, -1, found))


def random_soft(asked: Asked, rng: np.random.Generator, names: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Likelihoods of these variables, or of one to three, seen, unseen or asked about; some with zeros."""
    network, rows = asked.network, len(asked.codes)
    if names is None:
        names = [str(n) for n in rng.permutation(list(network.variables))[: rng.integers(1, 4)]]
    found = {}
    for name in names:
        shape = [(), (network.draws,)][rng.integers(2)] + (rows, len(network.variables[name].states))
        likelihood = np.where(rng.random(shape) < rng.choice([0.0, 0.3]), 0.0, rng.random(shape))
        found[name] = torch.from_numpy(likelihood)
    return found


@st.composite
def questions(draw: st.DrawFn, draws: int = 1) -> tuple[Asked, np.random.Generator]:
    """A question to a network of any family, and a generator for what else a test needs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    of_networks = draw(st.booleans()) and draws == 1
    network = draw(networks()) if of_networks else random_network(rng, draws)
    return random_question(network, rng), rng
