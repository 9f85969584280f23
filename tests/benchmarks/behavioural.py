"""Behavioural networks of any size: motivations seen through what they do, always the same for the same recipe.

    motivation --+--> action --> outcome --> reward (their sum) --> influence
    context   ---+       |          |
                         +----------+------> observation (a noisy reading)

Every action depends on the motivation and on one or two contexts, every outcome on one or two actions, every
observation on one action or outcome. A reward is the number of its outcomes that came out well: a
deterministic table. Influence follows a reward by a logistic curve. All other columns are drawn from
Dirichlet(1, ..., 1), and an observation reads its node rightly with probability 0.7 to 0.95.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from bsm.network.tables import Network, Table, Variable

Tables = dict[str, tuple[tuple[str, ...], np.ndarray]]  # child -> its parents, and P(child | parents)


@dataclass(frozen=True)
class Recipe:
    """How many nodes of each kind, and the seed of their tables.

    `contexts` and `actions` list numbers of states; there is one influence per reward, and outcomes are dealt
    to rewards in turn.
    """

    motivations: int
    contexts: tuple[int, ...]
    actions: tuple[int, ...]
    outcomes: int
    rewards: int
    observations: int
    seed: int

    @property
    def nodes(self) -> int:
        return 1 + len(self.contexts) + len(self.actions) + self.outcomes + 2 * self.rewards + self.observations


BSM15 = Recipe(7, contexts=(2, 3), actions=(3, 2), outcomes=3, rewards=1, observations=5, seed=15)
BSM42 = Recipe(
    11, contexts=(2, 3, 2, 2, 3), actions=(3, 2, 3, 2, 4, 2, 3, 2), outcomes=10, rewards=2, observations=14, seed=42
)


def behavioural(recipe: Recipe) -> Network:
    """The network of a recipe; nodes are named by kind and number, `action_3`, and the root is `motivation`."""
    rng = np.random.default_rng(recipe.seed)
    sizes = {"motivation": recipe.motivations}
    tables: Tables = {"motivation": ((), rng.dirichlet(np.ones(recipe.motivations)))}

    def add(name: str, parents: Sequence[str], values: np.ndarray) -> str:
        sizes[name] = values.shape[-1]
        tables[name] = (tuple(parents), values)
        return name

    def drawn(name: str, parents: Sequence[str], states: int) -> str:
        return add(name, parents, rng.dirichlet(np.ones(states), size=[sizes[p] for p in parents]))

    contexts = [drawn(f"context_{i}", (), k) for i, k in enumerate(recipe.contexts, 1)]
    actions = [
        drawn(f"action_{i}", ("motivation", *_one_or_two(contexts, i, rng)), k) for i, k in enumerate(recipe.actions, 1)
    ]
    outcomes = [drawn(f"outcome_{i}", _one_or_two(actions, i, rng), 2) for i in range(1, recipe.outcomes + 1)]
    for i in range(1, recipe.rewards + 1):
        own = outcomes[i - 1 :: recipe.rewards]
        reward = add(f"reward_{i}", own, _count(len(own)))
        add(f"influence_{i}", (reward,), _logistic(len(own) + 1))
    seen = rng.permutation([*actions, *outcomes])
    for i in range(1, recipe.observations + 1):
        of = str(seen[(i - 1) % len(seen)])
        add(f"observation_{i}", (of,), _reading(sizes[of], float(rng.uniform(0.7, 0.95))))
    return _network(sizes, tables)


def _one_or_two(names: Sequence[str], number: int, rng: np.random.Generator) -> tuple[str, ...]:
    """The next name in turn, so that none is left out, and half of the time another."""
    first = names[(number - 1) % len(names)]
    second = str(rng.choice([n for n in names if n != first]))
    return (first, second) if rng.random() < 0.5 else (first,)


def _count(parents: int) -> np.ndarray:
    """P(sum | parents) of two-state parents, a table of zeros and ones."""
    table = np.zeros([2] * parents + [parents + 1])
    for codes in product(range(2), repeat=parents):
        table[(*codes, sum(codes))] = 1.0
    return table


def _logistic(states: int) -> np.ndarray:
    yes = 1 / (1 + np.exp(-3 * np.linspace(-1, 1, states)))
    return np.stack([1 - yes, yes], -1)


def _reading(states: int, right: float) -> np.ndarray:
    wrong = (1 - right) / (states - 1)
    return wrong + np.eye(states) * (right - wrong)


def _network(sizes: dict[str, int], tables: Tables) -> Network:
    variables = {name: Variable(name, tuple(f"s{i}" for i in range(k))) for name, k in sizes.items()}
    return Network(
        variables,
        {
            name: Table(name, parents, torch.tensor(values, dtype=torch.float64).unsqueeze(0))
            for name, (parents, values) in tables.items()
        },
    )
