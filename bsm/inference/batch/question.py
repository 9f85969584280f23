"""What is asked of every row of a batch: a network after do(), with what is given for all rows put into it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from bsm.engine import TooLarge
from bsm.engine.elimination import names_of
from bsm.engine.rows import read
from bsm.inference.ask import Setting, aliases
from bsm.inference.parameters import Space
from bsm.motives.network import to_network
from bsm.network.surgery import intervene
from bsm.network.tables import Network, Table, Variable
from bsm.spec.model import Model

BYTES = 8
MOST_STATES = 1000  # joint states of the targets, each a column of the answers
AGREES = ("no", "yes")  # states of the child by which a likelihood enters


@dataclass(frozen=True)
class Asked:
    """P(target | given, do, row): the question, with names resolved, and nothing of the rows."""

    model: Model
    target: tuple[str, ...]
    given: Mapping[str, Setting]
    do: Mapping[str, Setting]
    overlay: str | None
    draws: int
    seed: int
    uncertain: bool  # whether a number that the network uses is

    @classmethod
    def of(
        cls,
        model: Model,
        target: str | Sequence[str],
        given: Mapping[str, Setting] | None,
        do: Mapping[str, Setting] | None,
        overlay: str | None,
        draws: int,
        seed: int,
    ) -> Asked:
        named = aliases(model.with_overlay(overlay))
        uncertain = bool(model.with_overlay(overlay).uncertain)
        return cls(
            model=model,
            target=tuple(named(t) for t in ([target] if isinstance(target, str) else target)),
            given={named(n): s for n, s in (given or {}).items()},
            do={named(n): s for n, s in (do or {}).items()},
            overlay=overlay,
            draws=draws if uncertain else 1,
            seed=seed if uncertain else 0,
            uncertain=uncertain,
        )

    @property
    def changed(self) -> Model:
        """The model under its overlay."""
        return self.model.with_overlay(self.overlay)


@dataclass(frozen=True, eq=False)
class Posed:
    """A question ready to be asked.

    `constants` are states seen in every row, by variable; `log_scale` in nats is added to each log evidence, for the
    constants by which likelihoods were divided.
    """

    network: Network
    target: tuple[str, ...]
    constants: Mapping[str, str]
    log_scale: float

    @property
    def states(self) -> tuple[tuple[str, ...], ...]:
        """The states of each target."""
        return tuple(self.network.variables[t].states for t in self.target)

    @property
    def count(self) -> int:
        """How many joint states the targets have."""
        return math.prod(map(len, self.states))

    def with_constants(self, codes: np.ndarray) -> np.ndarray:
        """Codes [row, seen] with those of the constants as further columns."""
        same = [self.network.variables[n].code(s) for n, s in self.constants.items()]
        return np.hstack([codes, np.tile(np.array(same, dtype=np.int64), (len(codes), 1))]) if same else codes


def posed(asked: Asked, draws: int) -> Posed:
    """The network at this many parameter draws, the same as `bsm.ask` uses.

    Raises:
        NetworkError: an unknown or repeated node, an unknown state, or a distribution that is none.
        TooLarge: the targets have too many joint states.
    """
    space = Space.of(asked.changed.parameters)
    network = to_network(asked.model, asked.overlay, space.theta(space.prior_draws(draws, asked.seed)))
    target = names_of(network, asked.target)
    if (count := math.prod(len(network.variables[t].states) for t in target)) > MOST_STATES:
        raise TooLarge(
            f"{', '.join(target)} have {count:,} joint states, each a column of the answers; at most {MOST_STATES:,} "
            "are accepted: ask about fewer at once"
        )
    cut = intervene(network, asked.do) if asked.do else network
    _, weights = read(cut, tuple(asked.given), [asked.given])
    constants: dict[str, str] = {}
    log_scale = 0.0
    for name, setting in asked.given.items():
        if isinstance(setting, str):
            constants[name] = setting
        else:
            cut, child, largest = _with_likelihood(cut, name, weights[name][0])
            constants[child] = AGREES[1]
            log_scale += float(largest.log())
    return Posed(cut, target, constants, log_scale)


def _with_likelihood(network: Network, name: str, likelihood: torch.Tensor) -> tuple[Network, str, torch.Tensor]:
    """The network with a child of `name` whose being seen is this likelihood over its largest number.

    Source: virtual evidence, Pearl (1988) section 2.2.2.
    """
    child, largest = f"likelihood of {name}", likelihood.max()
    share = likelihood / largest
    table = Table(child, (name,), torch.stack([1 - share, share], -1).unsqueeze(0))
    variables = {**network.variables, child: Variable(child, AGREES)}
    return (
        replace(network, variables=variables, tables={**network.tables, child: table}, known_good=network),
        child,
        largest,
    )


def probed(asked: Asked) -> tuple[Asked, Posed]:
    """The question at two parameter draws; asked of no more than one where no table depends on them."""
    probe = posed(asked, 2 if asked.uncertain else 1)
    return (asked if probe.network.draws > 1 else replace(asked, draws=1, seed=0, uncertain=False)), probe


def model_digest(model: Model) -> str:
    """SHA-256 of everything that a model says, wherever its file lies."""
    base = replace(model.base, path=None) if model.base else None
    return hashlib.sha256(repr(replace(model, path=None, base=base)).encode()).hexdigest()
