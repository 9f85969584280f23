"""When an answer is refused: too few effective draws, too coarse a quadrature, impossible rows."""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.engine import ImpossibleEvidence
from bsm.inference.fits import TooFewEffective
from bsm.inference.hypotheses import Hypotheses
from bsm.inference.importance import FEWEST_EFFECTIVE, Sample
from bsm.inference.sampling import NEGLIGIBLE

MOST_QUADRATURE_ERROR = 0.05  # nats; the sampling itself is good to about 0.06


def check(hypotheses: Hypotheses, last: Tensor, effective: Tensor) -> None:
    if bool(torch.isneginf(last[:-1]).all()):
        _raise_impossible(hypotheses)
    if not hypotheses.space.names:
        return
    share = torch.softmax(last, -1)
    weak = [
        f"{name} ({float(effective[i]):.0f})"
        for i, name in enumerate(hypotheses.names)
        if effective[i] < FEWEST_EFFECTIVE and share[i] > NEGLIGIBLE
    ]
    if weak:
        raise TooFewEffective(
            f"fewer than {FEWEST_EFFECTIVE:.0f} effective draws for {', '.join(weak)}; ask for more `draws`, give "
            "fewer uncertain parameters, or narrower priors"
        )


def check_quadrature(error: float) -> None:
    if error > MOST_QUADRATURE_ERROR:
        raise TooFewEffective(
            f"the quadrature over prompt variants changes a log likelihood by {error:.2g} nats when its nodes are "
            f"doubled (at most {MOST_QUADRATURE_ERROR} is accepted); a row is sharper than its variant's noise allows: "
            "state rho or n_eff for rows whose episodes are not independent"
        )


def _raise_impossible(hypotheses: Hypotheses) -> None:
    rows = hypotheses.episodes.rows
    z = hypotheses.space.prior_draws(1, 0).expand(1, -1)
    theta = hypotheses.space.theta(z)
    for i, row in enumerate(rows):
        ps = [float(hypotheses.rates(m, theta).p[0, i]) for m in hypotheses.model.motivations]
        zero = row.k > 0 and all(p == 0 for p in ps)
        one = row.k < row.n and all(p == 1 for p in ps)
        if zero or one:
            raise ImpossibleEvidence(
                f"line {row.line} ({row.id}): {row.observation} was seen {row.k:g} of {row.n:g} times, but every "
                f"motivation gives it probability {0 if zero else 1} there and the judge makes no error; look for a "
                "0 or 1 in a table above it, or state fpr and fnr"
            )
    raise ImpossibleEvidence("the rows together have probability zero under every motivation")


def quadrature_error_of(hypotheses: Hypotheses, samples: Sample, matters: Tensor) -> float:
    """Largest change of the log likelihood of a class that matters when the shift quadrature has twice the nodes.

    In nats, at each class's best draw; `matters` [class] marks the classes.
    """
    best = samples.log_weights.argmax(-1)
    z = samples.z[torch.arange(len(best)), best][:, None]
    with torch.no_grad():
        once = hypotheses.log_blocks(z).sum(-1)
        with hypotheses.episodes.finer():
            twice = hypotheses.log_blocks(z).sum(-1)
    gap = (twice - once).abs()[matters]
    return float(gap[torch.isfinite(gap)].max()) if bool(torch.isfinite(gap).any()) else 0.0
