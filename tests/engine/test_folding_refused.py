"""Networks over time that cannot be folded, and rows that cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bsm.engine import ImpossibleEvidence, TooLarge, fold, smooth
from bsm.network.sliced import Sliced
from bsm.network.tables import Network, NetworkError, Table
from tests.engine.slices import hidden_chain, sliced_of


def test_impossible_rows_are_told_apart():
    """A path that no table allows ends in an error of the pass that names the row; others can be answered."""
    sliced = hidden_chain([[-1]] * 5).sliced
    never = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    later = Network(sliced.later[0].variables, {**sliced.later[0].tables, "m": Table("m", ("m_before",), never)})
    folded = fold(Sliced(sliced.first, [later], sliced.before), torch.tensor([[[0], [1]], [[0], [0]]]), ("m",))
    with pytest.raises(ImpossibleEvidence, match=r"batch index \(0\) ends at time step 1"):
        smooth(*folded.inputs, varying=folded.varying)
    found = smooth(*folded.inputs, varying=folded.varying, on_impossible="mask")
    assert found.log_evidence[0] == -torch.inf
    assert float(found.log_evidence[1]) == pytest.approx(math.log(0.6))


@pytest.mark.parametrize(
    ("codes", "seen", "keep", "says"),
    [
        (
            torch.zeros(1, 5, 1, dtype=torch.long),
            ("x",),
            (),
            r"\['x'\] are in no slice; the variables are \['m', 'o'\]",
        ),
        (torch.zeros(1, 4, 1, dtype=torch.long), ("o",), (), r"\[row, 5 slices, 1 seen: \['o'\]\]; got .*\[1, 4, 1\]"),
        (torch.zeros(1, 5, 1), ("o",), (), "codes are integers"),
        (torch.full((1, 5, 1), 2), ("o",), (), "codes of o run from 2 to 2; they are 0 to 1, and -1 for a blank"),
        (torch.zeros(1, 5, 1, dtype=torch.long), ("o",), ("y",), r"keep names \['y'\]"),
        ([{"o__t5": "s0"}], (), (), "row 0: there is no o__t5; o is in 5 of the slices 0 to 4, from 0 to 4"),
        ([{"o": "s0"}], (), (), "'o' names no slice; write influence__t3"),
        ([{"o__t1": "s7"}], (), (), "'s7' is not one of its states"),
        ([{"o__t1": "s0"}], ("m",), (), r"rows observe \['o'\], which are not among \['m'\]"),
    ],
)
def test_what_does_not_fit_is_refused(codes, seen, keep, says):
    with pytest.raises(NetworkError, match=says):
        fold(hidden_chain([[-1]] * 5).sliced, codes, seen, keep=keep)


def test_a_state_that_a_slice_lacks_is_refused():
    sliced = hidden_chain([[-1]] * 5).sliced
    short = Network({n: sliced.first.variables[n] for n in ("m",)}, {"m": sliced.first.tables["m"]})
    with pytest.raises(NetworkError, match=r"\['o'\] must be in the state of the chain, and slice 0 lacks it"):
        fold(Sliced(short, sliced.later, sliced.before), [{}], keep=("o",))
    with pytest.raises(NetworkError, match="row 0 observes o in slice 0, which has no such variable"):
        fold(Sliced(short, sliced.later, sliced.before), torch.zeros(1, 5, 1, dtype=torch.long), ("o",))


def test_too_many_states_are_refused():
    names = tuple(f"m{i}" for i in range(13))
    sliced = sliced_of((names, (), tuple((n, n) for n in names)), np.random.default_rng(0), [1])
    with pytest.raises(TooLarge, match="has 8,192 values; at most 4,096 are accepted"):
        fold(sliced, [{}])


def test_variables_outside_the_state_cannot_be_asked():
    folded = fold(hidden_chain([[-1]] * 5).sliced, [{}])
    with pytest.raises(NetworkError, match=r"'o' is not in the state, which is \['m'\]; fold with keep=\['o'\]"):
        folded.marginal(folded.initial, "o")
