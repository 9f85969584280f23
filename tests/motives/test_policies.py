"""Derived policies, fitness and the network against the same theory counted world by world (`by_hand`)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import ImpossibleEvidence
from bsm.inference.ask import ask
from bsm.motives.compile import Behaviour
from bsm.motives.fitness import fitness, shares
from bsm.motives.situations import every, seen, situations, support
from bsm.motives.theta import central
from bsm.spec.model import Edits, Model, SpecError
from tests.motives import by_hand
from tests.motives.worlds import random_model

seeds = st.integers(0, 10_000)


def policies_agree(model: Model, tolerance: float = 1e-10) -> None:
    behaviour, theta = Behaviour(model), central(model)
    possible = behaviour.possible(theta).nonzero()[:, 0].tolist()
    where = [dict(behaviour.support.settings(i)) for i in possible]
    assert where == by_hand.situations(model)
    np.testing.assert_allclose(behaviour.frequencies(theta)[0, possible], by_hand.frequencies(model), atol=tolerance)
    for name in model.motivations:
        found = behaviour.log_policy(name, theta).exp()[0]
        for i, c in zip(possible, where, strict=True):
            wanted = by_hand.policy(model, name, c)
            assert behaviour.joint_actions == list(wanted)
            np.testing.assert_allclose(found[i], list(wanted.values()), atol=tolerance, err_msg=f"{name} in {c}")


@settings(max_examples=25)
@given(seeds)
def test_policies_follow_the_formula(seed):
    """Targets weighted and avoided, active in some contexts, planning, awareness, beliefs, joint actions."""
    policies_agree(random_model(seed))


@settings(max_examples=10)
@given(seeds)
def test_a_later_action_is_solved_backwards(seed):
    policies_agree(random_model(seed, later=True))


@settings(max_examples=10)
@given(seeds)
def test_overlays_change_expectations_and_not_units(seed):
    model = random_model(seed)
    changed = model.with_overlay("changed")
    policies_agree(changed)
    theta = central(model)
    for motivation in model.motivations.values():
        torch.testing.assert_close(Behaviour(changed).unit(motivation, theta), Behaviour(model).unit(motivation, theta))


@settings(max_examples=12)
@given(seeds, st.booleans())
def test_fitness_is_influence_under_the_policy(seed, later):
    model = random_model(seed, later=later)
    found = fitness(model)
    for name in model.motivations:
        assert found[name] == pytest.approx(by_hand.fitness(model, name), abs=1e-10)


@settings(max_examples=8)
@given(seeds, st.booleans())
def test_the_network_is_every_world_of_every_motivation(seed, later):
    """P(target | given, do) with the motivation as root, soft evidence included."""
    model = random_model(seed, later=later)
    prior = by_hand_prior(model)
    soft = {"no": 0.3, "yes": 0.9}
    given = {"p": "yes", "s": soft}
    do = {"h": "yes"}
    mass: dict[tuple[str, str], float] = {}
    for name in model.motivations:
        acts = by_hand.first_actions(model)
        chosen = {}

        def first(world, name=name, chosen=chosen, acts=acts):
            c = {n: world[n] for n in by_hand.seen_by(model, acts)}
            key = tuple(c.values())
            if key not in chosen:
                chosen[key] = by_hand.policy(model, name, c)
            return chosen[key]

        for world, p in joint_worlds(model, name, first, do):
            if world["p"] == "yes":
                key = (name, world["i"])
                mass[key] = mass.get(key, 0.0) + prior[name] * p * soft[world["s"]]
    total = math.fsum(mass.values())
    answer = ask(model, ["motivation", "influence"], given=given, do=do)
    for key, m in mass.items():
        assert answer[key] == pytest.approx(m / total, abs=1e-10)
    assert answer.log_evidence == pytest.approx(math.log(total), abs=1e-10)


def by_hand_prior(model: Model) -> dict[str, float]:
    raw = {m: math.exp(by_hand.number(model.prior.terms[0].amounts[m], model)) for m in model.motivations}
    return {m: w / math.fsum(raw.values()) for m, w in raw.items()}


def joint_worlds(model, name, first, do):
    """Worlds with the first joint action drawn from one motivation's policy."""
    acts = by_hand.first_actions(model)
    later = by_hand.later_policies(model, name)

    def margin(action: str):
        at = acts.index(action)

        def choose(world):
            joint = first(world)
            done = tuple(world[a] for a in acts[:at])
            kept = {k: p for k, p in joint.items() if k[:at] == done}
            total = math.fsum(kept.values())
            out: dict[str, float] = {}
            for k, p in kept.items():
                out[k[at]] = out.get(k[at], 0.0) + p / total
            return out

        return choose

    # an action of a joint one is drawn after those before it, and may see more than its own parents
    ordered = replace(
        model,
        nodes={
            n: replace(
                node,
                parents=tuple(dict.fromkeys((*by_hand.seen_by(model, acts), *acts[: acts.index(n)], *node.parents))),
            )
            if n in acts
            else node
            for n, node in model.nodes.items()
        },
    )
    return by_hand.worlds(ordered, do, {**{a: margin(a) for a in acts}, **later})


