"""A model over time as one static Bayesian network, for a small number of selections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bsm.motives.course import At
from bsm.motives.theta import Theta
from bsm.motives.unrolled.slices import sliced
from bsm.motives.unrolled.times import Steps
from bsm.network.sliced import MOST_BYTES, label
from bsm.network.tables import Network
from bsm.spec.model import Model


@dataclass(frozen=True, eq=False)
class Unrolled(Network):
    """A network that knows its time.

    Attributes:
        selected: node -> state for all that the AI passed. Given these, `motivation__tT` has the shares of influence.
        phases: name of the phase of each step t.
        log_scale: [draw] nats, as in `SlicedModel`.
    """

    selected: Mapping[str, str] = field(default_factory=dict)
    phases: tuple[str, ...] = ()
    log_scale: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.float64))

    @property
    def labels(self) -> dict[str, str]:
        """Each variable as people read it: `influence__t3` -> `influence[3]`."""
        return {name: label(name) for name in self.variables}


def unroll(
    model: Model,
    steps: Steps = None,
    at: At = None,
    *,
    overlay: str | None = None,
    theta: Theta | None = None,
    only: Collection[str] | None = None,
    max_bytes: int = MOST_BYTES,
) -> Unrolled:
    """The model over time as one Bayesian network, phases with different tables among its slices.

    Time t counts selections that are past. `motivation__t{t}` drives the AI then: its policy, in the contexts and
    levers of the phase, chooses `action__t{t}`, which causes the outcomes of slice t and `influence__t{t}`, whether it
    is selected. `motivation__t{t+1}` follows from it by the drift of the phase; so `motivation__t0` has the prior, and
    P(motivation__tT | selected at 0 .. T-1, gates passed) is the share of influence after T selections, exactly what
    `bsm.motives.course` gives without a ledger. Condition on `Unrolled.selected` for that.

    Beside the nodes of the model, names getting `_2` where a node has them already:
        `selected`: being selected, where a phase has its own event, or actions that selection does not see yet;
        `explored`: whether it sees them by now. Until then they count as the base policy does in their context;
        `pressure`: terms of the prior that press at every step, P(yes | m) = exp(nats of m - the largest);
        `gate_NAME`: a held-out gate after t selections, all its looks together; one that is trained on has no node;
        `situation`, `in_situation`: which situation of a listed support it is, and that its contexts are met.

    None_of_these has no policy to put into a table, and so no place in the network; shares leave it out too. What is
    transmitted follows the shares of the course without a ledger (mean field).

    Args:
        model: the model. Needs replicator dynamics, eta = 1 and whole numbers of selections.
        steps: numbers of selections by phase, or one for every phase that has any, instead of the model's own.
        at: the moment at which to end, as in `bsm.motives.course.moment`; the end of the last phase when absent.
        overlay: a named overlay to apply.
        theta: parameter draws; prior medians when absent. Several draws give tables with a draw axis.
        only: nodes of the model to keep in each slice, the others summed out exactly; what is selected on is kept
            anyway. All when absent.
        max_bytes: of tables, each slice counted with its own, as a file has them.

    Raises:
        SpecError: softmax_pg, another eta, selections that are not one whole number, or so many of them that the
            network would be too large (which is found out before it is made).

    >>> import bsm
    >>> network = bsm.unroll(bsm.load("models/tiny"), steps=2, only=["action"])
    >>> list(network.variables)
    ['motivation__t0', 'action__t0', 'influence__t0', 'motivation__t1', 'action__t1', 'influence__t1', 'motivation__t2']
    >>> network.selected
    {'influence__t0': 'yes', 'influence__t1': 'yes'}
    """
    found = sliced(model, steps, at, overlay=overlay, theta=theta, only=only, max_bytes=max_bytes)
    network = found.network.unrolled(max_bytes)
    return Unrolled(
        network.variables,
        network.tables,
        network,
        selected=found.selected,
        phases=found.phases,
        log_scale=found.log_scale,
    )
