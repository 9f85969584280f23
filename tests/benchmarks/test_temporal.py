"""The engines over time that are timed answer alike, and a wrong answer stops the benchmark."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.chains import Chains, by_agrum, by_hmmlearn, ours
from tests.benchmarks.findings import DifferentAnswers, same
from tests.benchmarks.settings import QUICK
from tests.benchmarks.temporal import MOVES, _apart, _million, one_processor

CHAINS = Chains.random(states=5, steps=30, sequences=7)


def test_hmmlearn_answers_as_we_do():
    """So does dynamax, in the tests of peers: loading it here would spoil later tests that fork."""
    pytest.importorskip("hmmlearn._hmmc")
    assert _apart(ours(CHAINS)(), by_hmmlearn(CHAINS)(), "hmmlearn") < 1e-12


def test_pyagrum_answers_as_we_do_on_the_chain_unrolled():
    pytest.importorskip("pyagrum")
    same(ours(CHAINS)().smoothed.numpy(), by_agrum(CHAINS)(), "pyAgrum")


def test_in_parts_the_last_part_is_answered_as_alone():
    found, alone = ours(CHAINS, at_once=3)(), ours(CHAINS)()
    for part, whole in zip(found, alone, strict=True):
        np.testing.assert_allclose(part, whole[-1:], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_wrong_answer_stops_the_benchmark(which):
    found = ours(CHAINS)()
    theirs = [x.numpy().copy() for x in found]
    assert _apart(found, tuple(theirs), "the same") == 0
    theirs[which].flat[0] += 1e-6
    with pytest.raises(DifferentAnswers, match="a peer"):
        _apart(found, tuple(theirs), "a peer")


def test_a_million_steps_are_told_in_milliseconds():
    assert MOVES == 1_000_000
    assert 1e-3 < _million(4, one_way=True, settings=replace(QUICK, repeats=1)).value.median < 100


def test_one_processor_is_kept_only_while_it_is_needed():
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    with one_processor():
        assert not before or len(os.sched_getaffinity(0)) == 1
    assert not before or os.sched_getaffinity(0) == before
