"""Means over shares by quasi-random points: against the exact sum, and where only points can answer."""

from __future__ import annotations

from math import exp, log

import pytest
import torch

from bsm.motives import assignments, readings
from bsm.motives.readings import dirichlet
from tests.motives.some_episodes import random_episodes


@pytest.mark.parametrize(("items", "patterns", "spread"), [(12, 2, 3.0), (30, 3, 2.0), (15, 4, 1.0), (6, 1, 1.0)])
def test_points_agree_with_the_exact_sum(items, patterns, spread):
    log_p, weights = random_episodes(items, items, patterns, spread=spread)
    alphas = torch.tensor([1e-6, 0.1, 1.0, 30.0, 1e6])
    exact = dirichlet(log_p, weights, alphas, method="exact")
    drawn = dirichlet(log_p, weights, alphas, method="points", points=8192)
    apart = (drawn.log_likelihood - exact.log_likelihood).abs()
    assert bool((apart < 5e-3).all())
    assert bool((apart < 8 * drawn.error + 1e-5).all()), "the stated error is the error"
    torch.testing.assert_close(drawn.shares, exact.shares, atol=5e-3, rtol=0)


def test_points_serve_more_episodes_than_can_be_summed():
    """Thousands of episodes of two items and six patterns: the mean shares do them as often as they were done."""
    p = torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.5, 0.5], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]], dtype=torch.float64)
    weights, counts = torch.full((1, 6), 1 / 6, dtype=torch.float64), torch.tensor([1400.0, 600.0])
    found = dirichlet(p.T.log()[None], weights, 6.0, counts)
    chance = torch.Generator().manual_seed(0)
    even = -torch.rand(200_000, 6, generator=chance, dtype=torch.float64).log()  # shares even over the simplex
    nats = ((even / even.sum(-1, keepdim=True)) @ p).log() @ counts.double()
    plain = float(nats.logsumexp(0)) - log(200_000)
    assert float(found.error) < 0.05
    assert float(found.log_likelihood) == pytest.approx(plain, abs=0.15)
    assert float(found.shares[0] @ p[:, 0]) == pytest.approx(0.7, abs=0.01)
    assert assignments.work(2000, 6) > readings.MOST_TERMS


def test_counts_need_not_be_whole():
    log_p, weights = random_episodes(8, 3, 3, spread=0.5)
    below, between, above = (
        float(dirichlet(log_p, weights, 2.0, torch.tensor([2.0, 1.0, n])).log_likelihood) for n in (1.0, 1.5, 2.0)
    )
    assert between == pytest.approx((below + above) / 2, abs=0.05)
    with pytest.raises(ValueError, match="whole counts"):
        dirichlet(log_p, weights, 2.0, torch.tensor([2.0, 1.0, 1.5]), method="exact")


def test_gradients_by_points_are_near_those_of_the_sum():
    log_p, weights = random_episodes(11, 10, 3)
    log_p.requires_grad_()
    found = [
        torch.autograd.grad(dirichlet(log_p, weights, 2.0, method=method).log_likelihood.sum(), log_p)[0]
        for method in ("exact", "points")
    ]
    torch.testing.assert_close(found[1], found[0], atol=2e-3, rtol=0)


def test_the_seed_alone_decides_the_points():
    log_p, weights = random_episodes(14, 8, 3)
    before = torch.get_rng_state()
    first, again, other = (
        float(dirichlet(log_p, weights, 1.0, method="points", points=1024, seed=seed).log_likelihood)
        for seed in (0, 0, 1)
    )
    assert first == again != other
    assert exp(abs(first - other)) < 1.05
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("alpha", [0.5, 5.0, 50.0])
def test_patterns_that_are_alike_count_as_one(alpha):
    """Shares of patterns that act alike add up to Dirichlet shares: many patterns are then few, that can be summed."""
    log_p, weights = random_episodes(7, 5, 3)
    counts = torch.tensor([75.0, 50.0, 25.0, 60.0, 40.0])
    kinds = [0, 0, 1, 2, 2, 1, 0, 1, 2, 1, 0, 2]
    parts = torch.rand(12, generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.1
    sums = torch.zeros(3, dtype=torch.float64).index_add(0, torch.tensor(kinds), parts)
    split = weights[:, kinds] * parts / sums[kinds]
    few = dirichlet(log_p, weights, alpha, counts, method="exact")
    many = dirichlet(log_p[..., kinds], split, alpha, counts)
    apart = float((many.log_likelihood - few.log_likelihood).abs())
    assert apart < 0.1
    assert apart < 5 * float(many.error) + 1e-5
    together = torch.zeros(1, 3, dtype=torch.float64).index_add(1, torch.tensor(kinds), many.shares)
    torch.testing.assert_close(together, few.shares, atol=0.02, rtol=0)


@pytest.mark.parametrize(("alpha", "acting"), [(50.0, 12), (5.0, 12), (1.0, 4)])
def test_tight_rows_of_many_patterns_are_found_whatever_the_seed(alpha, acting):
    """Twenty rows of 500 that a few patterns did: most shares are held close, and the others at their edges."""
    chance = torch.Generator().manual_seed(11)
    p = torch.sigmoid(2 * torch.randn(20, 12, generator=chance, dtype=torch.float64))
    weights = torch.rand(12, generator=chance, dtype=torch.float64).softmax(-1)
    yes = (500 * p[:, :acting].mean(-1)).round()
    log_p, counts = torch.cat([p, 1 - p]).log()[None], torch.cat([yes, 500 - yes])
    found, other = (dirichlet(log_p, weights[None], alpha, counts, points=8192, seed=seed) for seed in (0, 1))
    apart = abs(float(found.log_likelihood - other.log_likelihood))
    assert max(float(found.error), float(other.error)) < 0.1
    assert apart < 4 * float(found.error + other.error)
    torch.testing.assert_close(found.shares, other.shares, atol=0.02, rtol=0)


def test_too_few_effective_points_are_refused():
    chance = torch.Generator().manual_seed(2)
    p = torch.sigmoid(3 * torch.randn(20, 12, generator=chance, dtype=torch.float64))
    yes = (500 * p[:, :4].mean(-1)).round()
    log_p, counts = torch.cat([p, 1 - p]).log()[None], torch.cat([yes, 500 - yes])
    with pytest.raises(ValueError, match="are effective, fewer than 20"):
        dirichlet(log_p, torch.full((1, 12), 1 / 12, dtype=torch.float64), 1.0, counts, points=64)


@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("n", [1e6, 1e9, 1e12])
def test_however_many_episodes_there_is_an_answer_or_a_refusal(n, alpha):
    p = torch.tensor([[0.9, 0.1, 0.5, 0.4], [0.3, 0.6, 0.2, 0.8], [0.5, 0.5, 0.5, 0.5]], dtype=torch.float64)
    even = torch.full((1, 4), 0.25, dtype=torch.float64)
    for seen in (p.mean(-1), p[:, 0]):
        items, counts = torch.cat([p, 1 - p]), n * torch.cat([seen, 1 - seen])
        most = float(counts @ torch.cat([seen, 1 - seen]).log())  # under the shares that fit best
        try:
            found = dirichlet(items.log()[None], even, alpha, counts, points=2048)
        except ValueError as refused:
            if "are effective" not in str(refused):
                raise
            continue
        assert float(found.log_likelihood) <= most + 5 * float(found.error) + 1e-9 * abs(most)
        assert float(found.shares.sum()) == pytest.approx(1.0)
