"""The way to pgmpy keeps names, states, their order and every number."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from bsm.network.bridge import KNOWN_WARNING, to_pgmpy, without_known_warning
from bsm.network.tables import Network, NetworkError, Table, Variable
from tests.graphs import SHAPES, network_of


def test_tables_arrive_as_they_are():
    network = network_of(SHAPES["complete"], np.random.default_rng(0), states=3, draws=2)
    model = to_pgmpy(network, draw=1)
    assert set(model.nodes()) == set(network.variables)
    for name, table in network.tables.items():
        cpd = model.get_cpds(name)
        assert tuple(cpd.variables) == (name, *table.parents)
        assert {n: tuple(s) for n, s in cpd.state_names.items()} == {n: network.variables[n].states for n in table.axes}
        np.testing.assert_array_equal(np.moveaxis(cpd.values, 0, -1), table.values[1])


def test_odd_names_and_gradients_cross():
    variables = {n: Variable(n, s) for n, s in {"influence__t3": ("no", "yes"), "a b, (c)": ("1", "x y")}.items()}
    root = torch.tensor([[0.5, 0.5]], dtype=torch.float64, requires_grad=True)
    child = torch.eye(2, dtype=torch.float64).unsqueeze(0)
    tables = {
        "influence__t3": Table("influence__t3", (), root),
        "a b, (c)": Table("a b, (c)", ("influence__t3",), child),
    }
    model = to_pgmpy(Network(variables, tables))
    assert model.get_cpds("a b, (c)").state_names["a b, (c)"] == ["1", "x y"]


def test_one_draw_must_be_chosen_and_exist():
    network = network_of(SHAPES["chain"], np.random.default_rng(0), draws=3)
    with pytest.raises(NetworkError, match=r"carries 3 parameter draws.* give draw=0 to 2"):
        to_pgmpy(network)
    with pytest.raises(NetworkError, match="draw=3 does not exist"):
        to_pgmpy(network, draw=3)


def test_only_the_known_warning_is_dropped():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with without_known_warning():
            warnings.warn(KNOWN_WARNING, FutureWarning, stacklevel=1)
            warnings.warn(KNOWN_WARNING + " And more.", FutureWarning, stacklevel=1)
    assert [str(w.message) for w in seen] == [KNOWN_WARNING + " And more."]
