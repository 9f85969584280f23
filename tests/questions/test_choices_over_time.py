"""The headline at a moment under every setting: each is a posterior of its own, and failures are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bsm
from bsm.evidence.ledger import Evidence
from bsm.questions.choices_over_time import DYNAMICS, READINGS, choices_over_time
from bsm.spec.model import Choice, Headline, Model, Observation, SpecError
from bsm.spec.reporting import SETTINGS
from tests.motives.course.slow import several_phases

ROWS = [
    {"id": "a", "subject": "ai", "setting": "s", "observation": "did", "k": 3, "n": 9, "rho": 0.1, "phase": "first",
     "step": 0, "steps": 0, "source_id": "made up"},
    {"id": "b", "subject": "ai", "setting": "s", "observation": "did", "k": 6, "n": 9, "rho": 0.1, "phase": "last",
     "step": 1, "steps": 0, "source_id": "made up"},
]  # fmt: skip


@pytest.fixture(scope="module")
def asked() -> tuple[Model, Evidence]:
    import pandas as pd

    model = several_phases(2, explored=False, passed_on=False)
    nodes = {n: replace(v, default=v.states[0]) if v.role.value == "context" else v for n, v in model.nodes.items()}
    choice = Choice("independent", "noise", "no dependence inside a row", noise={"rho": 0.0})
    model = replace(
        model,
        nodes=nodes,
        prior=replace(model.prior, none_of_these=0.1),
        observations={"did": Observation("did", {"a": ("y",)})},
        headline=Headline(("m0", "m2"), "m1", says="one of the two"),
        choices=(choice, Choice("nothing left", "evidence", "an impossible gate", overlay=None)),
    )
    return model, Evidence.from_frame(pd.DataFrame(ROWS), model)


def test_every_setting_is_a_posterior_of_its_own(asked: tuple[Model, Evidence]) -> None:
    model, ledger = asked
    found = choices_over_time(model, ledger, at="last")
    assert [s.name for s in found.settings] == [
        "as declared", "dynamics softmax_pg", "reading mixture", "independent", "nothing left"
    ]  # fmt: skip
    of = {s.name: s for s in found.settings}

    def headline(changed: Model, rows: Evidence = ledger) -> float:
        over = bsm.posterior(changed, rows, at=["last"])
        return float(over.smoothed.sel(motivation=["m0", "m2"]).sum())

    assert of["as declared"].headline == pytest.approx(headline(model), abs=1e-9)
    assert of["reading mixture"].headline == pytest.approx(headline(replace(model, reading="mixture")), abs=1e-9)
    free = replace(ledger, rows=tuple(replace(r, rho=0.0) for r in ledger.rows))
    assert of["independent"].headline == pytest.approx(headline(model, free), abs=1e-9)
    assert of["independent"].headline != pytest.approx(of["as declared"].headline, abs=1e-6)
    numbers = [s.headline for s in found.settings if s.headline is not None]
    assert found.spread == pytest.approx(max(numbers) - min(numbers))
    failed = [s.name for s in found.settings if s.headline is None]
    assert list(found.left_out) == failed
    assert found.determined == (found.spread <= 0.3 and not failed)
    assert replace(found, left_out=(), limit=found.spread).determined
    assert ": determined; means from" in str(replace(found, left_out=(), limit=found.spread))
    assert "NOT DETERMINED" in str(replace(found, limit=found.spread - 1e-9))
    assert list(found.table()["name"]) == [s.name for s in found.settings]


def test_no_choice_of_a_file_may_have_the_name_of_another_setting() -> None:
    own = {"as declared", *(f"dynamics {name}" for name in DYNAMICS), *(f"reading {name}" for name in READINGS)}
    assert own == SETTINGS


def test_some_settings_alone(asked: tuple[Model, Evidence]) -> None:
    found = choices_over_time(*asked, at="last", only=["independent"])
    assert [s.name for s in found.settings] == ["as declared", "independent"]
    assert "dynamics softmax_pg" in found.left_out
    assert not found.determined
    assert "across 2 of the 5 settings" in str(found)
    assert "not all settings computed" in str(replace(found, limit=1.0))
    with pytest.raises(SpecError, match=r"no setting \['unheard'\]; there are \['dynamics softmax_pg'"):
        choices_over_time(*asked, only=["unheard"])


def test_what_cannot_be_compared(asked: tuple[Model, Evidence]) -> None:
    model, ledger = asked
    with pytest.raises(SpecError, match="has no headline"):
        choices_over_time(replace(model, headline=None), ledger)
    with pytest.raises(SpecError, match="'nobody' is not a subject of the ledger"):
        choices_over_time(model, ledger, subject="nobody")
    with pytest.raises(SpecError, match=r"as declared: .*'nowhere' is not a phase"):
        choices_over_time(model, ledger, at="nowhere", only=[])
