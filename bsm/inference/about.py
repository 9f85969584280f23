"""What results of every kind say of the numbers and rows that they rest on, as lists that JSON can hold."""

from __future__ import annotations

from typing import Any

from bsm.evidence.ledger import Evidence
from bsm.spec.model import Model


def of_parameters(model: Model, ledger: Evidence) -> list[dict[str, Any]]:
    """Every number that model and ledger name: as written, whether it is uncertain, and who says so."""
    return [
        {"name": p.name, "written": p.written, "uncertain": p.prior is not None, "provenance": str(p.provenance)}
        for p in {**model.parameters, **ledger.parameters}.values()
    ]


def without_likelihood(ledger: Evidence) -> dict[str, list[dict[str, Any]]]:
    """Rows that are not in the likelihood, with the reason, and figures that count other things than episodes."""
    return {
        "excluded": [{"id": e.id, "subject": e.subject, "reason": e.reason, "line": e.line} for e in ledger.excluded],
        "base_rates": [
            {"id": b.id, "observation": b.observation, "k": b.k, "n": b.n, "citation": b.citation, "note": b.note}
            for b in ledger.base_rates
        ],
    }
