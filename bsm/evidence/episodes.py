"""From a subject's ledger rows to their log likelihood under each motivation, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.evidence.ledger import Evidence
from bsm.evidence.likelihood import (
    Counts,
    hermite,
    judged,
    log_by_variant,
    log_second_margin,
)
from bsm.evidence.rows import LedgerRow
from bsm.evidence.selected import both, check_steps, factors, phase_of, steps_of
from bsm.motives.compile import Behaviour
from bsm.motives.situations import Situations, seen, situations
from bsm.motives.theta import Theta
from bsm.spec.model import Model, Number, SpecError

STATED = "stated n_eff"
NODES = 10  # of the quadrature over a variant's shift
Event = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a row observes, what its second count observes, and the phase that selected on its episodes, if any."""

    first: str
    second: str | None
    phase: str | None


@dataclass(frozen=True, eq=False)
class Rates:
    """What a motivation makes of each row, before the judge and before any variant's shift; all [draw, row].

    `p`: probability of the observation (given selection, for a row that was selected on). `yes` and `no`:
    probability of the second observation with and without the first. `selected`: P(selected | context) for rows
    that were selected on, 1 elsewhere.
    """

    p: Tensor
    yes: Tensor
    no: Tensor
    selected: Tensor


class Episodes:
    """One subject's rows, compiled against a model.

    Attributes:
        rows: the ledger rows, in order.
        blocks: names of the blocks of evidence, in order of first appearance.
        situations: the distinct situations of the rows; `where[row]` is the position of each row's own.
        variants: the groups of rows that share a shift.
        inside: whether a row's episodes were selected on [row]; a row of a phase with no steps was only seen there.
        steps: selected steps that the rows observed, `steps_of` by phase.
    """

    def __init__(self, model: Model, evidence: Evidence) -> None:
        self.model = model
        self.rows: tuple[LedgerRow, ...] = evidence.rows
        if len(subjects := {r.subject for r in self.rows}) > 1:
            raise SpecError(f"evidence on {sorted(subjects)} is never pooled; take one subject at a time")
        self.situations, self.where = _situations(model, self.rows)
        self.variants, self.variant = _group([(r.source_id, r.setting, r.variant) for r in self.rows])
        self.blocks, self.block_of_row = _group([r.block for r in self.rows])
        self.block_of_variant = self._block_of_variant()
        self.block_of_second = self._blocks_of_seconds()
        self.k = torch.tensor([r.k for r in self.rows], dtype=torch.float64)
        self.n = torch.tensor([r.n for r in self.rows], dtype=torch.float64)
        self.seconds = torch.tensor([i for i, r in enumerate(self.rows) if r.second], dtype=torch.long)
        self.second_k = torch.tensor([r.second.k for r in self.rows if r.second], dtype=torch.float64)
        self.inside = torch.tensor([phase_of(r) is not None for r in self.rows], dtype=torch.bool)
        self.row_steps = torch.tensor([r.steps for r in self.rows], dtype=torch.float64)
        self.steps_of = steps_of(self.rows)
        self.steps = sum(self.steps_of.values())
        stated = [r.n_eff is not None for r in self.rows]
        self.n_is_stated = torch.tensor([s and r.basis == STATED for s, r in zip(stated, self.rows, strict=True)])
        self.rho_is_implied = torch.tensor([s and r.basis != STATED for s, r in zip(stated, self.rows, strict=True)])
        self.stated_at_load = torch.tensor(
            [r.n_eff if isinstance(r.n_eff, float) else r.stated for r in self.rows], dtype=torch.float64
        )
        self.kinds, self.order, self.second_order = self._by_kind()
        self.nodes = hermite(NODES)
        check_steps(model, self.rows, {**model.parameters, **evidence.parameters})

    def _blocks_of_seconds(self) -> Tensor:
        """Second counts make blocks of their own, after all others: one for each pair of observations."""
        names = [f"{r.second.observation}, given {r.observation}" for r in self.rows if r.second]
        new = list(dict.fromkeys(names))
        start = len(self.blocks)
        self.blocks += new
        return torch.tensor([start + new.index(name) for name in names], dtype=torch.long)

    def _by_kind(self) -> tuple[dict[Kind, Tensor], Tensor, Tensor]:
        """Rows of each kind, and how to put rows read kind by kind back into ledger order."""
        members: dict[Kind, list[int]] = {}
        for i, row in enumerate(self.rows):
            kind = Kind(row.observation, row.second.observation if row.second else None, phase_of(row))
            members.setdefault(kind, []).append(i)
        order = torch.tensor([i for rows in members.values() for i in rows], dtype=torch.long).argsort()
        seconds = torch.tensor([i for k, rows in members.items() if k.second for i in rows], dtype=torch.long).argsort()
        return {k: torch.tensor(rows, dtype=torch.long) for k, rows in members.items()}, order, seconds

    def _block_of_variant(self) -> Tensor:
        owner: dict[int, int] = {}
        for row, variant, block in zip(self.rows, self.variant.tolist(), self.block_of_row.tolist(), strict=True):
            if owner.setdefault(variant, block) != block:
                raise SpecError(
                    f"line {row.line}: the rows of variant {row.variant or 'default'!r} in {row.setting!r} share one "
                    f"shift and so must lie in one block; they lie in {self.blocks[owner[variant]]!r} and {row.block!r}"
                )
        return torch.tensor([owner[v] for v in range(len(self.variants))], dtype=torch.long)

    # --- what a motivation makes of the rows -------------------------------------------------------------

    def rates(self, behaviour: Behaviour, name: str, theta: Theta) -> Rates:
        """Probabilities of what was observed, for one motivation, [draw, row]."""
        policy = behaviour.log_policy(name, theta).exp()

        def chance(event: Event, phase: str | None) -> Tensor:
            found = both(behaviour.event(event), factors(behaviour, phase))
            return (policy * behaviour.consequence(found, theta, name)).sum(-1)

        return self.assembled(chance)

    def assembled(self, chance: Callable[[Event, str | None], Tensor]) -> Rates:
        """Rates from P(event, selected in a phase | situation), [draw, situation]; no phase: nothing was selected on.

        Rows of one kind (same observation, second observation, phase that selected) are read together.
        """
        events = {name: dict(o.event) for name, o in self.model.observations.items()}
        p, chosen, yes, no = [], [], [], []
        for kind, rows in self.kinds.items():
            where = self.where[rows]
            whole = chance({}, kind.phase)[:, where] if kind.phase else torch.ones(1, len(rows), dtype=torch.float64)
            one = chance(events[kind.first], kind.phase)[:, where] / whole
            p.append(one)
            chosen.append(whole)
            if kind.second:
                both = chance(_and(events[kind.first], events[kind.second]), kind.phase)[:, where] / whole
                yes.append(_ratio(both, one))
                no.append(self._without(kind, events, chance, where, whole, one, both))
        return Rates(*(_side_by_side(parts, order) for parts, order in (
            (p, self.order), (yes, self.second_order), (no, self.second_order), (chosen, self.order)
        )))  # fmt: skip

    def _without(
        self,
        kind: Kind,
        events: dict[str, Event],
        chance: Callable[[Event, str | None], Tensor],
        where: Tensor,
        whole: Tensor,
        one: Tensor,
        both: Tensor,
    ) -> Tensor:
        """P(second event | not the first); without subtraction where the first event is on one node."""
        assert kind.second is not None
        other = self._complement(events[kind.first])
        if other is None:
            return _ratio(chance(events[kind.second], kind.phase)[:, where] / whole - both, 1 - one)
        missed = chance(other, kind.phase)[:, where] / whole
        rest = chance(_and(other, events[kind.second]), kind.phase)[:, where] / whole
        return _ratio(rest, missed)

    def _complement(self, event: Event) -> Event | None:
        if len(event) != 1:
            return None
        (node, states), *_ = event.items()
        return {node: tuple(s for s in self.model.nodes[node].states if s not in states)}

    # --- likelihoods -------------------------------------------------------------------------------------

    def counts(self, theta: Theta) -> Counts:
        """k, n, rho and judge errors of every row at these parameters."""
        rho = _numbers([0.0 if r.rho is None else r.rho for r in self.rows], theta)
        fpr = _numbers([r.fpr for r in self.rows], theta)
        fnr = _numbers([r.fnr for r in self.rows], theta)
        stated = _numbers([r.n if r.n_eff is None else r.n_eff for r in self.rows], theta)
        n = torch.where(self.n_is_stated, stated * self.n / self.stated_at_load, self.n)
        k = torch.where(self.n_is_stated, self.k / self.n * n, self.k)
        capped = (self.n / torch.minimum(stated, self.n) - 1) / torch.where(
            self.n > 1, self.n - 1, torch.ones_like(self.n)
        )
        rho = torch.where(self.rho_is_implied, capped.clamp(min=0, max=1 - 1e-9), rho)
        return Counts(k, n, rho, fpr, fnr, self.variant, len(self.variants))

    @contextmanager
    def finer(self) -> Iterator[None]:
        """Twice the nodes in the quadrature over shifts, to see what the error is."""
        kept, self.nodes = self.nodes, hermite(2 * NODES)
        try:
            yield
        finally:
            self.nodes = kept

    def log_by_block(self, rates: Rates, theta: Theta) -> Tensor:
        """log P(block of rows | motivation, parameters) in nats, [draw, block].

        Blocks add, because variants do not cross them. Second counts, given the first, are blocks of their own
        and come last.
        """
        counts = self.counts(theta)
        sd = None if self.model.variant_sd is None else theta.of(self.model.variant_sd)
        per_variant = log_by_variant(counts, rates.p, sd, self.nodes)
        total = torch.zeros(per_variant.shape[0], len(self.blocks), dtype=torch.float64)
        total = total.index_add(1, self.block_of_variant, per_variant)
        extra = torch.zeros(1, 0, dtype=torch.float64)
        if len(self.seconds):
            extra = self.log_seconds(rates, counts)
        chosen = self.log_selected(rates)
        draws = max(total.shape[0], extra.shape[0], chosen.shape[0])
        total = total.expand(draws, -1).index_add(1, self.block_of_second, extra.expand(draws, -1))
        return total.index_add(1, self.block_of_row, chosen.expand(draws, -1))

    def log_seconds(self, rates: Rates, counts: Counts) -> Tensor:
        """log P(second counts | first counts), [draw, row with a second count]; trials are whole episodes here.

        The first count is what the judge reported, so the second event's rates are taken given the report.
        """
        at = self.seconds
        k, n = self.k[at].round(), self.n[at].round()
        second = torch.minimum(self.second_k.round(), n)
        fpr, fnr, rho = counts.fpr[:, at], counts.fnr[:, at], counts.rho[:, at]
        yes, no = given_report(rates.p[:, at], rates.yes, rates.no, fpr, fnr)
        yes, no, rho = torch.broadcast_tensors(yes, no, rho)
        return log_second_margin(k, n, second, yes, no, rho)

    def log_selected(self, rates: Rates) -> Tensor:
        """log P(selected | context) for each selected step that a row stands for, [draw, row]; 0 outside selection."""
        steps = self.row_steps * self.inside
        return torch.where(steps > 0, torch.xlogy(steps, rates.selected), torch.zeros_like(rates.selected))


