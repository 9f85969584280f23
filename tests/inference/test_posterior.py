"""The posterior against sums over grids of parameters, its decomposition, and what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import special, stats

import bsm
from bsm.engine import ImpossibleEvidence
from bsm.evidence.ledger import Evidence
from bsm.inference.fits import TooFewEffective
from bsm.inference.hypotheses import Hypotheses
from bsm.inference.posterior import fit
from bsm.inference.result import Result
from tests.inference.examples import ledger, log_likelihood, small, training

LOGIT = "{logistic: {intercept: $w, terms: []}}"
TWO_ACTIONS = """
name: two
parameters: {PARAMETERS}
nodes:
  c: {role: context, states: [u, v], default: u, p: 0.5, source: s}
  a: {role: action, states: [x, y], parents: [c], base: {logistic: {intercept: W, terms: []}}, source: s}
  r: {role: selection, parents: [a], source: s, table: [{when: {a: x}, p: 0.1}, {otherwise: 0.3}]}
  i: {role: influence, parents: [r], source: s, table: [{when: {r: no}, p: 0.1}, {otherwise: 0.2}]}
motivations:
  m: {seeks: r, strength: B, opinion of: us}
  n: {seeks: {target: r, weight: -1}, strength: B, opinion of: us}
prior: {none_of_these: 0.2, opinion of: us, terms: []}
phases: PHASES
support: all
observations: {acted: {event: {a: [y]}}}
"""
WIDE = {
    "w": "{value: {normal: [0, SD]}, opinion of: us}",
    "b": '{value: "0.2 to 20", support: positive, opinion of: us}',
}
B_MEAN = (math.log(0.2) + math.log(20)) / 2
B_SD = (math.log(20) - math.log(0.2)) / 2 / stats.norm.ppf(0.95)


def two(uncertain: str = "", sd: float = 1.0, phases: str = "[]") -> bsm.Model:
    """Two actions; `uncertain` names what has a prior: the base policy's logit w, the strength b, or both."""
    from tests.inference.examples import from_text

    parameters = ", ".join(f"{n}: {WIDE[n].replace('SD', str(sd))}" for n in uncertain)
    text = TWO_ACTIONS.replace("PARAMETERS", parameters).replace("PHASES", phases)
    text = text.replace("intercept: W", "intercept: $w" if "w" in uncertain else "intercept: 0.4")
    return from_text(text.replace("strength: B", "strength: $b" if "b" in uncertain else "strength: 2"))


ROWS = [{"k": 7, "n": 10, "c": "u"}, {"k": 12, "n": 20, "c": "v", "rho": 0.05}]


def by_grid(uncertain: str, sd: float = 1.0, rows=ROWS) -> np.ndarray:
    """Credence x marginal likelihood of m, n and none_of_these, log, by a grid over the parameters."""
    w = np.linspace(-8 * sd, 8 * sd, 1601) if "w" in uncertain else np.array([0.4])
    b = np.exp(np.linspace(B_MEAN - 6 * B_SD, B_MEAN + 6 * B_SD, 801)) if "b" in uncertain else np.array([2.0])
    log_w = stats.norm.logpdf(w, 0, sd) + math.log(w[1] - w[0]) if "w" in uncertain else np.zeros(1)
    log_b = stats.norm.logpdf(np.log(b), B_MEAN, B_SD) + math.log(12 * B_SD / 800) if "b" in uncertain else np.zeros(1)
    found = []
    for sign in (1, -1):
        p = special.expit(w[:, None] + sign * b[None])
        total = log_w[:, None] + log_b[None] + math.log(0.4)
        found.append(special.logsumexp(total + sum(_logpmf(r, p) for r in rows)))
    free = sum(_free(r) for r in rows) + math.log(0.2)
    return np.array([*found, free])


