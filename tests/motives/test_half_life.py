"""Half-life of an audit: against a loop that follows both populations, and against what its bits may do."""

from __future__ import annotations

from math import inf, log2

import pytest
import torch
from torch import Tensor

from bsm.motives.half_life import bits_after, half_life, half_life_of

STATES = 4
MEASURES = ("clean", "mutual")


def random_audit(seed: int, drift_rate: float, selection: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """initial [1, m], clean [1, m], log weights [1, m], drift [1, m, m]."""
    chance = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=chance, dtype=torch.float64)

    initial, clean, weights, moves = some(1, STATES), some(1, STATES), some(1, STATES), some(1, STATES, STATES)
    moves = moves / moves.sum(-1, keepdim=True)
    drift = drift_rate * moves + (1 - drift_rate) * torch.eye(STATES, dtype=torch.float64)
    return initial / initial.sum(-1, keepdim=True), clean, selection * weights.log(), drift


def looped_bits(initial: Tensor, clean: Tensor, log_weights: Tensor, drift: Tensor, measure: str, last: int):
    """Bits before each step: the two populations, clean and not, followed with plain floats."""
    f, q, m = log_weights[0].exp().tolist(), drift[0].tolist(), range(initial.shape[-1])
    passed = [float(initial[0, i] * clean[0, i]) for i in m]
    caught = [float(initial[0, i] * (1 - clean[0, i])) for i in m]
    for step in range(last + 1):
        total, ok = sum(passed) + sum(caught), sum(passed)
        without = [(passed[i] + caught[i]) / total for i in m]
        bits = sum(passed[i] / ok * log2(passed[i] / ok / without[i]) for i in m)
        if measure == "mutual":
            bad = sum(caught)
            more = sum(caught[i] / bad * log2(caught[i] / bad / without[i]) for i in m)
            bits = ok / total * bits + bad / total * more
        yield step, bits
        passed, caught = ([sum(w[i] * f[i] * q[i][j] for i in m) / total for j in m] for w in (passed, caught))


def looped_half_life(*audit: Tensor, measure: str, most: int) -> float:
    first = None
    for step, bits in looped_bits(*audit, measure=measure, last=most):
        first = bits if first is None else first
        if bits < first / 2:
            return step
    return inf


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("selection", [0.0, 0.02, 0.5])
def test_bits_at_every_step_are_those_of_the_loop(measure, selection):
    initial, clean, weights, drift = random_audit(1, 0.01, selection)
    ours = bits_after(initial, clean, 300, weights, drift, measure)
    looped = [bits for _, bits in looped_bits(initial, clean, weights, drift, measure, 300)]
    torch.testing.assert_close(ours[0], torch.tensor(looped, dtype=torch.float64), atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("drift_rate", "selection"), [(0.3, 0.0), (1e-3, 0.0), (0.02, 0.05), (1e-3, 1e-2)])
def test_the_step_is_that_of_the_loop(measure, seed, drift_rate, selection):
    audit = random_audit(seed, drift_rate, selection)
    found = half_life(*audit, measure=measure, most=3000)
    assert float(found.step) == looped_half_life(*audit, measure=measure, most=3000)
    assert found.monotone == (selection == 0)


@pytest.mark.parametrize("measure", MEASURES)
def test_far_away_both_ways_of_finding_it_and_the_loop_agree(measure):
    initial, clean, _, drift = random_audit(4, 2e-5, 0.0)
    halved = half_life(initial, clean, None, drift, measure)
    barely = torch.tensor([[0.0, 0.0, 0.0, 1e-16]], dtype=torch.float64)  # too little to move an answer
    looked = half_life(initial, clean, barely, drift, measure)
    assert (halved.monotone, looked.monotone) == (True, False)
    assert float(halved.step) == float(looked.step) > 5_000
    assert float(halved.step) == looped_half_life(initial, clean, barely, drift, measure=measure, most=100_000)


