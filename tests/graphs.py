"""Random networks for tests, and the slow, obvious answer: go through all the worlds one by one.

`worlds` and `counted` share no code with the engine or with surgery: an intervention there is a factor left
out of a product (Pearl's truncated factorisation), evidence is a weight per world, and sums are sums.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from bsm.network.tables import Network, Table, Variable

Seen = str | Mapping[str, float]
MOST_WORLDS = 4096
KINDS = ("dense", "sparse", "deterministic", "mixed")

SHAPES: dict[str, tuple[tuple[str, str], ...]] = {
    "chain": (("a", "b"), ("b", "c"), ("c", "d")),
    "fork": (("a", "b"), ("a", "c"), ("a", "d")),
    "collider": (("a", "d"), ("b", "d"), ("c", "d")),
    "diamond": (("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")),
    "complete": (("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")),
    "two parts": (("a", "b"), ("c", "d")),
    "no edges": (),
}


@dataclass(frozen=True)
class Case:
    """A network, what is done to it, one row of evidence after another, and what is asked."""

    network: Network
    do: Mapping[str, str]
    rows: Sequence[Mapping[str, Seen]]
    target: tuple[str, ...]


# --- making networks ---------------------------------------------------------------------------------------


def network_of(edges: Sequence[tuple[str, str]], rng: np.random.Generator, states: int = 2, draws: int = 1) -> Network:
    """Nodes a, b, c, d with these edges and dense random tables."""
    names = ("a", "b", "c", "d")
    variables = {n: Variable(n, tuple(f"{n}{i}" for i in range(states))) for n in names}
    parents = {n: tuple(p for p, child in edges if child == n) for n in names}
    return Network(variables, {n: random_table(variables, n, parents[n], "dense", rng, draws) for n in names})


def random_table(
    variables: Mapping[str, Variable],
    child: str,
    parents: Sequence[str],
    kind: str,
    rng: np.random.Generator,
    draws: int = 1,
) -> Table:
    """A table that is dense, sparse (some zeros), deterministic (point masses), or mixed (some rows so)."""
    count = len(variables[child].states)
    shape = (draws, *(len(variables[p].states) for p in parents))
    dense = rng.dirichlet(np.ones(count), size=shape)
    point = np.eye(count)[rng.integers(count, size=shape)]
    sparse = np.where(rng.random(dense.shape) < 0.4, 0.0, dense)
    sparse = np.where(sparse.sum(-1, keepdims=True) > 0, sparse, point)
    sparse = sparse / sparse.sum(-1, keepdims=True)
    mixed = np.where(rng.random((*shape, 1)) < 0.5, point, dense)
    values = {"dense": dense, "sparse": sparse, "deterministic": point, "mixed": mixed}[kind]
    return Table(child, tuple(parents), torch.tensor(values, dtype=torch.float64))


@st.composite
def networks(draw: st.DrawFn, least: int = 2, most: int = 10) -> Network:
    """2 to 10 nodes of 2 to 6 states, up to 3 parents each, listed in no particular order."""
    count = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    order = [f"n{i}" for i in range(count)]
    connected = draw(st.sampled_from([0.0, 0.3, 0.6, 0.9]))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    variables, worlds_left = {}, MOST_WORLDS // 2**count
    for name in order:
        states = min(draw(st.integers(2, 6)), 2 * max(1, worlds_left))
        worlds_left = worlds_left * 2 // states
        variables[name] = Variable(name, tuple(f"{name}_{s}" for s in "pqrstu"[:states]))
    tables = {}
    for i, name in enumerate(order):
        near = [p for p in order[:i] if rng.random() < connected]
        parents = [str(p) for p in rng.permutation(near)[:3]]
        tables[name] = random_table(variables, name, parents, kinds[i % len(kinds)], rng)
    listed = [str(n) for n in rng.permutation(order)]
    return Network({n: variables[n] for n in listed}, {n: tables[n] for n in listed})


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A network, do() of up to three nodes, rows of evidence (possible, arbitrary, blank), a target."""
    network = draw(networks())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = [str(n) for n in rng.permutation(list(network.variables))]
    done = names[: min(draw(st.integers(0, 3)), len(names) - 1)]
    do = {n: str(rng.choice(network.variables[n].states)) for n in done}
    left = names[len(do) :]
    target = tuple(left[: min(draw(st.integers(1, 2)), len(left))])
    world = sampled(network, do, rng)
    possible, arbitrary = {}, {}
    for name in left:
        states = network.variables[name].states
        kind = rng.choice(["hard", "soft", "blank"], p=[0.4, 0.3, 0.3])
        if kind == "hard" and name not in target:
            possible[name] = world[name]
            arbitrary[name] = str(rng.choice(states))
        elif kind == "soft":
            likelihood = np.where(rng.random(len(states)) < 0.3, 0.0, rng.random(len(states)))
            likelihood[states.index(world[name])] = rng.random() + 0.01
            possible[name] = dict(zip(states, (likelihood / 1.01).tolist(), strict=True))
            arbitrary[name] = dict(zip(states, rng.random(len(states)).tolist(), strict=True))
    return Case(network, do, [possible, arbitrary, {}], target)


def sampled(network: Network, do: Mapping[str, str], rng: np.random.Generator) -> dict[str, str]:
    """One world drawn from the network under do()."""
    world: dict[str, str] = {}
    for name in network.order:
        table, states = network.tables[name], network.variables[name].states
        codes = [network.variables[p].states.index(world[p]) for p in table.parents]
        row = table.values[(0, *codes)].numpy()
        world[name] = do.get(name) or states[rng.choice(len(states), p=row / row.sum())]
    return world


# --- counting worlds ---------------------------------------------------------------------------------------


def counted(
    network: Network,
    target: Sequence[str],
    seen: Mapping[str, Seen] | None = None,
    do: Mapping[str, Seen] | None = None,
    draw: int = 0,
) -> np.ndarray:
    """P(target, seen | do(...)) [*target], by adding up the probability of every world."""
    names = list(network.variables)
    sizes = [len(network.variables[n].states) for n in names]
    codes = dict(zip(names, np.indices(sizes).reshape(len(sizes), -1), strict=True))
    p = np.ones(math.prod(sizes))
    for name in names:
        table = network.tables[name]
        if do and name in do:
            p = p * _weights(network, name, do[name])[codes[name]]
        else:
            values = table.values[draw if len(table.values) > 1 else 0].detach().numpy()
            p = p * values[tuple(codes[n] for n in table.axes)]
    for name, what in (seen or {}).items():
        p = p * _weights(network, name, what)[codes[name]]
    if not target:
        return p.sum()
    answer = np.zeros([len(network.variables[n].states) for n in target])
    np.add.at(answer, tuple(codes[n] for n in target), p)
    return answer


def _weights(network: Network, name: str, seen: Seen) -> np.ndarray:
    states = network.variables[name].states
    if isinstance(seen, str):
        return np.array([float(s == seen) for s in states])
    return np.array([seen[s] for s in states])
