"""Motivations drawn from a model are as frequent, at every moment, as the posterior over time says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bsm
from bsm.evidence.ledger import Evidence
from bsm.inference.over_time import posterior_over_time
from bsm.motives.theta import Theta
from bsm.spec.model import Drift
from tests.inference.examples import small, training

AIS = 300
DRIFT = (Drift("m", "k", 0.15), Drift("k", "n", 0.1), Drift("n", "m", 0.05))


def _model() -> bsm.Model:
    strength = {"PARAMETERS": '{b: {value: "1 to 6", support: positive, opinion of: us}}', "STRENGTH": "$b"}
    model = small(PHASES=training(5), NONE="0", **strength)
    return replace(model, phases=tuple(replace(p, drift=DRIFT) for p in model.phases))


def _drawn(model: bsm.Model, rng: np.random.Generator) -> tuple[list[int], list[dict[str, object]]]:
    """Parameters, then a path of motivations given selection, then rows at step 2 and now."""
    from bsm.inference.parameters import Space

    space = Space.of(model.parameters)
    theta: Theta = space.theta(space.prior_draws(1, int(rng.integers(2**31))))
    own = model.with_parameters({n: float(v) for n, v in theta.values.items()})
    fit = bsm.fitness(own).overall[0].numpy()
    names = list(model.motivations)
    q = np.eye(3)
    for d in DRIFT:
        i, j = names.index(d.source), names.index(d.target)
        q[i, j] += d.rate
        q[i, i] -= d.rate
    left = [np.ones(3)]
    for _ in range(5):
        left.insert(0, fit * (q @ left[0]))
    prior = bsm.shares(replace(own, phases=()))[0].numpy()
    path = [int(rng.choice(3, p=prior * left[0] / (prior @ left[0])))]
    for t in range(5):
        weights = q[path[-1]] * left[t + 1]
        path.append(int(rng.choice(3, p=weights / weights.sum())))
    behaviour = bsm.Behaviour(own)
    from bsm.motives.theta import central

    y = np.stack([behaviour.log_policy(m, central(own)).exp()[0, :, 1].numpy() for m in names])
    rows = [
        {"c": "u", "k": rng.binomial(6, y[path[2], 0]), "n": 6, "phase": "tr", "step": 2, "steps": 0, "setting": "s"},
        {"c": "v", "k": rng.binomial(6, y[path[5], 1]), "n": 6, "setting": "t"},
    ]
    return path, rows


@pytest.mark.slow
def test_motivations_are_as_frequent_as_said():
    """A posterior that forgot drift is caught by the same check."""
    model, rng = _model(), np.random.default_rng(8)
    still = replace(model, phases=tuple(replace(p, drift=()) for p in model.phases))
    said, wrong, true = [], [], []
    for i in range(AIS):
        path, rows = _drawn(model, rng)
        base = {"subject": "ai", "observation": "acted", "source_id": "x", "rho": 0}
        frame = pd.DataFrame([{**base, "id": f"r{j}", **row} for j, row in enumerate(rows)]).astype(str)
        evidence = Evidence.from_frame(frame.replace("nan", ""), model)
        for kept, which in ((said, model), (wrong, still)):
            found = posterior_over_time(which, evidence, ["tr:2", "now"], draws=60, seed=i, beside=False)
            kept.append(found.smoothed.values[0, :, :3])
        true.append([path[2], path[5]])
    assert _p_value(np.array(said), np.array(true)) > 0.005
    assert _p_value(np.array(wrong), np.array(true)) < 0.005


def _p_value(said: np.ndarray, true: np.ndarray) -> float:
    """Chance of so large a sum of squared gaps between what was said and what was true, by moment and motivation."""
    total, terms = 0.0, 0
    for t in range(2):
        for m in range(2):
            p, hit = said[:, t, m], true[:, t] == m
            for low, high in ((0, 0.3), (0.3, 1.01)):
                inside = (p >= low) & (p < high)
                if (variance := float((p[inside] * (1 - p[inside])).sum())) > 2:
                    total += float(hit[inside].sum() - p[inside].sum()) ** 2 / variance
                    terms += 1
    return float(stats.chi2.sf(total, terms))