def _logpmf(row, p):
    k, n, rho = row["k"], row["n"], row.get("rho", 0)
    if rho == 0:
        return special.xlogy(k, p) + special.xlog1py(n - k, -p) + math.log(math.comb(n, k))
    size = (1 - rho) / rho
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return (
        special.betaln(k + p * size, n - k + (1 - p) * size)
        - special.betaln(p * size, (1 - p) * size)
        + math.log(math.comb(n, k))
    )


def _free(row):
    p = (np.arange(20_000) + 0.5) / 20_000
    return special.logsumexp(_logpmf(row, p)) - math.log(20_000)


@pytest.mark.parametrize("uncertain", ["", "w", "b", "wb"])
def test_importance_sampling_is_the_sum_over_a_grid(uncertain):
    model = two(uncertain)
    found = fit(model, ledger(model, *ROWS), draws=2000)
    wanted = by_grid(uncertain)
    np.testing.assert_allclose(found.log_evidence + found.offset, wanted, atol=1e-3 if not uncertain else 0.06)
    np.testing.assert_allclose(found.probabilities, special.softmax(wanted), atol=0.02)
    assert bool((found.effective >= 200).all()) or not uncertain


@pytest.mark.parametrize("sd", [3, 10, 20])
def test_wide_priors_are_covered(sd):
    """A flat likelihood beyond some logit: the proposal must be as wide as the prior there."""
    rows = [{"k": 4, "n": 4}]
    model = two("wb", sd)
    found = fit(model, ledger(model, *rows), draws=2000)
    np.testing.assert_allclose(found.log_evidence + found.offset, by_grid("wb", sd, rows), atol=0.06)


def test_prior_selection_and_blocks_add_up_to_the_posterior():
    model = small(PHASES=training("2 to 40"), VARIANT="variant_sd: {value: 0.4, opinion of: us}")
    rows = [
        {"k": 3, "n": 10, "setting": "s", "second_observation": "noticed", "second_k": 4},
        {"k": 5, "n": 9, "setting": "t", "c": "v", "rho": 0.03},
        {"k": 1, "n": 2, "setting": "w", "c": "v", "phase": "tr", "steps": 1},
    ]
    result = bsm.posterior(model, ledger(model, *rows))
    reference = result.about.get("reference", "m")
    log_p = np.log(result.motivations.sel(subject="ai"))
    odds = log_p - log_p.sel(motivation=reference)
    parts = result.decomposition("ai")
    assert [str(s) for s in parts[parts.dims[0] if parts.dims[0] != "motivation" else parts.dims[1]].values][:2] == [
        "prior",
        "selection",
    ]
    total = parts.sum([d for d in parts.dims if d != "motivation"])
    np.testing.assert_allclose(total, odds, atol=1e-9)


def test_the_blocks_of_exact_models_are_their_log_likelihoods():
    model = small()
    rows = [{"k": 3, "n": 10, "setting": "s"}, {"k": 5, "n": 9, "setting": "t", "c": "v"}]
    found = fit(model, ledger(model, *rows))
    for j, row in enumerate(rows):
        alone = log_likelihood(model, ledger(model, row))
        added = (found.path[2 + j] - found.path[1 + j]).numpy()
        np.testing.assert_allclose(added - added[0], [alone[m] - alone["m"] for m in found.names], atol=1e-4)


def test_draws_average_to_the_posterior():
    """The mean of P(m | rows, parameters) over pooled draws is P(m | rows), within Monte Carlo error."""
    for seed, rows in enumerate(([{"k": 7, "n": 10}], [{"k": 3, "n": 4}], ROWS)):
        model = two("wb")
        found = fit(model, ledger(model, *rows), draws=2000, seed=seed)
        error = found.conditional.std(0) / math.sqrt(len(found.conditional))
        gap = (found.conditional.mean(0) - found.probabilities).abs()
        assert bool((gap < 4 * error + 0.005).all()), (gap, error)


# --- what may change nothing ------------------------------------------------------------------------------------


