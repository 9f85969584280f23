"""The result of an inference: labelled, saved, loaded, printed, and handed to ArviZ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bsm.evidence.ledger import Evidence
from bsm.inference.about import of_parameters, without_likelihood
from bsm.spec import phase_words
from bsm.spec.model import Model, SpecError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bsm.inference.fits import Fit
    from bsm.inference.identify import Class

NONE = "none_of_these"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Result:
    """A posterior over motivations with what it rests on.

    `tree` is an `xarray.DataTree` with ArviZ's groups: `posterior` (parameters and P(motivation | parameters,
    rows) per draw), `prior`, `sample_stats`, `observed_data`, `posterior_predictive`, `log_likelihood`, and
    `constant_data` (prior, shares, posterior and the decomposition in nats). Its attribute `bsm` is JSON with the
    classes, exclusions, base rates and settings.
    """

    tree: xr.DataTree

    @property
    def motivations(self) -> xr.DataArray:
        """P(motivation | selection, ledger), over (subject, motivation); every row sums to one."""
        return self.constants["probability"]

    @property
    def constants(self) -> xr.Dataset:
        """Prior, shares, posterior and decomposition, labelled."""
        return self.tree["constant_data"].to_dataset()

    @property
    def about(self) -> dict[str, Any]:
        """Everything that is not an array."""
        return json.loads(self.tree.attrs["bsm"])

    def value(self, name: str, subject: str, motivation: str) -> float:
        """One number of `constant_data`, such as "probability", "prior", "share", "low" or "high"."""
        data = self.constants[name]
        for axis, label in (("subject", subject), ("motivation", motivation)):
            if label not in data[axis].values:
                raise KeyError(f"{label!r} is not a {axis} of this result; it has {list(data[axis].values)}")
        return float(data.sel(subject=subject, motivation=motivation))

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(str(s) for s in self.motivations["subject"].values)

    @property
    def names(self) -> tuple[str, ...]:
        """Motivations, `none_of_these` last."""
        return tuple(str(m) for m in self.motivations["motivation"].values)

    def table(self, subject: str | None = None) -> pd.DataFrame:
        """One row per subject and motivation: prior, share, nats against the reference, posterior, interval, ESS."""
        import pandas as pd

        data = self.tree["constant_data"].to_dataset()
        stats = self.tree["sample_stats"].to_dataset()
        rows = []
        for s in self.subjects if subject is None else (subject,):
            for m in self.names:
                at = {"subject": s, "motivation": m}
                rows.append(
                    {"subject": s, "motivation": m}
                    | {k: float(data[k].sel(at)) for k in ("prior", "share", "nats", "probability", "low", "high")}
                    | {"effective_draws": float(stats["effective_draws"].sel(at))}
                )
        return pd.DataFrame(rows)

    def decomposition(self, subject: str) -> xr.DataArray:
        """Nats that prior, selection and each block add to the log odds against the reference, (stage, motivation).

        Summed over stages they are the posterior log odds, to 1e-9.
        """
        data = self.constants["decomposition"].sel(subject=subject)
        return data.isel(stage=[i for i, s in enumerate(data["stage"].values) if s in self._stages(subject)])

    def _stages(self, subject: str) -> list[str]:
        return ["prior", "selection", *self.about["subjects"][subject]["blocks"]]

    def rows(self, subject: str | None = None) -> pd.DataFrame:
        """Every ledger row in the likelihood: rate seen, predictive mean and 90 % band, n, effective n, provenance."""
        frame = self.tree["observed_data"].to_dataset().to_dataframe().reset_index()
        predicted = self.tree["posterior_predictive"].to_dataset()[["mean", "low", "high"]].to_dataframe().reset_index()
        joined = frame.merge(predicted, on="row")
        return joined if subject is None else joined[joined["subject_of"] == subject].reset_index(drop=True)

    def save(self, path: str | Path) -> Path:
        """Write NetCDF that ArviZ and xarray read; nothing is written if this fails half way."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        self.tree.to_netcdf(partial, engine="h5netcdf")
        partial.replace(path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read what `save` wrote."""
        import xarray as xr

        path = Path(path)
        if not path.is_file():
            raise SpecError(f"{path}: no such file; `bsm run MODEL --out DIR` writes DIR/result.nc")
        try:
            tree = xr.open_datatree(path, engine="h5netcdf")
        except (OSError, ValueError) as error:
            raise SpecError(f"{path}: not a NetCDF file that bsm wrote ({error})") from error
        if "bsm" not in tree.attrs or "constant_data" not in tree.children:
            tree.close()
            raise SpecError(f"{path}: a NetCDF file, but not a bsm result; `Result.save` writes one")
        loaded = tree.load()
        tree.close()
        return cls(loaded)

    def to_arviz(self) -> Any:
        """The same in the installed ArviZ's own container: InferenceData before 1.0, a DataTree since."""
        import arviz as az

        if hasattr(az, "InferenceData") and not _is_datatree(az):
            groups = {name: node.to_dataset() for name, node in self.tree.children.items()}
            return az.InferenceData(**groups)  # type: ignore[arg-type]
        return self.tree

    def __repr__(self) -> str:
        return f"<bsm.Result {self.about['model']}: {len(self.subjects)} subjects, {len(self.names)} motivations>"


def _is_datatree(az: Any) -> bool:
    import xarray as xr

    return az.InferenceData is xr.DataTree


def assemble(model: Model, ledger: Evidence, fits: Mapping[str, Fit], overlay: str | None) -> Result:
    """Label what inference found."""
    import xarray as xr

    subjects, names = list(fits), [*model.motivations, NONE]
    stages = ["prior", "selection", *dict.fromkeys(b for f in fits.values() for b in f.blocks)]
    reference = model.headline.reference if model.headline else names[0]
    ref = names.index(reference)
    groups = {
        "posterior": _draws(fits, names),
        "prior": _prior_draws(fits),
        "sample_stats": _stats(fits, names),
        "observed_data": _observed(fits),
        "posterior_predictive": _predicted(fits),
        "log_likelihood": _log_likelihood(fits),
        "constant_data": _constants(fits, names, stages, ref),
    }
    tree = xr.DataTree.from_dict({f"/{name}": data for name, data in groups.items()})
    tree.attrs["bsm"] = json.dumps(_about(model, ledger, fits, overlay, reference), allow_nan=False)
    tree.attrs["subjects"] = json.dumps(subjects)
    return Result(tree)


def _draws(fits: Mapping[str, Fit], names: list[str]) -> xr.Dataset:
    import xarray as xr

    first = next(iter(fits.values()))
    count = len(first.drawn)
    data: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for parameter in first.parameters:
        columns = [f.parameters.get(parameter, first.prior[parameter]) for f in fits.values()]
        data[parameter] = (("chain", "draw", "subject"), np.stack(columns, -1)[None])
    conditional = np.stack([f.conditional.numpy() for f in fits.values()], 1)[None]
    data["motivation_probability"] = (("chain", "draw", "subject", "motivation"), conditional)
    drawn = np.stack([f.drawn.numpy() for f in fits.values()], -1)[None]
    data["motivation_drawn"] = (("chain", "draw", "subject"), drawn)
    coords = {"chain": [0], "draw": np.arange(count), "subject": list(fits), "motivation": names}
    return xr.Dataset(data, coords=coords)


def _prior_draws(fits: Mapping[str, Fit]) -> xr.Dataset:
    import xarray as xr

    first = next(iter(fits.values()))
    data = {n: (("chain", "draw"), values[None]) for n, values in first.prior.items()}
    return xr.Dataset(data, coords={"chain": [0], "draw": np.arange(len(first.drawn))})


def _stats(fits: Mapping[str, Fit], names: list[str]) -> xr.Dataset:
    import xarray as xr

    effective = np.stack([f.effective.clamp_max(1e6).numpy() for f in fits.values()])
    evidence = np.stack([_finite(f.log_evidence.numpy() + f.offset) for f in fits.values()])
    return xr.Dataset(
        {
            "effective_draws": (
                ("subject", "motivation"),
                effective,
                {"about": "1e6 stands for a quadrature"},
            ),
            "log_evidence": (
                ("subject", "motivation"),
                evidence,
                {"unit": "nats", "about": "-1e300 stands for impossible"},
            ),
            "shift_quadrature_error": (
                ("subject",),
                np.array([f.quadrature_error for f in fits.values()]),
                {"unit": "nats"},
            ),
        },
        coords={"subject": list(fits), "motivation": names},
    )


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isneginf(values), -1e300, values)


