"""D1: the value of observing each of six nodes before a decision, from joint posteriors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bsm.engine import compile
from tests.benchmarks.findings import Finding, rounded, same, spread
from tests.benchmarks.goals import VALUE
from tests.benchmarks.networks import GENERATED, Task, tasks
from tests.benchmarks.peers import Agrum
from tests.benchmarks.rows import sampled
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Runner, Spread, once, ratio, turns
from tests.benchmarks.voi import value_of_observing

CANDIDATES = {  # what might be looked at next; none of it is among the sinks
    "bsm15": ("action_1", "outcome_2", "outcome_3", "reward_1", "context_1", "action_2"),
    "bsm42": ("action_2", "action_3", "action_4", "outcome_1", "outcome_4", "reward_1"),
}
DECISIONS = 3  # for example: deploy, restrict, retrain


def findings(settings: Settings) -> Iterator[Finding]:
    for task in tasks(tuple(name for name in settings.names if name in GENERATED)):
        if task.evidence == "sinks":
            yield _of(task, settings)


def _of(task: Task, settings: Settings) -> Finding:
    nodes = CANDIDATES[task.name]
    rows = sampled(task.network, task.seen, settings.value_rows, seed=6)
    states = len(task.network.variables[task.target].states)
    utility = torch.from_numpy(np.random.default_rng(6).normal(size=(DECISIONS, states)))
    compiling = once(lambda: Ours(task, nodes, utility, len(rows)).values(rows[:1]))
    ours = Ours(task, nodes, utility, len(rows))
    few, one = rows[: settings.agrum_value_rows], rows[:1]
    peers = {"pyagrum_joint": AgrumJoint(task, nodes, utility), "pyagrum_states": AgrumStates(task, nodes, utility)}
    apart = {name: same(ours.values(few), peer.values(few), task.title) for name, peer in peers.items()}
    runners = {
        "ours": Runner(lambda: ours.values(rows), len(rows)),
        "ours_one_row": Runner(lambda: ours.values(one), 1),
    }
    for name, peer in peers.items():
        runners[name] = Runner(lambda peer=peer: peer.values(few), len(few))
    taken = turns(runners, settings.repeats)
    beside = {
        "rows": len(rows),
        "decisions": DECISIONS,
        "candidates": list(nodes),
        "compile_seconds": rounded(compiling),
        "seconds_per_row": {name: spread(Spread.of(times)) for name, times in taken.items()},
        "against_setting_each_state": spread(ratio(taken["pyagrum_states"], taken["ours"])),
        "one_row_at_a_time": spread(ratio(taken["pyagrum_joint"], taken["ours_one_row"])),
        "largest_difference": apart,
    }
    return Finding(VALUE, task.title, ratio(taken["pyagrum_joint"], taken["ours"]), beside=beside)


class Ours:
    """One joint query for each candidate, all rows at once."""

    def __init__(self, task: Task, nodes: Sequence[str], utility: Tensor, rows: int) -> None:
        self.utility = utility
        self.queries = [compile(task.network, (task.target, node), task.seen, expected_rows=rows) for node in nodes]

    def values(self, rows: Tensor) -> np.ndarray:
        values = [value_of_observing(query(rows).probabilities, self.utility) for query in self.queries]
        return torch.stack(values, -1).numpy()


class AgrumJoint:
    """pyAgrum: the joint posterior of the target and each candidate, row by row."""

    def __init__(self, task: Task, nodes: Sequence[str], utility: Tensor) -> None:
        self.peer = Agrum(task.network, task.target, task.seen)
        self.target, self.nodes, self.utility = task.target, nodes, utility.numpy()
        for node in nodes:
            self.peer.engine.addJointTarget({task.target, node})

    def values(self, rows: Tensor) -> np.ndarray:
        answers = []
        for row in rows.tolist():
            self.peer.observe(row)
            answers.append([self._value(node) for node in self.nodes])
        return np.array(answers)

    def _value(self, node: str) -> float:
        found = self.peer.engine.jointPosterior({self.target, node})
        joint = found.toarray()  # axes in the order opposite to that of its names
        expected = self.utility @ (joint if found.names[-1] == self.target else joint.T)
        return expected.max(0).sum() - expected.sum(1).max()


class AgrumStates:
    """pyAgrum: each state of each candidate set in turn, so that only posteriors of single nodes are asked."""

    def __init__(self, task: Task, nodes: Sequence[str], utility: Tensor) -> None:
        self.peers = [Agrum(task.network, task.target, (*task.seen, node)) for node in nodes]
        self.prior = Agrum(task.network, task.target, task.seen)
        for node in nodes:
            self.prior.engine.addTarget(node)
        self.states = [range(len(task.network.variables[node].states)) for node in nodes]
        self.nodes, self.utility = nodes, utility.numpy()

    def values(self, rows: Tensor) -> np.ndarray:
        answers = []
        for row in rows.tolist():
            self.prior.observe(row)
            now = (self.utility @ self.prior.engine.posterior(self.prior.target).toarray()).max()
            answers.append([self._after(i, row) - now for i in range(len(self.nodes))])
        return np.array(answers)

    def _after(self, i: int, row: list[int]) -> float:
        weights = self.prior.engine.posterior(self.nodes[i]).toarray()
        total = 0.0
        for state in self.states[i]:
            if weights[state] > 0:
                self.peers[i].observe([*row, state])
                given = self.peers[i].engine.posterior(self.peers[i].target).toarray()
                total += weights[state] * (self.utility @ given).max()
        return total
