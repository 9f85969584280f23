"""The row pass in torch, as one function that a compiler can fuse into one kernel.

On an accelerator the plain pass is a dozen kernels that each read and write every row; fused, it reads the codes and
writes the answers. Where compiling fails, the plain pass answers, and `Fused.note` says why.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

FROM_ROWS = 10_000  # rows on an accelerator from which a fused pass is worth its compilation


def row_pass(
    codes: Tensor, blank: Tensor, steps: Tensor, values: Sequence[Tensor], log_scale: Tensor, states: int
) -> tuple[Tensor, Tensor]:
    """Probabilities [draw, row, target] and log evidence [draw, row] of rows whose blanks have rows of their own.

    Args:
        codes: [row, seen], -1 for a blank.
        blank: [seen], what a blank reads.
        steps: [table, seen] in float64, which holds every index exactly and multiplies matrices on any device.
        values: per table [draw or 1, configuration, joint state].
        log_scale: [draw], what the tables were divided by.
        states: joint states of the target; what else the joint states hold is summed out.

    An impossible row has zeros and -inf, with gradients of zero.
    """
    read = torch.where(codes < 0, blank, codes).to(torch.float64)
    index = (read @ steps.T).to(torch.int64)
    product = values[0][:, index[:, 0]]
    for t in range(1, len(values)):
        product = product * values[t][:, index[:, t]]
    return normalised(product.reshape(product.shape[0], product.shape[1], states, -1).sum(-1), log_scale.unsqueeze(1))


def normalised(joint: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities over the last axis and log evidence; zeros and -inf, with gradients of zero, where all is zero."""
    total = joint.sum(-1)
    zero = total == 0
    safe = total.masked_fill(zero, 1.0)
    return joint / safe.unsqueeze(-1), (safe.log() + log_scale).masked_fill(zero, -math.inf)


Pass = Callable[..., tuple[Tensor, Tensor]]


class Fused:
    """`row_pass`, compiled when first called; plain from then on if that fails.

    Args:
        wanted: True to compile always, False never, None on an accelerator and from FROM_ROWS rows.
    """

    def __init__(self, wanted: bool | None) -> None:
        self.wanted = wanted
        self._compiled: Pass | None = None
        self.note = ""

    def __call__(
        self, codes: Tensor, blank: Tensor, steps: Tensor, values: Sequence[Tensor], log_scale: Tensor, states: int
    ) -> tuple[Tensor, Tensor]:
        rest = (blank, steps, values, log_scale, states)
        if not self._worth(codes, values):
            return row_pass(codes, *rest)
        try:
            with warnings.catch_warnings():  # torch's compiler warns of torch's own scripts
                warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
                self._compiled = self._compiled or torch.compile(row_pass, dynamic=True)
                found = self._compiled(codes, *rest)
            self.note = "fused into one kernel by torch.compile"
            return found
        except Exception as error:  # a missing compiler, an unknown device, a bug of theirs: all answered plainly
            self.wanted = False
            said = (str(error).splitlines() or [""])[0][:200]
            self.note = f"not fused, for torch.compile failed: {type(error).__name__}: {said}"
            return row_pass(codes, *rest)

    def _worth(self, codes: Tensor, values: Sequence[Tensor]) -> bool:
        if self.wanted is None:
            many = codes.device.type == "cuda" and codes.shape[0] >= FROM_ROWS
            return many and not any(table.requires_grad for table in values)
        return self.wanted
