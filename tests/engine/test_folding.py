"""Networks over time folded into chains: every answer equals counting worlds, and our own engine on the unrolled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from bsm.engine import ImpossibleEvidence, TooLarge, compile, filter, fold, path, predict, sample, smooth
from bsm.network.sliced import Sliced
from bsm.network.tables import Network, NetworkError, Table, Variable
from tests.engine.slices import SHAPES, Example, examples, sliced_of

AT = 1e-10


@settings(max_examples=60)
@given(examples())
def test_filter_and_smoother_equal_counting_worlds(example):
    steps = example.sliced.steps
    folded = fold(example.sliced, example.codes, example.seen, keep=tuple(example.sliced.variables)[:1])
    found = smooth(*folded.inputs, varying=folded.varying)
    alone = filter(*folded.inputs, varying=folded.varying)
    torch.testing.assert_close(alone.filtered, found.filtered, atol=1e-12, rtol=0)
    for row in range(len(example.codes)):
        total = example.weights(row)
        assert float(found.log_evidence[row]) == pytest.approx(math.log(math.fsum(total)), abs=AT)
        for t in range(steps):
            so_far = example.weights(row, t)
            for name, size in zip(folded.state, folded.sizes, strict=True):
                for answer, weights in ((found.filtered, so_far), (found.smoothed, total)):
                    expected = example.worlds.marginal(weights, name, t, size) / math.fsum(weights)
                    np.testing.assert_allclose(folded.marginal(answer, name)[row, t], expected, atol=AT)
    torch.testing.assert_close(found.filtered[:, -1], found.smoothed[:, -1], atol=1e-12, rtol=0)


@settings(max_examples=30)
@given(examples())
def test_prediction_equals_counting_worlds(example):
    """From what is filtered at each slice on, nothing more being seen."""
    steps = example.sliced.steps
    folded = fold(example.sliced, example.codes, example.seen)
    found = filter(*folded.inputs, varying=folded.varying).filtered
    for t in range(steps):
        ahead = list(range(steps - t))
        if folded.varying:
            later = predict(found[:, t], folded.transition[t:], ahead, varying=True)
        else:
            later = predict(found[:, t], folded.transition, ahead)
        for row in range(len(example.codes)):
            weights = example.weights(row, t)
            for name, size in zip(folded.state, folded.sizes, strict=True):
                for k in ahead:
                    expected = example.worlds.marginal(weights, name, t + k, size) / math.fsum(weights)
                    np.testing.assert_allclose(folded.marginal(later, name)[row, k], expected, atol=AT)


@settings(max_examples=30)
@given(examples())
def test_no_path_is_more_probable(example):
    """The path over the state, the rest summed out; and over everything, which is then the most probable world."""
    for keep in ((), tuple(example.sliced.variables)):
        if math.prod(len(example.sliced.variables[n].states) for n in keep) > 16:
            continue
        folded = fold(example.sliced, example.codes, example.seen, keep=keep)
        best = path(*folded.inputs, varying=folded.varying)
        for row in range(len(example.codes)):
            weights = example.weights(row)
            codes = {n: folded.codes(best.states[row], n).tolist() for n in folded.state}
            own = example.worlds.of_path(weights, codes, example.sliced.steps)
            most, _ = example.worlds.best_path(weights, folded.state, example.sliced.steps)
            assert math.exp(float(best.log_joint[row])) == pytest.approx(own, rel=1e-9)
            assert own == pytest.approx(most, rel=1e-9)


@settings(max_examples=25)
@given(examples())
def test_our_static_engine_agrees_on_the_unrolled_network(example):
    sliced = example.sliced
    network = sliced.unrolled()
    names = [f"{n}__t{t}" for t in range(sliced.steps) for n in example.seen]
    codes = example.codes.flatten(1)
    folded = fold(sliced, example.codes, example.seen, keep=tuple(sliced.variables)[:1])
    found = smooth(*folded.inputs, varying=folded.varying)
    for name in folded.state:
        for t in range(sliced.steps):
            answer = compile(network, f"{name}__t{t}", names)(codes)
            np.testing.assert_allclose(folded.marginal(found.smoothed, name)[:, t], answer.probabilities, atol=AT)
            np.testing.assert_allclose(found.log_evidence, answer.log_evidence, atol=AT)


@settings(max_examples=25)
@given(examples())
def test_rows_may_be_named(example):
    named, coded = fold(example.sliced, example.named()), fold(example.sliced, example.codes, example.seen)
    if named.state == coded.state:  # what is nowhere seen needs not be in the state
        torch.testing.assert_close(named.log_likelihood, coded.log_likelihood)
    found = [float(filter(*f.inputs, varying=f.varying).log_evidence[1]) for f in (named, coded)]
    assert found[0] == pytest.approx(found[1], abs=AT)


def test_the_state_is_what_the_next_slice_needs():
    """Behaviour that is seen and hangs on the slice before belongs to the state; other behaviour is summed out."""
    rng = np.random.default_rng(0)
    expected = {
        "hidden chain": ("m",),
        "two coupled chains": ("m", "n"),
        "behaviour feeds back": ("m", "o"),
        "seen through a filter": ("m", "e"),
        "behaviour remembers": ("m", "o"),
        "behaviour makes motivation": ("m", "o"),
        "no memory": (),
    }
    for name, shape in SHAPES.items():
        sliced = sliced_of(shape, rng, [2, 2])
        found = fold(sliced, torch.full((1, 5, 1), -1), ("o",)).state
        assert set(found) == set(expected[name]), name


def test_hidden_chain_with_evidence_on_its_states():
    """P(O4 | M3 = 1, M1 = 0) = (0.3, 0.7) @ (0.8, 0.2; 0.25, 0.75) = (0.415, 0.585), and M1 tells nothing more.

    pgmpy 1.1.2 `DBNInference.query` answers (0.580, 0.420) here.
    """
    example = hidden_chain([[-1], [0], [-1], [1], [-1]])
    folded = fold(example.sliced, example.codes, example.seen, keep=("o",))
    found = smooth(*folded.inputs, varying=folded.varying)
    np.testing.assert_allclose(folded.marginal(found.smoothed, "o")[0, 4], [0.415, 0.585], atol=1e-12)
    assert math.exp(float(found.log_evidence)) == pytest.approx((0.6 * 0.9 + 0.4 * 0.3) * (0.9 * 0.1 + 0.1 * 0.7))


def hidden_chain(codes: list[list[int]]) -> Example:
    variables = {n: Variable(n, ("s0", "s1")) for n in ("m_before", "m", "o")}
    half, start, stay, told = (
        torch.tensor([x], dtype=torch.float64)
        for x in ([0.5, 0.5], [0.6, 0.4], [[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.2], [0.25, 0.75]])
    )
    own = {"o": Table("o", ("m",), told)}
    first = Network({n: variables[n] for n in ("m", "o")}, {"m": Table("m", (), start), **own})
    moved = {"m_before": Table("m_before", (), half), "m": Table("m", ("m_before",), stay)}
    return Example(
        Sliced(first, [Network(variables, {**moved, **own})] * 4, {"m_before": "m"}), ("m",), torch.tensor([codes])
    )


def test_long_chains_and_many_rows_are_answered():
    """Ten thousand slices, evidence everywhere: unrolled it could be neither held nor answered."""
    sliced = sliced_of(SHAPES["two coupled chains"], np.random.default_rng(1), [9_999])
    codes = torch.randint(-1, 2, (2, 10_000, 2), generator=torch.Generator().manual_seed(0))
    folded = fold(sliced, codes, ("o", "q"))
    found = smooth(*folded.inputs, varying=folded.varying)
    assert folded.transition.shape == (4, 4)
    assert bool(torch.isfinite(found.log_evidence).all())
    drawn = sample(*folded.inputs, 3, seed=0, varying=folded.varying)
    assert folded.codes(drawn, "n").max() == 1


def test_draws_have_an_axis_of_their_own():
    rng = np.random.default_rng(3)
    both = [sliced_of(SHAPES["behaviour feeds back"], rng, [1, 2]) for _ in range(2)]
    codes = torch.tensor([[[0], [1], [-1], [0]], [[-1], [-1], [1], [1]], [[1], [1], [1], [1]]])
    folded = fold(_side_by_side(*both), codes, ("o",))
    found = smooth(*folded.inputs, varying=folded.varying)
    assert found.smoothed.shape == (2, 3, 4, 4)
    for d, sliced in enumerate(both):
        one = fold(sliced, codes, ("o",))
        answer = smooth(*one.inputs, varying=one.varying)
        torch.testing.assert_close(found.smoothed[d], answer.smoothed)
        torch.testing.assert_close(found.log_evidence[d], answer.log_evidence)


def _side_by_side(a: Sliced, b: Sliced) -> Sliced:
    merged: dict[tuple[int, int], Network] = {}

    def one(x: Network, y: Network) -> Network:
        key = (id(x), id(y))
        if key not in merged:
            pairs = {n: (x.tables[n], y.tables[n]) for n in x.variables}
            tables = {}
            for n, (t, u) in pairs.items():
                order = [u.axes.index(p) + 1 for p in t.axes]
                tables[n] = Table(n, t.parents, torch.cat([t.values, u.values.permute(0, *order)]))
            merged[key] = Network(x.variables, tables)
        return merged[key]

    return Sliced(one(a.first, b.first), [one(x, y) for x, y in zip(a.later, b.later, strict=True)], a.before)


def test_gradients_flow_to_tables():
    example = hidden_chain([[-1], [0], [-1], [1], [-1]])
    network = example.sliced.later[0]
    table = network.tables["m"].values.clone().requires_grad_()
    later = Network(network.variables, {**network.tables, "m": Table("m", ("m_before",), table)})
    folded = fold(Sliced(example.sliced.first, [later] * 4, example.sliced.before), example.codes, ("m",))
    filter(*folded.inputs, varying=folded.varying).log_evidence.sum().backward()
    # P = (.6 a + .4 b)(a c + c d) with rows (a, c) and (b, d), which sum to one: only differences in a row count
    (a, c), (b, d) = table[0].tolist()
    first, second = 0.6 * a + 0.4 * b, a * c + c * d
    expected = [0.6 / first + c / second - (a + d) / second, 0.4 / first - c / second]
    np.testing.assert_allclose(table.grad[0, :, 0] - table.grad[0, :, 1], expected, atol=1e-12)


# --- what is refused -----------------------------------------------------------------------------------------


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
