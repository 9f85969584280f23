"""Run the notebooks and write the executed .ipynb beside each .py.

Use: `python notebooks/refresh.py [notebooks/NN_question.py ...]`. The same source and the same results give
the same file: cells are numbered, no times are recorded, and what a cell prints is one piece however it came.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

HERE = Path(__file__).parent
SOURCES = "[0-9][0-9]_*.py"


def executed(source: Path) -> nbformat.NotebookNode:
    """The notebook of a .py file in percent format, run from the root of the checkout."""
    notebook = jupytext.read(source)
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i}"
    with tempfile.TemporaryDirectory() as sockets:
        client = NotebookClient(
            notebook,
            km=AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel"),
            timeout=600,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(HERE.parent)}},
        )
        return client.execute(cleanup_kc=True)  # the kernel is ours, and ends here


def main() -> None:
    for source in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob(SOURCES)):
        target = source.with_suffix(".ipynb")
        nbformat.write(executed(source), target)
        print(target)


if __name__ == "__main__":
    main()
