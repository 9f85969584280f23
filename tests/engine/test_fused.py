"""The fused row pass answers as the plain one; where it cannot be compiled the plain one does, and the plan says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.engine import compile
from tests.engine.asking import agree, random_question
from tests.engine.networks import random_network
from tests.graphs import SHAPES, network_of


def test_where_compiling_fails_the_plain_pass_answers(monkeypatch: pytest.MonkeyPatch):
    reasons = iter(["", *["no compiler was found\nand much more"] * 99])

    def fails(*arguments: object, **options: object) -> None:
        raise RuntimeError(next(reasons))

    monkeypatch.setattr(torch, "compile", fails)
    rng = np.random.default_rng(0)
    for _ in range(20):
        asked = random_question(random_network(rng), rng)
        query = compile(asked.network, asked.target, asked.seen, fused=True)
        agree(query.drawn(asked.codes, on_impossible="mask"), asked)
    query = compile(network_of(SHAPES["chain"], rng), "a", ["d"], fused=True)
    query(torch.tensor([[0]]))
    note = "not fused, for torch.compile failed: RuntimeError: no compiler was found"
    assert str(query.plan).splitlines()[-1] == note


def test_it_is_not_compiled_unless_wanted(monkeypatch: pytest.MonkeyPatch):
    """On the CPU the compiled loops are faster; on an accelerator it takes many rows to pay."""
    monkeypatch.setattr(torch, "compile", lambda *a, **o: pytest.fail("it was compiled"))
    network = network_of(SHAPES["chain"], np.random.default_rng(0))
    for fused in (None, False):
        query = compile(network, "a", ["d"], fused=fused)
        query(torch.zeros(20_000, 1, dtype=torch.int64))
        query.prepared.by_torch(torch.zeros(20_000, 1, dtype=torch.int64))
        assert "fused" not in str(query.plan)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of torch.compile about this machine: it would count as a failure to compile
@pytest.mark.parametrize("draws", [1, 3])
def test_compiled_it_answers_as_counted(draws: int):
    rng = np.random.default_rng(1)
    compiled = 0
    for _ in range(3):
        asked = random_question(random_network(rng, draws), rng, rows=50)
        query = compile(asked.network, asked.target, asked.seen, fused=True)
        agree(query.drawn(asked.codes, on_impossible="mask"), asked)
        compiled += "fused into one kernel by torch.compile" in str(query.plan)
    if not compiled:
        pytest.skip(str(query.plan).splitlines()[-1])
