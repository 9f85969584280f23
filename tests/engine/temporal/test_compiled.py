"""The pieces of the compiled loops: the exponential, powers of two, the tile, and which loop takes which sequence."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, getcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from bsm.engine import temporal
from bsm.engine.temporal import compiled, floats, lanes, rows, wide
from bsm.engine.temporal.kept import forget_stale
from bsm.engine.temporal.tile import LANES, ROWS, multiply
from tests.engine.temporal.chains import dense


@njit
def _exponentials(x, out):
    for i in range(x.size):
        out[i] = floats.exponential(x[i])


@njit(fastmath=True)
def _exponentials_in_haste(x, out):
    for i in range(x.size):
        out[i] = floats.exponential(x[i])


@pytest.mark.parametrize("loop", [_exponentials, _exponentials_in_haste])
def test_the_exponential_is_right_to_two_ulps_whatever_the_flags_of_the_caller(loop):
    """Compiled into a caller with fast-math flags, its rounding trick was once optimised away: errors of 41 %."""
    x = np.append(np.linspace(-460, 0, 200_001), [-1e-300, -0.0, 0.0])
    out = np.empty_like(x)
    loop(x, out)
    np.testing.assert_allclose(out, np.exp(x), rtol=4.5e-16, atol=0)
    below = np.array([-461.0, -1e5, -np.inf])
    loop(below, out)
    assert (out[:3] == floats.exponential(-460.0)).all()


@given(st.floats(-1e15, 0))
def test_a_split_exponential_is_the_exponential(x):
    m, n = floats.split_exponential(x)
    assert n == math.floor(n)
    assert 0.7 < m < 1.42
    getcontext().prec = 50
    error = Decimal(m).ln() + Decimal(n) * Decimal(2).ln() - Decimal(x)
    assert abs(float(error)) < 1e-15 + 2.3e-16 * abs(x)  # a unit in the last place of x


@given(st.floats(2.3e-308, 1e308))
def test_mantissa_and_exponent_make_the_number(x):
    m, n = floats.mantissa(x), floats.exponent(x)
    assert 1 <= m < 2
    assert math.ldexp(m, int(n)) == x


def test_powers_of_two_and_what_is_no_number():
    for n in (-1022, -1021, -1, 0, 1, 1023):
        assert floats.power_of_two(float(n)) == 2.0**n
    assert floats.power_of_two(-1023.0) == floats.power_of_two(-1e300) == 0.0
    for x in (math.nan, -math.nan, math.inf, 1e12, -1e12, -1e308):
        assert floats.unfit(x) == 1.0
    for x in (-math.inf, 0.0, -0.0, 1e11, -1e11, 5e-324):
        assert floats.unfit(x) == 0.0


def test_kahan_keeps_what_rounding_would_lose():
    total, lost = 1e16, 0.0
    for _ in range(1000):
        total, lost = floats.added(total, lost, 1.0)
    assert total == 1e16 + 1000


@pytest.mark.parametrize("states", [ROWS, 3 * ROWS, 64])
@pytest.mark.parametrize("lanes", [LANES, 3 * LANES])
def test_the_tile_multiplies(states, lanes):
    rng = np.random.default_rng(0)
    a, x, w = rng.random((states, states)), rng.random((states, lanes)), np.empty((states, lanes))
    multiply(a.ctypes.data, states, 1, x.ctypes.data, w.ctypes.data, states, states, lanes)
    np.testing.assert_allclose(w, a.T @ x, rtol=1e-13)
    multiply(a.ctypes.data, 1, states, x.ctypes.data, w.ctypes.data, states, states, lanes)
    np.testing.assert_allclose(w, a @ x, rtol=1e-13)


@pytest.mark.parametrize("states", [1, 2, 3, 5, 8, 31, 64])
@pytest.mark.parametrize("count", [1, 8, 9, 100])
def test_all_loops_agree_for_any_number_of_states_and_sequences(states, count, monkeypatch):
    rng = np.random.default_rng(states)
    for varying in (False, True):
        initial, transition, _ = dense(rng, states, 7, varying).tensors()
        evidence = torch.tensor(2 * rng.normal(size=(count, 7, states)))
        found = {}
        for loop, least in (("lanes", 1), ("rows", 10**9)):
            monkeypatch.setattr(compiled, "SIDE_BY_SIDE", least)
            found[loop] = temporal.smooth(initial, transition, evidence, varying=varying)
        monkeypatch.setattr(compiled, "TINY", 2.0)  # nothing is trusted
        found["wide"] = temporal.smooth(initial, transition, evidence, varying=varying)
        monkeypatch.undo()
        for other in ("lanes", "wide"):
            for one, two in zip(found["rows"], found[other], strict=True):
                torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-14)


def test_sequences_with_one_transition_go_side_by_side_however_they_lie(monkeypatch):
    """Two transitions that alternate along the batch, twenty sequences of each."""
    taken = []
    together, alone = lanes.scan, rows.scan
    monkeypatch.setattr(lanes, "scan", lambda *given: (taken.append("lanes"), together(*given)))
    monkeypatch.setattr(rows, "scan", lambda *given: (taken.append("rows"), alone(*given)))
    rng = np.random.default_rng(0)
    initial, moves, _ = dense(rng, 3, 3, varying=True).tensors()
    evidence = torch.tensor(rng.normal(size=(20, 2, 5, 3)))
    found = temporal.smooth(initial, moves, evidence, varying=False)
    assert taken == ["lanes"]
    for n in range(2):
        apart = temporal.smooth(initial, moves[n], evidence[:, n])
        torch.testing.assert_close(found.smoothed[:, n], apart.smoothed)
    taken.clear()
    temporal.smooth(initial, moves, evidence[:3], varying=False)
    assert taken == ["rows"]


def test_the_scratch_of_a_group_fits_the_cache():
    for steps, states in ((1, 2), (100, 32), (1000, 8), (10_000, 64)):
        at_once = lanes.lanes_for(steps, states, 10_000)
        assert at_once % LANES == 0
        assert at_once == LANES or at_once * steps * states * 16 <= lanes.SCRATCH
    assert lanes.lanes_for(10, 4, 9) == -(-9 // LANES) * LANES


def test_scratch_is_kept_by_each_thread_for_itself():
    mine = lanes.scratch(100, 8, 16)
    assert mine.shape == (2, 100, 8, 16)
    assert np.shares_memory(mine, lanes.scratch(7, 5, 8))
    with ThreadPoolExecutor(1) as other:
        assert not np.shares_memory(mine, other.submit(lanes.scratch, 100, 8, 16).result())
    large = lanes.scratch(10_000, 64, LANES)
    assert large.shape == (2, 10_000, 64, LANES)
    assert not np.shares_memory(mine, large)


def test_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    initial, transition, _ = dense(rng, 6, 3).tensors()
    rows = [torch.tensor(rng.normal(size=(200, 50, 6))) for _ in range(8)]
    alone = [temporal.smooth(initial, transition, evidence) for evidence in rows]
    with ThreadPoolExecutor(4) as several:
        found = list(several.map(lambda evidence: temporal.smooth(initial, transition, evidence), rows))
    for one, other in zip(alone, found, strict=True):
        assert torch.equal(one.smoothed, other.smoothed)
        assert torch.equal(one.log_evidence, other.log_evidence)


def test_installation_compiles_all_that_a_call_needs():
    """After `compiled.warm()`, no call compiles anything: its signatures are all there."""
    code = """
