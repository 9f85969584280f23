"""Networks that the tests of the engine share: made by hand, at random, or large on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bsm.network.tables import Network, Table, Variable
from tests.graphs import KINDS, random_table

STATES = "pqrstu"
MOST_WORLDS = 3_000
FAMILIES = ("chain", "fork", "collider", "diamond", "tree", "two parts", "random", "dense", "no edges")


def binary(*tables: tuple[str, tuple[str, ...], list]) -> Network:
    """A network of no/yes variables; the last axis of each list is [no, yes]."""
    variables = {name: Variable(name, ("no", "yes")) for name, _, _ in tables}
    values = {n: torch.tensor(v, dtype=torch.float64).unsqueeze(0) for n, _, v in tables}
    return Network(variables, {n: Table(n, parents, values[n]) for n, parents, _ in tables})


# --- small, at random --------------------------------------------------------------------------------------


def random_network(
    rng: np.random.Generator,
    draws: int = 1,
    most: int = 7,
    most_worlds: int = MOST_WORLDS,
    kinds: Sequence[str] = KINDS,
) -> Network:
    """2 to `most` nodes of 2 to 6 states, of some family of graphs; tables dense, with zeros, or deterministic.

    With several draws, some tables have them and some are shared. Nodes are listed in no particular order.
    """
    count = int(rng.integers(2, most + 1))
    variables, left = {}, most_worlds // 2**count
    for i in range(count):
        states = int(min(rng.integers(2, 7), 2 * max(1, left)))
        left = max(1, left * 2 // states)
        variables[f"n{i}"] = Variable(f"n{i}", tuple(f"{i}{s}" for s in STATES[:states]))
    above = parents_of(FAMILIES[rng.integers(len(FAMILIES))], count, rng)
    of = rng.choice(kinds, size=count)
    has_draws = rng.random(count) < 0.6
    has_draws[rng.integers(count)] = True
    tables = {
        f"n{i}": random_table(
            variables, f"n{i}", [f"n{p}" for p in above[i]], str(of[i]), rng, draws if has_draws[i] else 1
        )
        for i in range(count)
    }
    listed = [f"n{i}" for i in rng.permutation(count)]
    return Network({n: variables[n] for n in listed}, {n: tables[n] for n in listed})


def parents_of(family: str, count: int, rng: np.random.Generator) -> list[list[int]]:
    """The parents of each node, shuffled; a parent has a smaller number than its child."""
    last = count - 1
    found: list[list[int]] = [[] for _ in range(count)]
    for i in range(1, count):
        if family == "chain" or (family == "two parts" and i != count // 2):
            found[i] = [i - 1]
        elif family == "fork" or (family == "diamond" and i < last):
            found[i] = [0]
        elif family in ("collider", "diamond"):
            found[i] = list(range(family == "diamond" and last > 1, last)) if i == last else []
        elif family == "tree":
            found[i] = [int(rng.integers(i))]
        elif family in ("random", "dense"):
            found[i] = [p for p in range(i) if rng.random() < (0.4 if family == "random" else 0.9)][-4:]
    return [[int(p) for p in rng.permutation(some)] for some in found]


# --- large, on purpose -------------------------------------------------------------------------------------


def hidden_chain(length: int, rng: np.random.Generator, concentration: float = 1.0) -> Network:
    """A hidden chain h0 -> h1 -> ... of 3 states, each with an observation o0, o1, ... of 2."""
    variables, tables = {}, {}
    for t in range(length):
        for name, count, parents in ((f"h{t}", 3, (f"h{t - 1}",) if t else ()), (f"o{t}", 2, (f"h{t}",))):
            variables[name] = Variable(name, tuple("abc"[:count]))
            p = rng.dirichlet(np.full(count, concentration), size=(1, *[3] * len(parents)))
            tables[name] = Table(name, parents, torch.tensor(p))
    return Network(variables, tables)


def star(leaves: int, rng: np.random.Generator, states: int = 2) -> Network:
    """Naive Bayes: a root `cause`, and leaves n0, n1, ... that depend on nothing else."""
    variables = {"cause": Variable("cause", tuple("abc"[:states]))}
    variables |= {f"n{i}": Variable(f"n{i}", ("no", "yes")) for i in range(leaves)}
    tables = {n: random_table(variables, n, [] if n == "cause" else ["cause"], "dense", rng) for n in variables}
    return Network(variables, tables)


def crowded(count: int, parents: int, rng: np.random.Generator) -> Network:
    """Binary nodes n0, n1, ... with this many random parents each: high treewidth."""
    variables = {f"n{i}": Variable(f"n{i}", ("no", "yes")) for i in range(count)}
    tables = {}
    for i, name in enumerate(variables):
        above = [f"n{j}" for j in rng.permutation(i)[:parents]]
        tables[name] = random_table(variables, name, above, "dense", rng)
    return Network(variables, tables)


# --- changed -----------------------------------------------------------------------------------------------


def in_draw(network: Network, draw: int) -> Network:
    """The network of one parameter draw."""
    chosen = {
        n: replace(t, values=t.values[draw : draw + 1] if len(t.values) > 1 else t.values)
        for n, t in network.tables.items()
    }
    return Network(network.variables, chosen)


def from_logits(network: Network, logits: Mapping[str, Tensor]) -> Network:
    """Tables as softmax of free numbers, so that nudging one keeps every column summing to one."""
    changed = {n: replace(t, values=logits[n].softmax(-1)) if n in logits else t for n, t in network.tables.items()}
    return Network(network.variables, changed)
