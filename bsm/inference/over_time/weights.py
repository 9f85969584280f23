"""What parameter draws weigh, and what they say of every moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.evidence.ledger import Evidence
from bsm.motives.compile import references


class Weights(NamedTuple):
    """Log weights in nats at every target: the asked moments (none ahead), and last of all now with all rows.

    A draw weighs log_sum(named) - before: rows and selection up to the target, less the selection that no row
    observed, which compares the patterns inside one AI and says nothing of parameters. `none` is the same for
    none_of_these before its rows. `error` and `points` are of shares of an AI that were integrated out at points
    (reading dirichlet); elsewhere there is no such error.
    """

    named: Tensor  # [draw, target, m], less `before`
    none: Tensor  # [draw, target], less `before`
    reached: Tensor  # [draw, target], whether the phase has so many selections
    error: Tensor = torch.zeros(1, 1, dtype=torch.float64)  # standard error of the log weight, [draw, target], nats
    points: Tensor = torch.full((1, 1), torch.inf, dtype=torch.float64)  # effective points behind it, [draw, target]

    @property
    def log_weight(self) -> Tensor:
        """[draw, target]; -inf where impossible or not reached."""
        return log_sum(self.named)

    def probabilities(self) -> Tensor:
        """P(motivation | named, rows up to the target, parameters), [draw, target, m]; 0 where impossible."""
        return normalised(self.named)


class Smooth(NamedTuple):
    """P(motivation | named, all rows, all selection, parameters) at asked moments, [draw, asked, m].

    `gain` [draw, asked]: nats that selection after now adds to the odds of none_of_these; 0 but for moments ahead.
    """

    named: Tensor
    gain: Tensor


def difference(a: Tensor, b: Tensor) -> Tensor:
    """a - b where both may have been -inf - -inf: none of it then."""
    return torch.where(torch.isnan(a), -torch.inf, torch.where(torch.isnan(a), 0.0, a) - b)


def normalised(log_weights: Tensor) -> Tensor:
    """Probabilities along the last axis; zeros where nothing is left."""
    total = log_sum(log_weights)[..., None]
    gone = total == -torch.inf
    return torch.where(gone, 0.0, (log_weights - torch.where(gone, 0.0, total)).exp())


def only_rows(evidence: Evidence, rows: Sequence[int]) -> Evidence:
    """Some of the rows, in ledger order, with the uncertain numbers of these rows alone."""
    kept = tuple(evidence.rows[j] for j in sorted(rows))
    used = references(tuple((r.rho, r.n_eff, r.fpr, r.fnr) for r in kept))
    return replace(evidence, rows=kept, parameters={n: p for n, p in evidence.parameters.items() if n in used})
