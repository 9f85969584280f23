"""Layouts: every factor is in one table, what is predicted is what is built, and the cheapest is taken."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from bsm.engine.layout import BUDGETS, CAPS, Layout, best_layout
from bsm.engine.lookups import build
from bsm.engine.problem import Problem, problem
from tests.engine.asking import questions, random_question
from tests.engine.forcing import layout_of
from tests.engine.networks import hidden_chain, random_network, star
from tests.graphs import SHAPES, network_of

FEW = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def chosen(asked: Problem, blanks: bool = False, rows: int = 1000, max_cells: int = 10**9) -> Layout | None:
    return best_layout(asked.scopes, asked.sizes, asked.target, asked.seen, blanks, rows, 1, max_cells)


@FEW
@given(questions())
def test_each_factor_and_each_axis_has_its_place(question):
    question_, _ = question
    asked = problem(question_.network, question_.target, question_.seen)
    if not asked.tensors:
        return
    for blanks in (False, True):
        for cap in CAPS:
            for budget in (1, *BUDGETS):
                layout = layout_of(asked, cap, budget, blanks)
                assert sorted(i for one in layout.lookups for i in one.members) == list(range(len(asked.tensors)))
                assert {a for one in layout.lookups for a in one.seen} == set(asked.seen)
                assert layout.states[: len(asked.target)] == asked.target
                axes = {a for scope in asked.scopes for a in scope}
                assert sorted((*layout.order, *layout.states, *asked.seen)) == sorted(axes)
                times = [a for one in layout.lookups for a in one.seen]
                assert layout.folded == (frozenset(a for a in times if times.count(a) == 1) if blanks else frozenset())


@FEW
@given(questions())
def test_cells_are_counted_before_they_are_made(question):
    question_, _ = question
    asked = problem(question_.network, question_.target, question_.seen)
    if not asked.tensors:
        return
    for blanks in (False, True):
        layout = layout_of(asked, 300, 65_536, blanks)
        tables = build(asked, layout, None, question_.network.tables[question_.network.order[0]].values.dtype)
        assert sum(t.numel() for t in tables.values) == layout.cells
        assert {t.shape[2] for t in tables.values} == {layout.joint}
        assert layout.joint == math.prod(asked.sizes[a] for a in layout.states)


def test_the_cheapest_of_all_candidates_is_taken():
    """Also where memory is short: then of those that fit."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        question = random_question(random_network(rng), rng)
        asked = problem(question.network, question.target, question.seen)
        if not asked.tensors:
            continue
        for rows, max_cells in ((1, 10**9), (10**8, 10**9), (1000, 200)):
            candidates = [layout_of(asked, cap, budget, False) for cap in CAPS for budget in BUDGETS]
            costs = [one.to_build + rows * one.per_row for one in candidates if one.cells <= max_cells]
            found = chosen(asked, rows=rows, max_cells=max_cells)
            assert (found is None) == (not costs)
            if found:
                assert found.to_build + rows * found.per_row == min(costs)


def test_more_rows_pay_for_larger_tables():
    asked = problem(hidden_chain(12, np.random.default_rng(0)), ["h11"], [f"o{t}" for t in range(12)])
    found = [chosen(asked, rows=rows) for rows in (1, 10**4, 10**9)]
    assert found[0].cells < found[2].cells
    assert found[0].per_row > found[2].per_row
    assert [one.per_row for one in found] == sorted((one.per_row for one in found), reverse=True)


def test_what_fits_no_table_has_no_layout():
    asked = problem(network_of(SHAPES["complete"], np.random.default_rng(0), states=4), ["a"], ["b", "c", "d"])
    assert chosen(asked, max_cells=255) is None
    assert chosen(asked, max_cells=256) is not None


@pytest.mark.parametrize("leaves", [5, 64, 65, 1000])
def test_tables_of_a_star_are_merged_up_to_the_budget(leaves: int):
    """Pair by pair up to 64 tables, neighbours in order beyond: no table is over the largest budget."""
    asked = problem(star(leaves, np.random.default_rng(0)), ["cause"], [f"n{i}" for i in range(leaves)])
    found = chosen(asked, rows=10**9)
    sizes = [2 * 2 ** len(one.seen) for one in found.lookups]
    assert max(sizes) <= max(BUDGETS)
    assert len(sizes) <= math.ceil(leaves / 5)
    assert sum(sizes) == found.cells
