"""How well an AI's own shares were integrated out at points (reading dirichlet), over all parameter draws."""

from __future__ import annotations

import math

from torch import Tensor

from bsm.inference.fits import TooFewEffective
from bsm.inference.importance import FEWEST_EFFECTIVE
from bsm.inference.over_time.weights import Weights

ROUGH = 0.02  # nats of standard error above which a result is marked


def point_error(probability: Tensor, found: Weights, target: int) -> tuple[float, float]:
    """Effective points behind a target, and the standard error that they leave its log evidence, nats.

    (inf, 0) where nothing was integrated at points. `probability` of the parameter draws at the target, [draw].
    """
    shape = found.named.shape[:2]
    points, errors = (part.expand(shape)[:, target] for part in (found.points, found.error))
    part = float((probability**2 / points).sum())
    error = float((probability * errors).square().sum().sqrt())
    return 1 / part if part else math.inf, error


def refuse_few_points(probability: Tensor, found: Weights, target: int, what: str) -> None:
    """Refuse an answer from too few effective points.

    Raises:
        TooFewEffective: naming the answer, `what`, and what to do instead.
    """
    points, _ = point_error(probability, found, target)
    if points < FEWEST_EFFECTIVE:
        raise TooFewEffective(
            f"{what}: {points:.0f} effective points of the AI's own shares (reading dirichlet), fewer than "
            f"{FEWEST_EFFECTIVE:.0f}: the rows hold them closer than points can follow; give fewer rows, or a smaller "
            "n_eff where episodes are alike, or use reading hypothesis or mixture"
        )


def noted(probability: Tensor, found: Weights, target: int, what: str) -> list[str]:
    """What a reader should know of the points behind an answer, `what`; nothing where there were none."""
    points, error = point_error(probability, found, target)
    if points == math.inf:
        return []
    mark = "caution, rough: " if error > ROUGH else ""
    return [
        f"{mark}{what}, shares of this AI are integrated at {points:.0f} effective points (reading dirichlet); "
        f"standard error of log evidence {error:.1g} nats"
    ]
