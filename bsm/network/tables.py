"""Discrete variables, conditional tables with named axes, and the networks they make.

A state's position in `Variable.states` is its code on every axis; nothing else in bsm orders states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import torch
from torch import Tensor


class NetworkError(ValueError):
    """A table, variable or network is not what it must be."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A discrete quantity; `values` are the numbers its states stand for, where they have any."""

    name: str
    states: tuple[str, ...]
    values: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.states:
            raise NetworkError(f"{self.name} has no states; a variable needs at least one")
        if len(set(self.states)) < len(self.states):
            twice = min(s for s in self.states if self.states.count(s) > 1)
            raise NetworkError(f"{self.name} lists the state {twice!r} twice; states must differ")
        if self.values is not None and len(self.values) != len(self.states):
            raise NetworkError(
                f"{self.name} has {len(self.states)} states and {len(self.values)} values; give one each"
            )

    def code(self, state: str) -> int:
        """Position of `state` on this variable's axis."""
        if state in self.states:
            return self.states.index(state)
        near = get_close_matches(str(state), self.states, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NetworkError(f"{self.name} = {state!r} is not one of its states {list(self.states)}{hint}")


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """P(child | parents).

    `values` has shape [draw, parent..., child]: parents in the order listed, child last. The draw axis holds
    one table per parameter draw; it is 1 where the table does not depend on uncertain parameters.
    """

    child: str
    parents: tuple[str, ...]
    values: Tensor

    @property
    def axes(self) -> tuple[str, ...]:
        return (*self.parents, self.child)


@dataclass(frozen=True, eq=False)
class Network:
    """A Bayesian network over discrete variables; tables may carry a leading axis of parameter draws.

    Raises:
        NetworkError: a variable without a table, a table of the wrong shape, a probability that is negative
            or not finite, a column that does not sum to one within 1e-9, or a cycle.
    """

    variables: Mapping[str, Variable]
    tables: Mapping[str, Table]
    known_good: Network | None = field(default=None, repr=False)  # its tables need no second check

    def __post_init__(self) -> None:
        if missing := [n for n in self.variables if n not in self.tables]:
            raise NetworkError(f"no table for {missing}; every variable needs exactly one")
        checked = self.known_good.tables if self.known_good else {}
        for name, table in self.tables.items():
            if checked.get(name) is not table:
                self._check_shape(name, table)
                self._check_numbers(table)
        object.__setattr__(self, "known_good", None)
        draws = {t.values.shape[0] for t in self.tables.values()} - {1}
        if len(draws) > 1:
            raise NetworkError(f"tables disagree on the number of parameter draws: {sorted(draws)}")
        if len({t.values.device for t in self.tables.values()}) > 1:
            raise NetworkError("tables lie on different devices; move them all to one")
        _ = self.order

    def _check_shape(self, name: str, table: Table) -> None:
        if table.child != name:
            raise NetworkError(f"the table listed for {name} is that of {table.child}")
        for axis in table.axes:
            if axis not in self.variables:
                raise NetworkError(f"the table of {table.child} names {axis!r}, which is not a variable")
        if len(set(table.axes)) < len(table.axes):
            raise NetworkError(f"the table of {name} lists a parent twice or itself: {list(table.axes)}")
        if table.values.dtype != torch.float64:
            raise NetworkError(f"the table of {name} is {table.values.dtype}; tables are torch.float64")
        shape = tuple(len(self.variables[axis].states) for axis in table.axes)
        if table.values.ndim == 0 or tuple(table.values.shape[1:]) != shape or not len(table.values):
            listed = ", ".join(f"{n} ({k})" for n, k in zip(table.axes, shape, strict=True))
            raise NetworkError(
                f"the table of {name} needs shape {shape}, axes {listed}, after the draw axis; "
                f"got {tuple(table.values.shape)}"
            )

    def _check_numbers(self, table: Table) -> None:
        values = table.values.detach()
        sums = values.sum(-1)
        if bool((values >= 0).all()) and bool(((sums - 1).abs() <= 1e-9).all()):
            return
        wrong = ~(values >= 0) | torch.isinf(values)
        if bool(wrong.any()):
            at = [int(i) for i in wrong.nonzero()[0]]
            state = self.variables[table.child].states[at[-1]]
            raise NetworkError(
                f"the table of {table.child} has an entry that is negative or not finite: "
                f"P({table.child} = {state}{self._given(table, at[1:-1])}) = {float(values[tuple(at)]):.6g}"
            )
        worst = int((sums - 1).abs().argmax())
        at = [int(i) for i in torch.unravel_index(torch.tensor(worst), sums.shape)]
        raise NetworkError(
            f"a column of the table of {table.child} sums to {float(sums[tuple(at)]):.12g}"
            f"{self._given(table, at[1:])}; each must sum to one within 1e-9. Nothing is renormalised for you"
        )

    def _given(self, table: Table, codes: list[int]) -> str:
        named = [f"{p} = {self.variables[p].states[c]}" for p, c in zip(table.parents, codes, strict=True)]
        return f" given {', '.join(named)}" if named else ""

    @cached_property
    def draws(self) -> int:
        """Number of parameter draws carried by the tables; 1 where none is uncertain."""
        return max((t.values.shape[0] for t in self.tables.values()), default=1)

    @cached_property
    def device(self) -> torch.device:
        """Where the tables lie."""
        return next((t.values.device for t in self.tables.values()), torch.device("cpu"))

    def to(self, device: torch.device | str) -> Network:
        """The network with its tables on a device."""
        if self.device == torch.device(device):
            return self
        moved = {n: replace(t, values=t.values.to(device)) for n, t in self.tables.items()}
        return Network(self.variables, moved)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Parents before children."""
        sorter = TopologicalSorter({n: self.tables[n].parents for n in self.variables})
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            cycle = " -> ".join(error.args[1])
            raise NetworkError(f"the tables form a cycle: {cycle}; a variable cannot be its own cause") from None

    def variable(self, name: str) -> Variable:
        """The variable of this name, or an error that suggests the nearest one."""
        if name in self.variables:
            return self.variables[name]
        near = get_close_matches(str(name), self.variables, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {list(self.variables)[:12]}"
        raise NetworkError(f"{name!r} is not a variable of this network{hint}")
