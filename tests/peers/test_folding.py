"""Networks over time against pgmpy's variable elimination on the unrolled network.

pgmpy's own dynamic inference is no peer: of 25 random models of each of the first three shapes it gets some wrong
and crashes on others.
"""

from __future__ import annotations

import numpy as np
import pytest

from bsm.engine import fold, predict, smooth
from bsm.network.bridge import to_pgmpy, without_known_warning
from tests.engine.slices import MOST_WORLDS, SHAPES, Example, _rows, sliced_of

STEPS = 4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_pgmpy_agrees_on_the_unrolled_network(shape, seed):
    with without_known_warning():
        from pgmpy.inference import VariableElimination
    rng = np.random.default_rng(seed)
    steps = STEPS
    while 2 ** (len(SHAPES[shape][0]) * steps) > MOST_WORLDS:
        steps -= 1
    sliced = sliced_of(SHAPES[shape], rng, [1, steps - 2])
    seen = tuple(n for n in SHAPES[shape][0] if n in "oq")
    example = Example(sliced, seen, _rows(sliced, seen, rng))
    folded = fold(sliced, example.codes, seen, keep=("m",))
    found = smooth(*folded.inputs, varying=folded.varying)
    peer = VariableElimination(to_pgmpy(sliced.unrolled()))
    rows = example.named()
    for t in range(steps):
        so_far = {n: s for n, s in rows[2].items() if int(n[-1]) <= t}
        for answer, evidence in ((found.smoothed, rows[2]), (found.filtered, so_far)):
            theirs = peer.query([f"m__t{t}"], evidence=evidence, show_progress=False)
            np.testing.assert_allclose(folded.marginal(answer, "m")[2, t], theirs.values, atol=1e-10)
    ahead = predict(found.filtered[2, 0], folded.transition, steps - 1, varying=folded.varying)
    first = {n: s for n, s in rows[2].items() if n.endswith("__t0")}
    theirs = peer.query([f"m__t{steps - 1}"], evidence=first, show_progress=False)
    np.testing.assert_allclose(folded.marginal(ahead, "m"), theirs.values, atol=1e-10)
