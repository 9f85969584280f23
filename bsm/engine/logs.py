"""Logarithms of what may be zero, with gradients that are never NaN."""

from __future__ import annotations

import torch
from torch import Tensor


def log_of(x: Tensor) -> Tensor:
    """log x for x of at least 0; at 0, and at what rounding left below it, -inf with gradient 0."""
    none = x <= 0
    return x.masked_fill(none, 1.0).log().masked_fill(none, -torch.inf)


def log_sum(x: Tensor, axis: int = -1) -> Tensor:
    """log of the sum of exp(x) along an axis; -inf with gradient 0 where every term is -inf."""
    top = x.detach().amax(axis, keepdim=True)
    top = top.masked_fill(top == -torch.inf, 0.0)
    return log_of((x - top).exp().sum(axis)) + top.squeeze(axis)
