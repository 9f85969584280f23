"""An unrolled model: its names, its files, parameter draws, only some of its nodes, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bsm
from bsm.engine import compile
from bsm.motives.course import course
from bsm.motives.theta import Theta
from bsm.motives.unrolled import unroll
from bsm.network.sliced import at
from bsm.network.tables import Network
from bsm.spec.model import Model, Parameter, Ref
from tests.motives.unrolled.models import given_selection, listed, over_time, plain
from tests.motives.worlds import OURS

AT = 1e-10
seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("ending", [".xdsl", ".bif"])
def test_files_hold_the_unrolled_model(tmp_path, ending):
    network: Network = bsm.unroll(over_time(7))
    if ending == ".bif":  # which holds no numbers for states
        bare = {n: replace(v, values=None) for n, v in network.variables.items()}
        network = Network(bare, network.tables)
    bsm.write_network(network, tmp_path / f"model{ending}")
    back = bsm.read_network(tmp_path / f"model{ending}")
    assert list(back.variables.values()) == list(network.variables.values())
    for name, table in network.tables.items():
        assert back.tables[name].parents == table.parents
        assert torch.equal(back.tables[name].values, table.values)


def test_names_of_files_and_of_people():
    network = unroll(over_time(4), steps={"first": 1, "last": 1})
    assert network.labels["motivation__t2"] == "motivation[2]"
    assert {"gate_audit__t1", "gate_the_probe__t1", "gate_audit__t2"} <= set(network.variables)
    assert "gate_audit_2__t1" not in network.variables  # a look that is trained on lets everyone pass
    assert network.phases == ("first", "last")
    assert all(network.variables[n].states.index(s) for n, s in network.selected.items())


def test_names_that_a_model_has_already_get_a_number():
    model = over_time(4)
    taken = {name: replace(model.nodes["h"], name=name) for name in ("pressure", "explored", "selected")}
    first = replace(model.phases[0], selections=1.0)
    model = replace(model, nodes={**model.nodes, **taken}, phases=(first,))
    network = unroll(model)
    assert network.selected == {"selected_2__t0": "yes", "pressure_2__t0": "yes"}
    assert {"pressure__t0", "explored__t0", "selected__t0", "explored_2__t1"} <= set(network.variables)
    np.testing.assert_allclose(given_selection(network, "motivation__t1"), course(model).shares()[0], atol=AT)


@settings(max_examples=3)
@given(seeds, st.booleans())
def test_only_some_nodes_say_the_same_of_themselves(seed, in_list):
    model = over_time(seed, caused=not in_list)
    model = listed(model) if in_list else model
    steps = {"first": 1, "last": 1}
    whole, part = unroll(model, steps), unroll(model, steps, only=("a", "s", "d"))
    assert set(part.variables) < set(whole.variables)
    assert part.selected == whole.selected
    kept = [at(n, t) for t in range(2) for n in ("a", "s", "d")] + ["motivation__t1", "motivation__t2"]
    for pair in (kept[:3], kept[3:6], kept[5:]):
        for evidence in ({}, part.selected):
            joint = [compile(n, pair, list(evidence))([evidence]) for n in (whole, part)]
            np.testing.assert_allclose(joint[0].probabilities, joint[1].probabilities, atol=AT)


def test_draws_are_carried():
    model = over_time(4, passed_on=True)
    strength = Parameter("x", 0.4, None, "probability", "0.4", OURS)
    first = replace(model.phases[0], exploration=Ref("x"), selections=2.0)
    model = replace(model, parameters={"x": strength}, phases=(first, *model.phases[1:]))
    theta = Theta({"x": torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)})
    network = unroll(model, theta=theta)
    last = len(network.phases)
    assert network.draws == 3
    np.testing.assert_allclose(given_selection(network, f"motivation__t{last}"), course(model, theta).shares(), atol=AT)


# --- what is refused -----------------------------------------------------------------------------------------


def with_phase(**changes) -> Model:  # type: ignore[no-untyped-def]
    model = plain(1)
    return replace(model, phases=(replace(model.phases[0], **changes),))


@pytest.mark.parametrize(
    ("changes", "steps", "when", "says"),
    [
        ({"eta": 0.5}, None, None, r"phase training: eta is 0\.5; .* only that is a Bayesian network; set it, or ask"),
        (
            {"selections": 2.5},
            None,
            None,
            r"phase training: selections is 2\.5; .*say how many with steps=\{'training': 3\}",
        ),
        ({"dynamics": "softmax_pg"}, None, None, "dynamics is softmax_pg; .* set dynamics: replicator"),
        ({}, {"trainin": 3}, None, r"steps names 'trainin', which is not a phase of random; it has \['training'\]"),
        (
            {},
            {"training": 2.5},
            None,
            r"steps gives training 2\.5 selections; a whole number of at least 0 is accepted",
        ),
        ({}, -1, None, "steps gives training -1 selections"),
        ({}, None, ("training", 3), "step 3 of phase training is asked for; a whole number from 0 to 2"),
        ({}, None, ("training", 0.5), r"step 0\.5 of phase training is asked for"),
    ],
)
def test_what_is_no_network_is_refused(changes, steps, when, says):
    with pytest.raises(bsm.SpecError, match=says):
        unroll(with_phase(**changes), steps, when)


def test_selections_that_differ_between_draws_are_refused():
    n = Parameter("n", 2.0, None, "positive", "2", OURS)
    model = replace(with_phase(selections=Ref("n")), parameters={"n": n})
    theta = Theta({"n": torch.tensor([2.0, 3.0], dtype=torch.float64)})
    with pytest.raises(bsm.SpecError, match=r"selections is 2 to 3 over the parameter draws; .* one for all draws"):
        unroll(model, theta=theta)
    assert len(unroll(model, 2, theta=theta).phases) == 2


def test_an_audit_of_other_strength_does_not_matter_where_nothing_is_selected():
    assert unroll(with_phase(eta=0.3, selections=0.0)).phases == ()


def test_too_many_selections_are_refused_before_anything_is_made(monkeypatch):
    model = with_phase(selections=1e6)
    monkeypatch.setattr("bsm.motives.unrolled.slices._Maker", None)
    with pytest.raises(bsm.SpecError, match=r"1,000,000 selections \(training: 1000000\) make about .* variables"):
        unroll(model)
    with pytest.raises(bsm.SpecError, match=r"About \d+ selections fit: give fewer with `steps` or `at`"):
        unroll(model, steps=1_000, max_bytes=100_000)


def test_only_names_nodes_of_the_model():
    with pytest.raises(bsm.SpecError, match=r"only names \['x'\]; the nodes of random are"):
        unroll(plain(1), only=("x",))
