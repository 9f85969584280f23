"""One exact question to a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bsm.engine import TooLarge, compile
from bsm.engine.contraction import default_limit
from bsm.graph import Role
from bsm.inference.parameters import Space
from bsm.motives.network import MOTIVATION, to_network
from bsm.network.surgery import intervene
from bsm.network.tables import Network
from bsm.spec.model import Model

BYTES = 8

Setting = str | Mapping[str, float]


@dataclass(frozen=True)
class Answer:
    """P(target | given, do): a probability for each state (or combination of states) of the target.

    `probabilities` maps states to probabilities that sum to one; for several targets the keys are tuples.
    Where the model has uncertain parameters these are averages over their prior given the evidence, `low` and
    `high` the central 90 % of the values over parameters, and `draws` how many were used; otherwise low and high
    equal the probability. `log_evidence` is log P(given | do) in nats. `prior` is P(target | do), without what is
    given, where somebody has asked for it too. `before` names the phases of selection before which all of this holds.
    """

    target: tuple[str, ...]
    given: Mapping[str, Setting]
    do: Mapping[str, Setting]
    probabilities: Mapping[object, float]
    low: Mapping[object, float]
    high: Mapping[object, float]
    log_evidence: float
    draws: int
    prior: Mapping[object, float] | None = None
    before: tuple[str, ...] = ()

    def __getitem__(self, state: object) -> float:
        return self.probabilities[state]

    def __str__(self) -> str:
        lines = [f"P({', '.join(self.target)}{self._condition()})"]
        for state, p in self.probabilities.items():
            band = f"   [{self.low[state]:.4f}, {self.high[state]:.4f}]" if self.draws > 1 else ""
            prior = "" if self.prior is None else f"   prior {self.prior[state]:.6f}"
            lines.append(f"  {state if isinstance(state, str) else ', '.join(state)!s:<28} {p:.6f}{band}{prior}")  # type: ignore[arg-type]
        if self.draws > 1:
            lines.append(f"  (mean and central 90 % over {self.draws} draws of the uncertain parameters)")
        if self.prior is not None:
            beside = " | " + ", ".join(self._done()) if self.do else ""
            lines.append(f"  (prior: P({', '.join(self.target)}{beside}), without what is given)")
        if self.before:
            lines.append(f"  (before any phase: selection in {', '.join(self.before)} is no part of it;")
            lines.append("   `bsm at` gives motivations at moments)")
        return "\n".join(lines)

    def _condition(self) -> str:
        parts = [f"{n}={s}" for n, s in self.given.items()] + self._done()
        return " | " + ", ".join(parts) if parts else ""

    def _done(self) -> list[str]:
        return [f"do({n}={s})" for n, s in self.do.items()]


def ask(
    model: Model,
    target: str | Sequence[str],
    given: Mapping[str, Setting] | None = None,
    do: Mapping[str, Setting] | None = None,
    overlay: str | None = None,
    draws: int = 500,
    seed: int = 0,
) -> Answer:
    """P(target | given, do) in the model's network, exactly, for any node or several.

    `do` acts on the network after policies were derived: it cuts a node off from its causes and the AI acts as it
    would have, not expecting it. The contexts that a ledger row or a listed situation sets are believed by the
    AI instead, and its policy is derived anew under them.

    Args:
        model: the model.
        target: node or nodes asked about; `motivation` is the root that chooses, and `influence` means the node
            whose role that is.
        given: node -> observed state, or a likelihood for each state (virtual evidence).
        do: node -> state it is set to, or a new distribution over its states.
        overlay: a named overlay to apply.
        draws: parameter draws from the prior, where there are uncertain parameters.
        seed: of those draws.

    Raises:
        ImpossibleEvidence: what is given cannot happen; the message names the zero.
        TooLarge: the tables of so many draws would not fit in memory.
        NetworkError: an unknown node or state.
    """
    space = Space.of(model.with_overlay(overlay).parameters)
    count = draws if space.names else 1
    theta = space.theta(space.prior_draws(count, seed))
    if count > 1:
        refuse_too_many_draws(to_network(model, overlay, space.theta(space.prior_draws(2, seed))), count)
    network = to_network(model, overlay, theta)
    alias = aliases(model.with_overlay(overlay))
    asked = tuple(alias(t) for t in ([target] if isinstance(target, str) else target))
    given = {alias(n): s for n, s in (given or {}).items()}
    do = {alias(n): s for n, s in (do or {}).items()}
    cut = intervene(network, do) if do else network
    query = compile(cut, asked, tuple(given), expected_rows=1)
    probabilities, log_evidence = query.drawn([given])
    found = _answer(cut, asked, given, do, probabilities[:, 0], log_evidence[:, 0], count)
    before = tuple(p.name for p in model.with_overlay(overlay).phases if p.selections != 0.0 or p.gates)
    return replace(found, before=before if _chosen(cut, (*asked, *given), known=(*given, *do)) else ())


def _chosen(network: Network, names: Sequence[str], known: Sequence[str]) -> bool:
    """Whether it matters to any of these who chooses: the motivation is not known, and one of them or its cause."""
    seen, left = set[str](), list(names)
    while left:
        if (name := left.pop()) not in seen:
            seen.add(name)
            left += network.tables[name].parents
    return MOTIVATION in seen and MOTIVATION not in known


def aliases(model: Model) -> Callable[[str], str]:
    """The node that a name means: the role `influence` names the node that has it."""
    role = Role.INFLUENCE.value

    def named(name: str) -> str:
        return model.graph.influence if name == role and name not in model.nodes else name

    return named


def refuse_too_many_draws(probe: Network, draws: int) -> None:
    """Refuse tables that would not fit, before they are made.

    Args:
        probe: the network at two draws.

    Raises:
        TooLarge: with the numbers, and how many draws fit.
    """
    limit = default_limit(())
    drawn = {n: t.values[0].numel() for n, t in probe.tables.items() if len(t.values) > 1}
    each = BYTES * sum(drawn.values())
    if each * draws <= limit:
        return
    name = max(drawn, key=lambda n: drawn[n])
    fit = limit // each
    raise TooLarge(
        f"{draws} parameter draws of this model's tables take {each * draws:,} bytes and may take {limit:,}, a quarter "
        f"of the memory; the largest is that of {name}, {drawn[name]:,} numbers a draw. At most {fit} draws "
        f"fit: ask with --draws {max(1, fit)} or fewer"
    )


def _answer(
    network: Network,
    asked: tuple[str, ...],
    given: Mapping[str, Setting],
    do: Mapping[str, Setting],
    probabilities: Tensor,
    log_evidence: Tensor,
    count: int,
) -> Answer:
    drawn = probabilities.shape[0]
    weights = torch.softmax(log_evidence, 0)
    mean = (probabilities * weights.reshape(-1, *[1] * len(asked))).sum(0)
    states = [network.variables[n].states for n in asked]
    p, low, high = {}, {}, {}
    for index in np.ndindex(*mean.shape):
        key: object = tuple(s[i] for s, i in zip(states, index, strict=True))
        key = key[0] if len(asked) == 1 else key  # type: ignore[index]
        values = probabilities[(slice(None), *index)]
        p[key] = float(mean[index])
        low[key], high[key] = weighted_interval(values, weights)
    overall = float(torch.logsumexp(log_evidence, 0) - np.log(drawn))
    return Answer(asked, given, do, p, low, high, overall, count if drawn > 1 else 1)


def weighted_interval(values: Tensor, weights: Tensor, level: float = 0.9) -> tuple[float, float]:
    """Central interval of weighted values."""
    order = values.argsort()
    below = torch.cumsum(weights[order], 0)
    tail = (1 - level) / 2
    last = len(values) - 1
    low = values[order[min(int(torch.searchsorted(below, tail)), last)]]
    high = values[order[min(int(torch.searchsorted(below, 1 - tail)), last)]]
    return float(low), float(high)
