"""A question asked of every row of a file."""

from bsm.inference.batch.journal import rows_done
from bsm.inference.batch.run import Batch, ask_batch

__all__ = ["Batch", "ask_batch", "rows_done"]
