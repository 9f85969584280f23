"""Why rows cannot happen: what in them excludes what, and the zero responsible, the same words for the same clash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from bsm.engine import Query, compile
from bsm.engine.impossible import explained
from bsm.inference.batch.question import Posed
from bsm.network.tables import Network

HELD = 4  # parameter draws whose questions are kept


@dataclass(frozen=True, eq=False)
class Reasons:
    """Reasons for rows of codes of the variables `seen`."""

    posed: Posed
    seen: tuple[str, ...]
    queries: dict[int, Query] = field(default_factory=dict)

    def of(self, codes: np.ndarray, draw: np.ndarray) -> list[str]:
        """The reason of each row.

        Args:
            codes: [row, seen], rows of probability zero.
            draw: [row], the parameter draw in which it is zero.
        """
        told = [""] * len(codes)
        for number in np.unique(draw).tolist():
            rows = np.flatnonzero(draw == number)
            clashes, which = np.unique(self._least(codes[rows], number), axis=0, return_inverse=True)
            texts = [self._told(clash, number) for clash in clashes.tolist()]
            for row, i in zip(rows.tolist(), which.ravel().tolist(), strict=True):
                told[row] = texts[i]
        return told

    def _least(self, codes: np.ndarray, draw: int) -> np.ndarray:
        """The codes with everything blanked that a row can lose and still not happen: column by column, all rows."""
        least = codes.copy()
        for column in range(codes.shape[1]):
            without = least.copy()
            without[:, column] = -1
            still = self._impossible(without, draw)
            least[still] = without[still]
        return least

    def _impossible(self, codes: np.ndarray, draw: int) -> np.ndarray:
        """Whether each row has probability zero in a draw."""
        if draw not in self.queries:
            if len(self.queries) == HELD:
                self.queries.clear()
            network = one_draw(self.posed.network, draw)
            self.queries[draw] = compile(network, (), (*self.seen, *self.posed.constants), expected_rows=len(codes))
        given = torch.from_numpy(self.posed.with_constants(codes))
        return torch.isneginf(self.queries[draw](given, on_impossible="mask").log_evidence).numpy()

    def _told(self, codes: Sequence[int], draw: int) -> str:
        network = one_draw(self.posed.network, draw)
        seen = {n: network.variables[n].states[c] for n, c in zip(self.seen, codes, strict=True) if c >= 0}
        weights = {}
        for name, state in {**self.posed.constants, **seen}.items():
            variable = network.variables[name]
            weights[name] = torch.eye(len(variable.states), dtype=torch.float64)[variable.code(state)].reshape(1, 1, -1)
        return explained(network, weights).removeprefix("There ")


def one_draw(network: Network, draw: int) -> Network:
    """The network at one of its parameter draws."""
    tables = {
        n: replace(t, values=t.values[draw : draw + 1] if len(t.values) > 1 else t.values)
        for n, t in network.tables.items()
    }
    return replace(network, tables=tables)