import torch
from bsm.engine import temporal
from bsm.engine.temporal import compiled, lanes, paths, rows, squaring, wide
compiled.warm()
modules = (lanes, paths, rows, squaring, wide)
loops = [f for module in modules for f in vars(module).values() if hasattr(f, "signatures")]
before = {f.__name__: len(f.signatures) for f in loops}
half = torch.full((3,), 1 / 3, dtype=torch.float64)
step = torch.eye(3, dtype=torch.float64) * 0.7 + 0.1
for shape in ((4, 3), (20, 4, 3)):
    for evidence in (torch.zeros(shape, dtype=torch.float64), torch.arange(3).double() * -500 + torch.zeros(shape)):
        for moves in (step, step.expand(3, 3, 3)):
            temporal.smooth(half, moves, evidence)
            temporal.filter(half, moves, evidence)
            temporal.path(half, moves, evidence)
            temporal.sample(half, moves, evidence, 2, 0)
temporal.predict(half, step, 5)
temporal.power(torch.tensor([[1e-90, 1.0], [0.0, 1e-90]], dtype=torch.float64), 9)
assert before == {f.__name__: len(f.signatures) for f in loops}, before
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


def test_kept_code_is_forgotten_when_any_file_of_the_package_is_newer(tmp_path):
    """A loop once went on using the old version of a function that another file holds."""
    kept = tmp_path / "__pycache__"
    kept.mkdir()
    for name, age in (("a.py", 50), ("b.py", 20)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(10**9 - age, 10**9 - age))
    for name, age in (("a.f.nbi", 30), ("b.g.nbi", 10)):
        (kept / name).touch()
        os.utime(kept / name, ns=(10**9 - age, 10**9 - age))
    assert forget_stale(tmp_path) == ["a.f.nbi"]
    assert sorted(x.name for x in kept.iterdir()) == ["b.g.nbi"]
    assert forget_stale(tmp_path) == forget_stale(tmp_path / "nowhere") == []


def test_exponents_have_no_end():
    m, x = np.array([1.0, 0.0]), np.array([-1e12, wide.NONE])
    a, e = np.full((2, 2), 0.5), np.array([[0.0, -1e15], [0.0, 0.0]])
    into, power, top = np.empty(2), np.empty(2), np.empty(2)
    wide.multiply(m, x, a, e, into, power, top)
    assert into.tolist() == [1.0, 1.0]
    assert power.tolist() == [-1e12 - 1, -1e12 - 1e15 - 1]
