"""What changed the odds over time, how much of it is selection, when audits fade, and sweeps of selection."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch

from bsm.motives.course import Moment, course
from bsm.motives.theta import Theta
from bsm.questions.attribution import attribution, levers_set, with_levers
from bsm.questions.audits import audit_half_life
from bsm.questions.change import change
from bsm.questions.sweep import sweep
from bsm.spec.document import ModelDocument
from bsm.spec.load import load
from bsm.spec.model import Gate, Model, Parameter, Phase, Provenance, Ref, SpecError
from tests.motives.course.slow import several_phases

SEEDS = [s for s in range(12) if "l" in several_phases(s).nodes][:3]


def with_more_levers(seed: int, **options: bool) -> Model:
    """A model in which two phases set the lever away from its default."""
    model = several_phases(seed, **options)
    other = next(s for s in model.nodes["l"].states if s != model.nodes["l"].default)
    phases = [replace(p, levers={"l": other}) if p.name in ("first", "last") else p for p in model.phases]
    return replace(model, phases=tuple(phases))


def drawn(model: Model, phase: int = 0) -> tuple[Model, Theta]:
    """The model with three draws of the selections of one phase."""
    phases = list(model.phases)
    phases[phase] = replace(phases[phase], selections=Ref("n"))
    number = Parameter("n", 3.0, None, "positive", "3", Provenance(opinion_of="the test"))
    model = replace(model, phases=tuple(phases), parameters={**model.parameters, "n": number})
    values = {name: torch.tensor([p.value], dtype=torch.float64) for name, p in model.parameters.items()}
    return model, Theta({**values, "n": torch.tensor([0.0, 2.5, 4.0], dtype=torch.float64)})


# --- attribution -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ["replicator", "softmax_pg"])
@pytest.mark.parametrize("seed", SEEDS)
def test_parts_sum_to_the_log_odds_exactly(seed: int, dynamics: str) -> None:
    model, theta = drawn(with_more_levers(seed, dynamics=dynamics, explored=False))
    assert len(levers_set(model)) == 2
    found = attribution(model, "m1", theta=theta)
    shares = course(model, theta).log_shares()
    torch.testing.assert_close(found.total, shares - shares[:, 1:2], rtol=0, atol=1e-9)
    torch.testing.assert_close(sum(found.parts.values()), found.total, rtol=0, atol=1e-9)
    assert all(bool((part[:, 1] == 0).all()) for part in found.parts.values())
    assert float(found.parts["last: lever l"].abs().max()) > 1e-6
    assert dynamics in str(found)


def test_a_lever_has_its_mean_over_all_orders() -> None:
    model = with_more_levers(SEEDS[0])
    levers = levers_set(model)
    found = attribution(model, "m0")

    def odds(kept: tuple) -> np.ndarray:
        shares = course(with_levers(model, levers, kept)).log_shares()[0].numpy()
        return shares - shares[0]

    for lever in levers:
        gains = []
        for order in permutations(levers):
            before = order[: order.index(lever)]
            gains.append(odds((*before, lever)) - odds(before))
        name = f"{model.phases[lever[0]].name}: lever {lever[1]}"
        np.testing.assert_allclose(found.parts[name][0].numpy(), np.mean(gains, axis=0), atol=1e-9)


def test_many_levers_are_set_in_the_order_of_the_file() -> None:
    model = with_more_levers(SEEDS[0])
    last = model.phases[-1]
    model = replace(model, phases=(*model.phases, *(replace(last, name=f"more {i}", gates=()) for i in range(7))))
    found = attribution(model)
    assert len(levers_set(model)) == 9
    assert "in the order of the file" in found.order
    torch.testing.assert_close(sum(found.parts.values()), found.total, rtol=0, atol=1e-9)


def test_the_table_ends_with_the_total() -> None:
    table = attribution(drawn(with_more_levers(SEEDS[0]))[0], "m0").table()
    assert set(table.columns) == {"part", "motivation", "nats", "low", "high"}
    parts = table[table["part"] != "total"].groupby("motivation")["nats"].sum()
    total = table[table["part"] == "total"].set_index("motivation")["nats"]
    np.testing.assert_allclose(parts, total[parts.index], atol=1e-9)


def test_a_reference_that_does_not_exist() -> None:
    with pytest.raises(SpecError, match=r"reference 'nobody' is not a motivation .* it has \['m0', 'm1', 'm2'\]"):
        attribution(with_more_levers(SEEDS[0]), "nobody")


def test_infinite_odds_are_refused() -> None:
    model = several_phases(SEEDS[0])
    certain = Gate("certain", 1.0, detection={"m0": 1.0, "m1": 0.0, "m2": 0.0, "none_of_these": 0.0})
    model = replace(model, phases=(Phase("audit", 0.0, 1.0, gates=(certain,)),))
    with pytest.raises(SpecError, match="the odds of m0 against m1 are infinite"):
        attribution(model, "m1")


# --- selection and drift -----------------------------------------------------------------------------------


@pytest.mark.parametrize("explored", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_selection_and_drift_sum_to_the_change_of_the_mean(seed: int, explored: bool) -> None:
    model, theta = drawn(several_phases(seed, explored=explored, passed_on=False))
    trait = {"m0": 1.0, "m2": -0.5}
    found = change(model, trait, theta)
    values = torch.tensor([1.0, 0.0, -0.5], dtype=torch.float64)
    own = course(model, theta)
    for given, at in ((found.before, "start"), (found.after, None)):
        torch.testing.assert_close(given, (own.shares(at) * values).sum(-1).expand_as(given), rtol=0, atol=1e-10)
    parts = sum(found.selection.values()) + sum(found.drift.values())
    torch.testing.assert_close(found.before + parts, found.after, rtol=0, atol=1e-10)
    assert float(found.drift["middle"].abs().max()) == 0  # an audit moves nobody
    assert float(found.drift["last"].abs().max()) > 1e-6


def test_without_drift_all_is_selection() -> None:
    model = several_phases(SEEDS[0], explored=False)
    model = replace(model, phases=tuple(replace(p, drift=()) for p in model.phases))
    found = change(model, {"m1": 1.0})
    assert all(float(part.abs().max()) == 0 for part in found.drift.values())


def test_what_has_no_fixed_step_is_refused() -> None:
    with pytest.raises(SpecError, match="the equation of Price is for the replicator"):
        change(several_phases(SEEDS[0], dynamics="softmax_pg", explored=False), {"m0": 1.0})
    with pytest.raises(SpecError, match="is transmitted, so every step has another operator"):
        change(several_phases(SEEDS[0], passed_on=True), {"m0": 1.0})
    with pytest.raises(SpecError, match=r"\['nobody'\] are not motivations"):
        change(several_phases(SEEDS[0]), {"nobody": 1.0})


# --- half-life of an audit ---------------------------------------------------------------------------------


def audited(seed: int, **options: bool) -> Model:
    """An audit, then a deployment with drift and little selection."""
    model = several_phases(seed, **options)
    first, _, last = model.phases
    audit = Gate("audit", 2.0, detection={"m0": 0.9, "m1": 0.1, "m2": 0.3, "none_of_these": 0.2})
    other = Gate("other", 1.0, detection={"m0": 0.1, "m1": 0.4, "m2": 0.3, "none_of_these": 0.2})
    checked = Phase("check", 2.0, 0.5, gates=(other, audit))
    return replace(model, phases=(first, checked, replace(last, name="deployed", eta=0.01, gates=())))


@pytest.mark.parametrize("passed_on", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_half_of_an_audit_is_gone_when_two_courses_say_so(seed: int, passed_on: bool) -> None:
    model = audited(seed, passed_on=passed_on)
    found = audit_half_life(model, "audit")
    last = int(found.step[0])
    bits = bits_of(model, [0, *range(max(1, last - 20), last + 1)])
    assert found.bits[0] == pytest.approx(bits[0], abs=1e-9)
    assert bits[-1] < bits[0] / 2 <= min(bits[:-1])
    assert "half of it lost after" in str(found)


def bits_of(model: Model, steps: list[int]) -> list[float]:
    """KL in bits between the shares with and without the audit, after so many steps of deployment."""
    first, checked, last = model.phases
    last = replace(last, selections=float(steps[-1]))
    without = replace(checked, gates=tuple(g for g in checked.gates if g.name != "audit"))
    both = [course(replace(model, phases=(first, check, last))) for check in (checked, without)]
    found = []
    for step in steps:
        p, q = (own.shares(("deployed", float(step)))[0] for own in both)
        found.append(float((p * (p / q).log2()).sum()))
    return found


def test_audits_that_cannot_be_asked_about() -> None:
    model = audited(SEEDS[0])
    with pytest.raises(SpecError, match=r"no gate 'nothing'; its gates are \['other', 'audit'\]"):
        audit_half_life(model, "nothing")
    with pytest.raises(SpecError, match="'nowhere' is not a phase"):
        audit_half_life(model, "audit", "nowhere")
    trained = replace(model.phases[1], gates=(replace(model.phases[1].gates[1], held_out=False, evasion=0.5),))
    with pytest.raises(SpecError, match="is trained on, so passing it selects nobody"):
        audit_half_life(replace(model, phases=(model.phases[0], trained, model.phases[2])), "audit")
    with pytest.raises(SpecError, match="no phase with selections follows the audit in check"):
        audit_half_life(replace(model, phases=model.phases[:2]), "audit")


# --- sweeps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ["replicator", "softmax_pg"])
def test_a_sweep_is_one_course_after_another_over_three_decades(dynamics: str) -> None:
    model, theta = drawn(several_phases(SEEDS[0], explored=False), 2)
    found = sweep(model, "last", theta=theta, dynamics=dynamics)
    assert len(found.selection) >= 25
    assert float(found.selection[-1] / found.selection[0]) >= 999
    assert found.dynamics == dynamics
    at = len(found.selection) // 2
    phases = list(model.phases)
    phases[2] = replace(phases[2], selections=float(found.selection[at]) / 0.7)
    expected = course(replace(model, phases=tuple(phases)), theta, dynamics).shares()
    torch.testing.assert_close(found.shares[at], expected.expand_as(found.shares[at]))


@pytest.mark.parametrize(
    ("selections", "eta", "low", "high"),
    [
        ("3 to 1000", 1.0, 0.3, 10_000.0),
        ("3 to 1000", 0.5, 0.15, 5_000.0),
        (20.0, "0.1 to 10", 0.2, 2_000.0),
        ("5 to 20", 1.0, 10 / 10**1.5, 10 * 10**1.5),  # a tenth to ten times would be 2.6 decades
        (7.0, 1.0, 7 / 10**1.5, 7 * 10**1.5),
    ],
)
def test_a_sweep_goes_past_what_the_model_says_of_eta_n(
    selections: object, eta: object, low: float, high: float
) -> None:
    """At prior medians too, where the selections are one number."""
    document = ModelDocument.read("models/tiny")
    document.phases[0].selections, document.phases[0].eta = selections, eta
    found = sweep(load(document), document.phases[0].name)
    assert found.shares.shape[1] == 1
    assert float(found.selection[0]) == pytest.approx(low, rel=0.05)
    assert float(found.selection[-1]) == pytest.approx(high, rel=0.05)
    assert float(found.selection[-1] / found.selection[0]) >= 1000 * (1 - 1e-9)


def test_a_sweep_that_cannot_be() -> None:
    model = several_phases(SEEDS[0])
    with pytest.raises(SpecError, match="values of eta n are above 0"):
        sweep(model, "last", [0.0, 1.0])
    with pytest.raises(SpecError, match="'nowhere' is not a phase"):
        sweep(model, "nowhere")
    with pytest.raises(SpecError, match="no phase with selections"):
        sweep(replace(model, phases=()))


def test_moments_of_the_start_and_now() -> None:
    own = course(several_phases(SEEDS[0]))
    torch.testing.assert_close(own.shares("start"), own.shares(Moment(-1)))
