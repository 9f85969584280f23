"""A block of a matrix product held in vector registers: the innermost loop of the passes over time.

A plain loop is vectorised too, but the compiler checks at each start whether its arrays overlap, which costs more
than the work for matrices of 8 to 64 states (about twice the time at 32), and a library call costs more still.
"""

from __future__ import annotations

from typing import Any, no_type_check

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import njit, types

from bsm.engine.temporal.floats import compiled_as

WIDTH = 8 if binding.get_host_cpu_features().get("avx512f") else 4  # float64 values in a vector register
ROWS, VECTORS = 4, 2  # eight sums at once keep two multiply-add units busy
LANES = VECTORS * WIDTH

_DOUBLE, _INT, _SHORT = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_DOUBLE, WIDTH)


def _number(value: int) -> ir.Constant:
    return ir.Constant(_INT, value)


def _spread(builder: Any, value: Any) -> Any:
    """A vector with `value` in every place."""
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(_SHORT, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_SHORT, WIDTH), [0] * WIDTH))


def _vectors_at(builder: Any, pointer: Any) -> list[Any]:
    """Pointers to the vectors of one row."""
    places = (builder.gep(pointer, [_number(WIDTH * v)]) for v in range(VECTORS))
    return [builder.bitcast(place, _VECTOR.as_pointer()) for place in places]


def _emit(ctx: Any, b: Any, sig: Any, args: Any) -> Any:
    """The code of `_tile`: one loop over i with ROWS * VECTORS running sums."""
    a, along, across, x, w, count, lanes = args
    a, x, w = (b.inttoptr(address, _DOUBLE.as_pointer()) for address in (a, x, w))
    before, body, after = b.block, b.append_basic_block("tile"), b.append_basic_block("tiled")
    b.branch(body)
    b.position_at_end(body)
    i = b.phi(_INT)
    i.add_incoming(_number(0), before)
    sums = [[b.phi(_VECTOR) for _ in range(VECTORS)] for _ in range(ROWS)]
    loaded = [b.load(place, align=8) for place in _vectors_at(b, b.gep(x, [b.mul(i, lanes)]))]
    factors = b.gep(a, [b.mul(i, along)])
    done: list[list[Any]] = []
    for row, running in enumerate(sums):
        factor = _spread(b, b.load(b.gep(factors, [b.mul(_number(row), across)])))
        done.append([])
        for total, values in zip(running, loaded, strict=True):
            new = b.fadd(total, b.fmul(factor, values, flags=("contract",)), flags=("contract",))
            total.add_incoming(ir.Constant(_VECTOR, [0.0] * WIDTH), before)
            total.add_incoming(new, body)
            done[row].append(new)
    following = b.add(i, _number(1))
    i.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, count), body, after)
    b.position_at_end(after)
    for row, totals in enumerate(done):
        places = _vectors_at(b, b.gep(w, [b.mul(_number(row), lanes)]))
        for total, place in zip(totals, places, strict=True):
            b.store(total, place, align=8)
    return ctx.get_dummy_value()


@compiled_as
@no_type_check
def _tile(typing: Any, a: Any, along: Any, across: Any, x: Any, w: Any, count: Any, lanes: Any) -> Any:
    """w[k, g] = sum over i < count of a[i * along + k * across] * x[i, g], for ROWS k and LANES g."""
    return types.void(*[types.intp] * 7), _emit


@njit(cache=True)
@no_type_check
def multiply(a, along, across, x, w, count, rows, lanes):
    """w[k, g] = sum over i < count of a[i, k] * x[i, g], for k < rows.

    Args:
        a, x, w: addresses of float64 values; a[i, k] is at a + 8 * (i * along + k * across), x is [count, lanes], w
            [rows, lanes].
        rows: a multiple of ROWS. lanes: a multiple of LANES.
    """
    for g in range(0, lanes, LANES):
        for k in range(0, rows, ROWS):
            _tile(a + 8 * k * across, along, across, x + 8 * g, w + 8 * (k * lanes + g), count, lanes)
