"""One subject's evidence under every motivation: the function that all inference evaluates.

A hypothesis is a motivation with the parameters as unknowns. Motivations with equal policies in every
parameter draw form one exact class, whose likelihood and fitness are computed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from bsm.evidence.episodes import Episodes, Rates
from bsm.evidence.ledger import Evidence
from bsm.evidence.none_of_these import FreeBehaviour
from bsm.inference.parameters import Space
from bsm.motives.compile import Behaviour, references
from bsm.motives.course import Timeline
from bsm.motives.course.unseen import log_unseen, refuse_rows_inside
from bsm.motives.prior import log_prior
from bsm.motives.theta import Theta
from bsm.spec.model import Model

NONE = "none_of_these"
CLASS_DRAWS = 16
TOLD_DRAWS = 8
CLASS_TOLERANCE = 1e-12


class Hypotheses:
    """Prior, selection and likelihood of every motivation given one subject's rows.

    Attributes:
        names: the motivations in file order, then `none_of_these`.
        classes: exact classes, as tuples of motivation names; the first of each stands for all.
        blocks: names of the blocks of evidence.
        space: the uncertain parameters that these rows say anything about; the others stay at their prior, which
            changes no probability (`whole_space` has them all).
    """

    def __init__(self, model: Model, evidence: Evidence) -> None:
        self.model = model
        self.episodes = Episodes(model, evidence)
        self.behaviour = Behaviour(model, self.episodes.situations if self.episodes.rows else None)
        self.whole_space = Space.of({**model.parameters, **evidence.parameters})
        self.space = self.whole_space
        self.names = (*model.motivations, NONE)
        self.blocks: tuple[str, ...] = tuple(self.episodes.blocks)
        self.free = FreeBehaviour(self.episodes, self.behaviour)
        self._selection = Timeline(model) if model.phases else None
        self._steps: Counter[str] = Counter()
        for row in self.episodes.rows:
            if row.phase is not None:
                self._steps[row.phase] += row.steps
        if self._selection is not None:
            refuse_rows_inside(self._selection, self._steps)
        self.space = self.whole_space.only(self._told())

    def _told(self) -> tuple[str, ...]:
        """Parameters on which some likelihood or credence depends: those with a gradient at some prior draw."""
        if not self.space.names:
            return ()
        count = len(self.classes)
        z = self.space.prior_draws(TOLD_DRAWS, seed=2).expand(count, -1, -1).clone().requires_grad_(True)
        value = self.log_blocks(z) if self.episodes.rows else torch.zeros(1, dtype=torch.float64)
        credence = self.log_credence(self.space.theta(z[0]))
        total = value[torch.isfinite(value)].sum() + (credence.clamp_min(-1e6) ** 2).sum()
        if not total.requires_grad:
            return ()
        (gradient,) = torch.autograd.grad(total, z, allow_unused=True)
        noise = references(tuple((r.rho, r.n_eff, r.fpr, r.fnr) for r in self.episodes.rows)) | references(
            (self.model.variant_sd, self.model.prior.none_of_these)
        )
        return tuple(n for i, n in enumerate(self.space.names) if n in noise or bool((gradient[..., i] != 0).any()))

    # --- prior and selection -----------------------------------------------------------------------------

    def log_prior_of_motivations(self, theta: Theta) -> Tensor:
        """log P(m) before selection, `none_of_these` last, [draw, motivation + 1]."""
        named = log_prior(self.model, theta)
        outside = theta.of(self.model.prior.none_of_these)[:, None]
        draws = max(named.shape[0], outside.shape[0])
        return torch.cat([(torch.log1p(-outside) + named).expand(draws, -1), outside.log().expand(draws, -1)], dim=1)

    def log_credence(self, theta: Theta) -> Tensor:
        """log P(m | unobserved selection, parameters) before the ledger, [draw, motivation + 1].

        Selection compares the patterns inside one AI, so it is normalised at each parameter draw and says nothing
        about which parameters are true. Selected steps that ledger rows observed are counted with those rows. A draw
        with fewer selections than observed steps is impossible: -inf throughout. Under softmax_pg it is the log of
        the shares, which are no chance of having been selected, and none_of_these keeps its prior odds to all.
        """
        if self._selection is None:
            return self.log_prior_of_motivations(theta)
        total = log_unseen(self._selection, theta, self._steps)
        possible = torch.isfinite(total).any(-1, keepdim=True)
        return torch.where(possible, torch.log_softmax(torch.where(possible, total, 0.0), dim=-1), -torch.inf)

    # --- likelihood ----------------------------------------------------------------------------------------

    def rates(self, name: str, theta: Theta) -> Rates:
        return self.episodes.rates(self.behaviour, name, theta)

    @cached_property
    def classes(self) -> tuple[tuple[str, ...], ...]:
        """Motivations with equal policies (1e-12, in every draw tried) wherever they were trained on or observed."""
        theta = self.space.theta(self.space.prior_draws(CLASS_DRAWS, seed=1))
        signatures = {m: self._signature(m, theta) for m in self.model.motivations}
        found: list[list[str]] = []
        for name, signature in signatures.items():
            for members in found:
                if _same(signature, signatures[members[0]]):
                    members.append(name)
                    break
            else:
                found.append([name])
        return tuple(tuple(members) for members in found)

    def _signature(self, name: str, theta: Theta) -> list[Tensor]:
        """Everything about a motivation that evidence or selection could show."""
        parts = [self.behaviour.log_policy(name, theta).exp()]
        if self.episodes.rows:
            r = self.rates(name, theta)
            parts += [r.p, r.yes, r.no, r.selected]
        if self._selection is not None:
            parts += self._selection.signature(name, theta)
        return parts

    def log_blocks(self, z: Tensor, which: Sequence[int] | None = None) -> Tensor:
        """log P(block | class representative, parameters) in nats, [class, draw, block].

        z is [class, draw, coordinate], for the classes `which` (all by default).
        """
        chosen = range(len(self.classes)) if which is None else which
        count, draws, d = z.shape
        rates = [self.rates(self.classes[c][0], self.space.theta(z[i])) for i, c in enumerate(chosen)]
        stacked = Rates(*(_stack([getattr(r, part) for r in rates], draws) for part in ("p", "yes", "no", "selected")))
        flat = self.episodes.log_by_block(stacked, self.space.theta(z.reshape(count * draws, d)))
        return flat.expand(count * draws, -1).reshape(count, draws, -1)

    def log_credence_of_classes(self, z: Tensor, which: Sequence[int] | None = None) -> Tensor:
        """log credence of each class's representative, [class, draw]."""
        chosen = range(len(self.classes)) if which is None else which
        count, draws, d = z.shape
        credence = self.log_credence(self.space.theta(z.reshape(count * draws, d)))
        own = torch.tensor([self.names.index(self.classes[c][0]) for c in chosen])
        own = own[:, None, None].expand(-1, draws, 1)
        return credence.expand(count * draws, -1).reshape(count, draws, -1).gather(2, own)[..., 0]

    def log_free(self, z: Tensor, blocks: int) -> Tensor:
        """log P(first `blocks` blocks | none of these, parameters), z [draw, coordinate] -> [draw]."""
        return self.free.log_evidence(self.space.theta(z), blocks).expand(z.shape[0])


def _stack(parts: list[Tensor], draws: int) -> Tensor:
    """[class * draw, row] from one [draw or 1, row] per class."""
    return torch.cat([part.expand(draws, -1) for part in parts], dim=0)


def _same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(
        float((x - y).abs().max()) <= CLASS_TOLERANCE if x.numel() and y.numel() else x.numel() == y.numel()
        for x, y in zip(a, b, strict=True)
    )
