"""Replicator steps: weights times fitness, then drift; exactly conditioning on being selected at each step."""

from __future__ import annotations

from torch import Tensor

from bsm.engine.logs import log_of
from bsm.motives.course.log_powers import carried
from bsm.motives.course.stages import Stage
from bsm.motives.course.step import fraction, log_gain, selected, transition
from bsm.motives.course.transmitted import advanced_together


def advanced(stage: Stage, log_weights: Tensor, steps: Tensor) -> Tensor:
    """Log weights after so many steps of a phase, without its gates.

    Args:
        stage: the phase.
        log_weights: [draw, m + 1, explored], nats, none_of_these last; explored has one entry where nothing is
            ever unexplored, else (no, yes).
        steps: [draw], real numbers of at least 0: whole steps, then a fraction r of one, which is a step with
            fitness^(eta r), exp(eta r pressure) and (1 - r) I + r Q. Gradients pass through the fraction.

    Returns:
        The same, unnormalised: the log of their sum has grown by the log chance of being selected at every step.
    """
    if not stage.moves:
        return log_weights + selected(stage, log_weights.shape[-1], steps)
    if stage.transmission is not None:
        return advanced_together(stage, log_weights, steps)
    whole = steps.detach().floor()
    gain, flow = log_gain(stage, log_weights.shape[-1]), transition(stage, log_weights.shape[-1])
    flat = carried(log_weights.flatten(1), gain[:, :, None] + log_of(flow), whole)
    return fraction(flat, gain, flow, steps - whole).unflatten(1, log_weights.shape[1:])
