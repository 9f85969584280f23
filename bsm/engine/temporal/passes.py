"""Hidden Markov chains: what is known at each time step of a state that moves, from evidence at any steps.

Time runs along axis -2 and states along axis -1, in every argument and answer. All leading axes are batch axes (AIs,
checkpoints, parameter draws) and are broadcast against each other. `transition[..., i, j]` is P(next state j | state
i now); the evidence of step t is `log_likelihood[..., t, k]` = log P(evidence at t | state k), in nats, up to a
constant, which then adds to the log evidence; -inf excludes a state, zeros mean that nothing was seen. Evidence at
step 0 acts on `initial`.

A transition [..., state, state] holds at every step; one [..., time - 1, state, state] has its own table for each
step. Where axis -3 has time - 1 entries it counts the steps. If another input has a batch axis of that size too, that
is an error, but for one case: [time - 1, state, state] beside an initial [state] always counts steps. `varying` says
it outright, and code that batches transitions should.

On the CPU and without gradients the loops are compiled. With gradients, or on an accelerator, they are torch
expressions. In both, a state that is possible is never rounded to zero and lost: where float64 would lose one, that
sequence is done again in numbers whose exponent has no bound (compiled) or in logs (torch, where log-likelihoods
add up to 1e10 nats or more their rounding shows: 1e-6 relative at 1e10).

Source: Rabiner (1989), Proc. IEEE 77:257-286, sections III and V.A (scaling).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bsm.engine.temporal import compiled, differentiable
from bsm.engine.temporal.inputs import Chain, OnImpossible, chain, checked, lined_up, refuse_impossible, refuse_unfit
from bsm.engine.temporal.powers import moved

__all__ = ["Filtered", "Path", "Smoothed", "filter", "path", "predict", "sample", "smooth"]


class Smoothed(NamedTuple):
    """Answers of `smooth`."""

    filtered: Tensor  # [..., time, state], P(state at t | evidence up to t)
    smoothed: Tensor  # [..., time, state], P(state at t | all evidence)
    log_evidence: Tensor  # [...], log P(all evidence) in nats


class Filtered(NamedTuple):
    """Answers of `filter`."""

    filtered: Tensor  # [..., time, state], P(state at t | evidence up to t)
    log_evidence: Tensor  # [...], log P(all evidence) in nats


class Path(NamedTuple):
    """Answers of `path`."""

    states: Tensor  # [..., time], integer
    log_joint: Tensor  # [...], log P(these states and the evidence) in nats


def smooth(
    initial: Tensor,
    transition: Tensor,
    log_likelihood: Tensor,
    *,
    varying: bool | None = None,
    on_impossible: OnImpossible = "raise",
) -> Smoothed:
    """P(state at t | evidence up to t) and P(state at t | all evidence), for every t, and log P(all evidence).

    Args:
        initial: [..., state], P(state at step 0) before its evidence.
        transition: [..., state, state] or [..., time - 1, state, state], rows summing to one.
        log_likelihood: [..., time, state], in nats; -inf allowed.
        varying: whether axis -3 of transition counts steps; told from its size where not given.
        on_impossible: "raise", or "mask": a sequence whose evidence has probability zero gets probabilities 0 and
            log evidence -inf, and the others their answers.

    Raises:
        ValueError: shapes that do not fit, probabilities that are none, a log-likelihood that is NaN, +inf or over
            1e11 in size.
        ImpossibleEvidence: evidence of probability zero; names the sequence, the step and the possible states.

    >>> half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    >>> stay = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    >>> seen = torch.tensor([[0.0, 0.0], [0.8, 0.2]], dtype=torch.float64).log().nan_to_num(neginf=0.0)
    >>> smooth(half, stay, seen).smoothed
    tensor([[0.7400, 0.2600],
            [0.8000, 0.2000]], dtype=torch.float64)
    """
    given = chain(initial, transition, log_likelihood, varying)
    filtered, smoothed, total = _passed(given, True, on_impossible)
    assert smoothed is not None
    return Smoothed(filtered, smoothed, total)


def filter(
    initial: Tensor,
    transition: Tensor,
    log_likelihood: Tensor,
    *,
    varying: bool | None = None,
    on_impossible: OnImpossible = "raise",
) -> Filtered:
    """P(state at t | evidence up to t), for every t, and log P(all evidence); arguments as in `smooth`."""
    given = chain(initial, transition, log_likelihood, varying)
    filtered, _, total = _passed(given, False, on_impossible)
    return Filtered(filtered, total)


def path(
    initial: Tensor,
    transition: Tensor,
    log_likelihood: Tensor,
    *,
    varying: bool | None = None,
    on_impossible: OnImpossible = "raise",
) -> Path:
    """The single most probable sequence of states given all evidence; arguments as in `smooth`.

    Among paths that tie, the one whose states come first. `log_joint` minus the log evidence of `filter` is log
    P(path | evidence). Computed on the CPU; no gradient. An impossible sequence that is masked gets states -1 and -inf.
    """
    given = chain(initial, transition, log_likelihood, varying)
    states, joint = compiled.most_probable(_arrays(given))
    if on_impossible == "raise" and np.isneginf(joint).any():
        refuse_impossible(given, np.flatnonzero(np.isneginf(joint)).tolist())
    found = torch.from_numpy(states).reshape(*given.batch, states.shape[-1]), torch.from_numpy(joint)
    device = given.initial.device
    return Path(found[0].to(device), found[1].reshape(given.batch).to(device))


def sample(
    initial: Tensor,
    transition: Tensor,
    log_likelihood: Tensor,
    count: int,
    seed: int | torch.Generator,
    *,
    varying: bool | None = None,
    on_impossible: OnImpossible = "raise",
) -> Tensor:
    """Paths drawn independently from P(states | all evidence), integers [count, ..., time]; for others see `smooth`.

    Args:
        seed: a number, or a generator on the CPU, whose state then moves on. The same seed gives the same paths.

    Computed on the CPU; no gradient. An impossible sequence that is masked gets states -1.
    """
    given = chain(initial, transition, log_likelihood, varying)
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    shape = (count, len(given.numbers), given.log_likelihood.shape[1])
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    states = compiled.drawn(_arrays(given), uniform.numpy())
    if on_impossible == "raise" and (states < 0).any():
        refuse_impossible(given, np.unique(np.nonzero(states < 0)[1]).tolist())
    return torch.from_numpy(states).reshape(count, *given.batch, shape[-1]).to(given.initial.device)


def predict(initial: Tensor, transition: Tensor, steps: int | Sequence[int], *, varying: bool = False) -> Tensor:
    """P(state after so many steps) where nothing is seen on the way; a million steps take about twenty products.

    Args:
        initial: [..., state], P(state now), for instance the last filtered row.
        transition: [..., state, state]; or, with varying=True, [..., time, state, state], one table per step.
        steps: at least 0, a number or several.

    Returns:
        [..., state] for one number of steps; [..., number, state] for several, in their order.
    """
    checked(initial, transition)
    several = isinstance(steps, Sequence)
    wanted = list(steps) if isinstance(steps, Sequence) else [steps]
    if not wanted or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in wanted):
        raise ValueError(f"steps is {steps}; it is a whole number of at least 0, or a sequence of them")
    if varying and (transition.ndim < 3 or transition.shape[-3] < max(wanted)):
        raise ValueError(
            f"{max(wanted)} steps need as many tables, [..., time, state, state]; got {tuple(transition.shape)}"
        )
    batch = lined_up(initial=initial.shape[:-1], transition=transition.shape[: -3 if varying else -2])
    now, at, found = initial.double().expand(*batch, -1), 0, {}
    for n in sorted(set(wanted)):
        if varying:
            for t in range(at, n):
                now = (now.unsqueeze(-2) @ transition[..., t, :, :].double()).squeeze(-2)
        else:
            now = moved(now, transition, n - at).weights
        at, found[n] = n, now
    return torch.stack([found[n] for n in wanted], dim=-2) if several else found[wanted[0]]


def _arrays(given: Chain) -> compiled.Arrays:
    return compiled.Arrays(given.on_cpu())


def _passed(given: Chain, both: bool, on_impossible: OnImpossible) -> tuple[Tensor, Tensor | None, Tensor]:
    """Filtered, smoothed and log evidence with their batch axes; impossible sequences refused or masked."""
    if on_impossible not in ("raise", "mask"):
        raise ValueError(f"on_impossible is {on_impossible!r}; it is 'raise' or 'mask'")
    if given.needs_torch:
        refuse_unfit(given)
        found = differentiable.passed(given, both)
    else:
        found = compiled.passed(_arrays(given), both)
    impossible = found.impossible
    filtered, smoothed, total = found.filtered, found.smoothed, found.log_evidence
    if bool(impossible.any()):
        if on_impossible == "raise":
            refuse_impossible(given, impossible.nonzero().flatten().tolist())
        total = total.masked_fill(impossible, -torch.inf)
        filtered = filtered.masked_fill(impossible.reshape(-1, 1, 1), 0.0)
        smoothed = None if smoothed is None else smoothed.masked_fill(impossible.reshape(-1, 1, 1), 0.0)
    shape = (*given.batch, *given.log_likelihood.shape[-2:])
    smoothed = None if smoothed is None else smoothed.reshape(shape)
    return filtered.reshape(shape), smoothed, total.reshape(given.batch)
