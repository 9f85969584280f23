"""A3: many parameter draws and many rows; every draw has tables of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from bsm.engine import compile
from bsm.network.tables import Network, Table
from tests.benchmarks.findings import Finding, rounded, same, spread
from tests.benchmarks.goals import DRAWS
from tests.benchmarks.networks import Task, tasks
from tests.benchmarks.peers import Agrum, agrum_network, fill, flattened
from tests.benchmarks.rows import sampled, unique
from tests.benchmarks.settings import Settings
from tests.benchmarks.timing import Runner, Spread, once, ratio, turns


def findings(settings: Settings) -> Iterator[Finding]:
    for task in tasks(settings.names):
        yield _of(task, settings)


def _of(task: Task, settings: Settings) -> Finding:
    """Ours: from new tables, which are checked, to answers; the plan is known from earlier draws.

    pyAgrum answers the first few draws. For each its tables are written anew and its engine is made anew, as it
    keeps messages of the tables it has seen. `pyagrum_unique` answers only the different rows, in lexical order.
    """
    rows = sampled(task.network, task.seen, settings.draw_rows, seed=4)

    def answered(tables: Mapping[str, Table]) -> torch.Tensor:
        network = Network(task.network.variables, tables)
        return compile(network, task.target, task.seen, expected_rows=len(rows))(rows).probabilities

    new = iter([drawn(task.network, settings.draws, seed).tables for seed in range(settings.repeats + 2)])
    tables = next(new)
    cold = once(lambda: answered(tables))
    first = Network(task.network.variables, tables)
    made = agrum_network(first)
    flat = [flattened(made, first, draw) for draw in range(settings.agrum_draws)]

    def agrum(part: torch.Tensor) -> np.ndarray:
        answers = []
        for numbers in flat:
            fill(made, numbers)
            answers.append(Agrum(first, task.target, task.seen, made).posteriors(part))
        return np.array(answers)

    apart = same(answered(tables)[: settings.agrum_draws], agrum(rows), f"{task.title}, draws")
    different = unique(rows)
    runners = {
        "ours": Runner(lambda: answered(next(new)), settings.draws * len(rows), again=False),
        "pyagrum": Runner(lambda: agrum(rows), settings.agrum_draws * len(rows)),
        "pyagrum_unique": Runner(lambda: agrum(different), settings.agrum_draws * len(rows)),
    }
    taken = turns(runners, settings.repeats)
    beside = {
        "draws": settings.draws,
        "rows": len(rows),
        "pyagrum_draws": settings.agrum_draws,
        "first_call_seconds": rounded(cold),
        "seconds_per_draw_and_row": {name: spread(Spread.of(times)) for name, times in taken.items()},
        "against_unique_rows": spread(ratio(taken["pyagrum_unique"], taken["ours"])),
        "largest_difference": {"pyagrum": apart},
    }
    return Finding(DRAWS, task.title, ratio(taken["pyagrum"], taken["ours"]), beside=beside)


def drawn(network: Network, draws: int, seed: int) -> Network:
    """The network with its columns redrawn: each entry times a Gamma(10) variate, then made to sum to one.

    Zeros stay zeros, so deterministic tables stay what they are.
    """
    rng = np.random.default_rng(seed)
    tables = {}
    for child, table in network.tables.items():
        values = table.values[:1].numpy() * rng.gamma(10, size=(draws, *table.values.shape[1:]))
        tables[child] = Table(child, table.parents, torch.from_numpy(values / values.sum(-1, keepdims=True)))
    return Network(network.variables, tables)
