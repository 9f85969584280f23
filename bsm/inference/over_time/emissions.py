"""What every motivation makes of the rows seen at each moment, and what free behaviour makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsm.evidence.episodes import Episodes, Rates
from bsm.evidence.ledger import Evidence
from bsm.evidence.none_of_these import FreeBehaviour
from bsm.inference.over_time.places import Seen
from bsm.motives.compile import Behaviour
from bsm.motives.theta import Theta
from bsm.motives.world import context_distribution
from bsm.spec.model import Model


@dataclass(frozen=True, eq=False)
class Emitted:
    """Log likelihoods of the rows of each moment, in nats.

    `named` [draw, moment, m]: counts of the moment's rows, given those of earlier moments where they share the shift of
    a prompt variant. `selected` [draw, moment, m]: log P(selected | context), per step, for rows that were selected
    on, else 0.
    """

    named: Tensor
    selected: Tensor

    @classmethod
    def nothing(cls, moments: int, motivations: int) -> Emitted:
        """As if every row were certain."""
        zero = torch.zeros(1, moments, motivations, dtype=torch.float64)
        return cls(zero, zero)


class Emissions:
    """The rows of one subject by the moments at which they were seen.

    Rows of a phase are read with the phase's own context tables and levers. `joined` says whether a prompt variant
    seen at several moments keeps one shift: it does where no motivation ever turns into another; elsewhere it has a
    shift of its own at each moment, and `notes` says so.
    """

    def __init__(self, model: Model, evidence: Evidence, moments: Sequence[Seen], drifts: bool) -> None:
        self.model, self.evidence, self.moments = model, evidence, tuple(moments)
        self.notes: list[str] = []
        self._kept: dict[tuple[int, bool], FreeBehaviour] = {}
        Episodes(model, evidence)  # refuses what no moment could mend
        spanning = self._variants_seen_again()
        self.joined = bool(spanning) and not drifts
        if spanning and drifts:
            self.notes.append(
                f"prompt variants {spanning} are seen at several moments; since motivations drift between them, each "
                "moment has a shift of its own"
            )
        self._parts = self.by_contexts(range(len(evidence.rows)))
        self._read = [Episodes(model, self._evidence(self._behind(i, self.joined))) for i in range(len(self.moments))]

    def _variants_seen_again(self) -> list[str]:
        at: dict[tuple[str, str, str], set[int]] = {}
        for i, moment in enumerate(self.moments):
            for j in moment.rows:
                row = self.evidence.rows[j]
                at.setdefault((row.source_id, row.setting, row.variant), set()).add(i)
        if self.model.variant_sd is None or self.model.variant_sd == 0.0:
            return []
        return sorted({f"{s}: {v or 'default'}" for (_, s, v), moments in at.items() if len(moments) > 1})

    def _behind(self, i: int, earlier: bool) -> list[int]:
        """Rows of moment i, after those of all earlier moments where wanted, in ledger order."""
        moments = self.moments[: i + 1] if earlier else self.moments[i : i + 1]
        return sorted(j for m in moments for j in m.rows)

    def _evidence(self, rows: Sequence[int]) -> Evidence:
        return replace(self.evidence, rows=tuple(self.evidence.rows[j] for j in rows))

    def by_contexts(self, which: Iterable[int]) -> list[tuple[list[int], Episodes, Behaviour]]:
        """Those rows that are read with the same context tables and levers, compiled together."""
        groups: dict[tuple, list[int]] = {}
        phases = {p.name: i for i, p in enumerate(self.model.phases)}
        models: dict[tuple, Model] = {}
        for j in which:
            row = self.evidence.rows[j]
            phase = None if row.phase is None else self.model.phases[phases[row.phase]]
            key = (tuple(phase.contexts.items()), tuple(phase.levers.items())) if phase else ((), ())
            groups.setdefault(key, []).append(j)
            models[key] = context_distribution(self.model, None if row.phase is None else phases[row.phase])
        found = []
        for key, rows in groups.items():
            episodes = Episodes(self.model, self._evidence(rows))
            found.append((rows, episodes, Behaviour(models[key], episodes.situations)))
        return found

    # --- named motivations --------------------------------------------------------------------------------

    def rates(self, name: str, theta: Theta) -> Rates:
        """Rates of all rows for one motivation, in ledger order."""
        found = [episodes.rates(behaviour, name, theta) for _, episodes, behaviour in self._parts]
        return in_order([(rows, e) for rows, e, _ in self._parts], found)

    def of(self, theta: Theta) -> Emitted:
        """Log likelihoods of every motivation at parameter draws."""
        names = list(self.model.motivations)
        by_name = [self.rates(name, theta) for name in names]
        draws = max(theta.draws, *(r.p.shape[0] for r in by_name))
        named, chosen = self._read_together(by_name, repeated(theta, len(names), draws), draws)
        return Emitted(
            named.reshape(len(names), draws, -1).permute(1, 2, 0),
            chosen.reshape(len(names), draws, -1).permute(1, 2, 0),
        )

    def of_each(self, names: Sequence[str], thetas: Sequence[Theta], together: Theta, draws: int) -> Emitted:
        """Each motivation at its own parameter draws, one after the other, [motivation x draw, moment, 1].

        `together` has the same draws one after the other.
        """
        by_name = [self.rates(name, theta) for name, theta in zip(names, thetas, strict=True)]
        named, chosen = self._read_together(by_name, together, draws)
        return Emitted(named[..., None], chosen[..., None])

    def read(self, rates: Rates, theta: Theta) -> tuple[Tensor, Tensor]:
        """Log likelihoods, and logs of being selected per step, at rates of all rows, [draw, moment] each."""
        selected = torch.stack([self._log_selected(rates.selected, m) for m in self.moments], 1)
        named = self.log_likelihood(rates, theta)
        draws = max(len(named), len(selected))
        return named.expand(draws, -1), selected.expand(draws, -1)

    @property
    def seconds(self) -> list[int]:
        """Rows with a second count."""
        return [j for j, row in enumerate(self.evidence.rows) if row.second]

    def _read_together(self, by_name: Sequence[Rates], theta: Theta, draws: int) -> tuple[Tensor, Tensor]:
        """Log likelihoods, and logs of being selected, [rates x draw, moment]."""
        parts = ("p", "yes", "no", "selected")
        stacked = Rates(*(torch.cat([getattr(r, part).expand(draws, -1) for r in by_name]) for part in parts))
        return self.read(stacked, theta)

    def _log_selected(self, chosen: Tensor, moment: Seen) -> Tensor:
        """log P(selected | context) of a moment's row, per step, [draw]; 0 where it was only seen."""
        if not moment.steps:
            return torch.zeros_like(chosen[:, 0])
        p = chosen[:, moment.rows[0]]
        return torch.where(p > 0, torch.where(p > 0, p, 1.0).log(), -torch.inf)

    def log_likelihood(self, rates: Rates, theta: Theta) -> Tensor:
        """log P(counts at each moment | rates), given those of earlier moments where joined, [draw, moment]."""
        seconds = self.seconds
        columns: list[Tensor] = []
        for i, episodes in enumerate(self._read):
            rows = self._behind(i, self.joined)
            own = [seconds.index(j) for j in rows if j in seconds]
            chosen = rates.selected[:, rows]
            p = torch.where(chosen > 0, rates.p[:, rows], 0.5)
            part = Rates(p, rates.yes[:, own], rates.no[:, own], torch.ones_like(chosen))
            found = episodes.log_by_block(part, theta).sum(-1)
            columns.append(torch.where((chosen > 0).all(-1), found, -torch.inf))
        columns = list(torch.broadcast_tensors(*columns))
        if not self.joined:
            return torch.stack(columns, 1)
        before = [torch.zeros_like(columns[0]), *columns[:-1]]
        return torch.stack([_increase(a, b) for a, b in zip(columns, before, strict=True)], 1)

    # --- free behaviour -----------------------------------------------------------------------------------

    def log_free(self, theta: Theta, count: int, part: float = 1.0) -> Tensor:
        """log P(rows of the first `count` moments | free behaviour, parameters), their selection included, [draw].

        With `part` below one, only so much of the steps of the last moment are past: its counts and the first step
        count in full, and further steps in proportion.
        """
        if count == 0:
            return torch.zeros(1, dtype=torch.float64)
        whole = self._free(count, False).log_evidence(theta)
        if part >= 1.0 or self.moments[count - 1].steps <= 1:
            return whole
        once = self._free(count, True).log_evidence(theta)
        return once + part * _increase(whole, once)

    def _free(self, count: int, once: bool) -> FreeBehaviour:
        """Free behaviour is the same at all moments, so that its rows are read together.

        `once`: the last of them stands for one step.
        """
        if (count, once) not in self._kept:
            rows, last = self._behind(count - 1, True), self.moments[count - 1].rows
            evidence = self._evidence(rows)
            if once:
                changed = zip(rows, evidence.rows, strict=True)
                evidence = replace(evidence, rows=tuple(replace(r, steps=1) if j in last else r for j, r in changed))
            episodes = Episodes(self.model, evidence)
            self._kept[count, once] = FreeBehaviour(episodes, Behaviour(self.model, episodes.situations))
        return self._kept[count, once]

    @property
    def free_notes(self) -> tuple[str, ...]:
        """Where the integral over free behaviour was replaced."""
        return tuple(dict.fromkeys(note for free in self._kept.values() for note in free.notes))


