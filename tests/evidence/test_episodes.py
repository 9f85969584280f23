"""Rows under a motivation: what is observed, in which situation, with which noise, in which block."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import special, stats

import bsm
from bsm.evidence.episodes import Episodes
from bsm.inference.hypotheses import Hypotheses
from bsm.inference.posterior import fit
from bsm.motives.compile import Behaviour
from bsm.motives.theta import central
from bsm.spec.model import SpecError
from tests.inference.examples import at_centre, ledger, log_likelihood, small, training


def policy(model, name, context):
    return Behaviour(model).log_policy(name, central(model)).exp()[0, "uv".index(context)].numpy()


def test_a_row_is_the_chance_of_its_event_in_its_context():
    model = small()
    rows = [
        {"k": 3, "n": 10, "c": "v"},
        {"k": 2, "n": 9, "observation": "slipped", "rho": 0.1},
        {"k": 5, "n": 12, "observation": "noticed", "fpr": 0.05, "fnr": 0.2, "variant": "b"},
    ]
    found = log_likelihood(model, ledger(model, *rows))
    for m in model.motivations:
        v, u = policy(model, m, "v"), policy(model, m, "u")
        noticed = u @ [0.1, 0.5, 0.8]
        size = 0.9 / 0.1
        wanted = (
            stats.binom.logpmf(3, 10, v[1])
            + stats.betabinom.logpmf(2, 9, u[2] * size, (1 - u[2]) * size)
            + stats.binom.logpmf(5, 12, 0.8 * noticed + 0.05 * (1 - noticed))
        )
        assert found[m] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("judge", [(0.0, 0.0), (0.1, 0.3)])
@pytest.mark.parametrize(("k", "n", "second"), [(2, 3, 1), (0, 2, 1), (3, 3, 2)])
def test_a_second_count_is_every_table_of_episodes(k, n, second, judge):
    """The first count is the judge's; the second is not judged."""
    model = small()
    fpr, fnr = judge
    row = {"k": k, "n": n, "fpr": fpr, "fnr": fnr, "second_observation": "noticed", "second_k": second}
    found = log_likelihood(model, ledger(model, row))
    for m in model.motivations:
        pi = policy(model, m, "u")
        cell = dict.fromkeys(product((0, 1), repeat=2), 0.0)
        for a, z, report in product(range(3), (0, 1), (0, 1)):
            p_z = (0.1, 0.5, 0.8)[a]
            p_report = 1 - fnr if a == 1 else fpr
            cell[report, z] += pi[a] * (p_z if z else 1 - p_z) * (p_report if report else 1 - p_report)
        total = sum(
            math.prod(cell[c] for c in cells)
            for cells in product(cell, repeat=n)
            if sum(c[0] for c in cells) == k and sum(c[1] for c in cells) == second
        )
        assert found[m] == pytest.approx(math.log(total), abs=1e-10)


def test_two_contexts_of_a_variant_share_its_shift():
    model = small(VARIANT="variant_sd: {value: 0.7, opinion of: us}")
    rows = [{"k": 10, "n": 40, "c": "u", "variant": "a"}, {"k": 30, "n": 40, "c": "v", "variant": "a"}]
    found = log_likelihood(model, ledger(model, *rows))
    u = np.linspace(-7, 7, 20_001)
    for m in model.motivations:
        values = stats.norm.logpdf(u, 0, 0.7)
        for row in rows:
            p = special.expit(special.logit(policy(model, m, row["c"])[1]) + u)
            values = values + stats.binom.logpmf(row["k"], row["n"], p)
        assert found[m] == pytest.approx(special.logsumexp(values) + math.log(u[1] - u[0]), abs=1e-3)


def test_equal_variants_of_two_sources_or_settings_do_not_share_a_shift():
    model = small(VARIANT="variant_sd: {value: 0.7, opinion of: us}")
    one = {"k": 10, "n": 40, "variant": "a"}
    for other in ({"source_id": "y"}, {"setting": "t"}):
        both = log_likelihood(model, ledger(model, one, {**one, **other}))
        alone = log_likelihood(model, ledger(model, one))
        for m in model.motivations:
            assert both[m] == pytest.approx(2 * alone[m], abs=1e-9)


def test_a_stated_n_eff_stands_for_trials():
    model = small()
    found = log_likelihood(model, ledger(model, {"rate": 0.25, "n_eff": 20, "rho": ""}))
    for m in model.motivations:
        p = policy(model, m, "u")[1]
        wanted = special.xlogy(5, p) + special.xlog1py(15, -p) + math.log(math.comb(20, 5))
        assert found[m] == pytest.approx(wanted, abs=1e-9)


