"""The compiled loops: installation compiles every version of them that a call can need."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from bsm.engine import loops
from tests.engine.many_networks import ROOT

ASK = """
import numpy as np, torch
from bsm.engine import compile, loops, prepared
from tests.engine.asking import random_question
from tests.engine.forcing import forced
from tests.engine.networks import random_network

def versions():
    return {name: len(loop.signatures) for name, loop in vars(loops).items() if hasattr(loop, "signatures")}

loops.warm()
before = versions()
prepared.PARALLEL = 3
rng = np.random.default_rng(0)
for number in range(120):
    torch.set_num_threads(1 + number % 2)
    asked = random_question(random_network(rng, int(rng.choice([1, 3]))), rng)
    query = compile(asked.network, asked.target, asked.seen)
    if number % 3:
        forced(query, int(rng.choice([0, 30])), int(rng.choice([1, 100])))
    codes = asked.codes.to((torch.int8, torch.int32, torch.int64)[number % 3])
    query.drawn(codes, on_impossible="mask")
    query.marginals(codes, on_impossible="mask")
assert versions() == before, (before, versions())
print(sum(before.values()), "versions")
"""


def test_installation_compiles_all_that_a_call_needs():
    """In a process of its own, for other tests may have had other versions compiled."""
    ran = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, text=True, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout.split()[0]) >= 8


def test_small_matrix_products():
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 1, 1), (5, 3, 4, 2), (40, 1, 6, 1)):
        batch, left, inner, right = shape
        lhs, rhs = rng.random((batch, left, inner)), rng.random((batch, inner, right))
        out = np.full((batch, left, right), np.nan)
        loops.matrix_products(lhs, rhs, out)
        np.testing.assert_allclose(out, lhs @ rhs, rtol=1e-14)


@pytest.mark.parametrize(("values", "least"), [([0.0, 3.0, 1e-300], 1e-300), ([0.0, 0.0], np.inf), ([], np.inf)])
def test_the_least_positive_number(values: list[float], least: float):
    assert loops.least_positive(torch.tensor(values, dtype=torch.float64).numpy()) == least


@pytest.mark.parametrize("powers", [[0, -1, -4], [-7, -7], [-3, 0]])
def test_cells_of_different_powers_are_brought_to_the_highest(powers: list[int]):
    """A cell three powers of 2**500 below is less than the smallest double; zeros have no power that counts."""
    cells = np.array([*np.linspace(0.5, 1, len(powers)), 0.0])
    product, power = cells.copy(), np.array([*powers, 5], dtype=np.int64)
    top = loops._common_power(product, power)
    assert top == max(powers)
    expected = [
        c * 2.0 ** (500 * max(p - top, -2)) if p - top > -3 else 0.0 for c, p in zip(cells, powers, strict=False)
    ]
    np.testing.assert_array_equal(product, [*expected, 0.0])
