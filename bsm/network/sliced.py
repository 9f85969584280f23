"""Bayesian networks over time, one slice per step: several variables per slice, tables that differ by slice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from bsm.network.tables import Network, NetworkError, Table, Variable

MOST_BYTES = 256 * 2**20  # of tables, each slice counted with its own, as a file has them
MOST_VARIABLES = 20_000

_IN_FILES = re.compile(r"(.+)__t(\d+)", re.DOTALL)
_TO_PEOPLE = re.compile(r"(.+)\[(\d+)\]", re.DOTALL)


def at(name: str, t: int) -> str:
    """A variable of slice t as files name it: `influence__t3`."""
    return f"{name}__t{t}"


def place(name: str) -> tuple[str, int]:
    """The variable and its slice from either way of writing it, `influence__t3` or `influence[3]`.

    Raises:
        NetworkError: the name says no slice.
    """
    found = _IN_FILES.fullmatch(name) or _TO_PEOPLE.fullmatch(name)
    if not found:
        raise NetworkError(f"{name!r} names no slice; write influence__t3 or influence[3]")
    return found[1], int(found[2])


def label(name: str) -> str:
    """A variable of a slice as people read it: `influence[3]`."""
    return "{}[{}]".format(*place(name))


@dataclass(frozen=True, eq=False)
class Sliced:
    """A Bayesian network over time, written slice by slice.

    Attributes:
        first: the network of slice 0.
        later: the networks of slices 1, 2, ...; one object may stand for many slices, and slices may have different
            variables.
        before: a variable of later networks -> the variable of the slice before that it stands for. It has no
            parents, and its own table is not used. A slice needs not have all of them.

    Raises:
        NetworkError: a variable that stands for one that the slice before lacks, that has other states there, or that
            has parents.
    """

    first: Network
    later: Sequence[Network]
    before: Mapping[str, str]
    _checked: set[tuple[int, int]] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        if stands := [n for n in self.first.variables if n in self.before]:
            raise NetworkError(f"slice 0 has {stands}, which stand for variables of a slice before; there is none")
        for t, network in enumerate(self.later, start=1):
            pair = (id(self.network(t - 1)), id(network))
            if pair not in self._checked:
                self._check(t)
                self._checked.add(pair)
        draws = {n.draws for n in self.distinct} - {1}
        if len(draws) > 1:
            raise NetworkError(f"slices disagree on the number of parameter draws: {sorted(draws)}")

    def _check(self, t: int) -> None:
        earlier, now = self.network(t - 1), self.network(t)
        for name in self.stand_ins(now):
            meant, variable = self.before[name], now.variables[name]
            if meant not in earlier.variables or meant in self.before:
                has = [n for n in earlier.variables if n not in self.before]
                raise NetworkError(f"slice {t}: {name} stands for {meant} of slice {t - 1}, which has only {has}")
            if earlier.variables[meant].states != variable.states:
                raise NetworkError(
                    f"slice {t}: {name} has states {list(variable.states)}, and {meant} of slice {t - 1} has "
                    f"{list(earlier.variables[meant].states)}; give both the same, in the same order"
                )
            if now.tables[name].parents:
                raise NetworkError(f"slice {t}: {name} stands for {meant} of the slice before; it has no parents here")

    # --- its slices --------------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Number of slices."""
        return 1 + len(self.later)

    def network(self, t: int) -> Network:
        """The network of slice t."""
        return self.later[t - 1] if t else self.first

    @cached_property
    def distinct(self) -> tuple[Network, ...]:
        """Every network once, in the order of time."""
        return tuple({id(n): n for n in (self.first, *self.later)}.values())

    def stand_ins(self, network: Network) -> tuple[str, ...]:
        """The variables of a later network that stand for some of the slice before."""
        return tuple(n for n in self.before if n in network.variables)

    def own(self, t: int) -> tuple[str, ...]:
        """The variables of slice t itself."""
        return tuple(n for n in self.network(t).variables if n not in self.before)

    @cached_property
    def variables(self) -> dict[str, Variable]:
        """Every variable of any slice once.

        Raises:
            NetworkError: a variable has different states in different slices.
        """
        found: dict[str, Variable] = {}
        for network in self.distinct:
            for name, variable in network.variables.items():
                if name not in self.before and found.setdefault(name, variable).states != variable.states:
                    raise NetworkError(f"{name} has different states in different slices; they are compared over time")
        return found

    # --- other forms -------------------------------------------------------------------------------------

    def codes(self, rows: Sequence[Mapping[str, str]]) -> tuple[tuple[str, ...], Tensor]:
        """What was seen, and as codes [row, time, seen], -1 where nothing was.

        Args:
            rows: for each row what is known, `influence__t3` or `influence[3]` -> state; None or "" is a blank.
        """
        placed = [[(*place(name), state) for name, state in row.items() if state not in (None, "")] for row in rows]
        seen = tuple(n for n in self.variables if any(n == name for row in placed for name, _, _ in row))
        codes = torch.full((len(rows), self.steps, len(seen)), -1)
        for i, row in enumerate(placed):
            for name, t, state in row:
                if t >= self.steps or name not in self.own(t):
                    raise NetworkError(f"row {i}: there is no {at(name, t)}; {self._where(name)}")
                codes[i, t, seen.index(name)] = self.variables[name].code(state)
        return seen, codes

    def _where(self, name: str) -> str:
        slices = [t for t in range(self.steps) if name in self.own(t)]
        if not slices:
            return f"no slice has {name!r}; the variables are {list(self.variables)[:12]}"
        return f"{name} is in {len(slices)} of the slices 0 to {self.steps - 1}, from {slices[0]} to {slices[-1]}"

    def unrolled(self, max_bytes: int = MOST_BYTES) -> Network:
        """The same as one network without time: variable x of slice t is `x__t{t}`.

        Slices that share a table share its memory.

        Raises:
            NetworkError: more than MOST_VARIABLES variables, or tables larger than `max_bytes`, each slice counted
                with its own.
        """
        self._refuse_large(max_bytes)
        variables: dict[str, Variable] = {}
        tables: dict[str, Table] = {}
        for t in range(self.steps):
            network = self.network(t)
            named = {n: at(self.before[n], t - 1) if n in self.before else at(n, t) for n in network.variables}
            for name in self.own(t):
                own, variable, table = named[name], network.variables[name], network.tables[name]
                variables[own] = Variable(own, variable.states, variable.values)
                tables[own] = Table(own, tuple(named[p] for p in table.parents), table.values)
        return Network(variables, tables)

    def _refuse_large(self, max_bytes: int) -> None:
        size = {}
        for network in self.distinct:
            own = [t.values for n, t in network.tables.items() if n not in self.before]
            size[id(network)] = len(own), sum(values.nbytes for values in own)
        each = [size[id(self.network(t))] for t in range(self.steps)]
        count, held = sum(c for c, _ in each), sum(b for _, b in each)
        if count > MOST_VARIABLES or held > max_bytes:
            raise NetworkError(
                f"{self.steps:,} slices make {count:,} variables with {held:,} bytes of tables; one network may have "
                f"{MOST_VARIABLES:,} and {max_bytes:,} (max_bytes). Take fewer slices; chains of any length are "
                "answered slice by slice (bsm.engine.fold)"
            )