WORTH = "{worth: {value: 4 to 100, support: positive, used by: ledger, opinion of: us}}"


@pytest.mark.parametrize(("worth", "scale", "n"), [(80, 1.0, 80), (80, 0.5, 40), (8, 1.0, 8), (20, 1.0, 20)])
def test_a_stated_n_eff_held_elsewhere_is_the_trials_at_that_number(worth, scale, n):
    """The ledger is read at the median, 20; a model that holds the parameter elsewhere reads the same rows anew."""
    model = small(PARAMETERS=WORTH)
    rows = ledger(model, {"rate": 0.25, "n_eff": "$worth", "rho": ""})
    assert rows.rows[0].n == pytest.approx(20)
    held = model.with_parameters({"worth": worth})
    found = log_likelihood(held, rows.select(scale=scale))
    for m in model.motivations:
        p = policy(model, m, "u")[1]
        choose = special.gammaln(n + 1) - special.gammaln(n / 4 + 1) - special.gammaln(0.75 * n + 1)
        assert found[m] == pytest.approx(choose + n / 4 * math.log(p) + 0.75 * n * math.log1p(-p), abs=1e-8)


def test_rows_read_while_their_n_eff_is_held_are_worth_that_many():
    model = small(PARAMETERS=WORTH)
    row = {"rate": 0.25, "n_eff": "$worth", "rho": ""}
    held = model.with_parameters({"worth": 80})
    assert log_likelihood(held, ledger(held, row)) == pytest.approx(log_likelihood(held, ledger(model, row)), abs=1e-7)


def test_a_stated_n_eff_below_n_implies_a_correlation():
    model = small()
    stated = log_likelihood(model, ledger(model, {"k": 10, "n": 40, "n_eff": 10, "rho": ""}))
    rho = (40 / 10 - 1) / 39
    as_rho = log_likelihood(model, ledger(model, {"k": 10, "n": 40, "rho": rho}))
    for m in stated:
        assert stated[m] == pytest.approx(as_rho[m], abs=1e-6)


def test_an_interval_is_worth_its_trials():
    """r = 0.3 with a 95 % interval of half-width 0.1: n = r (1 - r) / se^2, real-valued."""
    model = small()
    row = {"rate": 0.3, "ci_low": 0.2, "ci_high": 0.38, "level": 0.95}
    found = log_likelihood(model, ledger(model, row))
    n = 0.21 / (0.1 / 1.959963984540054) ** 2
    k = 0.3 * n
    for m in model.motivations:
        p = policy(model, m, "u")[1]
        choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        assert found[m] == pytest.approx(choose + k * math.log(p) + (n - k) * math.log1p(-p), abs=1e-8)


# --- which rows -----------------------------------------------------------------------------------------------


def test_subjects_are_never_pooled():
    model = small()
    rows = [{"k": 9, "n": 10}, {"k": 1, "n": 10, "subject": "other"}]
    both = ledger(model, *rows)
    with pytest.raises(SpecError, match="never pooled"):
        Episodes(model, both)
    together = bsm.posterior(model, both).motivations
    for subject in ("ai", "other"):
        alone = bsm.posterior(model, both, subjects=(subject,)).motivations
        own = fit(model, both.for_subject(subject)).probabilities
        np.testing.assert_array_equal(together.sel(subject=subject), alone.sel(subject=subject))
        np.testing.assert_array_equal(together.sel(subject=subject), own)
    assert abs(float(together.sel(subject="ai", motivation="m") - together.sel(subject="other", motivation="m"))) > 0.1


def test_excluded_rows_never_enter():
    """A rate of 0 without an interval, and a rate with neither n nor interval, are listed and do not count."""
    model = small()
    kept = {"k": 3, "n": 10}
    plain = ledger(model, kept)
    more = ledger(model, kept, {"rate": 0, "c": "v"}, {"rate": 0.4, "c": "v", "variant": "b"})
    assert [e.id for e in more.excluded] == ["r1", "r2"]
    assert all(e.reason for e in more.excluded)
    np.testing.assert_array_equal(fit(model, more).probabilities, fit(model, plain).probabilities)


# --- steps of selection -----------------------------------------------------------------------------------------


def test_more_steps_than_selections_is_an_error_at_its_line():
    for selections in ("2", "$often"):
        parameters = "{often: {value: 2, support: positive, opinion of: us}}"
        model = small(PHASES=training(selections), PARAMETERS=parameters if selections == "$often" else "{}")
        row = {"k": 1, "n": 3, "phase": "tr", "steps": 3}
        with pytest.raises(SpecError, match=r"line 2.*3 steps.*2 selections"):
            fit(model, ledger(model, row))


