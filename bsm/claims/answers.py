"""The value of a quantity in a model, at one or many settings of its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from bsm.claims.here import Here
from bsm.claims.kept import Kept, Setting, When
from bsm.claims.kinds import ANSWER, GREEDY, SHARES, Value
from bsm.claims.quantities import Quantity
from bsm.spec.model import SpecError

__all__ = ["Answers", "Setting", "Value"]


class Answers(Kept):
    """Answers questions about one model; what is computed on the way is kept for the next question."""

    def value(self, quantity: Quantity, setting: Setting | None = None) -> Value:
        """The quantity at one setting.

        Raises:
            SpecError: the quantity does not exist there; the place in the file is named.
        """
        try:
            return self._value(quantity, setting or Setting())
        except SpecError as error:
            raise SpecError(f"{quantity.where}: {error}") from error

    def number(self, quantity: Quantity, setting: Setting | None = None) -> float:
        """A quantity that is a number."""
        value = self.value(quantity, setting)
        if not isinstance(value, float):
            raise SpecError(f"{quantity.where}: {quantity} is {value!r}; a quantity that is a number is needed here")
        return value

    def line(self, quantity: Quantity, settings: Sequence[Setting]) -> list[float]:
        """The quantity at several settings; fitness and shares are computed for all of them at once."""
        try:
            self._prepare(quantity, settings)
        except SpecError as error:
            raise SpecError(f"{quantity.where}: {error}") from error
        return [self.number(quantity, setting) for setting in settings]

    def _prepare(self, q: Quantity, settings: Sequence[Setting]) -> None:
        for part in q.parts:
            self._prepare(part, settings)
        if q.kind not in GREEDY and q.kind not in SHARES:
            return
        by_overlay: dict[str | None, list[dict[str, float]]] = {}
        for setting in settings:
            by_overlay.setdefault(q.overlay or setting.overlay, []).append({**setting.held, **q.held})
        for overlay, held in by_overlay.items():
            if q.kind in GREEDY:
                self.fill_fitness(overlay, held, GREEDY[q.kind])
                continue
            for gate in [None, q.gate] if q.gate else [None]:
                self.fill_shares(overlay, held, When(q.at, q.dynamics, gate))

    def _value(self, q: Quantity, setting: Setting) -> Value:
        if q.kind == "number":
            return q.number
        if q.kind == "difference":
            first, second = (self.number(part, setting) for part in q.parts)
            return first - second
        here = Here(self, q.overlay or setting.overlay, {**setting.held, **q.held})
        return ANSWER[q.kind](here, q)
