"""Rows of many sequences turned into lanes and back, in blocks of 8 by 8 held in vector registers.

A plain loop moves one number at a time, which cost as much as half of the arithmetic it served.
"""

from __future__ import annotations

from typing import Any, no_type_check

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types

from bsm.engine.temporal.floats import PLAIN, compiled_as

BLOCK = 8

_DOUBLE, _INT, _SHORT = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_DOUBLE, BLOCK)


def _place(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _VECTOR.as_pointer())


def _listed(builder: Any, addresses: Any, offset: Any) -> list[Any]:
    """Places `offset` bytes after each of BLOCK addresses that are listed in memory."""
    listed = builder.inttoptr(addresses, _INT.as_pointer())
    starts = [builder.load(builder.gep(listed, [ir.Constant(_INT, n)])) for n in range(BLOCK)]
    return [_place(builder, builder.add(start, offset)) for start in starts]


def _spaced(builder: Any, address: Any, stride: Any) -> list[Any]:
    """BLOCK places, `stride` bytes apart."""
    steps = (builder.mul(stride, ir.Constant(_INT, n)) for n in range(BLOCK))
    return [_place(builder, builder.add(address, step)) for step in steps]


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """The transpose of a block: three rounds, each exchanging halves of pairs of rows that are `apart` apart."""
    for apart in (4, 2, 1):
        low = [n + (BLOCK if n & apart else 0) - (apart if n & apart else 0) for n in range(BLOCK)]
        masks = [ir.Constant(ir.VectorType(_SHORT, BLOCK), [n + shift for n in low]) for shift in (0, apart)]
        for n in range(BLOCK):
            if not n & apart:
                pair = rows[n], rows[n + apart]
                rows[n], rows[n + apart] = (builder.shuffle_vector(*pair, mask) for mask in masks)
    return rows


def _moved(builder: Any, sources: list[Any], targets: list[Any], ctx: Any) -> Any:
    for value, target in zip(_turned(builder, [builder.load(x, align=8) for x in sources]), targets, strict=True):
        builder.store(value, target, align=8)
    return ctx.get_dummy_value()


@compiled_as
@no_type_check
def _into_lanes(typing: Any, addresses: Any, offset: Any, target: Any, stride: Any) -> Any:
    """BLOCK values from each of BLOCK listed rows become BLOCK lanes of BLOCK rows that are `stride` bytes apart."""

    def emit(ctx: Any, b: Any, sig: Any, args: Any) -> Any:
        return _moved(b, _listed(b, args[0], args[1]), _spaced(b, args[2], args[3]), ctx)

    return types.void(*[types.intp] * 4), emit


@compiled_as
@no_type_check
def _into_rows(typing: Any, source: Any, stride: Any, addresses: Any, offset: Any) -> Any:
    """The way back."""

    def emit(ctx: Any, b: Any, sig: Any, args: Any) -> Any:
        return _moved(b, _spaced(b, args[0], args[1]), _listed(b, args[2], args[3]), ctx)

    return types.void(*[types.intp] * 4), emit


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def _starts(table, rows, low, starts):
    """Addresses of BLOCK rows of `table` [any, time, state], from rows[low] on; the last stands for all beyond."""
    for lane in range(BLOCK):
        starts[lane] = table[rows[min(low + lane, rows.shape[0] - 1)]].ctypes.data


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def read(evidence, rows, into):
    """Copy these rows of the evidence to `into` [time, state, lane]; spare lanes repeat the last row."""
    steps, states, lanes = into.shape
    whole = steps * states // BLOCK * BLOCK
    starts, flat = np.empty(BLOCK, dtype=np.int64), into.reshape(steps * states, lanes)
    for low in range(0, lanes, BLOCK):
        _starts(evidence, rows, low, starts)
        for at in range(0, whole, BLOCK):
            _into_lanes(starts.ctypes.data, 8 * at, flat[at, low:].ctypes.data, 8 * lanes)
        for lane in range(low, low + BLOCK):
            row = rows[min(lane, rows.shape[0] - 1)]
            for at in range(whole, steps * states):
                flat[at, lane] = evidence[row, at // states, at % states]


@njit(cache=True, fastmath=PLAIN)
@no_type_check
def write(values, rows, out):
    """Copy the lanes of [time, state, lane] to these rows of `out`."""
    steps, states, lanes = values.shape
    starts, flat = np.empty(BLOCK, dtype=np.int64), values.reshape(steps * states, lanes)
    for low in range(0, rows.shape[0], BLOCK):
        high = min(low + BLOCK, rows.shape[0])
        whole = steps * states // BLOCK * BLOCK if high - low == BLOCK else 0
        _starts(out, rows, low, starts)
        for at in range(0, whole, BLOCK):
            _into_rows(flat[at, low:].ctypes.data, 8 * lanes, starts.ctypes.data, 8 * at)
        for lane in range(low, high):
            for at in range(whole, steps * states):
                out[rows[lane], at // states, at % states] = flat[at, lane]
