"""What the passes over time are given: shapes that fit, probabilities that are some, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bsm.engine.errors import ImpossibleEvidence
from bsm.engine.temporal.floats import LARGEST

OnImpossible = Literal["raise", "mask"]
SUMS_TO = 1e-6  # how far from one a row of probabilities may sum


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain with evidence, or many of them.

    Axis 0 of each table counts what is given; `numbers` [sequence, 3] says which initial, which log-likelihoods and
    which transition each sequence of the batch takes.
    """

    initial: Tensor  # [any, state]
    transition: Tensor  # [any, 1 or time - 1, state, state]
    log_likelihood: Tensor  # [any, time, state]
    numbers: Tensor  # [sequence, 3], on the CPU
    batch: tuple[int, ...]
    smallest: float  # the smallest positive probability

    @property
    def needs_torch(self) -> bool:
        """Whether a gradient is wanted or the tables lie on an accelerator."""
        tables = (self.initial, self.transition, self.log_likelihood)
        return self.initial.device.type != "cpu" or (torch.is_grad_enabled() and any(x.requires_grad for x in tables))

    def on_cpu(self) -> Chain:
        """The same on the CPU."""
        initial, transition, seen = (x.detach().cpu() for x in (self.initial, self.transition, self.log_likelihood))
        return Chain(initial, transition, seen, self.numbers, self.batch, self.smallest)


class Passed(NamedTuple):
    """What a pass over time found; sequences count along axis 0."""

    filtered: Tensor  # [sequence, time, state]
    smoothed: Tensor | None
    log_evidence: Tensor  # [sequence]
    doubtful: Tensor  # [sequence], whether a possible state fell below TINY of the others
    impossible: Tensor  # [sequence]


def chain(initial: Tensor, transition: Tensor, log_likelihood: Tensor, varying: bool | None) -> Chain:
    """The inputs of `smooth` with their batch axes lined up and flattened.

    Raises:
        ValueError: shapes, devices or numbers that cannot be meant.
    """
    states = _states(initial, transition)
    if log_likelihood.ndim < 2 or log_likelihood.shape[-1] != states or not log_likelihood.shape[-2]:
        raise ValueError(
            f"log_likelihood needs shape [..., time, {states}] with at least one time step, for initial has {states} "
            f"states; got {tuple(log_likelihood.shape)}"
        )
    steps = log_likelihood.shape[-2]
    given = (initial.shape[:-1], log_likelihood.shape[:-2])
    varying = varies(transition.shape, steps - 1, *given) if varying is None else varying
    if varying and (transition.ndim < 3 or transition.shape[-3] != steps - 1):
        raise ValueError(
            f"with varying=True, {steps} time steps need transition [..., {steps - 1}, {states}, {states}], one table "
            f"from each step to the next; got {tuple(transition.shape)}"
        )
    lead = transition.shape[: -3 if varying else -2]
    batch = lined_up(initial=given[0], transition=lead, log_likelihood=given[1])
    smallest = min(_checked(initial, "initial"), _checked(transition, "transition"))
    if steps == 1:  # no step is taken: any table will do
        steps_given = torch.eye(states, dtype=torch.float64, device=initial.device).reshape(1, 1, states, states)
        lead = torch.Size()
    else:
        steps_given = transition.double().reshape(lead.numel(), -1, states, states)
    if len({x.device for x in (initial, transition, log_likelihood)}) > 1:
        raise ValueError(
            f"initial lies on {initial.device}, transition on {transition.device} and log_likelihood on "
            f"{log_likelihood.device}; move them to one device"
        )
    return Chain(
        initial=initial.double().reshape(-1, states),
        transition=steps_given,
        log_likelihood=log_likelihood.double().reshape(given[1].numel(), steps, states),
        numbers=torch.stack([_places(shape, batch) for shape in (given[0], given[1], lead)], dim=1),
        batch=tuple(batch),
        smallest=smallest,
    )


def varies(shape: torch.Size, steps: int, initial: torch.Size, evidence: torch.Size) -> bool:
    """Whether axis -3 of a transition of this shape counts the steps in time: it has as many entries as they.

    Args:
        initial, evidence: the batch axes of the other inputs.

    Raises:
        ValueError: it could as well be a batch axis, because another input has one of that size. One table for each
            step and nothing more, beside an `initial` without batch axes, is what `smooth` states first and no doubt.
    """
    if len(shape) < 3 or shape[-3] != steps:
        return False
    plain = len(shape) == 3 and not initial
    if steps > 1 and not plain and any(batch and batch[-1] == steps for batch in (initial, evidence)):
        raise ValueError(
            f"transition {tuple(shape)} could be one table for each of the {steps} steps in time, or one for each of "
            f"{steps} sequences of the batch; say varying=True or varying=False"
        )
    return True


def lined_up(**shapes: torch.Size) -> torch.Size:
    """The batch that these shapes make together."""
    try:
        return torch.Size(np.broadcast_shapes(*shapes.values()))  # torch's own loads SymPy at the first call
    except ValueError:
        listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        raise ValueError(f"the batch axes do not fit together: {listed}; each must be equal, 1 or absent") from None


