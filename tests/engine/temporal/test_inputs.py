"""Batch axes of the passes over time, which axis is time, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.engine import temporal
from bsm.engine.errors import ImpossibleEvidence
from tests.engine.temporal.chains import Example, dense, enumerated


def close(ours: torch.Tensor, theirs: np.ndarray | float) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-10)


# --- batches -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("initial", "transition", "evidence", "varying", "batch"),
    [
        ((), (), (), False, ()),
        ((), (), (3,), False, (3,)),
        ((4, 1), (3,), (2, 1, 1), False, (2, 4, 3)),
        ((), (7,), (), False, (7,)),
        ((5,), (5, 3), (5,), True, (5,)),
        ((), (2, 1, 3), (6,), True, (2, 6)),
        ((2, 1), (1, 20), (2, 1), False, (2, 20)),
        ((), (), (0,), False, (0,)),
    ],
)
def test_batch_axes_are_broadcast(initial, transition, evidence, varying, batch):
    rng = np.random.default_rng(1)
    states, steps = 3, 4
    tables = (
        rng.dirichlet(np.ones(states), size=initial),
        rng.dirichlet(np.ones(states), size=(*transition, states)),
        rng.normal(size=(*evidence, steps, states)),
    )
    found = temporal.smooth(*map(torch.tensor, tables), varying=varying)
    best = temporal.path(*map(torch.tensor, tables), varying=varying)
    drawn = temporal.sample(*map(torch.tensor, tables), 2, 0, varying=varying)
    assert found.smoothed.shape == found.filtered.shape == (*batch, steps, states)
    assert found.log_evidence.shape == best.log_joint.shape == batch
    assert best.states.shape == (*batch, steps)
    assert drawn.shape == (2, *batch, steps)
    own = [states], [steps - 1, states, states] if varying else [states, states], [steps, states]
    full = [np.broadcast_to(table, (*batch, *shape)) for table, shape in zip(tables, own, strict=True)]
    for place in np.ndindex(batch):
        answer = enumerated(Example(*(table[place] for table in full)))
        close(found.smoothed[place], answer.smoothed)
        close(found.filtered[place], answer.filtered)
        close(found.log_evidence[place], answer.log_evidence)
        assert (best.states[place].numpy() == answer.paths[answer.log_joint.argmax()]).all()


def test_which_axis_is_time_is_told_or_asked():
    example = dense(np.random.default_rng(2), 2, 4, varying=True)
    initial, transition, evidence = example.tensors()  # three tables
    told = temporal.smooth(initial, transition, evidence, varying=True)
    assert torch.equal(temporal.smooth(initial, transition, evidence).smoothed, told.smoothed)
    five = temporal.smooth(initial, transition, evidence.expand(5, 4, 2)).smoothed
    assert torch.equal(five, told.smoothed.expand(5, 4, 2))
    three = temporal.smooth(initial, transition, evidence.expand(3, 4, 2)).smoothed  # as many sequences as tables
    assert torch.equal(three, told.smoothed.expand(3, 4, 2))
    doubt = "one table for each of the 3 steps in time, or one for each of 3 sequences"
    with pytest.raises(ValueError, match=doubt):
        temporal.smooth(initial.expand(3, 2), transition, evidence)
    with pytest.raises(ValueError, match=doubt):
        temporal.smooth(initial, transition.expand(5, 3, 2, 2), evidence.expand(3, 4, 2))
    apart = temporal.smooth(initial, transition, evidence.expand(3, 4, 2), varying=False).smoothed
    for n in range(3):
        close(apart[n], temporal.smooth(initial, transition[n], evidence).smoothed.numpy())


def test_one_impossible_sequence_does_not_spoil_the_others():
    rng = np.random.default_rng(3)
    evidence = torch.tensor(rng.normal(size=(40, 6, 2)))
    stay, initial = torch.eye(2, dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64)
    alone = temporal.smooth(initial, stay, evidence)
    evidence[17, 2, 0] = evidence[17, 4, 1] = -torch.inf
    found = temporal.smooth(initial, stay, evidence, on_impossible="mask")
    others = torch.arange(40) != 17
    for one, other in zip(found, alone, strict=True):
        assert torch.equal(one[others], other[others])
    assert found.log_evidence[17] == -torch.inf
    assert (found.smoothed[17] == 0).all()


# --- what is refused ---------------------------------------------------------------------------------------

HALF = torch.tensor([0.5, 0.5], dtype=torch.float64)
STAY = torch.eye(2, dtype=torch.float64)
BLANK = torch.zeros(3, 2, dtype=torch.float64)


@pytest.mark.parametrize("call", [temporal.smooth, temporal.filter, temporal.path])
def test_impossible_evidence_names_the_sequence_the_step_and_the_states(call):
    evidence = torch.zeros(2, 3, 5, 2, dtype=torch.float64)
    evidence[1, 2, 1, 0] = evidence[1, 2, 3, 1] = -torch.inf
    message = r"1 of 6 sequences .* batch index \(1, 2\) ends at time step 3, where states \[1\] were possible and its "
    with pytest.raises(ImpossibleEvidence, match=message + r"evidence allows states \[0\]"):
        call(HALF, STAY, evidence)


def test_evidence_that_allows_nothing_is_impossible():
    with pytest.raises(ImpossibleEvidence, match=r"the sequence ends at time step 1.*its evidence allows no state"):
        temporal.smooth(HALF, STAY, torch.tensor([[0.0, 0.0], [-torch.inf, -torch.inf]], dtype=torch.float64))
    with pytest.raises(ImpossibleEvidence, match=r"time step 0, where states \[1\] were possible"):
        temporal.sample(STAY[1], STAY, torch.tensor([[0.0, -torch.inf]], dtype=torch.float64), 3, 0)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e12, -1e12])
@pytest.mark.parametrize("call", [temporal.smooth, temporal.path])
@pytest.mark.parametrize("count", [1, 30])
def test_evidence_that_is_no_number_is_refused_wherever_it_stands(value, call, count):
    evidence = torch.zeros(count, 3, 2, dtype=torch.float64)
    evidence[-1, 2, 1] = value
    with pytest.raises(ValueError, match=rf"index \({count - 1}\) has log_likelihood {value} at time step 2, state 1"):
        call(HALF, STAY, evidence)
    evidence.requires_grad_()
    with pytest.raises(ValueError, match=r"at time step 2, state 1"):
        temporal.smooth(HALF, STAY, evidence)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((HALF, STAY, BLANK[:, :1]), r"log_likelihood needs shape \[..., time, 2\].*got \(3, 1\)"),
        ((HALF, STAY, BLANK[:0]), r"at least one time step.*got \(0, 2\)"),
        ((HALF, STAY[:1], BLANK), r"transition needs shape \[..., 2, 2\], \[now, next\].*got \(1, 2\)"),
        ((HALF[:0], STAY, BLANK), r"at least one state"),
        ((HALF * 2, STAY, BLANK), r"initial is \[1.0, 1.0\]; .* sum to one"),
        ((HALF, STAY * torch.nan, BLANK), r"transition\[0\] is \[nan, nan\]"),
        ((torch.tensor([1.5, -0.5]), STAY, BLANK), r"initial is \[1.5, -0.5\]"),
        ((HALF, torch.tensor([[1, 0], [0, 1]]), BLANK), r"transition is torch.int64"),
        ((HALF.expand(2, 2), STAY, BLANK.expand(3, 3, 2)), r"initial \(2,\), transition \(\), log_likelihood \(3,\)"),
    ],
)
def test_wrong_inputs_are_refused_with_what_would_be_right(arguments, message):
    with pytest.raises(ValueError, match=message):
        temporal.smooth(*arguments)


def test_wrong_choices_are_refused():
    with pytest.raises(ValueError, match=r"3 time steps need transition \[..., 2, 2, 2\].*got \(2, 2\)"):
        temporal.smooth(HALF, STAY, BLANK, varying=True)
    with pytest.raises((ValueError, TypeError), match="'mask'"):  # TypeError where types are checked at every call
        temporal.smooth(HALF, STAY, BLANK, on_impossible="ignore")
    with pytest.raises(ValueError, match="steps is -1"):
        temporal.predict(HALF, STAY, -1)
    with pytest.raises((ValueError, TypeError), match=r"0\.5"):
        temporal.predict(HALF, STAY, 0.5)
    with pytest.raises(ValueError, match=r"4 steps need as many tables.*got \(3, 2, 2\)"):
        temporal.predict(HALF, STAY.expand(3, 2, 2), 4, varying=True)
