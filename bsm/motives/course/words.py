"""A course and what is worked out of it as short tables of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from bsm.motives.course.moments import START
from bsm.spec.model import Model, SpecError
from bsm.spec.number_words import probability
from bsm.spec.text_table import aligned

GONE = "none left"


def as_text(model: Model, dynamics: str, draws: int, shares: Callable[[str], Tensor]) -> str:
    """Shares at the start and at the end of every phase, in the mean over parameter draws.

    Args:
        model: the model.
        dynamics: how shares change, in words.
        draws: parameter draws behind the shares.
        shares: of a moment, [draw, m].
    """
    moments = [START, *(p.name for p in model.phases)]
    columns = [_column(shares, moment, len(model.motivations)) for moment in moments]
    over = f"mean over {draws} draws of the parameters" if draws > 1 else "one draw of the parameters"
    head = f"{model.name}: {dynamics}; reading: {model.reading}; shares of influence without a ledger, {over}"
    rows = [[name, *(column[i] for column in columns)] for i, name in enumerate(model.motivations)]
    return "\n".join([head, aligned(["motivation", *moments], rows, numbers=range(1, len(moments) + 1))])


def _column(shares: Callable[[str], Tensor], moment: str, count: int) -> list[str]:
    try:
        return [probability(p) for p in shares(moment).detach().mean(0).tolist()]
    except SpecError:  # selection or gates left no motivation
        return [GONE] * count


def divergence_text(between: tuple[str, str], motivations: Mapping[str, Tensor], families: Mapping[str, Tensor]) -> str:
    """Divergence of each motivation and family in nats: the mean over draws, and the central 90 % if there are more."""
    head = f"KL(behaviour in {between[0]} || behaviour in {between[1]}), in nats"
    every = {**motivations, **{f"family {name}": value for name, value in families.items()}}
    drawn = max(value.numel() for value in every.values()) > 1
    rows = [[name, *_nats(value, drawn)] for name, value in every.items()]
    return "\n".join([head, aligned(["", "mean", "central 90 %"] if drawn else ["", "nats"], rows, numbers=(1, 2))])


def _nats(values: Tensor, drawn: bool) -> list[str]:
    own = values.detach().reshape(-1)
    band = [f"{float(own.quantile(0.05)):.3f} to {float(own.quantile(0.95)):.3f}"] if drawn else []
    return [f"{float(own.mean()):.3f}", *band]
