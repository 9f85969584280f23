"""The ways of answering agree with counting worlds and with one another, whichever tables are looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from bsm.engine import compile, loops, prepared
from bsm.engine.factors import RangeLost
from bsm.engine.lookups import MASK_BITS
from bsm.network.tables import Network, NetworkError, Table, Variable
from tests.engine.asking import Asked, agree, answers, questions, random_question
from tests.engine.forcing import forced, found
from tests.engine.networks import binary, hidden_chain, random_network
from tests.graphs import random_table

FEW = settings(max_examples=30, deadline=None, derandomize=True, database=None)
LOOPS = ("copied", "multiplied", "rescaled", "with_blanks")
CAPS = (0, 30, 3_000_000)
BUDGETS = (1, 100, 1_000_000)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """How often each compiled loop was run."""
    counts: Counter = Counter()

    def counting(name: str):  # type: ignore[no-untyped-def]
        loop = getattr(loops, name)

        def run(*arguments):  # type: ignore[no-untyped-def]
            counts[name] += 1
            return loop(*arguments)

        return run

    for name in LOOPS:
        monkeypatch.setattr(loops, name, counting(name))
    return counts


# --- all layouts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [1, 3])
def test_every_layout_answers_alike_in_loops_and_in_torch(reached: Counter, draws: int):
    @FEW
    @given(questions(draws=draws))
    def answered(question) -> None:
        asked, _ = question
        for cap in CAPS:
            for budget in BUDGETS:
                query = forced(compile(asked.network, asked.target, asked.seen), cap, budget)
                agree(found(query.prepared.by_loops(asked.codes), asked), asked)
                agree(found(query.prepared.by_torch(asked.codes), asked), asked)
        agree(found(query.prepared.by_elimination(asked.codes, {}), asked), asked)

    answered()
    assert min(reached[name] for name in ("copied", "multiplied", "with_blanks")) >= 20, reached


def sharpened(network: Network, rng: np.random.Generator) -> Network:
    """Tables whose entries span 1e-250 to 1, with the zeros that they had."""
    tables = {}
    for name, table in network.tables.items():
        tilted = table.values.numpy() * 10.0 ** -rng.uniform(0, 250, size=table.values.shape)
        tables[name] = Table(name, table.parents, torch.from_numpy(tilted / tilted.sum(-1, keepdims=True)))
    return Network(network.variables, tables)


def rare_question(network: Network, rng: np.random.Generator) -> Asked:
    """All variables but one or two seen, in states that need not be likely; some rows have blanks."""
    names = [str(n) for n in rng.permutation(list(network.variables))]
    seen = tuple(names[rng.integers(1, 3) :])
    sizes = np.array([len(network.variables[n].states) for n in seen], dtype=np.int64)
    codes = rng.integers(0, sizes, size=(12, len(seen)))
    blank = rng.random(codes.shape) < rng.choice([0.0, 0.2])
    return Asked(network, tuple(names[:1]), seen, torch.from_numpy(np.where(blank, -1, codes)))


@pytest.mark.parametrize("draws", [1, 2])
def test_tables_whose_products_underflow(reached: Counter, draws: int):
    """Products down to 1e-1500; with blanks that several tables share, such rows are eliminated."""
    rng = np.random.default_rng(9)
    rare = 0
    for _ in range(80):
        asked = rare_question(sharpened(random_network(rng, draws, kinds=["dense", "sparse"]), rng), rng)
        expected = answers(asked)
        for cap, budget in ((0, 1), (3_000_000, 100)):
            query = compile(asked.network, asked.target, asked.seen)
            with suppress(RangeLost):  # one table alone spans too much: nothing is forced then
                forced(query, cap, budget)
            for way in (query.prepared.by_loops, query.prepared.by_torch):
                ours = found(way(asked.codes), asked)
                np.testing.assert_allclose(ours.probabilities.numpy(), expected[0], rtol=0, atol=1e-10)
                np.testing.assert_allclose(ours.log_evidence.numpy(), expected[1], rtol=1e-12, atol=1e-10)
        rare += bool((np.isfinite(expected[1]) & (expected[1] < -750)).any())
    assert rare >= 20
    assert reached["rescaled"] >= 20, reached


# --- what a loop leaves to elimination ---------------------------------------------------------------------


def tied(length: int, rng: np.random.Generator) -> Network:
    """A chain x0 -> x1 -> ... of two states; each is in two tables when all are seen."""
    first = rng.dirichlet((1, 1)).tolist()
    steps = [(f"x{i}", (f"x{i - 1}",), rng.dirichlet((1, 1), size=2).tolist()) for i in range(1, length)]
    return binary(("x0", (), first), *steps)


def test_more_combinations_of_blanks_than_a_loop_tries(reached: Counter, monkeypatch: pytest.MonkeyPatch):
    """Every fourth row has 4096: these, and no others, are eliminated."""
    rng = np.random.default_rng(2)
    network = tied(13, rng)
    names = tuple(f"x{i}" for i in range(12))
    codes = torch.from_numpy(rng.integers(2, size=(20, 12)))
    codes[::4] = -1
    codes[1::4, 3:6] = -1
    query = forced(compile(network, "x12", names), 0, 1)
    assert len(query.prepared.tables(blanks=True).values) > 10
    eliminate, eliminated = query.prepared.by_elimination, []
    monkeypatch.setattr(query.prepared, "by_elimination", lambda c, w: eliminated.append(c) or eliminate(c, w))
    agree(query.drawn(codes), Asked(network, ("x12",), names, codes))
    assert reached["with_blanks"] == 1
    assert len(eliminated) == 1
    assert torch.equal(eliminated[0], codes[::4])


def test_more_shared_columns_than_a_mask_has_bits():
    """Rows with blanks are then eliminated, and the others looked up as ever."""
    rng = np.random.default_rng(3)
    count = MASK_BITS + 8
    network = tied(count + 1, rng)
    names = [f"x{i}" for i in range(count)]
    codes = torch.from_numpy(rng.integers(2, size=(50, count)))
    codes[::5] = torch.where(torch.from_numpy(rng.random((10, count)) < 0.3), -1, codes[::5])
    query = forced(compile(network, f"x{count}", names), 0, 1)
    ours = query(codes)
    theirs = query.prepared.by_elimination(codes, {})
    torch.testing.assert_close(ours.probabilities, theirs[0][0].reshape(50, 2), atol=1e-12, rtol=0)
    torch.testing.assert_close(ours.log_evidence, theirs[1][0], atol=1e-10, rtol=0)
    codes[7, 3] = 5
    with pytest.raises(NetworkError, match="row 7: x3 has code 5"):
        query(codes)


def test_no_table_fits_and_rows_are_eliminated():
    """The same answers with a memory that holds no table, on any network."""
    rng = np.random.default_rng(4)
    without = 0
    for _ in range(40):
        asked = random_question(random_network(rng), rng)
        query = compile(asked.network, asked.target, asked.seen, max_bytes=100_000)
        query.prepared._kept = {False: None, True: None}
        without += "by elimination in every row" in str(query.plan)
        agree(query.drawn(asked.codes, on_impossible="mask"), asked)
    assert without >= 35


@pytest.mark.parametrize(("target", "seen"), [("ac", "b"), ("ab", "c"), ("bc", "c"), ("c", "")])
def test_one_state_and_more_states_than_a_row_may_carry(target: str, seen: str):
    """5,000 states asked about are eliminated in every row; seen, they are rows of a table."""
    rng = np.random.default_rng(8)
    states = {"a": 1, "b": 3, "c": 5_000}
    variables = {n: Variable(n, tuple(f"{n}{i}" for i in range(k))) for n, k in states.items()}
    tables = {
        "a": random_table(variables, "a", (), "dense", rng),
        "b": random_table(variables, "b", ("a",), "dense", rng),
        "c": random_table(variables, "c", ("b",), "sparse", rng),
    }
    codes = torch.from_numpy(rng.integers(-1, [states[n] for n in seen], size=(4, len(seen))))
    asked = Asked(Network(variables, tables), tuple(target), tuple(seen), codes)
    agree(compile(asked.network, asked.target, asked.seen).drawn(codes, on_impossible="mask"), asked)


@pytest.mark.parametrize("expected_rows", [1, 100, 10**9])
@pytest.mark.parametrize("max_bytes", [20_000, None])
def test_whatever_is_expected_and_allowed(expected_rows: int, max_bytes: int | None):
    rng = np.random.default_rng(5)
    for _ in range(25):
        asked = random_question(random_network(rng, most_worlds=500), rng)
        query = compile(asked.network, asked.target, asked.seen, expected_rows=expected_rows, max_bytes=max_bytes)
        agree(query.drawn(asked.codes, on_impossible="mask"), asked)


# --- threads, numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("blanks", [False, True])
def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, blanks: bool):
    """Bit for bit, and a wrong code is named with its row wherever it is."""
    monkeypatch.setattr(prepared, "PARALLEL", 10)
    rng = np.random.default_rng(6)
    network = hidden_chain(8, rng)
    names = [f"o{t}" for t in range(8)]
    codes = torch.from_numpy(rng.integers(-1 if blanks else 0, 2, size=(1003, 8)))
    query = compile(network, ["h7", "h3"], names)
    one = query(codes)
    torch.set_num_threads(3)
    try:
        several = query(codes)
        assert all(torch.equal(a, b) for a, b in zip(several, one, strict=True))
        codes[801, 2] = 2
        with pytest.raises(NetworkError, match="row 801: o2 has code 2"):
            query(codes)
    finally:
        torch.set_num_threads(1)


@FEW
@given(questions())
def test_float32_is_within_1e_5(question):
    asked, _ = question
    query = compile(asked.network, asked.target, asked.seen, dtype=torch.float32)
    for pair in (query.prepared.by_loops(asked.codes), query.prepared.by_torch(asked.codes)):
        answer = found(pair, asked)
        assert answer.probabilities.dtype == torch.float32
        agree(answer, asked, within=1e-5)


def test_the_check_catches_a_table_that_is_slightly_wrong():
    rng = np.random.default_rng(7)
    asked = next(a for a in iter(lambda: random_question(random_network(rng), rng), None) if a.target and a.seen)
    query = compile(asked.network, asked.target, asked.seen)
    tables = query.prepared.tables(blanks=False)
    wrong = tuple(v + 1e-7 * torch.rand(v.shape, dtype=v.dtype) for v in tables.values)
    query.prepared._kept = dict.fromkeys((False, True), replace(tables, values=wrong))
    with pytest.raises(AssertionError):
        agree(found(query.prepared.by_loops(asked.codes), asked), asked)
