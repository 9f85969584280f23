"""Compile a question to a network once, and answer any number of rows of evidence: exact, and differentiable.

What depends on no row is multiplied and summed beforehand into a few tables; a row is then a few look-ups and a
product. See `layout` for the choice of tables, `elimination` for what no table can hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bsm.engine import rows as evidence
from bsm.engine.configurations import MostProbable, most_probable_states, posterior_samples
from bsm.engine.contraction import default_limit, question
from bsm.engine.elimination import Names, eliminated, names_of
from bsm.engine.errors import ImpossibleEvidence, TooLarge
from bsm.engine.factors import RangeLost
from bsm.engine.fused import Fused, normalised
from bsm.engine.impossible import impossible_rows
from bsm.engine.layout import JOINT, Layout, best_layout
from bsm.engine.lookups import Tables, UnknownCode, build
from bsm.engine.marginals import all_marginals
from bsm.engine.problem import Problem, problem
from bsm.engine.readout import Plan
from bsm.network.tables import Network, NetworkError

BYTES = 8
PARALLEL = 50_000  # rows from which the threads that torch may use share the work
READ_AS_THEY_ARE = (torch.int64, torch.int8)  # other integer codes are converted


class Answer(NamedTuple):
    """`probabilities` [row, *target], summing to one over the target axes; `log_evidence` [row] in nats.

    Both have a leading axis of parameter draws where the network has more than one.
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
    expected_rows: int = 100_000,
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
    return Query(
        placed, names_of(network, target), names_of(network, seen), dtype, max_bytes, expected_rows, Fused(fused)
    )


