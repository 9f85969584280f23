"""How much of a change of a mean is selection and how much is drift: the equation of Price, summed over steps.

    change of E[z] = Cov(f, z) / E[f]  +  E[f * (E[z of the next motivation | this one] - z)] / E[f]
                     selection            drift

with f the weights of a step, z the trait, and averages by the shares before the step. Both sides of many steps are sums
over steps, so parts of stretches and of phases add up to the whole change, exactly. Dynamics: replicator.

Source: Price (1970), "Selection and covariance", Nature 227:520.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.engine.logs import log_of
from bsm.motives.stretch import Stretch, along, check_shares, operator


@dataclass(frozen=True, eq=False)
class Price:
    """The change of the mean of a trait, in units of the trait, split by stretch.

    Attributes:
        selection, drift: [stretch, draw].
        before, after: mean of the trait, [draw]; after - before = sum of selection and drift.
        shares: after the last stretch, [draw, motivation].
    """

    selection: Tensor
    drift: Tensor
    before: Tensor
    after: Tensor
    shares: Tensor

    @property
    def total_selection(self) -> Tensor:
        return self.selection.sum(0)

    @property
    def total_drift(self) -> Tensor:
        return self.drift.sum(0)


def price(shares: Tensor, stretches: Sequence[Stretch], trait: Tensor) -> Price:
    """The equation of Price between the start of the first stretch and the end of the last.

    Args:
        shares: before the first stretch, [draw, motivation], summing to one.
        stretches: phases, or parts of them, in their order; what varies within a phase (a mean-field drift) is several
            stretches.
        trait: what is averaged, [motivation] or [draw, motivation]: any finite numbers, for instance P(behaviour) under
            each motivation, or 1 for the members of a family and 0 for others.

    Raises:
        ValueError: shares that do not sum to one, a trait that is not finite, stretches of another number of
            motivations, or nothing left of the shares.

    >>> one = Stretch(torch.tensor([[0.2, 0.1]]).double().log(), torch.tensor([[[0.5, 0.5], [0.0, 1.0]]]).double())
    >>> parts = price(torch.tensor([[0.5, 0.5]]).double(), [one], torch.tensor([1.0, 0.0]))
    >>> parts.selection, parts.drift  # the first goes from 1/2 to 2/3, and half of that drifts away
    (tensor([[0.1667]], dtype=torch.float64), tensor([[-0.3333]], dtype=torch.float64))
    """
    z = trait.double()
    _check(shares, stretches, z)
    draws = torch.broadcast_shapes(
        shares.shape[:-1],
        z.shape[:-1],
        *(shape for s in stretches for shape in _batches(s)),
    )
    now = shares.double().expand(*draws, shares.shape[-1])
    z = z.expand(*draws, z.shape[-1])
    before, selection, drift = (now * z).sum(-1), [], []
    for stretch in stretches:
        now, selected, drifted = _of_stretch(now, stretch, z)
        selection.append(selected)
        drift.append(drifted)
    none = before.new_zeros(0, *draws)
    return Price(
        torch.stack(selection) if selection else none,
        torch.stack(drift) if drift else none,
        before,
        (now * z).sum(-1),
        now,
    )


def _of_stretch(shares: Tensor, stretch: Stretch, trait: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shares after a stretch, and its parts [draw]."""
    steps = torch.as_tensor(stretch.steps, dtype=torch.float64, device=shares.device).expand(shares.shape[:-1])
    weights = stretch.log_weights.double().expand_as(shares)
    if stretch.drift is None:  # all steps are one step of their whole strength
        parts = [_step(shares, _times(weights, steps), None, trait)]
    else:
        drift, whole = stretch.drift.double().expand(*shares.shape, -1), steps.floor()
        parts = [_whole(shares, weights, drift, whole.long(), trait)]
        if bool((rest := steps - whole).any()):
            partly = rest[..., None, None] * drift + torch.diag_embed((1 - rest)[..., None].expand_as(shares))
            parts.append(_step(parts[0][0], _times(weights, rest), partly, trait))
    if stretch.gate is not None:
        parts.append(_step(parts[-1][0], stretch.gate.double().expand_as(shares), None, trait))
    zero = torch.zeros_like(steps)
    return parts[-1][0], sum((part[1] for part in parts), zero), sum((part[2] for part in parts), zero)


def _step(shares: Tensor, log_weights: Tensor, drift: Tensor | None, trait: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    log_selected = log_of(shares) + log_weights
    _left(log_selected.detach().amax(-1) > -torch.inf)
    selected = log_selected.softmax(-1)
    after = selected if drift is None else (selected.unsqueeze(-2) @ drift).squeeze(-2)
    return after, ((selected - shares) * trait).sum(-1), ((after - selected) * trait).sum(-1)


def _whole(
    shares: Tensor, log_weights: Tensor, drift: Tensor, steps: Tensor, trait: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """As `_step` for each of a whole number of steps [draw], summed."""
    matrix, _ = operator(log_weights, drift)
    weights = (log_weights - log_weights.detach().amax(-1, keepdim=True)).exp().unsqueeze(-2)
    z, moves = trait.unsqueeze(-2), ((drift @ trait.unsqueeze(-1)).squeeze(-1) - trait).unsqueeze(-2)
    after, selection, drifted = (
        torch.zeros_like(shares),
        torch.zeros_like(shares[..., 0]),
        torch.zeros_like(shares[..., 0]),
    )
    for part in along(shares, matrix, int(steps.max())):
        number = torch.arange(part.shares.shape[-2], device=shares.device) + part.first
        last = steps.unsqueeze(-1)
        _left((part.log_mass > -torch.inf) | (number > last))
        after = after + (part.shares * (number == last).unsqueeze(-1)).sum(-2)
        selected = part.shares * weights
        total = selected.sum(-1, keepdim=True)
        selected = selected / total.masked_fill(total == 0, 1.0)
        counted = number < last
        selection = selection + (((selected - part.shares) * z).sum(-1) * counted).sum(-1)
        drifted = drifted + ((selected * moves).sum(-1) * counted).sum(-1)
    return after, selection, drifted


def _times(log_weights: Tensor, steps: Tensor) -> Tensor:
    """steps * log_weights, and no weight at all counts 0 times as 1."""
    steps = steps.unsqueeze(-1)
    return torch.where(steps == 0, 0.0, log_weights * steps.masked_fill(steps == 0, 1.0))


def _left(some: Tensor) -> None:
    if not bool(some.all()):
        raise ValueError(
            "nothing is left of the shares: every motivation with a share has weight zero (log_weights or gate -inf); "
            "selection that nobody passes cannot be conditioned on"
        )


def _batches(stretch: Stretch) -> tuple[torch.Size, ...]:
    found = [stretch.log_weights.shape[:-1], torch.as_tensor(stretch.steps).shape]
    if stretch.drift is not None:
        found.append(stretch.drift.shape[:-2])
    if stretch.gate is not None:
        found.append(stretch.gate.shape[:-1])
    return tuple(found)


def _check(shares: Tensor, stretches: Sequence[Stretch], trait: Tensor) -> None:
    states = shares.shape[-1] if shares.ndim else 0
    check_shares("the shares before the first stretch", shares)
    if not trait.ndim or trait.shape[-1] != states or not bool(trait.isfinite().all()):
        raise ValueError(f"the trait needs {states} finite numbers, one per motivation; got shape {tuple(trait.shape)}")
    for place, stretch in enumerate(stretches):
        if stretch.log_weights.shape[-1] != states:
            raise ValueError(
                f"stretch {place} has {stretch.log_weights.shape[-1]} motivations and the shares have {states}"
            )
