"""Derivatives of every answer, by tables and by likelihoods: against finite differences and against counting worlds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bsm.engine import compile, conditional
from bsm.network.surgery import Shift, intervene
from bsm.network.tables import Network, Table
from tests.engine.asking import Asked, counted, masses, questions, random_soft, summed
from tests.engine.networks import binary, from_logits
from tests.graphs import SHAPES, network_of

FEW = settings(max_examples=40, deadline=None, derandomize=True, database=None)
WHOLE = torch.tensor([[0, 1], [1, 0]])
BLANKS = torch.tensor([[0, -1], [-1, 1], [-1, -1], [1, 1]])


def free_network(network: Network, rng: np.random.Generator) -> tuple[list[str], list[Tensor]]:
    names = list(network.tables)
    return names, [torch.tensor(rng.normal(size=network.tables[n].values.shape), requires_grad=True) for n in names]


# --- against finite differences ----------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [1, 2])
@pytest.mark.parametrize("rows", [WHOLE, BLANKS], ids=["whole rows", "blanks"])
@pytest.mark.parametrize("edges", [SHAPES["diamond"], SHAPES["complete"], SHAPES["two parts"]])
def test_by_tables(edges, rows: Tensor, draws: int):
    network = network_of(edges, np.random.default_rng(11), draws=draws)
    names, logits = free_network(network, np.random.default_rng(1))

    def answer(*logits: Tensor) -> tuple[Tensor, ...]:
        changed = from_logits(network, dict(zip(names, logits, strict=True)))
        return (*compile(changed, ["a", "c"], ["b", "d"])(rows), conditional(changed, "a", "d"))

    assert torch.autograd.gradcheck(answer, logits)


@pytest.mark.parametrize("draws", [1, 2])
@pytest.mark.parametrize("edges", [SHAPES["complete"], SHAPES["two parts"]])
def test_by_tables_and_likelihoods(edges, draws: int):
    """Of an unseen variable, of a target, and of one that was seen; rows whole and with blanks."""
    rng = np.random.default_rng(12)
    network = network_of(edges, rng, draws=draws)
    names, logits = free_network(network, rng)
    weights = [torch.tensor(rng.random((draws, 3, 2)) + 0.1, requires_grad=True) for _ in range(3)]

    def answer(c: Tensor, a: Tensor, b: Tensor, *logits: Tensor) -> tuple[Tensor, ...]:
        changed = from_logits(network, dict(zip(names, logits, strict=True)))
        return tuple(compile(changed, "a", ["b", "d"])(BLANKS[:3], soft={"c": c, "a": a, "b": b}))

    assert torch.autograd.gradcheck(answer, (*weights, *logits))


def test_by_marginals_of_every_variable():
    rng = np.random.default_rng(13)
    network = network_of(SHAPES["diamond"], rng, draws=2)
    names, logits = free_network(network, rng)
    weights = torch.tensor(rng.random((3, 2)) + 0.1, requires_grad=True)

    def answer(weights: Tensor, *logits: Tensor) -> tuple[Tensor, ...]:
        changed = from_logits(network, dict(zip(names, logits, strict=True)))
        return tuple(compile(changed, (), ["b", "d"]).marginals(BLANKS[:3], soft={"c": weights}).values())

    assert torch.autograd.gradcheck(answer, (weights, *logits))


def test_by_how_far_an_intervention_shifts():
    network = network_of(SHAPES["complete"], np.random.default_rng(14), states=3)
    nats = torch.tensor([0.3, -1.0], dtype=torch.float64, requires_grad=True)

    def answer(nats: Tensor) -> tuple[Tensor, ...]:
        changed = intervene(network, {"b": Shift({"b0": nats[0], "b2": nats[1]})})
        return tuple(compile(changed, "a", ["d"])(torch.tensor([[0], [2], [-1]])))

    assert torch.autograd.gradcheck(answer, (nats,))


# --- against counting worlds -------------------------------------------------------------------------------


@FEW
@given(st.data())
def test_every_entry_of_every_table_on_random_networks(data):
    """dP(evidence)/d(entry) is the mass of the worlds that use the entry, without it; zeros and point masses too.

    Compared along changes that keep each row of a table summing to one: what is barren is left out of the answer, and
    so has no slope in other directions.
    """
    asked, rng = data.draw(questions(draws=data.draw(st.sampled_from([1, 3]))))
    free = {n: t.values.clone().requires_grad_() for n, t in asked.network.tables.items()}
    network = replace(asked.network, tables={n: replace(t, values=free[n]) for n, t in asked.network.tables.items()})
    soft = random_soft(asked, rng) if rng.random() < 0.5 else {}
    asked = Asked(network, asked.target, asked.seen, asked.codes, soft)
    log_p = compile(network, asked.target, asked.seen).drawn(asked.codes, soft=soft, on_impossible="mask").log_evidence
    possible = ~torch.isneginf(log_p)
    if not (asked.target or asked.seen or soft) or not bool(possible.any()):
        return
    log_p[possible].sum().backward()
    evidence = counted(asked).sum(tuple(range(2, 2 + len(asked.target))))
    scale = np.divide(1.0, evidence, out=np.zeros_like(evidence), where=evidence > 0)
    for name, entry in free.items():
        others = summed(masses(asked, without=name), network, network.tables[name].axes)
        by_draw = (others * scale.reshape(*scale.shape, *[1] * (others.ndim - 2))).sum(1)
        expected = by_draw if len(entry) > 1 else by_draw.sum(0, keepdims=True)
        found = np.zeros(entry.shape) if entry.grad is None else entry.grad.numpy()
        np.testing.assert_allclose(
            found - found.mean(-1, keepdims=True), expected - expected.mean(-1, keepdims=True), rtol=1e-9, atol=1e-9
        )


# --- at the edges of float64 -------------------------------------------------------------------------------


def test_where_a_double_is_too_narrow():
    """The derivative of log P by a free logit is the posterior minus the prior, also at 1e-500."""
    network = binary(("x", (), [0.5, 0.5]), ("y", ("x",), [[1 - 1e-300, 1e-300], [1 - 3e-300, 3e-300]]))
    logits = torch.tensor([[0.2, -0.3]], dtype=torch.float64, requires_grad=True)
    changed = from_logits(network, {"x": logits})
    weights = {"y": torch.tensor([[0.0, 1e-200]], dtype=torch.float64)}  # together 1e-500
    posterior, log_p = compile(changed, "x")(torch.empty(1, 0, dtype=torch.int64), soft=weights)
    (gradient,) = torch.autograd.grad(log_p.sum(), logits)
    torch.testing.assert_close(gradient, posterior - logits.softmax(-1), atol=1e-13, rtol=0)
    expected = logits.softmax(-1).detach() * torch.tensor([1.0, 3.0])
    torch.testing.assert_close(posterior, expected / expected.sum(), atol=1e-13, rtol=0)


IMPOSSIBLE = binary(("x", (), [0.5, 0.5]), ("y", ("x",), [[1.0, 0.0], [1.0, 0.0]]))


@pytest.mark.parametrize("soft", [None, {"x": torch.ones(1, 2, dtype=torch.float64)}], ids=["tables", "elimination"])
def test_beside_an_impossible_row_gradients_are_finite(soft):
    """A masked row is -inf with a gradient of zero, and the other rows keep theirs."""
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    changed = from_logits(IMPOSSIBLE, {"x": logits})
    rows = [{"y": "yes"}, {"x": "yes"}]
    p, log_p = compile(changed, "x", ["x", "y"])(rows, soft=soft, on_impossible="mask")
    assert log_p.tolist() == [-math.inf, pytest.approx(math.log(0.5))]
    (gradient,) = torch.autograd.grad(log_p[log_p > -math.inf].sum() + p.sum(), logits)
    torch.testing.assert_close(gradient, torch.tensor([[-0.5, 0.5]], dtype=torch.float64))


def test_beside_a_nan_that_was_asked_for_gradients_are_finite():
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    table = conditional(from_logits(IMPOSSIBLE, {"x": logits}), "x", "y", impossible="nan")
    assert torch.isnan(table[0, 1]).all()
    (gradient,) = torch.autograd.grad(table[0, 0, 0], logits)
    assert torch.isfinite(gradient).all()


def test_a_table_that_changes_in_place_is_followed():
    """As an optimiser changes it: with gradients nothing that was made from the old numbers is kept."""
    values = torch.tensor([[0.5, 0.5]], dtype=torch.float64, requires_grad=True)
    network = binary(("x", (), [0.5, 0.5]), ("y", ("x",), [[0.9, 0.1], [0.2, 0.8]]))
    query = compile(Network(network.variables, {**network.tables, "x": Table("x", (), values)}), "x", ["y"])
    before = query(torch.tensor([[1]])).probabilities
    with torch.no_grad():
        values.copy_(torch.tensor([[0.25, 0.75]]))
    after = query(torch.tensor([[1]])).probabilities
    assert before[0].tolist() == pytest.approx([1 / 9, 8 / 9])
    assert after[0].tolist() == pytest.approx([1 / 25, 24 / 25])
