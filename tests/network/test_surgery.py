"""Interventions and cuts give back networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.network.surgery import drop_edge, free, intervene, with_table
from bsm.network.tables import NetworkError, Table
from tests.graphs import SHAPES, counted, network_of

NETWORK = network_of(SHAPES["complete"], np.random.default_rng(0), states=3)
DRAWS = network_of(SHAPES["complete"], np.random.default_rng(1), states=3, draws=5)


def test_do_cuts_parents_and_changes_nothing_else():
    changed = intervene(NETWORK, {"c": "c1", "b": {"b2": 0.5, "b0": 0.25, "b1": 0.25}})
    assert changed.tables["c"].parents == ()
    assert changed.tables["c"].values.tolist() == [[0.0, 1.0, 0.0]]
    assert changed.tables["b"].values.tolist() == [[0.25, 0.25, 0.5]]
    assert changed.tables["d"] is NETWORK.tables["d"]
    assert NETWORK.tables["c"].parents == ("a", "b")  # the network given is as it was


def test_do_of_a_distribution_averages_do_of_its_states():
    setting = {"b0": 0.2, "b1": 0.3, "b2": 0.5}
    expected = counted(NETWORK, ["d"], do={"b": setting})
    ours = counted(intervene(NETWORK, {"b": setting}), ["d"])
    np.testing.assert_allclose(ours, expected, atol=1e-14)
    mixed = sum(p * counted(NETWORK, ["d"], do={"b": state}) for state, p in setting.items())
    np.testing.assert_allclose(ours, mixed, atol=1e-14)


def test_conditioning_on_a_freed_variable_is_intervening_on_it():
    freed = free(NETWORK, ["b", "c"])
    for b in NETWORK.variables["b"].states:
        case = {"b": b, "c": "c2"}
        ours = counted(freed, ["a", "d"], seen=case)
        np.testing.assert_allclose(ours / ours.sum(), counted(NETWORK, ["a", "d"], do=case), atol=1e-14)


def test_a_dropped_edge_reads_a_parent_of_its_own():
    """The child's table is averaged over the marginal given, in each draw; other parents stay."""
    marginal = torch.tensor(np.array([counted(DRAWS, ["a"], draw=draw) for draw in range(5)]))
    changed = drop_edge(DRAWS, "a", "c", marginal)
    assert changed.tables["c"].parents == ("b",)
    expected = torch.einsum("da,dabc->dbc", marginal, DRAWS.tables["c"].values)
    torch.testing.assert_close(changed.tables["c"].values, expected)
    assert changed.tables["d"] is DRAWS.tables["d"]
    last = drop_edge(changed, "b", "c", torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64))
    assert last.tables["c"].values.shape == (5, 3)


def test_a_table_is_replaced():
    table = Table("d", ("a",), torch.full((1, 3, 3), 1 / 3, dtype=torch.float64))
    assert with_table(NETWORK, table).tables["d"] is table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda: intervene(NETWORK, {"cc": "c1"}),
            "'cc' is not a variable of this network; did you mean 'c'",
        ),
        (lambda: intervene(NETWORK, {"c": "c9"}), r"c = 'c9' is not one of its states \['c0', 'c1', 'c2'\]"),
        (lambda: intervene(NETWORK, {"c": {"c1": 1.0}}), r"do\(c\): no probability for \['c0', 'c2'\]"),
        (
            lambda: intervene(NETWORK, {"c": {"c0": 0.5, "c1": 0.4, "c2": 0}}),
            r"do\(c\): .* sums to 0.9; it must",
        ),
        (lambda: intervene(NETWORK, {"c": {"c0": 1.5, "c1": -0.5, "c2": 0}}), "negative or not finite"),
        (lambda: free(NETWORK, ["e"]), "'e' is not a variable"),
        (lambda: drop_edge(NETWORK, "d", "c", torch.ones(1, 3)), "no edge d -> c; c has parents"),
        (lambda: drop_edge(NETWORK, "a", "cx", torch.ones(1, 3)), "'cx' is not a variable.*did you mean 'c'"),
        (lambda: drop_edge(NETWORK, "a", "c", torch.ones(3)), r"needs shape \[draw, 3\]; got \(3,\)"),
        (lambda: drop_edge(NETWORK, "a", "c", torch.ones(1, 3)), "marginal of a must be a distribution"),
        (lambda: with_table(NETWORK, Table("e", (), torch.ones(1, 1))), "'e' is not a variable"),
        (
            lambda: with_table(NETWORK, Table("a", ("d",), torch.full((1, 3, 3), 1 / 3).double())),
            "cycle|sum to one",
        ),
    ],
)
def test_changes_that_cannot_be(change, message):
    with pytest.raises(NetworkError, match=message):
        change()
