"""Settings of interventions that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.network.surgery import Shift, intervene
from bsm.network.tables import NetworkError, Table
from tests.graphs import SHAPES, network_of

DRAWS = network_of(SHAPES["complete"], np.random.default_rng(1), states=3, draws=5)


def dense(*shape: int) -> torch.Tensor:
    return torch.full(shape, 1 / shape[-1], dtype=torch.float64)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (Shift({"c9": 1.0}), r"c = 'c9' is not one of its states \['c0', 'c1', 'c2'\]"),
        (Shift({"c1": float("inf")}), "the shift of 'c1' is inf, and nats are finite; to rule a state out"),
        (Shift({"c1": float("nan")}), "the shift of 'c1' is nan, and nats are finite"),
        (Shift({"c1": torch.tensor([1.0, -torch.inf])}), "and nats are finite"),
        (Shift({"c1": torch.zeros(3)}), r"shapes {'c1': \(3,\)}; each is one number, or one per draw, \[5\]"),
        (Shift({"c1": torch.zeros(5), "c0": torch.zeros(2)}), r"shapes {'c1': \(5,\), 'c0': \(2,\)}"),
        (Shift({"c1": torch.zeros(5, 1)}), r"shapes {'c1': \(5, 1\)}"),
        (Table("b", (), dense(1, 3)), r"do\(c\): the table given is that of b"),
        (Table("c", ("dd",), dense(1, 3, 3)), "'dd' is not a variable of this network; did you mean 'd'"),
        (Table("c", ("d",), dense(1, 3, 3)), "the tables form a cycle"),
        (Table("c", ("c",), dense(1, 3, 3)), "lists a parent twice or itself"),
        (Table("c", ("a",), dense(1, 2, 3)), r"needs shape \(3, 3\), axes a \(3\), c \(3\), after the draw axis"),
        (Table("c", ("a",), dense(4, 3, 3)), r"disagree on the number of parameter draws: \[4, 5\]"),
        (Table("c", (), torch.tensor([[0.5, 0.4, 0.2]]).double()), "a column of the table of c sums to 1.1"),
        (dense(3), r"needs shape \(3,\), axes c \(3\), after the draw axis; got \(3,\)"),
        (dense(5, 3).float(), "the table of c is torch.float32; tables are torch.float64"),
        (torch.tensor([[0.5, 0.5, 0.5]]).double(), "a column of the table of c sums to 1.5"),
    ],
)
def test_settings_that_cannot_be(setting: object, message: str):
    with pytest.raises(NetworkError, match=message):
        intervene(DRAWS, {"c": setting})


@pytest.mark.parametrize("setting", [1, None])
def test_what_is_no_setting(setting: object):
    """Where array types are checked at every call, that check comes first."""
    said = r"do\(c\): .* is no state, distribution, Shift or Table; states are text, \['c0', 'c1', 'c2'\]"
    with pytest.raises((NetworkError, TypeError), match=f"{said}|Type-check error"):
        intervene(DRAWS, {"c": setting})
