"""Pure numerics on networks: exact queries over all rows and parameter draws at once. Knows no motives."""

from bsm.engine.elimination import conditional
from bsm.engine.errors import ImpossibleEvidence, TooLarge
from bsm.engine.query import Answer, Query, compile

__all__ = ["Answer", "ImpossibleEvidence", "Query", "TooLarge", "compile", "conditional"]
