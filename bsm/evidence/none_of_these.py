"""`none_of_these`: behaviour free in every context, so that misfit of the named motivations is seen as misfit.

In each context the probabilities of the joint actions are Dirichlet(1, ..., 1), integrated out (design 5); the noise
is the same as for every motivation. A block of Dirichlet cells is again Dirichlet, so the probability of an
event is Beta(cells in it, cells outside) and the second event's probabilities inside and outside it are
independent Betas: the integral is one over each margin, taken on a lattice of log-odds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from bsm.evidence.episodes import Episodes, Event, given_report
from bsm.evidence.free_selected import log_selected_rows
from bsm.evidence.lattice import Coarse
from bsm.evidence.likelihood import Counts, effective_n, judged, log_beta_binomial, log_second_margin
from bsm.motives.compile import Behaviour
from bsm.motives.theta import Theta

WIDEST = 16.0  # log-odds beyond which a margin is not followed
WIDEST_SHIFT = 4.0  # standard deviation of a variant's shift, in logits, beyond which it is not followed
MOST_POINTS = 1500
MOST_PRODUCTS = 60_000  # lattice points times shifts, per row
MOST_PAIR_CELLS = 250_000
BEYOND = 0.5  # how much wider than the draws, in log rho, an interpolant is made
LEVELS = 12  # values of rho at which the second margin is worked out when draws share one rho


@dataclass(frozen=True, eq=False)
class Margin:
    """One context: its rows, the Beta parameters of its event, and the lattice of log-odds it is integrated on."""

    rows: tuple[int, ...]
    flipped: Tensor  # per row: the row counts the complement of the context's event
    inside: float
    outside: float
    low: float
    width: float


class FreeBehaviour:
    """The marginal likelihood of rows when behaviour is free in every context.

    `notes` says where the exact integral was replaced: contexts whose rows observe different events, and
    variants that tie more than two contexts together, have their shifts integrated context by context.
    """

    def __init__(self, episodes: Episodes, behaviour: Behaviour) -> None:
        self.episodes = episodes
        self.behaviour = behaviour
        self._notes: list[str] = []
        self._coarse = Coarse()
        self._interpolants: dict[tuple[int, ...], list[Interpolant]] = {}
        self.nodes = self._observed_nodes()
        self.sizes = [len(episodes.model.nodes[n].states) for n in self.nodes]
        self.cells = math.prod(self.sizes)

    def _observed_nodes(self) -> tuple[str, ...]:
        model = self.episodes.model
        named = {n for o in model.observations.values() for n in o.event}
        actions = set(model.graph.action_stages()[0])
        return tuple(n for n in model.nodes if n in named | actions)

    def _members(self, event: Event) -> frozenset[int]:
        states = [self.episodes.model.nodes[n].states for n in self.nodes]
        return frozenset(
            i
            for i, cell in enumerate(product(*states))
            if all(cell[self.nodes.index(n)] in allowed for n, allowed in event.items())
        )

    def log_evidence(self, theta: Theta, blocks: int | None = None) -> Tensor:
        """log P(first `blocks` blocks | none of these, noise parameters) in nats, [draw]; all of them by default."""
        episodes = self.episodes
        limit = len(episodes.blocks) if blocks is None else blocks
        with torch.no_grad():
            counts = episodes.counts(theta)
            within = episodes.block_of_row < limit
            total = torch.zeros(1, dtype=torch.float64)
            if outside := (within & ~episodes.inside).nonzero()[:, 0].tolist():
                margins = self._margins(outside, theta, counts)
                total = total + self._first_margins(margins, theta, counts)
            if bool((within & episodes.inside).any()):
                total = total + log_selected_rows(self.behaviour, episodes, theta, counts, within & episodes.inside)
            counted = (episodes.block_of_second < limit).nonzero()[:, 0]
            return total + self._second_margins(episodes.seconds[counted].tolist(), counts)

    # --- first margins -----------------------------------------------------------------------------------

    def _margins(self, chosen: list[int], theta: Theta, counts: Counts) -> list[Margin]:
        by_context: dict[tuple[int, frozenset[int]], list[int]] = {}
        flips: dict[int, bool] = {}
        everything = frozenset(range(self.cells))
        for i in chosen:
            row = self.episodes.rows[i]
            members = self._members(dict(self.episodes.model.observations[row.observation].event))
            where = int(self.episodes.where[i])
            flips[i] = (where, everything - members) in by_context and (where, members) not in by_context
            by_context.setdefault((where, everything - members if flips[i] else members), []).append(i)
        if len({w for w, _ in by_context}) < len(by_context):
            self._note("some contexts are observed through different events; each event is integrated on its own")
        return [self._margin(rows, members, flips, theta, counts) for (_, members), rows in by_context.items()]

    def _margin(
        self, rows: list[int], members: frozenset[int], flips: dict[int, bool], theta: Theta, counts: Counts
    ) -> Margin:
        flipped = torch.tensor([flips[i] for i in rows])
        sd = self._widths(rows, counts)
        k, n = self.episodes.k[rows], self.episodes.n[rows]
        fpr, fnr = counts.fpr[:, rows].mean(0), counts.fnr[:, rows].mean(0)
        rate, edge = _unjudged(k, n, fpr, fnr), 0.5 / (n + 1)
        spread = 4 * torch.sqrt((k + 0.5) * (n - k + 0.5)) / (n + 1) ** 1.5
        open_below = (k / n - spread <= fpr) | (rate <= edge)
        open_above = (k / n + spread >= 1 - fnr) | (rate >= 1 - edge)
        centre = torch.where(flipped, -torch.logit(rate), torch.logit(rate))
        below, above = (
            torch.where(flipped, open_above, open_below),
            torch.where(flipped, open_below, open_above),
        )
        reach = 6 * sd + 4 * self._largest_shift(theta)
        low = -WIDEST if bool(below.any()) else max(-WIDEST, float((centre - reach).min()))
        high = WIDEST if bool(above.any()) else min(WIDEST, float((centre + reach).max()))
        return Margin(tuple(rows), flipped, len(members), self.cells - len(members), low, high - low)

    def _widths(self, rows: list[int], counts: Counts) -> Tensor:
        """Rough width in log-odds of each row's likelihood at the least dispersion among the draws."""
        least = counts.rho[:, rows].amin(0)
        k, n = counts.k[:, rows].amax(0), counts.n[:, rows].amax(0)
        fpr, fnr = counts.fpr[:, rows].mean(0), counts.fnr[:, rows].mean(0)
        rate = _unjudged(k, n, fpr, fnr)
        seen = judged(rate, fpr, fnr)
        slope = (1 - fpr - fnr) * rate * (1 - rate)
        worth = n / (1 + (n - 1).clamp_min(0) * least)
        return 1 / torch.sqrt((worth * slope**2 / (seen * (1 - seen))).clamp_min(0.05))

    def _largest_shift(self, theta: Theta) -> float:
        sd = self.episodes.model.variant_sd
        return 0.0 if sd is None else min(WIDEST_SHIFT, float(theta.of(sd).max()))

    def _first_margins(self, margins: list[Margin], theta: Theta, counts: Counts) -> Tensor:
        step = self._step(margins, theta, counts)
        reach = math.ceil(4 * self._largest_shift(theta) / step)
        log_shift = self._log_shift(theta, step, reach)
        factors: dict[int, list[tuple[int, Tensor]]] = {}
        alone = []
        for c, margin in enumerate(margins):
            points = int(margin.width / step) + 2
            x = margin.low + step * torch.arange(points, dtype=torch.float64)
            density = margin.inside * torch.nn.functional.logsigmoid(
                x
            ) + margin.outside * torch.nn.functional.logsigmoid(-x)
            beta = math.lgamma(margin.inside) + math.lgamma(margin.outside) - math.lgamma(self.cells)
            alone.append((density - beta + math.log(step))[None])
            for variant, values in self._by_variant(margin, x, step, reach, counts).items():
                factors.setdefault(variant, []).append((c, values))
        return self._combined(alone, factors, log_shift)

    def _step(self, margins: list[Margin], theta: Theta, counts: Counts) -> float:
        """Spacing of the lattice, within a budget: one standard deviation of the narrowest factor.

        For a normal factor the trapezoid rule is then off by 2 exp(-2 pi^2), about 5e-9; the widths are rough, so
        some of that is slack.
        """
        narrowest = min(self._widths_of(margins, counts))
        sd = self.episodes.model.variant_sd
        if sd is not None:  # the shift is on the lattice too; far narrower than a likelihood it hardly matters
            narrowest = min(narrowest, max(float(theta.of(sd).min()), 0.15 * narrowest))
        judged_at_all = bool((counts.fpr > 0).any() or (counts.fnr > 0).any())  # a saturated judge bends the likelihood
        wanted = min(0.3 if judged_at_all else 0.5, narrowest)
        widest = max(m.width for m in margins)
        shifts = 8 * self._largest_shift(theta)
        least = max(widest / MOST_POINTS, math.sqrt(widest * shifts / MOST_PRODUCTS))
        if least > 1.5 * wanted:
            self._coarse.meets([r for m in margins for r in m.rows], self._widths_of(margins, counts), least, wanted)
        return max(wanted, least)

    def _widths_of(self, margins: list[Margin], counts: Counts) -> list[float]:
        return [w for m in margins for w in self._widths(list(m.rows), counts).tolist()]

    def _log_shift(self, theta: Theta, step: float, reach: int) -> Tensor:
        """log weight of each lattice shift, [draw, shift], summing to one."""
        if reach == 0:
            return torch.zeros(1, 1, dtype=torch.float64)
        sd = theta.of(self.episodes.model.variant_sd)[:, None]  # type: ignore[arg-type]
        u = step * torch.arange(-reach, reach + 1, dtype=torch.float64)
        return torch.log_softmax(-0.5 * (u / sd.clamp_min(1e-9)) ** 2, dim=-1)

    def _by_variant(self, margin: Margin, x: Tensor, step: float, reach: int, counts: Counts) -> dict[int, Tensor]:
        """log likelihood of a context's rows, by variant: [draw, lattice point, shift]."""
        rows = list(margin.rows)
        k, n, rho, fpr, fnr = (t[:, rows] for t in counts.tensors())
        wide = x[0] - step * reach + step * torch.arange(len(x) + 2 * reach, dtype=torch.float64)
        p = torch.sigmoid(torch.where(margin.flipped[:, None], -wide, wide))
        log_rows = log_beta_binomial(
            k[..., None], n[..., None], judged(p, fpr[..., None], fnr[..., None]), rho[..., None]
        )
        out: dict[int, Tensor] = {}
        for j, i in enumerate(rows):
            variant = int(self.episodes.variant[i])
            values = log_rows[:, j].unfold(-1, 2 * reach + 1, 1)
            out[variant] = out[variant] + values if variant in out else values
        return out

    def _combined(self, alone: list[Tensor], factors: dict[int, list[tuple[int, Tensor]]], log_shift: Tensor) -> Tensor:
        pairs: dict[tuple[int, int], Tensor] = {}
        single = dict(enumerate(alone))
        partner, count = _partners(factors), _variants_of(factors)
        done: set[int] = set()
        total = torch.zeros(1, dtype=torch.float64)
        for touched in factors.values():
            if all(count[c] == 1 for c, _ in touched):  # nothing else is known of these contexts
                along = [torch.logsumexp(values + single[c][:, :, None], dim=1) for c, values in touched]
                total = total + torch.logsumexp(sum(along, start=log_shift), dim=-1)
                done |= {c for c, _ in touched}
                continue
            tied = len(touched) == 2 and all(partner[c] == {d for d, _ in touched} for c, _ in touched)
            if tied and touched[0][1].shape[1] * touched[1][1].shape[1] <= MOST_PAIR_CELLS:
                (a, left), (b, right) = touched
                pairs[a, b] = pairs.get((a, b), torch.zeros(1)) + _together(left, right, log_shift)
                continue
            if len(touched) > 1:
                self._note("a variant ties several contexts together; its shift is integrated in each on its own")
            for c, values in touched:
                single[c] = single[c] + torch.logsumexp(values + log_shift[:, None], dim=-1)
        for (a, b), values in pairs.items():
            both = values + single[a][:, :, None] + single[b][:, None, :]
            total = total + torch.logsumexp(both.flatten(1), dim=-1)
            done |= {a, b}
        for c, values in single.items():
            if c not in done:
                total = total + torch.logsumexp(values, dim=-1)
        return total

    # --- second margins ----------------------------------------------------------------------------------

    def _second_margins(self, chosen: list[int], counts: Counts) -> Tensor:
        """log P(second counts | first counts): rates with and without the first event, free in each context.

        Where the judge of the first event errs, the rates given its report are taken at the reported rate.
        """
        episodes = self.episodes
        by_context: dict[tuple[int, str, str], list[int]] = {}
        for i in chosen:
            row = episodes.rows[i]
            assert row.second is not None
            by_context.setdefault((int(episodes.where[i]), row.observation, row.second.observation), []).append(i)
        if not by_context:
            return torch.zeros(1, dtype=torch.float64)
        rho = counts.rho[:, [i for rows in by_context.values() for i in rows]]
        kept = self._interpolants.setdefault(tuple(chosen), [])
        return _along_one_level(rho, lambda r: self._at_levels(by_context, r, counts), kept)

    def _at_levels(self, by_context: dict[tuple[int, str, str], list[int]], rho: Tensor, counts: Counts) -> Tensor:
        total, at = torch.zeros(1, dtype=torch.float64), 0
        for (_, first, second), rows in by_context.items():
            a, b = self._members_of(first), self._members_of(second)
            own = rho[:, at : at + len(rows)]
            at += len(rows)
            shapes = ((len(a & b), len(a - b)), (len(b - a), self.cells - len(a | b)))
            total = total + self._one_context(rows, own, shapes, counts)
        return total

    def _members_of(self, observation: str) -> frozenset[int]:
        return self._members(dict(self.episodes.model.observations[observation].event))

    def _one_context(
        self, rows: list[int], rho: Tensor, shapes: tuple[tuple[int, int], tuple[int, int]], counts: Counts
    ) -> Tensor:
        k, n = self.episodes.k[rows].round(), self.episodes.n[rows].round()
        position = {int(i): j for j, i in enumerate(self.episodes.seconds)}
        second = torch.minimum(self.episodes.second_k[[position[i] for i in rows]].round(), n)
        nodes = _nodes_for(float(effective_n(n, rho.amin(0)).max()))
        yes, log_yes = _beta_nodes(*shapes[0], nodes)
        no, log_no = _beta_nodes(*shapes[1], nodes)
        grid_yes, grid_no = torch.meshgrid(yes, no, indexing="ij")
        fpr, fnr = counts.fpr[:, rows].mean(0), counts.fnr[:, rows].mean(0)
        given = (grid_yes.reshape(-1, 1).expand(-1, len(rows)), grid_no.reshape(-1, 1).expand(-1, len(rows)))
        if bool((fpr > 0).any() or (fnr > 0).any()):
            given = given_report(_unjudged(k, n, fpr, fnr), *given, fpr, fnr)
        flat_yes, flat_no = (t[None].expand(rho.shape[0], -1, -1) for t in given)
        log_rows = log_second_margin(k, n, second, flat_yes, flat_no, rho[:, None].expand_as(flat_yes))
        weights = (log_yes[:, None] + log_no[None, :]).reshape(-1)
        return torch.logsumexp(log_rows.sum(-1) + weights, dim=-1)

    @property
    def notes(self) -> list[str]:
        return [*self._notes, *self._coarse.note(self.episodes.rows)]

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)


