"""The cells of one record, read one by one: text, numbers, states, and numbers that may be uncertain."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from bsm.evidence.columns import meant
from bsm.evidence.files import Problems
from bsm.spec.model import Model, Number, Parameter, Provenance, Ref, SpecError
from bsm.spec.quantities import Support, fit, parse

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}")
DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
SUPPORT: dict[str, Support] = {
    "rho": "probability",
    "n_eff": "positive",
    "fpr": "probability",
    "fnr": "probability",
}


class Cells:
    """One record: `line` in the file and a cell per column; blank cells and absent columns read as ""."""

    def __init__(self, values: Mapping[str, str], line: int, problems: Problems) -> None:
        self.values = values
        self.line = line
        self.problems = problems

    def wrong(self, message: str) -> None:
        self.problems.add(self.line, message)

    def text(self, name: str) -> str:
        return self.values.get(name, "").strip()

    def required(self, name: str) -> str:
        if not (cell := self.text(name)) and name in self.values:
            self.wrong(f"{name} is blank; every row needs one")
        return cell

    def one_of(self, name: str, known: Iterable[str], kind: str) -> str | None:
        """The cell if it is a known name; otherwise None, with a problem unless the cell is blank."""
        cell = self.text(name)
        if not cell or cell in (known := list(known)):
            return cell or None
        self.wrong(f"{name} = {cell!r} is not {kind}; {meant(cell, known)}")
        return None

    def number(self, name: str, low: float = 0.0, high: float = math.inf) -> float | None:
        """A finite number in [low, high]; None where the cell is blank, or wrong and noted as such."""
        cell = self.text(name)
        if not cell:
            return None
        if not NUMBER.fullmatch(cell):
            self.wrong(
                f"{name} = {cell!r} is not a finite number; write plain digits such as 0.14 or 353"
                " and leave the cell blank where the figure is unknown"
            )
            return None
        value = float(cell)
        if not math.isfinite(value):
            self.wrong(f"{name} = {cell!r} is too large to be a finite number")
        elif not low <= value <= high:
            self.wrong(f"{name} = {cell} must be {span(low, high)}" + (PERCENT if high == 1 and value > 1 else ""))
        else:
            return value
        return None

    def count(self, name: str, at_least: int = 0) -> float | None:
        """A whole number of episodes."""
        value = self.number(name, low=at_least, high=1e12)
        if value is not None and not value.is_integer():
            self.wrong(f"{name} = {self.text(name)} is a count and must be whole; a fraction of n goes in rate")
            return None
        return value

    def formatted(self, name: str, pattern: re.Pattern[str], wanted: str) -> str:
        cell = self.text(name)
        if cell and not pattern.fullmatch(cell):
            self.wrong(f"{name} = {cell!r} is not {wanted}")
        return cell


def certain(number: Number, parameters: Mapping[str, Parameter]) -> float | None:
    """A number that is known; None for one with a prior."""
    if not isinstance(number, Ref):
        return float(number)
    parameter = parameters[number.parameter]
    return parameter.value if parameter.prior is None else None


PERCENT = "; write a share, not a percentage: 0.14 for 14 %"


def span(low: float, high: float) -> str:
    return f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"


class Quantities:
    """Numbers that may be uncertain (rho, n_eff, fpr, fnr): identical text means one shared parameter."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.parameters: dict[str, Parameter] = {}

    def read(self, cells: Cells, name: str, low: float = 0.0, high: float = 1.0) -> Number | None:
        """A number, an interval "0.01 to 0.1", or $name of a model parameter; None where blank or wrong."""
        cell = cells.text(name)
        if cell.startswith("$"):
            return self._named(cells, name, cell[1:])
        if " to " in cell:
            return self._uncertain(cells, name, " ".join(cell.split()))
        return cells.number(name, low, high)

    def median(self, number: Number) -> float:
        """The number itself, or where it is uncertain the value at which its parameter is held when fixed."""
        if not isinstance(number, Ref):
            return number
        own = self.parameters.get(number.parameter)
        return (own or self.model.parameters[number.parameter]).value

    def _named(self, cells: Cells, name: str, parameter: str) -> Ref | None:
        if parameter not in self.model.parameters:
            cells.wrong(
                f"{name} = ${parameter}: the model has no such parameter; {meant(parameter, self.model.parameters)}"
            )
            return None
        support = self.model.parameters[parameter].support
        if support != SUPPORT[name]:
            cells.wrong(
                f"{name} = ${parameter}: that parameter has support {support!r}, but {name} needs {SUPPORT[name]!r}"
            )
            return None
        return Ref(parameter)

    def _uncertain(self, cells: Cells, name: str, text: str) -> Ref | None:
        opinion = cells.text("opinion_of")
        if not opinion:
            cells.wrong(f"{name} = {text!r} is an interval and nobody's; say whose in opinion_of")
            return None
        key, support = f"{name}: {text}", SUPPORT[name]
        try:
            parsed = parse(text)
            if isinstance(parsed, Ref):
                raise SpecError("write $name, a number or an interval")
            value, prior = fit(parsed, support)
        except SpecError as error:
            cells.wrong(f"{name}: {error}")
            return None
        self.parameters.setdefault(key, Parameter(key, value, prior, support, text, Provenance(opinion_of=opinion)))
        return Ref(key)
