"""Made-up results of every size, in the form that `Result` promises, and a real one on the smallest model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsm.evidence import Evidence
from bsm.inference.result import NONE, Result
from bsm.spec.model import Distribution, Model, Observation, Provenance

MODELS = Path(__file__).parents[2] / "models"
LONG = "seeker_of_a_very_long_name_that_somebody_thought_was_a_good_idea_at_the_time"


def real() -> tuple[Model, Result]:
    """The smallest model with twelve rows of two subjects, run through inference."""
    return _real()


@lru_cache(maxsize=1)
def _real() -> tuple[Model, Result]:
    import bsm

    model = watched(bsm.load(MODELS / "tiny"))
    weak = replace(
        model.parameters["strength"], value=2.0, prior=Distribution("lognormal", (0.7, 0.5)), written="1 to 5"
    )
    model = replace(model, parameters={**model.parameters, "strength": weak})
    ledger = Evidence.from_frame(pd.DataFrame(EPISODES), model)
    return model, bsm.posterior(model, ledger, seed=0, draws=400)


def watched(model: Model) -> Model:
    """The same model with one event to observe."""
    return replace(model, observations={"seen": Observation("seen", {"action": ("hack",)}, about="a test is hacked")})


EPISODES = [
    {
        "id": f"{who}-{i}",
        "subject": who,
        "setting": "lab",
        "block": "first day" if i < 4 else "second day",
        "suite": ("clean", "broken-test")[i % 2],
        "variant": ("", "politely", "in capitals")[i // 2],
        "observation": "seen",
        "k": str(k),
        "n": "40",
        "rho": "0.02",
        "source_id": "made",
        "citation": "made up for the tests",
        "opinion_of": "bsm tests",
    }
    for who, counts in {"model-a": (12, 20, 10, 24, 14, 30), "model-b": (9, 11, 10, 8, 12, 10)}.items()
    for i, k in enumerate(counts)
]


# --- made up ---------------------------------------------------------------------------------------------


def made(
    motivations: Sequence[str] = ("seeks_praise", "seeks_order", "habit"),
    subjects: Sequence[str] = ("model-a",),
    blocks: Mapping[str, int] | None = None,
    phases: bool = False,
    choices: Sequence[tuple[str, str, float]] | None = None,
    exact: Sequence[Sequence[str]] = (),
    practical: Sequence[Sequence[str]] = (),
    width: float = 0.3,
    seed: int = 0,
    scale: float = 2.0,
) -> Result:
    """A result with these labels and random numbers that agree with each other.

    `blocks` says how many rows each block has; `width` scales the intervals, 0 gives none; `scale` is the size
    of what a block adds, in nats.
    """
    rng = np.random.default_rng(seed)
    blocks = {"monday": 6, "tuesday": 5} if blocks is None else blocks
    names, stages = [*motivations, NONE], ["prior", "selection", *blocks]
    steps = rng.normal(0, scale, (len(subjects), len(stages), len(names)))
    steps[:, 1] *= phases
    steps -= steps[..., :1]
    ledger = steps[:, 2:].sum(1)
    probability = _softmax(steps.sum(1))
    two, three = ("subject", "motivation"), ("subject", "stage", "motivation")
    share = _softmax(steps[:, :2, :-1].sum(1))
    constant = xr.Dataset(
        {
            "probability": (two, probability),
            "low": (two, np.clip(probability * (1 - width), 0, 1)),
            "high": (two, np.clip(probability + width * (1 - probability) * probability, 0, 1)),
            "prior": (two, _softmax(steps[:, 0])),
            "share": (two, np.concatenate([share, np.zeros((len(subjects), 1))], 1)),
            "nats": (two, ledger),
            "decomposition": (three, steps),
            "stage_effective_draws": (("subject", "stage"), np.full((len(subjects), len(stages)), 1e6)),
        },
        coords={"subject": list(subjects), "stage": stages, "motivation": names},
        attrs={"reference": names[0]},
    )
    frame = _rows(subjects, blocks, rng)
    about = _about(motivations, subjects, blocks, phases, choices, exact, practical, frame)
    index = {"row": frame["row"].to_numpy(dtype=str)}
    predicted = ("mean", "low", "high", "inside")
    observed = {k: ("row", _column(frame[k])) for k in frame if k not in (*predicted, "row")}
    stats = {"effective_draws": (two, np.full(probability.shape, 1e6)), "log_evidence": (two, ledger)}
    tree = xr.DataTree.from_dict(
        {
            "/constant_data": constant,
            "/sample_stats": xr.Dataset(stats, coords={"subject": list(subjects), "motivation": names}),
            "/observed_data": xr.Dataset(observed, coords=index),
            "/posterior_predictive": xr.Dataset({k: ("row", frame[k].to_numpy()) for k in predicted}, coords=index),
        }
    )
    tree.attrs["bsm"] = json.dumps(about)
    return Result(tree)


def _column(values: pd.Series) -> np.ndarray:
    return values.to_numpy(dtype=float if pd.api.types.is_numeric_dtype(values) else str)


def _softmax(x: np.ndarray) -> np.ndarray:
    p = np.exp(x - x.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def _rows(subjects: Sequence[str], blocks: Mapping[str, int], rng: np.random.Generator) -> pd.DataFrame:
    """Rows in pairs that differ in one context, the odd one alone."""
    rows = []
    for subject in subjects:
        for block, count in blocks.items():
            for i in range(count):
                mean = float(rng.beta(1, 3))
                low, high = max(0.0, mean - 0.15), min(1.0, mean + 0.2)
                seen = float(np.clip(mean + rng.normal(0, 0.12), 0, 1))
                rows.append(
                    {
                        "row": f"{subject}-{block}-{i}",
                        "subject_of": subject,
                        "setting": "lab",
                        "block": block,
                        "variant": "" if i < 2 else f"wording {i // 2}",
                        "observation": "seen",
                        "basis": "counts",
                        "printed": "",
                        "citation": "made up for the tests",
                        "figure_or_table": "table 1",
                        "context": f"hour={'early' if i % 2 else 'late'}; place=lab",
                        "seen": seen,
                        "k": seen * 40,
                        "n": 40.0,
                        "n_eff": 22.5,
                        "mean": mean,
                        "low": low,
                        "high": high,
                        "inside": int(low <= seen <= high),
                    }
                )
    return pd.DataFrame(rows)


def _about(
    motivations: Sequence[str],
    subjects: Sequence[str],
    blocks: Mapping[str, int],
    phases: bool,
    choices: Sequence[tuple[str, str, float]] | None,
    exact: Sequence[Sequence[str]],
    practical: Sequence[Sequence[str]],
    frame: pd.DataFrame,
) -> dict[str, Any]:
    ours = str(Provenance(opinion_of="bsm tests", why="made up"))
    return {
        "format": 1,
        "model": "made",
        "overlay": None,
        "dynamics": "replicator",
        "reading": "hypothesis: one pattern drives",
        "phases": [{"name": "training", "selections": "10 to 1000", "eta": "1"}] if phases else [],
        "reference": motivations[0],
        "headline": {"motivations": [motivations[-1]], "subject": subjects[0], "says": "probability of the last"},
        "seed": 0,
        "draws": 1000,
        "families": {
            m: {"family": FAMILIES[i % len(FAMILIES)], "closeness": None, "intended": i == 1, "bypasses": []}
            for i, m in enumerate(motivations)
        },
        "parameters": [
            {"name": "strength", "written": "0.5 to 6", "uncertain": True, "provenance": ours},
            {"name": "planning", "written": "1", "uncertain": False, "provenance": ours},
        ],
        "prior_terms": [{"name": "length", "kind": "bits", "acts": "once", "why": "made up", "provenance": ours}],
        "none_of_these": "0.05",
        "subjects": {s: _subject(s, blocks, exact, practical, frame) for s in subjects},
        "excluded": [{"id": "x-1", "subject": subjects[0], "reason": "neither n nor an interval", "line": 7}],
        "base_rates": [
            {"id": "b-1", "observation": "models", "k": 5.0, "n": 25.0, "citation": "made up", "note": "counts models"}
        ],
    } | ({} if choices is None else {"choices": _choices(motivations, subjects[0], choices)})


FAMILIES = ("fitness-seeker", "schemer", "kludge", "kludge ingredient", "blood relative", "unrelated")


def _subject(
    subject: str,
    blocks: Mapping[str, int],
    exact: Sequence[Sequence[str]],
    practical: Sequence[Sequence[str]],
    frame: pd.DataFrame,
) -> dict[str, Any]:
    mine = frame[frame["subject_of"] == subject] if len(frame) else frame
    split = {"situation": "hour=early, place=roof", "bits": 0.123}
    return {
        "blocks": list(blocks),
        "rows": len(mine),
        "episodes": float(mine["n"].sum()),
        "effective_episodes": float(mine["n_eff"].sum()),
        "outside_band": int((mine["inside"] == 0).sum()),
        "exact_classes": [
            {"members": list(c), "exact": True, "variation": 0.0, "nats": 0.0, "split": None} for c in exact
        ],
        "practical_classes": [
            {"members": list(c), "exact": False, "variation": 0.006, "nats": 0.4, "split": split} for c in practical
        ],
        "tolerance": 0.01,
        "notes": ["a note"],
    }


def _choices(motivations: Sequence[str], subject: str, settings: Sequence[tuple[str, str, float]]) -> dict[str, Any]:
    ps = [p for _, _, p in settings]
    rows = [
        {
            "name": name,
            "about": about,
            "why": "made up",
            "headline": p,
            "low": max(0.0, p - 0.1),
            "high": min(1.0, p + 0.08),
            "motivations": {motivations[-1]: p, motivations[0]: 1 - p},
            "note": "",
        }
        for name, about, p in settings
    ]
    return {
        "subject": subject,
        "headline": [motivations[-1]],
        "says": "probability of the last",
        "limit": 0.3,
        "spread": max(ps) - min(ps),
        "determined": max(ps) - min(ps) <= 0.3,
        "rows": rows,
        "ranges": {motivations[-1]: [min(ps), max(ps)], motivations[0]: [1 - max(ps), 1 - min(ps)]},
        "not_available": [{"name": "mixture reading", "why": "later work"}],
    }


# --- results of every size -------------------------------------------------------------------------------


def fifteen() -> Result:
    """Many motivations, names that do not fit, classes in classes, wide numbers."""
    names = [*(f"motive_{i}" for i in range(13)), LONG, "x" * 60]
    blocks = {f"block number {i}: {'with words ' * (i % 4)}".strip(): 3 + 5 * i for i in range(9)}
    return made(
        names,
        subjects=("model-a", "b", LONG),
        blocks=blocks,
        phases=True,
        exact=[names[2:5]],
        practical=[names[2:7], names[9:11]],
        choices=[("as declared", "default", 0.4), *((f"{LONG} {i}", f"about {i % 3}", i / 9) for i in range(9))],
    )


def undivided() -> Result:
    """Blocks were not worked out one by one."""
    result = made(phases=True)
    data = result.tree["constant_data"].to_dataset()
    result.tree["constant_data"] = xr.DataTree(data.assign(decomposition=data["decomposition"] * 0))
    return result


def impossible() -> Result:
    """One motivation cannot have produced a block."""
    result = made()
    data = result.tree["constant_data"].to_dataset()
    steps, p = data["decomposition"].copy(), data["probability"].copy()
    steps[0, 2, 1], p[0, 1] = -1e300, 0.0
    result.tree["constant_data"] = xr.DataTree(data.assign(decomposition=steps, probability=p / p.sum()))
    return result


RESULTS: Mapping[str, Callable[[], Result]] = {
    "three": made,
    "two": lambda: made(("praise", "order"), blocks={"only": 1}, width=0.0, choices=[("as declared", "default", 0.4)]),
    "one row, many subjects": lambda: made(subjects=[f"model-{i}" for i in range(14)], blocks={"only": 1}),
    "fifteen": fifteen,
    "extreme": lambda: made([f"m{i}" for i in range(12)], scale=90.0, blocks={"b": 240}, exact=[["m0", "m1"]]),
    "undivided": undivided,
    "impossible": impossible,
}
