"""The compiled engine on networks that ship with pgmpy, against pyAgrum and pgmpy with the same tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bsm.engine import compile
from bsm.network.tables import Network
from tests.benchmarks.networks import SEEN, TARGETS
from tests.benchmarks.peers import Agrum, Pgmpy
from tests.benchmarks.rows import blanked, sampled
from tests.peers.shipped import NAMES, shipped

SAME = 1e-9
QUESTIONS = 6  # for each network
ROWS, PGMPY_ROWS = 30, 4


def questions(network: Network, name: str) -> list[tuple[str, tuple[str, ...]]]:
    """A target and what is seen: the benchmark's two sets of evidence, then nodes drawn at random."""
    asked = [(TARGETS[name], tuple(seen.split())) for seen in SEEN[name].values()]
    rng = np.random.default_rng(len(network.variables))
    while len(asked) < QUESTIONS:
        nodes = [str(n) for n in rng.permutation(list(network.variables))]
        asked.append((nodes[0], tuple(nodes[1 : 2 + int(rng.integers(len(nodes) // 2))])))
    return asked


def evidence(network: Network, seen: tuple[str, ...], seed: int) -> torch.Tensor:
    """Complete rows, rows with cells missing at random, and a row with all of them missing."""
    rows = sampled(network, seen, ROWS, seed)
    return torch.cat([rows, blanked(rows, 0.3, seed), torch.full_like(rows[:1], -1)])


@pytest.mark.parametrize("name", NAMES)
def test_posteriors_and_evidence_equal_those_of_pyagrum(name: str):
    pytest.importorskip("pyagrum")
    network = shipped(name)
    for seed, (target, seen) in enumerate(questions(network, name)):
        rows = evidence(network, seen, seed)
        ours = compile(network, target, seen)(rows)
        peer = Agrum(network, target, seen)
        np.testing.assert_allclose(ours.probabilities, peer.posteriors(rows), rtol=0, atol=SAME)
        for row, log_evidence in zip(rows[ROWS : ROWS + 5].tolist(), ours.log_evidence[ROWS : ROWS + 5], strict=True):
            peer.observe(row)
            assert float(log_evidence) == pytest.approx(math.log(peer.engine.evidenceProbability()), abs=SAME)


@pytest.mark.parametrize("name", NAMES)
def test_joint_posteriors_equal_those_of_pyagrum(name: str):
    pytest.importorskip("pyagrum")
    network = shipped(name)
    target, seen = questions(network, name)[0]
    other = next(n for n in network.variables if n != target and n not in seen)
    rows = evidence(network, seen, seed=1)[ROWS // 2 : 2 * ROWS : 5]
    ours = compile(network, (target, other), seen)(rows).probabilities
    peer = Agrum(network, target, seen)
    peer.engine.addJointTarget({target, other})
    for row, joint in zip(rows.tolist(), ours, strict=True):
        peer.observe(row)
        found = peer.engine.jointPosterior({target, other})
        theirs = found.toarray() if found.names[-1] == target else found.toarray().T
        np.testing.assert_allclose(joint, theirs, rtol=0, atol=SAME)


@pytest.mark.parametrize("name", NAMES)
def test_posteriors_equal_those_of_pgmpy(name: str):
    network = shipped(name)
    for seed, (target, seen) in enumerate(questions(network, name)):
        rows = evidence(network, seen, seed)[ROWS - PGMPY_ROWS : ROWS + PGMPY_ROWS]
        ours = compile(network, target, seen)(rows).probabilities
        np.testing.assert_allclose(ours, Pgmpy(network, target, seen).posteriors(rows), rtol=0, atol=SAME)
