"""Long evidence, probabilities near the smallest double, and exact zeros: nothing underflows, zeros stay zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from bsm.engine import compile, conditional
from bsm.network.tables import Network
from tests.engine.networks import binary, hidden_chain, star

PIECES = [5_000, pytest.param(100_000, marks=pytest.mark.slow)]


def forward_log(network: Network, seen: Sequence[int]) -> float:
    """Log evidence of `hidden_chain` by the forward recursion in logs."""
    log_alpha = network.tables["h0"].values[0].log() + network.tables["o0"].values[0, :, seen[0]].log()
    for t in range(1, len(seen)):
        step = network.tables[f"h{t}"].values[0].log()
        emission = network.tables[f"o{t}"].values[0, :, seen[t]].log()
        log_alpha = (log_alpha[:, None] + step).logsumexp(0) + emission
    return log_alpha.logsumexp(0).item()


def walked(network: Network, length: int, rng: np.random.Generator) -> np.ndarray:
    """Observations drawn along `hidden_chain`, which are possible however sharp its tables."""
    seen, at = [], 0
    for t in range(length):
        step = network.tables[f"h{t}"].values[0].numpy()
        at = rng.choice(3, p=step[at] if t else step)
        seen.append(rng.choice(2, p=network.tables[f"o{t}"].values[0, at].numpy()))
    return np.array(seen)


@pytest.mark.parametrize("concentration", [1.0, 0.02])
@pytest.mark.parametrize("blanks", [False, True])
def test_long_evidence_does_not_underflow(concentration: float, blanks: bool):
    """600 observations; with concentration 0.02 many cells are as small as 1e-300, some exactly 0."""
    rng = np.random.default_rng(8)
    network = hidden_chain(600, rng, concentration)
    seen = walked(network, 600, rng)
    expected = forward_log(network, seen)
    assert -math.inf < expected < (-200 if concentration == 1 else -1)
    names = [f"o{t}" for t in range(600)]
    rows = torch.from_numpy(np.stack([seen, np.where(np.arange(600) < 300, seen, -1)] if blanks else [seen]))
    answer = compile(network, "h300", names)(rows)
    assert answer.log_evidence[0].item() == pytest.approx(expected, rel=1e-10)
    assert answer.probabilities.sum(-1).tolist() == pytest.approx([1.0] * len(rows))
    if blanks:
        assert answer.log_evidence[1].item() == pytest.approx(forward_log(network, seen[:300]), rel=1e-10)


@pytest.mark.parametrize("pieces", PIECES)
def test_very_many_pieces_of_evidence_on_one_cause(pieces: int):
    """Naive Bayes, with every leaf seen and with a thousand blank; 1e5 leaves have a probability of 1e-40000."""
    rng = np.random.default_rng(0)
    network = star(pieces, rng, states=3)
    likely = torch.stack([network.tables[f"n{i}"].values[0] for i in range(pieces)]).log()
    seen = torch.from_numpy(rng.integers(2, size=(2, pieces)))
    seen[1, :1000] = -1
    answer = compile(network, "cause", [f"n{i}" for i in range(pieces)], expected_rows=2)(seen)
    told = [likely[range(pieces), :, row.clamp(min=0)] * (row >= 0)[:, None] for row in seen]
    logs = network.tables["cause"].values[0].log() + torch.stack(told).sum(1)
    assert logs.max().item() < -0.5 * (pieces - 1000)
    torch.testing.assert_close(answer.log_evidence, logs.logsumexp(1), rtol=1e-11, atol=0)
    torch.testing.assert_close(answer.probabilities, logs.softmax(1), rtol=0, atol=1e-6)  # 1e5 roundings


@pytest.mark.parametrize("pieces", PIECES)
def test_very_many_pieces_of_evidence_along_a_chain(pieces: int):
    """And as many hidden variables."""
    rng = np.random.default_rng(1)
    network = hidden_chain(pieces, rng)
    seen = rng.integers(2, size=pieces)
    names = [f"o{t}" for t in range(pieces)]
    answer = compile(network, f"h{pieces - 1}", names, expected_rows=1)(torch.from_numpy(seen)[None])
    assert answer.log_evidence.item() == pytest.approx(forward_log(network, seen), rel=1e-11)


def test_more_variables_than_einsum_has_letters():
    """A star of 70 leaves under one root, all observed: 52 letters would run out."""
    network = star(70, np.random.default_rng(0))
    leaves = [f"n{i}" for i in range(70)]
    logs = network.tables["cause"].values[0].log() + sum(network.tables[n].values[0, :, 1].log() for n in leaves)
    answers = [
        compile(network, "cause", leaves)(torch.ones(1, 70, dtype=torch.int64)),
        compile(network, "cause")(
            torch.empty(1, 0, dtype=torch.int64), soft=dict.fromkeys(leaves, torch.tensor([[0.0, 1.0]]).double())
        ),
    ]
    for answer in answers:
        torch.testing.assert_close(answer.probabilities[0], logs.softmax(0), atol=1e-12, rtol=0)
        assert answer.log_evidence.item() == pytest.approx(logs.logsumexp(0).item(), abs=1e-10)


# --- near the smallest double ------------------------------------------------------------------------------

RARE = 1e-300
CHAIN = binary(
    ("x", (), [1 - RARE, RARE]),
    ("y", ("x",), [[1.0, 0.0], [1 - RARE, RARE]]),
    ("z", ("y",), [[0.0, 1.0], [0.25, 0.75]]),
)


def test_products_of_1e_300_and_exact_zeros():
    """Two events of 1e-300 each beside exact zeros: nothing underflows, and zeros stay zeros."""
    rows = [{"y": "yes"}, {"x": "yes", "y": "yes", "z": "no"}, {"z": "no"}, {}]
    p, log_p = compile(CHAIN, ["x", "z"], ["x", "y", "z"])(rows)
    double = 2 * math.log(RARE)
    assert log_p.tolist() == pytest.approx([double, double + math.log(0.25), double + math.log(0.25), 0.0])
    assert p[0, 0].tolist() == [0.0, 0.0]
    assert p[0, 1].tolist() == pytest.approx([0.25, 0.75])
    assert p[1].tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert p[3, 0, 0].item() == 0.0
    both = compile(CHAIN, ["x", "y"])([{}]).probabilities[0]
    assert both[0, 1].item() == 0.0
    assert both[1, 0].item() == pytest.approx(RARE, rel=1e-12)


def test_likelihoods_farther_apart_than_doubles_reach():
    """1e200 against 1e-200 in one row, made good by other evidence: rescaling once lost the smaller."""
    network = binary(
        ("x", (), [0.5, 0.5]),
        ("y", ("x",), [[1.0, 0.0], [0.0, 1.0]]),
        ("z", ("x",), [[0.5, 0.5], [0.5, 0.5]]),
    )
    apart = torch.tensor([[1e200, 1e-200]], dtype=torch.float64)
    p, log_p = compile(network, "z", ["y"])(torch.tensor([[1]]), soft={"x": apart})
    assert p[0].tolist() == [0.5, 0.5]
    assert log_p.item() == pytest.approx(math.log(0.5e-200))
    back = compile(network, "x", ["z"])(torch.tensor([[-1]]), soft={"x": apart, "y": apart.flip(1)}).probabilities
    assert back[0].tolist() == pytest.approx([0.5, 0.5])


def test_a_configuration_too_rare_for_a_double_is_not_called_impossible():
    network = binary(
        ("x", (), [1 - 1e-300, 1e-300]),
        ("y", ("x",), [[0.5, 0.5], [1 - 1e-300, 1e-300]]),
        ("z", ("x", "y"), [[[0.1, 0.9], [0.2, 0.8]], [[0.3, 0.7], [0.4, 0.6]]]),
    )
    table = conditional(network, "z", ["x", "y"])
    torch.testing.assert_close(table, network.tables["z"].values, atol=1e-14, rtol=0)
    rows = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    answer = compile(network, "z", ["x", "y"])(rows)
    torch.testing.assert_close(answer.probabilities, table.reshape(4, 2), atol=1e-14, rtol=0)
    assert answer.log_evidence[3].item() == pytest.approx(2 * math.log(RARE))


def test_the_smallest_doubles_are_exact():
    """Cells below 1e-308 are held with few digits but not lost; the network says 5e-324, and so do we."""
    tiny = 5e-324
    network = binary(("x", (), [1.0, tiny]), ("y", ("x",), [[1.0, tiny], [0.0, 1.0]]))
    assert compile(network, "y", ["x"])([{"x": "yes"}]).log_evidence.item() == pytest.approx(math.log(tiny))
    both = compile(network, (), ["x", "y"])([{"x": "no", "y": "yes"}])
    assert both.log_evidence.item() == pytest.approx(math.log(tiny))


def test_what_float32_cannot_hold_is_answered_in_float64():
    """1e-60 is zero in float32: a row that is possible was once called impossible."""
    small = 1e-60
    network = binary(("x", (), [0.5, 0.5]), ("y", ("x",), [[1 - small, small], [1 - 3 * small, 3 * small]]))
    query = compile(network, "x", ["y"], dtype=torch.float32)
    answer = query(torch.tensor([[1], [0]]))
    assert answer.probabilities.dtype == torch.float32
    assert answer.probabilities[0].tolist() == pytest.approx([0.25, 0.75], rel=1e-6)
    assert answer.log_evidence[0].item() == pytest.approx(math.log(2 * small), rel=1e-6)
