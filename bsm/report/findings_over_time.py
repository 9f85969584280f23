"""The tables of a page over time that hold numbers: moment by moment, and what rows say of parameters."""

from __future__ import annotations

import torch

from bsm.figures.standings import plain
from bsm.inference.over_time import OverTime
from bsm.inference.over_time.headline import NONE
from bsm.inference.parameters import Space
from bsm.report.grounds import spread
from bsm.report.html import Markup, table
from bsm.spec.number_words import banded, probability

KINDS = ("filtered", "smoothed")
PRIOR_DRAWS, PRIOR_SEED = 2000, 11


def numbers(result: OverTime, subject: str) -> Markup:
    """Share, filtered and smoothed at every moment, under every reading, with central 90 % bands."""
    tables = {reading: result.table(subject, reading) for reading in result.readings}
    lines = []
    for i, row in enumerate(tables[result.readings[0]].itertuples()):
        cells = [probability(row.share) if row.motivation != NONE else "–"]
        for found in tables.values():
            own = found.iloc[i]
            cells += [banded(*(own[kind + end] for end in ("", "_low", "_high"))) for kind in KINDS]
        lines.append([f"{row.moment}, predicted" if row.predicted else row.moment, plain(row.motivation), *cells])
    by = [f"{kind}, {reading}" for reading in tables for kind in KINDS]
    heads = ["moment", "motivation", "share", *by]
    return table(heads, lines, range(2, len(heads)), f"Probabilities for {subject}, with central 90 % bands.")


def parameters(result: OverTime, subject: str) -> Markup | None:
    """Prior and posterior of the parameters on which this subject's rows depend; None where there are none."""
    model, ledger = result.needs(ledger=True)
    assert ledger is not None
    names = [n for n in result.about["subjects"][subject]["told"] if n in result.draws.data_vars]
    if not names:
        return None
    space = Space.of({**model.parameters, **ledger.parameters})
    with torch.no_grad():
        before = space.theta(space.prior_draws(PRIOR_DRAWS, PRIOR_SEED)).values
    after = result.draws.sel(subject=subject)
    lines = [
        [p["name"], p["written"], spread(before[p["name"]].numpy()), spread(after[p["name"]].values), p["provenance"]]
        for p in result.about["parameters"]
        if p["name"] in names
    ]
    heads = ["parameter", "as written", "prior, median (90 %)", "posterior, median (90 %)", "who says so"]
    caption = f"Posterior given all rows of {subject}, under reading {result.about['reading']}."
    return table(heads, lines, (1, 2, 3), caption, prose=[4])
