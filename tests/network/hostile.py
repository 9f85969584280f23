"""Networks with names and numbers that files tend to lose, and the comparison that sees it."""

from __future__ import annotations

import struct

import numpy as np
import torch
from hypothesis import strategies as st

from bsm.network.tables import Network, Table, Variable

NASTY = (
    *("two words", " leading", "trailing ", "a  b", "tab\there", "line\nbreak", "return\rhere", "\r\n", ""),
    *("(0, 1]", "{}", "[x]", "a,b", "a;b", "a|b", '"quoted"', "it's", "a//b", "/*", "back\\slash", "%s", "{0}"),
    *("<tag/>", "&amp;", "&", "]]>", "<!--", "<?pi?>", "&#65;", "0", "1", "-1", "1.0", "1e3", "True", "None", "nan"),
    *("table", "default", "variable", "probability", "property", "network", "cpt", "bsm_name", "a_b", "a b"),
    *(
        "na\u00efve",
        "nai\u0308ve",
        "日本",
        "\xa0",
        "\x85",
        "\u2028",
        "\u200b",
        "\ufeff",
        "😀",
        "é" * 50,
        "İ",
        "ß",
        "SS",
    ),
)
ANY_NAME = st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), max_size=8)
PLAIN_NAME = st.text(st.sampled_from("abAB01_-.<>=+/%&#@!?*:~^$é日"), min_size=1, max_size=4)
VALUES = st.none() | st.sampled_from([0.1, 1 / 3, -0.0, 5e-324, 1.7976931348623157e308, 1e22])


def column(states: int, kind: int, rng: np.random.Generator) -> np.ndarray:
    """Probabilities of which some are hard to print: subnormal, next to one, minus zero, in a sum next to one."""
    if kind == 0 or states == 1:
        return np.eye(states)[rng.integers(states)]
    if kind == 1:
        return rng.dirichlet(np.full(states, 0.01))
    if kind == 2:
        return np.array([1.0, 5e-324, 1e-310, -0.0, 2e-17, 0.0][:states])
    return rng.dirichlet(np.ones(states)) * (1 + rng.uniform(-5e-10, 5e-10))


@st.composite
def networks(draw: st.DrawFn, names: st.SearchStrategy[str] = ANY_NAME, values: bool = True, most: int = 5) -> Network:
    """1 to `most` variables of 1 to 4 states, up to 3 parents each, listed in any order."""
    order = draw(st.lists(names, min_size=1, max_size=most, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    variables, tables = {}, {}
    for i, name in enumerate(order):
        states = tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True)))
        first = draw(VALUES) if values else None
        numbers = None if first is None else (first, *(float(n) for n in range(len(states) - 1)))
        variables[name] = Variable(name, states, numbers)
        parents = [order[p] for p in rng.permutation(i)[: rng.integers(4)]]
        shape = [len(variables[p].states) for p in parents]
        kind = rng.integers(4)
        cells = [column(len(states), kind, rng) for _ in range(int(np.prod(shape)))]
        tables[name] = Table(name, tuple(parents), torch.from_numpy(np.reshape(cells, (1, *shape, len(states)))))
    listed = [order[i] for i in rng.permutation(len(order))]
    return Network({n: variables[n] for n in listed}, {n: tables[n] for n in order})


def everything(network: Network) -> list[object]:
    """All that a file should carry, in order, floats as their bits."""
    told: list[object] = []
    for name, variable in network.variables.items():
        table = network.tables[name]
        numbers = table.values.detach().flatten().tolist()
        told += [name, variable.name, variable.states, table.child, table.parents, tuple(table.values.shape)]
        told += [None if variable.values is None else bits(variable.values), bits(numbers)]
    return told


def bits(numbers: list[float] | tuple[float, ...]) -> bytes:
    return struct.pack(f"{len(numbers)}d", *numbers)