def _unjudged(k: Tensor, n: Tensor, fpr: Tensor, fnr: Tensor) -> Tensor:
    """The rate behind a reported one, kept half an episode off 0 and 1."""
    edge = 0.5 / (n + 1)
    return (((k + 0.5) / (n + 1) - fpr) / (1 - fpr - fnr)).clamp(min=edge, max=1 - edge)


def _partners(factors: dict[int, list[tuple[int, Tensor]]]) -> dict[int, set[int]]:
    """For each context, the contexts that some variant ties it to, itself included."""
    partner: dict[int, set[int]] = {}
    for touched in factors.values():
        for c, _ in touched:
            partner.setdefault(c, set()).update(d for d, _ in touched)
    return partner


def _variants_of(factors: dict[int, list[tuple[int, Tensor]]]) -> dict[int, int]:
    """For each context, how many variants it has."""
    count: dict[int, int] = {}
    for touched in factors.values():
        for c, _ in touched:
            count[c] = count.get(c, 0) + 1
    return count


def _together(left: Tensor, right: Tensor, log_shift: Tensor) -> Tensor:
    """log of sum over shifts of weight x left x right, [draw, point of one context, point of the other]."""
    a = left + log_shift[:, None]
    top_a, top_b = a.amax((-2, -1), keepdim=True), right.amax((-2, -1), keepdim=True)
    both = torch.exp(a - top_a) @ torch.exp(right - top_b).transpose(-1, -2)
    return both.clamp_min(1e-300).log() + top_a + top_b


