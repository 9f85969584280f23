"""From what inference found to labelled arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bsm.evidence.ledger import Evidence
from bsm.inference.about import of_parameters, without_likelihood
from bsm.inference.over_time.asked import Asked
from bsm.inference.over_time.fit import Found
from bsm.inference.over_time.mixed import BAND, quantile
from bsm.inference.over_time.result import OverTime
from bsm.inference.over_time.shares import refuse_unreached, selections, shares
from bsm.inference.over_time.timeline import Kept
from bsm.inference.over_time.without import SHARE_DRAWS, SHARE_SEED
from bsm.inference.parameters import Space
from bsm.motives.course import Course, Timeline
from bsm.motives.families import placement
from bsm.spec.model import Model, Number, Ref

if TYPE_CHECKING:
    import xarray as xr

NONE = "none_of_these"
SOFTMAX = (
    "under softmax_pg a share is not P(motivation | selected); under reading hypothesis what is given is the share at "
    "the time, reweighted by the rows, and no pattern turns into another"
)


def assemble(
    model: Model,
    ledger: Evidence,
    asked: Sequence[Asked],
    found: Mapping[str, Found],
    beside: Mapping[str, Mapping[str, Found]],
    settings: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> OverTime:
    """Label what inference found; `beside` has other readings, by name."""
    import xarray as xr

    names = [*model.motivations, NONE]
    timeline = Kept(model)
    groups = {
        "over_time": _over_time(timeline, asked, found, names, settings["seed"]),
        "draws": _draws(asked, found, names),
        "sample_stats": _stats(asked, found),
    }
    if (given := _draws_given(asked, found)) is not None:
        groups["draws_given"] = given
    for reading, others in beside.items():
        groups[reading] = xr.Dataset(_bands(others), coords=_coords(asked, others, names))
    tree = xr.DataTree.from_dict({f"/{name}": data for name, data in groups.items()})
    tree.attrs["bsm"] = json.dumps(_about(model, ledger, asked, found, beside, settings, notes), allow_nan=False)
    return OverTime(tree, model, ledger)


def _coords(asked: Sequence[Asked], found: Mapping[str, Found], names: list[str]) -> dict[str, Any]:
    return {"subject": list(found), "moment": [a.label for a in asked], "motivation": names}


def _bands(found: Mapping[str, Found]) -> dict[str, Any]:
    dims = ("subject", "moment", "motivation")
    data: dict[str, Any] = {}
    for kind in ("filtered", "smoothed"):
        for suffix, part in (("", "mean"), ("_low", "low"), ("_high", "high")):
            data[kind + suffix] = (dims, np.stack([getattr(getattr(f, kind), part) for f in found.values()]))
    data["log_evidence"] = (("subject",), np.array([f.log_evidence for f in found.values()]), {"unit": "nats"})
    data["reached"] = (
        ("subject", "moment"),
        np.stack([f.reached for f in found.values()]),
        {"about": "P(the phase has so many selections); the rest of each number is given that it has"},
    )
    return data


def _over_time(
    timeline: Timeline, asked: Sequence[Asked], found: Mapping[str, Found], names: list[str], seed: int
) -> xr.Dataset:
    import xarray as xr

    model = timeline.model
    space = Space.of(model.parameters)
    with torch.no_grad():
        theta = space.theta(space.prior_draws(SHARE_DRAWS if space.names else 1, seed + SHARE_SEED))
        values, reached = shares(timeline, theta, asked)
        past = [selections(Course(timeline, theta, timeline.stages(theta)), one).mean() for one in asked]
    data, columns = _bands(found), []
    for a, one in enumerate(asked):
        refuse_unreached(one.label, reached[:, a])
        own = values[reached[:, a], a]
        columns.append([own.mean(0), *(quantile(own, level) for level in BAND)])
    for i, suffix in enumerate(("", "_low", "_high")):
        stacked = torch.stack([torch.nn.functional.pad(c[i], (0, 1)) for c in columns]).numpy()
        data["share" + suffix] = (("moment", "motivation"), stacked, {"about": "no ledger; none_of_these has no share"})
    data["phase"] = (("moment",), np.array([_phase(model, one) for one in asked], dtype=str))
    data["step"] = (("moment",), np.array([float(_step(timeline, theta, one)) for one in asked]))
    data["selections"] = (("moment",), np.array([float(p) for p in past]), {"about": "past in all phases, prior mean"})
    data["predicted"] = (("moment",), np.array([int(one.ahead) for one in asked]))
    found_coords = _coords(asked, found, names)
    return xr.Dataset(data, coords=found_coords).set_coords(["phase", "step", "selections"])


def _phase(model: Model, one: Asked) -> str:
    return "" if one.phase < 0 else model.phases[one.phase].name


def _step(timeline: Timeline, theta: Any, one: Asked) -> torch.Tensor:
    """Selections of its own phase that are past, in the mean over prior draws."""
    if one.phase < 0:
        return torch.zeros(())
    n = theta.of(timeline.model.phases[one.phase].selections)
    if one.ahead:
        return torch.tensor(one.step)
    return n.mean() if one.end else one.position(n).mean()


def _draws(asked: Sequence[Asked], found: Mapping[str, Found], names: list[str]) -> xr.Dataset:
    import xarray as xr

    first = next(iter(found.values()))
    count = len(first.smoothed.draws)
    dims = ("chain", "draw", "subject", "moment", "motivation")
    data: dict[str, Any] = {}
    every = dict.fromkeys(n for f in found.values() for n in f.parameters)
    for name in every:
        columns = [f.parameters.get(name, first.parameters.get(name, np.zeros(count))) for f in found.values()]
        data[name] = (("chain", "draw", "subject"), np.stack(columns, -1)[None])
    for kind in ("filtered", "smoothed"):
        stacked = np.stack([getattr(f, kind).draws for f in found.values()], 1)[None]
        data[f"{kind}_probability"] = (dims, stacked)
    coords = {"chain": [0], "draw": np.arange(count), **_coords(asked, found, names)}
    return xr.Dataset(data, coords=coords)


def _draws_given(asked: Sequence[Asked], found: Mapping[str, Found]) -> xr.Dataset | None:
    """Parameters behind the draws of smoothed probability at moments that not every draw reaches."""
    import xarray as xr

    moments = sorted({a for f in found.values() for a in f.given})
    if not moments:
        return None
    dims = ("chain", "draw", "subject", "moment")
    data: dict[str, Any] = {}
    for name in dict.fromkeys(n for f in found.values() for n in f.parameters):
        first = next(f.parameters[name] for f in found.values() if name in f.parameters)
        columns = [[f.given.get(a, f.parameters).get(name, first) for a in moments] for f in found.values()]
        data[name] = (dims, np.stack([np.stack(c, -1) for c in columns], 1)[None])
    coords = {"chain": [0], "subject": list(found), "moment": [asked[a].label for a in moments]}
    return xr.Dataset(data, coords=coords)


def _stats(asked: Sequence[Asked], found: Mapping[str, Found]) -> xr.Dataset:
    import xarray as xr

    effective = np.stack([f.effective for f in found.values()]).clip(max=1e6)
    about = {"about": "1e6 stands for no uncertain parameter"}
    return xr.Dataset(
        {
            "effective_draws": (("subject",), effective[:, -1], about),
            "effective_draws_filtered": (("subject", "moment"), effective[:, :-1], about),
        },
        coords={"subject": list(found), "moment": [a.label for a in asked]},
    )


def _about(
    model: Model,
    ledger: Evidence,
    asked: Sequence[Asked],
    found: Mapping[str, Found],
    beside: Mapping[str, Mapping[str, Found]],
    settings: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    kinds = list(dict.fromkeys(p.dynamics for p in model.phases)) or ["no selection"]
    return {
        "model": model.name,
        "dynamics": ", ".join(kinds),
        "reading": model.reading,
        "readings_beside": list(beside),
        "alpha": None if model.alpha is None else written(model, model.alpha),
        "phases": [
            {
                "name": p.name,
                "kind": p.kind,
                "dynamics": p.dynamics,
                "selections": written(model, p.selections),
                "eta": written(model, p.eta),
                "drift": len(p.drift),
                "gates": [g.name for g in p.gates],
            }
            for p in model.phases
        ],
        "prior": _prior(model),
        "none_of_these": written(model, model.prior.none_of_these),
        "families": {m: str(placement(model, m).family) for m in model.motivations},
        "moments": [a.label for a in asked],
        "subjects": {
            s: {
                "told": list(f.told),
                "parameters": list(f.parameters),
                "rows": _rows(model, ledger, s),
                "notes": list(f.notes) + [_short(a, r) for a, r in zip(asked, f.reached, strict=True) if r < 1 - 1e-9],
            }
            for s, f in found.items()
        },
        "notes": [*([SOFTMAX] if "softmax_pg" in kinds else []), *notes],
        "parameters": of_parameters(model, ledger),
        **without_likelihood(ledger),
        **settings,
    }


def _short(one: Asked, reached: float) -> str:
    return f"at {one.label} is given that the phase has so many selections, which it has with probability {reached:.3g}"


def _rows(model: Model, ledger: Evidence, subject: str) -> list[dict[str, Any]]:
    return [
        {
            "id": r.id,
            "observation": r.observation,
            "phase": r.phase,
            "step": r.step,
            "steps": r.steps,
            "k": r.k,
            "n": r.n,
            "setting": r.setting,
        }
        for r in ledger.for_subject(subject).rows
    ]


def _prior(model: Model) -> dict[str, float]:
    """P(motivation) before selection, in the mean over prior draws."""
    space = Space.of(model.parameters)
    with torch.no_grad():
        theta = space.theta(space.prior_draws(SHARE_DRAWS if space.names else 1, SHARE_SEED))
        values = Course(Timeline(model), theta, ()).log_prior().exp().mean(0)
    return dict(zip([*model.motivations, NONE], values.tolist(), strict=True))


def written(model: Model, number: Number) -> str:
    """A number as the file has it."""
    return model.parameters[number.parameter].written if isinstance(number, Ref) else f"{float(number):g}"
