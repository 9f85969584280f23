"""What a result over time says of all its AIs together, in sentences; terminal, page and JSON say the same ones."""

from __future__ import annotations

from bsm.figures.choice_table import choices_of
from bsm.figures.numbers import rough
from bsm.figures.standings import names_of
from bsm.inference.over_time import OverTime
from bsm.inference.over_time.headline import APART, FITS, NONE, latest
from bsm.report.sentences import across

UNTRIED = "No other setting was tried here, so nothing here says whether these numbers are determined."


def determined(result: OverTime) -> str:
    """The headline as declared and how far it moves across settings; or that no other setting was tried."""
    found = choices_of(result)
    if found is None:
        return UNTRIED
    assert found.default.headline is not None
    declared = rough(found.default.headline)
    what = f"{found.says} ({names_of(found.headline, 'or')})" if found.says else names_of(found.headline, "or")
    return (
        f"{found.subject} at {found.at}, {what}: {declared} as declared (prior {rough(found.before)}). "
        f"{across(found, found.subject)}"
    )


def counted(result: OverTime) -> list[str]:
    """Of how many AIs one named motivation, or none listed, has more than half, and where readings disagree."""
    at, reading = latest(result), result.about["reading"]
    each = {r: result.of_reading(r)["smoothed"].sel(moment=at) for r in result.readings}
    named = each[reading].sel(motivation=[m for m in result.names if m != NONE]).max("motivation")
    none = each[reading].sel(motivation=NONE)
    total = len(result.subjects)
    said = [
        f"At {at}, under {reading}, given all rows: one named motivation has more than half in "
        f"{int((named > FITS).sum())} of {total} AIs; nothing listed fits (none of these above {FITS:g}) in "
        f"{int((none > FITS).sum())}."
    ]
    for other in (r for r in each if r != reading):
        far = int((abs(each[other] - each[reading]).max("motivation") > APART).sum())
        told = f"The readings {reading} and {other} differ by more than {APART:g} somewhere in {far} of {total} AIs."
        said.append(told)
    return said
