"""The equation of Price: against covariances step by step, and its laws."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bsm.motives.price import price
from bsm.motives.stretch import Stretch, along, operator

DRAWS, STATES = 3, 4


def random_world(seed: int, states: int = STATES, draws: int = DRAWS) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Shares [draw, m], log weights [draw, m], drift [draw, m, m], trait [m]."""
    chance = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=chance, dtype=torch.float64)

    shares, drift = some(draws, states), some(draws, states, states) ** 3 + 2 * torch.eye(states, dtype=torch.float64)
    return (
        shares / shares.sum(-1, keepdim=True),
        some(draws, states).log(),
        drift / drift.sum(-1, keepdim=True),
        10 * some(states) - 5,
    )


def by_covariances(shares: Tensor, weights: Tensor, drift: Tensor, trait: Tensor) -> tuple[Tensor, float, float]:
    """One step of one draw, with every sum of the equation written as a loop: next shares, selection, drift."""
    m = range(len(trait))
    mean_weight = sum(float(shares[i] * weights[i]) for i in m)
    mean_trait = sum(float(shares[i] * trait[i]) for i in m)
    covariance = sum(float(shares[i] * (weights[i] - mean_weight) * (trait[i] - mean_trait)) for i in m)
    change = [sum(float(drift[i, j] * trait[j]) for j in m) - float(trait[i]) for i in m]
    expected = sum(float(shares[i] * weights[i]) * change[i] for i in m)
    after = torch.stack([(shares * weights * drift[:, j]).sum() for j in m]) / mean_weight
    return after, covariance / mean_weight, expected / mean_weight


def step_by_step(
    shares: Tensor, log_weights: Tensor, drift: Tensor, trait: Tensor, steps: int
) -> tuple[Tensor, float, float]:
    selection = drifted = 0.0
    for _ in range(steps):
        shares, more, further = by_covariances(shares, log_weights.exp(), drift, trait)
        selection, drifted = selection + more, drifted + further
    return shares, selection, drifted


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 40])
def test_parts_are_the_sums_of_the_covariances_of_each_step(steps):
    shares, log_weights, drift, trait = random_world(steps)
    parts = price(shares, [Stretch(log_weights, drift, steps)], trait)
    for draw in range(DRAWS):
        after, selection, drifted = step_by_step(shares[draw], log_weights[draw], drift[draw], trait, steps)
        torch.testing.assert_close(parts.shares[draw], after, atol=1e-12, rtol=0)
        assert float(parts.total_selection[draw]) == pytest.approx(selection, abs=1e-11)
        assert float(parts.total_drift[draw]) == pytest.approx(drifted, abs=1e-11)


def test_each_draw_has_its_own_number_of_steps_with_a_fraction_of_one():
    shares, log_weights, drift, trait = random_world(5)
    steps = torch.tensor([0.0, 3.25, 6.0], dtype=torch.float64)
    parts = price(shares, [Stretch(log_weights, drift, steps)], trait)
    for draw, (whole, rest) in enumerate([(0, 0.0), (3, 0.25), (6, 0.0)]):
        after, selection, drifted = step_by_step(shares[draw], log_weights[draw], drift[draw], trait, whole)
        blend = rest * drift[draw] + (1 - rest) * torch.eye(STATES, dtype=torch.float64)
        after, more, further = by_covariances(after, (rest * log_weights[draw]).exp(), blend, trait)
        torch.testing.assert_close(parts.shares[draw], after, atol=1e-12, rtol=0)
        assert float(parts.total_selection[draw]) == pytest.approx(selection + more, abs=1e-11)
        assert float(parts.total_drift[draw]) == pytest.approx(drifted + further, abs=1e-11)


def several_phases(seed: int) -> tuple[Tensor, list[Stretch], Tensor]:
    shares, log_weights, drift, trait = random_world(seed)
    _, other, elsewhere, _ = random_world(seed + 100)
    gate = torch.tensor([[0.0, -0.5, -torch.inf, -2.0]], dtype=torch.float64)
    return (
        shares,
        [
            Stretch(log_weights, drift, 5),
            Stretch(torch.zeros_like(gate), steps=0, gate=gate),
            Stretch(other, elsewhere, 11.5, gate=gate / 2),
            Stretch(log_weights, None, 2.5),
        ],
        trait,
    )


def test_selection_and_drift_of_all_phases_sum_to_the_change():
    shares, stretches, trait = several_phases(1)
    parts = price(shares, stretches, trait)
    torch.testing.assert_close(parts.before, shares @ trait, atol=1e-14, rtol=0)
    torch.testing.assert_close(parts.after, parts.shares @ trait, atol=1e-14, rtol=0)
    whole = parts.selection.sum(0) + parts.drift.sum(0)
    torch.testing.assert_close(whole, parts.after - parts.before, atol=1e-12, rtol=0)
    assert bool((parts.drift[[1, 3]] == 0).all()), "an audit and a stretch without drift only select"


def test_phases_one_after_the_other_are_phases_together():
    shares, stretches, trait = several_phases(2)
    together, now = price(shares, stretches, trait), shares
    for place, stretch in enumerate(stretches):
        alone = price(now, [stretch], trait)
        torch.testing.assert_close(alone.selection[0], together.selection[place], atol=1e-12, rtol=0)
        torch.testing.assert_close(alone.drift[0], together.drift[place], atol=1e-12, rtol=0)
        now = alone.shares


