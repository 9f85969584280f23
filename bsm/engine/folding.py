"""From a network over time to a chain over time: all but the state is summed out, slice by slice.

The state of the chain is what one slice hands to the next. What is seen in a slice becomes a likelihood of its state.
So `smooth`, `filter`, `path` and `sample` answer networks with several hidden variables per slice, feedback between
them, and tables that differ by slice, in time linear in the number of slices.

Source: the interface of a slice: Murphy (2002), *Dynamic Bayesian Networks*, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor

from bsm.engine.elimination import conditional
from bsm.engine.errors import TooLarge
from bsm.engine.query import compile
from bsm.network.sliced import Sliced
from bsm.network.surgery import free
from bsm.network.tables import Network, NetworkError

MOST_STATES = 4096
MOST_ROWS = 2**20  # asked at once of one slice


@dataclass(frozen=True, eq=False)
class Folded:
    """A network over time as a chain: `bsm.engine.smooth(*folded.inputs, varying=folded.varying)` answers it.

    Attributes:
        state: the variables that make the state, the last one running fastest.
        sizes: how many states each has.
        initial: [state], P(state of slice 0).
        transition: [time - 1, state, state]; or [state, state] where all steps are alike (`varying` says which).
        log_likelihood: [row, time, state], log P(what the row saw in this slice | state), in nats.

    With several parameter draws all have a leading axis of draws, [draw, 1, ...] and [draw, row, ...].
    """

    state: tuple[str, ...]
    sizes: tuple[int, ...]
    initial: Tensor
    transition: Tensor
    log_likelihood: Tensor
    varying: bool

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Arguments of `smooth`, `filter`, `path` and `sample`."""
        return self.initial, self.transition, self.log_likelihood

    def marginal(self, probabilities: Tensor, name: str) -> Tensor:
        """Probabilities of one variable of the state, [..., its states], from those of the state [..., state]."""
        kept = self._position(name)
        split = probabilities.unflatten(-1, self.sizes)
        others = [i - len(self.sizes) for i in range(len(self.sizes)) if i != kept]
        return split.sum(others) if others else split

    def codes(self, states: Tensor, name: str) -> Tensor:
        """States of one variable, integers, from those of the state, as `path` and `sample` give them; -1 stays."""
        after = math.prod(self.sizes[self._position(name) + 1 :])
        found = states.div(after, rounding_mode="floor") % self.sizes[self._position(name)]
        return torch.where(states < 0, states, found)

    def _position(self, name: str) -> int:
        if name not in self.state:
            raise NetworkError(f"{name!r} is not in the state, which is {list(self.state)}; fold with keep={[name]}")
        return self.state.index(name)


