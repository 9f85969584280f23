"""Laws of the exact engine, on random networks: what may not matter does not, and doing is not seeing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsm.engine import Answer, compile, conditional
from bsm.network.surgery import free, intervene
from bsm.network.tables import Network, Table, Variable
from tests.graphs import Case, cases, networks

LAW = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


def ancestors(network: Network, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [*network.tables[name].parents]
    while waiting:
        parent = waiting.pop()
        if parent not in found:
            found.add(parent)
            waiting += network.tables[parent].parents
    return found


def asked(network: Network, target: str | tuple[str, ...], rows: list | None = None) -> Answer:
    """Rows that may see every variable; one blank row where none is given."""
    return compile(network, target, list(network.variables)).drawn(rows or [{}], on_impossible="mask")


def joint(network: Network, target: tuple[str, ...], rows: list) -> torch.Tensor:
    """P(target, evidence) [draw, row, *target]."""
    p, log_evidence = asked(network, target, rows)
    return p * log_evidence.exp().reshape(*log_evidence.shape, *[1] * len(target))


def marginals(network: Network, row: dict[str, str] | None = None) -> dict[str, torch.Tensor]:
    """P(variable | row) of every variable."""
    return compile(network, (), list(row or {})).marginals([row or {}])


@LAW
@given(networks())
def test_a_blank_case_returns_the_prior(network: Network):
    for name in network.variables:
        prior, log_one = compile(network, name).drawn([{}])
        blank, log_blank = asked(network, name, [{}, dict.fromkeys(network.variables)])
        close(blank, prior.expand_as(blank))
        close(log_one, torch.zeros(1, 1, dtype=torch.float64))
        close(log_blank, torch.zeros(1, 2, dtype=torch.float64))


@LAW
@given(cases(), st.randoms(use_true_random=False))
def test_reordering_states_parents_listing_and_rows_changes_only_the_order(case: Case, random):
    network, row = case.network, case.rows[0]
    states = {n: random.sample(range(len(v.states)), len(v.states)) for n, v in network.variables.items()}
    variables = {n: Variable(n, tuple(v.states[i] for i in states[n])) for n, v in network.variables.items()}
    tables = {}
    for name in random.sample(list(network.tables), len(network.tables)):
        table = network.tables[name]
        parents = random.sample(table.parents, len(table.parents))
        values = table.values
        for axis, a in enumerate(table.axes, start=1):
            values = values.index_select(axis, torch.tensor(states[a]))
        order = [0, *(1 + table.parents.index(p) for p in parents), values.ndim - 1]
        tables[name] = Table(name, tuple(parents), values.permute(order))
    other = Network({n: variables[n] for n in tables}, tables)
    rows = [row, {}, row]
    values = joint(network, case.target, rows)
    for axis, name in enumerate(case.target, start=2):
        values = values.index_select(axis, torch.tensor(states[name]))
    values = values.permute(0, 1, *reversed(range(2, values.ndim)))
    close(joint(other, tuple(reversed(case.target)), rows[::-1]), values.flip(1))


@LAW
@given(networks())
def test_intervening_on_a_root_equals_observing_it(network: Network):
    for root in (n for n, t in network.tables.items() if not t.parents):
        codes = network.tables[root].values[0].nonzero().flatten().tolist()
        for state in (network.variables[root].states[c] for c in codes):
            done, seen = marginals(intervene(network, {root: state})), marginals(network, {root: state})
            for name in network.variables:
                close(done[name], seen[name])


@LAW
@given(networks())
def test_intervening_on_an_effect_leaves_its_causes_alone(network: Network):
    """And everything else that is not its descendant."""
    prior = marginals(network)
    for name, variable in network.variables.items():
        changed = marginals(intervene(network, {name: variable.states[-1]}))
        for other in network.variables:
            if other != name and name not in ancestors(network, other):
                close(changed[other], prior[other])


@LAW
@given(cases())
def test_conditioning_on_freed_variables_equals_intervening(case: Case):
    network, row = case.network, case.rows[0]
    freed, changed = free(network, case.do), intervene(network, case.do)
    seen = asked(freed, case.target, [{**row, **case.do}]).probabilities
    close(seen, asked(changed, case.target, [row]).probabilities)


@LAW
@given(cases())
def test_a_joint_is_a_product_of_conditionals_and_sums_to_its_margins(case: Case):
    network, rows = case.network, list(case.rows[:1])
    if not bool(torch.isfinite(asked(network, (), rows).log_evidence).all()):
        rows = [{}]  # possible under do() only
    first, *others = case.target
    both = asked(network, case.target, rows).probabilities
    close(both.flatten(3).sum(-1) if others else both, asked(network, first, rows).probabilities)
    if others:
        prior = asked(network, first).probabilities[:, 0]
        table = conditional(network, others, first, impossible="nan").nan_to_num(0.0)
        close(prior.unsqueeze(-1) * table, asked(network, case.target).probabilities[:, 0])


@LAW
@given(networks(), st.integers(0, 2**32 - 1))
def test_draws_that_are_alike_answer_alike(network: Network, seed: int):
    names = list(network.variables)
    some = np.random.default_rng(seed).choice(names)
    repeated = replace(
        network,
        tables={
            n: replace(t, values=t.values.expand(3, *t.values.shape[1:])) if n == some else t
            for n, t in network.tables.items()
        },
    )
    close(asked(repeated, names[0]).probabilities, asked(network, names[0]).probabilities.expand(3, 1, -1))
