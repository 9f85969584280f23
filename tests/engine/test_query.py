"""Every kind of question, on random networks, against counting worlds one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import compile, conditional
from bsm.network.surgery import intervene
from bsm.network.tables import Network
from tests.engine import asking
from tests.engine.asking import Asked, agree, questions, random_question, random_soft
from tests.engine.checking import new_mechanism
from tests.engine.networks import FAMILIES, in_draw, random_network
from tests.graphs import SHAPES, network_of

MANY = settings(max_examples=100, deadline=None, derandomize=True, database=None)
FEW = settings(MANY, max_examples=40)
DRAWS = st.sampled_from([1, 3])


def labels(asked: Asked, row: int) -> dict[str, str]:
    """A row of codes as the states it names."""
    codes = asked.codes[row].tolist()
    return {n: asked.network.variables[n].states[c] for n, c in zip(asked.seen, codes, strict=True) if c >= 0}


# --- the two ways of counting agree ------------------------------------------------------------------------


@FEW
@given(questions())
def test_counting_all_rows_at_once_is_counting_one_by_one(question):
    from tests.graphs import counted as one_by_one

    asked, _ = question
    found = asking.counted(asked)
    for row in range(len(asked.codes)):
        np.testing.assert_allclose(
            found[0, row], one_by_one(asked.network, asked.target, labels(asked, row)), atol=1e-13
        )


def test_the_sample_covers_what_it_should():
    """Zeros, point masses, 2 to 6 states, several roots, no target, blank and impossible rows, evidence on a target."""
    rng = np.random.default_rng(0)
    covered = dict.fromkeys(
        ["zero", "certain", "six states", "roots", "no target", "joint", "on target", "impossible", "nothing seen"], 0
    )
    for _ in range(300):
        asked = random_question(random_network(rng), rng)
        values = [t.values for t in asked.network.tables.values()]
        covered["zero"] += any(bool((v == 0).any()) for v in values)
        covered["certain"] += any(bool((v == 1).any()) for v in values)
        covered["six states"] += any(len(v.states) == 6 for v in asked.network.variables.values())
        covered["roots"] += sum(not t.parents for t in asked.network.tables.values()) > 1
        covered["no target"] += not asked.target
        covered["joint"] += len(asked.target) > 1
        covered["on target"] += any(n in asked.target for n in asked.seen)
        covered["impossible"] += bool((asking.counted(asked).sum(tuple(range(2, 2 + len(asked.target)))) == 0).any())
        covered["nothing seen"] += not asked.seen
    assert min(covered.values()) >= 30, covered
    assert len(FAMILIES) == 9


# --- evidence ----------------------------------------------------------------------------------------------


@MANY
@given(questions())
def test_joint_targets_blanks_and_evidence_on_the_target(question):
    asked, _ = question
    agree(compile(asked.network, asked.target, asked.seen).drawn(asked.codes, on_impossible="mask"), asked)


@FEW
@given(questions(draws=3))
def test_draws_times_rows(question):
    """And each draw by itself answers the same."""
    asked, _ = question
    answer = compile(asked.network, asked.target, asked.seen)(asked.codes, on_impossible="mask")
    agree(answer, asked)
    for draw in range(3):
        alone = compile(in_draw(asked.network, draw), asked.target, asked.seen)(asked.codes, on_impossible="mask")
        torch.testing.assert_close(answer.probabilities[draw], alone.probabilities, atol=1e-12, rtol=0)


@FEW
@given(questions())
def test_missing_patterns_mixed_in_one_batch_answer_as_one_at_a_time(question):
    asked, _ = question
    mixed = compile(asked.network, asked.target, asked.seen)(asked.codes, on_impossible="mask")
    for row, codes in enumerate(asked.codes):
        left = [n for n, code in zip(asked.seen, codes.tolist(), strict=True) if code >= 0]
        alone = compile(asked.network, asked.target, left)(codes[codes >= 0].reshape(1, -1), on_impossible="mask")
        torch.testing.assert_close(mixed.probabilities[row], alone.probabilities[0], atol=1e-12, rtol=0)
        torch.testing.assert_close(mixed.log_evidence[row], alone.log_evidence[0], atol=1e-11, rtol=0)


@MANY
@given(st.data())
def test_soft_evidence_in_each_row(data):
    """On seen, unseen and target variables; where a row also has a code, both count."""
    asked, rng = data.draw(questions(draws=data.draw(DRAWS)))
    soft = random_soft(asked, rng)
    answer = compile(asked.network, asked.target, asked.seen).drawn(asked.codes, soft=soft, on_impossible="mask")
    agree(answer, Asked(asked.network, asked.target, asked.seen, asked.codes, soft))


@pytest.mark.parametrize(
    ("name", "moved"), [("c", [False, False, True]), ("b", [True, True, True]), ("a", [True, True, True])]
)
def test_soft_evidence_on_what_is_seen_unseen_and_asked_about(name: str, moved: list[bool]):
    """A likelihood of `c` moves nothing where `c` itself was seen."""
    network = network_of(SHAPES["complete"], np.random.default_rng(5), states=3)
    codes = torch.tensor([[0, 1], [2, -1], [-1, -1]])
    asked = Asked(network, ("a",), ("c", "d"), codes, {name: torch.rand(3, 3, dtype=torch.float64)})
    query = compile(network, "a", ["c", "d"])
    answer, plain = query.drawn(codes, soft=asked.soft), query.drawn(codes)
    agree(answer, asked)
    assert ((answer.probabilities - plain.probabilities).abs().amax(-1)[0] > 1e-3).tolist() == moved


def test_one_row_of_likelihoods_stands_for_all_rows():
    network = network_of(SHAPES["diamond"], np.random.default_rng(1))
    query, codes = compile(network, "a", ["d"]), torch.tensor([[0], [1], [-1]])
    one = torch.tensor([[0.2, 0.7]], dtype=torch.float64)
    torch.testing.assert_close(query(codes, soft={"b": one}), query(codes, soft={"b": one.expand(3, 2)}))


def test_likelihoods_with_draws_give_answers_with_draws():
    """The network has none; the axis that the likelihoods bring must not be cut to its first entry."""
    network = network_of(SHAPES["chain"], np.random.default_rng(1))
    soft = {"b": torch.rand(4, 2, 2, dtype=torch.float64)}
    asked = Asked(network, ("a",), ("d",), torch.tensor([[0], [1]]), soft)
    agree(compile(network, "a", ["d"])(asked.codes, soft=soft), asked)


def test_a_table_written_to_after_compiling_is_followed():
    network = network_of(SHAPES["chain"], np.random.default_rng(1))
    asked = Asked(network, ("a",), ("d",), torch.tensor([[0], [1]]), {})
    query = compile(network, "a", ["d"])
    before = query.drawn(asked.codes)
    agree(before, asked)
    network.tables["b"].values.copy_(network.tables["b"].values.flip(-1))
    asking.worlds.cache_clear()
    after = query.drawn(asked.codes)
    assert not torch.allclose(after.probabilities, before.probabilities)
    agree(after, asked)


def test_likelihoods_count_only_up_to_a_constant_per_row():
    network = network_of(SHAPES["collider"], np.random.default_rng(2))
    query, rows = compile(network, ["a", "b"]), torch.empty(3, 0, dtype=torch.int64)
    weights = torch.rand(3, 2, dtype=torch.float64)
    scale = torch.tensor([[1e-200], [1.0], [1e200]], dtype=torch.float64)
    ours, plain = query(rows, soft={"d": weights * scale}), query(rows, soft={"d": weights})
    torch.testing.assert_close(ours.probabilities, plain.probabilities, atol=1e-14, rtol=0)
    torch.testing.assert_close(ours.log_evidence - scale.log()[:, 0], plain.log_evidence, atol=1e-11, rtol=0)


# --- interventions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hard", "distribution", "shift", "new parents"])
def test_interventions(kind: str):
    """The network that `intervene` gives has the table worked out here, and is answered as counted."""

    @FEW
    @given(questions())
    def answered(question) -> None:
        asked, rng = question
        settings, tables = {}, dict(asked.network.tables)
        for name in rng.permutation(list(asked.network.variables))[: rng.integers(1, 3)]:
            settings[str(name)], tables[str(name)] = new_mechanism(asked.network, str(name), kind, rng)
        query = compile(intervene(asked.network, settings), asked.target, asked.seen)
        by_hand = Asked(Network(asked.network.variables, tables), asked.target, asked.seen, asked.codes)
        agree(query.drawn(asked.codes, on_impossible="mask"), by_hand)

    answered()


# --- shapes ------------------------------------------------------------------------------------------------


def test_axes():
    """Of draws only where the network has some; of every target, in the order asked."""
    rng = np.random.default_rng(0)
    network = network_of(SHAPES["chain"], rng, states=3)
    rows = torch.tensor([[1], [-1]])
    answer = compile(network, ["d", "a"], ["b"])(rows)
    assert answer.probabilities.shape == (2, 3, 3)
    assert answer.log_evidence.shape == (2,)
    assert compile(network, (), ["b"])(rows).probabilities.tolist() == [1.0, 1.0]
    assert compile(network, "d", ["b"]).drawn(rows).probabilities.shape == (1, 2, 3)
    drawn = network_of(SHAPES["chain"], rng, states=3, draws=5)
    assert compile(drawn, ["d", "a"], ["b"])(rows).probabilities.shape == (5, 2, 3, 3)
    assert compile(drawn, (), ())(torch.empty(2, 0, dtype=torch.int64)).log_evidence.tolist() == [[0.0] * 2] * 5
    assert conditional(drawn, ["d"], ["a", "b"]).shape == (5, 3, 3, 3)


def test_draws_are_there_though_nothing_asked_about_depends_on_them():
    network = network_of(SHAPES["two parts"], np.random.default_rng(1))
    some = network_of(SHAPES["two parts"], np.random.default_rng(2), draws=3).tables["c"]
    mixed = Network(network.variables, {**network.tables, "c": some})
    answer = compile(mixed, "a", ["b"])(torch.tensor([[0]]))
    assert answer.probabilities.shape == (3, 1, 2)
    assert answer.log_evidence.shape == (3, 1)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("seen", [("b", "d"), ()])
def test_zero_rows(seen: tuple[str, ...], soft: bool):
    network = network_of(SHAPES["diamond"], np.random.default_rng(0))
    given = {"b": torch.ones(1, 2, dtype=torch.float64)} if soft else None
    answer = compile(network, ["a", "c"], seen)(torch.empty(0, len(seen), dtype=torch.int64), soft=given)
    assert answer.probabilities.shape == (0, 2, 2)
    assert answer.log_evidence.shape == (0,)
