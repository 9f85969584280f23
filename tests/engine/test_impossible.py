"""Evidence of probability zero: refused with its row and the zero, or masked without harm to other rows."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from bsm.engine import ImpossibleEvidence, compile, conditional
from bsm.network.tables import Network, Table, Variable
from tests.engine.asking import Asked, agree, questions
from tests.engine.networks import binary
from tests.graphs import SHAPES, network_of

ALARMS = binary(
    ("power", (), [0.0, 1.0]),
    ("test", (), [0.5, 0.5]),
    ("alarm", ("test",), [[1.0, 0.0], [0.0, 1.0]]),
    ("call", ("alarm",), [[0.9, 0.1], [0.2, 0.8]]),
    ("siren", ("alarm",), [[1.0, 0.0], [0.3, 0.7]]),
)
EVERYTHING = list(ALARMS.variables)

REASONS = {
    "one observation, in its own table": (
        [{"power": "no"}],
        ["row 0 out of 1", "power = no cannot happen:", "the table of power, P(power = no) = 0"],
    ),
    "two together": (
        [{}, {"call": "yes", "siren": "yes", "alarm": "no"}],
        [
            "row 1 out of 2",
            "alarm = no, siren = yes|siren = yes, alarm = no",
            "P(siren = yes | alarm = no) = 0",
        ],
    ),
    "two that meet in a table neither is in": (
        [{"call": "yes"}, {"test": "no", "siren": "yes"}, {"siren": "yes", "test": "no"}],
        [
            "2 rows (1, 2) out of 3",
            "cannot happen together",
            "the table of siren, P(siren = yes | alarm = no) = 0",
            "; or in that of alarm, P(alarm = yes | test = no) = 0",
        ],
    ),
    "likelihoods": (
        [{"alarm": {"no": 1.0, "yes": 0.0}, "test": {"no": 0.0, "yes": 0.3}}],
        ["alarm = no, test = yes|test = yes, alarm = no", "P(alarm = no | test = yes) = 0"],
    ),
}


@pytest.mark.parametrize(("rows", "expected"), REASONS.values(), ids=REASONS)
@pytest.mark.parametrize("asking", ["calling", "marginals", "most_probable", "sample"])
def test_the_rows_and_the_zero_are_named(rows, expected, asking: str):
    query = compile(ALARMS, "call", EVERYTHING)
    ways = {"calling": query, "marginals": query.marginals, "most_probable": query.most_probable}
    with pytest.raises(ImpossibleEvidence) as error:
        query.sample(rows, 3, 0) if asking == "sample" else ways[asking](rows)
    for part in expected:
        assert any(option in str(error.value) for option in [*part.split("|"), part]), (part, str(error.value))


def test_the_zero_is_found_among_hundreds_of_observations():
    """A chain of 100 that cannot go back, seen to go back at its end."""
    tables = [("h0", (), [0.9, 0.1]), ("o0", ("h0",), [[0.8, 0.2], [0.0, 1.0]])]
    for t in range(1, 100):
        tables += [(f"h{t}", (f"h{t - 1}",), [[0.9, 0.1], [0.0, 1.0]])]
        tables += [(f"o{t}", (f"h{t}",), [[0.8, 0.2], [0.0, 1.0]])]
    query = compile(binary(*tables), "h7", [*(f"o{t}" for t in range(100)), "h50"])
    row = torch.tensor([[0] * 100 + [1]])
    started = time.perf_counter()
    with pytest.raises(ImpossibleEvidence, match=r"There .*h50 = yes.* cannot happen together: the zero is in"):
        query(row)
    assert time.perf_counter() - started < 10


def test_the_draw_is_named():
    values = torch.tensor([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    network = Network({"x": Variable("x", ("no", "yes"))}, {"x": Table("x", (), values)})
    with pytest.raises(ImpossibleEvidence, match="in 2 of 3 parameter draws, the first draw 1"):
        compile(network, "x", ["x"])([{"x": "yes"}])
    masked = compile(network, "x", ["x"])([{"x": "yes"}, {}], on_impossible="mask")
    assert masked.log_evidence.tolist() == [[math.log(0.5), 0.0], [-math.inf, 0.0], [-math.inf, 0.0]]


def test_likelihoods_of_zero_are_named():
    with pytest.raises(ImpossibleEvidence, match="weights of call are zero for every state"):
        compile(ALARMS, "test")(torch.empty(1, 0, dtype=torch.int64), soft={"call": torch.zeros(1, 2).double()})


def test_a_target_that_was_seen_in_a_state_it_cannot_be_in():
    with pytest.raises(ImpossibleEvidence, match="power = no cannot happen"):
        compile(ALARMS, "power", ["power"])([{}, {"power": "no"}])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(questions())
def test_raise_names_exactly_the_rows_that_mask_masks(question):
    asked, _ = question
    query = compile(asked.network, asked.target, asked.seen)
    masked = query(asked.codes, on_impossible="mask")
    rows = torch.isneginf(masked.log_evidence).nonzero()[:, 0].tolist()
    if not rows:
        agree(query.drawn(asked.codes), asked)
        return
    with pytest.raises(ImpossibleEvidence) as error:
        query(asked.codes)
    named = f"row {rows[0]} out of" if len(rows) == 1 else f"{len(rows)} rows ({', '.join(map(str, rows[:5]))}"
    assert named in str(error.value)
    assert masked.probabilities[rows].eq(0).all()


def with_impossible_rows(codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """After every row another in which there is no test, no alarm, and a siren; which rows are the old ones."""
    mixed = codes.repeat_interleave(2, 0)
    mixed[1::2] = torch.tensor([1, 0, 0, 1, 1])
    return mixed, torch.arange(0, len(mixed), 2)


@pytest.mark.parametrize("blanks", [False, True])
@pytest.mark.parametrize("way", ["as it comes", "loops", "torch", "elimination"])
@pytest.mark.parametrize("target", ["call", "alarm"])
def test_possible_rows_are_the_same_bit_for_bit_beside_impossible_ones(way: str, blanks: bool, target: str):
    rng = np.random.default_rng(1)
    possible = [[1, int(t), int(t), int(c), int(s and t)] for t, c, s in rng.integers(2, size=(40, 3))]
    codes = torch.tensor(possible)
    if blanks:
        codes = torch.where(torch.from_numpy(rng.random(codes.shape) < 0.3), -1, codes)
    mixed, old = with_impossible_rows(codes)
    query = compile(ALARMS, target, EVERYTHING)
    ways = {
        "as it comes": lambda rows: query(rows, on_impossible="mask"),
        "loops": query.prepared.by_loops,
        "torch": query.prepared.by_torch,
        "elimination": lambda rows: query.prepared.by_elimination(rows, {}),
    }
    (p, log_p), (q, log_q) = ways[way](codes), ways[way](mixed)
    rows = 0 if way == "as it comes" else 1
    assert torch.equal(q.index_select(rows, old), p)
    assert torch.equal(log_q.index_select(rows, old), log_p)
    assert torch.isneginf(log_q.index_select(rows, old + 1)).all()
    agree(query.drawn(mixed, on_impossible="mask"), Asked(ALARMS, (target,), tuple(EVERYTHING), mixed))


def test_conditioning_on_the_impossible():
    with pytest.raises(ImpossibleEvidence) as error:
        conditional(ALARMS, "call", ["test", "siren"])
    message = str(error.value)
    assert "cannot condition on test = no, siren = yes" in message
    assert "1 of the 4 configurations of test, siren" in message
    assert "P(siren = yes | alarm = no) = 0" in message
    assert "intervene" in message
    table = conditional(ALARMS, "call", ["test", "siren"], impossible="nan")
    assert torch.isnan(table[0, 0, 1]).all()
    assert table[0, 1, 1].tolist() == pytest.approx([0.2, 0.8])
    with pytest.raises(ValueError, match="'error', 'nan'"):
        conditional(ALARMS, "call", ["test"], impossible="maybe")


def test_no_third_way():
    network = network_of(SHAPES["chain"], np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"on_impossible='ignore' is not one of 'raise', 'mask'"):
        compile(network, "a", ["b"])(torch.tensor([[0]]), on_impossible="ignore")
