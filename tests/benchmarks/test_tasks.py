"""The networks and rows that are timed are what they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.engine import compile
from tests.benchmarks.behavioural import BSM15, BSM42, behavioural
from tests.benchmarks.moderate import moderate, width
from tests.benchmarks.networks import NAMES, Task, named, tasks
from tests.benchmarks.rows import blanked, sampled, unique


@pytest.mark.parametrize(("recipe", "nodes", "motivations"), [(BSM15, 15, 7), (BSM42, 42, 11)])
def test_behavioural_networks_have_their_size_and_always_the_same_tables(recipe, nodes, motivations):
    network, again = behavioural(recipe), behavioural(recipe)
    assert len(network.variables) == recipe.nodes == nodes
    assert len(network.variables["motivation"].states) == motivations
    assert all(torch.equal(network.tables[n].values, again.tables[n].values) for n in network.variables)
    childless = set(network.variables) - {p for t in network.tables.values() for p in t.parents}
    assert not any(n.startswith(("motivation", "context", "action", "reward")) for n in childless)
    for name, table in network.tables.items():
        if name.startswith("reward"):
            assert set(table.values.flatten().tolist()) == {0.0, 1.0}
            codes = np.indices(table.values.shape[1:-1])
            assert (table.values[0].argmax(-1).numpy() == codes.sum(0)).all()


@pytest.mark.parametrize("task", tuple(tasks()), ids=lambda task: task.title)
def test_evidence_is_what_its_name_says(task: Task):
    tables = task.network.tables
    parents = {p for t in tables.values() for p in t.parents}
    assert task.target not in task.seen
    assert len(set(task.seen)) == len(task.seen)
    if task.evidence == "sinks":
        assert not parents & set(task.seen)
    else:
        assert any(not tables[n].parents for n in task.seen)
        assert any(n not in parents for n in task.seen)


def test_every_network_is_asked_with_sinks_and_with_roots_too():
    assert [(t.name, t.evidence) for t in tasks()] == [(n, e) for n in NAMES for e in ("sinks", "mixed")]


def test_sampled_rows_have_the_frequencies_of_the_network():
    network = named("asia")
    names = tuple(network.variables)
    rows = sampled(network, names, 40_000, seed=0)
    assert torch.isfinite(compile(network, (), names)(rows).log_evidence).all()
    for i, name in enumerate(names):
        exact = compile(network, name)(rows[:1, :0]).probabilities[0]
        share = torch.bincount(rows[:, i], minlength=len(exact)) / len(rows)
        assert (share - exact).abs().max() < 5 * 0.5 / len(rows) ** 0.5


def test_blanked_rows_lose_the_share_they_are_told_to_and_nothing_else():
    rows = torch.randint(0, 3, (2000, 10), generator=torch.Generator().manual_seed(0))
    holed = blanked(rows, 0.1, seed=0)
    assert float((holed < 0).double().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(holed[holed >= 0], rows[holed >= 0])


def test_unique_rows_are_all_different_rows_in_order():
    rows = torch.tensor([[1, 0], [0, 2], [1, 0], [0, 1]])
    assert unique(rows).tolist() == [[0, 1], [0, 2], [1, 0]]


def test_random_networks_to_plan_for_are_of_moderate_width():
    assert all(3 <= width(moderate(60, seed)) <= 12 for seed in range(1, 6))
