"""bsm: what motivates an AI, in numbers, from one causal graph of how it is selected.

    import bsm

    model = bsm.load("models/alignment_faking")
    ledger = bsm.Evidence.read("models/alignment_faking/evidence.csv", model)
    result = bsm.posterior(model, ledger, seed=0)
    result.motivations            # xarray.DataArray over (subject, motivation)

Everything named in `__all__` is loaded when first used, so that `import bsm` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Behaviour": "bsm.motives.compile",
    "Evidence": "bsm.evidence.ledger",
    "Model": "bsm.spec.model",
    "OverTime": "bsm.inference.over_time",
    "Result": "bsm.inference.result",
    "Shift": "bsm.network.surgery",
    "SpecError": "bsm.spec.model",
    "analysis": "bsm.questions.choices",
    "ask": "bsm.inference.ask",
    "ask_batch": "bsm.inference.batch",
    "attribution": "bsm.questions.attribution",
    "audit_half_life": "bsm.questions.audits",
    "change": "bsm.questions.change",
    "choices": "bsm.questions.choices",
    "choices_over_time": "bsm.questions.choices_over_time",
    "course": "bsm.motives.course",
    "fitness": "bsm.motives.fitness",
    "fittest": "bsm.motives.fittest",
    "intervene": "bsm.network.surgery",
    "load": "bsm.spec.load",
    "placement": "bsm.motives.families",
    "posterior": "bsm.inference.posterior",
    "read_network": "bsm.network.files",
    "schema": "bsm.spec.document",
    "shares": "bsm.motives.fitness",
    "sweep": "bsm.questions.sweep",
    "to_network": "bsm.motives.network",
    "to_pgmpy": "bsm.network.bridge",
    "unroll": "bsm.motives.unrolled",
    "write_network": "bsm.network.files",
}

_PACKAGES = ("engine", "figures", "network", "report", "spec")  # reached as bsm.engine and so on, loaded when used

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from bsm.evidence.ledger import Evidence
    from bsm.inference.ask import ask
    from bsm.inference.batch import ask_batch
    from bsm.inference.over_time import OverTime
    from bsm.inference.posterior import posterior
    from bsm.inference.result import Result
    from bsm.motives.compile import Behaviour
    from bsm.motives.course import course
    from bsm.motives.families import placement
    from bsm.motives.fitness import fitness, shares
    from bsm.motives.fittest import fittest
    from bsm.motives.network import to_network
    from bsm.motives.unrolled import unroll
    from bsm.network.bridge import to_pgmpy
    from bsm.network.files import read_network, write_network
    from bsm.network.surgery import Shift, intervene
    from bsm.questions.attribution import attribution
    from bsm.questions.audits import audit_half_life
    from bsm.questions.change import change
    from bsm.questions.choices import analysis, choices
    from bsm.questions.choices_over_time import choices_over_time
    from bsm.questions.sweep import sweep
    from bsm.spec.document import schema
    from bsm.spec.load import load
    from bsm.spec.model import Model, SpecError


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"bsm.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'bsm' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
