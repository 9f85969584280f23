"""What a reader of network files has found so far, with the line of each thing, and a bound on the memory taken.

A file is not trusted: names, counts and sizes are checked before anything as large as they say is made.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from bsm.network.tables import Network, NetworkError, Table, Variable

EXACT, NEAR = 1e-9, 1e-6  # a column's distance from one: kept as it is, normalised with a note, beyond: refused
MOST_PARENTS = 60  # arrays have at most 64 axes
MOST_NAMES = 2**21  # of variables and their states, each of which takes far more memory than text
LONGEST_NAME, LONGEST_NUMBER = 4096, 2000  # characters
SHOWN = 6  # columns named in a note before "and … more"
PIECE = re.compile(r"\S++")
COMMON = re.compile(r"(?:[01](?:\.[0-9]{1,17}+)?(?:e-[0-9][0-9])?(?: |\Z))*+")  # these need no second look
NUMBER = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")


class NormalisedColumn(UserWarning):
    """Columns of a file did not sum to one, by between 1e-9 and 1e-6, and were divided by their sums.

    Attributes:
        columns: each such column with its place and sum, e.g. "net.bif:40: P(B | A = yes) sums to 0.9999999".
    """

    def __init__(self, path: str, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        more = f"; and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
        super().__init__(
            f"{path}: {len(columns)} column(s) within {NEAR:g} of one were divided by their sums: "
            f"{'; '.join(columns[:SHOWN])}{more}"
        )


class Reading:
    """Variables and tables of one file, as far as it has been read.

    Args:
        path: named in every error, as it was given.
        max_bytes: what all the tables together may take.
    """

    def __init__(self, path: str | Path, max_bytes: int) -> None:
        self.path, self.bytes_left, self.max_bytes = str(path), max_bytes, max_bytes
        self.variables: dict[str, Variable] = {}
        self.lines: dict[str, int] = {}
        self._codes: dict[str, dict[str, int]] = {}
        self._tables: dict[str, Table] = {}
        self._normalised: list[str] = []
        self._names = 0

    def error(self, line: int, message: str) -> NetworkError:
        """An error that says where in the file."""
        return NetworkError(f"{self.path}:{line}: {message}")

    def count_names(self, more: int, line: int) -> None:
        """Refuse a file with more names than can be held; to be called before they are kept."""
        self._names += more
        if self._names > MOST_NAMES:
            raise self.error(
                line, f"more than {MOST_NAMES} variables and states; a network of this size cannot be held"
            )

    def declare(self, name: str, states: Sequence[str], line: int, values: Sequence[float] | None = None) -> None:
        """A variable, with its states in the order of their codes."""
        if name in self.variables:
            raise self.error(line, f"{brief(name)} is declared twice, first on line {self.lines[name]}; remove one")
        if too_long := [n for n in (name, *states) if len(n) > LONGEST_NAME]:
            raise self.error(line, f"a name of {len(too_long[0])} characters; the longest allowed is {LONGEST_NAME}")
        if not states:
            raise self.error(line, f"{brief(name)} has no states; a variable needs at least one")
        codes = {state: i for i, state in enumerate(states)}
        if len(codes) < len(states):
            twice = next(s for i, s in enumerate(states) if codes[s] != i)
            raise self.error(line, f"{brief(name)} lists the state {brief(twice)} twice; states must differ")
        self.variables[name] = Variable(name, tuple(states), None if values is None else tuple(values))
        self.lines[name], self._codes[name] = line, codes

    def variable(self, name: str, line: int) -> Variable:
        """The variable declared under this name."""
        if name not in self.variables:
            raise self.error(line, f"{brief(name)} is not a variable of this file{hint(name, self.variables)}")
        return self.variables[name]

    def code(self, name: str, state: str, line: int) -> int:
        """The position of a state on its variable's axis."""
        if state not in self._codes[name]:
            near = hint(state, self._codes[name])
            raise self.error(line, f"{brief(state)} is not a state of {brief(name)}{near}")
        return self._codes[name][state]

    def room(self, child: str, parents: Sequence[str], line: int) -> np.ndarray:
        """Zeros [parent..., child] for a table, once it is known that they fit."""
        if len(parents) > MOST_PARENTS:
            raise self.error(line, f"{brief(child)} has {len(parents)} parents; at most {MOST_PARENTS} can be held")
        axes = [self.variable(name, line) for name in (*parents, child)]
        if child in self._tables:
            raise self.error(line, f"a second table for {brief(child)}; a variable has exactly one")
        if twice := [p for i, p in enumerate(parents) if p == child or p in parents[:i]]:
            raise self.error(line, f"{brief(child)} lists {brief(twice[0])} twice, or itself, among its parents")
        shape = [len(variable.states) for variable in axes]
        if (needed := 8 * math.prod(shape)) > self.bytes_left:
            raise self.error(
                line,
                f"the table of {brief(child)} takes {needed:.3g} bytes and all tables of this file may take "
                f"{self.max_bytes:.3g}; if this file is to be trusted, give read_network a larger max_bytes",
            )
        self.bytes_left -= needed
        return np.zeros(shape)

    def settle(self, child: str, parents: Sequence[str], filled: np.ndarray, lines: np.ndarray) -> None:
        """Take a filled table; columns within 1e-6 of one are normalised and noted, others refused.

        Args:
            lines: the line of each column, in the order of the parents' states.
        """
        values = torch.from_numpy(filled).unsqueeze(0)
        off = (values.sum(-1) - 1).abs().reshape(-1)
        for column in (off > EXACT).nonzero().reshape(-1).tolist():
            line = int(lines[column])
            said = f"{self.column(child, parents, column)} sums to {float(values.reshape(len(off), -1)[column].sum())}"
            if float(off[column]) > NEAR + 1e-15:  # decimals that are off by 1e-6 have that sum
                raise self.error(line, f"{said}; each column must sum to one within {NEAR:g}: correct its numbers")
            self._normalised.append(f"{self.path}:{line}: {said}")
        if bool((off > EXACT).any()):
            sums = values.sum(-1, keepdim=True)
            values = torch.where((sums - 1).abs() > EXACT, values / sums, values)
        self._tables[child] = Table(child, tuple(parents), values)

    def column(self, child: str, parents: Sequence[str], column: int) -> str:
        """A column of a table in words, by its place in the order of the parents' states."""
        shape = [len(self.variables[p].states) for p in parents]
        codes = np.unravel_index(column, shape) if shape else ()
        given = ", ".join(f"{p} = {self.variables[p].states[c]}" for p, c in zip(parents, codes, strict=True))
        return f"P({child} | {given})" if given else f"P({child})"

    def network(self) -> Network:
        """All of it as a network, once every variable has its table.

        Warns:
            NormalisedColumn: columns were within 1e-6 of one and not within 1e-9.
        """
        if not self.variables:
            raise self.error(1, "no variable is declared; is the file complete?")
        if missing := [n for n in self.variables if n not in self._tables]:
            line = self.lines[missing[0]]
            raise self.error(line, f"{brief(missing[0])} has no table; every variable needs exactly one")
        try:
            network = Network(self.variables, self._tables)
        except NetworkError as error:
            raise NetworkError(f"{self.path}: {error}") from None
        if self._normalised:
            warnings.warn(NormalisedColumn(self.path, self._normalised), stacklevel=4)  # the caller of read_network
        return network

    def numbers(self, text: str, count: int, line: int, what: str) -> np.ndarray:
        """Exactly `count` finite numbers, separated by blanks."""
        found, at = np.empty(count), 0
        pieces = PIECE.finditer(text)
        while chunk := [piece[0] for piece in islice(pieces, 4096)]:  # some at a time: a list of all would be large
            if at + len(chunk) > count:
                raise self.error(
                    line, f"{what}: more than the {count} numbers needed; then comes {brief(chunk[count - at])}"
                )
            if COMMON.fullmatch(" ".join(chunk)):
                found[at : at + len(chunk)] = [float(piece) for piece in chunk]
            else:
                found[at : at + len(chunk)] = [self._number(piece, line, what) for piece in chunk]
            at += len(chunk)
        if at < count:
            raise self.error(line, f"{what}: {at} numbers where {count} are needed")
        return found

    def _number(self, piece: str, line: int, what: str) -> float:
        if len(piece) > LONGEST_NUMBER or not NUMBER.fullmatch(piece):
            raise self.error(line, f"{what}: {brief(piece)} is not a number, such as 0.25 or 1e-3")
        value = float(piece)
        if math.isinf(value):
            raise self.error(line, f"{what}: {brief(piece)} is larger than any float64")
        if value == 0 and any(digit in "123456789" for digit in re.split("[eE]", piece)[0]):
            raise self.error(line, f"{what}: {brief(piece)} is not zero and smaller than any float64; write 0 if meant")
        return value

    def probabilities(self, text: str, count: int, line: int, what: str) -> np.ndarray:
        """Exactly `count` numbers from 0 to 1, separated by blanks; a little over 1 is left to `settle`."""
        found = self.numbers(text, count, line, what)
        wrong = (found < 0) | (found > 1 + NEAR)
        if wrong.any():
            raise self.error(line, f"{what}: {found[wrong][0]} is not a probability, which is from 0 to 1")
        return found


def brief(name: str) -> str:
    """A name as an error shows it: in quotes, cut where it is very long."""
    return repr(name if len(name) <= 80 else name[:80] + "…")


def hint(name: str, known: Mapping[str, object]) -> str:
    """What may have been meant; nothing where looking would take long."""
    short = [other for other, _ in zip(known, range(1000), strict=False) if len(other) <= 80]
    near = get_close_matches(name, short, n=1) if len(name) <= 80 else []
    return f"; did you mean {near[0]!r}?" if near else ""