TWO = """[{name: tr, selections: 2, eta: 1, opinion of: us},
  {name: su, selections: 2, eta: 1, selected: {r: yes}, opinion of: us}]"""


def test_steps_are_counted_phase_by_phase():
    model = small(PHASES=TWO)
    rows = [{"k": 1, "n": 2, "phase": phase, "steps": 2} for phase in ("tr", "su")]
    assert Episodes(model, ledger(model, *rows)).steps_of == {"tr": 2, "su": 2}
    with pytest.raises(SpecError, match=r"line 4 .* 3 steps of phase su, which has only 2 selections"):
        Episodes(model, ledger(model, *rows, {"k": 0, "n": 1, "c": "v", "phase": "su"}))


def test_what_was_seen_in_a_phase_and_not_selected_on_is_an_ordinary_row():
    model = small(PHASES=TWO)
    rows = [{"k": 3, "n": 10}, {"k": 4, "n": 9, "c": "v", "observation": "noticed"}]
    seen = [{**row, "phase": "su", "step": 1, "steps": 0} for row in rows]
    assert not Episodes(model, ledger(model, *seen)).inside.any()
    assert log_likelihood(model, ledger(model, *seen)) == log_likelihood(model, ledger(model, *rows))


def test_a_row_was_selected_on_what_its_phase_selects():
    """P(row, selected) once for each step: the reward r in phase su, influence in phase tr."""
    model = small(PHASES=TWO)
    reward = np.array([0.1, 0.7, 0.3])  # P(r = yes | action, c = u)
    for phase, chosen in (("su", reward), ("tr", reward * 0.8 + (1 - reward) * [0.1, 0.1, 0.01])):
        found = log_likelihood(model, ledger(model, {"k": 2, "n": 2, "phase": phase, "steps": 2}))
        for m in model.motivations:
            assert found[m] == pytest.approx(2 * np.log(policy(model, m, "u")[1] * chosen[1]), abs=1e-9)
        free = 2 * np.log(chosen[1]) + np.log(1 / 6)  # E q^2 = 1/6 for one of three under Dirichlet(1, 1, 1)
        assert found["none_of_these"] == pytest.approx(free, abs=1e-3)
    both = ledger(model, {"k": 1, "n": 1, "phase": "su"}, {"k": 1, "n": 1, "phase": "tr", "variant": "b"})
    free = np.log(0.7) + np.log(0.7 * 0.8 + 0.3 * 0.1) + np.log(1 / 6)
    assert log_likelihood(model, both)["none_of_these"] == pytest.approx(free, abs=1e-3)


def test_lengths_below_the_observed_steps_have_no_weight():
    """n is log-normal around 4 and five steps were seen: what remains is n above five."""
    model = small(PHASES=training("2 to 8"))
    found = fit(model, ledger(model, {"k": 2, "n": 5, "phase": "tr", "steps": 5}), draws=3000)
    name = next(n for n in found.parameters if "selections" in n)
    assert found.parameters[name].min() >= 5
    assert torch.isfinite(found.probabilities).all()


def test_blocks_add_up_to_all_rows():
    model = small(VARIANT="variant_sd: {value: 0.7, opinion of: us}")
    rows = [
        {"k": 3, "n": 10, "setting": "s", "second_observation": "noticed", "second_k": 4},
        {"k": 5, "n": 9, "setting": "t", "c": "v"},
        {"k": 1, "n": 7, "setting": "s", "c": "v", "variant": "b"},
    ]
    h = Hypotheses(model, ledger(model, *rows))
    assert h.blocks == ("s", "t", "noticed, given acted")
    theta = at_centre(h)
    for m in model.motivations:
        by_block = h.episodes.log_by_block(h.rates(m, theta), theta)[0]
        alone = log_likelihood(model, ledger(model, rows[1]))[m]
        assert float(by_block[1]) == pytest.approx(alone, abs=1e-9)
        assert float(by_block.sum()) == pytest.approx(log_likelihood(model, ledger(model, *rows))[m], abs=1e-12)


def test_a_variant_may_not_lie_in_two_blocks():
    model = small(VARIANT="variant_sd: {value: 0.7, opinion of: us}")
    frame = [
        {"k": 3, "n": 10, "variant": "a", "block": "one"},
        {"k": 3, "n": 10, "variant": "a", "block": "two", "c": "v"},
    ]
    with pytest.raises(SpecError, match=r"line 3.*one block"):
        Episodes(model, ledger(model, *frame))
    assert isinstance(ledger(model, frame[0]).frame, pd.DataFrame)