def test_splitting_a_stretch_splits_its_parts():
    shares, log_weights, drift, trait = random_world(3)
    whole = price(shares, [Stretch(log_weights, drift, 9)], trait)
    split = price(shares, [Stretch(log_weights, drift, 4), Stretch(log_weights, drift, 5)], trait)
    torch.testing.assert_close(whole.total_selection, split.total_selection, atol=1e-12, rtol=0)
    torch.testing.assert_close(whole.total_drift, split.total_drift, atol=1e-12, rtol=0)


def test_nothing_drifts_where_everyone_stays():
    shares, log_weights, _, trait = random_world(4)
    stays = Stretch(log_weights, torch.eye(STATES, dtype=torch.float64)[None], 6)
    parts, without = price(shares, [stays], trait), price(shares, [Stretch(log_weights, None, 6)], trait)
    assert bool((parts.total_drift == 0).all())
    assert float(parts.total_selection.abs().min()) > 0.01
    torch.testing.assert_close(parts.total_selection, without.total_selection, atol=1e-12, rtol=0)


def test_nothing_is_selected_where_all_are_equally_fit():
    shares, _, drift, trait = random_world(6)
    parts = price(shares, [Stretch(torch.full((1, STATES), -3.0, dtype=torch.float64), drift, 6)], trait)
    torch.testing.assert_close(parts.total_selection, torch.zeros(DRAWS, dtype=torch.float64), atol=1e-14, rtol=0)
    assert float(parts.total_drift.abs().min()) > 0.01


def test_a_million_steps_agree_with_the_loop_and_with_their_own_sum():
    shares, log_weights, drift, trait = random_world(7, draws=1)
    slow = 1e-4 * drift + (1 - 1e-4) * torch.eye(STATES, dtype=torch.float64)
    parts = price(shares, [Stretch(1e-4 * log_weights, slow, 1_000_000)], trait)
    torch.testing.assert_close(parts.total_selection + parts.total_drift, parts.after - parts.before, atol=2e-9, rtol=0)
    some = price(shares, [Stretch(1e-4 * log_weights, slow, 2_000)], trait)
    _, selection, drifted = step_by_step(shares[0], 1e-4 * log_weights[0], slow[0], trait, 2_000)
    assert float(some.total_selection) == pytest.approx(selection, abs=1e-11)
    assert float(some.total_drift) == pytest.approx(drifted, abs=1e-11)


def test_weights_along_a_stretch_keep_what_underflows():
    """A state that loses 99.9 % a step and that nobody leaves, with all of the weight: gone from a plain power."""
    weights = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    drift = torch.tensor([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    matrix, _ = operator(torch.tensor([1.0, 1.0, 1e-3], dtype=torch.float64).log(), drift)
    parts = list(along(weights, matrix, 1000))
    assert len(parts) > 1
    shares, log_mass = (torch.cat([part[k] for part in parts], axis) for k, axis in ((1, -2), (2, -1)))
    assert torch.equal(shares, weights.expand(1001, 3))
    expected = torch.arange(1001, dtype=torch.float64) * torch.tensor(1e-3, dtype=torch.float64).log()
    torch.testing.assert_close(log_mass, expected, rtol=1e-12, atol=0)


def test_gradients_pass_through_all_steps():
    shares, log_weights, drift, trait = random_world(8, states=3, draws=1)

    def of(log_weights: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        parts = price(shares, [Stretch(log_weights, logits.softmax(-1), 3.5)], trait)
        return parts.total_selection, parts.total_drift

    assert torch.autograd.gradcheck(of, (log_weights.requires_grad_(), drift.log().requires_grad_()))


GOOD = random_world(9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: price(GOOD[0] / 2, [], GOOD[3]), "summing to one"),
        (lambda: price(GOOD[0], [], GOOD[3][:2]), "4 finite numbers"),
        (lambda: price(GOOD[0], [], GOOD[3] * torch.nan), "4 finite numbers"),
        (lambda: price(GOOD[0], [Stretch(GOOD[1][:, :3])], GOOD[3]), "stretch 0 has 3"),
        (lambda: Stretch(GOOD[1], GOOD[2] * 2), "each row of drift"),
        (lambda: Stretch(GOOD[1], GOOD[2][:, :2]), "drift needs shape"),
        (lambda: Stretch(GOOD[1] * torch.nan), "never"),
        (lambda: Stretch(GOOD[1], steps=-1.0), "at least 0"),
        (lambda: price(GOOD[0], [Stretch(GOOD[1] - torch.inf, GOOD[2])], GOOD[3]), "all its log_weights are -inf"),
        (lambda: price(GOOD[0], [Stretch(GOOD[1], gate=GOOD[1] - torch.inf)], GOOD[3]), "nothing is left"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_dying_on_the_way_is_refused():
    shares = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    dies = torch.tensor([[-torch.inf, 0.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="nothing is left"):
        price(shares, [Stretch(dies, torch.eye(2, dtype=torch.float64)[None] * 1.0, 3)], torch.tensor([1.0, 0.0]))
