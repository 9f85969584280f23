"""The situations in which an AI acts: one state for each context that its first joint action sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from bsm.engine import compile
from bsm.graph import Role
from bsm.motives.mechanisms import configurations
from bsm.motives.theta import Theta
from bsm.motives.world import World
from bsm.network.surgery import intervene
from bsm.network.tables import Network
from bsm.spec.model import Model, SpecError

LARGEST_SUPPORT = 2**18


@dataclass(frozen=True, eq=False)
class Situations:
    """Combinations of states of what an action sees.

    `codes` [situation, name] index into `labels[name]`, the states of each of `names`. `done[i]` are further
    contexts and levers that situation i sets by do() although the action does not see them. `listed`:
    somebody named these situations, so that one which cannot occur is an error; in a grid of all combinations
    it is not.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    codes: Tensor
    done: tuple[tuple[tuple[str, str], ...], ...] = ()
    listed: bool = False

    def __len__(self) -> int:
        return len(self.codes)

    def states(self, i: int) -> tuple[str, ...]:
        """States of situation i, in the order of `names`."""
        return tuple(states[k] for states, k in zip(self.labels, self.codes[i].tolist(), strict=True))

    def label(self, i: int) -> str:
        """Situation i as `name=state, ...`."""
        return ", ".join(f"{n}={s}" for n, s in self.settings(i)) or "(no context)"

    def settings(self, i: int) -> tuple[tuple[str, str], ...]:
        """Everything that situation i says, as (node, state)."""
        return (*zip(self.names, self.states(i), strict=True), *(self.done[i] if self.done else ()))

    def holds(self, when: Mapping[str, tuple[str, ...]]) -> Tensor:
        """1.0 for the situations in which every named context is in one of the listed states, else 0.0."""
        found = torch.ones(len(self), dtype=torch.bool)
        for name, allowed in when.items():
            j = self.names.index(name)
            found &= torch.isin(self.codes[:, j], torch.tensor([self.labels[j].index(s) for s in allowed]))
        return found.to(torch.float64)

    def part(self, positions: Sequence[int]) -> Situations:
        """Some of the situations, in the order given."""
        done = tuple(self.done[i] for i in positions) if self.done else ()
        return replace(self, codes=self.codes[list(positions)], done=done)

    @cached_property
    def content(self) -> tuple:
        """What makes two sets of situations the same."""
        return (self.names, self.codes.numpy().tobytes(), self.done)


def every(model: Model, names: Sequence[str], held: Mapping[str, str] | None = None) -> Situations:
    """Every combination of the states of these nodes, last one fastest; those in `held` stay in one state."""
    labels = tuple(model.nodes[n].states for n in names)
    options = [
        [states.index(held[n])] if held and n in held else range(len(states))
        for n, states in zip(names, labels, strict=True)
    ]
    if (count := prod(len(choice) for choice in options)) > LARGEST_SUPPORT:
        raise SpecError(
            f"{model.name}: {list(names)} have {count:,} combinations of states, over {LARGEST_SUPPORT:,}; "
            "list the situations that matter under `support`, or let the action see fewer nodes"
        )
    codes = configurations([len(choice) for choice in options])
    for j, choice in enumerate(options):
        codes[:, j] = torch.tensor(list(choice))[codes[:, j]]
    return Situations(tuple(names), labels, codes)


def situations(
    model: Model,
    names: Sequence[str],
    states: Sequence[Sequence[str]],
    done: Sequence[tuple[tuple[str, str], ...]] = (),
) -> Situations:
    """The listed situations, with codes in the model's own order of states."""
    labels = tuple(model.nodes[n].states for n in names)
    codes = [[labels[j].index(s) for j, s in enumerate(row)] for row in states]
    return Situations(
        tuple(names),
        labels,
        torch.tensor(codes, dtype=torch.long).reshape(len(codes), len(names)),
        tuple(done) if any(done) else (),
        listed=True,
    )


def seen(model: Model, stage: int = 0) -> tuple[str, ...]:
    """What the joint action of one stage sees: the parents of its actions outside it, in listed order."""
    actions = model.graph.action_stages()[stage]
    parents = {p for a in actions for p in model.graph.parents[a]} - set(actions)
    return tuple(n for n in model.nodes if n in parents)


def support(model: Model) -> Situations:
    """The declared support: the situations listed in the file, or every combination of what is seen.

    Levers stay at their default unless a listed situation sets them. A context that a situation names
    although the action does not see it is set by do().
    """
    names = seen(model)
    if model.support is None:
        held = {n: _default(model, n) for n in names if model.nodes[n].role is Role.LEVER}
        return every(model, names, held)
    filled = [
        (
            tuple(given.get(n) or _default(model, n) for n in names),
            tuple((n, s) for n, s in given.items() if n not in names),
        )
        for given in model.support
    ]
    distinct = list(dict.fromkeys(filled))
    return situations(model, names, [states for states, _ in distinct], [done for _, done in distinct])


def _default(model: Model, name: str) -> str:
    default = model.nodes[name].default
    if default is None:
        raise SpecError(
            f"{model.name}: a situation leaves {name} blank and the node has no `default`; give one of them"
        )
    return default


class Frequencies:
    """P(c) of the declared support of a model, as a function of the parameters; it sums to one.

    These are joint probabilities of the contexts by their tables (or by the phase whose frequencies the model
    carries), levers being set. With a listed support they are conditional on that list: each situation weighs
    its own probability over the sum of all listed.
    """

    def __init__(self, model: Model, chosen: Situations) -> None:
        self._model, self._chosen = model, chosen
        self._world = World(model, leave_out=frozenset(model.graph.with_role(Role.ACTION)))
        named = {*chosen.names, *(n for done in chosen.done for n, _ in done)}
        self._causes = named.union(*(model.graph.ancestors(n) for n in named))
        self._parts = self._by_levers()

    def __call__(self, theta: Theta) -> Tensor:
        """[draw, situation].

        Raises:
            SpecError: no situation of a listed support can occur.
        """
        if not self._causes:
            return torch.ones(1, len(self._chosen), dtype=torch.float64) / len(self._chosen)
        network = self._world.network(theta, only=self._causes)
        columns: dict[int, Tensor] = {}
        for levers, members in self._parts.items():
            values = self._chances(intervene(network, dict(levers)), members)
            columns.update({i: values[:, j] for j, i in enumerate(members)})
        chances = torch.stack([columns[i] for i in range(len(self._chosen))], dim=1)
        total = chances.sum(-1, keepdim=True)
        if bool((total == 0).any()):
            raise SpecError(
                f"{self._model.name}: every situation listed under `support` has probability zero by the "
                "tables of its contexts; list one that occurs, or correct the tables"
            )
        return chances / total

    def _by_levers(self) -> dict[tuple[tuple[str, str], ...], list[int]]:
        """Positions of the situations, by the settings of the levers that they name."""
        parts: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for i in range(len(self._chosen)):
            levers = tuple((n, s) for n, s in self._chosen.settings(i) if self._is_lever(n))
            parts.setdefault(levers, []).append(i)
        return parts

    def _chances(self, network: Network, members: list[int]) -> Tensor:
        """Probability of the contexts of some situations, [draw, situation]."""
        cases = [{n: s for n, s in self._chosen.settings(i) if not self._is_lever(n)} for i in members]
        seen = tuple(dict.fromkeys(n for case in cases for n in case))
        query = compile(network, (), seen, expected_rows=len(cases))
        return torch.exp(query.drawn(cases, on_impossible="mask").log_evidence)

    def _is_lever(self, name: str) -> bool:
        return self._model.nodes[name].role is Role.LEVER
