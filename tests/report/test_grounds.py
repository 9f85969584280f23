"""What a result rests on: dynamics and phases in words, and who says each number."""

from __future__ import annotations

import json

from bsm.report.grounds import SOFTMAX, _provenance, rests
from bsm.spec import load, phase_words
from tests.figures.results import made
from tests.spec.examples import FULL, write


def test_gates_and_drift_name_their_own_sources(tmp_path):
    told = dict(_provenance(load(write(tmp_path, FULL))))
    assert told["phase tuned for reward"] == "opinion of us (a guess)"
    assert told["phase tuned for reward, gate probe"] == "source: x"
    assert told["phase tuned for reward, drift from inf to kludge"] == "source: a paper"
    assert "phase tuned for reward, gate audit" not in told  # the phase's own word covers it


def test_every_phase_is_told_and_a_share_under_the_gradient_is_labelled(tmp_path):
    result = made(phases=True)
    assert SOFTMAX not in rests(result, "model-a")
    model = load(write(tmp_path, FULL))
    about = {**result.about, "dynamics": phase_words.dynamics(model), "phases": phase_words.phases(model)}
    result.tree.attrs["bsm"] = json.dumps(about)
    said = rests(result, "model-a")
    assert "Dynamics: replicator, softmax_pg." in said
    assert "drift inf to kludge (atrophy, 0.0001 to 0.01 per selection)" in said
    assert "t at the end of audit before release" in said
    assert SOFTMAX in said
