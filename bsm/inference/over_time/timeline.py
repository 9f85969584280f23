"""The phases of a model, whose numbers are reckoned once where nothing about them is uncertain."""

from __future__ import annotations

from bsm.motives.course import Stage, Timeline
from bsm.motives.theta import Theta


class Kept(Timeline):
    """A timeline that keeps the stages of the latest draws, and those of a model without uncertain parameters."""

    _latest: tuple[Theta | None, tuple[Stage, ...]] = (None, ())

    def stages(self, theta: Theta) -> tuple[Stage, ...]:
        """As `Timeline.stages`."""
        before, found = self._latest
        if before is theta or (before is not None and not self.model.uncertain):
            return found
        self._latest = (theta, super().stages(theta))
        return self._latest[1]
