"""A small model with phases of every kind, and made-up results over its time."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bsm.figures.over_time.tracks import wanted
from bsm.inference.over_time.result import OverTime
from bsm.spec.load import load
from bsm.spec.model import Distribution, Drift, Gate, Model, Parameter, Phase, Provenance, Ref

MODELS = Path(__file__).parents[3] / "models"
OURS = Provenance(opinion_of="bsm tests", why="made up")
NONE = "none_of_these"


@cache
def phased(dynamics: str = "replicator") -> Model:
    """The smallest model, trained for an uncertain time, audited, deployed with a filter at the end."""
    model = load(MODELS / "tiny")
    n = Parameter("n", 8.0, Distribution("lognormal", (2.0, 0.6)), "positive", "3 to 20", OURS)
    names = list(model.motivations)
    audit = Gate(
        "logs looked through", 2.0, detection=dict.fromkeys(names, 0.1) | {"none_of_these": 0.1} | {names[0]: 0.5}
    )
    phases = (
        Phase("before", 0.0, 1.0, kind="pretraining"),
        Phase("training", Ref("n"), 1.0, kind="rl", dynamics=dynamics),
        Phase("audit", 0.0, 1.0, kind="audit", gates=(audit,)),
        Phase(
            "deployment",
            6.0,
            0.5,
            kind="deployment",
            dynamics=dynamics,
            gates=(replace(audit, name="filter"),),
            drift=(Drift(names[0], names[1], 0.05),),
        ),
    )
    return replace(model, phases=phases, parameters={**model.parameters, "n": n})


ROWS: list[dict[str, Any]] = [
    {"id": "a", "phase": "before", "step": None, "steps": 0, "k": 1.0, "n": 5.0},
    {"id": "b", "phase": "before", "step": None, "steps": 0, "k": 2.0, "n": 5.0},
    {"id": "c", "phase": "deployment", "step": 2.0, "steps": 0, "k": 1.0, "n": 5.0},
    {"id": "d", "phase": "deployment", "step": 3.0, "steps": 2, "k": 1.0, "n": 2.0},
    {"id": "e", "phase": None, "step": None, "steps": 1, "k": 1.0, "n": 5.0},
]
PRIOR = (0.3, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05)
MEAN_N = {"before": 0.0, "training": 9.0, "audit": 0.0, "deployment": 6.0}


def over_time(
    subjects: tuple[str, ...] = ("ai",),
    more: tuple[str, ...] = (),
    seed: int = 0,
    only: tuple[str, ...] | None = None,
    beside: np.ndarray | None = None,
) -> OverTime:
    """A result with random numbers that agree with each other, in the form that inference gives.

    Its moments are those that figures want and `more`, or `only` these; `beside` has probabilities of every motivation
    under the reading hypothesis, the same at each moment.
    """
    rng = np.random.default_rng(seed)
    model = phased()
    names, moments = [*model.motivations, NONE], list(only or (*wanted(model, parts=4), *more))
    shape = (40, len(subjects), len(moments))
    draws = rng.dirichlet(np.ones(len(names)), shape)
    shares = rng.dirichlet(np.ones(len(names) - 1), shape[2:] + (40,)).transpose(1, 0, 2)
    dims = ("subject", "moment", "motivation")
    data: dict[str, Any] = {}
    for kind in ("smoothed", "filtered"):
        data |= {f"{kind}{end}": (dims, part) for end, part in zip(("", "_low", "_high"), _band(draws), strict=True)}
    for end, part in zip(("", "_low", "_high"), _band(shares), strict=True):
        data["share" + end] = (dims[1:], np.pad(part, ((0, 0), (0, 1))))
    data["predicted"] = (("moment",), np.array([int(":+" in m) for m in moments]))
    data["phase"] = (("moment",), np.array(["" if m == "start" else m.partition(":")[0] for m in moments]))
    data["step"] = (("moment",), np.array([_step(m) for m in moments]))
    coords = {"subject": list(subjects), "moment": moments, "motivation": names}
    group = xr.Dataset(data, coords=coords).set_coords(["phase", "step"])
    drawn = xr.Dataset(
        {"smoothed_probability": (("chain", "draw", *dims), draws[None])},
        coords={"chain": [0], "draw": np.arange(40), **coords},
    )
    groups = {"/over_time": group, "/draws": drawn, "/sample_stats": xr.Dataset()}
    if beside is not None:
        same = np.broadcast_to(beside, (len(subjects), len(moments), len(names)))
        groups["/hypothesis"] = xr.Dataset({"smoothed": (dims, same)}, coords=coords)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs["bsm"] = json.dumps(_about(model, subjects) | {"readings_beside": ["hypothesis"] * (beside is not None)})
    return OverTime(tree)


def _band(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    return draws.mean(0), low, high


def _step(moment: str) -> float:
    name, _, rest = moment.partition(":")
    if name == "start":
        return 0.0
    if rest.endswith("%"):
        return MEAN_N[name] * float(rest[:-1]) / 100
    return float(rest) if rest else (sum(MEAN_N.values()) if name == "now" else MEAN_N[name])


def _about(model: Model, subjects: tuple[str, ...]) -> dict[str, Any]:
    kinds = ("fitness-seeker", "schemer", "kludge")
    return {
        "model": model.name,
        "dynamics": "replicator",
        "reading": "mixture",
        "phases": [
            {
                "name": p.name,
                "kind": p.kind,
                "dynamics": p.dynamics,
                "selections": "3 to 20" if p.name == "training" else f"{p.selections:g}",
                "eta": f"{p.eta:g}",
                "gates": [g.name for g in p.gates],
            }
            for p in model.phases
        ],
        "prior": {m: 0.95 * p for m, p in zip(model.motivations, PRIOR, strict=True)} | {NONE: 0.05},
        "none_of_these": "0.05",
        "families": {m: kinds[i % 3] for i, m in enumerate(model.motivations)},
        "subjects": {s: {"rows": ROWS} for s in subjects},
    }


def words_in(figure: Any) -> list[str]:
    from bsm.figures.legible import drawn_texts

    return [text.get_text() for text in drawn_texts(figure)]
