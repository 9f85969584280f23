"""What one line of a ledger means once it has been read: frozen values that cannot be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bsm.spec.model import Number

DEFAULT_VARIANT = ""


@dataclass(frozen=True, slots=True)
class Second:
    """A second count on the same episodes: of the row's n, `k` also showed `observation`.

    The source prints only the two margins, so how often both happened together is unknown. `k` is
    real-valued where the source gives a rate.
    """

    observation: str
    k: float


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """k of n episodes showed `observation` in one context.

    Attributes:
        contexts: context node -> state, with every context that an action sees.
        variant: name of the prompt variant, shared by the rows it shifts together; "" is the default prompt.
        phase: the phase in which the episodes were seen; None for now, after the last phase.
        steps: selections of that phase that the row stands for; 0 where its episodes were not selected on.
        step: selections of that phase that lay before the row's, which are then numbers step + 1 to step + steps.
            None where that is not said: the end of the phase where `steps` is 0, else its first steps, in file
            order.
        k, n: the trials that the likelihood uses, by `basis`. "counts": as given (k = rate * n where the
            source gives a rate of known n). "interval": n = r(1 - r)/se^2 and k = r n, real-valued.
            "stated n_eff": n = n_eff and k = r n_eff (an uncertain n_eff enters at its median).
        printed: the numbers as the ledger gives them.
        rho: intra-class correlation of the episodes; None where `n_eff` stands for it.
        n_eff: effective number of independent episodes, where it is stated instead of `rho`.
        stated: the number that `n_eff` was when `n` was made from it (its median, where it is uncertain).
        fpr, fnr: how often the judge sees the observation where it is not, and misses it where it is.
        line: line in the file (header is line 1).
    """

    id: str
    subject: str
    setting: str
    block: str
    contexts: Mapping[str, str]
    variant: str
    phase: str | None
    steps: int
    observation: str
    k: float
    n: float
    basis: str
    printed: str
    rho: Number | None
    n_eff: Number | None
    fpr: Number
    fnr: Number
    second: Second | None
    source_id: str
    citation: str
    figure_or_table: str
    date: str
    sha256: str
    second_sha256: str
    note: str
    opinion_of: str
    line: int
    step: float | None = None
    stated: float = 1.0


@dataclass(frozen=True, slots=True)
class Excluded:
    """A row that is in the file and not in the likelihood, with the reason."""

    id: str
    subject: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class BaseRate:
    """A count over models, or any figure shown beside the prior without a likelihood."""

    id: str
    subject: str
    setting: str
    observation: str
    k: float | None
    n: float | None
    rate: float | None
    citation: str
    figure_or_table: str
    note: str
