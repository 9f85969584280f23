"""How many slices a model over time has: whole selections of strength one, and no more than one network can hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import prod

import torch

from bsm.motives.course import At, moment
from bsm.motives.situations import seen
from bsm.motives.theta import Theta
from bsm.network.sliced import MOST_VARIABLES
from bsm.spec.model import Model, Number, Phase, Ref, SpecError

Steps = int | Mapping[str, int] | None


@dataclass(frozen=True)
class Times:
    """What happens when, of one model up to some moment.

    `steps` holds for each selection step, in the order of time, the position of its phase. `gates` holds (t, phase,
    position of the gate) for each gate, at the number t of selections that are past when it is met.
    """

    steps: tuple[int, ...]
    gates: tuple[tuple[int, int, int], ...]


def with_steps(model: Model, steps: Steps) -> Model:
    """The model with other numbers of selections.

    Args:
        steps: how many selections each phase named here has; or one number for every phase that has any.

    Raises:
        SpecError: a phase that does not exist, or a number that is not whole and at least 0.
    """
    if steps is None:
        return model
    if not isinstance(steps, Mapping):
        steps = {p.name: steps for p in model.phases if p.selections != 0.0}
    names = [p.name for p in model.phases]
    for name, count in steps.items():
        if name not in names:
            raise SpecError(f"steps names {name!r}, which is not a phase of {model.name}; it has {names}")
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise SpecError(f"steps gives {name} {count!r} selections; a whole number of at least 0 is accepted")
    changed = (replace(p, selections=float(steps[p.name])) if p.name in steps else p for p in model.phases)
    return replace(model, phases=tuple(changed))


def times(model: Model, theta: Theta, at: At = None) -> Times:
    """Steps and gates up to a moment, in the order of time.

    Raises:
        SpecError: a phase that is no sequence of whole selections of strength one under the replicator; a moment
            that does not exist.
    """
    when = moment(model, at)
    steps: list[int] = []
    gates: list[tuple[int, int, int]] = []
    for i, phase in enumerate(model.phases[: when.phase + 1]):
        count = _selections(phase, theta)
        if i == when.phase and not when.end:
            past = when.past(torch.tensor([float(count)], dtype=torch.float64))
            steps += [i] * _asked(phase.name, past, count)
            break
        steps += [i] * count
        gates += [(len(steps), i, k) for k in range(len(phase.gates))]
    return Times(tuple(steps), tuple(gates))


def _selections(phase: Phase, theta: Theta) -> int:
    n = theta.of(phase.selections)
    low, high = float(n.min()), float(n.max())
    if low != high or low != round(low):
        raise SpecError(
            f"phase {phase.name}: selections is {_range(low, high)}; a network has a whole number of slices, one "
            f"for all draws; say how many with steps={{{phase.name!r}: 3}}"
        )
    if low and phase.dynamics != "replicator":
        raise SpecError(
            f"phase {phase.name}: dynamics is {phase.dynamics}; conditioning on being selected is the replicator, and "
            "only that is a Bayesian network; set dynamics: replicator, or ask `bsm.motives.course`"
        )
    eta = theta.of(phase.eta)
    if low and bool((eta != 1).any()):
        raise SpecError(
            f"phase {phase.name}: eta is {_range(float(eta.min()), float(eta.max()))}; conditioning on being selected "
            f"is a step with eta = 1, and only that is a Bayesian network; {_hold(phase.eta)}, or ask "
            "`bsm.motives.course`, which takes any eta"
        )
    return int(low)


def _hold(number: Number) -> str:
    return f"hold it with model.with_parameters({{{number.parameter!r}: 1.0}})" if isinstance(number, Ref) else "set it"


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g} over the parameter draws"


def _asked(name: str, step: torch.Tensor, count: int) -> int:
    low, high = float(step.min()), float(step.max())
    if low != high or low != round(low) or low > count:
        raise SpecError(
            f"step {_range(low, high)} of phase {name} is asked for; a whole number from 0 to {count}, its selections, "
            "is accepted"
        )
    return int(low)


def refuse_large(model: Model, found: Times, draws: int, only: Collection[str] | None, max_bytes: int) -> None:
    """Refuse, before any table is made, a network that would be too large.

    Raises:
        SpecError: too many variables, or tables over `max_bytes`; each slice is counted with its own, as in a file.
    """
    per_slice = 2 + len(model.nodes if only is None else only)
    held = 8 * draws * _cells(model)
    count, slices = len(found.steps) * per_slice, len(found.steps) if only is None else len(set(found.steps))
    if count <= MOST_VARIABLES and slices * held <= max_bytes:
        return
    counts = ", ".join(f"{p.name}: {found.steps.count(i)}" for i, p in enumerate(model.phases) if i in found.steps)
    fits = max(1, min(MOST_VARIABLES // per_slice, max_bytes // held)) if held <= max_bytes else 0
    raise SpecError(
        f"{model.name}: {len(found.steps):,} selections ({counts}) make about {count:,} variables with "
        f"{slices * held:,} bytes of tables ({draws} draws); one network may have {MOST_VARIABLES:,} and {max_bytes:,} "
        f"(max_bytes). About {fits:,} selections fit: give fewer with `steps` or `at`, or fewer nodes with `only`; "
        "`bsm.motives.course` takes any number of selections"
    )


def _cells(model: Model) -> int:
    """Entries of all tables of one slice, about."""
    stages = model.graph.action_stages()
    acted = {a for stage in stages for a in stage}
    total = 0
    for i, stage in enumerate(stages):
        size = len(model.motivations) * prod(len(model.nodes[n].states) for n in seen(model, i))
        for action in stage:
            size *= len(model.nodes[action].states)
            total += size
    own = {n for m in model.motivations.values() for n in m.says}
    for name, node in model.nodes.items():
        if name not in acted:
            size = len(node.states) * prod(len(model.nodes[p].states) for p in node.parents)
            total += size * (len(model.motivations) if name in own else 1)
    return total