def test_one_step_of_the_replicator_is_conditioning_on_being_selected():
    model = random_model(3)
    found = ask(model, "motivation", given={"influence": "yes"})
    prior, fit = by_hand_prior(model), {m: by_hand.fitness(model, m) for m in model.motivations}
    total = math.fsum(prior[m] * fit[m] for m in prior)
    for m in prior:
        assert found[m] == pytest.approx(prior[m] * fit[m] / total, abs=1e-12)
    one = replace(model, phases=(replace(model.phases[0], selections=1.0),))
    np.testing.assert_allclose(shares(one)[0], [found[m] for m in prior], atol=1e-12)
    three = np.array([prior[m] * fit[m] ** 3 for m in prior])
    np.testing.assert_allclose(shares(model)[0], three / three.sum(), atol=1e-12)


@settings(max_examples=10)
@given(seeds)
def test_a_situation_may_set_contexts_that_the_action_does_not_see(seed):
    """What a ledger row sets is believed by the AI: its policy is derived anew under that do()."""
    model = random_model(seed, contexts_with_causes=False)
    names = seen(model)
    at = tuple("off" if n == "l" else "yes" for n in names)
    chosen = situations(model, names, [at, at], [(("h", "yes"),), (("h", "no"),)])
    behaviour, theta = Behaviour(model, chosen), central(model)
    for name, motivation in model.motivations.items():
        if motivation.awareness != 1:
            continue
        for i, h in enumerate(("yes", "no")):
            c = {**dict(zip(names, at, strict=True)), "h": h}
            wanted = by_hand.sharp_policy(model, name, c)
            np.testing.assert_allclose(behaviour.log_policy(name, theta).exp()[0, i], list(wanted.values()), atol=1e-10)


def test_a_target_that_no_action_moves_leaves_the_base_policy():
    model = random_model(8)
    still = replace(
        model.motivations["m0"],
        seeks=(replace(model.motivations["m0"].seeks[0], target="h", state="yes", active_in={}),),
        awareness=1.0,
    )
    model = replace(model, motivations={"m0": still})
    behaviour, theta = Behaviour(model), central(model)
    assert not fitness(model).movable["m0"]
    torch.testing.assert_close(behaviour.log_policy("m0", theta).exp(), behaviour.log_base(theta).exp())
    assert fitness(model)["m0"] == pytest.approx(float(fitness(model).base[0]), abs=1e-12)


# --- situations that cannot occur, levers, listed supports ---------------------------------------------------


def copycat() -> Model:
    """`d` is a copy of `c` and the action sees both."""
    from bsm.spec.model import Row, Rows

    model = random_model(1)
    d = replace(
        model.nodes["d"],
        parents=("c",),
        mechanism=Rows((Row({"c": ("no",)}, (1.0, 0.0)), Row({"c": ("yes",)}, (0.0, 1.0)))),
    )
    from bsm.graph import Role
    from tests.motives.worlds import rows

    rng = np.random.default_rng(5)
    a = replace(model.nodes["a"], parents=("c", "d"))
    a = replace(a, mechanism=rows(rng, a.states, {"c": d.states, "d": d.states}))
    assert a.role is Role.ACTION
    return replace(model, nodes={**model.nodes, "d": d, "a": a})


