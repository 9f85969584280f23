"""One AI in which all patterns vote at once: pi(a | c) proportional to pi_0 exp(sum of w_m beta_m votes_m(a, c)).

The gradient of P(selected | do(pi)) in w_m is G_m = sum of P(c) Cov_pi(f(a, c), beta_m votes_m(a, c)), so in the
logits of w = softmax theta it is w_m (G_m - sum of w G): a log-linear policy's gradient (Sutton et al. 2000), exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.motives.compile import Behaviour
from bsm.motives.course.measured import chances, policy, selected_when, unexplored
from bsm.motives.course.stages import Stage
from bsm.motives.situations import Situations
from bsm.motives.theta import Theta
from bsm.spec.model import Model, SpecError


@dataclass(frozen=True, eq=False)
class Ballot:
    """What every pattern votes for in some situations: log_base [draw, situation, action], and
    votes [draw, m, situation, action], strength included."""

    log_base: Tensor
    votes: Tensor

    def log_policy(self, shares: Tensor) -> Tensor:
        """log pi(a | c) with votes weighted by `shares` [draw, m], [draw, situation, action]."""
        return torch.log_softmax(self.log_base + torch.einsum("dm,dmca->dca", *_same_draws(shares, self.votes)), -1)


def ballot(behaviour: Behaviour, theta: Theta, chosen: Situations | None = None) -> Ballot:
    """The votes of all motivations in the situations given, or in the declared support.

    Raises:
        SpecError: a motivation that misreads its context, or an action taken after an outcome: no vote policy is
            defined there.
    """
    model = behaviour.model
    check(model)
    chosen = chosen or behaviour.support
    log_base = behaviour.log_base(theta, chosen)
    votes = []
    for motivation in model.motivations.values():
        values = behaviour.votes(motivation, theta, chosen).values
        votes.append(theta.of(motivation.strength)[:, None, None] * values)
    shape = torch.broadcast_shapes(log_base.shape, *(v.shape for v in votes))
    return Ballot(log_base, torch.stack([v.expand(shape) for v in votes], 1))


def check(model: Model) -> None:
    """Refuse a model in which votes do not add up to a policy."""
    if unsure := [m.name for m in model.motivations.values() if m.awareness != 1.0]:
        raise SpecError(
            f"{model.name}: {unsure} have awareness other than 1; votes of patterns that read the context differently "
            "are not defined; set awareness to 1, or use the reading hypothesis or mixture"
        )
    if len(found := model.graph.action_stages()) > 1:
        raise SpecError(
            f"{model.name} has actions after an outcome, {[list(a) for a in found[1:]]}; votes are defined for "
            "one joint action; use the reading hypothesis or mixture"
        )


def gradient(stage: Stage, theta: Theta) -> Callable[[Tensor, Tensor | None], Tensor]:
    """G at shares [draw, m] (and what is explored): dP(selected | do(pi)) / dw_m, [draw, m].

    Raises:
        SpecError: as `ballot`; or selection that reads what motivations say of themselves, so that it depends on who
            acts and not on the act alone.
    """
    behaviour = stage.behaviour
    check(behaviour.model)
    factors = selected_when(behaviour, stage.phase)
    refuse_own(behaviour, factors, f"phase {stage.name}: being selected")
    votes, often = ballot(behaviour, theta), behaviour.frequencies(theta)
    chance = chances(behaviour, factors, theta)
    before = None
    if stage.phase.unexplored:
        usual = (policy(behaviour, theta) * chance).sum(-1, keepdim=True)
        before = torch.where(unexplored(behaviour, stage.phase), usual, chance)

    def at(shares: Tensor, known: Tensor | None) -> Tensor:
        pi = votes.log_policy(shares).exp()
        f = chance
        if before is not None and known is not None:
            part = (shares * known).sum(-1)[:, None, None]
            f = part * chance + (1 - part) * before
        centred = f - (pi * f).sum(-1, keepdim=True)
        parts = [often[:, :, None] * pi * centred, votes.votes]
        return torch.einsum("dca,dmca->dm", *_same_draws(*parts))

    return at


def refuse_own(behaviour: Behaviour, factors: object, what: str) -> None:
    """Refuse an event whose chance depends on which motivation acts, the action being given."""
    names = frozenset(factors)  # type: ignore[call-overload]
    if own := [m for m in behaviour.model.motivations if behaviour._has_own_tables(m, names)]:
        raise SpecError(f"{what} depends on what {own} say of themselves, so votes for acts do not settle it")


def _same_draws(*values: Tensor) -> Sequence[Tensor]:
    draws = max(len(v) for v in values)
    return [v.expand(draws, *v.shape[1:]) for v in values]
