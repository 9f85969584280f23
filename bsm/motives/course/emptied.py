"""Where in its course an AI is left without any motivation: in which phase, and by which gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bsm.engine.logs import log_sum
from bsm.motives.course.moments import Moment, steps_at
from bsm.motives.course.stages import Stage


def emptied(stages: Sequence[Stage], state: Callable[[Moment], Tensor], when: Moment) -> str:
    """What takes the last motivation away in the first draw that has none at the moment, in words.

    Args:
        stages: the phases.
        state: log weights at a moment, [draw, m + 1, explored].
        when: the moment.
    """
    draw = int(_gone(state(when)).nonzero()[0, 0])
    if bool(_at(_gone(state(Moment(-1))), draw)):
        return "the prior gives them none"
    for i, stage in enumerate(stages[: when.phase + 1]):
        steps = steps_at(when, i, stage.n, stage.name)
        past = state(Moment(i, step=stage.n if steps is None else steps))
        if bool(_at(_gone(past), draw)):
            return f"in phase {stage.name} every one that was left has fitness zero"
        for name, passed in stage.gates if steps is None else ():
            past = past + passed[..., None]
            if bool(_at(_gone(past), draw)):
                return f"in phase {stage.name} the gate {name} surely catches every one that was left"
    raise AssertionError("a moment at which none is left comes after what took the last")


def _gone(state: Tensor) -> Tensor:
    return (log_sum(state)[:, :-1] == -torch.inf).all(-1)


def _at(values: Tensor, draw: int) -> Tensor:
    return values[min(draw, len(values) - 1)]
