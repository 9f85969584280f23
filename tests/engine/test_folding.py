"""Networks over time folded into chains: every answer equals counting worlds, and our own engine on the unrolled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from bsm.engine import compile, filter, fold, path, predict, sample, smooth
from bsm.network.sliced import Sliced
from bsm.network.tables import Network, Table, Variable
from tests.engine.slices import SHAPES, examples, hidden_chain, sliced_of

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


def test_behaviour_that_feeds_back_with_evidence_after_the_question():
    """P(O1 = 1 | M0) = 0.84 x 0.2 + 0.16 x 0.75 = 0.288 of M0 = 0, 0.175 x 0.2 + 0.825 x 0.75 = 0.65375 of M0 = 1."""
    spread = {"m": [[[0.9, 0.1], [0.6, 0.4]], [[0.4, 0.6], [0.1, 0.9]]]}
    sliced = worked({"m": ()}, {"m": ("m", "o")}, {"o": "m"}, spread)
    folded = fold(sliced, [{"o__t1": "s1"}])
    found = smooth(*folded.inputs, varying=folded.varying)
    expected = 0.65375 / (0.288 + 0.65375)
    assert float(folded.marginal(found.smoothed, "m")[0, 0, 1]) == pytest.approx(expected, abs=1e-12)
    assert math.exp(float(found.log_evidence)) == pytest.approx(0.5 * (0.288 + 0.65375), abs=1e-12)


def test_two_coupled_chains_tell_of_one_another():
    """P(O1 = 1 | N0) = 0.7 x 0.2 + 0.3 x 0.75 = 0.365 of N0 = 0, and 0.585 of N0 = 1: O hangs on M alone."""
    moves = [[[0.9, 0.1], [0.5, 0.5]], [[0.5, 0.5], [0.1, 0.9]]]
    pair = ("m", "n")
    sliced = worked({"m": (), "n": ()}, {"m": pair, "n": pair}, {"o": "m", "q": "n"}, {"m": moves, "n": moves})
    folded = fold(sliced, [{"o__t1": "s1"}])
    found = smooth(*folded.inputs, varying=folded.varying)
    assert float(folded.marginal(found.smoothed, "n")[0, 0, 1]) == pytest.approx(0.585 / 0.95, abs=1e-12)
    assert float(folded.marginal(found.filtered, "n")[0, 0, 1]) == pytest.approx(0.5, abs=1e-12)


def worked(start: dict, across: dict, told: dict[str, str], moves: dict) -> Sliced:  # type: ignore[type-arg]
    """Four slices: even starts, these moves, and of each chain a reading with P(1) = 0.2 and 0.75."""
    names = [*start, *told]
    handed = list(dict.fromkeys(p for above in across.values() for p in above))
    variables = {n: Variable(n, ("s0", "s1")) for n in (*names, *(f"{n}_before" for n in handed))}
    even, reading = ([[0.5, 0.5]], [[[0.8, 0.2], [0.25, 0.75]]])
    seen = {n: Table(n, (of,), torch.tensor(reading, dtype=torch.float64)) for n, of in told.items()}
    roots = {n: Table(n, (), torch.tensor(even, dtype=torch.float64)) for n in variables if n not in told}
    moved = {
        n: Table(n, tuple(f"{p}_before" for p in above), torch.tensor([moves[n]], dtype=torch.float64))
        for n, above in across.items()
    }
    first = Network({n: variables[n] for n in names}, {n: t for n, t in (roots | seen).items() if n in names})
    later = Network(variables, roots | seen | moved)
    return Sliced(first, [later] * 3, {f"{n}_before": n for n in handed})


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
