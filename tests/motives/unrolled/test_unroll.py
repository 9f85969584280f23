"""A model over time as one network: its shares are those of the course, by conditioning alone."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bsm
from bsm.engine import compile, conditional, fold, path, smooth
from bsm.motives.course import course
from bsm.motives.fitness import fitness
from bsm.motives.network import to_network
from bsm.motives.unrolled import sliced, unroll
from bsm.network.bridge import to_pgmpy, without_known_warning
from bsm.network.sliced import at
from bsm.spec.model import Phase
from tests.motives.unrolled.models import given_selection, listed, over_time, plain

AT = 1e-10
seeds = st.integers(0, 10_000)


# --- replicator is conditioning ------------------------------------------------------------------------------


@settings(max_examples=8)
@given(seeds, st.booleans(), st.booleans())
def test_conditioning_on_being_selected_gives_the_shares_of_the_course(seed, in_list, later):
    """Drift, transmission, pressure, exploration, gates, own events, listed situations, an action after an outcome."""
    model = over_time(seed, later, caused=not in_list)
    model = listed(model) if in_list else model
    network, found = unroll(model), course(model)
    last = len(network.phases)
    names = [f"motivation__t{last}", *network.selected]
    answer = compile(network, names[0], names[1:])([network.selected])
    np.testing.assert_allclose(answer.probabilities, found.shares(), atol=AT)
    outside = torch.log1p(-torch.tensor(model.prior.none_of_these, dtype=torch.float64))
    total = torch.logsumexp(found.log_weights()[:, :-1], -1) - outside
    np.testing.assert_allclose(answer.log_evidence + network.log_scale, total, atol=AT)


@pytest.mark.parametrize("seed", [0, 5])
def test_at_ends_the_network_where_it_ends_the_course(seed):
    """A step lies before the gates of its phase, the end of the phase after them."""
    model = over_time(seed)
    found = course(model)
    for when in ("start", "audit", ("last", 0), ("last", 1), "last"):
        network = unroll(model, at=when, only=())
        last = len(network.phases)
        np.testing.assert_allclose(given_selection(network, f"motivation__t{last}"), found.shares(when)[0], atol=AT)


def test_tiny_reproduces_its_worked_shares():
    model = bsm.load("models/tiny")
    found = given_selection(unroll(model, only=()), "motivation__t10")
    by_name = dict(zip(model.motivations, found.reshape(-1).tolist(), strict=True))
    assert by_name["reward_seeker"] == pytest.approx(0.157333, abs=1e-6)
    assert by_name["influence_seeker"] == pytest.approx(0.164880, abs=1e-6)
    np.testing.assert_allclose(found, bsm.shares(model)[0], atol=AT)


def test_listed_situations_of_a_shipped_model_are_weighed_as_fitness_weighs_them():
    """Contexts that the action does not see are set by do(), and the policy expects them."""
    model = bsm.load("models/alignment_faking")
    model = replace(model, phases=(Phase("training", 1.0, 1.0),))
    network = unroll(model, only=())
    names = [at(model.graph.influence, 0), "motivation__t0", "in_situation__t0"]
    found = conditional(network, names[0], names[1:])
    weights = fitness(model).overall[0]
    np.testing.assert_allclose(found[0, :, 1, 1], weights, rtol=1e-9)


# --- laws ----------------------------------------------------------------------------------------------------


@settings(max_examples=5)
@given(seeds, st.booleans())
def test_one_step_is_the_static_model(seed, later):
    model = plain(seed, 1.0, later)
    network, static = unroll(model), to_network(model)
    codes = torch.tensor([[1], [0], [-1]])
    for name in ("motivation", *model.nodes):
        one = compile(network, at(name, 0), ["i__t0"])(codes, on_impossible="mask")
        other = compile(static, name, ["i"])(codes, on_impossible="mask")
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=AT)
        np.testing.assert_allclose(one.log_evidence, other.log_evidence, atol=AT)
    after = given_selection(network, "motivation__t1")
    np.testing.assert_allclose(after, compile(static, "motivation", ["i"])([{"i": "yes"}]).probabilities[0], atol=AT)


@settings(max_examples=3)
@given(seeds, st.integers(0, 3))
def test_splitting_a_phase_in_two_changes_nothing(seed, cut):
    """Every table of every slice is the same, also where drift follows shares."""
    model = over_time(seed)
    last = replace(model.phases[2], selections=3.0)
    whole = replace(model, phases=(*model.phases[:2], last))
    halves = (replace(last, name="a", selections=float(cut), gates=()), replace(last, selections=3.0 - cut))
    split = replace(model, phases=(*model.phases[:2], *halves))
    one, two = unroll(whole), unroll(split)
    assert one.selected == two.selected
    for name, table in one.tables.items():
        assert two.tables[name].parents == table.parents
        np.testing.assert_allclose(two.tables[name].values, table.values, atol=1e-12)


@settings(max_examples=5)
@given(seeds)
def test_filter_and_smoother_of_the_chain_agree_with_the_network(seed):
    """What is seen of behaviour at any step, and what was selected on; the last slice filters as it smooths."""
    model = over_time(seed)
    whole = sliced(model)
    network = whole.network.unrolled()
    rng = np.random.default_rng(seed)
    row = dict(whole.selected)
    for t in range(len(whole.phases)):
        for name in ("a", "o", "d"):
            if rng.random() < 0.5 and at(name, t) not in row:
                row[at(name, t)] = str(rng.choice(model.nodes[name].states))
    query = compile(network, (), list(row))
    if float(query([row], on_impossible="mask").log_evidence) == -torch.inf:
        row = dict(whole.selected)
    folded = fold(whole.network, [row])
    assert folded.state == ("motivation", "explored")
    found = smooth(*folded.inputs, varying=folded.varying)
    np.testing.assert_allclose(found.filtered[0, -1], found.smoothed[0, -1], atol=1e-12)
    for t in range(len(whole.phases) + 1):
        so_far = {n: s for n, s in row.items() if int(n.rpartition("__t")[2]) <= t}
        for answer, evidence in ((found.smoothed, row), (found.filtered, so_far)):
            expected = compile(network, f"motivation__t{t}", list(evidence))([evidence]).probabilities[0]
            np.testing.assert_allclose(folded.marginal(answer, "motivation")[0, t], expected, atol=AT)
    best = path(*folded.inputs, varying=folded.varying)
    chain = [at(n, t) for t in range(len(whole.phases) + 1) for n in folded.state]
    most = compile(network, chain, list(row)).most_probable([row])
    codes = torch.stack([folded.codes(best.states[0], n) for n in folded.state], -1).flatten()
    same = {n: network.variables[n].states[int(k)] for n, k in zip(chain, codes, strict=True)}
    own = compile(network, (), [*chain, *row])([{**row, **same}]).log_evidence
    np.testing.assert_allclose(own, best.log_joint, atol=AT)
    np.testing.assert_allclose(own, most.log_probability + most.log_evidence, atol=AT)


def test_pgmpy_agrees_on_an_unrolled_model():
    with without_known_warning():
        from pgmpy.inference import VariableElimination
    network = unroll(over_time(4), steps={"first": 1, "last": 1}, only=("a",))
    peer = VariableElimination(to_pgmpy(network))
    for name in ("motivation__t0", "motivation__t1", "motivation__t2"):
        theirs = peer.query([name], evidence=dict(network.selected), show_progress=False)
        np.testing.assert_allclose(given_selection(network, name).reshape(-1), theirs.values, atol=AT)


def test_behaviour_that_was_seen_is_counted_once():
    """A selected step that was seen whole weighs by pi(a | c), not by f; P(selected | a, c) is free of m (design 3)."""
    model = plain(11)
    network = unroll(model)
    sees = sorted({p for n in ("a", "b") if n in model.nodes for p in model.nodes[n].parents if p not in ("a", "b")})
    acts = [n for n in ("a", "b") if n in model.nodes]
    world = {n: model.nodes[n].states[-1] for n in (*sees, *acts)}
    row = {at(n, 0): s for n, s in world.items()} | network.selected
    static = to_network(model)
    whole = conditional(static, acts, ["motivation", *sees], impossible="nan")
    pi = whole[(0, slice(None), *(-1 for _ in (*sees, *acts)))]
    prior, f = static.tables["motivation"].values[0], fitness(model).overall[0]
    expected = prior * pi * f
    found = compile(network, "motivation__t2", list(row))([row]).probabilities[0]
    np.testing.assert_allclose(found, expected / expected.sum(), atol=AT)


# --- what depends on what ------------------------------------------------------------------------------------


def edges(network) -> nx.DiGraph:  # type: ignore[no-untyped-def]
    graph = nx.DiGraph((p, child) for child, table in network.tables.items() for p in table.parents)
    graph.add_nodes_from(network.variables)
    return graph


def test_the_future_is_free_of_the_past_given_the_motivation_unless_something_is_unexplored():
    """Theory d6, 6: path dependence needs the state of exploration beside the motivation."""
    steps = {"first": 2, "last": 1}
    free, bound = (edges(unroll(over_time(4, explored=e), steps)) for e in (False, True))
    past = {n for n in free if n.endswith(("__t0", "__t1")) and n.startswith("i_")} | {"motivation__t0"}
    assert nx.is_d_separator(free, {"motivation__t2"}, past, {"motivation__t1"})
    assert nx.is_d_separator(free, {"i__t1"}, {"motivation__t0"}, {"motivation__t1"})
    assert not nx.is_d_separator(bound, {"selected__t1"}, {"selected__t0"}, {"motivation__t1"})
    assert nx.is_d_separator(bound, {"selected__t1"}, {"selected__t0"}, {"motivation__t1", "explored__t1"})


def test_an_audit_tells_of_later_influence_by_way_of_the_motivation_alone():
    """Theory d6, 8, without exploration: audit and influence at t are independent given the motivation at the audit."""
    model = over_time(4, explored=False, passed_on=False)
    audit, last = model.phases[1], replace(model.phases[2], selected={}, gates=())
    graph = edges(unroll(replace(model, phases=(audit, last)), steps={"last": 3}))
    assert nx.is_d_separator(graph, {"gate_audit__t0"}, {"i__t2"}, {"motivation__t0"})
    assert not nx.is_d_separator(graph, {"gate_audit__t0"}, {"i__t2"}, set())