def given_report(p: Tensor, yes: Tensor, no: Tensor, fpr: Tensor, fnr: Tensor) -> tuple[Tensor, Tensor]:
    """P(second event | reported) and P(second event | not reported), from rates given the true first event."""
    both, rest = p * yes, (1 - p) * no
    reported = judged(p, fpr, fnr)
    return _ratio((1 - fnr) * both + fpr * rest, reported), _ratio(fnr * both + (1 - fpr) * rest, 1 - reported)


def _situations(model: Model, rows: Sequence[LedgerRow]) -> tuple[Situations, Tensor]:
    names = seen(model)
    keys = [
        (
            tuple(r.contexts[n] for n in names),
            tuple((n, s) for n, s in r.contexts.items() if n not in names),
        )
        for r in rows
    ]
    distinct = list(dict.fromkeys(keys))
    where = torch.tensor([distinct.index(key) for key in keys], dtype=torch.long)
    return situations(model, names, [k[0] for k in distinct], [k[1] for k in distinct]), where


def _group(keys: Sequence[object]) -> tuple[list, Tensor]:
    names = list(dict.fromkeys(keys))
    position = {name: i for i, name in enumerate(names)}
    return names, torch.tensor([position[k] for k in keys], dtype=torch.long)


def _and(a: Event, b: Event) -> Event:
    both = dict(a)
    for node, states in b.items():
        both[node] = tuple(s for s in both.get(node, states) if s in states)
    return both


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, 0.5 where the whole is zero (the group is then empty and the ratio never read)."""
    empty = whole <= 0
    return torch.where(
        empty, torch.full_like(part, 0.5), part / torch.where(empty, torch.ones_like(whole), whole)
    ).clamp(0, 1)


def _side_by_side(parts: list[Tensor], order: Tensor) -> Tensor:
    if not parts:
        return torch.zeros(1, 0, dtype=torch.float64)
    draws = max(part.shape[0] for part in parts)
    return torch.cat([part.expand(draws, -1) for part in parts], dim=-1)[:, order]


def _numbers(numbers: Sequence[Number], theta: Theta) -> Tensor:
    """[draw, number]; numbers that many rows share are looked up once."""
    if not numbers:
        return torch.zeros(1, 0, dtype=torch.float64)
    distinct = list(dict.fromkeys(numbers))
    which = torch.tensor([distinct.index(n) for n in numbers], dtype=torch.long)
    return theta.stack(tuple(distinct))[:, which]
