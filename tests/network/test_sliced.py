"""Networks over time: how slices fit together, what they are called, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.network.files import read_network, write_network
from bsm.network.sliced import Sliced, at, label, place
from bsm.network.tables import Network, NetworkError, Table, Variable
from tests.engine.slices import SHAPES, sliced_of


def binary(**parents: tuple[str, ...]) -> Network:
    """Uniform tables over two states."""
    variables = {n: Variable(n, ("s0", "s1")) for n in parents}
    shape = {n: (1, *(2 for _ in above), 2) for n, above in parents.items()}
    return Network(variables, {n: Table(n, parents[n], torch.full(shape[n], 0.5).double()) for n in parents})


def test_names_cross_both_ways():
    assert at("influence", 3) == "influence__t3"
    assert label("influence__t3") == "influence[3]" == label(label("influence__t3"))
    assert place("gate_audit__t12") == place("gate_audit[12]") == ("gate_audit", 12)
    for wrong in ("influence", "influence__t", "influence[x]", "__t3"):
        with pytest.raises(NetworkError, match="names no slice; write influence__t3"):
            place(wrong)


def test_unrolled_edges_run_within_slices_and_from_the_slice_before():
    sliced = sliced_of(SHAPES["behaviour feeds back"], np.random.default_rng(0), [1, 1])
    network = sliced.unrolled()
    edges = {(p, n) for n, table in network.tables.items() for p in table.parents}
    within = {(f"m__t{t}", f"o__t{t}") for t in range(3)}
    across = {(f"{n}__t{t}", f"m__t{t + 1}") for t in range(2) for n in ("m", "o")}
    assert edges == within | across
    assert list(network.variables) == ["m__t0", "o__t0", "m__t1", "o__t1", "m__t2", "o__t2"]
    same = sliced_of(SHAPES["hidden chain"], np.random.default_rng(0), [5]).unrolled()
    assert same.tables["m__t1"].values.data_ptr() == same.tables["m__t5"].values.data_ptr()  # memory is shared


@pytest.mark.parametrize("ending", [".xdsl", ".bif", ".bif.gz"])
def test_files_hold_what_was_unrolled(tmp_path, ending):
    network = sliced_of(SHAPES["two coupled chains"], np.random.default_rng(1), [2, 1]).unrolled()
    write_network(network, tmp_path / f"unrolled{ending}")
    back = read_network(tmp_path / f"unrolled{ending}")
    assert back.variables == network.variables
    for name, table in network.tables.items():
        assert back.tables[name].parents == table.parents
        assert torch.equal(back.tables[name].values, table.values)


def test_variables_that_do_not_fit_are_refused():
    first = binary(m=(), o=("m",))
    with pytest.raises(NetworkError, match=r"slice 1: x_before stands for x of slice 0, which has only \['m', 'o'\]"):
        Sliced(first, [binary(x_before=(), m=("x_before",))], {"x_before": "x"})
    with pytest.raises(NetworkError, match="slice 2: m_before stands for m of slice 1"):
        Sliced(first, [binary(o=()), binary(m_before=(), m=("m_before",))], {"m_before": "m"})
    with pytest.raises(
        NetworkError, match="slice 1: m_before stands for m of the slice before; it has no parents here"
    ):
        Sliced(first, [binary(o=(), m_before=("o",))], {"m_before": "m"})
    with pytest.raises(NetworkError, match=r"slice 0 has \['m'\], which stand for variables of a slice before"):
        Sliced(first, [], {"m": "o"})
    three = Network(
        {"m_before": Variable("m_before", ("s0", "s1", "s2"))},
        {"m_before": Table("m_before", (), torch.full((1, 3), 1 / 3, dtype=torch.float64))},
    )
    with pytest.raises(NetworkError, match=r"slice 1: m_before has states \['s0', 's1', 's2'\], and m of slice 0 has"):
        Sliced(first, [three], {"m_before": "m"})


def test_slices_that_disagree_are_refused():
    many = Network({"o": Variable("o", ("s0", "s1"))}, {"o": Table("o", (), torch.full((3, 2), 0.5).double())})
    more = Network(many.variables, {"o": Table("o", (), torch.full((4, 2), 0.5).double())})
    with pytest.raises(NetworkError, match=r"slices disagree on the number of parameter draws: \[3, 4\]"):
        Sliced(many, [more], {})
    other = Network({"o": Variable("o", ("a", "b"))}, {"o": Table("o", (), torch.full((1, 2), 0.5).double())})
    with pytest.raises(NetworkError, match="o has different states in different slices"):
        _ = Sliced(many, [other], {}).variables


def test_more_slices_than_one_network_should_have_are_refused():
    sliced = sliced_of(SHAPES["hidden chain"], np.random.default_rng(0), [999])
    assert len(sliced.unrolled().variables) == 2000
    with pytest.raises(NetworkError, match=r"1,000 slices make 2,000 variables with 63,984 bytes of tables"):
        sliced.unrolled(max_bytes=60_000)
    long = Sliced(sliced.first, [sliced.later[0]] * 10_000, sliced.before)
    with pytest.raises(NetworkError, match=r"20,002 variables .* one network may have 20,000 .*bsm\.engine\.fold"):
        long.unrolled()
