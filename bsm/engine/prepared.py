"""Three ways of answering rows: compiled look-ups, look-ups in torch, and elimination; and which of them is used.

Compiled look-ups answer on one core, without gradients. The same look-ups in torch serve accelerators and autograd.
Elimination answers whatever no table can hold: likelihoods, blanks that too many tables share, numbers that span more
than float64 does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from bsm.engine import rows as evidence
from bsm.engine.contraction import Question, default_limit, question
from bsm.engine.elimination import eliminated
from bsm.engine.errors import TooLarge
from bsm.engine.factors import RangeLost
from bsm.engine.fused import Fused, normalised
from bsm.engine.layout import JOINT, best_layout
from bsm.engine.lookups import Tables, UnknownCode, build
from bsm.engine.problem import problem
from bsm.network.tables import Network, NetworkError

BYTES = 8
PARALLEL = 50_000  # rows from which the threads that torch may use share the work
READ_AS_THEY_ARE = (torch.int64, torch.int8)  # other integer codes are converted

Found = tuple[
    Tensor, Tensor
]  # probabilities [draw or 1, row, joint state of the target], log evidence [draw or 1, row]


class Prepared:
    """P(target | seen) ready to be asked: tables are made when first needed, and kept.

    Args:
        network: tables on the device where answers are wanted.
        max_bytes: memory that tables, or one call, may use; a share of the machine's where None.
        expected_rows: for how many rows the tables are to pay.

    Raises:
        TooLarge: neither tables nor elimination fit.
    """

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
        self.problem = problem(network, target, seen)
        self.max_bytes = default_limit(self.problem.tensors) if max_bytes is None else max_bytes
        self.states = math.prod(len(network.variables[n].states) for n in target)
        self._expected = max(1, expected_rows)
        self._sizes = torch.tensor([len(network.variables[n].states) for n in seen], dtype=torch.int64)
        self._kept: dict[bool, Tables | None] = {}
        own = [t.values for t in network.tables.values()]
        self._watched = [] if any(t.is_inference() for t in own) else own  # torch does not count writes to those
        self._versions = self._versions_now()
        if self.states <= JOINT and self.tables(blanks=False) is None:
            asked = self.elimination()
            if asked.tensors and asked.bytes(wide=False) > self.max_bytes:
                raise TooLarge(asked.too_large(wide=False, limit=self.max_bytes))

    def answer(self, codes: Tensor, weights: Mapping[str, Tensor]) -> Found:
        """Rows, by the fastest way that can answer them; an impossible row has zeros and -inf.

        Args:
            codes: [row, seen] on the device.
            weights: likelihoods [draw or 1, row or 1, state] per variable.
        """
        if weights:
            return self.by_elimination(codes, weights)
        if self.device.type == "cpu" and not self.problem.needs_gradient and not self.fused.wanted:
            return self.by_loops(codes)
        return self.by_torch(codes)

    def _versions_now(self) -> list[int]:
        return [values._version for values in self._watched]

    def by_loops(self, codes: Tensor) -> Found:
        """By compiled look-ups; rows that these cannot answer, by elimination."""
        tables = self.tables(blanks=False)
        if tables is None:
            return self.by_elimination(self.checked(codes), {})
        given = (codes if codes.dtype in READ_AS_THEY_ARE else codes.to(torch.int64)).contiguous().numpy()
        p, log_p, left, read = self._filled(tables, given)
        blanks = not read
        if blanks and (with_blanks := self.tables(blanks=True)) is not None:
            p, log_p, left, read = self._filled(with_blanks, given)
        if not read:  # these tables cannot read blanks: the rows that have none go on as they would
            left = (self.checked(codes) < 0).any(1).numpy()
            whole = ~left
            p[:, whole], log_p[:, whole], _, _ = self._filled(tables, np.ascontiguousarray(given[whole]))
        found, log_found = torch.from_numpy(p), torch.from_numpy(log_p)
        if blanks and left.any():
            at = torch.from_numpy(np.flatnonzero(left))
            some, log_some = self.by_elimination(codes[at], {})
            found, log_found = (t.expand(len(some), *t.shape[1:]).clone() for t in (found, log_found))
            found[:, at], log_found[:, at] = some.reshape(len(some), len(at), -1).to(torch.float64), log_some
        return found if self.dtype == torch.float64 else found.to(self.dtype), log_found

    def _filled(self, tables: Tables, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        p = np.empty((tables.draws, len(codes), self.states))
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

    def by_torch(self, codes: Tensor) -> Found:
        """By look-ups on the device, which autograd can follow; other rows by elimination."""
        codes = self.checked(codes)
        blanks = bool((codes < 0).any())
        tables = self.tables(blanks)
        if tables is None or not tables.safe(self.dtype) or not tables.dense:
            return self.by_elimination(codes, {})
        if not blanks:
            return self._looked_up(tables, codes)
        shared = torch.as_tensor(tables.blank < 0, device=self.device)
        left = ((codes < 0) & shared).any(1)
        if not bool(left.any()):
            return self._looked_up(tables, codes)
        whole, rest = (~left).nonzero()[:, 0], left.nonzero()[:, 0]
        back = torch.cat([whole, rest]).argsort()
        answers = [self._looked_up(tables, codes[whole])] if len(whole) else []
        answers.append(self.by_elimination(codes[rest], {}))
        draws = max(len(p) for p, _ in answers)
        p = torch.cat([p.expand(draws, *p.shape[1:]).flatten(2) for p, _ in answers], 1)
        return p[:, back], torch.cat([log_p.expand(draws, -1) for _, log_p in answers], 1)[:, back]

    def _looked_up(self, tables: Tables, codes: Tensor) -> Found:
        """In parts, so that what lies between look-up and sum fits in memory."""
        held = 4 * tables.draws * tables.layout.joint * BYTES
        parts = codes.split(max(1, self.max_bytes // held))
        if len(parts) > 1:
            answers = [self._looked_up(tables, part) for part in parts]
            return torch.cat([p for p, _ in answers], 1), torch.cat([log_p for _, log_p in answers], 1)
        return self.fused(codes, *tables.arguments())

    def by_elimination(self, codes: Tensor, weights: Mapping[str, Tensor]) -> Found:
        """By summing variables out with the rows as one more axis."""
        codes = self.checked(codes)
        values, log_scale = eliminated(
            self.network, self.target, self.weights(codes, weights), len(codes), self.max_bytes
        )
        p, log_p = normalised(values.flatten(2) if self.target else values.unsqueeze(2), log_scale)
        return p.to(self.dtype), log_p

    def weights(self, codes: Tensor, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Codes and likelihoods together, as likelihoods [draw or 1, row or 1, state]."""
        found = evidence.one_hot(self.network, self.seen, codes)
        return {**found, **{n: w * found[n] if n in found else w for n, w in weights.items()}}

    # --- tables -----------------------------------------------------------------------------------------

    def tables(self, blanks: bool) -> Tables | None:
        """The tables for rows with or without blanks. None: none fit.

        Made anew where autograd must follow how, and where a table of the network was written to since.
        """
        if self.problem.needs_gradient:
            return self._build(blanks)
        if (now := self._versions_now()) != self._versions:
            self._versions, self._kept = now, {}
        if blanks not in self._kept:
            self._kept[blanks] = self._build(blanks)
        return self._kept[blanks]

    def _build(self, blanks: bool) -> Tables | None:
        asked, draws = self.problem, self.network.draws
        if not asked.tensors:
            return None
        cells = self.max_bytes // (4 * BYTES * draws)
        layout = best_layout(asked.scopes, asked.sizes, asked.target, asked.seen, blanks, self._expected, draws, cells)
        if layout is None:
            return None
        try:
            return build(self.problem, layout, self.max_bytes, self.dtype)
        except (RangeLost, TooLarge):
            return None

    @property
    def made_for_blanks(self) -> Tables | None:
        """The tables for rows with blanks, if any such row has been asked about."""
        return self._kept.get(True)

    def elimination(self) -> Question:
        """How one whole row would be eliminated."""
        one = {
            n: torch.ones(1, 1, int(size), dtype=torch.float64, device=self.device)
            for n, size in zip(self.seen, self._sizes, strict=True)
        }
        return question(self.network, self.target, one)

    def checked(self, codes: Tensor) -> Tensor:
        """The codes.

        Raises:
            NetworkError: one is neither -1 nor the position of a state.
        """
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
