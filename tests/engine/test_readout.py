"""The plan says which tables, in what order variables go, how many operations and bytes: counted here by hand."""

from __future__ import annotations

import numpy as np
import torch

from bsm.engine import compile
from bsm.network.tables import Network, Variable
from tests.engine.forcing import forced
from tests.engine.networks import hidden_chain, star
from tests.graphs import SHAPES, network_of, random_table


def small() -> Network:
    """x (2) causes h (4), which causes y (2); x causes z (3); and nothing depends on w (2)."""
    states = {"x": 2, "h": 4, "y": 2, "z": 3, "w": 2}
    variables = {n: Variable(n, tuple(f"{n}{i}" for i in range(k))) for n, k in states.items()}
    parents = {"x": (), "h": ("x",), "y": ("h",), "z": ("x",), "w": ("z",)}
    rng = np.random.default_rng(0)
    return Network(variables, {n: random_table(variables, n, parents[n], "dense", rng) for n in states})


def test_one_table_by_hand():
    """6 configurations of y and z by 2 states of x are 12 cells, 96 bytes; a row adds 2 strides and reads 2 cells."""
    plan = forced(compile(small(), "x", ["y", "z"]), 3_000, 4_096).plan
    assert plan.tables == ("6 rows by z (3), y (2), 2 joint states, of 4 factors",)
    assert plan.order == ("h",)
    assert plan.each_row == ()
    assert plan.bytes == 96
    assert plan.operations == 2 + (1 + 1) * 2
    assert str(plan).splitlines()[:4] == [
        "P(x | y, z)",
        "summed out beforehand, in this order: h",
        "table 1: 6 rows by z (3), y (2), 2 joint states, of 4 factors",
        f"6 operations per row and draw, 96 B of tables, about {plan.nanoseconds:.0f} ns a row",
    ]


def test_two_tables_by_hand():
    """2 rows by y and 3 by z, 2 states each: 10 cells; a row adds 2 strides, and reads, multiplies and sums 2 cells."""
    plan = forced(compile(small(), "x", ["y", "z"]), 3_000, 1).plan
    assert sorted(said.split(", 2 joint")[0] for said in plan.tables) == ["2 rows by y (2)", "3 rows by z (3)"]
    assert plan.bytes == 80
    assert plan.operations == 2 + (2 + 1) * 2


def test_what_is_summed_in_every_row():
    """With no table allowed after summing, h stays: 2 x 4 joint states in every table."""
    plan = forced(compile(small(), "x", ["y", "z"]), 0, 1).plan
    assert plan.each_row == ("h",)
    assert plan.order == ()
    assert plan.bytes == 8 * (2 + 3) * 8
    assert plan.operations == 2 + (2 + 1) * 8
    assert "summed out in every row: h" in str(plan)


def test_draws_are_said():
    network = network_of(SHAPES["chain"], np.random.default_rng(0), draws=5)
    plan = compile(network, "a", ["d"]).plan
    assert plan.tables == ("2 rows by d (2), 2 joint states in each of 5 draws, of 4 factors",)
    assert plan.bytes == 5 * 4 * 8


def test_blanks_are_said_once_there_are_some():
    query = forced(compile(hidden_chain(6, np.random.default_rng(0)), "h5", ["o1", "h2", "o4"]), 0, 1)
    assert "a blank of h2 is summed over in its row" in str(query.plan)
    query = compile(small(), "x", ["y", "z"])
    assert "blanks" not in str(query.plan)
    query(torch.tensor([[0, -1]]))
    assert "for rows with blanks: 1 tables, " in str(query.plan)


def test_elimination_is_said():
    query = compile(small(), "x", ["y", "z"])
    query.prepared._kept = {False: None, True: None}
    plan = query.plan
    assert (plan.tables, plan.each_row) == ((), ("h",))
    assert plan.operations > 0
    lines = str(plan).splitlines()
    assert lines[1] == "by elimination in every row, of h"
    assert lines[2].startswith(f"{plan.operations:,} operations per row and draw, ")
    assert lines[2].endswith("at the worst moment")


def test_long_lists_are_cut_and_nothing_is_called_nothing():
    network = star(40, np.random.default_rng(0))
    assert str(compile(network, "cause", [f"n{i}" for i in range(40)]).plan).startswith("P(cause | n0, n1, ")
    assert "n11 and 28 more)" in str(compile(network, "cause", [f"n{i}" for i in range(40)]).plan)
    assert str(compile(network, "cause").plan).startswith("P(cause | nothing)")
    assert str(compile(network, (), ["n1"]).plan).startswith("P(evidence | n1)")
    assert str(compile(network, ()).plan).startswith("P(evidence | nothing)")


def test_bytes_are_those_of_the_tables():
    query = compile(small(), ["x", "w"], ["y"])
    assert query.plan.bytes == sum(8 * t.numel() for t in query.prepared.tables(blanks=False).values)
