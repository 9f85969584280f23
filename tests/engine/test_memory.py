"""Cost is predicted before anything is allocated: what would not fit is refused with the numbers and a remedy."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from bsm.engine import Query, TooLarge, compile, conditional
from tests.engine.networks import crowded, star
from tests.graphs import SHAPES, network_of

CROWD = crowded(60, 10, np.random.default_rng(0))  # its best elimination joins more than 30 variables
SMALL_CROWD = crowded(14, 5, np.random.default_rng(0))
ROW = torch.tensor([[1, 0]])

WAYS: dict[str, Callable[[Query], object]] = {
    "calling": lambda query: query(ROW),
    "marginals": lambda query: query.marginals(ROW),
    "most_probable": lambda query: query.most_probable(ROW),
    "sample": lambda query: query.sample(ROW, 10, 0),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_crowded_graph_of_60_nodes_is_refused_in_seconds(way):
    """With the clique, its cells, what is needed and allowed, and what to do; not by a process that is killed."""
    started = time.perf_counter()
    with pytest.raises(TooLarge) as error:
        way(compile(CROWD, "n59", ["n3", "n40"], max_bytes=2**30))
    assert time.perf_counter() - started < 5
    for part in ("iB", "may use 1 GiB (max_bytes)", "variables meet in one table of", "n5 (2)", "Remedy: "):
        assert part in str(error.value), str(error.value)


@pytest.mark.parametrize("ask", [lambda: compile(CROWD, "n59", ["n3"]), lambda: conditional(CROWD, "n59", "n3")])
def test_the_memory_of_the_machine_is_the_limit_where_none_is_given(ask):
    with pytest.raises(TooLarge, match=r"and may use \d.* \(max_bytes\): \d+ variables meet"):
        ask()


def test_many_targets_whose_joint_table_does_not_fit():
    """They can still be sampled and their most probable states found, for no joint table is made."""
    network = star(60, np.random.default_rng(0))
    query = compile(network, [f"n{i}" for i in range(60)], ["cause"])
    with pytest.raises(TooLarge, match=r"the answer alone takes .*iB \(1 draws x 1 rows x 1,152,921,504,606,846,976"):
        query([{"cause": "a"}])
    assert query.most_probable([{"cause": "a"}]).codes.shape == (1, 60)
    assert query.sample([{"cause": "a"}], 5, 0).shape == (5, 1, 60)


def test_an_answer_that_does_not_fit():
    network = network_of(SHAPES["diamond"], np.random.default_rng(0), draws=3)
    query = compile(network, ["a", "c"], ["b"], max_bytes=9_999)
    with pytest.raises(TooLarge) as error:
        query(torch.zeros(100, 1, dtype=torch.int64))
    for part in ("11.72 KiB (3 draws x 100 rows x 4 states of ['a', 'c'])", "9.765 KiB (max_bytes)", "with `stream`"):
        assert part in str(error.value), str(error.value)
    assert query(torch.zeros(80, 1, dtype=torch.int64)).probabilities.shape == (3, 80, 2, 2)


def test_draws_that_only_likelihoods_bring_count_too():
    network = network_of(SHAPES["diamond"], np.random.default_rng(0))
    query = compile(network, ["a", "c"], ["b"], max_bytes=9_999)
    rows, soft = torch.zeros(100, 1, dtype=torch.int64), torch.ones(3, 1, 2, dtype=torch.float64)
    assert query(rows).probabilities.shape == (100, 2, 2)
    with pytest.raises(TooLarge, match=r"3 draws x 100 rows x 4 states"):
        query(rows, soft={"d": soft})


def test_rows_and_draws_are_taken_in_parts_to_stay_within_memory():
    network = network_of(SHAPES["complete"], np.random.default_rng(4), states=3, draws=5)
    soft = {"d": torch.rand(64, 3, dtype=torch.float64), "c": torch.rand(64, 3, dtype=torch.float64)}
    rows = torch.empty(64, 0, dtype=torch.int64)
    whole = compile(network, ["a", "b"])(rows, soft=soft)
    parts = compile(network, ["a", "b"], max_bytes=60_000)(rows, soft=soft)
    torch.testing.assert_close(parts, whole, atol=1e-14, rtol=0)
    with pytest.raises(TooLarge, match="5 draws x 64 rows"):
        compile(network, ["a", "b"], max_bytes=20_000)(rows, soft=soft)  # the answer alone is 25 kB


def test_autograd_keeps_everything_so_parts_do_not_help():
    network = network_of(SHAPES["complete"], np.random.default_rng(4), states=3)
    soft = {"d": torch.rand(640, 3, dtype=torch.float64, requires_grad=True)}
    query, rows = compile(network, "a", max_bytes=60_000), torch.empty(640, 0, dtype=torch.int64)
    with pytest.raises(TooLarge, match="no_grad"):
        query(rows, soft=soft)
    with torch.no_grad():
        query(rows, soft=soft)


# --- measured ----------------------------------------------------------------------------------------------


def peak(ask: Callable[[], object]) -> int:
    """The most bytes that torch held at one time while this ran."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        ask()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())])
    return int(held.max(initial=0))


def test_the_measure_sees_what_is_held():
    assert peak(lambda: torch.ones(1000, 1000, dtype=torch.float64).sum()) == pytest.approx(8e6, rel=0.01)


MEASURED: dict[str, Callable[[Query, torch.Tensor, dict], object]] = {
    "calling": lambda query, rows, soft: query(rows, soft=soft),
    "marginals": lambda query, rows, soft: query.marginals(rows, soft=soft),
    "most_probable": lambda query, rows, soft: query.most_probable(rows, soft=soft),
    "sample": lambda query, rows, soft: query.sample(rows, 20, 0, soft=soft),
}


@pytest.mark.parametrize(("way", "least"), [("calling", 1.4), ("marginals", 3), ("most_probable", 3), ("sample", 2)])
def test_max_bytes_is_kept_to(way: str, least: float):
    """4,000 rows with blanks and likelihoods in a megabyte, beside what is given and the answer."""
    rng = np.random.default_rng(1)
    rows = torch.from_numpy(rng.integers(-1, 2, size=(4_000, 3)))
    soft = {"n4": torch.rand(4_000, 2, dtype=torch.float64)}

    def held(max_bytes: int | None) -> int:
        query = compile(SMALL_CROWD, "n13", ["n3", "n5", "n7"], max_bytes=max_bytes)
        return peak(lambda: MEASURED[way](query, rows, soft))

    answer = {"marginals": 14 * 4_000 * 2 * 8 * 2, "sample": 20 * 4_000 * 8}.get(way, 0)
    within, free = held(1_000_000), held(None)
    assert within < 1_100_000 + answer, f"{within:,}"
    assert free > least * within, f"{free:,} {within:,}"
