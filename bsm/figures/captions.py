"""What is said under each figure: the counts behind it and the choices that it rests on. No matplotlib here."""

from __future__ import annotations

from bsm.figures.account import account
from bsm.figures.choice_table import Choices
from bsm.figures.numbers import count, many, nats, within
from bsm.figures.standings import Alike, alike, names_of
from bsm.inference.result import Result
from bsm.spec.model import Model
from bsm.spec.phase_words import timeline


def basis(result: Result) -> str:
    """Dynamics, reading, and n, eta, gates and drift of every phase, and t, in a line; printed with every result."""
    about = result.about
    phases = about["phases"]
    chosen = timeline(phases) if phases else "none (no n, eta or t), so shares repeat the prior"
    return f"Dynamics: {about['dynamics']}. Reading: {about['reading']}. Selection: {chosen}."


def counts(result: Result, subject: str) -> str:
    """Rows, episodes and what they are worth, in a phrase."""
    told = result.about["subjects"][subject]
    worth = f"{count(round(told['effective_episodes']))} independent ones"
    return f"{many(told['rows'], 'row')} of {count(round(told['episodes']))} episodes, worth {worth}"


def posterior(result: Result, subject: str) -> str:
    """Caption of `bsm.figures.posterior`."""
    words = [
        f"Probability that each motivation is what drives {subject}, before the ledger (upright tick) and after it "
        "(filled mark), with the central 90 % interval over parameters.",
        f"Ledger: {counts(result, subject)}.",
        basis(result),
        *(_class_words(c) for c in alike(result, subject)),
        "None of these stands for behaviour of another kind, free in every context.",
    ]
    return " ".join(words)


def _class_words(c: Alike) -> str:
    members = names_of(c.members)
    if c.exact:
        return (
            f"Not told apart: {members}, which act the same wherever they were seen; their odds stay at the prior odds."
        )
    return (
        f"Alike to within {within(c.variation)} (total variation per episode): {members}; these rows still put "
        f"{nats(c.nats).lstrip('+')} nats between them."
    )


def decomposition(result: Result, subject: str) -> str:
    """Caption of `bsm.figures.decomposition`."""
    found = account(result, subject)
    few = " † marks stages that rest on fewer than 200 effective draws." if any(found.few) else ""
    return (
        f"Nats added to the log odds of each motivation against {names_of([found.reference])} by the prior, by "
        "selection where there is any, and by each block of evidence given the blocks above it; a column adds up to "
        "the posterior log odds. One nat multiplies the odds by 2.7, ten by 22,000. What a block adds depends on the "
        f"order. Colour is full at 10 nats, and a corner marks what lies beyond.{few} "
        f"Ledger: {counts(result, subject)}. {basis(result)}"
    )


def predictive(result: Result, subject: str) -> str:
    """Caption of `bsm.figures.predictive`."""
    told = result.about["subjects"][subject]
    chance = 0.1 * told["rows"]
    return (
        f"Rate seen in each row (mark), and the mean and central 90 % band that the posterior predicts for a repeat of "
        f"the row: new episodes, and another wording of the same coding. {told['outside_band']:,} of "
        f"{many(told['rows'], 'row')} lie outside; about {count(round(chance, 1))} would, by chance, if the model were "
        f"right. The number of rows of a block stands in brackets. Ledger: {counts(result, subject)}. "
        f"{basis(result)}"
    )


def choices(found: Choices, ledger: str) -> str:
    """Caption of `bsm.figures.choices`; `ledger` is what there is of rows, in a phrase."""
    limit, low, high = found.limit, *found.moved
    verdict = "so it counts as determined" if found.determined else "so it is not determined"
    if not found.determined and found.spread <= limit:
        verdict = "but not all settings were computed"
    at = f" at {found.at}" if found.at else ""
    return (
        f"Probability of {names_of(found.headline)} for {found.subject}{at}, with the 90 % interval over parameters, "
        f"under {many(len(found.answered), 'defensible setting')}. It lies between {low:.2f} and {high:.2f}; a "
        f"headline may move by {limit:g}, {verdict}. The shaded band is {limit:g} wide. "
        f"Ledger as declared: {ledger}."
    )


def subjects(result: Result) -> str:
    """Caption of `bsm.figures.subjects`."""
    told = result.about["subjects"]
    fewest = min(told, key=lambda s: told[s]["effective_episodes"])
    return (
        f"Posterior probability of each motivation for {many(len(told), 'subject')}, one inference each, nothing "
        "pooled; the first row is the prior. Effective n is the number of independent episodes that the rows are "
        f"worth; where it is small the row is mostly prior (least: {fewest}, "
        f"{count(round(told[fewest]['effective_episodes']))}). {basis(result)}"
    )


def fitness(model: Model) -> str:
    """Caption of `bsm.figures.fitness`."""
    return (
        f"Fitness in {model.name}: the probability of influence when the policy derived from each motivation is "
        "followed, averaged over contexts at their own frequency, parameters at their prior medians. The upright line "
        "is the base policy. Motivations with equal fitness are not separated by selection."
    )


def graph(model: Model) -> str:
    """Caption of the drawn graph."""
    drawn = model.graph
    return (
        f"The causal graph of {model.name}: {many(len(drawn.nodes), 'node')}, {many(len(drawn.edges), 'edge')}, "
        "causes on the left. Every node can be a consequence of behaviour and the target of a motivation; the action "
        "is the policy that each motivation implies."
    )
