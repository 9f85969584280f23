"""A query made to answer in one way rather than another."""

from __future__ import annotations

from unittest.mock import patch

import torch

from bsm.engine import Answer, Query, layout
from bsm.engine.layout import Layout
from bsm.engine.lookups import build
from bsm.engine.problem import Problem
from tests.engine.asking import Asked

HUGE = 2**300


def layout_of(asked: Problem, cap: int, budget: int, blanks: bool, draws: int = 1) -> Layout:
    """The layout of one cap and budget, whatever it costs."""
    best = layout.best_layout.__wrapped__
    with patch.multiple(layout, CAPS=(cap,), BUDGETS=(budget,), JOINT=HUGE):
        found = best(asked.scopes, asked.sizes, asked.target, asked.seen, blanks, 1, draws, HUGE)
    assert found is not None
    return found


def forced(query: Query, cap: int, budget: int) -> Query:
    """The query with tables of this cap and budget, whatever they cost."""
    asked: Problem = query.prepared.problem
    if not asked.tensors:
        return query
    for blanks in (False, True):
        chosen = layout_of(asked, cap, budget, blanks, query.network.draws)
        query.prepared._kept[blanks] = build(asked, chosen, None, query.dtype)
    return query


def found(pair: tuple[torch.Tensor, torch.Tensor], asked: Asked) -> Answer:
    """What a way of answering gives, with all axes."""
    shape = [len(asked.network.variables[n].states) for n in asked.target]
    draws, rows = asked.network.draws, len(asked.codes)
    p = pair[0].reshape(len(pair[0]), rows, *shape)
    return Answer(p.expand(draws, *p.shape[1:]), pair[1].expand(draws, rows))
