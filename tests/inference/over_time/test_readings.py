"""The readings of shares over time: mixture, the Dirichlet family between it and hypothesis, and votes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import betaln

import bsm
from bsm.inference.fits import TooFewEffective
from bsm.inference.over_time.point_error import noted, point_error, refuse_few_points
from bsm.inference.over_time.weights import Weights
from bsm.motives import readings
from bsm.motives.course import course
from bsm.motives.own_shares import points
from bsm.motives.own_shares.gammas import log_gamma_quantile, normal_score
from bsm.motives.theta import central
from bsm.spec.model import SpecError
from tests.inference.examples import ledger, small, training
from tests.inference.over_time.test_laws import ROWS, UNCERTAIN, drifting, still, values

AT = ["start", "tr:2", "tr:4", "now", "tr:+3"]
SEEN = [ROWS[0], ROWS[2]]


def soft(model: bsm.Model) -> bsm.Model:
    return replace(model, phases=tuple(replace(p, dynamics="softmax_pg") for p in model.phases))


def plain(**changes: str) -> bsm.Model:
    return small(**{"PHASES": training(6), "NONE": "0", **changes})


def policies(model: bsm.Model) -> np.ndarray:
    """P(y | c) of every motivation, [context, m]."""
    behaviour = bsm.Behaviour(model)
    found = [behaviour.log_policy(m, central(model)).exp()[0, :, 1] for m in model.motivations]
    return torch.stack(found, 1).numpy()


@pytest.mark.parametrize("dynamics", ["replicator", "softmax_pg"])
def test_under_mixture_shares_drive_and_rows_say_nothing_of_them(dynamics):
    model = drifting(plain())
    model = soft(model) if dynamics == "softmax_pg" else model
    found = bsm.posterior(model, ledger(model, *SEEN), at=AT, reading="mixture")
    for at in AT[:4]:
        share = bsm.shares(model, at=at)[0].numpy()
        np.testing.assert_allclose(values(found, "filtered", at)[:-1], share, atol=1e-9)
        np.testing.assert_allclose(values(found, "smoothed", at)[:-1], share, atol=1e-9)
    p = policies(model)
    now = float(p[1] @ bsm.shares(model)[0].numpy())
    then = float(p[0] @ bsm.shares(model, at="tr:4")[0].numpy())
    wanted = stats.binom.logpmf(3, 10, now) + stats.binom.logpmf(2, 5, then)
    assert float(found.data["log_evidence"][0]) == pytest.approx(wanted, abs=1e-8)


def test_under_mixture_a_selected_row_is_seen_and_selected():
    """P(row, selected | mixture), and none_of_these competes with the mixture as a whole."""
    model = plain(PHASES=training(1))
    row = {"k": 1, "n": 2, "c": "v", "phase": "tr", "steps": 1}
    found = bsm.posterior(model, ledger(model, row), at=["now"], reading="mixture")
    behaviour, theta = bsm.Behaviour(model), central(model)
    share = bsm.shares(model, at="start")[0]
    pi = torch.stack([behaviour.log_policy(m, theta).exp()[0, 1] for m in model.motivations])
    chosen = behaviour.consequence(behaviour.influence, theta)[0, 1]
    together = share @ (pi * chosen)
    p, selected = float(together[1] / together.sum()), float(together.sum())
    wanted = stats.binom.logpmf(1, 2, p) + np.log(selected)
    assert float(found.data["log_evidence"][0]) == pytest.approx(wanted, abs=1e-9)


def test_hypothesis_and_mixture_stand_side_by_side_unless_alpha_is_stated():
    model = drifting(still())
    evidence = ledger(model, *SEEN)
    found = bsm.posterior(model, evidence, at=["now"])
    alone = bsm.posterior(model, evidence, at=["now"], reading="mixture")
    assert found.readings == ("hypothesis", "mixture")
    assert alone.readings == ("mixture", "hypothesis")
    np.testing.assert_array_equal(found.tree["mixture"]["smoothed"], alone.smoothed)
    np.testing.assert_array_equal(alone.tree["hypothesis"]["smoothed"], found.smoothed)
    between = bsm.posterior(replace(model, alpha=2.0), evidence, at=["now"], reading="dirichlet")
    assert between.readings == ("dirichlet",)
    for reading in ("hypothesis", "mixture"):
        assert f"reading {reading}" in str(found)


def exact(model: bsm.Model, k: int, n: int) -> tuple[float, np.ndarray]:
    """log P(k of n at c = v) and the mean shares, by `bsm.motives.readings`."""
    p = torch.from_numpy(policies(model)[1])
    items = torch.stack([p, 1 - p]).log()[None]
    found = readings.dirichlet(items, bsm.shares(model), model.alpha, torch.tensor([k, n - k]))
    assert float(found.error) < 1e-3
    return float(found.log_likelihood) + float(-betaln(k + 1, n - k + 1) - np.log(n + 1)), found.shares[0].numpy()


@pytest.mark.parametrize(
    ("alpha", "k", "n"),
    [*product([0.5, 3.0, 50.0], [7], [10]), *product([0.5, 3.0, 50.0], [150], [200]),
     *product([0.5, 3.0, 50.0], [900], [1000]), (0.01, 7, 10), (1000.0, 7, 10)],
)  # fmt: skip
def test_dirichlet_is_the_family_between(alpha, k, n):
    """One row: as `bsm.motives.readings` has it, however far the row lies from what was expected."""
    model = replace(plain(), alpha=alpha)
    found = bsm.posterior(model, ledger(model, {"k": k, "n": n, "c": "v"}), at=["now"], reading="dirichlet")
    log_p, shares = exact(model, k, n)
    assert float(found.data["log_evidence"][0]) == pytest.approx(log_p, abs=0.005)
    for kind in ("filtered", "smoothed"):
        np.testing.assert_allclose(values(found, kind, "now")[:-1], shares, atol=0.001)


def test_points_of_dirichlet_shares_count_by_their_weights(monkeypatch):
    """The same points, counted alike, are far off: they lie where the rows say, not as the prior has them."""
    model = replace(plain(), alpha=3.0)
    monkeypatch.setattr(
        points, "_log_weights", lambda proposal, score: torch.full(score.shape[:2], -np.log(len(score))).double()
    )
    found = bsm.posterior(model, ledger(model, {"k": 150, "n": 200, "c": "v"}), at=["now"], reading="dirichlet")
    log_p, shares = exact(model, 150, 200)
    assert abs(float(found.data["log_evidence"][0]) - log_p) > 1
    assert np.abs(values(found, "smoothed", "now")[:-1] - shares).max() > 0.002


@pytest.mark.parametrize("alpha", [0.3, 3.0, 30.0])
def test_dirichlet_shares_at_two_moments_are_tied_by_common_quantiles(alpha):
    """Rows at two moments: as a plain mean over quantiles has it."""
    model = replace(plain(), alpha=alpha)
    rows = [
        {"k": 4, "n": 10, "c": "u", "phase": "tr", "step": 1, "steps": 0, "setting": "t"},
        {"k": 3, "n": 10, "c": "v"},
    ]
    found = bsm.posterior(model, ledger(model, *rows), at=["start", "now"], reading="dirichlet")
    p = policies(model)
    u = torch.quasirandom.SobolEngine(3, scramble=True, seed=5).draw(2**16, dtype=torch.float64)
    score = torch.special.ndtri(u.clamp(1e-12, 1 - 1e-12))
    own = {}
    for at in ("start", "tr:1", "now"):
        log_g = log_gamma_quantile(alpha * bsm.shares(model, at=at), score)
        own[at] = log_g.softmax(-1).numpy()
    likely = stats.binom.pmf(4, 10, own["tr:1"] @ p[0]) * stats.binom.pmf(3, 10, own["now"] @ p[1])
    assert float(found.data["log_evidence"][0]) == pytest.approx(np.log(likely.mean()), abs=0.01)
    for at in ("start", "now"):
        np.testing.assert_allclose(values(found, "smoothed", at)[:-1], likely @ own[at] / likely.sum(), atol=0.003)


def test_points_of_dirichlet_shares_serve_every_draw_of_parameters():
    """The strength on a grid, exact at each."""
    model = plain(**{k: v for k, v in UNCERTAIN.items() if k != "PHASES"})
    model = replace(model, alpha=3.0)
    evidence = ledger(model, {"k": 30, "n": 40, "c": "v"})
    found = bsm.posterior(model, evidence, at=["now"], reading="dirichlet", draws=300)
    mean, sd = (np.log(0.2) + np.log(20)) / 2, (np.log(20) - np.log(0.2)) / 2 / stats.norm.ppf(0.95)
    grid = np.linspace(mean - 3.5 * sd, mean + 3.5 * sd, 41)
    each = [exact(model.with_parameters({"b": float(np.exp(z))}), 30, 40) for z in grid]
    weights = stats.norm.pdf(grid, mean, sd) * np.exp([log_p for log_p, _ in each])
    wanted = np.log(weights.sum() * (grid[1] - grid[0]))
    assert float(found.data["log_evidence"][0]) == pytest.approx(wanted, abs=0.02)
    shares = weights @ np.array([s for _, s in each]) / weights.sum()
    np.testing.assert_allclose(values(found, "smoothed", "now")[:-1], shares, atol=0.01)


def test_the_error_of_dirichlet_shares_is_told_and_too_few_points_are_refused():
    model = replace(plain(), alpha=3.0)
    found = bsm.posterior(model, ledger(model, {"k": 150, "n": 200, "c": "v"}), at=["now"], reading="dirichlet")
    told = next(note for note in found.about["subjects"]["ai"]["notes"] if note.startswith("given all rows"))
    error = float(told.removesuffix(" nats").rpartition(" ")[2])
    assert 0 < error < 0.005
    assert "effective points" in str(found)
    rough = Weights(
        *(torch.zeros(2, 1, 3), torch.zeros(2, 1), torch.ones(2, 1).bool()),
        error=torch.tensor([[0.3], [0.4]]).double(),
        points=torch.tensor([[200.0], [50.0]]).double(),
    )
    even = torch.full((2,), 0.5, dtype=torch.float64)
    assert point_error(even, rough, 0) == pytest.approx((160.0, 0.25))
    assert noted(even, rough, 0, "now")[0].startswith("caution, rough: now")
    with pytest.raises(TooFewEffective, match="160 effective points"):
        refuse_few_points(even, rough, 0, "now")


def test_dirichlet_ends_in_hypothesis_and_mixture():
    model = still()
    evidence = ledger(model, ROWS[0])
    for alpha, reading, atol in ((1e-6, "hypothesis", 0.02), (1e6, "mixture", 1e-3)):
        found = bsm.posterior(replace(model, alpha=alpha), evidence, at=["now"], reading="dirichlet")
        other = bsm.posterior(model, evidence, at=["now"], reading=reading)
        np.testing.assert_allclose(found.smoothed, other.smoothed, atol=atol)
    with pytest.raises(SpecError, match="needs alpha"):
        bsm.posterior(model, evidence, at=["now"], reading="dirichlet")


def test_gamma_quantiles_are_right_however_small():
    shape = torch.tensor([0.5, 2.0, 1e-3, 0.0], dtype=torch.float64)
    score = torch.tensor([stats.norm.ppf(0.3)], dtype=torch.float64)
    found = log_gamma_quantile(shape, score)
    np.testing.assert_allclose(found[:2].exp(), stats.gamma.ppf(0.3, [0.5, 2.0]), rtol=1e-10)
    assert float(found[2]) == pytest.approx((np.log(0.3) + float(torch.lgamma(torch.tensor(1.001)))) / 1e-3, rel=1e-6)
    assert float(found[3]) == -np.inf


@pytest.mark.parametrize("shape", [1e-6, 0.01, 0.5, 3.0, 1e3, 1e6])
def test_scores_of_gamma_variates_are_the_inverse_of_quantiles_far_out_too(shape):
    score = torch.linspace(-30, 30, 121, dtype=torch.float64)
    a = torch.tensor([shape], dtype=torch.float64)
    np.testing.assert_allclose(normal_score(a, log_gamma_quantile(a, score)), score, atol=1e-6)


def test_under_votes_one_policy_drives():
    model = soft(plain())
    found = bsm.posterior(model, ledger(model, *SEEN), at=["tr:4", "now"], reading="votes")
    own = course(model, reading="votes")
    now, then = own.behaviour("acted", {"c": "v"}), own.behaviour("acted", {"c": "u"}, "tr:4")
    wanted = stats.binom.logpmf(3, 10, float(now)) + stats.binom.logpmf(2, 5, float(then))
    assert float(found.data["log_evidence"][0]) == pytest.approx(wanted, abs=1e-8)
    assert found.forecast("acted", {"c": "v"}, "now").mean == pytest.approx(float(now), abs=1e-9)
    np.testing.assert_allclose(values(found, "smoothed", "tr:4")[:-1], own.shares("tr:4")[0], atol=1e-9)


def test_rows_update_parameters_under_mixture():
    """The posterior of the strength, on a grid."""
    model = plain(**{k: v for k, v in UNCERTAIN.items() if k != "PHASES"})
    found = bsm.posterior(model, ledger(model, {"k": 18, "n": 20, "c": "v"}), at=["now"], reading="mixture", draws=400)
    space_mean, sd = (np.log(0.2) + np.log(20)) / 2, (np.log(20) - np.log(0.2)) / 2 / stats.norm.ppf(0.95)
    grid = np.linspace(space_mean - 4 * sd, space_mean + 4 * sd, 81)
    weights, shares = [], []
    for z in grid:
        held = model.with_parameters({"b": float(np.exp(z))})
        share = bsm.shares(held)[0].numpy()
        shares.append(share)
        weights.append(stats.norm.pdf(z, space_mean, sd) * stats.binom.pmf(18, 20, float(policies(held)[1] @ share)))
    wanted = np.array(weights) @ np.array(shares) / sum(weights)
    np.testing.assert_allclose(values(found, "smoothed", "now")[:-1], wanted, atol=0.01)


def test_softmax_with_drift_has_no_hypothesis():
    model = soft(drifting(plain()))
    with pytest.raises(SpecError, match="`mixture`"):
        bsm.posterior(model, ledger(model, *SEEN), at=["now"])
    found = bsm.posterior(model, ledger(model, *SEEN), at=["now"], reading="mixture")
    assert found.readings == ("mixture",)
    assert "does not stand beside" in str(found)
