"""Weighted parameter draws given the rows up to some moment, from one proposal with a mode for each motivation.

Under one target (log prior + log weight of a draw) different motivations may explain the rows with different
parameters, so the proposal is a mixture of Student-t, one at the mode of each class of motivations and one as wide as
the prior; every draw is weighed by the density of the whole mixture (the balance heuristic).

Source: Veach & Guibas (1995), SIGGRAPH; Owen & Zhou (2000), JASA 95(449).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.inference.fits import TooFewEffective
from bsm.inference.importance import FEWEST_EFFECTIVE, Proposal, Sample, curvature, modes, refined, student_noise
from bsm.inference.over_time.account import Account
from bsm.inference.over_time.point_error import refuse_few_points
from bsm.inference.over_time.weights import Smooth, Weights, normalised

T = TypeVar("T", bound=tuple)
Classes = Sequence[Sequence[int]]
CLASS_DRAWS = 8
CHUNK = 256
TRIED = 128  # prior draws among which the search for modes begins
MORE = 8  # times as many, where none of them is possible or few count
LOST = 40.0  # effective draws under which modes are searched for anew
FEWER = 8  # draws of each component in the first look: so many times fewer
ATTEMPTS = 6
PRIOR_DRAWS = 2000  # where no row has anything to say
NEGLIGIBLE = 1e-5  # mass of a class that gets no component of its own


@dataclass(frozen=True, eq=False)
class Drawn:
    """Parameter draws given that some named motivation drives, and what they weigh at every target.

    `z` [draw, coordinate]; `log_base` [draw], log prior less the log density they came from; `smooth` where wanted.
    """

    z: Tensor
    log_base: Tensor
    weights: Weights
    smooth: Smooth | None = None

    def log_weights(self, target: int) -> Tensor:
        """Log importance weights for a target, [draw], whose mean is the evidence of the named motivations."""
        return self.log_base + self.weights.log_weight[:, target]

    def normalised(self, target: int) -> Tensor:
        """Importance weights that sum to one, [draw]; all zero if all are impossible."""
        return normalised(self.log_weights(target)[None])[0]

    def effective(self, target: int) -> float:
        """Effective number of draws; inf where nothing is uncertain."""
        if self.z.shape[1] == 0:
            return float("inf")
        return float(1 / (self.normalised(target) ** 2).sum().clamp_min(1e-300))

    def log_evidence(self, target: int) -> float:
        """log of the mean weight, nats."""
        values = self.log_weights(target)
        return float(log_sum(values)) - float(torch.tensor(float(len(values))).log())


def evaluated(account: Account, z: Tensor, smooth: bool) -> tuple[Weights, Smooth | None]:
    """What draws weigh, in chunks."""
    parts = z.split(CHUNK)
    with torch.no_grad():
        if not smooth:
            return _joined(Weights, [account.weights(account.space.theta(part)) for part in parts], parts), None
        both = [account.weights_and_smooth(account.space.theta(part)) for part in parts]
    return _joined(Weights, [w for w, _ in both], parts), _joined(Smooth, [s for _, s in both], parts)


def _joined(kind: type[T], found: Sequence[T], parts: Sequence[Tensor]) -> T:
    """Values of one chunk after the other, each with as many draws as its chunk."""
    columns = zip(*found, strict=True)
    return kind(*(torch.cat([v.expand(len(p), *v.shape[1:]) for v, p in zip(c, parts, strict=True)]) for c in columns))


def drawn(account: Account, target: int, draws: int, seed: int, smooth: bool = False) -> Drawn:
    """Enough effective draws for one target.

    Args:
        account: the rows.
        target: position among the account's targets; the last is now.
        draws: about how many, and at least an eighth of it per class of motivations that matters.
        seed: the same seed gives the same draws.
        smooth: also what they say of all moments given all rows.
    """
    d = len(account.space.names)
    if d == 0 or not account.moments:
        return _from_prior(account, target, 1 if d == 0 else max(PRIOR_DRAWS, draws), seed, smooth)
    classes = account.classes(target)
    components = _begin(account, target, classes, seed)
    few = max(draws // FEWER, 40)
    first = _sampled(account, components, [few] * len(components.centre), seed, False)
    matter, counts = _kept(first, classes, target, draws, few)
    components = components.only([*matter, len(classes)])
    best: Drawn | None = None
    for attempt in range(ATTEMPTS):
        found = _sampled(
            account, components, [c * 2 ** max(0, attempt - 1) for c in counts], seed + 1 + attempt, smooth
        )
        if best is None or found.effective(target) > best.effective(target):
            best = found
        if best.effective(target) >= FEWEST_EFFECTIVE:
            break
        if found.effective(target) < LOST:
            components, counts = _searched_again(account, found, components, target, classes, matter, counts)
        else:
            components = _refined(found, components, target)
    assert best is not None
    return best


def _from_prior(account: Account, target: int, count: int, seed: int, smooth: bool) -> Drawn:
    """Prior draws, and more of them where few reach the target."""
    for times in (1, MORE):
        z = account.space.prior_draws(times * count, seed + 2 + times)
        found = Drawn(z, torch.zeros(len(z), dtype=torch.float64), *evaluated(account, z, smooth))
        if found.effective(target) >= FEWEST_EFFECTIVE:
            break
    return found


def check(found: Drawn, target: int, what: str) -> None:
    """Refuse an answer from too few effective draws."""
    if (number := found.effective(target)) < FEWEST_EFFECTIVE:
        raise TooFewEffective(
            f"{what}: {number:.0f} effective draws, fewer than {FEWEST_EFFECTIVE:.0f}; ask for more `draws`, "
            "give fewer uncertain parameters, or narrower priors"
        )
    refuse_few_points(found.normalised(target), found.weights, target, what)


# --- the proposal ----------------------------------------------------------------------------------------


def _of_classes(weights: Weights, target: int, classes: Sequence[Sequence[int]]) -> Tensor:
    """Log weight of each class, [draw, class]."""
    return torch.stack([log_sum(weights.named[:, target][:, list(members)]) for members in classes], 1)


def _target(account: Account, target: int, classes: Classes, own: Sequence[int]) -> Callable[[Tensor], Tensor]:
    """log prior + log weight of one class each, for proposals [class, draw, coordinate]."""

    def value(z: Tensor) -> Tensor:
        count, draws, d = z.shape
        prior = account.space.log_prior(z.reshape(count * draws, d)).reshape(count, draws)
        return prior + account.by_class(z, target, classes, own)

    return value


def _begin(account: Account, target: int, classes: Classes, seed: int) -> Proposal:
    """A component at the mode of each class, and last one as wide as the prior, but for the noise of rows.

    Each search starts at the best of some prior draws and the prior median.
    """
    spread, count = account.space.spread(), len(classes)
    for times in (1, MORE, MORE**2):  # until one is possible
        tried = torch.cat([account.space.centre()[None], account.space.prior_draws(times * TRIED, seed + 10 + times)])
        weights = evaluated(account, tried, False)[0]
        if bool((weights.log_weight[:, target] > -torch.inf).any()):
            break
    starts = _best(account, target, classes, tried, weights)
    every = _target(account, target, classes, range(count))
    centres = modes(every, starts)
    found = Proposal(centres, curvature(every, centres, spread))
    values = every(centres[:, None])[:, 0]
    return _with_wide(account, found, int(torch.nan_to_num(values, nan=-torch.inf).argmax()), spread)


def _best(account: Account, target: int, classes: Classes, z: Tensor, weights: Weights) -> Tensor:
    """The draw at which each class's posterior density is highest, [class, coordinate]."""
    values = account.space.log_prior(z)[:, None] + _of_classes(weights, target, classes)
    return z[torch.nan_to_num(values, nan=-torch.inf).argmax(0)]