def changed_order(model: bsm.Model, seed: int = 0) -> bsm.Model:
    rng = np.random.default_rng(seed)

    def mixed(mapping):
        keys = list(mapping)
        return {keys[i]: mapping[keys[i]] for i in rng.permutation(len(keys))}

    return replace(model, motivations=mixed(model.motivations), nodes=mixed(model.nodes))


def test_order_of_rows_motivations_and_nodes_changes_nothing():
    model = small(PHASES=training(3), VARIANT="variant_sd: {value: 0.4, opinion of: us}")
    rows = [
        {"id": "one", "k": 3, "n": 10, "rho": 0.02},
        {"id": "two", "k": 5, "n": 9, "c": "v"},
        {"id": "three", "k": 2, "n": 8, "c": "v", "variant": "b"},
    ]
    plain = fit(model, ledger(model, *rows))
    for other, order in (
        (changed_order(model), rows),
        (model, rows[::-1]),
        (changed_order(model, 3), rows[1:] + rows[:1]),
    ):
        found = fit(other, ledger(other, *order))
        for m in plain.names:
            assert found.probability(m) == pytest.approx(plain.probability(m), abs=1e-9)


def test_a_constant_added_to_every_prior_term_changes_nothing():
    model = small()
    term = model.prior.terms[0]
    moved = replace(term, amounts={m: a + 5 for m, a in term.amounts.items()})
    other = replace(model, prior=replace(model.prior, terms=(moved,)))
    rows = [{"k": 3, "n": 10}]
    a, b = fit(model, ledger(model, *rows)), fit(other, ledger(other, *rows))
    np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-12)


def test_same_seed_same_numbers():
    model = two("wb")
    evidence = ledger(model, *ROWS)
    a, b = bsm.posterior(model, evidence, seed=3), bsm.posterior(model, evidence, seed=3)
    assert a.tree.identical(b.tree)
    assert not a.tree["posterior"].identical(bsm.posterior(model, evidence, seed=4).tree["posterior"])


@pytest.mark.slow
def test_workers_change_nothing():
    model = two("wb")
    evidence = ledger(model, *ROWS, {"k": 3, "n": 9, "subject": "other"})
    one, two_ = bsm.posterior(model, evidence, workers=1), bsm.posterior(model, evidence, workers=2)
    assert one.tree.identical(two_.tree)


def test_zero_mass_for_none_of_these_is_allowed():
    model = small(NONE="0")
    found = bsm.posterior(model, ledger(model, {"k": 3, "n": 10}))
    assert float(found.motivations.sel(motivation="none_of_these")[0]) == 0
    assert float(found.motivations.sum()) == pytest.approx(1, abs=1e-12)
    json.dumps(found.about, allow_nan=False)


# --- refusals ---------------------------------------------------------------------------------------------------


def test_impossible_evidence_names_the_line():
    model = small(BASE="{table: [{otherwise: {x: 0.6, y: 0.4, z: 0}}]}")
    rows = [{"k": 3, "n": 10}, {"k": 1, "n": 5, "observation": "slipped", "variant": "b"}]
    with pytest.raises(ImpossibleEvidence, match=r"line 3 \(r1\).*slipped.*1 of 5"):
        bsm.posterior(model, ledger(model, *rows))


def test_impossible_evidence_is_possible_with_a_judge_who_errs():
    model = small(BASE="{table: [{otherwise: {x: 0.6, y: 0.4, z: 0}}]}")
    row = {"k": 1, "n": 5, "observation": "slipped", "fpr": 0.05}
    assert float(bsm.posterior(model, ledger(model, row)).motivations.sum()) == pytest.approx(1)


