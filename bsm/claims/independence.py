"""Independence as a statement: by the graph (d-separation) and by the numbers (mutual information), each time both.

Among nodes of the model actions follow the base policy. Where `motivation` is named, or with `steps`, each action
follows the policy of the motivation, the root of the network (`bsm.motives.network`).

With `steps` the model is unrolled over so many selections (`bsm.motives.unrolled`), and names carry their time, the
number of selections that are past: `motivation__t1`, `influence__t0`. Beside the nodes of the model there are
`selected__tN` (being selected at step N, whatever the phase selects on), `explored__tN` (whether what was unexplored
has been tried) and `gate_NAME__tN` (a held-out gate, passed or caught). eta must be 1 there; hold it with `set`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor

from bsm.claims.answers import Answers, Setting
from bsm.claims.holding import Holding, beside
from bsm.engine import conditional
from bsm.motives.network import MOTIVATION, to_network
from bsm.motives.theta import central
from bsm.motives.unrolled import Unrolled, unroll
from bsm.motives.world import World
from bsm.network.tables import Network
from bsm.spec.model import Model, SpecError
from bsm.spec.problems import listed, near

INDEPENDENT = 1e-12  # nats; below it a conditional mutual information counts as zero
DEPENDENT = 1e-6  # nats; above it, as not zero
AT = re.compile(r"(.+)__t(\d+)")
SELECTED, EXPLORED, GATE = "selected", "explored", "gate_"
Steps = int | Mapping[str, int] | None


@dataclass(frozen=True)
class Independence:
    """a and b are (or are not) independent given the rest; `where` is the place in the file."""

    a: str
    b: str
    given: tuple[str, ...]
    holds: bool
    at: tuple[Setting, ...]
    steps: Steps = None
    where: str = ""

    def check(self, answers: Answers) -> Holding:
        return min((self._at(answers, s) for s in self.at), key=lambda holding: (holding.holds, holding.by))

    def _at(self, answers: Answers, setting: Setting) -> Holding:
        model = answers.model_of(setting.overlay).with_parameters(setting.held)
        try:
            network, (a, b, *given) = self._network(model)
        except SpecError as error:
            raise SpecError(f"{self.where}: {error}") from error
        separated = d_separated(network, a, b, given)
        nats = information(network, a, b, given)
        by = INDEPENDENT - nats if self.holds else nats - DEPENDENT
        graph = "separated" if separated else "connected"
        words = f"{self.a} and {self.b}" + (f" given {', '.join(self.given)}" if self.given else "")
        where = f"{words}: {graph} in the graph, mutual information {nats:.2g} nats{beside(setting)}"
        return Holding(separated == self.holds and by > 0, by, where)

    def _network(self, model: Model) -> tuple[Network, list[str]]:
        """The network and the names in it of a, b and what is given."""
        names = [self.a, self.b, *self.given]
        if self.steps is not None:
            network = unroll(model, self.steps)
            return network, [_timed(name, network, model) for name in names]
        for name in names:
            if name != MOTIVATION and name not in model.nodes:
                raise SpecError(f"{name!r} is not a node here; it comes with an overlay that is not applied")
        return (to_network(model) if MOTIVATION in names else World(model).network(central(model))), names


def _timed(name: str, network: Unrolled, model: Model) -> str:
    """The variable of a name with a time; being selected may be a node of the model."""
    if name in network.variables:
        return name
    found = AT.fullmatch(name)
    if found and found[1] == SELECTED and int(found[2]) < len(network.phases):
        phase = next(p for p in model.phases if p.name == network.phases[int(found[2])])
        return f"{next(iter(phase.selected or [model.graph.influence]))}__t{found[2]}"
    close = near(name, network.variables)
    last = len(network.phases)
    raise SpecError(
        f"{name!r} is not there when the model is unrolled over {last} selections{close}; names are NODE__t0 to "
        f"NODE__t{last - 1}, {MOTIVATION}__t0 to {MOTIVATION}__t{last}, and here "
        f"{listed([n for n in network.variables if n.startswith((GATE, EXPLORED))] or ['no gate'])}"
    )


def d_separated(network: Network, a: str, b: str, given: Sequence[str] = ()) -> bool:
    """Whether the graph of a network implies that two variables are independent given others."""
    graph = nx.DiGraph((p, child) for child, table in network.tables.items() for p in table.parents)
    graph.add_nodes_from(network.variables)
    return bool(nx.is_d_separator(graph, {a}, {b}, set(given)))


def mutual_information(model: Model, a: str, b: str, given: Sequence[str] = ()) -> float:
    """I(a; b | given) in nats, actions following the base policy; exact, from the joint table."""
    return information(World(model).network(central(model)), a, b, given)


def information(network: Network, a: str, b: str, given: Sequence[str] = ()) -> float:
    """I(a; b | given) in nats, from the joint table of a network."""
    table = conditional(network, (*given, a, b), ())[0]
    joint = table.reshape(-1, *table.shape[-2:])  # [given, a, b]
    total = joint.sum((1, 2), keepdim=True)
    terms = joint * (_log(joint) + _log(total) - _log(joint.sum(2, keepdim=True)) - _log(joint.sum(1, keepdim=True)))
    return max(math.fsum(terms.reshape(-1).tolist()), 0.0)


def _log(p: Tensor) -> Tensor:
    return torch.where(p > 0, p, torch.ones_like(p)).log()
