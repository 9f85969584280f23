"""The posterior over time against every path of the hidden state written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bsm.inference.over_time.account import Account
from bsm.inference.over_time.asked import asked
from bsm.inference.over_time.none import log_free
from bsm.inference.over_time.places import places
from bsm.inference.over_time.posterior import posterior_over_time
from bsm.motives.course import Timeline
from bsm.spec.model import SpecError
from tests.inference.over_time import enumeration as slowly
from tests.motives import by_hand
from tests.motives.course.slow import several_phases

AT = ["start", "first:0", "first:1", "first", "middle", "last:0", "last:1", "last:2", "last", "now"]


def a_model(seed: int, n: tuple[float, float] = (1.0, 2.0)):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    model = several_phases(seed, explored=bool(rng.random() < 0.4), passed_on=bool(rng.random() < 0.5))
    first, middle, last = model.phases
    phases = (replace(first, selections=n[0]), middle, replace(last, selections=n[1]))
    return replace(model, phases=phases, prior=replace(model.prior, none_of_these=0.1))


def some_rows(model, seed: int):  # type: ignore[no-untyped-def]
    """Rows seen inside a phase, selected on in both ways of saying so, seen at the end of a phase and now."""
    rng = np.random.default_rng(seed)
    where = by_hand.situations(model)
    levers = dict(model.phases[2].levers)

    def at(late: bool) -> dict[str, str]:
        c = dict(where[rng.integers(len(where))])
        return {**c, **{n: s for n, s in levers.items() if late and n in c}}

    told = 0 if model.phases[0].unexplored else 1  # no row is selected on where selection may not see all
    kinds = [
        (False, "first", None, told), (False, "first", 1.0, 0), (False, "middle", None, 0), (True, "last", None, 1),
        (True, "last", 1.0, 1), (True, "last", 2.0, 0), (True, "last", None, 0), (False, None, None, 0),
    ]  # fmt: skip
    chosen = [k for k in kinds if rng.random() < 0.6]
    return [
        slowly.row(i, at(late), int(rng.integers(0, 4)), 3, phase, step, steps)
        for i, (late, phase, step, steps) in enumerate(chosen)
    ]


def free(model, rows) -> float:  # type: ignore[no-untyped-def]
    """P(rows | none_of_these)."""
    if not rows:
        return 1.0
    account = Account(Timeline(model), slowly.evidence(rows), places(model, rows), asked(model, ["now"]))
    return float(log_free(account, account.space.theta(account.space.prior_draws(1, 0)), 1).exp())


def by_enumeration(model, rows, moments):  # type: ignore[no-untyped-def]
    """Filtered and smoothed [m + 1] by moment, and log evidence, from all paths."""
    e = 2 if any(p.unexplored for p in model.phases) else 1
    start, happened = slowly.events(model, rows, e == 2)
    kept = {(): 1.0}

    def weighed(paths, count, past):  # type: ignore[no-untyped-def]
        found = slowly.by_motivation(paths, count, len(start), e)
        key = tuple(r.id for r in past)
        kept.setdefault(key, free(model, past) if past else 1.0)
        found[-1] *= kept[key]
        return found

    everything, alone = slowly.paths(start, happened), slowly.paths(start, happened, True)
    log_evidence = np.log(weighed(everything, 0, rows).sum() / sum(alone.values()))
    filtered, smoothed = {}, {}
    for at in moments:
        one = asked(model, [at])[0]
        before = slowly.upto(happened, one.phase, None if one.end else one.step) if at != "start" else []
        count = slowly.selections(before)
        past = [r for r in rows if r.id in {i for event in before for i in event.rows}]
        filtered[at] = weighed(slowly.paths(start, before), count, past)
        smoothed[at] = weighed(everything, count, rows)
    return filtered, smoothed, log_evidence


def agree(found, model, rows, moments):  # type: ignore[no-untyped-def]
    filtered, smoothed, log_evidence = by_enumeration(model, rows, moments)
    for at in moments:
        for ours, theirs in ((found.filtered, filtered[at]), (found.smoothed, smoothed[at])):
            np.testing.assert_allclose(ours.sel(subject="ai", moment=at), theirs / theirs.sum(), atol=1e-9)
    assert float(found.data["log_evidence"][0]) == pytest.approx(log_evidence, abs=1e-8)


@settings(max_examples=3)
@given(st.integers(0, 10_000))
def test_filtered_smoothed_and_evidence_are_sums_over_all_paths(seed):
    model = a_model(seed)
    rows = some_rows(model, seed)
    assume(rows)
    agree(posterior_over_time(model, slowly.evidence(rows), AT, beside=False), model, rows, AT)


@settings(max_examples=2)
@given(st.integers(0, 10_000))
def test_a_last_part_of_a_step_counts_as_in_the_course(seed):
    model = a_model(seed, (1.6, 1.3))
    rows = [r for r in some_rows(model, seed) if r.step != 2.0 and not (r.steps and r.step == 1.0)]
    assume(rows)
    moments = ["first", "now"]
    agree(posterior_over_time(model, slowly.evidence(rows), moments, beside=False), model, rows, moments)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_many_models_are_sums_over_all_paths(seed):
    model = a_model(seed)
    rows = some_rows(model, seed)
    assume(rows)
    agree(posterior_over_time(model, slowly.evidence(rows), AT, beside=False), model, rows, AT)


def test_a_row_is_not_selected_on_where_selection_may_not_see_all():
    model = next(m for m in map(a_model, range(50)) if m.phases[0].unexplored)
    one = slowly.row(0, dict(by_hand.situations(model)[0]), 1, 3, "first", 0.0, 1)
    with pytest.raises(SpecError, match=r"selections of phase first, which has unexplored actions.*steps 0"):
        posterior_over_time(model, slowly.evidence([one]), ["now"], beside=False)
