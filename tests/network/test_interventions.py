"""Shifts and new mechanisms: against worlds counted one by one, and by their laws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bsm
from bsm.network.surgery import Shift, intervene
from bsm.network.tables import Network, NetworkError, Table
from tests.graphs import SHAPES, counted, network_of, networks, random_table

NETWORK = network_of(SHAPES["complete"], np.random.default_rng(0), states=3)
DRAWS = network_of(SHAPES["complete"], np.random.default_rng(1), states=3, draws=5)
NATS = st.floats(-30, 30)


def by_hand(network: Network, shifts: Mapping[str, Mapping[str, float]], new: Mapping[str, Table]) -> np.ndarray:
    """P of every world [state of each variable], its mechanisms changed one number at a time."""
    names = list(network.variables)
    answer = np.zeros([len(network.variables[n].states) for n in names])
    for world in product(*(range(k) for k in answer.shape)):
        codes = dict(zip(names, world, strict=True))
        p = 1.0
        for name in names:
            table = new.get(name, network.tables[name])
            row = [float(x) for x in table.values[(0, *(codes[parent] for parent in table.parents))]]
            if name in shifts:
                states = network.variables[name].states
                row = [x * math.exp(shifts[name].get(s, 0.0)) for x, s in zip(row, states, strict=True)]
                row = [x / math.fsum(row) for x in row]
            p *= row[codes[name]]
        answer[world] = p
    return answer


@st.composite
def changes(draw: st.DrawFn) -> tuple[Network, dict[str, dict[str, float]], dict[str, Table]]:
    """A network, shifts of some of its variables and new parents, among those before them, for others."""
    network = draw(networks(most=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shifts: dict[str, dict[str, float]] = {}
    new: dict[str, Table] = {}
    for i, name in enumerate(network.order):
        what = draw(st.sampled_from(["nothing", "shift", "new"]))
        if what == "shift":
            states = draw(st.sets(st.sampled_from(network.variables[name].states)))
            shifts[name] = {s: draw(NATS) for s in sorted(states)}
        elif what == "new":
            parents = [str(p) for p in rng.permutation(network.order[:i])[: rng.integers(3)]]
            new[name] = random_table(network.variables, name, parents, "mixed", rng)
    return network, shifts, new


@given(changes())
@settings(max_examples=30)
def test_worlds_counted_one_by_one(change: tuple[Network, dict[str, dict[str, float]], dict[str, Table]]):
    network, shifts, new = change
    ours = intervene(network, {n: Shift(nats) for n, nats in shifts.items()} | new)
    np.testing.assert_allclose(
        counted(ours, list(network.variables)), by_hand(network, shifts, new), rtol=1e-12, atol=1e-300
    )
    untouched = set(network.variables) - set(shifts) - set(new)
    assert all(ours.tables[n] is network.tables[n] for n in untouched)
    assert all(ours.tables[n].parents == network.tables[n].parents for n in shifts)
    assert ours.variables == network.variables


# --- laws --------------------------------------------------------------------------------------------------


@given(networks(), st.data())
def test_laws_of_shifts(network: Network, data: st.DataObject):
    name = data.draw(st.sampled_from(network.order))
    states = network.variables[name].states
    a, b = ({s: data.draw(NATS) for s in states} for _ in range(2))
    both = {s: a[s] + b[s] for s in states}

    def after(*shifts: Mapping[str, float]) -> torch.Tensor:
        changed = network
        for nats in shifts:
            changed = intervene(changed, {name: Shift(nats)})
        return changed.tables[name].values

    same = {"rtol": 1e-12, "atol": 1e-300}
    before = network.tables[name].values
    torch.testing.assert_close(after({}), before, **same)
    torch.testing.assert_close(after(dict.fromkeys(states, 7.5)), before, **same)
    torch.testing.assert_close(after(a, b), after(both), **same)
    torch.testing.assert_close(after(a, {s: -n for s, n in a.items()}), before, **same)
    assert torch.equal(after(a) > 0, before > 0)  # zeros stay zeros, and nothing else becomes one
    moved = after({states[0]: a[states[0]]})
    rest = [(before[..., k], moved[..., k]) for k in range(1, len(states))]
    odds = torch.stack([torch.log(m) - torch.log(b) for b, m in rest], -1)
    first = (torch.log(moved) - torch.log(before))[..., :1]
    off = (first - odds - a[states[0]]).abs()
    assert bool(((off < 1e-9) | off.isnan()).all())  # log-odds against each other state move by just this


def test_the_old_mechanism_as_a_new_one_changes_nothing():
    same = intervene(NETWORK, {n: Table(n, t.parents, t.values.clone()) for n, t in NETWORK.tables.items()})
    assert all(torch.equal(same.tables[n].values, t.values) for n, t in NETWORK.tables.items())
    old = NETWORK.tables["c"]
    turned = intervene(NETWORK, {"c": Table("c", ("b", "a"), old.values.transpose(1, 2))})
    np.testing.assert_allclose(
        counted(turned, ["a", "b", "c", "d"]), counted(NETWORK, ["a", "b", "c", "d"]), atol=1e-15
    )


def test_an_edge_may_be_turned_round():
    """Two settings at once are checked together: neither alone would leave a network without a cycle."""
    rng = np.random.default_rng(2)
    first = random_table(NETWORK.variables, "d", (), "dense", rng)
    last = random_table(NETWORK.variables, "a", ("d",), "dense", rng)
    rest = {n: random_table(NETWORK.variables, n, ("d",), "dense", rng) for n in ("b", "c")}
    turned = intervene(NETWORK, {"a": last, "d": first, **rest})
    np.testing.assert_allclose(
        counted(turned, ["a", "b", "c", "d"]), by_hand(NETWORK, {}, dict(turned.tables)), atol=1e-15
    )
    with pytest.raises(NetworkError, match="the tables form a cycle"):
        intervene(NETWORK, {"a": last})


@pytest.mark.parametrize(
    ("row", "nats", "expected"),
    [
        ([1e-300, 1.0, 0.0], [740.0, 0.0, 0.0], 740 + math.log(1e-300)),
        ([1e-300, 1.0, 0.0], [-800.0, -1500.0, 900.0], 700 + math.log(1e-300)),
        ([5e-324, 1.0, 0.0], [1600.0, 900.0, 1e6], 700 + math.log(5e-324)),
        ([0.5, 0.5, 0.0], [1e300, 1e300, -1e300], 0.0),
        ([0.25, 0.75, 0.0], [-1e5, -1e5, 1e5], -math.log(3)),
    ],
)
def test_extreme_numbers(row: list[float], nats: list[float], expected: float):
    """Log-odds of the first state against the second, where products leave the range of float64."""
    table = Table("a", (), torch.tensor([row], dtype=torch.float64))
    network = intervene(NETWORK, {"a": table})
    found = intervene(network, {"a": Shift({f"a{i}": n for i, n in enumerate(nats)})}).tables["a"].values[0]
    assert float(found[0].log() - found[1].log()) == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert float(found[2]) == 0
    assert float(found.sum()) == pytest.approx(1, abs=1e-15)


def test_a_shift_that_leaves_one_state():
    found = intervene(NETWORK, {"c": Shift({"c1": 1e6})}).tables["c"].values
    assert torch.equal(found, torch.eye(3, dtype=torch.float64)[1].expand(1, 3, 3, 3))


# --- draws, gradients, devices -----------------------------------------------------------------------------


def test_draws_stay_draws():
    moved = intervene(DRAWS, {"c": Shift({"c1": 2.0})})
    assert moved.draws == 5
    for draw in range(5):
        alone = Network(DRAWS.variables, {n: Table(n, t.parents, t.values[[draw]]) for n, t in DRAWS.tables.items()})
        np.testing.assert_allclose(
            counted(moved, ["a", "b", "c", "d"], draw=draw), by_hand(alone, {"c": {"c1": 2.0}}, {}), atol=1e-15
        )


def test_a_shift_per_draw():
    nats = torch.linspace(-1, 1, 5, dtype=torch.float64)
    moved = intervene(DRAWS, {"d": Shift({"d0": nats, "d2": 0.5})})
    each = [
        intervene(DRAWS, {"d": Shift({"d0": float(n), "d2": 0.5})}).tables["d"].values[i] for i, n in enumerate(nats)
    ]
    torch.testing.assert_close(moved.tables["d"].values, torch.stack(each), rtol=1e-14, atol=0)
    one_table_many_shifts = intervene(NETWORK, {"d": Shift({"d0": nats})})
    assert one_table_many_shifts.draws == 5


def test_a_distribution_per_draw():
    rows = torch.from_numpy(np.random.default_rng(3).dirichlet(np.ones(3), 5))
    changed = intervene(DRAWS, {"b": rows})
    assert changed.tables["b"].parents == ()
    assert changed.tables["b"].values is rows
    for draw in range(5):
        setting = dict(zip(DRAWS.variables["b"].states, rows[draw].tolist(), strict=True))
        expected = counted(DRAWS, ["d"], do={"b": setting}, draw=draw)
        np.testing.assert_allclose(counted(changed, ["d"], draw=draw), expected, atol=1e-15)


def test_gradients():
    """With respect to tables, zeros in them included, and to the shifts themselves."""
    values = DRAWS.tables["c"].values[:2, :2, :1].clone()
    values[0, 0, 0] = torch.tensor([0.0, 0.3, 0.7])
    variables = {n: v for n, v in DRAWS.variables.items() if n == "c"}

    def moved(raw: torch.Tensor, nats: torch.Tensor) -> torch.Tensor:
        network = Network(variables, {"c": Table("c", (), raw / raw.sum(-1, keepdim=True))})
        return intervene(network, {"c": Shift({"c0": nats, "c2": -nats * 2})}).tables["c"].values

    raw = values.reshape(4, 3).clamp(min=1e-4).requires_grad_(True)  # the numbers beside zero must be probabilities
    assert torch.autograd.gradcheck(moved, (raw, torch.linspace(-1, 1, 4).double().requires_grad_(True)))
    zero = torch.tensor([[0.0, 0.3, 0.7]], dtype=torch.float64, requires_grad=True)
    moved(zero, torch.tensor(0.4, dtype=torch.float64)).select(1, 0).sum().backward()
    odds = math.exp(0.4) / (0.3 + 0.7 * math.exp(-0.8))  # d P'(c0) / d P(c0) at zero
    assert zero.grad is not None
    torch.testing.assert_close(zero.grad, torch.tensor([[odds, 0, 0]], dtype=torch.float64), rtol=1e-12, atol=1e-15)


def test_gradients_stay_finite_beside_zeros():
    row = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    nats = torch.tensor(5e3, dtype=torch.float64, requires_grad=True)
    network = intervene(NETWORK, {"a": Table("a", (), row)})
    intervene(network, {"a": Shift({"a0": nats, "a1": -nats})}).tables["a"].values[0, 1].backward()
    assert bool(torch.isfinite(row.grad).all())
    assert float(nats.grad) == 0


@pytest.mark.gpu
def test_on_an_accelerator():
    tables = {n: Table(n, t.parents, t.values.cuda()) for n, t in DRAWS.tables.items()}
    network = Network(DRAWS.variables, tables)
    settings = {"b": "b1", "c": Shift({"c1": 2.0}), "a": {"a0": 0.5, "a1": 0.25, "a2": 0.25}}
    ours, here = intervene(network, settings), intervene(DRAWS, settings)
    assert ours.device.type == "cuda"
    for name, table in here.tables.items():
        torch.testing.assert_close(ours.tables[name].values.cpu(), table.values, rtol=1e-14, atol=0)


def test_the_names_are_offered():
    assert bsm.Shift is Shift
    assert bsm.intervene is intervene