def test_too_few_effective_draws_are_refused(monkeypatch):
    """A planted proposal far too wide: the weight lies on a few draws, and no answer is given."""
    from bsm.inference import importance, sampling

    def wide(target, mode, widest, step=1e-3):
        return 30 * importance.curvature(target, mode, widest, step)

    monkeypatch.setattr(sampling, "curvature", wide)
    monkeypatch.setattr(sampling, "refined", lambda found, proposal: proposal)
    model = two("wb", 5)
    far = [{"k": 4, "n": 4}]
    with pytest.raises(TooFewEffective, match="effective draws"):
        fit(model, ledger(model, *far), draws=200)


# --- results ------------------------------------------------------------------------------------------------------


def test_a_result_is_saved_and_read_back(tmp_path):
    model = two("wb")
    result = bsm.posterior(model, ledger(model, *ROWS))
    path = result.save(tmp_path / "deep" / "result.nc")
    again = Result.load(path)
    assert again.tree.identical(result.tree) or again.about == result.about
    np.testing.assert_array_equal(again.motivations, result.motivations)
    assert again.table().equals(result.table())
    assert list(tmp_path.joinpath("deep").iterdir()) == [path]
    with pytest.raises(bsm.SpecError, match="no such file"):
        Result.load(tmp_path / "none.nc")


def test_arviz_reads_a_result():
    import warnings

    model = two("wb")
    result = bsm.posterior(model, ledger(model, *ROWS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as az

        data = result.to_arviz()
        summary = az.summary(data, var_names=["w", "b"], kind="stats", hdi_prob=0.9)
        assert summary.shape[0] == 2
        assert bool(np.isfinite(summary["mean"]).all())
        assert float(az.ess(data, var_names=["w"])["w"].min()) > 0
    assert set(data.groups()) >= {"posterior", "prior", "observed_data", "log_likelihood"} or data is result.tree


def test_evidence_for_an_unknown_subject_is_refused():
    model = small()
    with pytest.raises(bsm.SpecError, match="not a subject"):
        bsm.posterior(model, ledger(model, {"k": 1, "n": 2}), subjects=("nobody",))
    with pytest.raises(bsm.SpecError, match="no row"):
        bsm.posterior(model, Evidence())


# --- Pyro ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_pyro_program_has_the_same_posterior():
    """NUTS through Space.program on the named motivations together, discrete states summed out."""
    from pyro.infer import MCMC, NUTS

    model = two("wb")
    h = Hypotheses(model, ledger(model, *ROWS))

    def log_likelihood_of(theta):
        values = [h.episodes.log_by_block(h.rates(m, theta), theta).sum(-1) + math.log(0.5) for m in model.motivations]
        return torch.logsumexp(torch.stack(values), 0)

    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        chain = MCMC(NUTS(h.space.program(log_likelihood_of)), num_samples=800, warmup_steps=300, disable_progbar=True)
        chain.run()
    finally:
        torch.set_default_dtype(before)
    theirs = chain.get_samples()
    found = fit(model, ledger(model, *ROWS), draws=4000)
    named = found.drawn < 2
    for name in ("w", "b"):
        ours = np.log(found.parameters[name][named]) if name == "b" else found.parameters[name][named]
        peer = theirs[name].log().numpy() if name == "b" else theirs[name].numpy()
        error = math.sqrt(ours.var() / len(ours) + peer.var() / 200)
        assert abs(ours.mean() - peer.mean()) < 4 * error
        assert ours.std() == pytest.approx(peer.std(), rel=0.25)
    both = []
    for m in model.motivations:
        theta = h.space.theta(torch.zeros(1, 2, dtype=torch.float64)).replaced(
            {n: v.reshape(-1) for n, v in theirs.items()}
        )
        both.append(h.episodes.log_by_block(h.rates(m, theta), theta).sum(-1))
    peer = torch.softmax(torch.stack(both), 0)[0]
    batches = peer.reshape(8, -1).mean(-1)  # the chain moves slowly between motivations
    ours = found.probabilities[0] / found.probabilities[:2].sum()
    assert abs(float(peer.mean() - ours)) < 4 * float(batches.std()) / math.sqrt(8) + 0.01
