"""Multiply two tables with named axes and sum axes out, without underflow and without einsum's letters.

A factor is *plain* (one scale per draw and row is kept aside) or *wide* (each cell has its own power of two).
Plain is a matrix product. Wide is slower, and used only where one factor spans more than float64 does.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bsm.engine import loops
from bsm.engine.plan import BATCH, Axes

SAFE = 300.0  # two factors whose cells have logs within this multiply far inside float64's -708 to 709
SMALL = 32_768  # multiplications of one matrix product up to which a compiled loop beats a library call
LIMIT = -690.0  # below this the product of two positive cells might vanish or lose digits


class RangeLost(ArithmeticError):
    """Two positive numbers might multiply to zero: the contraction must be run again, wide."""


@dataclass(frozen=True, eq=False, slots=True)
class Factor:
    """values[axes...], each cell times 2**exponent where `exponent` is given.

    A plain factor bounds the logs of its positive cells: none is below `low`, none is above `high`.
    """

    axes: Axes
    values: Tensor
    low: float = 0.0
    high: float = 0.0
    exponent: Tensor | None = None


def plain(axes: Sequence[Axes], tensors: Sequence[Tensor]) -> list[Factor]:
    """Plain factors of these tensors, their bounds measured together."""
    found = _bounds(tensors)
    return [Factor(a, t, low, high) for a, t, (low, high) in zip(axes, tensors, found, strict=True)]


def _bounds(tensors: Sequence[Tensor]) -> list[tuple[float, float]]:
    """Logs of the smallest and the largest positive cell of each tensor; zeros where there is none."""
    ends = []
    for tensor in tensors:
        values = tensor.detach()
        ends += [values.masked_fill(values <= 0, math.inf).amin(), values.amax()]
    logs = torch.stack(ends).log().tolist() if ends else []
    pairs = zip(logs[::2], logs[1::2], strict=True)
    return [(low, high) if high > -math.inf else (0.0, 0.0) for low, high in pairs]


def arranged(tensor: Tensor, axes: Axes, groups: Sequence[Sequence[int]]) -> Tensor:
    """The tensor with each group of axes merged into one dimension; axes in no group have size 1."""
    shape = [math.prod(tensor.shape[axes.index(a)] for a in group) for group in groups]
    named = [a for group in groups for a in group]
    order = [axes.index(a) for a in (*named, *(a for a in axes if a not in named))]
    return tensor.permute(order).reshape(shape)


def summed(factor: Factor, gone: Collection[int]) -> Factor:
    """The factor with these axes summed out."""
    dims = [i for i, a in enumerate(factor.axes) if a in gone]
    if not dims:
        return factor
    kept = tuple(a for a in factor.axes if a not in gone)
    if factor.exponent is not None:
        values, exponent = _wide_sum(factor.values, factor.exponent, dims)
        return Factor(kept, values, exponent=exponent)
    terms = math.prod(factor.values.shape[i] for i in dims)
    return Factor(kept, factor.values.sum(dims), factor.low, factor.high + math.log(terms))


def product(a: Factor, b: Factor, keep: Collection[int]) -> Factor:
    """a times b, summed over the axes that are not in `keep`.

    Raises:
        RangeLost: both are plain and the product of two positive cells might not be held.
    """
    a = summed(a, set(a.axes) - set(b.axes) - set(keep))
    b = summed(b, set(b.axes) - set(a.axes) - set(keep))
    batch = [x for x in a.axes if x in b.axes and x in keep]
    inner = [x for x in a.axes if x in b.axes and x not in keep]
    left = [x for x in a.axes if x not in b.axes]
    right = [x for x in b.axes if x not in a.axes]
    groups = ((batch, left, inner), (batch, inner, right))
    axes = (*batch, *left, *right)
    length = dict(zip((*a.axes, *b.axes), (*a.values.shape, *b.values.shape), strict=True))
    shape = [length[x] for x in axes]
    if a.exponent is not None and b.exponent is not None:
        lhs, rhs = arranged(a.values, a.axes, groups[0]), arranged(b.values, b.axes, groups[1])
        p, q = arranged(a.exponent, a.axes, groups[0]), arranged(b.exponent, b.axes, groups[1])
        mantissa, power = lhs.unsqueeze(3) * rhs.unsqueeze(1), p.unsqueeze(3) + q.unsqueeze(1)
        values, exponent = _wide_sum(mantissa, power, [2])
        return Factor(axes, values.reshape(shape), exponent=exponent.reshape(shape))
    low, high = _product_bounds(a, b)
    lhs, rhs = arranged(a.values, a.axes, groups[0]), arranged(b.values, b.axes, groups[1])
    terms = math.prod(length[x] for x in inner)
    return Factor(axes, _matrix_product(lhs, rhs).reshape(shape), low, high + math.log(terms))


def _product_bounds(a: Factor, b: Factor) -> tuple[float, float]:
    """Bounds on the cells of the product; measured where the carried ones do not rule a loss out."""
    if a.low + b.low >= LIMIT:
        return a.low + b.low, a.high + b.high
    (low_a, _), (low_b, _) = _bounds([a.values, b.values])
    if low_a + low_b < LIMIT:
        raise RangeLost
    return low_a + low_b, a.high + b.high


def _matrix_product(lhs: Tensor, rhs: Tensor) -> Tensor:
    """[batch, left, inner] times [batch, inner, right]; many small matrices are faster without bmm."""
    if lhs.shape[2] == 1:
        return lhs * rhs
    if _small(lhs, rhs):
        out = torch.empty(lhs.shape[0], lhs.shape[1], rhs.shape[2], dtype=torch.float64)
        loops.matrix_products(lhs.contiguous().numpy(), rhs.contiguous().numpy(), out.numpy())
        return out
    if lhs.shape[0] > 1 and lhs.shape[1] == 1:
        return (lhs.transpose(1, 2) * rhs).sum(1)
    if lhs.shape[0] > 1 and rhs.shape[2] == 1:
        return (lhs * rhs.transpose(1, 2)).sum(2)
    return torch.bmm(lhs, rhs)


def _small(lhs: Tensor, rhs: Tensor) -> bool:
    """Whether the compiled loop may and should multiply these."""
    if lhs.requires_grad or rhs.requires_grad or lhs.device.type != "cpu":
        return False
    return lhs.shape[0] > 1 and lhs.shape[1] * lhs.shape[2] * rhs.shape[2] <= SMALL


def settled(factor: Factor) -> tuple[Factor, Tensor | None]:
    """The factor, rescaled if cells have left the safe range; the log of the scale [draw, row], if so."""
    if factor.low > -SAFE and factor.high < SAFE:
        return factor, None
    return rescaled(factor)


def rescaled(factor: Factor) -> tuple[Factor, Tensor]:
    """The factor divided by its largest cell in each draw and row, and the log of that divisor [draw, row].

    The divisor is a constant to autograd: it cancels. A draw and row of zeros is left alone.

    Raises:
        RangeLost: a positive cell is too small beside the largest of its draw and row.
    """
    dims = [i for i, a in enumerate(factor.axes) if a not in BATCH]
    values = factor.values.detach()
    top, least = values, values.masked_fill(values <= 0, math.inf)
    if dims:
        top, least = top.amax(dims, keepdim=True), least.amin(dims, keepdim=True)
    top = top.masked_fill(top == 0, 1.0)
    low = min(0.0, float((least.log() - top.log()).amin()))
    if low < LIMIT:
        raise RangeLost
    return Factor(factor.axes, factor.values / top, low), per_draw_and_row(top, factor.axes).log()


def per_draw_and_row(tensor: Tensor, axes: Axes) -> Tensor:
    """[draw, row], each of size 1 where absent, of a tensor whose other axes have size 1."""
    return arranged(tensor, axes, [[a for a in axes if a == batch] for batch in BATCH])


# --- wide factors: value = mantissa * 2**exponent, the exponents constants to autograd ---------------------


def widened(axes: Axes, values: Tensor) -> Factor:
    """A factor with a power of two per cell and mantissas in [0.5, 1); zeros stay exact zeros."""
    mantissa, exponent = _normal(values, torch.zeros_like(values.detach()))
    return Factor(axes, mantissa, exponent=exponent)


def narrowed(values: Tensor, exponent: Tensor, dims: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Plain values whose largest over `dims` lies in [0.5, 1), and the log of their scale (dims kept).

    A cell more than 1e308 times smaller than the largest over `dims` becomes zero.
    """
    top = _top(values, exponent, dims)
    return values * torch.exp2((exponent - top).clamp(max=1000.0)), top * math.log(2.0)


def _normal(values: Tensor, exponent: Tensor) -> tuple[Tensor, Tensor]:
    shift = torch.frexp(values.detach()).exponent.to(values.dtype)
    half = torch.floor(shift / 2)  # in two parts, for 2**1074 is beyond float64
    return values * torch.exp2(-half) * torch.exp2(half - shift), exponent + shift


def _top(values: Tensor, exponent: Tensor, dims: Sequence[int]) -> Tensor:
    """The largest exponent of a cell that is not zero; 0 where all are zero."""
    top = exponent.masked_fill(values.detach() == 0, -math.inf)
    top = top.amax(list(dims), keepdim=True) if dims else top
    return top.masked_fill(top == -math.inf, 0.0)


def _wide_sum(values: Tensor, exponent: Tensor, dims: Sequence[int]) -> tuple[Tensor, Tensor]:
    top = _top(values, exponent, dims)
    # the clamp matters to cells that are zero only: to autograd they have a scale too
    total = (values * torch.exp2((exponent - top).clamp(max=1000.0))).sum(list(dims))
    return _normal(total, top.squeeze(tuple(dims)))
