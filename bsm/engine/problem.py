"""What is asked of a network, as numbered axes: the factors that matter, the target, and what is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from bsm.engine.contraction import Question, ancestors_of, without_single
from bsm.engine.plan import BATCH, DRAW, Axes
from bsm.network.tables import Network


@dataclass(frozen=True, eq=False)
class Problem:
    """Factors whose product, summed over what is neither target nor seen, is P(target, seen).

    Axis 0 counts draws, axis 1 rows, and axis i + 2 the states of names[i]. A variable that is asked about and
    seen too has a second axis, its sight, and a factor that is one where both agree: so evidence on the target needs no
    code of its own.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    axes: tuple[Axes, ...]
    tensors: tuple[Tensor, ...]
    target: Axes
    seen: Axes

    @property
    def scopes(self) -> tuple[Axes, ...]:
        """The axes of each factor, without batch axes."""
        return tuple(tuple(a for a in axes if a not in BATCH) for axes in self.axes)

    @property
    def needs_gradient(self) -> bool:
        """Whether autograd is on and a factor takes part in it."""
        return self._takes_part and torch.is_grad_enabled()

    @cached_property
    def _takes_part(self) -> bool:
        return any(t.requires_grad for t in self.tensors)

    def product(self, members: Sequence[int], keep: Axes) -> Question:
        """The product of some of the factors, summed over every axis but `keep`.

        Axes are numbered anew, so that products of the same shape share one plan.
        """
        used = dict.fromkeys(a for i in members for a in self.axes[i] if a not in BATCH)
        number = {**{a: a for a in BATCH}, **{a: i for i, a in enumerate(used, start=len(BATCH))}}
        return Question(
            names=tuple(self.names[a - len(BATCH)] for a in used),
            axes=tuple(tuple(number[a] for a in self.axes[i]) for i in members),
            tensors=tuple(self.tensors[i] for i in members),
            sizes=tuple(self.sizes[a] for a in (*BATCH, *used)),
            keep=tuple(number[a] for a in keep),
        )


def problem(network: Network, target: Sequence[str], seen: Sequence[str]) -> Problem:
    """Barren variables, which are neither target nor seen nor an ancestor of either, are left out: they sum to one."""
    names = ancestors_of(network, (*target, *seen))
    both = tuple(n for n in seen if n in target)
    axis = {name: i for i, name in enumerate(names, start=2)}
    sight = {name: i for i, name in enumerate(both, start=2 + len(names))}
    factors = [
        without_single(network.tables[n].values, (DRAW, *(axis[a] for a in network.tables[n].axes))) for n in names
    ]
    states = {n: len(network.variables[n].states) for n in names}
    factors += [((sight[n], axis[n]), torch.eye(states[n], dtype=torch.float64, device=network.device)) for n in both]
    return Problem(
        names=(*names, *both),
        sizes=(network.draws, 1, *states.values(), *(states[n] for n in both)),
        axes=tuple(axes for axes, _ in factors),
        tensors=tuple(tensor for _, tensor in factors),
        target=tuple(axis[n] for n in target),
        seen=tuple(sight.get(n, axis[n]) for n in seen),
    )
