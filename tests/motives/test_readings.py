"""Readings of an AI's shares: against every assignment of patterns to episodes, at both limits, and by points."""

from __future__ import annotations

from itertools import product
from math import comb, inf, lgamma, log

import pytest
import torch
from torch import Tensor

from bsm.motives import assignments
from bsm.motives.readings import dirichlet, drivers, hypothesis, mixture, side_by_side
from tests.motives.some_episodes import random_episodes

ALPHAS = [1e-6, 1e-2, 0.7, 3.0, 50.0, 1e6]


def by_every_assignment(log_p: Tensor, weights: Tensor, alpha: float) -> tuple[float, list[float]]:
    """Each episode's pattern is drawn from the urn: P(m | those before) = (alpha w_m + times m) / (alpha + before)."""
    p, w = log_p.exp().tolist(), weights.tolist()
    total, shares = 0.0, [0.0] * len(w)
    for who in product(range(len(w)), repeat=len(p)):
        weight = 1.0
        times = [0] * len(w)
        for before, m in enumerate(who):
            weight *= (alpha * w[m] + times[m]) / (alpha + before) * p[before][m]
            times[m] += 1
        total += weight
        for m in range(len(w)):
            shares[m] += weight * (alpha * w[m] + times[m]) / (alpha + len(p))
    return log(total), [share / total for share in shares]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("items", "patterns"), [(1, 3), (2, 2), (5, 3), (3, 5), (4, 1), (9, 2)])
def test_the_sum_is_over_every_assignment(alpha, items, patterns):
    log_p, weights = random_episodes(items, items, patterns, draws=2)
    found = dirichlet(log_p, weights, alpha, method="exact")
    for draw in range(2):
        total, shares = by_every_assignment(log_p[draw], weights[draw], alpha)
        assert float(found.log_likelihood[draw]) == pytest.approx(total, abs=1e-9)
        torch.testing.assert_close(found.shares[draw], torch.tensor(shares, dtype=torch.float64), atol=1e-9, rtol=0)
    assert bool((found.error == 0).all())


def test_sure_patterns_have_the_moments_of_a_dirichlet():
    """Episodes that only one pattern can do: the likelihood is a ratio of beta functions."""
    counts, alpha, weights = [7, 0, 4], 2.5, torch.tensor([[0.5, 0.2, 0.3]], dtype=torch.float64)
    log_p = torch.eye(3, dtype=torch.float64).log()[None]
    found = dirichlet(log_p, weights, alpha, torch.tensor(counts))
    a = [alpha * w for w in weights[0].tolist()]
    expected = (
        sum(lgamma(x + c) - lgamma(x) for x, c in zip(a, counts, strict=True)) + lgamma(alpha) - lgamma(alpha + 11)
    )
    assert float(found.log_likelihood) == pytest.approx(expected, abs=1e-10)
    means = torch.tensor([[(x + c) / (alpha + 11) for x, c in zip(a, counts, strict=True)]], dtype=torch.float64)
    torch.testing.assert_close(found.shares, means, atol=1e-12, rtol=0)


@pytest.mark.parametrize("method", ["exact", "points"])
def test_both_limits(method):
    log_p, weights = random_episodes(4, 6, 3, draws=2, spread=0.7)
    ends = side_by_side(log_p, weights)
    for alpha, end in ((1e-8, "hypothesis"), (1e8, "mixture")):
        near = dirichlet(log_p, weights, alpha, method=method)
        torch.testing.assert_close(near.log_likelihood, ends[end].log_likelihood, atol=1e-6, rtol=0)
        torch.testing.assert_close(near.shares, ends[end].shares, atol=1e-6, rtol=0)
    at = dirichlet(log_p, weights, torch.tensor([0.0, inf]), method=method)
    torch.testing.assert_close(at.log_likelihood[:, 0], ends["hypothesis"].log_likelihood, atol=0, rtol=0)
    torch.testing.assert_close(at.log_likelihood[:, 1], ends["mixture"].log_likelihood, atol=0, rtol=0)
    assert float((ends["mixture"].log_likelihood - ends["hypothesis"].log_likelihood).abs().min()) > 0.1


