"""What is asked inside a phase of uncertain length is given that the phase has so many selections.

Draws of the parameters in which the step never happens then have no say: not of the motivations, nor of none_of_these,
nor of the bands, nor of a forecast. Draws that reach it are kept; the others are made anew from those that reach it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsm.inference.importance import FEWEST_EFFECTIVE
from bsm.inference.over_time.draws import check, drawn
from bsm.inference.over_time.mixed import Banded, Mixed, quantiles
from bsm.inference.over_time.shares import refuse_unreached
from bsm.inference.over_time.weights import Weights


@dataclass(frozen=True, eq=False)
class Smoothed:
    """One asked moment given all rows: `at` it; the draws [pooled, coordinate] behind its draws; P(reached | rows).

    `given`: whether those draws are others than where nothing is asked.
    """

    at: Banded
    pooled: Tensor
    reached: float
    given: bool


def smoothed(mixed: Mixed, a: int, draws: int) -> Smoothed:
    """P(motivation | all rows, all selection, the moment is reached) at one asked moment.

    Args:
        mixed: the posterior given all rows.
        a: number of the asked moment.
        draws: as `bsm.posterior` has it, where too few draws reach the moment.

    Raises:
        SpecError: no draw reaches it. TooFewEffective: too few do.
    """
    account = mixed.account
    reach = mixed.reaches(a)
    if bool(reach.all()) and bool(mixed.pooled_reaches(a).all()):
        return Smoothed(mixed.smoothed(a), mixed.pooled, 1.0, False)
    one, last = account.asked[a], mixed.target
    there = account.reaching(a)
    found = replace(mixed.found, weights=_only(mixed.found.weights, reach))
    if found.effective(last) < FEWEST_EFFECTIVE:
        found = drawn(there, last, draws, mixed.seed, smooth=True)
        refuse_unreached(one.label, found.weights.reached[:, last])
        check(found, last, f"smoothed at {one.label}")
    given = Mixed(there, found, last, mixed.seed)
    return Smoothed(*_filled(mixed, given, a), min(1.0, math.exp(given.log_evidence - mixed.log_evidence)), True)


def _only(weights: Weights, reach: Tensor) -> Weights:
    """The same where the last target counts only in some draws."""
    named, none, reached = weights.named.clone(), weights.none.clone(), weights.reached.clone()
    named[~reach, -1], none[~reach, -1], reached[~reach, -1] = -torch.inf, -torch.inf, False
    return weights._replace(named=named, none=none, reached=reached)


def _filled(mixed: Mixed, given: Mixed, a: int) -> tuple[Banded, Tensor]:
    """The pooled draws that reach the moment as they are, and in place of the others draws given that it is reached."""
    kept, own, other = mixed.pooled_reaches(a), mixed.smoothed(a), given.smoothed(a)
    values = torch.where(kept[:, None], torch.from_numpy(own.draws), torch.from_numpy(other.draws))
    return quantiles(other.mean, values.numpy()), torch.where(kept[:, None], mixed.pooled, given.pooled)
