"""Overlays: named edits of the same file, checked as the whole model that they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from bsm.spec.document import ModelDocument, MotivationEdit, OverlayDocument
from bsm.spec.model import Motivation, Overlay, Parameter, Phase, SpecError
from bsm.spec.motivations import Motivations
from bsm.spec.parameters import Declared, Numbers, resolve
from bsm.spec.phases import Phases, check_votes
from bsm.spec.problems import Place, Problems, listed, near, shorten
from bsm.spec.world import World


@dataclass(frozen=True)
class Overlays:
    """Reads the overlays of a document; `numbers` are those of the base model, whose uses they add to.

    `every` names the motivations of the file, those that overlays add included.
    """

    document: ModelDocument
    base: World
    motivations: Mapping[str, Motivation]
    numbers: Numbers
    every: Collection[str]

    def read(self, name: str) -> Overlay:
        """One overlay: its graph edits, the parameters and motivations it replaces or adds, the phases it replaces."""
        document = self.document.overlays[name]
        place: Place = ("overlays", name)
        declared = {n: Declared(d, (*place, "parameters", n)) for n, d in document.parameters.items()}
        new = {n: d for n, d in declared.items() if n not in self.numbers.declared}
        numbers = Numbers(self.numbers.problems, {**self.numbers.declared, **new})
        world = self.base.edited(document, place, numbers)
        motivations = self._motivations(document, world, numbers, place)
        phases = self._phases(document, world, numbers, place)
        for n, uses in numbers.uses.items():
            if n not in new:
                self.numbers.uses.setdefault(n, []).extend(uses)
        parameters = {**numbers.made, **{n: self._parameter(n, d, numbers) for n, d in declared.items()}}
        if not (world.changes or parameters or motivations or phases):
            self.numbers.problems.add(
                place,
                f"the overlay {name} changes nothing; give nodes, drop_edges, parameters, motivations or phases",
            )
        return Overlay(name, document.why, world.changes, parameters, motivations, phases)

    def _motivations(
        self, document: OverlayDocument, world: World, numbers: Numbers, place: Place
    ) -> dict[str, Motivation]:
        reader = Motivations(numbers, world)
        changed = {}
        for name, edit in document.motivations.items():
            if name in self.motivations:
                changed[name] = reader.replaced(self.motivations[name], edit, self.base, place)
            elif self._complete(edit, name, (*place, "motivations", name)):
                changed[name] = reader.motivation(name, edit, (*place, "motivations", name))
        for motivation in self.motivations.values():
            if motivation.name not in changed:
                reader.recheck(motivation, self.base, place)
        return changed

    def _phases(self, document: OverlayDocument, world: World, numbers: Numbers, overlay: Place) -> dict[str, Phase]:
        """The phases given anew; those left alone still fit the overlay's graph."""
        place: Place = (*overlay, "phases")
        known = [phase.name for phase in self.document.phases]
        for i, phase in enumerate(document.phases):
            if phase.name not in known:
                self.numbers.problems.add(
                    (*place, i, "name"),
                    f"{shorten(phase.name)} is given; an overlay replaces phases: {listed(known)}"
                    f"{near(phase.name, known)}; add a new phase to the file itself, with `selections: 0`",
                )
        motivations = {*self.motivations, *document.motivations}
        found = Phases(numbers, world.nodes, motivations, self.every).read(document.phases, place)
        check_votes(self.document.reading, document.phases, place, self.numbers.problems)
        replaced = {phase.name: phase for phase in found}
        for i, phase in enumerate(self.document.phases):
            if world.changes and phase.name not in replaced and not self.numbers.problems.found:
                scratch = Numbers(Problems(self.base.problems.file, self.base.problems.lines), numbers.declared)
                try:
                    Phases(scratch, world.nodes, motivations, self.every).phase(phase, ("phases", i))
                    scratch.problems.stop()
                except SpecError as error:
                    self.numbers.problems.add(
                        overlay,
                        f"the phase {phase.name} no longer fits the graph of this overlay: {error}; give the phase "
                        "in this overlay too",
                    )
        return replaced

    def _complete(self, document: MotivationEdit, name: str, place: Place) -> bool:
        missing = [key for key in ("seeks", "strength") if getattr(document, key) is None]
        for key in missing:
            self.numbers.problems.add(
                place, f"the key {key!r} is missing; the motivation {name} is new here and needs it; add it"
            )
        return not missing

    def _parameter(self, name: str, declared: Declared, numbers: Numbers) -> Parameter:
        """A new parameter, or a new number for one that the file has, whose range it keeps."""
        if (known := self.numbers.declared.get(name)) is None:
            return resolve(name, declared, numbers.uses.get(name, []), numbers.problems)
        document = declared.document
        kept = {"support": document.support or known.document.support, "used_by": known.document.used_by}
        declared = replace(declared, document=document.model_copy(update=kept))
        return resolve(name, declared, self.numbers.uses.get(name, []), numbers.problems)
