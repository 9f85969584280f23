"""`none_of_these` on rows inside a selection phase: free behaviour that was also selected."""

from __future__ import annotations

import torch
from torch import Tensor

from bsm.evidence.episodes import Episodes
from bsm.evidence.likelihood import Counts, log_by_variant
from bsm.evidence.rows import LedgerRow
from bsm.evidence.selected import both, factors, phase_of, steps_of
from bsm.motives.compile import Behaviour
from bsm.motives.theta import Theta

POINTS = 4096  # quasi-random points of the Dirichlet over joint actions


def log_selected_rows(behaviour: Behaviour, episodes: Episodes, theta: Theta, counts: Counts, chosen: Tensor) -> Tensor:
    """log P(rows, selected | free behaviour) in nats, [draw].

    In each context the joint action has probabilities q ~ Dirichlet(1, ..., 1); a row contributes
    P(row | selected, q) P(selected | q)^steps with P(event, selected | q) = sum_a q(a) P(event, selected | do(a), c),
    and q is integrated over quasi-random points, shared by the rows of one context. What counts as selected is the
    phase's to say. The shift of a prompt variant is integrated in each context on its own.
    """
    q = _dirichlet(len(behaviour.joint_actions))
    phases = [phase_of(row) for row in episodes.rows]
    whole = {p: behaviour.consequence(factors(behaviour, p), theta) for p in dict.fromkeys(phases) if p}
    total = torch.zeros(1, dtype=torch.float64)
    for where in episodes.where[chosen].unique().tolist():
        rows = (chosen & (episodes.where == where)).nonzero()[:, 0]
        selected = {p: _mixed(each[:, where], q) for p, each in whole.items()}
        chances = [_chance(behaviour, episodes.rows[i], theta, where, q) / selected[phases[i]] for i in rows.tolist()]
        p = torch.stack(chances, dim=-1)
        draws = max(p.shape[0], theta.draws)
        log_rows = torch.stack(
            [_log_rows(episodes, counts, theta, rows, p[min(d, p.shape[0] - 1)], d) for d in range(draws)]
        )
        steps = steps_of([episodes.rows[i] for i in rows.tolist()])
        values = log_rows + sum(
            torch.xlogy(torch.tensor(float(n), dtype=torch.float64), selected[p]) for p, n in steps.items()
        )
        total = total + torch.logsumexp(values, dim=-1) - torch.log(torch.tensor(float(POINTS)))
    return total


def _chance(behaviour: Behaviour, row: LedgerRow, theta: Theta, where: int, q: Tensor) -> Tensor:
    """P(what a row observed, selected | q), [draw, point]."""
    event = behaviour.event(behaviour.model.observations[row.observation].event)
    return _mixed(behaviour.consequence(both(event, factors(behaviour, phase_of(row))), theta)[:, where], q)


def _mixed(by_action: Tensor, q: Tensor) -> Tensor:
    return by_action @ q.T


def _log_rows(episodes: Episodes, counts: Counts, theta: Theta, rows: Tensor, p: Tensor, draw: int) -> Tensor:
    """log P(rows | selected, q) at one parameter draw, [point]."""
    k, n, rho, fpr, fnr = (t[min(draw, t.shape[0] - 1), rows][None] for t in counts.tensors())
    _, variant = episodes.variant[rows].unique(return_inverse=True)
    here = Counts(k, n, rho, fpr, fnr, variant, int(variant.max()) + 1)
    sd = episodes.model.variant_sd
    spread = None if sd is None else theta.of(sd)[[min(draw, theta.of(sd).shape[0] - 1)]]
    return log_by_variant(here, p, spread, episodes.nodes).sum(-1)


def _dirichlet(cells: int) -> Tensor:
    """Quasi-random points of Dirichlet(1, ..., 1), [point, cell]."""
    engine = torch.quasirandom.SobolEngine(cells, scramble=True, seed=0)
    u = engine.draw(POINTS, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    g = -torch.log(u)
    return g / g.sum(-1, keepdim=True)
