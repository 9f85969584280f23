"""Results come in the order of the tasks, whatever becomes of the processes."""

import subprocess
import sys
from pathlib import Path

from bsm.inference.parallel import side_by_side

KEEPS = """
import time
kept = []

def keep(task):
    if task >= 2:  # what a process holds after its first task is what it is measured against
        kept.append(bytearray(b"x") * 400_000_000)
    time.sleep(1.1)  # its memory is looked at once a second
    return task
"""
ASKS = """
from keeps import keep
from bsm.inference.parallel import side_by_side

print(side_by_side(keep, [(task,) for task in range(5)], 2))
"""


def test_results_are_in_the_order_of_the_tasks_in_one_process_and_in_two():
    tasks = [(-3,), (2,), (-1,), (0,)]
    assert side_by_side(abs, tasks) == side_by_side(abs, tasks, 2, "some tasks") == [3, 2, 1, 0]


def test_a_process_that_keeps_memory_is_replaced_without_a_word_and_without_a_wait(tmp_path: Path):
    (tmp_path / "keeps.py").write_text(KEEPS)
    (tmp_path / "asks.py").write_text(ASKS)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", tmp_path / "asks.py"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "[0, 1, 2, 3, 4]\n", done.stderr
    assert "A worker stopped" not in done.stderr