class Query:
    """P(target | seen), prepared by `compile`. Calling it answers rows; `plan` says how, and prints."""

    def __init__(
        self,
        network: Network,
        target: tuple[str, ...],
        seen: tuple[str, ...],
        dtype: torch.dtype,
        max_bytes: int | None,
        expected_rows: int,
        fused: Fused,
    ) -> None:
        self.network, self.target, self.seen = network, target, seen
        self.dtype, self.device, self.fused = dtype, network.device, fused
        self.problem: Problem = problem(network, target, seen)
        self.max_bytes = default_limit(self.problem.tensors) if max_bytes is None else max_bytes
        self._expected = max(1, expected_rows)
        self._shape = tuple(len(network.variables[n].states) for n in target)
        self._states = math.prod(self._shape)
        self._sizes = torch.tensor([len(network.variables[n].states) for n in seen], dtype=torch.int64)
        self._tables: dict[bool, Tables | None] = {}
        if self._states <= JOINT and self._made(blanks=False) is None:
            self._refuse_if_too_large()

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
        self._refuse_large_answer(len(codes))
        if weights:
            p, log_p = self._by_elimination(codes, weights)
        elif self.device.type == "cpu" and not self.problem.needs_gradient and not self.fused.wanted:
            p, log_p = self._by_loops(codes)
        else:
            p, log_p = self._by_torch(codes)
        self._refuse_impossible(codes, weights, log_p, on_impossible)
        p = p.reshape(len(p), len(codes), *self._shape)
        if len(p) < self.network.draws:
            p, log_p = p.expand(self.network.draws, *p.shape[1:]), log_p.expand(self.network.draws, len(codes))
        return Answer(p, log_p)

    def marginals(
        self, rows: object, *, soft: Mapping[str, Tensor] | None = None, on_impossible: str = "raise"
    ) -> dict[str, Tensor]:
        """P(variable | evidence) of every variable of the network at once, [row, state], whatever the target is.

        With a leading axis of draws where the network has more than one. Arguments and errors as in calling.
        """
        codes, weights = self._taken(rows, soft, on_impossible)
        given = self._weights(self._checked(codes), weights)
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
            self.network, self.target, self.seen, self._checked(codes), weights, self.max_bytes
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
        codes, weights = self._taken(rows, soft, on_impossible)
        found, log_p = posterior_samples(
            self.network, self.target, self.seen, self._checked(codes), weights, count, seed, self.max_bytes
        )
        self._refuse_impossible(codes, weights, log_p, on_impossible)
        return found if self.network.draws > 1 else found[:, 0]

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
                weights[name] = given * weights[name] if name in weights else given
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
        """Without the axis of draws where there is but one."""
        return found if self.network.draws > 1 else found[0]

    @property
    def plan(self) -> Plan:
        """How rows are answered, and what that costs."""
        return Plan.of(
            self.problem,
            self._made(blanks=False),
            self._tables.get(True),
            self.seen,
            self._elimination,
            self.fused.note,
        )

    # --- three ways of answering ------------------------------------------------------------------------

    def _by_loops(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        tables = self._made(blanks=False)
        if tables is None:
            return self._by_elimination(self._checked(codes), {})
        given = (codes if codes.dtype in READ_AS_THEY_ARE else codes.to(torch.int64)).contiguous().numpy()
        p, log_p, left, read = self._filled(tables, given)
        if not read and (with_blanks := self._made(blanks=True)) is not None:
            p, log_p, left, read = self._filled(with_blanks, given)
        if not read:  # these tables cannot read blanks: the rows that have none go on as they would
            left = (codes < 0).any(1).numpy()
            whole = ~left
            p[:, whole], log_p[:, whole], given_up, _ = self._filled(tables, np.ascontiguousarray(given[whole]))
            left[np.flatnonzero(whole)[given_up]] = True
        found, log_found = torch.from_numpy(p), torch.from_numpy(log_p)
        if left.any():
            at = torch.from_numpy(np.flatnonzero(left))
            some, log_some = self._by_elimination(codes[at], {})
            found, log_found = (t.expand(len(some), *t.shape[1:]).clone() for t in (found, log_found))
            found[:, at], log_found[:, at] = some.reshape(len(some), len(at), -1).to(torch.float64), log_some
        return found.to(self.dtype), log_found

    def _filled(self, tables: Tables, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        p = np.empty((tables.draws, len(codes), self._states))
        log_p, left = np.empty(p.shape[:2]), np.zeros(len(codes), dtype=bool)

        def fill(start: int, stop: int) -> bool:
            part = slice(start, stop)
            return tables.fill(codes[part], start, p[:, part], log_p[:, part], left[part])

        threads = torch.get_num_threads() if tables.draws == 1 and len(codes) >= PARALLEL else 1
        try:
            if threads == 1:
                return p, log_p, left, fill(0, len(codes))
            ends = [len(codes) * i // threads for i in range(threads + 1)]
            with ThreadPoolExecutor(threads) as pool:
                return p, log_p, left, all(list(pool.map(fill, ends, ends[1:])))
        except UnknownCode as wrong:
            raise self._unknown(torch.from_numpy(codes), wrong.row) from None

    def _by_torch(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        codes = self._checked(codes)
        blanks = bool((codes < 0).any())
        tables = self._made(blanks)
        if tables is None or not tables.safe(self.dtype) or not tables.dense:
            return self._by_elimination(codes, {})
        if not blanks:
            return self._looked_up(tables, codes)
        shared = torch.as_tensor(tables.blank < 0, device=self.device)
        left = ((codes < 0) & shared).any(1)
        if not bool(left.any()):
            return self._looked_up(tables, codes)
        whole, rest = (~left).nonzero()[:, 0], left.nonzero()[:, 0]
        back = torch.cat([whole, rest]).argsort()
        answers = [self._looked_up(tables, codes[whole])] if len(whole) else []
        answers.append(self._by_elimination(codes[rest], {}))
        draws = max(len(p) for p, _ in answers)
        p = torch.cat([p.expand(draws, *p.shape[1:]).flatten(2) for p, _ in answers], 1)
        return p[:, back], torch.cat([log_p.expand(draws, -1) for _, log_p in answers], 1)[:, back]

    def _looked_up(self, tables: Tables, codes: Tensor) -> tuple[Tensor, Tensor]:
        """In parts, so that what lies between look-up and sum fits in memory."""
        held = 4 * tables.draws * tables.layout.joint * BYTES
        parts = codes.split(max(1, self.max_bytes // held))
        if len(parts) > 1:
            answers = [self._looked_up(tables, part) for part in parts]
            return torch.cat([p for p, _ in answers], 1), torch.cat([log_p for _, log_p in answers], 1)
        return self.fused(codes, *tables.arguments())

    def _by_elimination(self, codes: Tensor, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        codes = self._checked(codes)
        values, log_scale = eliminated(
            self.network, self.target, self._weights(codes, weights), len(codes), self.max_bytes
        )
        p, log_p = normalised(values.flatten(2) if self.target else values.unsqueeze(2), log_scale)
        return p.to(self.dtype), log_p

    def _weights(self, codes: Tensor, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = evidence.one_hot(self.network, self.seen, codes)
        return {**found, **{n: w * found[n] if n in found else w for n, w in weights.items()}}

    # --- tables -----------------------------------------------------------------------------------------

    def _made(self, blanks: bool) -> Tables | None:
        """The tables for rows with or without blanks; made anew where autograd must follow how. None: none fit."""
        if self.problem.needs_gradient:
            return self._build(blanks)
        if blanks not in self._tables:
            self._tables[blanks] = self._build(blanks)
        return self._tables[blanks]

    def _build(self, blanks: bool) -> Tables | None:
        layout = self._layout(blanks)
        if layout is None:
            return None
        try:
            return build(self.problem, layout, self.max_bytes, self.dtype)
        except (RangeLost, TooLarge):
            return None

    def _layout(self, blanks: bool) -> Layout | None:
        asked, draws = self.problem, self.network.draws
        if not asked.tensors:
            return None
        held = self.max_bytes // (4 * BYTES * draws)
        return best_layout(asked.scopes, asked.sizes, asked.target, asked.seen, blanks, self._expected, draws, held)

    def _elimination(self):  # type: ignore[no-untyped-def]
        """How one whole row would be eliminated."""
        one = {
            n: torch.ones(1, 1, int(size), dtype=torch.float64, device=self.device)
            for n, size in zip(self.seen, self._sizes, strict=True)
        }
        return question(self.network, self.target, one)

    # --- refusing ---------------------------------------------------------------------------------------

    def _refuse_if_too_large(self) -> None:
        asked = self._elimination()
        if asked.tensors and asked.bytes(wide=False) > self.max_bytes:
            raise TooLarge(asked.too_large(wide=False, limit=self.max_bytes))

    def _refuse_large_answer(self, rows: int) -> None:
        size = BYTES * self.network.draws * rows * (self._states + 1)
        if size > self.max_bytes:
            raise TooLarge(
                f"the answer alone takes {size:,} bytes ({self.network.draws} draws x {rows:,} rows x {self._states:,} "
                f"states of {list(self.target)}) and the query may use {self.max_bytes:,} (max_bytes). Remedy: ask in "
                "batches with `stream`, ask about fewer variables at once, or raise max_bytes"
            )

    def _refuse_impossible(
        self, codes: Tensor, weights: Mapping[str, Tensor], log_p: Tensor, on_impossible: str
    ) -> None:
        if on_impossible == "raise" and log_p.numel() and float(log_p.detach().amin()) == -math.inf:
            raise ImpossibleEvidence(self._why(codes, weights, torch.isneginf(log_p.detach())))

    def _checked(self, codes: Tensor) -> Tensor:
        wrong = (codes < -1) | (codes >= self._sizes.to(self.device))
        if bool(wrong.any()):
            raise self._unknown(codes, int(wrong.any(1).nonzero()[0]))
        return codes

    def _unknown(self, codes: Tensor, row: int) -> NetworkError:
        column = next(c for c, code in enumerate(codes[row].tolist()) if not -1 <= code < self._sizes[c])
        name = self.seen[column]
        states = self.network.variables[name].states
        return NetworkError(
            f"row {row}: {name} has code {int(codes[row, column])}; its states {list(states)} have codes 0 to "
            f"{len(states) - 1}, and a blank has -1"
        )

    def _why(self, codes: Tensor, weights: Mapping[str, Tensor], zero: Tensor) -> str:
        row = int(zero.any(0).nonzero()[0])
        one = {n: (w if w.shape[1] == 1 else w[:, row : row + 1]) for n, w in weights.items()}
        return impossible_rows(self.network, self._weights(codes[row : row + 1], one), zero)
