"""The marginals of all variables at once, against counting worlds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import compile, marginals
from bsm.network.tables import Network
from tests.engine.asking import Asked, counted, normalised, questions, random_question, random_soft
from tests.engine.networks import binary, from_logits, hidden_chain, random_network
from tests.graphs import SHAPES, network_of

MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@MANY
@given(st.data())
def test_every_variable_in_every_row(data):
    """Barren ones, seen ones and those far from any evidence; rows that cannot happen are zeros."""
    asked, rng = data.draw(questions(draws=data.draw(st.sampled_from([1, 3]))))
    soft = random_soft(asked, rng) if rng.random() < 0.5 else {}
    query = compile(asked.network, asked.target, asked.seen)
    found = query.marginals(asked.codes, soft=soft, on_impossible="mask")
    assert list(found) == list(asked.network.variables)
    for name, ours in found.items():
        expected = normalised(counted(Asked(asked.network, (name,), asked.seen, asked.codes, soft)))[0]
        ours = ours.unsqueeze(0) if ours.ndim == 2 else ours
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours.numpy(), expected, rtol=0, atol=1e-10)


def test_shapes_and_draws():
    rng = np.random.default_rng(0)
    rows = torch.tensor([[0], [-1], [2]])
    plain = compile(network_of(SHAPES["diamond"], rng, states=3), "a", ["b"]).marginals(rows)
    assert {p.shape for p in plain.values()} == {(3, 3)}
    drawn = compile(network_of(SHAPES["diamond"], rng, states=3, draws=4), "a", ["b"]).marginals(rows)
    assert {p.shape for p in drawn.values()} == {(4, 3, 3)}
    assert plain["b"][0].tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert not any(p.requires_grad for p in drawn.values())


@pytest.mark.parametrize("seen", [("b",), ()])
def test_zero_rows(seen: tuple[str, ...]):
    query = compile(network_of(SHAPES["diamond"], np.random.default_rng(0)), "a", seen)
    found = query.marginals(torch.empty(0, len(seen), dtype=torch.int64))
    assert {p.shape for p in found.values()} == {(0, 2)}


def test_a_network_of_nothing():
    nothing = compile(Network({}, {}), ())
    assert nothing.marginals([{}, {}]) == {}
    assert nothing([{}, {}]).log_evidence.tolist() == [0.0, 0.0]


def test_a_long_chain_equals_one_query_after_another():
    """400 observations: the evidence is 1e-100 or so, and each marginal as exact as its own query."""
    rng = np.random.default_rng(1)
    network = hidden_chain(400, rng)
    names = [f"o{t}" for t in range(400)]
    codes = torch.from_numpy(rng.integers(-1, 2, size=(3, 400)))
    found = compile(network, (), names).marginals(codes)
    for t in (0, 57, 200, 399):
        torch.testing.assert_close(
            found[f"h{t}"], compile(network, f"h{t}", names)(codes).probabilities, atol=1e-11, rtol=0
        )


RARE = [1e-100, 1e-200, 1e-300]


def all_but_excluded(rare: float) -> Network:
    return binary(
        ("x", (), [0.5, 0.5]),
        ("y", ("x",), [[1 - rare, rare], [0.0, 1.0]]),
        ("z", ("x",), [[1 - rare, rare], [rare, 1 - rare]]),
    )


@pytest.mark.parametrize("rare", RARE)
def test_states_that_the_evidence_all_but_excludes(rare: float):
    """What was seen is up to 1e600 times less likely than what was not: 0 times infinity was NaN once."""
    query = compile(all_but_excluded(rare), (), ["x", "y", "z"])
    found = query.marginals([{"x": "no", "y": "yes", "z": "yes"}, {"y": "yes", "z": "yes"}, {"z": "yes"}, {}])
    expected = {
        "x": [[1.0, 0.0], [rare**2, 1.0], [rare, 1.0], [0.5, 0.5]],
        "y": [[0.0, 1.0], [0.0, 1.0], [rare, 1.0], [0.5, 0.5]],
        "z": [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.5, 0.5]],
    }
    for name, p in found.items():
        torch.testing.assert_close(p, torch.tensor(expected[name], dtype=torch.float64), rtol=1e-12, atol=1e-305)


def test_marginals_that_do_not_sum_to_one_are_not_trusted():
    """In any draw, of any variable; an impossible row has zeros, and is not lost."""
    found = {
        "x": torch.tensor([[[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]], [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]]),
        "y": torch.tensor([[[0.5, 0.5], [1.0, 1e-8], [0.0, 0.0]], [[0.5, 0.5], [0.5, 0.5], [0.5, torch.nan]]]),
    }
    log_p = torch.tensor([[0.0, 0.0, -torch.inf], [0.0, 0.0, 0.0]])
    assert marginals._lost({n: p.double() for n, p in found.items()}, log_p).tolist() == [False, True, True]
    log_p[1, 2] = -torch.inf
    assert marginals._lost({n: p.double() for n, p in found.items()}, log_p).tolist() == [False, True, False]


@pytest.mark.parametrize("rare", RARE)
def test_gradients_of_such_marginals_are_finite(rare: float):
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    query = compile(from_logits(all_but_excluded(rare), {"x": logits}), (), ["x", "y", "z"])
    found = query.marginals([{"x": "no", "y": "yes", "z": "yes"}, {}])
    (gradient,) = torch.autograd.grad(found["x"][:, 1].sum() + found["z"][0, 0], logits)
    torch.testing.assert_close(gradient, torch.tensor([[-0.25, 0.25]], dtype=torch.float64))


def test_what_autograd_loses_is_answered_in_logs(monkeypatch: pytest.MonkeyPatch):
    """The slower way by itself, on any row: the same marginals, and gradients of them."""
    monkeypatch.setattr(marginals, "_lost", lambda found, log_p: torch.ones(log_p.shape[1], dtype=torch.bool))
    rng = np.random.default_rng(3)
    for _ in range(40):
        asked = random_question(random_network(rng, 2), rng)
        soft = random_soft(asked, rng) if rng.random() < 0.5 else {}
        query = compile(asked.network, (), asked.seen)
        found = query.marginals(asked.codes, soft=soft, on_impossible="mask")
        for name, ours in found.items():
            expected = normalised(counted(Asked(asked.network, (name,), asked.seen, asked.codes, soft)))[0]
            np.testing.assert_allclose(ours.numpy(), expected, rtol=0, atol=1e-10)
    network = network_of(SHAPES["diamond"], rng)
    logits = torch.tensor(rng.normal(size=(1, 2)), requires_grad=True)

    def answer(logits: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(compile(from_logits(network, {"a": logits}), (), ["d"]).marginals([{"d": "d1"}, {}]).values())

    assert torch.autograd.gradcheck(answer, (logits,))


def test_memory_is_kept_to():
    rng = np.random.default_rng(2)
    network = network_of(SHAPES["complete"], rng, states=3, draws=2)
    codes = torch.from_numpy(rng.integers(-1, 3, size=(500, 2)))
    whole = compile(network, "a", ["b", "d"]).marginals(codes)
    parts = compile(network, "a", ["b", "d"], max_bytes=250_000).marginals(codes)
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], atol=1e-13, rtol=0)