def in_order(parts: Sequence[tuple[Sequence[int], Episodes]], rates: Sequence[Rates]) -> Rates:
    """Rates of several parts of the rows as one, in ledger order."""
    order = torch.tensor([j for rows, _ in parts for j in rows], dtype=torch.long).argsort()
    second = torch.tensor([rows[i] for rows, e in parts for i in e.seconds.tolist()], dtype=torch.long).argsort()
    return Rates(
        _cat([r.p for r in rates])[:, order],
        _cat([r.yes for r in rates])[:, second],
        _cat([r.no for r in rates])[:, second],
        _cat([r.selected for r in rates])[:, order],
    )


def repeated(theta: Theta, times: int, draws: int) -> Theta:
    """The same draws one after another, so many times."""
    return Theta({n: v if len(v) == 1 else v.expand(draws).repeat(times) for n, v in theta.values.items()})


def _increase(value: Tensor, before: Tensor) -> Tensor:
    """value - before; -inf where that was -inf already."""
    gone = before == -torch.inf
    return torch.where(gone, -torch.inf, value - torch.where(gone, 0.0, before))


def _cat(parts: Sequence[Tensor]) -> Tensor:
    draws = max(p.shape[0] for p in parts)
    return torch.cat([p.expand(draws, -1) for p in parts], 1)