def _observed(fits: Mapping[str, Fit]) -> xr.Dataset:
    import xarray as xr

    checks = [(s, c) for s, f in fits.items() for c in f.checks]
    text = {
        "subject_of": [s for s, _ in checks],
        **{
            name: [getattr(c.row, name) for _, c in checks]
            for name in (
                "setting",
                "block",
                "variant",
                "observation",
                "basis",
                "printed",
                "citation",
                "figure_or_table",
            )
        },
        "context": ["; ".join(f"{n}={v}" for n, v in c.row.contexts.items()) for _, c in checks],
    }
    data = {k: (("row",), np.array(v, dtype=str)) for k, v in text.items()}
    numbers = {
        "seen": [c.seen for _, c in checks],
        "k": [c.row.k for _, c in checks],
        "n": [c.row.n for _, c in checks],
        "n_eff": [c.n_eff for _, c in checks],
    }
    data |= {k: (("row",), np.array(v, dtype=float)) for k, v in numbers.items()}
    return xr.Dataset(data, coords={"row": np.array([c.row.id for _, c in checks], dtype=str)})


def _predicted(fits: Mapping[str, Fit]) -> xr.Dataset:
    import xarray as xr

    checks = [c for f in fits.values() for c in f.checks]
    data = {k: (("row",), np.array([getattr(c, k) for c in checks])) for k in ("mean", "low", "high")}
    data["inside"] = (("row",), np.array([c.inside for c in checks]).astype(int))
    return xr.Dataset(data, coords={"row": np.array([c.row.id for c in checks], dtype=str)})


