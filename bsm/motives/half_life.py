"""How long a clean audit stays informative: the first step at which it carries less than half its bits.

What an audit at step 0 says of the motivation at step t, given influence at t, is a comparison of two distributions:
with its result and without it. Two measures, both in bits:

    "clean"     KL( P(m_t | clean at 0, influence at t) || P(m_t | influence at t) ): what this clean result says
    "mutual"    I(result at 0; m_t | influence at t): what the result, clean or not, says on average

Without selection (equal weights) neither can rise, for what drift blurs stays blurred, and the first crossing is found
by doubling and halving on powers. With selection either can rise for a while: an audit that clears the AI of a rare
motivation says more once that motivation would have grown. So there every step is looked at, by powers in parts. The
answer is the *first* step below half; `monotone` says whether it stays below. Dynamics: replicator.

Where a motivation is several states (whether it has explored, say), `alike` sums them first: bits are about
motivations only.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from bsm.engine.temporal import power
from bsm.motives.stretch import Part, along, check_drift, check_log, check_shares, operator

Measure = Literal["clean", "mutual"]
MOST = 1_000_000


class HalfLife(NamedTuple):
    """When an audit has lost half of what it said.

    step: first step with less than half the bits, [draw], whole numbers as float64, inf where none was found.
    bits: at step 0, [draw]. bits_then: at `step`, or at the last step looked at.
    monotone: there was no selection, so that bits never rise again; otherwise, or with `alike`, later steps may.
    """

    step: Tensor
    bits: Tensor
    bits_then: Tensor
    monotone: bool


def half_life(
    initial: Tensor,
    clean: Tensor,
    log_weights: Tensor | None = None,
    drift: Tensor | None = None,
    measure: Measure = "clean",
    most: int = MOST,
    alike: int = 1,
) -> HalfLife:
    """First step of equal selection and drift at which an audit at step 0 carries less than half its bits.

    Args:
        initial: P(motivation at 0), [draw, motivation], before the audit.
        clean: P(clean result | motivation), [draw, motivation].
        log_weights: of a step, in nats, [draw, motivation], up to a constant; None for no selection.
        drift: [draw, motivation, motivation], rows summing to one, [now, next]; None for no drift.
        measure: "clean" or "mutual".
        most: steps after which to stop looking.
        alike: so many neighbours on all axes above are states of one motivation.

    Raises:
        ValueError: an audit that says nothing (equally likely to be clean under all motivations there are) or that
            cannot be clean; inputs that are no probabilities; nobody left to select.

    >>> even, clean = torch.tensor([[0.5, 0.5]]).double(), torch.tensor([[1.0, 0.2]]).double()
    >>> drift = torch.tensor([[[0.99, 0.01], [0.01, 0.99]]], dtype=torch.float64)
    >>> half_life(even, clean, drift=drift).step
    tensor([17.], dtype=torch.float64)
    """
    start, matrix, steady = _prepared(initial, clean, log_weights, drift, most, alike)
    bits = _bits(start.sum(-1).log(), _merged(_normal(start), alike), measure)
    _says_something(bits)
    looked = (start, matrix, bits, measure, most)
    step, then = _by_halving(*looked) if steady else _by_looking(*looked, alike)
    return HalfLife(step, bits, then, steady)


def bits_after(
    initial: Tensor,
    clean: Tensor,
    steps: int,
    log_weights: Tensor | None = None,
    drift: Tensor | None = None,
    measure: Measure = "clean",
    alike: int = 1,
) -> Tensor:
    """Bits that the audit carries before steps 0, 1, ..., `steps`: [draw, step]. Arguments as in `half_life`."""
    start, matrix, _ = _prepared(initial, clean, log_weights, drift, steps, alike)
    parts = [_bits(part.log_mass, part.shares, measure) for part in _parts(start, matrix, steps, alike)]
    return torch.cat(parts, -1)


def half_life_of(audited: Tensor, unaudited: Tensor) -> HalfLife:
    """As `half_life` with the measure "clean", from any course of a motivation over time.

    Args:
        audited: P(motivation at t | clean at 0, influence at t), [draw, step, motivation]; unaudited: without the
            audit, [draw, step, motivation]. Equally spaced moments from t = 0; the answer counts them.

    Raises:
        ValueError: shares that do not sum to one, nothing said at step 0, or motivations that only `audited` has.
    """
    check_shares("audited", audited)
    check_shares("unaudited", unaudited)
    if audited.shape[-2:] != unaudited.shape[-2:]:
        raise ValueError(
            f"audited and unaudited need the same steps and motivations; got {tuple(audited.shape)} and "
            f"{tuple(unaudited.shape)}"
        )
    if bool(((unaudited == 0) & (audited > 0)).any()):
        raise ValueError("a motivation that cannot be without the audit has a share with it; swap the two arguments?")
    bits = _divergence(audited.double(), unaudited.double())
    _says_something(bits[..., 0])
    below = bits < bits[..., :1] / 2
    number = torch.arange(bits.shape[-1], device=bits.device)
    first = torch.where(below, number, bits.shape[-1]).amin(-1)
    then = bits.gather(-1, first.clamp_max(bits.shape[-1] - 1).unsqueeze(-1)).squeeze(-1)
    step = torch.where(first < bits.shape[-1], first.double(), torch.inf)
    return HalfLife(step, bits[..., 0], then, bool((bits.diff(dim=-1) <= 0).all()))


def _prepared(
    initial: Tensor, clean: Tensor, log_weights: Tensor | None, drift: Tensor | None, most: int, alike: int
) -> tuple[Tensor, Tensor, bool]:
    """P(motivation, result) [draw, result, motivation], a step [draw, 1, now, next], and whether nothing selects."""
    states = _check(initial, clean, most, alike)
    weights = torch.zeros(states, dtype=torch.float64, device=initial.device) if log_weights is None else log_weights
    check_log("log_weights", weights)
    if weights.shape[-1] != states:
        raise ValueError(f"log_weights needs {states} motivations, as initial has; got {tuple(weights.shape)}")
    if drift is not None:
        check_drift(drift, states)
        drift = drift.double()
    steady = alike == 1 and bool((weights == weights[..., :1]).all())  # bits of merged states can rise
    matrix = operator(weights.double(), drift)[0]
    draws = torch.broadcast_shapes(initial.shape[:-1], clean.shape[:-1], matrix.shape[:-2])
    joint = torch.stack([initial * clean, initial * (1 - clean)], -2).double()
    return joint.expand(*draws, 2, states), matrix.expand(*draws, states, states).unsqueeze(-3), steady


def _by_halving(start: Tensor, matrix: Tensor, bits: Tensor, measure: Measure, most: int) -> tuple[Tensor, Tensor]:
    def at(steps: Tensor) -> Tensor:
        powers = power(matrix, steps.unsqueeze(-1))
        after = start @ (powers.log_scale.exp().unsqueeze(-1) * powers.matrix).squeeze(-3)
        return _bits(after.sum(-1).log(), _normal(after), measure)

    low, high = torch.zeros_like(bits, dtype=torch.long), torch.full_like(bits, min(1, most), dtype=torch.long)
    above = at(high) >= bits / 2
    while bool((growing := above & (high < most)).any()):
        low = torch.where(growing, high, low)
        high = torch.where(growing, (2 * high).clamp_max(most), high)
        above = torch.where(growing, at(high) >= bits / 2, above)
    while bool((wide := ~above & (high - low > 1)).any()):
        middle = torch.where(wide, (low + high) // 2, high)
        below = at(middle) < bits / 2
        low, high = torch.where(wide & ~below, middle, low), torch.where(wide & below, middle, high)
    return torch.where(above, torch.inf, high.double()), at(high)


def _by_looking(
    start: Tensor, matrix: Tensor, bits: Tensor, measure: Measure, most: int, alike: int
) -> tuple[Tensor, Tensor]:
    step, then = torch.full_like(bits, torch.inf), bits
    for part in _parts(start, matrix, most, alike):
        now = _bits(part.log_mass, part.shares, measure)
        below = now < bits.unsqueeze(-1) / 2
        count = now.shape[-1]
        first = torch.where(below, torch.arange(count, device=bits.device), count).amin(-1)
        here = first < count
        value = now.gather(-1, first.clamp_max(count - 1).unsqueeze(-1)).squeeze(-1)
        open_ = step == torch.inf
        then = torch.where(open_, value, then)
        step = torch.where(open_ & here, part.first + first.double(), step)
        if not bool((step == torch.inf).any()):
            break
    return step, then


def _parts(start: Tensor, matrix: Tensor, last: int, alike: int) -> Iterator[Part]:
    """Parts of the course with steps before results: log_mass [draw, step, result], shares [..., motivation]."""
    for part in along(start, matrix, last):
        yield Part(part.first, _merged(part.shares.transpose(-3, -2), alike), part.log_mass.transpose(-2, -1))


def _merged(shares: Tensor, alike: int) -> Tensor:
    """[..., state] -> [..., motivation]."""
    return shares if alike == 1 else shares.unflatten(-1, (-1, alike)).sum(-1)


def _bits(log_mass: Tensor, shares: Tensor, measure: Measure) -> Tensor:
    """Bits [...] from the nats of each result [..., result] and the shares under it [..., result, motivation]."""
    if bool((log_mass[..., 0] == -torch.inf).any()):
        raise ValueError(
            "an AI whose audit was clean cannot be there: either no motivation with a share can pass the audit, or "
            "none that passed it is ever selected"
        )
    chance = log_mass.softmax(-1).unsqueeze(-1)
    without = (chance * shares).sum(-2)
    apart = shares[..., 0, :] - shares[..., 1, :]
    clean = _divergence_at(without, chance[..., 1, :] * apart)
    if measure == "clean":
        return clean
    caught = _divergence_at(without, -chance[..., 0, :] * apart)
    return (chance[..., 0, 0] * clean + chance[..., 1, 0] * caught).clamp_min(0)


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) in bits along the last axis."""
    return _divergence_at(q, p - q)