def _states(initial: Tensor, transition: Tensor) -> int:
    if initial.ndim < 1 or not initial.shape[-1]:
        raise ValueError(f"initial needs shape [..., state] with at least one state; got {tuple(initial.shape)}")
    states = initial.shape[-1]
    if transition.ndim < 2 or transition.shape[-2:] != (states, states):
        raise ValueError(
            f"transition needs shape [..., {states}, {states}], [now, next], for initial has {states} states; got "
            f"{tuple(transition.shape)}"
        )
    return states


def _checked(table: Tensor, name: str) -> float:
    """The smallest positive entry (1 if none) of a table whose last axis holds probabilities."""
    if not table.is_floating_point():
        raise ValueError(f"{name} is {table.dtype}; give probabilities as torch.float64")
    table = table.detach()
    if not table.numel():
        return 1.0
    sums, low = table.sum(-1, dtype=torch.float64), float(table.min())
    least, most = (float(x) for x in sums.aminmax())
    if low >= 0 and least >= 1 - SUMS_TO and most <= 1 + SUMS_TO:  # none of them holds for NaN
        return low if low > 0 else float(torch.where(table > 0, table, 1.0).min())
    off = ((sums - 1).abs() <= SUMS_TO).logical_not()
    where = off.nonzero() if low >= 0 else (table < 0).any(-1).nonzero()
    place = tuple(int(i) for i in (where if len(where) else off.nonzero())[0])
    at = f"[{', '.join(map(str, place))}]" if place else ""
    raise ValueError(
        f"{name}{at} is {table[place].tolist()}; the last axis must hold probabilities that sum to one within "
        f"{SUMS_TO:g} (normalise them where they are made)"
    )


def checked(initial: Tensor, transition: Tensor) -> int:
    """The number of states of two tables of probabilities.

    Raises:
        ValueError: shapes or numbers that cannot be meant.
    """
    states = _states(initial, transition)
    _checked(initial, "initial")
    _checked(transition, "transition")
    return states


def _places(shape: torch.Size, batch: torch.Size) -> Tensor:
    """For each member of the batch, in row-major order, its place among the members of `shape`."""
    if shape.numel() == 1:
        return torch.zeros(batch.numel(), dtype=torch.int64)
    return torch.arange(shape.numel()).reshape(shape).expand(batch).reshape(-1)


def name_of(chain: Chain, sequence: int) -> str:
    """How to speak of one sequence of the batch."""
    if not chain.batch:
        return "the sequence"
    place = torch.unravel_index(torch.tensor(sequence), chain.batch)
    return f"the sequence at batch index ({', '.join(str(int(i)) for i in place)})"


def refuse_unfit(chain: Chain, sequence: int | None = None) -> None:
    """Raise ValueError if a log-likelihood, of this sequence or of any, is NaN, +inf or beyond LARGEST."""
    if sequence is None:
        odd = _unfit(chain.log_likelihood).any(-1).any(-1).cpu()
        found = odd[chain.numbers[:, 1]].nonzero()
        if not len(found):
            return
        sequence = int(found[0])
    row = chain.log_likelihood[chain.numbers[sequence, 1]].detach()
    t, k = (int(i) for i in _unfit(row).nonzero()[0])
    raise ValueError(
        f"{name_of(chain, sequence)} has log_likelihood {float(row[t, k])} at time step {t}, state {k}; give "
        f"log P(evidence | state) in nats, at most {LARGEST:g} in size, -inf where the state excludes it, 0 for all "
        f"states where nothing was seen"
    )


def _unfit(x: Tensor) -> Tensor:
    return ~((x.abs() <= LARGEST) | (x == -torch.inf))


def refuse_impossible(chain: Chain, sequences: list[int]) -> None:
    """Raise ImpossibleEvidence for sequences whose evidence has probability zero."""
    time, could, seen = dead_end(chain, sequences[0])
    says = f"its evidence allows states {seen}" if seen else "its evidence allows no state"
    many = f"{len(sequences)} of {len(chain.numbers)} sequences cannot happen under this chain, the first: "
    raise ImpossibleEvidence(
        f"{many if chain.batch else ''}{name_of(chain, sequences[0])} ends at time step {time}, where states {could} "
        f"were possible and {says}. Look for a zero in initial or transition, or for -inf in log_likelihood; "
        f"on_impossible='mask' answers the other sequences"
    )


def dead_end(chain: Chain, sequence: int) -> tuple[int, list[int], list[int]]:
    """The first impossible time step, the states possible before its evidence, and those that its evidence allows."""
    own, row, step = chain.numbers[sequence].tolist()
    allowed = chain.log_likelihood[row].detach().cpu() > -torch.inf
    routes = (chain.transition[step].detach().cpu() > 0).double()
    reached = chain.initial[own].detach().cpu() > 0
    for time, seen in enumerate(allowed):
        if not (reached & seen).any():
            return time, reached.nonzero().flatten().tolist(), seen.nonzero().flatten().tolist()
        reached = ((reached & seen).double() @ routes[min(time, len(routes) - 1)]) > 0
    raise AssertionError(f"{name_of(chain, sequence)} is possible")