def _log_likelihood(fits: Mapping[str, Fit]) -> xr.Dataset:
    """log P(block) at each pooled draw under its own motivation."""
    import xarray as xr

    data, coords = {}, {}
    for i, (subject, f) in enumerate(fits.items()):
        dim = f"block_{i}"
        values = _finite(f.log_blocks.numpy())[None]
        data[f"subject_{i}"] = (("chain", "draw", dim), values, {"subject": subject, "unit": "nats"})
        coords[dim] = np.array(f.blocks, dtype=str)
    count = len(next(iter(fits.values())).drawn)
    return xr.Dataset(data, coords={"chain": [0], "draw": np.arange(count), **coords})


def _constants(fits: Mapping[str, Fit], names: list[str], stages: list[str], ref: int) -> xr.Dataset:
    import torch
    import xarray as xr

    shape = (len(fits), len(stages), len(names))
    steps, probability = np.zeros(shape), np.zeros((len(fits), len(names)))
    prior, share, nats = (np.zeros_like(probability) for _ in range(3))
    low, high, effective = np.zeros_like(probability), np.zeros_like(probability), np.full(shape[:2], 1e6)
    for i, f in enumerate(fits.values()):
        path = np.maximum(f.path.numpy(), -1e300)
        prior[i] = torch.softmax(f.path[0], -1).numpy()
        share[i, :-1] = f.shares.numpy()
        probability[i] = f.probabilities.numpy()
        relative = path - path[:, ref : ref + 1]
        nats[i] = relative[-1] - relative[1]
        at = [stages.index("prior"), stages.index("selection")]
        at += [stages.index(b) for b in f.blocks] if len(path) > 3 or len(f.blocks) == 1 else []
        parts = np.diff(relative, axis=0, prepend=np.zeros((1, len(names))))
        if len(at) == len(parts):
            steps[i, at] = parts
            effective[i, at] = np.minimum(f.path_effective.numpy(), 1e6)
        low[i], high[i] = np.quantile(f.conditional.numpy(), [0.05, 0.95], axis=0)
    two = ("subject", "motivation")
    return xr.Dataset(
        {
            "probability": (two, probability, {"about": "P(motivation | selection, ledger)"}),
            "low": (two, low, {"about": "5 % of P(motivation | ledger, parameters) over parameters"}),
            "high": (two, high, {"about": "95 % of the same"}),
            "prior": (two, prior, {"about": "P(motivation) before selection and ledger"}),
            "share": (
                two,
                share,
                {"about": "share of influence after selection, no ledger; none_of_these has none"},
            ),
            "nats": (
                two,
                nats,
                {"unit": "nats", "about": "log likelihood ratio of the ledger against the reference"},
            ),
            "decomposition": (("subject", "stage", "motivation"), steps, {"unit": "nats"}),
            "stage_effective_draws": (("subject", "stage"), effective),
        },
        coords={"subject": list(fits), "stage": stages, "motivation": names},
        attrs={"reference": names[ref]},
    )


def _about(
    model: Model, ledger: Evidence, fits: Mapping[str, Fit], overlay: str | None, reference: str
) -> dict[str, Any]:
    from bsm.motives.families import placement

    places = {m: placement(model, m) for m in model.motivations}
    first = next(iter(fits.values()))
    return {
        "format": FORMAT,
        "model": model.name,
        "overlay": overlay,
        "dynamics": phase_words.dynamics(model),
        "reading": "hypothesis: one pattern drives",
        "phases": phase_words.phases(model),
        "reference": reference,
        "headline": None
        if model.headline is None
        else {
            "motivations": list(model.headline.motivations),
            "subject": model.headline.subject,
            "says": model.headline.says,
        },
        "seed": first.seed,
        "draws": first.draws,
        "families": {
            m: {
                "family": str(p.family),
                "closeness": p.closeness,
                "intended": p.intended,
                "bypasses": [list(r) for r in p.bypasses],
            }
            for m, p in places.items()
        },
        "parameters": of_parameters(model, ledger),
        "prior_terms": [
            {"name": t.name, "kind": t.kind, "acts": t.acts, "why": t.why, "provenance": str(t.provenance)}
            for t in model.prior.terms
        ],
        "none_of_these": phase_words.number(model, model.prior.none_of_these),
        "subjects": {s: _about_subject(f) for s, f in fits.items()},
        **without_likelihood(ledger),
    }


def _about_subject(f: Fit) -> dict[str, Any]:
    return {
        "blocks": list(f.blocks),
        "rows": len(f.checks),
        "episodes": float(sum(c.row.n for c in f.checks)),
        "effective_episodes": float(sum(c.n_eff for c in f.checks)),
        "outside_band": sum(not c.inside for c in f.checks),
        "exact_classes": [_about_class(c) for c in f.equivalence.exact],
        "practical_classes": [_about_class(c) for c in f.equivalence.practical],
        "tolerance": f.equivalence.tolerance,
        "notes": list(f.notes),
    }


def _about_class(c: Class) -> dict[str, Any]:
    return {
        "members": list(c.members),
        "exact": c.exact,
        "variation": c.variation,
        "nats": c.nats,
        "split": None if c.split is None else {"situation": c.split.situation, "bits": c.split.bits},
    }