def _divergence_at(q: Tensor, difference: Tensor) -> Tensor:
    """KL(q + difference || q) in bits: each term at least 0, and exact where the two are almost equal."""
    ratio = torch.where(q > 0, difference / q.masked_fill(q <= 0, 1.0), 0.0).clamp_min(-1.0)
    terms = q * (torch.special.xlog1py(1 + ratio, ratio) - ratio)
    return terms.sum(-1).clamp_min(0) / log(2)


def _normal(weights: Tensor) -> Tensor:
    return weights / (total := weights.sum(-1, keepdim=True)).masked_fill(total == 0, 1.0)


def _says_something(bits: Tensor) -> None:
    if not bool((bits > 0).all()):
        raise ValueError(
            "the audit carries 0 bits at step 0, so there is nothing to halve: its result is equally likely under all "
            "motivations that have a share"
        )


def _check(initial: Tensor, clean: Tensor, most: int, alike: int) -> int:
    check_shares("initial", initial)
    if clean.shape[-1:] != initial.shape[-1:] or not bool(((clean >= 0) & (clean <= 1)).all()):
        raise ValueError(
            f"clean holds P(clean result | motivation), {initial.shape[-1]} probabilities on its last axis; got shape "
            f"{tuple(clean.shape)}"
        )
    if most < 0:
        raise ValueError(f"steps to look at: {most} given, at least 0 wanted")
    if alike < 1 or initial.shape[-1] % alike:
        raise ValueError(f"{initial.shape[-1]} states cannot be motivations of {alike} states each; give a divisor")
    return initial.shape[-1]
