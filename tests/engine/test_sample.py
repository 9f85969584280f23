"""Posterior samples are draws from the exact posterior, jointly and independently; a wrong sampler is caught."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from bsm.engine import ImpossibleEvidence, Query, compile
from tests.engine.asking import Asked, counted, normalised, random_question, random_soft
from tests.engine.networks import binary, random_network
from tests.graphs import SHAPES, network_of

COUNT = 4_000
Sampler = Callable[[Query, Asked, int], Tensor]  # codes [count, row, target]


def exact(query: Query, asked: Asked, seed: int) -> Tensor:
    return query.sample(asked.codes, COUNT, seed, soft=asked.soft, on_impossible="mask")


def one_by_one(query: Query, asked: Asked, seed: int) -> Tensor:
    """The planted bug: each target from its own marginal, as if they were independent."""
    marginals = query.marginals(asked.codes, soft=asked.soft, on_impossible="mask")
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for name in asked.target:
        p = marginals[name]
        p = torch.where(p.sum(1, keepdim=True) > 0, p, 1.0)
        drawn.append(torch.multinomial(p, COUNT, replacement=True, generator=generator).T)
    return torch.stack(drawn, -1)


def misfit(counts: np.ndarray, p: np.ndarray) -> tuple[float, int]:
    """Pearson's chi-square and its degrees of freedom; cells expected under five times are taken together."""
    expected = p * counts.sum()
    rare = expected < 5
    observed = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(expected[~rare], expected[rare].sum())
    assert counts[p == 0].sum() == 0, "a state of probability zero was drawn"
    some = wanted > 0
    return float(((observed - wanted)[some] ** 2 / wanted[some]).sum()), max(int(some.sum()) - 1, 0)


def tables_of(codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """How often each configuration came, of codes [count, target]."""
    found = np.zeros(shape)
    np.add.at(found, tuple(codes.T), 1)
    return found


def p_value(sampler: Sampler, questions: int, soft: bool) -> float:
    """Of all chi-squares together, over random networks, rows and targets."""
    rng = np.random.default_rng(11)
    total, freedom = 0.0, 0
    for number in range(questions):
        network = random_network(rng, most_worlds=600)
        asked = random_question(network, rng, rows=4)
        targets = tuple(list(network.variables)[: rng.integers(2, 4)])
        given = {n: w if w.ndim == 2 else w[0] for n, w in random_soft(asked, rng).items()} if soft else {}
        asked = Asked(network, targets, asked.seen, asked.codes, given)
        joint, log_evidence = normalised(counted(asked))
        codes = sampler(compile(network, targets, asked.seen), asked, number).numpy()
        for row in np.flatnonzero(np.isfinite(log_evidence[0])):
            chi, free = misfit(tables_of(codes[:, row], joint.shape[2:]), joint[0, row])
            total, freedom = total + chi, freedom + free
    assert freedom > 100
    return float(stats.chi2.sf(total, freedom))


@pytest.mark.parametrize("soft", [False, True])
def test_samples_follow_the_exact_joint_posterior(soft: bool):
    assert p_value(exact, 40, soft) > 1e-3


def test_the_check_catches_a_sampler_that_draws_each_target_by_itself():
    with pytest.raises(AssertionError, match="a state of probability zero was drawn"):
        p_value(one_by_one, 40, False)
    rng = np.random.default_rng(5)
    network = network_of(SHAPES["complete"], rng, states=3)  # no zeros: only the counts can tell
    asked = Asked(network, ("b", "c", "d"), ("a",), torch.tensor([[-1]]))
    joint = normalised(counted(asked))[0][0, 0]
    query = compile(network, asked.target, asked.seen)
    chances = [
        stats.chi2.sf(*misfit(tables_of(s(query, asked, 0)[:, 0].numpy(), joint.shape), joint))
        for s in (exact, one_by_one)
    ]
    assert chances[0] > 1e-3
    assert chances[1] < 1e-6


def test_draws_are_independent_between_samples_rows_and_parameter_draws():
    """Neighbours in any of the three are as independent as the product of their marginals says."""
    network = network_of(SHAPES["fork"], np.random.default_rng(6), states=3, draws=2)
    query = compile(network, "a", ["b"])
    codes = query.sample(torch.tensor([[1], [1]]), 6_000, 3)[..., 0].numpy()  # [count, draw, row]
    p = query(torch.tensor([[1]])).probabilities[:, 0].numpy()
    pairs = {
        "samples": (codes[:-1:2, 0, 0], codes[1::2, 0, 0], np.outer(p[0], p[0])),
        "rows": (codes[:, 0, 0], codes[:, 0, 1], np.outer(p[0], p[0])),
        "draws": (codes[:, 0, 0], codes[:, 1, 0], np.outer(p[0], p[1])),
    }
    for name, (left, right, joint) in pairs.items():
        chi, free = misfit(tables_of(np.stack([left, right], 1), (3, 3)), joint)
        assert stats.chi2.sf(chi, free) > 1e-3, name


def test_a_seed_decides_the_samples():
    network = network_of(SHAPES["complete"], np.random.default_rng(7), states=3)
    query, rows = compile(network, ["a", "d"], ["b"]), torch.tensor([[0], [-1]])
    one, again, other = (query.sample(rows, 50, seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    before = torch.random.get_rng_state()
    query.sample(rows, 5, 0)
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator was used"


def test_shapes_zero_rows_and_targets_that_were_seen():
    rng = np.random.default_rng(8)
    plain = compile(network_of(SHAPES["diamond"], rng), ["a", "b"], ["b", "d"])
    found = plain.sample(torch.tensor([[1, 0], [0, -1], [-1, 1]]), 20, 0)
    assert found.shape == (20, 3, 2)
    assert (found[:, 0, 1] == 1).all()
    assert (found[:, 1, 1] == 0).all()
    assert plain.sample(torch.empty(0, 2, dtype=torch.int64), 5, 0).shape == (5, 0, 2)
    drawn = compile(network_of(SHAPES["diamond"], rng, draws=3), "a", ["b"])
    assert drawn.sample(torch.tensor([[1], [-1]]), 7, 0).shape == (7, 3, 2, 1)
    assert compile(network_of(SHAPES["diamond"], rng), (), ["b"]).sample(torch.tensor([[1]]), 7, 0).shape == (7, 1, 0)


def test_how_many_samples():
    query = compile(network_of(SHAPES["diamond"], np.random.default_rng(8)), "a", ["b"])
    assert query.sample([{}], 0, 0).shape == (0, 1, 1)
    with pytest.raises(ValueError, match="count=-1 samples cannot be drawn"):
        query.sample([{}], -1, 0)


def test_the_rare_and_the_impossible():
    """Given what happens once in 1e300, the samples are certain; a masked impossible row is -1."""
    network = binary(("x", (), [1 - 1e-300, 1e-300]), ("y", ("x",), [[1.0, 0.0], [0.5, 0.5]]), ("z", (), [1.0, 0.0]))
    query = compile(network, ["x", "y"], ["y", "z"])
    rows = [{"y": "yes"}, {"z": "yes"}]
    with pytest.raises(ImpossibleEvidence, match=r"row 1 out of 2.*z = yes cannot happen"):
        query.sample(rows, 4, 0)
    found = query.sample(rows, 4, 0, on_impossible="mask")
    assert (found[:, 0] == 1).all()
    assert (found[:, 1] == -1).all()
