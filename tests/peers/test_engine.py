"""The exact engine against counting worlds and against pgmpy, on random networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings

from bsm.engine import Answer, ImpossibleEvidence, compile
from bsm.network.bridge import to_pgmpy, without_known_warning
from bsm.network.surgery import intervene
from bsm.network.tables import Network, Table, Variable
from tests.graphs import SHAPES, Case, Seen, cases, counted, network_of

Intervene = Callable[[Network, Mapping[str, str]], Network]

EXAMPLES = 750
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    phases=[Phase.generate],  # a counterexample is printed as drawn: shrinking hundreds of networks is slow
)


def by_pgmpy(case: Case, row: Mapping[str, Seen]) -> np.ndarray:
    """P(target | row, do) by pgmpy: `model.do`, then variable elimination with the values set as evidence."""
    with without_known_warning():
        from pgmpy.factors.discrete import TabularCPD
        from pgmpy.inference import VariableElimination

    network = case.network
    model = to_pgmpy(network)
    if case.do:
        model = model.do(list(case.do))
        for name in case.do:  # pgmpy averages the parents out, which may give the value probability zero
            states = list(network.variables[name].states)
            uniform = [[1 / len(states)]] * len(states)
            model.remove_cpds(name)
            model.add_cpds(TabularCPD(name, len(states), uniform, state_names={name: states}))
    hard = {n: s for n, s in row.items() if isinstance(s, str)} | dict(case.do)
    soft = []
    for name, likelihood in row.items():
        if not isinstance(likelihood, str):
            states = list(network.variables[name].states)
            column = [[likelihood[s]] for s in states]
            soft.append(TabularCPD(name, len(states), column, state_names={name: states}))
    peer = VariableElimination(model)  # a query with virtual evidence changes it: one each
    with np.errstate(invalid="ignore", divide="ignore"):
        found = peer.query(list(case.target), evidence=hard, virtual_evidence=soft or None, show_progress=False)
    order = [found.variables.index(name) for name in case.target]
    assert all(tuple(found.state_names[n]) == network.variables[n].states for n in case.target)
    return np.asarray(found.values).transpose(order)


def answered(case: Case, network: Network, rows: list[dict[str, Seen]], on_impossible: str) -> Answer:
    """The engine asked about these rows, which may see every variable."""
    return compile(network, case.target, list(network.variables)).drawn(rows, on_impossible=on_impossible)


def check(case: Case, intervene: Intervene, peer: bool = True) -> None:
    """The engine on `intervene`'s network says what counting worlds under do() says, and what pgmpy says.

    The values set are also given as evidence, which changes nothing if they were set and not merely seen.
    """
    changed = intervene(case.network, case.do)
    expected = [counted(case.network, case.target, row, case.do) for row in case.rows]
    rows = [{**row, **case.do} for row in case.rows]
    masked = answered(case, changed, rows, "mask")
    scale = masked.log_evidence.exp().reshape(1, -1, *[1] * len(case.target))
    np.testing.assert_allclose((masked.probabilities * scale)[0].numpy(), expected, atol=1e-10)
    for number, counts in enumerate(expected):
        if counts.sum() == 0:
            with pytest.raises(ImpossibleEvidence):
                answered(case, changed, rows[number : number + 1], "raise")
        else:
            ours, log_evidence = answered(case, changed, rows[number : number + 1], "raise")
            np.testing.assert_allclose(ours[0, 0].numpy(), counts / counts.sum(), atol=1e-10)
            np.testing.assert_allclose(log_evidence.item(), np.log(counts.sum()), atol=1e-10)
    if peer:
        for row, counts in zip(case.rows, expected, strict=True):
            if counts.sum() > 0:
                np.testing.assert_allclose(by_pgmpy(case, row), counts / counts.sum(), atol=1e-10)


def features(case: Case) -> list[str]:
    """What this case exercises, to be sure that the sample covers what it should."""
    above = {name: set(case.network.tables[name].parents) for name in case.network.variables}
    for name in case.network.order:
        above[name] = above[name].union(*(above[p] for p in above[name]))
    effects = {a for name in case.do for a in above[name]}
    tables = [t.values for t in case.network.tables.values()]
    downstream = {n for n in case.rows[0] for name in case.do if name in above[n]}
    kinds = {"hard" if isinstance(s, str) else "soft" for s in case.rows[0].values()}
    return [
        f"do of {len(case.do)}",
        f"{len(case.network.variables)} nodes",
        *kinds,
        *(["cause given do(effect)"] if effects & set(case.target) - set(case.do) else []),
        *(["evidence downstream of do"] if downstream else []),
        *(["zeros"] if any(bool((t == 0).any()) for t in tables) else []),
        *(["deterministic"] if any(bool((t == 1).any()) for t in tables) else []),
        *(["impossible"] if counted(case.network, (), case.rows[1], case.do) == 0 else []),
    ]


def fingerprint(network: Network) -> tuple[object, ...]:
    return tuple((n, t.parents, tuple(t.values.flatten().tolist())) for n, t in network.tables.items())


def test_engine_equals_counting_worlds_and_pgmpy():
    """Over 500 different networks, with hard, soft and missing evidence and do() of up to three nodes."""
    different, covered = set(), Counter()

    @MANY
    @given(cases())
    def agree(case: Case) -> None:
        different.add(fingerprint(case.network))
        covered.update(features(case))
        check(case, intervene)

    agree()
    assert len(different) >= 500
    least = ["do of 1", "do of 2", "do of 3", "cause given do(effect)", "evidence downstream of do"]
    least += ["hard", "soft", "zeros", "deterministic", "2 nodes", "10 nodes", "impossible"]
    assert all(covered[feature] >= 20 for feature in least), covered


def seen_not_done(network: Network, settings: Mapping[str, str]) -> Network:
    """The planted bug: nothing is set, so `check` merely observes the values."""
    return network


@pytest.mark.parametrize(("implementation", "sound"), [(intervene, True), (seen_not_done, False)])
def test_the_check_catches_do_treated_as_observe(implementation: Intervene, sound: bool):
    @settings(MANY, max_examples=60)
    @given(cases())
    def agree(case: Case) -> None:
        check(case, implementation, peer=False)

    if sound:
        agree()
    else:
        with pytest.raises(AssertionError):
            agree()


@pytest.mark.parametrize("edges", SHAPES.values(), ids=SHAPES)
def test_every_pair_of_do_and_evidence_on_small_shapes(edges):
    network = network_of(edges, np.random.default_rng(7))
    for done in network.variables.values():
        do = {done.name: done.states[1]}
        for seen in (v for v in network.variables.values() if v is not done):
            for target in (n for n in network.variables if n not in (done.name, seen.name)):
                check(Case(network, do, [{seen.name: seen.states[0]}], (target,)), intervene)


def test_impossible_evidence_is_an_error_where_pgmpy_says_nan():
    certain = Table("cause", (), torch.tensor([[1.0, 0.0]], dtype=torch.float64))
    noisy = Table("effect", ("cause",), torch.tensor([[[0.0, 1.0], [0.5, 0.5]]], dtype=torch.float64))
    variables = {n: Variable(n, ("no", "yes")) for n in ("cause", "effect")}
    network = Network(variables, {"cause": certain, "effect": noisy})
    row = {"effect": "no"}
    assert np.isnan(by_pgmpy(Case(network, {}, [row], ("cause",)), row)).all()
    with pytest.raises(ImpossibleEvidence, match="effect = no cannot happen"):
        compile(network, "cause", ["effect"])([row])


def test_cause_given_do_of_its_effect_and_evidence_downstream():
    """Sprinkler: turning it on says nothing of the clouds; wet grass then says a little of rain.

    pgmpy's own `CausalInference.query(do=, evidence=)` answers 0.961 where rain makes the grass wet 0.990.
    """

    def table(child: str, parents: tuple[str, ...], yes: list) -> Table:
        p = torch.tensor(yes, dtype=torch.float64)
        return Table(child, parents, torch.stack([1 - p, p], -1).unsqueeze(0))

    names = ("cloudy", "sprinkler", "rain", "wet")
    network = Network(
        {n: Variable(n, ("no", "yes")) for n in names},
        {
            "cloudy": table("cloudy", (), 0.5),
            "sprinkler": table("sprinkler", ("cloudy",), [0.5, 0.1]),
            "rain": table("rain", ("cloudy",), [0.2, 0.8]),
            "wet": table("wet", ("sprinkler", "rain"), [[0.0, 0.9], [0.9, 0.99]]),
        },
    )
    on = intervene(network, {"sprinkler": "yes"})

    def yes(of: Network, target: str, row: dict[str, str]) -> float:
        return compile(of, target, list(row))([row]).probabilities[0, 1].item()

    assert yes(on, "wet", {"rain": "yes"}) == pytest.approx(0.99)
    assert yes(on, "cloudy", {}) == pytest.approx(0.5)
    assert yes(network, "cloudy", {"sprinkler": "yes"}) == pytest.approx(0.1 / 0.6)
    assert yes(on, "rain", {"wet": "yes"}) == pytest.approx(0.5 * 0.99 / (0.5 * 0.99 + 0.5 * 0.9))