def _nodes_for(worth: float) -> int:
    """Quadrature nodes that resolve a rate seen on `worth` independent episodes."""
    return int(min(40, max(12, 2.5 * math.sqrt(worth))))


def _beta_nodes(inside: int, outside: int, nodes: int) -> tuple[Tensor, Tensor]:
    """Gauss-Jacobi nodes and log weights for a Beta(inside, outside) probability; a point mass if one is empty."""
    from scipy.special import roots_jacobi

    if inside == 0 or outside == 0:
        return torch.tensor([float(inside > 0)], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    x, w = roots_jacobi(nodes, outside - 1, inside - 1)
    weights = torch.from_numpy(w)
    return torch.from_numpy((x + 1) / 2), torch.log(weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Interpolant:
    """log P as a smooth function of log rho between two levels."""

    low: float
    high: float
    at: Callable[[object], object]


def _along_one_level(rho: Tensor, f: Callable[[Tensor], Tensor], kept: list[Interpolant]) -> Tensor:
    """f(rho) for every draw; where all rows share one rho, through a Chebyshev interpolant in log rho.

    The interpolant has `LEVELS` nodes over a little more than the draws' range, is used only when there are more
    draws than nodes, and is kept for later calls whose draws it covers.
    """
    level = rho[:, 0]
    if rho.shape[0] <= LEVELS or bool((rho != level[:, None]).any()) or bool((level <= 0).any()):
        return f(rho)
    log_level = level.log()
    low, high = float(log_level.min()), float(log_level.max())
    for found in kept:
        if found.low <= low and high <= found.high:
            return torch.from_numpy(found.at(log_level.numpy()))
    kept.append(_interpolant(f, low - BEYOND, min(high + BEYOND, math.log(0.999)), rho.shape[1]))
    return torch.from_numpy(kept[-1].at(log_level.numpy()))


def _interpolant(f: Callable[[Tensor], Tensor], low: float, high: float, rows: int) -> Interpolant:
    from scipy.interpolate import BarycentricInterpolator

    turn = torch.cos(math.pi * (2 * torch.arange(LEVELS, dtype=torch.float64) + 1) / (2 * LEVELS))
    nodes = (low + high) / 2 + (high - low) / 2 * turn
    values = f(torch.exp(nodes)[:, None].expand(-1, rows))
    return Interpolant(low, high, BarycentricInterpolator(nodes.numpy(), values.numpy()))