def test_the_limits_are_what_their_names_say():
    log_p, weights = random_episodes(5, 4, 3)
    counts = torch.tensor([2, 0, 1, 3])
    p, w = log_p[0].exp(), weights[0]
    each = w * (p ** counts[:, None]).prod(0)
    one = hypothesis(log_p, weights, counts)
    assert float(one.log_likelihood) == pytest.approx(float(each.sum().log()), abs=1e-12)
    torch.testing.assert_close(one.shares[0], each / each.sum())
    both = mixture(log_p, weights, counts)
    assert float(both.log_likelihood) == pytest.approx(float(((p @ w) ** counts).prod().log()), abs=1e-12)
    assert torch.equal(both.shares, weights)


@pytest.mark.parametrize("alpha", [0.0, *ALPHAS, inf])
def test_laws(alpha):
    log_p, weights = random_episodes(6, 5, 3)
    found = dirichlet(log_p, weights, alpha)
    assert float(found.shares.sum()) == pytest.approx(1, abs=1e-12)
    turned = dirichlet(log_p.flip(1), weights, alpha)
    torch.testing.assert_close(turned.log_likelihood, found.log_likelihood, atol=1e-11, rtol=0)
    renamed = dirichlet(log_p.flip(-1), weights.flip(-1), alpha)
    torch.testing.assert_close(renamed.shares.flip(-1), found.shares, atol=1e-11, rtol=0)
    twice = dirichlet(log_p, weights, alpha, torch.tensor([2, 1, 0, 1, 3]))
    written_out = dirichlet(log_p[:, [0, 0, 1, 3, 4, 4, 4]], weights, alpha)
    torch.testing.assert_close(twice.log_likelihood, written_out.log_likelihood, atol=1e-11, rtol=0)
    first = dirichlet(log_p[:, :4], weights, alpha)
    ahead = (first.shares * log_p[:, 4].exp()).sum(-1).log()
    torch.testing.assert_close(first.log_likelihood + ahead, found.log_likelihood, atol=1e-10, rtol=0)
    nothing = dirichlet(log_p[:, :0], weights, alpha)
    assert float(nothing.log_likelihood) == pytest.approx(0, abs=1e-15)
    torch.testing.assert_close(nothing.shares, weights)


def test_one_episode_says_nothing_of_alpha():
    log_p, weights = random_episodes(7, 1, 4)
    found = dirichlet(log_p, weights, torch.tensor([0.0, *ALPHAS, inf])).log_likelihood
    torch.testing.assert_close(found, found[:, :1].expand_as(found), atol=1e-12, rtol=0)


@pytest.mark.parametrize("method", ["exact", "points"])
def test_what_a_pattern_cannot_do_it_did_not_do(method):
    log_p = torch.tensor([[[0.0, -inf, -1.0], [-inf, -0.5, -2.0], [-0.3, -0.2, -0.1]]], dtype=torch.float64)
    weights = torch.tensor([[0.6, 0.4, 0.0]], dtype=torch.float64)
    assert float(hypothesis(log_p, weights).log_likelihood) == -inf, "no single pattern did both"
    assert bool((hypothesis(log_p, weights).shares == 0).all())
    found = dirichlet(log_p, weights, 1.5, method=method)
    expected, shares = by_every_assignment(log_p[0, :, :2], weights[0, :2], 1.5)
    assert float(found.log_likelihood) == pytest.approx(expected, abs=1e-3)
    torch.testing.assert_close(found.shares[0, :2], torch.tensor(shares, dtype=torch.float64), atol=2e-3, rtol=0)
    assert float(found.shares[0, 2]) == 0
    nobody = torch.full((1, 1, 3), -inf, dtype=torch.float64)
    for alpha in (0.0, 1.0, inf):
        none = dirichlet(torch.cat([log_p, nobody], 1), weights, alpha, method=method)
        assert float(none.log_likelihood) == -inf
        assert bool((none.shares == 0).all())
        unseen = dirichlet(torch.cat([log_p, nobody], 1), weights, max(alpha, 0.5), torch.tensor([1, 1, 1, 0]), method)
        assert float(unseen.log_likelihood) > -inf, "an item that did not occur rules nothing out"