def _searched_again(
    account: Account,
    found: Drawn,
    components: Proposal,
    target: int,
    classes: Classes,
    matter: Sequence[int],
    counts: Sequence[int],
) -> tuple[Proposal, list[int]]:
    """More components, at modes next to the best draws; where hardly a draw counts the first modes were poor ones."""
    own = [classes[c] for c in matter]
    every = _target(account, target, own, range(len(own)))
    centres = modes(every, _best(account, target, own, found.z, found.weights))
    more = Proposal(centres, curvature(every, centres, account.space.spread()))
    joined = Proposal(torch.cat([more.centre, components.centre]), torch.cat([more.scale, components.scale]))
    return joined, [*([max(counts)] * len(own)), *counts]


def _with_wide(account: Account, found: Proposal, likeliest: int, spread: Tensor) -> Proposal:
    noise = list(account.noise)
    centre, covariance = account.space.centre().clone(), torch.diag(spread**2)
    near = found.scale[likeliest] @ found.scale[likeliest].T
    if noise:
        at = torch.tensor(noise)
        centre[at] = found.centre[likeliest][at]
        covariance[at[:, None], at] = 2.25 * near[at[:, None], at]
    wide = torch.linalg.cholesky(covariance)
    return Proposal(torch.cat([found.centre, centre[None]]), torch.cat([found.scale, wide[None]]))


def _sampled(account: Account, components: Proposal, counts: Sequence[int], seed: int, smooth: bool) -> Drawn:
    """Draws of every component, each weighed by the density of all."""
    d = components.centre.shape[-1]
    parts = [components.only([c]).draw(student_noise(n, d, seed + 101 * c))[0] for c, n in enumerate(counts)]
    z = torch.cat(parts)
    share = torch.tensor([float(c) for c in counts], dtype=torch.float64) / sum(counts)
    density = components.log_density(z.expand(len(counts), -1, -1)) + share.log()[:, None]
    return Drawn(z, account.space.log_prior(z) - log_sum(density, 0), *evaluated(account, z, smooth))


def _kept(first: Drawn, classes: Classes, target: int, draws: int, few: int) -> tuple[list[int], list[int]]:
    """The classes that matter after a first look, and how many draws each gets, the wide component last."""
    mass = normalised(log_sum(first.log_base[:, None] + _of_classes(first.weights, target, classes), 0)[None])[0]
    matter = [c for c in range(len(classes)) if float(mass[c]) > NEGLIGIBLE] or [0]
    counts = [max(few, int(2 * draws * float(mass[c]))) for c in matter]
    return matter, [*counts, few]


def _refined(found: Drawn, components: Proposal, target: int) -> Proposal:
    """Components moved towards the weighted draws that lie nearest to each."""
    density = components.log_density(found.z.expand(len(components.centre), -1, -1))
    belongs = torch.log_softmax(density, 0)
    weights = found.log_weights(target)[None] + belongs
    count = len(components.centre)
    moved = refined(Sample(found.z.expand(count, -1, -1), weights), components)
    return replace(moved, centre=torch.cat([moved.centre[:-1], components.centre[-1:]]),
                   scale=torch.cat([moved.scale[:-1], components.scale[-1:]]))  # fmt: skip
