"""What the two dynamics say, from step 0 alone, as the shares of influence that are measured."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bsm.engine.temporal import softmax_flow
from tests.training import measure, worlds
from tests.training.protocol import Setting

LONGEST = {"softmax_pg": 400.0, "replicator": 60.0, "replicator, log s": 60.0}  # times far past any end
GRID = 300


def times(dynamics: str) -> Tensor:
    """Times at which a prediction is worked out, close together near 0 [time]."""
    return torch.linspace(0, 1, GRID, dtype=worlds.DTYPE) ** 3 * LONGEST[dynamics]


def moved(dynamics: str, logits: Tensor, gain: Tensor, at: Tensor) -> Tensor:
    """Logits after these times of a dynamics: [..., state], gain [..., state], [time] -> [..., time, state]."""
    logits, gain = logits.unsqueeze(-2), gain.unsqueeze(-2)
    if dynamics == "replicator":
        return logits + at.unsqueeze(-1) * gain
    if dynamics == "replicator, log s":
        return logits + at.unsqueeze(-1) * gain.log()
    return softmax_flow(logits, gain, at, tol=1e-6)


def by_patterns(setting: Setting, start: Tensor, dynamics: str, at: Tensor) -> dict[str, Tensor]:
    """What `measure.everything` would read where patterns are what is selected [seed, time, k].

    Args:
        start: shares at step 0, the base last [seed, pattern + 1].
    """
    weights = moved(dynamics, start.log(), worlds.fitness(setting).expand_as(start), at).softmax(-1)
    made = worlds.mixture(weights, worlds.ablations(len(setting.patterns)), worlds.policies(setting))
    return measure.everything(made)


def by_actions(setting: Setting, start: Tensor, dynamics: str, at: Tensor) -> dict[str, Tensor]:
    """The same where actions are what is selected, in each task, whatever the gates [seed, time, k].

    Args:
        start: policies at step 0 under `worlds.ablations` [seed, 1 + pattern, context, action].
    """
    default = start[:, 0, worlds.TRAINING].log()
    change = moved(dynamics, default, worlds.success(setting).expand_as(default), at) - default.unsqueeze(-2)
    both = change.transpose(1, 2).repeat(1, 1, 2, 1)  # [seed, time, context, action], deployed as in training
    made = (start.log().unsqueeze(1) + both.unsqueeze(2)).softmax(-1)
    return measure.everything(made)


def median_at(found: Tensor, grid: Tensor, at: Tensor) -> Tensor:
    """Median over seeds at these times, straight between the times of the grid: [seed, grid, k] -> [time, k]."""
    middle = found.quantile(0.5, dim=0)
    above = torch.searchsorted(grid, at).clamp(1, len(grid) - 1)
    part = ((at - grid[above - 1]) / (grid[above] - grid[above - 1])).unsqueeze(-1)
    return middle[above - 1] * (1 - part) + middle[above] * part


def time_scale(found: Tensor, grid: Tensor, measured: Tensor, steps: Tensor) -> float:
    """Time of the dynamics per step that is nearest to what was measured, in mean squares.

    Args:
        found: predictions [seed, grid, k]. measured: median of the calibration seeds [step, k]. steps: [step], rising.
    """
    last = float(steps[-1])
    tried = torch.logspace(-4, 0, 1500, dtype=grid.dtype) * float(grid[-1]) / last
    loss = [(median_at(found, grid, steps * scale) - measured).square().mean() for scale in tried]
    return float(tried[int(torch.stack(loss).argmin())])


UNITS: dict[str, Callable[[Setting, Tensor, str, Tensor], dict[str, Tensor]]] = {
    "patterns": by_patterns,
    "actions": by_actions,
}
