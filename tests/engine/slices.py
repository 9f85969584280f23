"""Random networks over time, and the slow, obvious answer: every world, one by one, from the slices themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
from hypothesis import strategies as st

from bsm.network.sliced import Sliced
from bsm.network.tables import Network, Table, Variable

MOST_WORLDS = 20_000

# per slice: variables, edges inside a slice, edges from the slice before; m* are hidden motivations, o* are seen
SHAPES: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {
    "hidden chain": (("m", "o"), (("m", "o"),), (("m", "m"),)),
    "two coupled chains": (
        ("m", "n", "o", "q"),
        (("m", "o"), ("n", "q")),
        (("m", "m"), ("n", "n"), ("m", "n"), ("n", "m")),
    ),
    "behaviour feeds back": (("m", "o"), (("m", "o"),), (("m", "m"), ("o", "m"))),
    "seen through a filter": (("m", "e", "o"), (("m", "e"), ("e", "o")), (("m", "m"), ("e", "m"))),
    "behaviour remembers": (("m", "o"), (("m", "o"),), (("m", "m"), ("m", "o"), ("o", "o"))),
    "behaviour makes motivation": (("o", "m"), (("o", "m"),), (("m", "o"),)),
    "no memory": (("m", "o"), (("m", "o"),), ()),
}


@dataclass(frozen=True)
class Example:
    """A network over time and rows of evidence: codes [row, time, seen], -1 for a blank."""

    sliced: Sliced
    seen: tuple[str, ...]
    codes: torch.Tensor

    @cached_property
    def worlds(self) -> Worlds:
        return Worlds(self.sliced)

    def weights(self, row: int, until: int | None = None) -> np.ndarray:
        """P(world, what this row saw in the slices up to `until`), [world]."""
        found = self.worlds.chances.copy()
        for t, j in product(range(self.sliced.steps if until is None else until + 1), range(len(self.seen))):
            if (code := int(self.codes[row, t, j])) >= 0:
                found *= self.worlds.codes[:, self.worlds.column[self.seen[j], t]] == code
        return found

    def named(self) -> list[dict[str, str]]:
        """The rows as mappings of the names in files."""
        return [
            {
                f"{name}__t{t}": self.sliced.variables[name].states[int(row[t, j])]
                for t in range(self.sliced.steps)
                for j, name in enumerate(self.seen)
                if row[t, j] >= 0
            }
            for row in self.codes
        ]


class Worlds:
    """Every combination of the states of all variables in all slices, and its probability: a product of entries."""

    def __init__(self, sliced: Sliced) -> None:
        keys = [(n, t) for t in range(sliced.steps) for n in sliced.own(t)]
        self.column = {key: j for j, key in enumerate(keys)}
        sizes = [len(sliced.network(t).variables[n].states) for n, t in keys]
        self.codes = np.indices(sizes).reshape(len(sizes), -1).T
        self.chances = np.ones(len(self.codes))
        for name, t in keys:
            table = sliced.network(t).tables[name]
            axes = [
                self.column[sliced.before[a], t - 1] if a in sliced.before else self.column[a, t] for a in table.axes
            ]
            self.chances *= table.values[0].numpy()[tuple(self.codes[:, axes].T)]

    def marginal(self, weights: np.ndarray, name: str, t: int, states: int) -> np.ndarray:
        own = self.codes[:, self.column[name, t]]
        return np.array([math.fsum(weights[own == k]) for k in range(states)])

    def best_path(self, weights: np.ndarray, state: Sequence[str], steps: int) -> tuple[float, np.ndarray]:
        """The largest probability of a path of these variables, the rest summed out, and the sums of all paths."""
        columns = [self.column[n, t] for t in range(steps) for n in state]
        _, which = np.unique(self.codes[:, columns], axis=0, return_inverse=True)
        sums = np.bincount(which.reshape(-1), weights)
        return float(sums.max()), sums

    def of_path(self, weights: np.ndarray, codes: Mapping[str, Sequence[int]], steps: int) -> float:
        """Probability of one path, states by variable and time."""
        kept = np.ones(len(self.codes), dtype=bool)
        for name, t in product(codes, range(steps)):
            kept &= self.codes[:, self.column[name, t]] == codes[name][t]
        return math.fsum(weights[kept])


def table(rng: np.random.Generator, name: str, parents: Sequence[str], sizes: Mapping[str, int], sparse: bool) -> Table:
    dense = rng.dirichlet(np.ones(sizes[name]), size=[sizes[p] for p in parents])
    if sparse:
        thin = np.where(rng.random(dense.shape) < 0.3, 0.0, dense)
        dense = np.where(thin.sum(-1, keepdims=True) > 0, thin, dense)
        dense /= dense.sum(-1, keepdims=True)
    return Table(name, tuple(parents), torch.tensor(dense)[None])


def sliced_of(
    shape: tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]],
    rng: np.random.Generator,
    phases: Sequence[int],
    states: int = 2,
    sparse: bool = False,
) -> Sliced:
    """Slice 0, then as many slices of each phase as listed; every phase has its own tables."""
    names, inside, across = shape
    handed = dict.fromkeys(p for p, _ in across)
    sizes = dict.fromkeys([*names, *(f"{n}_before" for n in handed)], states)
    variables = {n: Variable(n, tuple(f"s{k}" for k in range(states))) for n in sizes}

    def network(later: bool) -> Network:
        own = {}
        for name in names:
            parents = [p for p, child in inside if child == name]
            parents += [f"{p}_before" for p, child in across if child == name and later]
            own[name] = table(rng, name, [str(p) for p in rng.permutation(parents)], sizes, sparse)
        stands = {f"{n}_before": table(rng, f"{n}_before", (), sizes, False) for n in handed if later}
        return Network({n: variables[n] for n in (*stands, *own)}, {**stands, **own})

    later = [same for count in phases for same in [network(True)] * count]
    return Sliced(network(False), later, {f"{n}_before": n for n in handed})


def hidden_chain(codes: list[list[int]]) -> Example:
    """Five slices of a hidden chain m with readings o; codes are what is seen of m."""
    variables = {n: Variable(n, ("s0", "s1")) for n in ("m_before", "m", "o")}
    half, start, stay, told = (
        torch.tensor([x], dtype=torch.float64)
        for x in ([0.5, 0.5], [0.6, 0.4], [[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.2], [0.25, 0.75]])
    )
    own = {"o": Table("o", ("m",), told)}
    first = Network({n: variables[n] for n in ("m", "o")}, {"m": Table("m", (), start), **own})
    moved = {"m_before": Table("m_before", (), half), "m": Table("m", ("m_before",), stay)}
    return Example(
        Sliced(first, [Network(variables, {**moved, **own})] * 4, {"m_before": "m"}), ("m",), torch.tensor([codes])
    )


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """A known shape or a random one with up to 4 variables a slice, up to 5 slices in up to 3 phases, four rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([*SHAPES.values(), None, None])) or _random_shape(rng)
    states = draw(st.sampled_from([2, 2, 3]))
    steps = draw(st.integers(1, 5))
    while states ** (len(shape[0]) * steps) > MOST_WORLDS:
        steps -= 1
    cuts = sorted(draw(st.lists(st.integers(0, steps - 1), max_size=2)))
    phases = [b - a for a, b in zip([0, *cuts], [*cuts, steps - 1], strict=True)]
    sliced = sliced_of(shape, rng, phases, states, draw(st.booleans()))
    seen = tuple(str(n) for n in rng.permutation(shape[0])[: rng.integers(1, len(shape[0]) + 1)])
    return Example(sliced, seen, _rows(sliced, seen, rng))


def _random_shape(rng: np.random.Generator):  # type: ignore[no-untyped-def]
    names = ("m", "n", "o", "q")[: rng.integers(2, 5)]
    inside = tuple((a, b) for i, a in enumerate(names) for b in names[i + 1 :] if rng.random() < 0.5)
    across = tuple((a, b) for a in names for b in names if rng.random() < 0.35)
    return names, inside, across


def _rows(sliced: Sliced, seen: tuple[str, ...], rng: np.random.Generator) -> torch.Tensor:
    """A blank row, and rows of possible worlds with evidence at every place, at some, at few."""
    worlds = Worlds(sliced)
    rows = [np.full((sliced.steps, len(seen)), -1)]
    for often in (1.0, 0.5, 0.2):
        world = worlds.codes[rng.choice(len(worlds.codes), p=worlds.chances / worlds.chances.sum())]
        full = np.array([[world[worlds.column[n, t]] for n in seen] for t in range(sliced.steps)])
        rows.append(np.where(rng.random(full.shape) < often, full, -1))
    return torch.tensor(np.array(rows))
