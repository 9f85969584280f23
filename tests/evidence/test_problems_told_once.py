"""A mistake in a cell brings one problem: a row with it is compared with no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsm.spec.model import SpecError
from tests.evidence.example import ledger

SAME = {"phase": "drill", "steps": "0"}


@pytest.mark.parametrize(("wrong", "words"), [("-50", "must be between 0 and 10"), ("half", "is not a finite number")])
@pytest.mark.parametrize("first", [True, False])
def test_an_invalid_step_makes_no_repeat(wrong: str, words: str, first: bool, tmp_path: Path) -> None:
    rows = [{**SAME, "step": wrong}, {**SAME, "id": "b", "step": ""}]
    with pytest.raises(SpecError) as refused:
        ledger(tmp_path, *(rows if first else rows[::-1]))
    assert words in str(refused.value)
    assert "repeats" not in str(refused.value)
    assert "problems in" not in str(refused.value)


def test_a_repeat_is_still_told_beside_a_mistake_elsewhere(tmp_path: Path) -> None:
    rows = [{**SAME, "id": "a"}, {**SAME, "id": "b"}, {**SAME, "id": "c", "step": "-1", "variant": "other"}]
    with pytest.raises(SpecError) as refused:
        ledger(tmp_path, *rows)
    assert "b repeats a of line 2" in str(refused.value)
    assert "step = -1 must be" in str(refused.value)
