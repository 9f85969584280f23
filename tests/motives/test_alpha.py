"""Alpha is named only where the episodes say something of it."""

from __future__ import annotations

from math import inf, log2

import pytest
import torch

from bsm.motives.alpha import GRID, Episodes, alpha_identified, alpha_likelihood
from bsm.motives.readings import dirichlet

EVEN = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
TELLING = torch.tensor([[[0.95, 0.05], [0.05, 0.95]]], dtype=torch.float64).log()  # item, pattern


def ais(*counts: tuple[int, int]) -> list[Episodes]:
    """Episodes of each kind that each AI did."""
    return [Episodes(TELLING, torch.tensor(count)) for count in counts]


def test_one_episode_each_identifies_nothing():
    curve, error = alpha_likelihood(ais((1, 0), (0, 1), (1, 0)), EVEN)
    assert float(error.max()) == 0
    found = alpha_identified(curve)
    assert found.bits == pytest.approx(0, abs=1e-12)
    assert not found.identified
    assert found.readings == ("hypothesis", "mixture")
    assert "side by side" in str(found)


def test_ais_that_are_each_of_a_piece_are_one_pattern_each():
    found = alpha_identified(alpha_likelihood(ais((8, 0), (0, 8), (8, 0), (0, 8)), EVEN)[0])
    assert found.identified
    assert found.readings == ("dirichlet",)
    assert float(found.posterior @ (found.alphas < 1).double()) > 0.95
    assert "identified, about" in str(found)


def test_ais_that_all_do_both_are_mixtures():
    found = alpha_identified(alpha_likelihood(ais(*[(4, 4)] * 8), EVEN)[0])
    assert found.identified
    assert float(found.posterior @ (found.alphas > 1).double()) > 0.95


def test_a_little_variation_says_a_little_and_the_bits_asked_decide():
    curve, _ = alpha_likelihood(ais((2, 0)), EVEN)
    found = alpha_identified(curve)
    assert 0 < found.bits < 0.5
    assert not found.identified
    assert alpha_identified(curve, least_bits=found.bits / 2).identified


def test_bits_are_those_of_the_posterior_over_the_prior():
    alphas = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    prior = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    likelihood = torch.tensor([0.9, 0.0, 0.1], dtype=torch.float64)
    found = alpha_identified(likelihood.log(), alphas, prior.log())
    posterior = [0.18 / 0.23, 0.0, 0.05 / 0.23]
    torch.testing.assert_close(found.posterior, torch.tensor(posterior, dtype=torch.float64))
    expected = sum(p * log2(p / q) for p, q in zip(posterior, prior.tolist(), strict=True) if p)
    assert found.bits == pytest.approx(expected, abs=1e-12)


def test_ais_add_up_and_draws_are_averaged():
    weights = torch.tensor([[0.5, 0.5], [0.8, 0.2]], dtype=torch.float64)
    curve, _ = alpha_likelihood(ais((3, 1), (0, 4)), weights)
    assert curve.shape == (2, len(GRID))
    grid = torch.tensor(GRID, dtype=torch.float64)
    each = [dirichlet(TELLING, weights, grid, torch.tensor(n)).log_likelihood for n in ((3, 1), (0, 4))]
    torch.testing.assert_close(curve, each[0] + each[1], atol=1e-12, rtol=0)
    averaged = curve.exp().mean(0)
    torch.testing.assert_close(alpha_identified(curve).posterior, averaged / averaged.sum(), atol=1e-12, rtol=0)


def test_by_points_the_error_is_said():
    grid = torch.tensor([0.1, 1.0, 10.0])
    exact, none = alpha_likelihood(ais((3, 2), (5, 0)), EVEN, grid)
    drawn, error = alpha_likelihood(ais((3, 2), (5, 0)), EVEN, grid, method="points", points=4096)
    assert float(none.max()) == 0 < float(error.min())
    torch.testing.assert_close(drawn, exact, atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: alpha_identified(torch.zeros(3)), "each of 25 alphas"),
        (lambda: alpha_identified(torch.zeros(25), log_prior=torch.zeros(25)), "sums to one"),
        (lambda: alpha_identified(torch.zeros(25) * torch.nan), "numbers or -inf"),
        (lambda: alpha_identified(torch.zeros(25), least_bits=0.0), "positive number of bits"),
        (lambda: alpha_identified(torch.full((25,), -inf)), "impossible at every alpha"),
        (lambda: alpha_likelihood([], EVEN, torch.tensor([-1.0])), "at least 0"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
