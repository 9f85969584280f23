"""Networks of discrete variables: tables with named axes, changes to them, files, and the way to pgmpy."""

from bsm.network.reading import NormalisedColumn
from bsm.network.sliced import Sliced
from bsm.network.surgery import Setting, Shift, drop_edge, free, intervene, one_draw, with_table
from bsm.network.tables import Network, NetworkError, Table, Variable

__all__ = [
    "Network",
    "NetworkError",
    "NormalisedColumn",
    "Setting",
    "Shift",
    "Sliced",
    "Table",
    "Variable",
    "drop_edge",
    "free",
    "intervene",
    "one_draw",
    "with_table",
]
