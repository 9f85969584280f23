"""Shares of influence as selection grows: a sweep of eta times n over decades, under either dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsm.inference.parameters import Space
from bsm.motives.course import course
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, Ref, SpecError

DECADES = 3  # that a sweep covers at least, on its own
PER_DECADE = 8
DRAWN, SEED = 100_000, 0  # from the prior of eta n, for its ends
SWEPT = "selections of the phase that is swept"  # no name of a parameter in a file has blanks


@dataclass(frozen=True, eq=False)
class Sweep:
    """Shares now, as the selections of one phase vary and everything else stays.

    `selection` [value] is eta times n of the phase at the central eta; `shares` [value, draw, motivation].
    """

    phase: str
    selection: Tensor
    shares: Tensor
    motivations: tuple[str, ...]
    dynamics: str
    reading: str


def sweep(
    model: Model,
    phase: str | None = None,
    values: Sequence[float] | None = None,
    theta: Theta | None = None,
    dynamics: str | None = None,
) -> Sweep:
    """Shares of influence now, at each amount of selection in one phase.

    Args:
        model: the model, with or without overlays.
        phase: whose selections vary; the one with the most, at prior medians, when absent.
        values: of eta times n, each above 0; when absent, eight per decade, from a tenth of the low end to ten times
            the high end of the model's own eta n (central 90 % of its prior, whatever `theta` is), and at least three
            decades.
        theta: parameter draws; prior medians when absent.
        dynamics: of all phases, instead of the file's own.

    Raises:
        SpecError: a model without selection, an unknown phase, or values that are not above 0.
    """
    theta = theta or central(model)
    middle = central(model)
    names = [p.name for p in model.phases]
    if not any(float(middle.of(p.selections)) > 0 for p in model.phases):
        raise SpecError(f"{model.name} has no phase with selections, so nothing can be swept")
    if phase is not None and phase not in names:
        raise SpecError(f"{phase!r} is not a phase of {model.name}; it has {names}")
    most = max(model.phases, key=lambda p: float(middle.of(p.selections)))
    at = names.index(phase or most.name)
    eta = float(middle.of(model.phases[at].eta))
    if eta <= 0:
        raise SpecError(f"phase {names[at]} has eta 0, so its selections change nothing")
    wanted = torch.tensor(values, dtype=torch.float64) if values is not None else _values(model, at)
    if not len(wanted) or not bool(((wanted > 0) & wanted.isfinite()).all()):
        raise SpecError(f"values of eta n are above 0 and finite; got {wanted.tolist()}")
    own = course(*_at_once(model, theta, at, wanted / eta), dynamics)
    draws = theta.draws
    shares = own.shares().expand(len(wanted) * draws, -1).reshape(len(wanted), draws, -1)
    return Sweep(names[at], wanted, shares, tuple(model.motivations), own.dynamics, own.reading)


def _at_once(model: Model, theta: Theta, at: int, selections: Tensor) -> tuple[Model, Theta]:
    """The model with the selections of a phase as one more parameter, and draws [value x draw]."""
    phases = list(model.phases)
    phases[at] = replace(phases[at], selections=Ref(SWEPT))
    draws, count = theta.draws, len(selections)
    values = {n: v.expand(draws).repeat(count) if len(v) > 1 else v for n, v in theta.values.items()}
    return replace(model, phases=tuple(phases)), Theta({**values, SWEPT: selections.repeat_interleave(draws)})


def _values(model: Model, at: int) -> Tensor:
    """Spread evenly in logs around the model's own range."""
    low, high = _own(model, at)
    ends = torch.tensor([low / 10, high * 10], dtype=torch.float64).log10()
    short = DECADES - float(ends[1] - ends[0])
    if short > 0:
        ends = ends + torch.tensor([-short / 2, short / 2], dtype=torch.float64)
    count = int(torch.ceil((ends[1] - ends[0]) * PER_DECADE)) + 1
    return torch.logspace(float(ends[0]), float(ends[1]), count, dtype=torch.float64)


def _own(model: Model, at: int) -> tuple[float, float]:
    """The central 90 % of eta n of a phase under the prior; 1 where it has no selections."""
    phase = model.phases[at]
    used = dict.fromkeys(n.parameter for n in (phase.selections, phase.eta) if isinstance(n, Ref))
    space = Space.of({name: model.parameters[name] for name in used})
    theta = space.theta(space.prior_draws(DRAWN if space.names else 1, SEED))
    amount = theta.of(phase.selections) * theta.of(phase.eta)
    amount = amount[amount > 0]
    if not len(amount):
        return 1.0, 1.0
    low, high = amount.quantile(torch.tensor([0.05, 0.95], dtype=torch.float64)).tolist()
    return low, high
