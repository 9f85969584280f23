"""Elimination with the rows as one more axis, and conditional tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from bsm.engine import compile, conditional
from bsm.engine.elimination import eliminated, names_of
from bsm.network.tables import Network, NetworkError
from tests.engine.asking import Asked, agree, counted, questions
from tests.engine.forcing import found
from tests.engine.networks import crowded, random_network
from tests.graphs import SHAPES, network_of

FEW = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@FEW
@given(questions(draws=3))
def test_conditional_is_the_answer_at_each_configuration(question):
    asked, rng = question
    names = [str(n) for n in rng.permutation(list(asked.network.variables))]
    target, given = names[: rng.integers(3)], names[3 : 3 + rng.integers(3)]
    table = conditional(asked.network, target, given, impossible="nan")
    shape = [len(asked.network.variables[n].states) for n in given]
    codes = torch.from_numpy(np.indices(shape, dtype=np.int64).reshape(len(shape), math.prod(shape)).T.copy())
    rows = Asked(asked.network, tuple(target), tuple(given), codes)
    joint = counted(rows)
    total = joint.sum(tuple(range(2, joint.ndim)), keepdims=True)
    with np.errstate(invalid="ignore"):
        expected = joint / total
    np.testing.assert_allclose(table.reshape(expected.shape).numpy(), expected, rtol=0, atol=1e-10)


def test_conditional_of_nothing_is_one():
    network = network_of(SHAPES["diamond"], np.random.default_rng(0), states=3)
    assert conditional(network, (), ["b", "c"]).tolist() == [[[1.0] * 3] * 3]
    assert conditional(network, (), ()).tolist() == [1.0]


def test_values_and_scale_multiply_to_the_joint():
    """The largest value of each row lies in [0.5, 1], or is 0 where the evidence is impossible."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        network = random_network(rng)
        names = list(network.variables)
        weights = {n: torch.rand(1, 5, len(network.variables[n].states), dtype=torch.float64) for n in names[:2]}
        weights[names[0]][0, 2] = 0.0
        values, log_scale = eliminated(network, names[-1:], weights, 5, None)
        soft = {n: w[0] for n, w in weights.items()}
        joint = counted(Asked(network, (names[-1],), (), torch.empty(5, 0, dtype=torch.int64), soft))
        np.testing.assert_allclose((values * log_scale.exp().unsqueeze(-1)).numpy(), joint, atol=1e-12)
        top = values[0].amax(-1)
        assert top[2] == 0
        assert ((top == 0) | ((top >= 0.5) & (top <= 1.0 + 1e-15))).all()


@FEW
@given(questions(draws=2))
def test_rows_and_draws_taken_in_parts_answer_alike(question):
    asked, _ = question
    query = compile(asked.network, asked.target, asked.seen)
    least = 8 * 2 * 8 * (query.prepared.states + 1) * 4  # room for the answer, and little else
    query.prepared.max_bytes = max(least, 120_000)
    agree(found(query.prepared.by_elimination(asked.codes, {}), asked), asked)


def test_what_cannot_matter_is_not_computed():
    """A barren part too large for any memory is left out; so is a part that evidence does not reach."""
    network = crowded(62, 14, np.random.default_rng(0))
    answer = compile(network, "n3", ["n1"])(torch.tensor([[1], [0], [-1]]))
    ancestors = Network(
        {n: network.variables[n] for n in ("n0", "n1", "n2", "n3")},
        {n: network.tables[n] for n in ("n0", "n1", "n2", "n3")},
    )
    agree(
        compile(network, "n3", ["n1"]).drawn(torch.tensor([[1], [0], [-1]])),
        Asked(ancestors, ("n3",), ("n1",), torch.tensor([[1], [0], [-1]])),
    )
    assert torch.isfinite(answer.log_evidence).all()


def test_names():
    network = network_of(SHAPES["chain"], np.random.default_rng(0))
    assert names_of(network, "a") == ("a",)
    assert names_of(network, ["b", "a"]) == ("b", "a")
    for wrong, message in ((["a", "a"], "a is asked for twice"), ("aa", "'aa' is not a variable"), ("ab", "'ab'")):
        with pytest.raises(NetworkError, match=message):
            names_of(network, wrong)
    with pytest.raises(NetworkError, match="c is asked for twice"):
        conditional(network, "c", ["b", "c"])
