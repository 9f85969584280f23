"""The same function over many independent tasks, in this process or in several."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread inside: small tensors run slower with more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(
    work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], workers: int = 1, label: str | None = None
) -> list[Any]:
    """`work(*task)` for every task, results in the order of the tasks.

    Args:
        work: a function that can cross processes.
        tasks: its arguments.
        workers: processes (joblib's; a surrounding `joblib.parallel_config` may send them to a cluster).
        label: shows a progress bar of this name on standard error.
    """
    if workers <= 1 or len(tasks) <= 1:
        return list(_shown((work(*task) for task in tasks), len(tasks), label))
    from joblib import Parallel, delayed

    running = Parallel(n_jobs=min(workers, len(tasks)), return_as="generator")
    with _replaced_quietly():
        return list(_shown(running(delayed(work)(*task) for task in tasks), len(tasks), label))


@contextmanager
def _replaced_quietly() -> Iterator[None]:
    """joblib ends a process that a task left with 300 MB more than it began with, begins another and warns of it.

    No result is lost by that. But the warning comes from the thread that gives out the tasks, and where warnings are
    errors (`python -W error`) it would end the thread and leave this one waiting for ever.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor", UserWarning)
        yield


def _shown(results: Any, total: int, label: str | None) -> Iterator[Any]:
    if label is None:
        yield from results
        return
    from tqdm import tqdm

    yield from tqdm(results, total=total, desc=label, leave=False)