def test_contexts_that_never_go_together_follow_the_base_policy_and_weigh_nothing():
    model = copycat()
    policies_agree(model)
    behaviour, theta = Behaviour(model), central(model)
    never = [i for i in range(4) if len(set(behaviour.support.states(i))) == 2]
    assert behaviour.possible(theta).tolist() == [i not in never for i in range(4)]
    assert behaviour.frequencies(theta)[0, never].tolist() == [0, 0]
    sharp = next(n for n, m in model.motivations.items() if m.awareness == 1)
    torch.testing.assert_close(behaviour.log_policy(sharp, theta)[0, never], behaviour.log_base(theta)[0, never])
    found = fitness(model)
    assert len(found.situations) == found.by_context.shape[-1] == 2
    for name in model.motivations:
        assert found[name] == pytest.approx(by_hand.fitness(model, name), abs=1e-10)
    assert math.isfinite(ask(model, "influence")["yes"])


def test_a_listed_situation_that_cannot_occur_is_an_error_that_names_it():
    model = replace(copycat(), support=({"c": "yes", "d": "yes"}, {"c": "yes", "d": "no"}))
    with pytest.raises(ImpossibleEvidence, match="c=yes, d=no"):
        fitness(model)
    model = copycat()
    row = situations(model, ("c", "d"), [("no", "yes")])
    behaviour = Behaviour(model, row)
    with pytest.raises(ImpossibleEvidence, match="c=no, d=yes"):
        behaviour.log_policy("m0", central(model))


@pytest.mark.parametrize("seed", range(6))
def test_a_listed_support_weighs_situations_by_their_probability_given_the_list(seed):
    model = random_model(seed, contexts_with_causes=False)
    names = seen(model)
    listed = [{n: ("off" if n == "l" else s) for n in names} for s in ("no", "yes")]
    if "l" in model.nodes and "l" in names:
        listed.append({**listed[0], "l": "max"})
    listed.append({**listed[0], "h": "yes"})
    model = replace(model, support=tuple(listed))
    policies_agree(model)
    found = Behaviour(model).frequencies(central(model))[0]
    assert float(found.sum()) == pytest.approx(1, abs=1e-12)
    for name in model.motivations:
        assert fitness(model)[name] == pytest.approx(by_hand.fitness(model, name), abs=1e-10)


def test_a_phase_gives_the_weights_of_a_listed_support():
    model = random_model(2, contexts_with_causes=False)
    phase = replace(model.phases[0], contexts={"d": (0.9, 0.1)})
    model = replace(model, phases=(phase,), support=({"d": "no"}, {"d": "yes"}))
    from bsm.motives.world import context_distribution

    inside = context_distribution(model, 0)
    raw = {"no": 0.9, "yes": 0.1}
    others = {n for n in seen(model) if n not in ("d", "l")}
    assert torch.allclose(
        Behaviour(inside).frequencies(central(model))[0],
        torch.tensor([raw["no"], raw["yes"]], dtype=torch.float64),
    ), others


def test_a_listed_support_that_never_occurs_is_refused():
    model = random_model(2, contexts_with_causes=False)
    from bsm.spec.model import Rows

    d = replace(model.nodes["d"], mechanism=Rows((), (1.0, 0.0)))
    model = replace(model, nodes={**model.nodes, "d": d}, support=({"d": "yes"},))
    with pytest.raises(SpecError, match="probability zero"):
        fitness(model)


def test_levers_stay_at_their_default_in_the_support_and_in_units():
    model = next(
        m for s in range(50) if "l" in (m := random_model(s)).nodes and "l" in seen(m) and "l" in m.nodes["o"].parents
    )
    chosen = support(model)
    assert {dict(chosen.settings(i))["l"] for i in range(len(chosen))} == {"off"}
    policies_agree(model)
    names = seen(model)
    assert len(every(model, names)) == 3 * len(chosen)
    at = situations(model, names, [tuple("max" if n == "l" else "no" for n in names)])
    found = Behaviour(model, at).log_policy("m0", central(model)).exp()[0, 0]
    wanted = by_hand.policy(model, "m0", {n: "max" if n == "l" else "no" for n in names})
    np.testing.assert_allclose(found, list(wanted.values()), atol=1e-10)


def test_dropping_an_edge_in_a_belief_leaves_the_world_as_it_is():
    model = random_model(4)
    blind = replace(
        model.motivations["m0"],
        seeks=(replace(model.motivations["m0"].seeks[0], target="i", state=None, active_in={}),),
        beliefs=Edits((("r", "i"),)),
        awareness=1.0,
    )
    model = replace(model, motivations={"m0": blind})
    behaviour, theta = Behaviour(model), central(model)
    torch.testing.assert_close(behaviour.log_policy("m0", theta).exp(), behaviour.log_base(theta).exp())
    assert float(behaviour.unit(blind, theta)[0]) > 0