def test_probabilities_far_below_a_float():
    log_p, weights = random_episodes(9, 4, 3)
    for alpha in (0.0, 1.0, inf):
        low = dirichlet(log_p - 5000, weights, alpha)
        torch.testing.assert_close(
            low.log_likelihood, dirichlet(log_p, weights, alpha).log_likelihood - 20000, atol=1e-8, rtol=0
        )


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 1.3, 100.0, inf])
def test_gradients_of_the_exact_sum(alpha):
    log_p, weights = random_episodes(10, 4, 3)
    logits, size = weights.log().requires_grad_(), torch.tensor(alpha, dtype=torch.float64)
    size = size.requires_grad_(0 < alpha < inf)

    def of(log_p: Tensor, logits: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        found = dirichlet(log_p, logits.softmax(-1), size, torch.tensor([1, 2, 1, 0]))
        return found.log_likelihood, found.shares

    assert torch.autograd.gradcheck(of, (log_p.requires_grad_(), logits, size))


def test_gradients_where_something_is_impossible_are_finite():
    log_p, weights = random_episodes(12, 3, 3)
    log_p[0, 0, 0] = -inf
    weights = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64).requires_grad_()
    for method in ("exact", "points"):
        found = dirichlet(log_p.requires_grad_(), weights, torch.tensor([0.0, 0.5, inf]), method=method)
        slopes = torch.autograd.grad(found.log_likelihood.sum(), (log_p, weights))
        assert all(bool(slope.isfinite().all()) for slope in slopes)


def test_who_drove_the_next_episode():
    log_p, weights = random_episodes(13, 4, 3)
    earlier = dirichlet(log_p[:, :3], weights, 1.7)
    ours = drivers(earlier.shares, log_p[:, 3:])[0, 0]
    p, w, joint = log_p[0].exp().tolist(), weights[0].tolist(), [0.0] * 3
    for who in product(range(3), repeat=4):
        weight, times = 1.0, [0] * 3
        for before, m in enumerate(who):
            weight *= (1.7 * w[m] + times[m]) / (1.7 + before) * p[before][m]
            times[m] += 1
        joint[who[-1]] += weight
    torch.testing.assert_close(ours, torch.tensor(joint, dtype=torch.float64) / sum(joint), atol=1e-10, rtol=0)
    with pytest.raises(ValueError, match="no pattern drove"):
        drivers(earlier.shares, torch.full((1, 1, 3), -inf, dtype=torch.float64))


@pytest.mark.parametrize(("episodes", "patterns"), [(0, 3), (3, 1), (4, 2), (5, 4), (2, 40)])
def test_splits_are_all_splits_once(episodes, patterns):
    found = assignments.splits(episodes, patterns)
    assert len(set(map(tuple, found.tolist()))) == len(found) == comb(episodes + patterns - 1, patterns - 1)
    assert bool((found.sum(-1) == episodes).all())
    assert bool((found >= 0).all())


GOOD = random_episodes(15, 3, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dirichlet(GOOD[0], GOOD[1] / 2, 1.0), "weights are shares"),
        (lambda: dirichlet(GOOD[0], GOOD[1], -1.0), "from 0"),
        (lambda: dirichlet(GOOD[0], GOOD[1], float("nan")), "from 0"),
        (lambda: dirichlet(GOOD[0][..., :1], GOOD[1], 1.0), "as many patterns"),
        (lambda: dirichlet(GOOD[0].expand(3, -1, -1), GOOD[1].expand(2, -1), 1.0), "as many patterns"),
        (lambda: dirichlet(GOOD[0][0], GOOD[1], 1.0), "as many patterns"),
        (lambda: dirichlet(GOOD[0] + inf, GOOD[1], 1.0), "never"),
        (lambda: dirichlet(GOOD[0] * torch.nan, GOOD[1], 1.0), "never"),
        (lambda: dirichlet(GOOD[0], GOOD[1], 1.0, torch.tensor([1.0, -1.0, 1.0])), "at least 0"),
        (lambda: dirichlet(GOOD[0], GOOD[1], 1.0, torch.tensor([1.0, 1.0])), "each of 3 items"),
        (lambda: dirichlet(GOOD[0], GOOD[1], 1.0, method="guess"), "'guess' is not one of"),  # type: ignore[arg-type]
        (lambda: dirichlet(GOOD[0], GOOD[1], 1.0, torch.full((3,), 1e4), method="exact"), "use method='points'"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