def fold(
    sliced: Sliced,
    rows: Tensor | Sequence[Mapping[str, str]],
    seen: Sequence[str] = (),
    *,
    keep: Sequence[str] = (),
    max_bytes: int | None = None,
) -> Folded:
    """A network over time with rows of evidence as a chain over time.

    Args:
        sliced: the network.
        rows: codes [row, time, seen], positions of states, -1 for a blank; or mappings from `influence__t3` (or
            `influence[3]`) to states, in which case `seen` is read off them.
        seen: the variables observed in some slice, in the order of the last axis of codes.
        keep: variables to have in the state beside those that must be, because they are asked about.
        max_bytes: memory that one query of a slice may use; a quarter of the machine's where not given.

    Returns:
        The chain. Its state is what the next slice depends on, `keep`, and what was seen and depends on the slice
        before even where this state is known.

    Raises:
        NetworkError: a state variable that some slice lacks, unknown variables, codes that do not fit.
        TooLarge: over MOST_STATES states, or an intermediate table over `max_bytes`.
    """
    seen, codes = _read(sliced, rows, tuple(seen))
    codes = codes.to(sliced.first.device)
    state = _state(sliced, seen, tuple(keep))
    sizes = tuple(len(sliced.variables[n].states) for n in state)
    if (count := math.prod(sizes)) > MOST_STATES:
        named = ", ".join(f"{n} ({k})" for n, k in zip(state, sizes, strict=True))
        raise TooLarge(f"the state of the chain, {named}, has {count:,} values; at most {MOST_STATES:,} are accepted")
    seers = {id(n): _Slice(sliced, n, state, seen, max_bytes) for n in sliced.distinct}
    in_time = [seers[id(sliced.network(t))] for t in range(sliced.steps)]
    draws = max(s.network.draws for s in seers.values())
    likelihood = codes.new_empty((draws, *codes.shape[:2], count), dtype=torch.float64)
    for seer in seers.values():
        there = [t for t, s in enumerate(in_time) if s is seer]
        likelihood[:, :, there] = seer.log_likelihood(codes[:, there], there)
    initial, steps = in_time[0].step[:, 0], [s.step for s in in_time[1:]]
    varying = len({id(network) for network in sliced.later}) != 1
    if not varying:
        transition = steps[0]
    elif steps:
        transition = torch.stack(torch.broadcast_tensors(*steps), 1)
    else:
        transition = initial.new_empty((1, 0, count, count))
    if draws == 1:
        return Folded(state, sizes, initial[0], transition[0], likelihood[0], varying)
    return Folded(state, sizes, initial[:, None], transition[:, None], likelihood, varying)


def _read(sliced: Sliced, rows: object, seen: tuple[str, ...]) -> tuple[tuple[str, ...], Tensor]:
    if not isinstance(rows, Tensor):
        found, codes = sliced.codes(rows)  # type: ignore[arg-type]
        if seen and set(found) - set(seen):
            raise NetworkError(f"rows observe {sorted(set(found) - set(seen))}, which are not among {list(seen)}")
        return found, codes
    if unknown := [n for n in seen if n not in sliced.variables]:
        raise NetworkError(f"{unknown} are in no slice; the variables are {list(sliced.variables)[:12]}")
    if rows.ndim != 3 or rows.shape[1:] != (sliced.steps, len(seen)) or rows.is_floating_point():
        raise NetworkError(
            f"codes are integers [row, {sliced.steps} slices, {len(seen)} seen: {list(seen)}]; got {rows.dtype} "
            f"{list(rows.shape)}"
        )
    for j, name in enumerate(seen):
        states = len(sliced.variables[name].states)
        low, high = (int(x) for x in rows[..., j].aminmax()) if rows[..., j].numel() else (-1, -1)
        if low < -1 or high >= states:
            raise NetworkError(
                f"codes of {name} run from {low} to {high}; they are 0 to {states - 1}, and -1 for a blank"
            )
    return seen, rows


def _state(sliced: Sliced, seen: tuple[str, ...], keep: tuple[str, ...]) -> tuple[str, ...]:
    """What must be in the state, in the order in which variables are listed."""
    if unknown := [n for n in keep if n not in sliced.variables]:
        raise NetworkError(f"keep names {unknown}; the variables are {list(sliced.variables)[:12]}")
    later = [n for n in sliced.distinct if n is not sliced.first]
    needed = {sliced.before[s] for n in later for s in sliced.stand_ins(n) if _has_children(n, s)} | set(keep)
    while hanging := {n for network in later for n in _hanging(sliced, network, seen, needed)}:
        needed |= hanging
    for t in range(sliced.steps):
        if lacking := [n for n in needed if n not in sliced.own(t)]:
            raise NetworkError(f"{lacking} must be in the state of the chain, and slice {t} lacks it; add it there")
    return tuple(n for n in sliced.variables if n in needed)


def _has_children(network: Network, name: str) -> bool:
    return any(name in table.parents for table in network.tables.values())


def _hanging(sliced: Sliced, network: Network, seen: tuple[str, ...], state: set[str]) -> set[str]:
    """What is seen here and depends on the slice before although the state is known."""
    graph = nx.DiGraph((p, child) for child, table in network.tables.items() for p in table.parents)
    graph.add_nodes_from(network.variables)
    before, given = set(sliced.stand_ins(network)), state & set(network.variables)
    asked = [n for n in seen if n in network.variables and n not in state]
    return {n for n in asked if not nx.is_d_separator(graph, {n}, before, given)} if before else set()


