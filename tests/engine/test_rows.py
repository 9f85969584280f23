"""Rows as codes, tables and mappings: the same evidence however it is written, and what is refused on the way."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings

from bsm.engine import Answer, compile
from bsm.engine.rows import checked, one_hot, read
from bsm.network.tables import NetworkError
from tests.engine.asking import Asked, agree, questions, random_soft
from tests.graphs import SHAPES, network_of

NETWORK = network_of(SHAPES["chain"], np.random.default_rng(0), states=3, draws=4)
SEEN = ("a", "b")
FEW = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def same(ours: Answer, theirs: Answer) -> None:
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


# --- one evidence, many ways of writing it -----------------------------------------------------------------


def as_mappings(asked: Asked) -> list[dict[str, str | None]]:
    states = {n: v.states for n, v in asked.network.variables.items()}
    return [
        {n: states[n][c] if c >= 0 else None for n, c in zip(asked.seen, row, strict=True)}
        for row in asked.codes.tolist()
    ]


@FEW
@given(questions())
def test_codes_tables_and_mappings_say_the_same(question):
    """Also with columns in another order, blanks left out, and blanks that are empty text."""
    asked, rng = question
    query = compile(asked.network, asked.target, asked.seen)
    answer = query(asked.codes, on_impossible="mask")
    rows = as_mappings(asked)
    frame = pd.DataFrame(rows, columns=list(asked.seen), index=range(len(rows)))
    shuffled = frame[[asked.seen[i] for i in rng.permutation(len(asked.seen))]]
    for written in (
        rows,
        [{n: said for n, said in row.items() if said} for row in rows],
        [{n: said or "" for n, said in row.items()} for row in rows],
        frame,
        shuffled,
        frame.fillna(""),
        frame.astype("category"),
        shuffled.set_axis(range(7, 7 + len(rows))),
    ):
        same(query(written, on_impossible="mask"), answer)


@FEW
@given(questions())
def test_codes_of_any_integer_type_and_layout(question):
    asked, _ = question
    query = compile(asked.network, asked.target, asked.seen)
    answer = query(asked.codes, on_impossible="mask")
    across = asked.codes.T.contiguous().T
    for codes in (*(asked.codes.to(kind) for kind in (torch.int8, torch.int16, torch.int32)), across):
        same(query(codes, on_impossible="mask"), answer)


@FEW
@given(questions())
def test_likelihoods_in_mappings_are_soft_evidence(question):
    asked, rng = question
    rows = as_mappings(asked)
    soft = {n: w if w.ndim == 2 else w[0] for n, w in random_soft(asked, rng, asked.seen[:2]).items()}
    soft = {n: w + (w.sum(1, keepdim=True) == 0) for n, w in soft.items()}  # nowhere zero for all states
    mixed = [dict(row) for row in rows]
    for name, likelihood in soft.items():
        for row in range(0, len(rows), 2):
            mixed[row][name] = dict(zip(asked.network.variables[name].states, likelihood[row].tolist(), strict=True))
    codes = asked.codes.clone()
    for column, name in enumerate(asked.seen):
        if name in soft:
            codes[::2, column] = -1
            soft[name][1::2] = 1.0
    agree(
        compile(asked.network, asked.target, asked.seen).drawn(mixed, on_impossible="mask"),
        Asked(asked.network, asked.target, asked.seen, codes, soft),
    )


def test_a_likelihood_in_a_row_and_another_beside_it_both_count():
    row = [{"a": {"a0": 0.5, "a1": 0.25, "a2": 1.0}}]
    beside = torch.tensor([[0.2, 0.8, 0.5]], dtype=torch.float64)
    together = {"a": beside * torch.tensor([[0.5, 0.25, 1.0]], dtype=torch.float64)}
    query = compile(NETWORK, "d", SEEN)
    torch.testing.assert_close(query(row, soft={"a": beside}), query([{}], soft=together))


def test_streaming_equals_one_call():
    rng = np.random.default_rng(3)
    codes = torch.from_numpy(rng.integers(-1, 3, size=(1000, 2)))
    query = compile(NETWORK, ["c", "d"], SEEN)
    parts = list(query.stream(codes.split(137)))
    assert [len(p.log_evidence[0]) for p in parts] == [137] * 7 + [41]
    whole = query(codes)
    same(Answer(torch.cat([p.probabilities for p in parts], 1), torch.cat([p.log_evidence for p in parts], 1)), whole)


def test_streaming_holds_one_batch_at_a_time():
    """The next batch is asked for only after the answer to the last one was taken."""
    alive = []

    def batches():
        for number in range(5):
            alive.append(number)
            yield torch.full((10, 2), -1)

    for number, _ in enumerate(compile(NETWORK, "d", SEEN).stream(batches())):
        assert alive == list(range(number + 1))


# --- reading -----------------------------------------------------------------------------------------------


def test_states_likelihoods_and_blanks():
    likelihood = {"a2": 0.5, "a0": 0.0, "a1": 2.0}  # in any order; up to a constant
    rows = [{"a": "a1", "b": None}, {"a": likelihood}, {"a": ""}, {"a": math.nan}, {"b": "b2"}]
    codes, weights = read(NETWORK, SEEN, rows)
    assert codes.tolist() == [[1, -1], [-1, -1], [-1, -1], [-1, -1], [-1, 2]]
    ones = [1.0, 1.0, 1.0]
    assert weights["a"].tolist() == [ones, [0.0, 2.0, 0.5], ones, ones, ones]
    assert list(weights) == ["a"]
    hot = one_hot(NETWORK, SEEN, codes)
    assert hot["a"].tolist() == [[[0.0, 1.0, 0.0], ones, ones, ones, ones]]
    assert list(one_hot(NETWORK, SEEN, codes[:2])) == ["a"]  # nobody saw b


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (torch.zeros(2, 3, dtype=torch.int8), r"codes need shape \[row, 2\], columns being \['a', 'b'\]; got \[2, 3\]"),
        (torch.zeros(2, dtype=torch.int64), r"got \[2\]"),
        (torch.zeros(2, 2), "codes are integers, positions of states, -1 for a blank; got torch.float32"),
        (torch.zeros(2, 2, dtype=torch.bool), "got torch.bool"),
        ({"a": "a1"}, "got one mapping: put it in a list"),
        ("a1", "a tensor of codes, a DataFrame or a list of mappings; got str"),
        (None, "got NoneType"),
        ([{"aa": "a1"}], r"a variable 'aa' that this query was not compiled to see: it sees \['a', 'b'\]"),
        ([{"d": "d1"}], "a variable 'd' that this query was not compiled to see.*compile the query with it"),
        (pd.DataFrame({"a": ["a1"], "d": ["d1"]}), "a column 'd' that this query was not compiled to see"),
        (pd.DataFrame({"a": ["a1", "a11"]}), r"row 1: a = 'a11' is not one of its states .*did you mean 'a1'"),
        (pd.DataFrame([["a1", "a1"]], columns=["a", "a"]), "the rows have the column 'a' twice"),
        (pd.DataFrame({"a": [1]}), "row 0: a = 1 is not one of its states"),
        ([{}, {"a": "a11"}], "row 1: a = 'a11' is not one of its states .*did you mean 'a1'"),
        ([{}, {"a": 1}], "row 1: a = 1 is not one of its states"),
        ([{}, {"a": {"a0": 1.0, "a1": 1.0}}], r"row 1: the likelihood of a leaves out \['a2'\]; name every state"),
        ([{"a": {"a0": 1.0, "a1": 1.0, "a22": 0.0}}], "a = 'a22' is not one of its states .*did you mean 'a2'"),
        ([{"a": {"a0": -1.0, "a1": 1.0, "a2": 0.0}}], "row 0: the likelihood of a is negative or not finite"),
        ([{"a": {"a0": math.inf, "a1": 1.0, "a2": 0.0}}], "negative or not finite"),
        ([{"a": {"a0": 0.0, "a1": 0.0, "a2": 0.0}}], "zero for every state.*a blank is a likelihood of ones"),
    ],
)
def test_rows_that_cannot_be(rows, message: str):
    with pytest.raises(NetworkError, match=message):
        compile(NETWORK, "d", SEEN)(rows)


@pytest.mark.parametrize("asking", ["call", "marginals", "most_probable"])
@pytest.mark.parametrize("blanks", [False, True], ids=["whole", "blanks"])
@pytest.mark.parametrize("wrong", [3, -2])
def test_a_code_that_is_no_state_is_named_with_its_row(asking: str, blanks: bool, wrong: int):
    """The row is counted in the rows given, whichever of them are answered together."""
    codes = torch.zeros(7, 2, dtype=torch.int64)
    codes[[0, 2], [0, 1]] = -1 if blanks else 0
    codes[5, 1] = wrong
    query = compile(NETWORK, "d", SEEN)
    ways = {"call": query, "marginals": query.marginals, "most_probable": query.most_probable}
    states = r"its states \['b0', 'b1', 'b2'\] have codes 0 to 2, and a blank has -1"
    with pytest.raises(NetworkError, match=f"row 5: b has code {wrong}; {states}"):
        ways[asking](codes)


def weights(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64) + 0.1


@pytest.mark.parametrize(
    ("soft", "message"),
    [
        ({"e": weights(2, 3)}, "'e' is not a variable"),
        ({"a": weights(2, 2)}, r"need shape \[row, 3\] or \[draw, row, 3\] .*got \(2, 2\)"),
        ({"a": weights(3)}, r"got \(3,\)"),
        ({"a": weights(0, 3)}, r"at least one row; got \(0, 3\)"),
        ({"a": weights(2, 3).float()}, "float32; weights are torch.float64"),
        ({"a": weights(2, 3), "b": weights(3, 3)}, "number of rows: the rows 2, a 2, b 3"),
        ({"a": weights(3, 3)}, "number of rows: the rows 2, a 3"),
        ({"a": weights(3, 2, 3)}, "number of draws: the tables 4, a 3"),
        ({"a": -weights(2, 3)}, "weights of a have an entry that is negative or not finite"),
        ({"a": weights(2, 3) * math.nan}, "negative or not finite"),
        ({"a": weights(2, 3) * math.inf}, "negative or not finite"),
        ({"a": [[1.0, 2.0, 3.0]]}, r"likelihoods of a are a list; give a torch.float64 tensor \[row, state\]"),
    ],
)
def test_likelihoods_that_cannot_be(soft, message: str):
    with pytest.raises(NetworkError, match=message):
        compile(NETWORK, "d", SEEN)(torch.zeros(2, 2, dtype=torch.int64), soft=soft)
    checked(NETWORK, {"a": weights(2, 3)}, 2)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda n: compile(n, "dd"), "'dd' is not a variable of this network; did you mean 'd'"),
        (lambda n: compile(n, "d", ["bb"]), "'bb' is not a variable"),
        (lambda n: compile(n, ["d", "d"]), "d is asked for twice"),
        (lambda n: compile(n, "d", ["b", "b"]), "b is asked for twice"),
        (lambda n: compile(n, "d", dtype=torch.float16), "torch.float16 is given; torch.float64 and torch.float32 are"),
    ],
)
def test_questions_that_cannot_be(ask, message: str):
    with pytest.raises(NetworkError, match=message):
        ask(NETWORK)
