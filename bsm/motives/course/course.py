"""The course of an AI's motivations: shares of influence at any moment of its training and deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from bsm.motives.course.continuity import Divergence, Where, divergence, where
from bsm.motives.course.contributions import contributions
from bsm.motives.course.forecast import Event, forecast, policies
from bsm.motives.course.influence import of_mixture, of_votes
from bsm.motives.course.moments import At, moment
from bsm.motives.course.stages import Timeline
from bsm.motives.course.votes import ballot
from bsm.motives.course.weighted import Weighted
from bsm.motives.course.words import as_text
from bsm.motives.theta import Theta, central
from bsm.spec.model import Model


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
class Course(Weighted):
    """Weights of every motivation over time, batched over parameter draws and differentiable in them.

    Attributes:
        timeline: the compiled phases.
        theta: the parameter draws.
        stages: the phases at these draws.

    Axes: [draw] (one where nothing is uncertain), then motivations in file order; of m + 1, none_of_these is last.
    Moments (`at`) are as in `moment`: None is now, "start", "phase", ("phase", step); and "phase:+100" is a
    prediction, so many more selections of that phase after now, without gates. Printed, it is a table of shares.
    """

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
        return contributions(self, moment(self.model, at))

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
