"""What is known over time, printed, and asked for forecasts and paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bsm.inference.over_time.forecast import Forecast, apart, forecast
from bsm.inference.over_time.labelled import Labelled
from bsm.inference.over_time.paths import Paths, most_probable, sampled
from bsm.inference.over_time.words import as_text
from bsm.motives.course.continuity import Divergence, Where


@dataclass(frozen=True, eq=False, repr=False)
class OverTime(Labelled):
    """P(motivation at a moment | rows and selection), for every subject and moment asked about.

    `tree` is an `xarray.DataTree`. Group `over_time` has, over (subject, moment, motivation): `filtered` (rows and
    selection up to the moment) and `smoothed` (all rows, all selection; for a moment ahead, predicted), each with
    `_low` and `_high`, the central 90 % over parameters; and over (moment, motivation) `share` with its band: prior and
    selection without any ledger, in which none_of_these has no part and stands at 0. `log_evidence` (subject) is in
    nats. Group `draws` has the parameters and the same probabilities draw by draw, `sample_stats` the effective draws.
    Inside a phase of uncertain length all numbers but `share` are given the rows and that the moment is reached;
    `reached` is how probable that is given all rows, and group `draws_given` has the parameters of its own draws.
    Other readings stand beside the model's own in groups of their names. The attribute `bsm` is JSON with dynamics,
    reading, eta, n and notes.

    `model` and `ledger` are what it was made from; a result that was loaded has them only where they were given.
    """

    def forecast(
        self,
        event: str | Mapping[str, tuple[str, ...]],
        context: Mapping[str, str] | None = None,
        at: str | None = None,
        subject: str | None = None,
    ) -> Forecast:
        """P(behaviour in a context at a moment), with its central 90 % over parameters.

        Args:
            event: an observation of the model, or nodes and the states that count.
            context: contexts and levers and their states, set by do(); defaults elsewhere. Without it, the mean over
                the declared support.
            at: one of `moments`; the last of them when absent.
            subject: one of `subjects`; the first when absent.
        """
        return forecast(self, event, context, at, subject)

    def path(self, subject: str | None = None) -> Paths:
        """The most probable path of motivations over the moments that matter, given all rows."""
        return most_probable(self, subject)

    def sample_paths(self, subject: str | None = None, count: int = 100, seed: int = 0) -> Paths:
        """Paths drawn from their posterior given all rows, parameters drawn too."""
        return sampled(self, subject, count, seed)

    def divergence(
        self, training: Where = None, deployment: Where = None, at: str | None = None, subject: str | None = None
    ) -> Divergence:
        """KL(behaviour in training || in deployment) of every motivation and family, in nats, at posterior draws.

        Args:
            training: a phase, or a situation (context -> state), as in `bsm.motives.course.continuity.divergence`.
            deployment: the same.
            at: the moment whose probabilities weigh the members of a family; the last when absent. Draws that leave
                nothing to the named motivations are left out.
            subject: one of `subjects`; the first when absent.
        """
        return apart(self, training, deployment, at, subject)

    def __str__(self) -> str:
        return as_text(self)

    def __repr__(self) -> str:
        return (
            f"<bsm.OverTime {self.about['model']}: {len(self.subjects)} subjects, {len(self.moments)} moments, "
            f"{len(self.names)} motivations>"
        )
