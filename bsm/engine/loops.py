"""The passes over rows of evidence, compiled: one core, no gradient. `lookups` says the same in torch.

In all of them `codes` is [row, seen] with -1 for a blank. Table t begins at `offsets[t]` of `data`, `draw_steps[t]`
further for each parameter draw (0 where the draws share it), and has a row of `joint` cells for each combination of
some seen columns. Column c chooses among the rows of the tables `tables[starts[c]:starts[c + 1]]`: one more in its code
moves each on by `strides`. A blank reads row `blank[c]`; where that is negative, the column has no row for blanks.

Answers are written into `p` [draw, row, target] and `log_p` [draw, row]; an impossible row gets zeros and -inf.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

WRONG, BLANK, DONE = -2, -1, 0  # what a pass returns: a code that is no state, a blank it cannot read, success
TERMS = 2_048  # combinations of blanks that are tried for one row; beyond, the row is left to elimination
LOW, UP, LOG_UP = 2.0**-500, 2.0**500, 500 * math.log(2.0)  # below LOW a cell is multiplied by UP, which is exact


@njit(cache=True, nogil=True)
def copied(codes, sizes, blank, strides, data, log_data, first, p, log_p):  # type: ignore[no-untyped-def]
    """One table that holds the answers themselves: `data` [draw, configuration, target], `log_data` its evidence."""
    draws, states = data.shape[0], data.shape[2]
    for r in range(codes.shape[0]):
        at = 0
        for c in range(sizes.shape[0]):
            code = np.int64(codes[r, c])
            if code < 0 or code >= sizes[c]:
                if code != -1:
                    return WRONG, first + r
                code = blank[c]
                if code < 0:
                    return BLANK, first + r
            at += code * strides[c]
        for d in range(draws):
            for j in range(states):
                p[d, r, j] = data[d, at, j]
            log_p[d, r] = log_data[d, at]
    return DONE, 0


@njit(cache=True)
def _finish(product, kept, scale, d, r, p, log_p):  # type: ignore[no-untyped-def]
    """Sum the unseen states out, normalise, and note the evidence."""
    total = 0.0
    at = 0
    for j in range(p.shape[2]):
        cell = 0.0
        for _ in range(kept):
            cell += product[at]
            at += 1
        p[d, r, j] = cell
        total += cell
    if total > 0.0:
        over = 1.0 / total
        for j in range(p.shape[2]):
            p[d, r, j] *= over
        log_p[d, r] = math.log(total) + scale
    else:
        log_p[d, r] = -np.inf


@njit(cache=True, nogil=True)
def multiplied(  # type: ignore[no-untyped-def]
    codes, sizes, blank, starts, tables, strides, offsets, draw_steps, data, joint, kept, scales, first, p, log_p
):
    """Multiply one row of each table. No product may underflow: the caller has made sure of it."""
    count = offsets.shape[0]
    at = np.empty(count, dtype=np.int64)
    product = np.empty(joint)
    for d in range(p.shape[0]):
        for r in range(codes.shape[0]):
            for t in range(count):
                at[t] = offsets[t] + d * draw_steps[t]
            for c in range(sizes.shape[0]):
                code = np.int64(codes[r, c])
                if code < 0 or code >= sizes[c]:
                    if code != -1:
                        return WRONG, first + r
                    code = blank[c]
                    if code < 0:
                        return BLANK, first + r
                for i in range(starts[c], starts[c + 1]):
                    at[tables[i]] += code * strides[i]
            for j in range(joint):
                product[j] = data[at[0] + j]
            for t in range(1, count):
                for j in range(joint):
                    product[j] *= data[at[t] + j]
            _finish(product, kept, scales[d], d, r, p, log_p)
    return DONE, 0


@njit(cache=True, nogil=True)
def rescaled(  # type: ignore[no-untyped-def]
    codes, sizes, blank, starts, tables, strides, offsets, draw_steps, data, joint, kept, scales, first, p, log_p
):
    """`multiplied` for products that might underflow: each cell has a power of UP of its own, so none is lost."""
    count = offsets.shape[0]
    at = np.empty(count, dtype=np.int64)
    product, power = np.empty(joint), np.empty(joint, dtype=np.int64)
    for d in range(p.shape[0]):
        for r in range(codes.shape[0]):
            for t in range(count):
                at[t] = offsets[t] + d * draw_steps[t]
            for c in range(sizes.shape[0]):
                code = np.int64(codes[r, c])
                if code < 0 or code >= sizes[c]:
                    if code != -1:
                        return WRONG, first + r
                    code = blank[c]
                    if code < 0:
                        return BLANK, first + r
                for i in range(starts[c], starts[c + 1]):
                    at[tables[i]] += code * strides[i]
            product[:] = 1.0
            power[:] = 0
            for t in range(count):
                for j in range(joint):
                    cell = data[at[t] + j]
                    while 0.0 < cell < LOW:
                        cell *= UP
                        power[j] -= 1
                    cell *= product[j]
                    if 0.0 < cell < LOW:
                        cell *= UP
                        power[j] -= 1
                    product[j] = cell
            top = _common_power(product, power)
            _finish(product, kept, scales[d] + top * LOG_UP, d, r, p, log_p)
    return DONE, 0


@njit(cache=True)
def _common_power(product, power):  # type: ignore[no-untyped-def]
    """Bring the cells to the highest power among them, and return it; what is 1e300 times smaller becomes zero."""
    top = np.int64(-(2**62))
    for j in range(product.shape[0]):
        if product[j] > 0.0:
            top = max(top, power[j])
    if top == -(2**62):
        return np.int64(0)
    for j in range(product.shape[0]):
        steps = top - power[j]
        for _ in range(min(steps, 3)):
            product[j] *= LOW
    return top


@njit(cache=True, nogil=True)
def with_blanks(  # type: ignore[no-untyped-def]
    codes,
    sizes,
    blank,
    starts,
    tables,
    strides,
    offsets,
    draw_steps,
    data,
    joint,
    kept,
    scales,
    first,
    p,
    log_p,
    left,
    bits,
    table_bits,
    bit_sizes,
    bit_starts,
    bit_numbers,
    bit_strides,
    of_starts,
    of_tables,
    of_strides,
):
    """`multiplied` where blanks of columns that several tables share are summed over.

    Column c is bit `bits[c]` of a mask (-1: it has a row for blanks). Table t shares the bits `table_bits[t]`, listed
    with their strides from `bit_starts[t]` on; from `of_starts[b]` on are listed the tables that hold bit b, with its
    stride in each. Blanks that meet in no table are summed apart. A row with more than TERMS combinations is marked in
    `left` and not answered.
    """
    count = offsets.shape[0]
    one = np.int64(1)
    base = np.empty(count, dtype=np.int64)
    state = np.zeros(bit_sizes.shape[0], dtype=np.int64)
    product, term, total = np.empty(joint), np.empty(joint), np.empty(joint)
    for d in range(p.shape[0]):
        for r in range(codes.shape[0]):
            mask = np.int64(0)
            for t in range(count):
                base[t] = offsets[t] + d * draw_steps[t]
            for c in range(sizes.shape[0]):
                code = np.int64(codes[r, c])
                if code < 0 or code >= sizes[c]:
                    if code != -1:
                        return WRONG, first + r
                    code = blank[c]
                    if code < 0:
                        mask |= one << bits[c]
                        code = np.int64(0)
                for i in range(starts[c], starts[c + 1]):
                    base[tables[i]] += code * strides[i]
            product[:] = 1.0
            for t in range(count):
                if table_bits[t] & mask == 0:
                    for j in range(joint):
                        product[j] *= data[base[t] + j]
            while mask:
                b = 0
                while not mask >> b & 1:
                    b += 1
                part = one << b
                met = part
                for i in range(of_starts[b], of_starts[b + 1]):
                    met |= table_bits[of_tables[i]] & mask
                if met == part:  # alone: the commonest case, and the quickest
                    mask &= ~part
                    total[:] = 0.0
                    for v in range(bit_sizes[b]):
                        i = of_starts[b]
                        at = base[of_tables[i]] + v * of_strides[i]
                        for j in range(joint):
                            term[j] = data[at + j]
                        for i in range(of_starts[b] + 1, of_starts[b + 1]):
                            at = base[of_tables[i]] + v * of_strides[i]
                            for j in range(joint):
                                term[j] *= data[at + j]
                        for j in range(joint):
                            total[j] += term[j]
                    for j in range(joint):
                        product[j] *= total[j]
                    continue
                grown = np.int64(0)
                while grown != part:
                    grown = part
                    for t in range(count):
                        if table_bits[t] & part:
                            part |= table_bits[t] & mask
                mask &= ~part
                terms = 1.0
                for b in range(bit_sizes.shape[0]):
                    if part >> b & 1:
                        terms *= bit_sizes[b]
                        state[b] = 0
                if terms > TERMS:
                    left[r] = True
                    break
                total[:] = 0.0
                for _ in range(int(terms)):
                    term[:] = 1.0
                    for t in range(count):
                        if table_bits[t] & part:
                            at = base[t]
                            for i in range(bit_starts[t], bit_starts[t + 1]):
                                if part >> bit_numbers[i] & 1:
                                    at += state[bit_numbers[i]] * bit_strides[i]
                            for j in range(joint):
                                term[j] *= data[at + j]
                    for j in range(joint):
                        total[j] += term[j]
                    for b in range(bit_sizes.shape[0]):  # the next combination
                        if part >> b & 1:
                            state[b] += 1
                            if state[b] < bit_sizes[b]:
                                break
                            state[b] = 0
                for j in range(joint):
                    product[j] *= total[j]
            _finish(product, kept, scales[d], d, r, p, log_p)
    return DONE, 0


@njit(cache=True, nogil=True)
def matrix_products(lhs, rhs, out):  # type: ignore[no-untyped-def]
    """[batch, left, inner] times [batch, inner, right] of many small matrices, for which a library call costs more."""
    for b in range(lhs.shape[0]):
        for i in range(lhs.shape[1]):
            for k in range(rhs.shape[2]):
                out[b, i, k] = lhs[b, i, 0] * rhs[b, 0, k]
            for j in range(1, lhs.shape[2]):
                factor = lhs[b, i, j]
                for k in range(rhs.shape[2]):
                    out[b, i, k] += factor * rhs[b, j, k]


@njit(cache=True)
def least_positive(values):  # type: ignore[no-untyped-def]
    """The smallest of the values above zero; inf where there is none."""
    least = np.inf
    for i in range(values.shape[0]):
        if 0.0 < values[i] < least:
            least = values[i]
    return least


def warm() -> None:
    """Compile every loop once, so that the first query need not; what is compiled is kept beside this file."""
    cube = np.ones((1, 1, 1))
    matrix_products(cube, cube, cube.copy())
    least_positive(cube[0, 0])
    ints = np.zeros(2, dtype=np.int64)
    one, p, log_p, left = np.ones(1), np.ones((1, 1, 1)), np.ones((1, 1)), np.zeros(1, dtype=bool)
    for kind in (np.int64, np.int8):
        codes, sizes = np.zeros((1, 1), dtype=kind), np.ones(1, dtype=np.int64)
        shape = (codes, sizes, ints[:1] - 1, ints, ints[:1], ints[:1], ints[:1], ints[:1], one, 1, 1, one, 0, p, log_p)
        copied(codes, sizes, ints[:1], ints[:1], p, log_p, 0, p, log_p)
        multiplied(*shape)
        rescaled(*shape)
        with_blanks(*shape, left, ints[:1], ints[:1], sizes, ints, ints[:1], ints[:1], ints, ints[:1], ints[:1])