class _Slice:
    """One network of the slices: its step [draw, state before, state], and how well states explain what was seen."""

    def __init__(
        self, sliced: Sliced, network: Network, state: tuple[str, ...], seen: tuple[str, ...], max_bytes: int | None
    ) -> None:
        stands = sliced.stand_ins(network)
        self.network, self.max_bytes = free(network, stands), max_bytes
        self.state, self.all_seen = state, seen
        self.seen = tuple(n for n in seen if n in network.variables and n not in sliced.before)
        self.names = (*state, *(n for n in self.seen if n not in state))
        self.states = _configurations([len(sliced.variables[n].states) for n in state]).to(network.device)
        handed = tuple(n for n in stands if sliced.before[n] in state)
        table = conditional(self.network, state, handed, max_bytes=max_bytes)
        index = self.states.new_zeros(len(self.states))
        for name in handed:
            codes = self.states[:, state.index(sliced.before[name])]
            index = index * len(network.variables[name].states) + codes
        self.step = table.reshape(table.shape[0], -1, len(self.states))[:, index]

    def log_likelihood(self, codes: Tensor, slices: Sequence[int]) -> Tensor:
        """log P(seen | state), [draw, row, slice, state], of codes [row, slice, all seen]."""
        here = [self.all_seen.index(n) for n in self.seen]
        gone = [j for j in range(len(self.all_seen)) if j not in here]
        if gone and bool((codes[..., gone] >= 0).any()):
            row, t, j = (codes[..., gone] >= 0).nonzero()[0].tolist()
            raise NetworkError(
                f"row {row} observes {self.all_seen[gone[j]]} in slice {slices[t]}, which has no such variable; leave "
                "it blank (-1) there"
            )
        if not here:
            return codes.new_zeros((1, *codes.shape[:2], len(self.states)), dtype=torch.float64)
        patterns, which = codes[..., here].flatten(0, 1).unique(dim=0, return_inverse=True)
        alone = self._log_joint(patterns.new_full((1, len(here)), -1))
        never = alone == -torch.inf  # no step leads to this state
        parts = patterns.split(max(1, MOST_ROWS // len(self.states)))
        joint = torch.cat([self._log_joint(part) for part in parts], 1) if len(patterns) else alone[:, :0]
        found = torch.where(never, 0.0, joint - torch.where(never, 0.0, alone))
        return found[:, which].unflatten(1, codes.shape[:2])

    def _log_joint(self, patterns: Tensor) -> Tensor:
        """log P(seen, state), [draw, pattern, state]: each state has a row of its own, and so its own scale."""
        rows = patterns.new_full((len(patterns), len(self.states), len(self.names)), -1)
        rows[:, :, : len(self.state)] = self.states
        agrees = patterns.new_ones((len(patterns), len(self.states)), dtype=torch.bool)
        for j, name in enumerate(self.seen):
            told = patterns[:, j, None]
            if name in self.state:
                agrees &= (told < 0) | (told == self.states[:, self.state.index(name)])
            else:
                rows[:, :, self.names.index(name)] = told
        query = compile(self.network, (), self.names, max_bytes=self.max_bytes, expected_rows=rows[..., 0].numel())
        logs = query.drawn(rows.reshape(-1, len(self.names)), on_impossible="mask").log_evidence
        return torch.where(agrees, logs.unflatten(1, agrees.shape), -torch.inf)


def _configurations(sizes: Sequence[int]) -> Tensor:
    """Codes of every combination, [combination, variable], the last one running fastest."""
    if not sizes:
        return torch.zeros(1, 0, dtype=torch.long)
    return torch.cartesian_prod(*(torch.arange(k) for k in sizes)).reshape(-1, len(sizes))
