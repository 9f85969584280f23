"""What is known over time as labelled arrays, and the file that holds them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bsm.evidence.ledger import Evidence
from bsm.spec.model import Model, SpecError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bsm.inference.over_time.without import Without


GROUPS = ("over_time", "draws", "sample_stats")
COLUMNS = ("share", "filtered", "filtered_low", "filtered_high", "smoothed", "smoothed_low", "smoothed_high")


@dataclass(frozen=True, eq=False)
class Labelled:
    """A tree of arrays over subjects, moments and motivations; `OverTime` says what they mean."""

    tree: xr.DataTree
    model: Model | None = field(default=None, repr=False)
    ledger: Evidence | None = field(default=None, repr=False)
    _without: dict[str, Without] = field(default_factory=dict, init=False, repr=False)

    @property
    def data(self) -> xr.Dataset:
        """Group `over_time`."""
        return self.tree["over_time"].to_dataset()

    @property
    def draws(self) -> xr.Dataset:
        """Group `draws`: equal-weight draws from the posterior given all rows; `filtered` has draws of its own."""
        return self.tree["draws"].to_dataset()

    def draws_at(self, moment: str) -> xr.Dataset:
        """Parameters behind the draws at a moment; such as reach it, where not every draw does (`draws_given`)."""
        if "draws_given" in self.tree.children:
            given = self.tree["draws_given"].to_dataset()
            if moment in given["moment"].values:
                return given.sel(moment=moment)
        return self.draws

    @property
    def filtered(self) -> xr.DataArray:
        """P(motivation | rows and selection up to the moment), over (subject, moment, motivation)."""
        return self.data["filtered"]

    @property
    def smoothed(self) -> xr.DataArray:
        """P(motivation | all rows, all selection), over (subject, moment, motivation); predicted where ahead."""
        return self.data["smoothed"]

    @property
    def about(self) -> dict[str, Any]:
        """Everything that is not an array."""
        return json.loads(self.tree.attrs["bsm"])

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(str(s) for s in self.data["subject"].values)

    @property
    def moments(self) -> tuple[str, ...]:
        """Moments as they were asked about, in that order."""
        return tuple(str(m) for m in self.data["moment"].values)

    @property
    def names(self) -> tuple[str, ...]:
        """Motivations, `none_of_these` last."""
        return tuple(str(m) for m in self.data["motivation"].values)

    def value(self, name: str, subject: str, moment: str, motivation: str) -> float:
        """One number of `data`, such as "filtered", "smoothed_low" or "share"."""
        data = self.data[name]
        wanted = {"subject": subject, "moment": moment, "motivation": motivation}
        for axis, label in wanted.items():
            if axis in data.dims and label not in data[axis].values:
                raise KeyError(f"{label!r} is not a {axis} of this result; it has {list(data[axis].values)}")
        return float(data.sel({axis: label for axis, label in wanted.items() if axis in data.dims}))

    def table(self, subject: str | None = None, reading: str | None = None) -> pd.DataFrame:
        """One row per subject, moment and motivation: share, filtered and smoothed with their bands.

        Args:
            subject: one of them; all when absent.
            reading: another reading that stands beside the model's own.
        """
        import pandas as pd

        data, group = self.data, self.data if reading is None else self.of_reading(reading)
        rows = []
        for s in self.subjects if subject is None else (subject,):
            if s not in self.subjects:
                raise KeyError(f"{s!r} is not a subject of this result; it has {list(self.subjects)}")
            for moment in self.moments:
                for m in self.names:
                    at = {"subject": s, "moment": moment, "motivation": m}
                    row: dict[str, object] = dict(at)
                    row["share"] = float(data["share"].sel(moment=moment, motivation=m))
                    row |= {c: float(group[c].sel(at)) for c in COLUMNS if c != "share"}
                    rows.append(row | {"predicted": bool(data["predicted"].sel(moment=moment))})
        return pd.DataFrame(rows)

    def of_reading(self, reading: str) -> xr.Dataset:
        """Filtered, smoothed and log_evidence, as in `data`, under one of `readings`."""
        if reading not in self.readings:
            raise KeyError(f"{reading!r} is no reading of this result; it has {list(self.readings)}")
        return self.data if reading == self.about["reading"] else self.tree[reading].to_dataset()

    @property
    def readings(self) -> tuple[str, ...]:
        """The model's own reading, then those beside it."""
        return (self.about["reading"], *self.about["readings_beside"])

    def needs(self, ledger: bool = False) -> tuple[Model, Evidence | None]:
        """The model, and the ledger where it is wanted.

        Raises:
            SpecError: the result was loaded without them.
        """
        if self.model is None or (ledger and self.ledger is None):
            what = "its model and ledger" if ledger else "its model"
            raise SpecError(
                f"this needs {what}, which a file of results does not hold; write OverTime.load(path, model, ledger)"
            )
        return self.model, self.ledger

    def without_rows(self, moment: str) -> Without:
        """What prior and selection say at a moment, at the draws behind `share`; kept once it is known."""
        from bsm.inference.over_time.without import SHARE_DRAWS, SHARE_SEED, without_ledger

        if moment not in self._without:
            model = replace(self.needs()[0], reading=self.about["reading"])
            seed = self.about["seed"] + SHARE_SEED
            self._without[moment] = without_ledger(model, moment, SHARE_DRAWS, seed)
        return self._without[moment]

    # --- files --------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write NetCDF that xarray and ArviZ read; nothing is written if this fails half way."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        self.tree.to_netcdf(partial, engine="h5netcdf")
        partial.replace(path)
        return path

    @classmethod
    def load(cls, path: str | Path, model: Model | None = None, ledger: Evidence | None = None) -> Self:
        """Read what `save` wrote; with the model (and ledger) it was made from it answers forecasts (and paths)."""
        import xarray as xr

        path = Path(path)
        if not path.is_file():
            raise SpecError(f"{path}: no such file; `OverTime.save` and `bsm at MODEL --out FILE` write one")
        try:
            tree = xr.open_datatree(path, engine="h5netcdf")
        except (OSError, ValueError) as error:
            raise SpecError(f"{path}: not a NetCDF file that bsm wrote ({error})") from error
        loaded = tree.load()
        tree.close()
        found = cls(loaded, model, ledger)
        found.check()
        return found

    def check(self) -> None:
        """Refuse a tree that is no result over time, or whose probabilities are none.

        Raises:
            SpecError: naming what is wrong.
        """
        if "bsm" not in self.tree.attrs or any(g not in self.tree.children for g in GROUPS):
            raise SpecError("a NetCDF file, but no result over time; `bsm.posterior(model, ledger, at=...)` gives one")
        if self.model is not None and self.model.name != self.about["model"]:
            raise SpecError(f"the result is of model {self.about['model']!r}, and {self.model.name!r} is given")
        for name in ("filtered", "smoothed"):
            values = self.data[name]
            if bool((abs(values.sum("motivation") - 1) > 1e-6).any()) or bool((values < 0).any()):
                raise SpecError(f"{name} is no probability: it does not sum to one over motivations at every moment")
