"""The most probable states of some variables (MAP) and of all that is unseen (MPE), against counting worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import ImpossibleEvidence, compile
from tests.engine.asking import Asked, counted, normalised, questions, random_soft
from tests.engine.networks import binary, hidden_chain
from tests.graphs import SHAPES, network_of

MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def check(asked: Asked, found) -> None:
    """The states found are as probable as any; where the evidence is impossible, they are -1."""
    joint, log_evidence = normalised(counted(asked))
    codes, log_p, log_e = (t.unsqueeze(0) if t.ndim == d else t for t, d in zip(found, (2, 1, 1), strict=True))
    assert codes.shape == (*log_evidence.shape, len(asked.target))
    np.testing.assert_allclose(log_e.numpy(), log_evidence, atol=1e-10, rtol=1e-10)
    for draw, row in np.ndindex(log_evidence.shape):
        if np.isneginf(log_evidence[draw, row]):
            assert (codes[draw, row] == -1).all()
            assert log_p[draw, row] == -math.inf
            continue
        here = joint[draw, row]
        assert here[tuple(codes[draw, row].tolist())] == pytest.approx(here.max(), rel=1e-9)
        assert log_p[draw, row].item() == pytest.approx(math.log(here.max()), abs=1e-9)


@MANY
@given(st.data())
def test_some_targets_the_rest_summed_out(data):
    """None to three targets, perhaps seen; soft evidence; draws."""
    asked, rng = data.draw(questions(draws=data.draw(st.sampled_from([1, 3]))))
    soft = random_soft(asked, rng) if rng.random() < 0.5 else {}
    query = compile(asked.network, asked.target, asked.seen)
    found = query.most_probable(asked.codes, soft=soft, on_impossible="mask")
    check(Asked(asked.network, asked.target, asked.seen, asked.codes, soft), found)


@MANY
@given(questions())
def test_everything_unseen(question):
    asked, rng = question
    unseen = tuple(str(n) for n in rng.permutation([n for n in asked.network.variables if n not in asked.seen]))
    found = compile(asked.network, unseen, asked.seen).most_probable(asked.codes, on_impossible="mask")
    check(Asked(asked.network, unseen, asked.seen, asked.codes), found)


def test_the_most_probable_joint_state_is_not_made_of_the_most_probable_states():
    network = binary(("x", (), [0.4, 0.6]), ("y", ("x",), [[1.0, 0.0], [0.5, 0.5]]))
    query = compile(network, ["x", "y"])
    codes, log_p, log_e = query.most_probable([{}])
    assert codes.tolist() == [[0, 0]]
    assert log_p.exp().tolist() == pytest.approx([0.4])
    assert log_e.tolist() == pytest.approx([0.0])
    assert query.marginals([{}])["x"].argmax(1).tolist() == [1]


@pytest.mark.parametrize("length", [200, 1500])
def test_a_chain_is_viterbi(length: int):
    """Viterbi (1967) by hand, in logs; joint tables of the targets would have 3**200 cells."""
    rng = np.random.default_rng(3)
    network = hidden_chain(length, rng)
    seen = rng.integers(2, size=length)
    found = compile(network, [f"h{t}" for t in range(length)], [f"o{t}" for t in range(length)]).most_probable(
        torch.from_numpy(seen)[None]
    )
    logs = {n: t.values[0].log().numpy() for n, t in network.tables.items()}
    best, back = logs["h0"] + logs["o0"][:, seen[0]], []
    for t in range(1, length):
        step = best[:, None] + logs[f"h{t}"]
        back.append(step.argmax(0))
        best = step.max(0) + logs[f"o{t}"][:, seen[t]]
    path = [int(best.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    assert found.codes[0].tolist() == path[::-1]
    assert (found.log_probability + found.log_evidence).item() == pytest.approx(float(best.max()), rel=1e-12)


def test_impossible_rows():
    network = binary(("x", (), [0.4, 0.6]), ("y", ("x",), [[1.0, 0.0], [1.0, 0.0]]))
    query = compile(network, "x", ["y"])
    with pytest.raises(ImpossibleEvidence, match=r"row 1 out of 2.*y = yes cannot happen"):
        query.most_probable([{}, {"y": "yes"}])
    assert query.most_probable([{}, {"y": "yes"}], on_impossible="mask").codes.tolist() == [[1], [-1]]


@pytest.mark.parametrize("seen", [("b",), ()])
def test_zero_rows(seen: tuple[str, ...]):
    query = compile(network_of(SHAPES["diamond"], np.random.default_rng(0)), ["a", "c"], seen)
    codes, log_p, log_e = query.most_probable(torch.empty(0, len(seen), dtype=torch.int64))
    assert (codes.shape, log_p.shape, log_e.shape) == ((0, 2), (0,), (0,))


def test_memory_is_kept_to():
    """Rows are taken in parts, with the same answers."""
    rng = np.random.default_rng(2)
    network = network_of(SHAPES["complete"], rng, states=3, draws=2)
    codes = torch.from_numpy(rng.integers(-1, 3, size=(500, 2)))
    whole = compile(network, ["a", "c"], ["b", "d"]).most_probable(codes)
    parts = compile(network, ["a", "c"], ["b", "d"], max_bytes=100_000).most_probable(codes)
    assert torch.equal(parts.codes, whole.codes)
    torch.testing.assert_close(parts.log_probability, whole.log_probability)