def test_nearly_a_million_steps_are_found_exactly():
    """Two equal motivations that trade places at rate r: what is left after t steps is (1 - 2 r)^t."""
    rate = 1e-7
    drift = torch.tensor([[[1 - rate, rate], [rate, 1 - rate]]], dtype=torch.float64)
    initial, clean = torch.tensor([[0.5, 0.5]]).double(), torch.tensor([[0.6, 0.4]]).double()
    bits = lambda left: 1 - sum(-p * log2(p) for p in ((1 + 0.2 * left) / 2, (1 - 0.2 * left) / 2))  # noqa: E731
    low, high = 0, 10_000_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bits((1 - 2 * rate) ** middle) < bits(1.0) / 2 else (middle, high)
    for measure in MEASURES:
        found = half_life(initial, clean, drift=drift, measure=measure, most=10_000_000)
        assert abs(float(found.step) - high) <= 1
        assert high > 1_000_000
        assert half_life(initial, clean, drift=drift, measure=measure).step.item() == inf


def test_where_bits_rise_and_fall_the_first_crossing_is_given():
    """A clean audit removes a rare motivation; selection would have made it common, and drift then mixes all."""
    initial = torch.tensor([[0.99, 0.01]], dtype=torch.float64)
    clean = torch.tensor([[1.0, 0.05]], dtype=torch.float64)
    weights = torch.tensor([[0.0, 0.2]], dtype=torch.float64)
    drift = torch.tensor([[[0.999, 0.001], [0.0, 1.0]]], dtype=torch.float64)
    bits = bits_after(initial, clean, 200, weights, drift)[0]
    found = half_life(initial, clean, weights, drift)
    assert float(bits.max()) > 5 * float(bits[0]), "it says most while the other motivation would be rising"
    step = int(found.step)
    assert bool((bits[:step] >= bits[0] / 2).all())
    assert float(bits[step]) < float(bits[0]) / 2
    assert float(found.bits_then) == pytest.approx(float(bits[step]), rel=1e-9)
    assert not found.monotone


def test_a_later_rise_does_not_hide_the_first_crossing():
    """Selection against the audited motivation, so that bits fall, then for what it turns into, so that they rise."""
    initial = torch.tensor([[0.5, 0.5 - 1e-9, 1e-9]], dtype=torch.float64)
    clean = torch.tensor([[0.9, 0.1, 0.5]], dtype=torch.float64)
    weights = torch.tensor([[0.0, -2.0, 0.3]], dtype=torch.float64)
    drift = torch.tensor([[[1, 0, 0], [0, 0.99, 0.01], [0, 0, 1]]], dtype=torch.float64)
    bits = bits_after(initial, clean, 60, weights, drift)[0]
    step = int(half_life(initial, clean, weights, drift).step)
    assert step < 5
    assert float(bits[step:].max()) > float(bits[0]) / 2
    assert step == looped_half_life(initial, clean, weights, drift, measure="clean", most=60)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("selection", [0.0, 0.3])
def test_states_of_one_motivation_are_summed_before_bits(measure, selection):
    """Two motivations of two states each."""
    initial, _, weights, drift = random_audit(5, 0.05, selection)
    clean = torch.tensor([[0.9, 0.5, 0.3, 0.1]], dtype=torch.float64)
    f, q, m = weights[0].exp().tolist(), drift[0].tolist(), range(STATES)
    passed = [float(initial[0, i] * clean[0, i]) for i in m]
    every, bits = initial[0].tolist(), []
    for _ in range(60):
        caught = [every[i] - passed[i] for i in m]
        kl = []
        for w in (passed, caught):
            p, r = ([sum(v[:2]) / sum(v), sum(v[2:]) / sum(v)] for v in (w, every))
            kl.append(sum(a * log2(a / b) for a, b in zip(p, r, strict=True)))
        ok = sum(passed) / sum(every)
        bits.append(kl[0] if measure == "clean" else ok * kl[0] + (1 - ok) * kl[1])
        passed, every = ([sum(w[i] * f[i] * q[i][j] for i in m) for j in m] for w in (passed, every))
    found = half_life(initial, clean, weights, drift, measure, alike=2)
    ours = bits_after(initial, clean, 59, weights, drift, measure, alike=2)[0]
    torch.testing.assert_close(ours, torch.tensor(bits, dtype=torch.float64), atol=1e-12, rtol=1e-9)
    assert float(found.step) == next(i for i, b in enumerate(bits) if b < bits[0] / 2)
    assert float(found.bits) < 0.9 * float(half_life(initial, clean, weights, drift, measure).bits)
    assert not found.monotone


