"""From the cells of a ledger to its rows: every rule that a single row must keep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bsm.evidence.cells import DATE, SHA256, Cells, Quantities, certain
from bsm.evidence.columns import REQUIRED, context_nodes, seen_contexts
from bsm.evidence.measured import Dependence, Trials, dependence, measured_rate, second, trials
from bsm.evidence.repeats import Counted, episodes
from bsm.evidence.rows import DEFAULT_VARIANT, BaseRate, LedgerRow
from bsm.spec.model import Model, Number, Parameter, Phase

NO_TRIALS = "neither n, nor an interval, nor a stated n_eff: how many trials it is worth is unknown"
NO_WIDTH = " (at a rate of 0 or 1, or with a width of zero, an interval says nothing)"


@dataclass
class Parsed:
    """What reading the cells found, before repeats are looked for; `unusable` holds reasons by line."""

    rows: list[LedgerRow] = field(default_factory=list)
    base_rates: list[BaseRate] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)
    unusable: dict[int, str] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def parse(records: Iterable[Cells], model: Model) -> Parsed:
    """Read every record; what is wrong is noted with its line and reading goes on."""
    reader = RowReader(model)
    parsed = Parsed(parameters=reader.quantities.parameters)
    for cells in records:
        known = len(cells.problems.found)
        for column in REQUIRED:
            cells.required(column)
        name = cells.one_of("observation", model.observations, "an observation of the model")
        if name is None:
            continue
        if model.observations[name].base_rate:
            parsed.base_rates.append(base_rate(cells))
            continue
        worth, row = reader.read(cells)
        if len(cells.problems.found) == known:  # else what is wrong may be what tells its episodes from others
            parsed.counted.append(reader.counted(row, usable=worth is not None))
        if worth is None:
            interval_given = bool(cells.text("ci_low") or cells.text("ci_high"))
            parsed.unusable[cells.line] = NO_TRIALS + (NO_WIDTH if interval_given else "")
        else:
            parsed.rows.append(row)
    return parsed


def base_rate(cells: Cells) -> BaseRate:
    """A row without a likelihood: a count over models, say."""
    k, n, rate = cells.count("k"), cells.count("n", at_least=1), cells.number("rate", high=1)
    if k is not None and n is not None and k > n:
        cells.wrong(f"k = {k:g} is more than n = {n:g}; k counts the part of n that showed the observation")
    return BaseRate(
        id=cells.text("id"),
        subject=cells.text("subject"),
        setting=cells.text("setting"),
        observation=cells.text("observation"),
        k=k,
        n=n,
        rate=rate,
        citation=cells.text("citation"),
        figure_or_table=cells.text("figure_or_table"),
        note=cells.text("note"),
    )


class RowReader:
    """Reads one record at a time against a model, and gathers the uncertain numbers that rows share.

    A blank context is read at its default where an action sees it, and is else left to chance. A blank lever is in
    the state that the row's phase sets it to; outside a phase, and in one that leaves it alone, it is as a context.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.quantities = Quantities(model)
        self.nodes = context_nodes(model)
        self.seen = frozenset(seen_contexts(model))
        self.defaults = {n: d for n in self.nodes if (d := model.nodes[n].default) is not None}

    def read(self, cells: Cells) -> tuple[Trials | None, LedgerRow]:
        """The row, and its trials; without trials its k and n are 0 and the caller excludes it."""
        phase = self.phase(cells)
        contexts = self.contexts(cells, phase)
        step, steps = self.steps(cells, phase)
        variant = cells.text("variant")
        rate = measured_rate(cells)
        rho, n_eff = self.rho(cells), self.quantities.read(cells, "n_eff", low=1, high=1e12)
        worth = trials(cells, rate, n_eff, self.quantities)
        depends = dependence(cells, worth, rho, n_eff, self.quantities) if worth else Dependence(rho, n_eff)
        fpr, fnr = self.judge(cells)
        row = LedgerRow(
            id=cells.text("id"),
            subject=cells.text("subject"),
            setting=cells.text("setting"),
            block=cells.text("block") or cells.text("setting"),
            contexts=contexts,
            variant=DEFAULT_VARIANT if variant == "default" else variant,
            phase=phase.name if phase else None,
            step=step,
            steps=steps,
            observation=cells.text("observation"),
            k=worth.k if worth else 0.0,
            n=worth.n if worth else 0.0,
            basis=worth.basis if worth else "",
            printed=worth.printed if worth else "",
            rho=depends.rho,
            n_eff=depends.n_eff,
            fpr=fpr,
            fnr=fnr,
            second=second(cells, worth, self.model),
            source_id=cells.text("source_id"),
            citation=cells.text("citation"),
            figure_or_table=cells.text("figure_or_table"),
            date=cells.formatted("date", DATE, "a date; write a year, 2024-12 or 2024-12-18"),
            sha256=self.sha256(cells, "sha256"),
            second_sha256=self.sha256(cells, "second_sha256"),
            note=cells.text("note"),
            opinion_of=cells.text("opinion_of"),
            line=cells.line,
            stated=1.0 if depends.n_eff is None else self.quantities.median(depends.n_eff),
        )
        return worth, row

    def counted(self, row: LedgerRow, usable: bool) -> Counted:
        contexts = {**self.defaults, **row.contexts}
        about = episodes(row.subject, row.source_id, row.setting, contexts, row.variant, row.phase, row.step)
        return Counted(row.id, row.subject, row.line, about, row.observation, usable)

    def contexts(self, cells: Cells, phase: Phase | None) -> dict[str, str]:
        """Every context that an action sees, and every other that the row or the levers of its phase set."""
        levers = phase.levers if phase else {}
        found: dict[str, str] = {}
        for name in self.nodes:
            node = self.model.nodes[name]
            state = cells.one_of(name, node.states, "one of its states")
            if state is None and not cells.text(name):
                state = levers.get(name, node.default if name in self.seen else None)
                if state is None and name in self.seen:
                    cells.wrong(f"{name} is blank and its node has no default; write one of {list(node.states)}")
            if state is not None:
                found[name] = state
        return found

    def phase(self, cells: Cells) -> Phase | None:
        """The phase that the row names."""
        phases = {phase.name: phase for phase in self.model.phases}
        if cells.text("phase") and not phases:
            cells.wrong(f"phase = {cells.text('phase')!r}, but the model has no phases; leave phase and steps blank")
            return None
        name = cells.one_of("phase", phases, "a phase of the model")
        return None if name is None else phases[name]

    def steps(self, cells: Cells, phase: Phase | None) -> tuple[float | None, int]:
        """Where in the phase the row was seen, and the selections that it stands for: 1 where that is blank.

        (None, 0) outside a phase.
        """
        if phase is None:
            if not cells.text("phase"):
                for name, blank in (("step", ("",)), ("steps", ("", "0"))):
                    if cells.text(name) not in blank:
                        cells.wrong(f"{name} = {cells.text(name)} outside selection; name the phase, or leave it blank")
            return None, 0
        n = certain(phase.selections, self.model.parameters)
        steps = cells.count("steps")
        stands_for = 1 if steps is None else int(steps)
        step = cells.number("step", high=math.inf if n is None else n)
        if n is not None and step is not None and step + stands_for > n:
            cells.wrong(
                f"step = {step:g} and steps = {stands_for} reach beyond the {n:g} selections of phase {phase.name}; "
                "write the selections before the row in step, and those that it stands for in steps (0: only seen)"
            )
        return step, stands_for

    def rho(self, cells: Cells) -> Number | None:
        rho = self.quantities.read(cells, "rho")
        if rho == 1.0:
            cells.wrong("rho = 1 would make all episodes one; rho is at least 0 and below 1")
        return rho

    def judge(self, cells: Cells) -> tuple[Number, Number]:
        """False positive and false negative rate of the judge; blank is 0."""
        fpr, fnr = (self.quantities.read(cells, name) for name in ("fpr", "fnr"))
        fpr, fnr = fpr or 0.0, fnr or 0.0
        if (total := self.quantities.median(fpr) + self.quantities.median(fnr)) >= 1:
            cells.wrong(f"fpr + fnr = {total:g}: such a judge says nothing, or the opposite; it must be below 1")
        return fpr, fnr

    def sha256(self, cells: Cells, name: str) -> str:
        return cells.formatted(
            name, SHA256, "a sha256 (64 digits 0-9a-f) of the source row; leave it blank for your own data"
        )
