"""Compile a question to a network once, and answer any number of rows of evidence: exact, and differentiable.

What depends on no row is multiplied and summed beforehand into a few tables; a row is then a few look-ups and a
product. See `layout` for the choice of tables, `elimination` for what no table can hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from bsm.engine import rows as evidence
from bsm.engine.configurations import MostProbable, most_probable_states, posterior_samples
from bsm.engine.contraction import readable
from bsm.engine.elimination import Names, names_of
from bsm.engine.errors import ImpossibleEvidence, TooLarge
from bsm.engine.fused import Fused
from bsm.engine.impossible import impossible_rows
from bsm.engine.marginals import all_marginals
from bsm.engine.prepared import BYTES, Prepared
from bsm.engine.readout import Plan
from bsm.network.tables import Network, NetworkError


class Answer(NamedTuple):
    """`probabilities` [row, *target], summing to one over the target axes; `log_evidence` [row] in nats.

    Both have a leading axis of parameter draws where the network, or a likelihood, has more than one.
    """

    probabilities: Tensor
    log_evidence: Tensor


def compile(
    network: Network,
    target: Names,
    seen: Names = (),
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float64,
    max_bytes: int | None = None,
    expected_rows: int = 1_000_000,
    fused: bool | None = None,
) -> Query:
    """Prepare P(target | seen) for any rows of evidence.

    Args:
        target: one variable or several, whose joint distribution is asked for; none to ask for the evidence alone. One
            may also be seen.
        seen: the variables that rows may observe, in the order of their columns.
        device: where tables and answers live; the network's own where not given.
        dtype: float64, or float32 (errors of about 1e-6).
        max_bytes: memory that tables, or one call, may use; a quarter of the memory of the machine (of what is free on
            an accelerator) where not given.
        expected_rows: how many rows will be asked about in all: with more, larger tables pay.
        fused: compile the row pass with torch.compile; on an accelerator and for many rows where not given. Where that
            fails the plain pass answers, and the plan says why.

    Raises:
        TooLarge: no way of answering fits in `max_bytes`; the message names the clique that is too large.
        NetworkError: an unknown or repeated variable.
    """
    if dtype not in (torch.float64, torch.float32):
        raise NetworkError(f"dtype {dtype} is given; torch.float64 and torch.float32 are accepted")
    placed = network.to(device) if device is not None else network
    asked, given = names_of(network, target), names_of(network, seen)
    return Query(Prepared(placed, asked, given, dtype, max_bytes, expected_rows, Fused(fused)))


class Query:
    """P(target | seen), prepared by `compile`. Calling it answers rows; `plan` says how, and prints."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.network, self.target, self.seen = prepared.network, prepared.target, prepared.seen
        self.dtype, self.device, self.max_bytes = prepared.dtype, prepared.device, prepared.max_bytes
        self._shape = tuple(len(self.network.variables[n].states) for n in self.target)

    # --- asking -----------------------------------------------------------------------------------------

    def __call__(
        self, rows: object, *, soft: Mapping[str, Tensor] | None = None, on_impossible: str = "raise"
    ) -> Answer:
        """The posterior and the evidence of every row.

        Args:
            rows: integer codes [row, seen], positions of states and -1 for a blank; or a DataFrame, or a list of
                mappings from variables to states, blanks being None, "", NaN or left out. A mapping may give a
                likelihood for every state instead of one state.
            soft: likelihoods P(observation | state), up to a constant, of any variable: [row, state] or [draw, row,
                state] (virtual evidence, Pearl 1988 section 2.2.2).
            on_impossible: "raise"; or "mask" for probabilities of zero and a log evidence of -inf in the rows that
                cannot happen, the others being unharmed.

        Raises:
            ImpossibleEvidence: rows of probability zero; the message numbers them and names the zero responsible.
            NetworkError: rows or likelihoods that do not fit the network.
            TooLarge: the answer, or a step to it, would not fit in `max_bytes`.
        """
        p, log_p = self.drawn(rows, soft=soft, on_impossible=on_impossible)
        return Answer(self._shaped(p), self._shaped(log_p))

    def drawn(self, rows: object, *, soft: Mapping[str, Tensor] | None = None, on_impossible: str = "raise") -> Answer:
        """As calling, always with a leading axis of parameter draws."""
        codes, weights = self._taken(rows, soft, on_impossible)
        self._refuse_large_answer(codes.shape[0], max((self.network.draws, *(len(w) for w in weights.values()))))
        p, log_p = self.prepared.answer(codes, weights)
        self._refuse_impossible(codes, weights, log_p, on_impossible)
        if len(self._shape) != 1:  # one target has the shape already
            p = p.reshape(*p.shape[:2], *self._shape)
        if p.shape[0] < self.network.draws:
            p, log_p = p.expand(self.network.draws, *p.shape[1:]), log_p.expand(self.network.draws, -1)
        return Answer(p, log_p)

    def marginals(
        self, rows: object, *, soft: Mapping[str, Tensor] | None = None, on_impossible: str = "raise"
    ) -> dict[str, Tensor]:
        """P(variable | evidence) of every variable of the network at once, [row, state], whatever the target is.

        With a leading axis of draws where the network has more than one. Arguments and errors as in calling.
        """
        codes, weights = self._taken(rows, soft, on_impossible)
        given = self.prepared.weights(self.prepared.checked(codes), weights)
        found, log_p = all_marginals(self.network, given, len(codes), self.max_bytes)
        self._refuse_impossible(codes, weights, log_p, on_impossible)
        return {n: self._shaped(p.to(self.dtype)) for n, p in found.items()}

    def most_probable(
        self, rows: object, *, soft: Mapping[str, Tensor] | None = None, on_impossible: str = "raise"
    ) -> MostProbable:
        """The most probable joint state of the targets (MAP): what is neither target nor seen is summed out.

        With everything unseen as target, the most probable explanation (MPE). The joint table of the targets is never
        made, so there may be many of them. Arguments and errors as in calling.
        """
        codes, weights = self._taken(rows, soft, on_impossible)
        found = most_probable_states(
            self.network, self.target, self.seen, self.prepared.checked(codes), weights, self.max_bytes
        )
        self._refuse_impossible(codes, weights, found.log_evidence, on_impossible)
        return MostProbable(*(self._shaped(part) for part in found))

    def sample(
        self,
        rows: object,
        count: int,
        seed: int,
        *,
        soft: Mapping[str, Tensor] | None = None,
        on_impossible: str = "raise",
    ) -> Tensor:
        """Independent draws from the posterior of the targets, jointly: codes [count, row, target].

        With a leading axis of parameter draws before the rows where the network has more than one. Exact: each is drawn
        variable by variable, given those drawn before. A masked impossible row has codes of -1. Arguments and errors
        as in calling.
        """
        if count < 0:
            raise ValueError(f"count={count} samples cannot be drawn; ask for none or more")
        codes, weights = self._taken(rows, soft, on_impossible)
        found, log_p = posterior_samples(
            self.network, self.target, self.seen, self.prepared.checked(codes), weights, count, seed, self.max_bytes
        )
        self._refuse_impossible(codes, weights, log_p, on_impossible)
        return found if found.shape[1] > 1 else found[:, 0]

    def stream(
        self, batches: Iterable[object], *, soft: Mapping[str, Tensor] | None = None, on_impossible: str = "raise"
    ) -> Iterator[Answer]:
        """The answers to batches of rows, one at a time: memory is that of one batch, however many follow."""
        for batch in batches:
            yield self(batch, soft=soft, on_impossible=on_impossible)

    def read(self, rows: object, soft: Mapping[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Rows as codes [row, seen] on the device, and all likelihoods as weights [draw, row, state]."""
        codes, weights = evidence.read(self.network, self.seen, rows)
        codes = codes.to(self.device) if codes.device != self.device else codes
        if soft:
            for name, given in soft.items():
                here = evidence.tensor(name, given).to(self.device)
                weights[name] = here * weights[name].to(self.device) if name in weights else here
        if weights:
            weights = evidence.checked(self.network, {n: w.to(self.device) for n, w in weights.items()}, len(codes))
        return codes, weights

    def _taken(
        self, rows: object, soft: Mapping[str, Tensor] | None, on_impossible: str
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if on_impossible not in ("raise", "mask"):
            raise ValueError(f"on_impossible={on_impossible!r} is not one of 'raise', 'mask'")
        return self.read(rows, soft)

    def _shaped(self, found: Tensor) -> Tensor:
        """Without the axis of draws where there is but one; likelihoods may bring some too."""
        return found if found.shape[0] > 1 else found[0]

    @property
    def plan(self) -> Plan:
        """How rows are answered, and what that costs."""
        return Plan.of(self.prepared)

    # --- refusing ---------------------------------------------------------------------------------------

    def _refuse_large_answer(self, rows: int, draws: int) -> None:
        size = BYTES * draws * rows * (self.prepared.states + 1)
        if size > self.max_bytes:
            raise TooLarge(
                f"the answer alone takes {readable(size)} ({draws} draws x {rows:,} rows x "
                f"{self.prepared.states:,} states of {list(self.target)}) and may take {readable(self.max_bytes)} "
                "(max_bytes). Remedy: ask in batches with `stream`, about fewer variables at once, or raise max_bytes"
            )

    def _refuse_impossible(
        self, codes: Tensor, weights: Mapping[str, Tensor], log_p: Tensor, on_impossible: str
    ) -> None:
        if on_impossible == "raise" and log_p.numel() and float(log_p.detach().amin()) == -math.inf:
            raise ImpossibleEvidence(self._why(codes, weights, torch.isneginf(log_p.detach())))

    def _why(self, codes: Tensor, weights: Mapping[str, Tensor], zero: Tensor) -> str:
        row = int(zero.any(0).nonzero()[0])
        one = {n: (w if w.shape[1] == 1 else w[:, row : row + 1]) for n, w in weights.items()}
        return impossible_rows(self.network, self.prepared.weights(codes[row : row + 1], one), zero)