def test_draws_have_their_own_half_lives():
    audits = [random_audit(seed, 0.05, 0.02) for seed in range(4)]
    together = half_life(*(torch.cat(parts) for parts in zip(*audits, strict=True)), most=2000)
    assert together.step.tolist() == [float(half_life(*audit, most=2000).step) for audit in audits]
    steady = half_life(*(torch.cat([audit[k] for audit in audits]) for k in (0, 1)), drift=audits[0][3], most=2000)
    assert steady.step.tolist() == [float(half_life(a[0], a[1], drift=audits[0][3], most=2000).step) for a in audits]


def test_without_drift_or_selection_it_lasts():
    initial, clean, weights, _ = random_audit(2, 0.1, 0.1)
    assert float(half_life(initial, clean).step) == inf
    assert float(half_life(initial, clean, weights).step) < inf, "selection alone leaves one motivation"


def test_any_course_of_shares():
    initial, clean, weights, drift = random_audit(3, 0.02, 0.05)
    wanted = half_life(initial, clean, weights, drift, most=500)
    both = []
    for start in (initial * clean, initial):
        course = [start / start.sum(-1, keepdim=True)]
        for _ in range(500):
            after = ((course[-1] * weights.exp()).unsqueeze(-2) @ drift).squeeze(-2)
            course.append(after / after.sum(-1, keepdim=True))
        both.append(torch.stack(course, -2))
    found = half_life_of(*both)
    assert float(found.step) == float(wanted.step) < inf
    torch.testing.assert_close(found.bits, wanted.bits, rtol=1e-9, atol=0)
    torch.testing.assert_close(found.bits_then, wanted.bits_then, rtol=1e-9, atol=0)
    assert float(half_life_of(both[0][:, :2], both[1][:, :2]).step) == inf


def test_few_bits_are_halved_as_exactly_as_many():
    """An audit that hardly discriminates carries 1e-11 bits, of which a plain sum of p log p / q keeps no digits."""
    drift = torch.tensor([[[0.99, 0.01], [0.01, 0.99]]], dtype=torch.float64)
    initial, clean = torch.tensor([[0.5, 0.5]]).double(), torch.tensor([[0.5 + 1e-6, 0.5 - 1e-6]]).double()
    found = half_life(initial, clean, drift=drift)
    # 0.98^(2 t) < 1/2
    assert float(found.step) == 18
    assert float(found.bits) == pytest.approx(2e-12 / 0.6931471805599453, rel=1e-5)


SAMPLE = random_audit(7, 0.1, 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: half_life(SAMPLE[0] * 2, SAMPLE[1]), "initial are shares"),
        (lambda: half_life(SAMPLE[0], SAMPLE[1] * 3), "P\\(clean result"),
        (lambda: half_life(SAMPLE[0], SAMPLE[1][:, :2]), "P\\(clean result"),
        (lambda: half_life(SAMPLE[0], torch.full_like(SAMPLE[1], 0.5)), "0 bits at step 0"),
        (lambda: half_life(SAMPLE[0], torch.zeros_like(SAMPLE[1])), "cannot be there"),
        (lambda: half_life(SAMPLE[0], SAMPLE[1], drift=SAMPLE[3] / 2), "each row of drift"),
        (lambda: half_life(SAMPLE[0], SAMPLE[1], SAMPLE[2][:, :3]), "log_weights needs 4"),
        (lambda: half_life(SAMPLE[0], SAMPLE[1], most=-1), "at least 0"),
        (lambda: half_life(SAMPLE[0], SAMPLE[1], alike=3), "4 states cannot be motivations of 3 states each"),
        (lambda: half_life_of(torch.ones(1, 2, 1), torch.ones(1, 2, 1)), "0 bits"),
        (lambda: half_life_of(torch.ones(1, 2, 1), torch.ones(1, 3, 1)), "same steps"),
        (lambda: half_life_of(torch.tensor([[0.5, 0.5]])[None], torch.tensor([[1.0, 0.0]])[None]), "swap"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_audit_whose_survivors_are_never_selected_is_refused():
    weights = torch.tensor([[-inf, 0.0]], dtype=torch.float64)
    initial, clean = torch.tensor([[0.5, 0.5]]).double(), torch.tensor([[1.0, 0.0]]).double()
    with pytest.raises(ValueError, match="ever selected"):
        half_life(initial, clean, weights)
