"""The course of an AI's motivations: shares of influence at any moment of its training and deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bsm.motives.course.continuity import Divergence, Where, divergence, where
from bsm.motives.course.emptied import emptied
from bsm.motives.course.forecast import Event, forecast, policies
from bsm.motives.course.influence import of_mixture, of_votes
from bsm.motives.course.logs import log_of, log_sum
from bsm.motives.course.moments import At, Moment, continued, moment, steps_at
from bsm.motives.course.replicator import advanced
from bsm.motives.course.softmax import Gradient, ascended
from bsm.motives.course.stages import Stage, Timeline, with_none
from bsm.motives.course.votes import ballot, gradient
from bsm.motives.course.words import as_text
from bsm.motives.course.written import ahead
from bsm.motives.prior import log_prior, term_nats
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model, SpecError

DRIFT = {False: "drift", True: "drift and exploration"}  # by whether anything is ever unexplored


def course(model: Model, theta: Theta | None = None, dynamics: str | None = None, reading: str | None = None) -> Course:
    """The course of one AI through the phases of its model, without a ledger.

    Args:
        model: the model, with or without overlays.
        theta: parameter draws; prior medians when absent.
        dynamics: "replicator" or "softmax_pg" in every phase, instead of what the file says.
        reading: "hypothesis", "mixture", "dirichlet" or "votes", instead of what the file says.

    Raises:
        SpecError: what does not exist or cannot be computed; the message names the phase.
    """
    timeline = Timeline(model, dynamics, reading)
    theta = theta or central(model)
    return Course(timeline, theta, timeline.stages(theta))


@dataclass(frozen=True, eq=False, repr=False)
class Course:
    """Weights of every motivation over time, batched over parameter draws and differentiable in them.

    Attributes:
        timeline: the compiled phases.
        theta: the parameter draws.
        stages: the phases at these draws.

    Axes: [draw] (one where nothing is uncertain), then motivations in file order; of m + 1, none_of_these is last.
    Moments (`at`) are as in `moment`: None is now, "start", "phase", ("phase", step); and "phase:+100" is a
    prediction, so many more selections of that phase after now, without gates. Printed, it is a table of shares.
    """

    timeline: Timeline
    theta: Theta
    stages: tuple[Stage, ...]
    _kept: dict[int, Tensor] = field(default_factory=dict, repr=False)  # phase -> state at its end

    @property
    def model(self) -> Model:
        return self.timeline.model

    @property
    def reading(self) -> str:
        return self.model.reading  # who drives an AI that has these shares (design 3)

    @property
    def dynamics(self) -> str:
        """How weights change, phase by phase, in words."""
        kinds = {s.dynamics for s in self.stages}
        if len(kinds) <= 1:
            return next(iter(kinds), "no selection")
        return ", ".join(f"{s.dynamics} in {s.name}" for s in self.stages)

    # --- weights and shares ------------------------------------------------------------------------------

    def log_weights(self, at: At = None) -> Tensor:
        """Log weights in nats, unnormalised, [draw, m + 1].

        Prior times everything that happened up to the moment. Under the replicator the log of their sum is the log
        chance of all selection up to then, and their ratios are odds given it; softmax_pg keeps the sum over the
        named motivations, and its ratios are no odds of anything (design 3).
        """
        return log_sum(self.state(at))

    def shares(self, at: At = None) -> Tensor:
        """Share of influence at a moment, [draw, m]; each row sums to one; none_of_these is no part of it.

        Raises:
            SpecError: no motivation is left: selection or gates made all impossible.
        """
        return self.log_shares(at).exp()

    def log_shares(self, at: At = None) -> Tensor:
        """Logs of `shares`."""
        if (later := self._later(at)) is not None:
            return later.log_shares()
        named = self.log_weights(at)[:, :-1]
        total = log_sum(named)[:, None]
        if none := int((total == -torch.inf).sum()):
            when = moment(self.model, at)
            raise SpecError(
                f"{self.model.name}: at {when.words(self.model)} no motivation is left in {none} of {len(total)} draws:"
                f" {emptied(self.stages, self.state, when)}; give one a chance, or ask for an earlier moment"
            )
        return named - total

    def over(self, moments: Sequence[At]) -> Tensor:
        """Shares at several moments, [moment, draw, m]."""
        return torch.stack(torch.broadcast_tensors(*(self.shares(at) for at in moments)))

    def state(self, at: At = None) -> Tensor:
        """Log weights by whether what was unexplored has been explored, [draw, m + 1, explored].

        The last axis has one entry where the model leaves nothing unexplored, else (no, yes).
        """
        if (later := self._later(at)) is not None:
            return later.state()
        when = moment(self.model, at)
        state = self._start()
        for i, stage in enumerate(self.stages[: when.phase + 1]):
            steps = steps_at(when, i, stage.n, stage.name)
            if steps is not None:
                return self.moved(stage, state, steps)
            if i not in self._kept:
                self._kept[i] = self.moved(stage, state, stage.n) + stage.log_gates[..., None]
            state = self._kept[i]
        return state

    def log_prior(self) -> Tensor:
        """log of the prior with none_of_these, [draw, m + 1]; exp sums to one."""
        named, outside = log_prior(self.model, self.theta), self.theta.of(self.model.prior.none_of_these)[:, None]
        draws = max(len(named), len(outside))
        both = [torch.log1p(-outside) + named, log_of(outside)]
        return torch.cat([part.expand(draws, -1) for part in both], 1)

    def _later(self, at: At) -> Course | None:
        """The course at whose end a moment to come lies; None for a moment that is past."""
        if (more := ahead(self.model, at)) is None:
            return None
        timeline = Timeline(continued(self.model, *more))
        return Course(timeline, self.theta, timeline.stages(self.theta))

    def _start(self) -> Tensor:
        prior = self.log_prior()[..., None]
        if not self.timeline.explores:
            return prior
        return torch.cat([prior, torch.full_like(prior, -torch.inf)], -1)

    def moved(self, stage: Stage, state: Tensor, steps: Tensor) -> Tensor:
        """State [draw, m + 1, explored] after so many more steps [draw] of a phase, without its gates."""
        if stage.dynamics == "replicator":
            return advanced(stage, state, steps)
        return ascended(stage, state, steps, self._gradient(stage)).log_weights

    def _gradient(self, stage: Stage) -> Gradient | None:
        return gradient(stage, self.theta) if self.reading == "votes" else None

    # --- what it is made of ------------------------------------------------------------------------------

    def contributions(self, at: At = None) -> dict[str, Tensor]:
        """What each thing added to the log weights, [draw, m + 1] nats; together they sum to `log_weights(at)`.

        "prior: <term>" for each term that acts once (it fades next to what grows with selection), and "prior:
        normalisation", which also holds the prior of none_of_these. For each phase "<phase>: selection",
        "<phase>: <term>" for each pressure (both grow with every step), "<phase>: <gate>" for each gate, and
        "<phase>: drift" or "<phase>: drift and exploration": what those leave. Under softmax_pg, selection, pressure
        and drift are the integrals of each force, and "<phase>: normalisation" keeps the sum of weights.

        Where a motivation had become impossible and drift revives it, drift has its whole log weight, and what came
        before counts nothing.
        """
        if (later := self._later(at)) is not None:
            return later.contributions()
        when, found = moment(self.model, at), self._prior_parts()
        for i, stage in enumerate(self.stages[: when.phase + 1]):
            before = self._start() if i == 0 else self.state(Moment(i - 1))
            steps = steps_at(when, i, stage.n, stage.name)
            past = stage.n if steps is None else steps
            found |= self._phase_parts(stage, before, past)
            label = f"{stage.name}: {DRIFT[self.timeline.explores]}"
            if label in found and bool((revived := found[label] == torch.inf).any()):
                found = {name: torch.where(revived, 0.0, value) for name, value in found.items()}
                found[label] = torch.where(revived, log_sum(self.moved(stage, before, past)), found[label])
            for name, passed in stage.gates if steps is None else ():
                label = f"{stage.name}: {name}"
                while label in found:  # a second gate of one name in one phase
                    label += " again"
                found[label] = passed
        return dict(zip(found, torch.broadcast_tensors(*found.values()), strict=True))

    def _prior_parts(self) -> dict[str, Tensor]:
        terms = [t for t in self.model.prior.terms if t.acts == "once"]
        zero = torch.zeros(1, len(self.model.motivations), dtype=torch.float64)
        nats = {f"prior: {t.name}": term_nats(self.model, t, self.theta) for t in terms}
        total = log_sum(sum(nats.values(), start=zero))[:, None].expand(-1, zero.shape[-1])
        outside = self.theta.of(self.model.prior.none_of_these)[:, None]
        both = torch.broadcast_tensors(torch.log1p(-outside) - total, log_of(outside).expand(-1, zero.shape[-1]))
        rest = torch.cat([both[0], both[1][:, :1]], 1)
        return {name: with_none(value) for name, value in nats.items()} | {"prior: normalisation": rest}

    def _phase_parts(self, stage: Stage, before: Tensor, steps: Tensor) -> dict[str, Tensor]:
        """Everything in one phase but its gates, [draw, m + 1] each, by full name."""
        start, head = log_sum(before), f"{stage.name}: "
        if stage.dynamics == "softmax_pg":
            found = ascended(stage, before, steps, self._gradient(stage))
            parts = {head + name: with_none(value) for name, value in found.parts.items()}
            if stage.drift is None:
                parts.pop(head + "drift")
            return parts | {head + "normalisation": _rest(log_sum(found.log_weights), start, parts)}
        times = (stage.eta * steps)[:, None]
        parts = {head + "selection": torch.xlogy(times, stage.fitness)}
        parts |= {head + name: with_none(times * value) for name, value in stage.pressures.items()}
        if stage.moves or stage.unexplored is not None:
            parts[head + DRIFT[self.timeline.explores]] = _rest(log_sum(advanced(stage, before, steps)), start, parts)
        return parts

    # --- what the AI does --------------------------------------------------------------------------------

    def behaviour(self, event: str | Event, context: Mapping[str, str] | None = None, at: At = None) -> Tensor:
        """P(event in this context | do(AI at that moment)), [draw]: a forecast, without any ledger.

        The shares at the moment say who acts: under hypothesis, mixture and dirichlet one pattern drawn from them in
        each episode, under votes all at once. None_of_these, which has no policy, is left out.

        Args:
            event: an observation of the model, or nodes and the states that count.
            context: contexts and levers, and their states, set by do(); what the action sees and is not named is at
                its default. The declared support at its own frequencies when absent.
            at: a moment, as in `moment`.
        """
        return forecast(self.timeline.outside, self.theta, self.shares(at), self.reading, event, context)

    def influence(self, at: At = None, phase: str | None = None, filled_by: str | None = None) -> Tensor:
        """KL(policy without a pattern || policy), mean over contexts, [draw, m] nats (theory d1).

        Args:
            at: a moment, whose shares hold.
            phase: whose contexts and levers hold; the model's own when absent.
            filled_by: "others" or "base", as in `influence.of_mixture` and `influence.of_votes`, whose defaults hold.
        """
        who = where(self.timeline, phase)
        shares, often = self.shares(at), who.frequencies(self.theta)
        if self.reading == "votes":
            return of_votes(shares, ballot(who, self.theta), often, filled_by or "base")
        base = who.log_base(self.theta, who.support).exp()
        return of_mixture(shares, policies(who, self.theta), base, often, filled_by or "others")

    def divergence(self, training: Where = None, deployment: Where = None, at: At = None) -> Divergence:
        """How far each motivation and family behaves in deployment other than in training (`continuity`)."""
        return divergence(self.timeline, self.theta, self.shares(at), training, deployment)

    def __str__(self) -> str:
        return as_text(self.model, self.dynamics, self.theta.draws, self.shares)

    def __repr__(self) -> str:
        return (
            f"<bsm.Course {self.model.name}: {len(self.model.motivations)} motivations, phases "
            f"{[s.name for s in self.stages]}, parameter draws: {self.theta.draws}>"
        )


def _rest(end: Tensor, start: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
    """What the parts leave of the change; 0 where they have made it -inf; +inf where it is so no more."""
    total = sum(parts.values(), start=start)
    gone = total == -torch.inf
    revived = torch.where(end == -torch.inf, 0.0, torch.inf)
    return torch.where(gone, revived, end - torch.where(gone, 0.0, total))
