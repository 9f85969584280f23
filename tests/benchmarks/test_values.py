"""The value of observing, against its definition and against pyAgrum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.benchmarks.findings import same
from tests.benchmarks.networks import tasks
from tests.benchmarks.rows import sampled
from tests.benchmarks.values import CANDIDATES, AgrumJoint, AgrumStates, Ours
from tests.benchmarks.voi import value_of_observing


def by_definition(joint: np.ndarray, utility: np.ndarray) -> float:
    """sum_s P(s) max_d E[u | d, s] - max_d E[u | d], one conditional at a time."""
    after = 0.0
    for column in joint.T:
        if (weight := column.sum()) > 0:
            after += weight * max(float(u @ (column / weight)) for u in utility)
    return after - max(float(u @ joint.sum(1)) for u in utility)


def test_value_is_that_of_the_definition_and_never_negative():
    rng = np.random.default_rng(0)
    joint = rng.dirichlet(np.full(12, 0.3), size=50).reshape(50, 4, 3)
    joint[0, :, 1] = 0  # a state that cannot be seen
    joint[0] /= joint[0].sum()
    utility = rng.normal(size=(3, 4))
    found = value_of_observing(torch.from_numpy(joint), torch.from_numpy(utility))
    np.testing.assert_allclose(found, [by_definition(j, utility) for j in joint], atol=1e-12)
    assert float(found.min()) > -1e-12
    assert float(found.max()) > 0.01


def test_the_target_itself_is_worth_perfect_information_and_an_unrelated_node_nothing():
    p, utility = torch.tensor([0.3, 0.7], dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    assert float(value_of_observing(torch.diag(p), utility)) == pytest.approx(1 - 0.7)
    unrelated = torch.outer(p, torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert float(value_of_observing(unrelated, utility)) == pytest.approx(0, abs=1e-15)


def test_both_ways_of_pyagrum_give_our_values():
    pytest.importorskip("pyagrum")
    task = next(tasks(("bsm15",)))
    nodes = CANDIDATES[task.name]
    utility = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 7)))
    rows = sampled(task.network, task.seen, 5, seed=0)
    ours = Ours(task, nodes, utility, len(rows)).values(rows)
    assert ours.shape == (5, len(nodes))
    same(ours, AgrumJoint(task, nodes, utility).values(rows), "joint posteriors")
    same(ours, AgrumStates(task, nodes, utility).values(rows), "each state set")
