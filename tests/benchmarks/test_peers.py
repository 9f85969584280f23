"""What is compared is the same question: all peers answer alike, and a wrong answer stops the benchmark."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.engine import compile
from tests.benchmarks.draws import drawn
from tests.benchmarks.findings import DifferentAnswers, same
from tests.benchmarks.networks import Task, named, tasks
from tests.benchmarks.peers import Agrum, AgrumPlain, Pgmpy, PyroContract, agrum_network, fill, flattened, relevant
from tests.benchmarks.rows import blanked, sampled

TASKS = tuple(tasks(("child", "bsm15")))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.title)
def test_pyro_contract_answers_as_we_do_in_chunks_of_any_size(task: Task):
    rows = sampled(task.network, task.seen, 50, seed=0)
    ours = compile(task.network, task.target, task.seen)(rows).probabilities
    for chunk in (50, 7, 1):
        same(ours, PyroContract(task.network, task.target, task.seen, chunk).posteriors(rows), task.title)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.title)
def test_pyagrum_and_pgmpy_answer_as_we_do_when_cells_come_and_go(task: Task):
    pytest.importorskip("pyagrum")
    asked = (task.network, task.target, task.seen)
    rows = blanked(sampled(task.network, task.seen, 50, seed=0), 0.3, seed=0)
    ours = compile(*asked)(rows).probabilities
    same(ours, Agrum(*asked).posteriors(rows), "evidence that differs")
    same(ours, AgrumPlain(*asked).posteriors(rows), "evidence set anew")
    same(ours[:3], Pgmpy(*asked).posteriors(rows[:3]), "pgmpy")


def test_pyagrum_tables_are_those_of_the_draw_they_were_filled_with():
    pytest.importorskip("pyagrum")
    task = TASKS[0]
    network = drawn(task.network, 3, seed=0)
    rows = sampled(network, task.seen, 5, seed=0)
    ours = compile(network, task.target, task.seen)(rows).probabilities
    made = agrum_network(network, draw=2)
    for draw in (0, 1):
        fill(made, flattened(made, network, draw))
        same(ours[draw], Agrum(network, task.target, task.seen, made).posteriors(rows), f"draw {draw}")
    assert not np.allclose(ours[0], ours[1])


def test_redrawn_tables_keep_their_zeros():
    before, after = named("bsm15").tables["reward_1"].values, drawn(named("bsm15"), 4, seed=0).tables["reward_1"].values
    assert torch.equal(after, before.expand_as(after))


def test_barren_nodes_are_left_out():
    assert relevant(named("asia"), ("xray",)) == [
        n for n in named("asia").order if n in {"asia", "tub", "smoke", "lung", "either", "xray"}
    ]


@pytest.mark.parametrize("wrong", [[0.5, 0.5 + 2e-9], [0.5, float("nan")], [0.5], [[0.5, 0.5]]])
def test_answers_that_differ_stop_the_benchmark(wrong: list):
    with pytest.raises(DifferentAnswers, match="asia"):
        same([0.5, 0.5], wrong, "asia")
    assert same([0.5, 0.5], [0.5, 0.5 + 1e-10], "asia") == pytest.approx(1e-10, rel=1e-3)
