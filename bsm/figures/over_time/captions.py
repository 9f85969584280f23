"""What is said under each figure over time: dynamics, reading, n, eta, t, prior, and what bands are. No matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bsm.figures.numbers import many, probability
from bsm.figures.over_time.panels import START, dynamics_of
from bsm.figures.over_time.readings import differing
from bsm.figures.standings import names_of
from bsm.inference.over_time.headline import APART

if TYPE_CHECKING:
    from bsm.figures.over_time.attribution import Bars
    from bsm.figures.over_time.path import Place
    from bsm.figures.over_time.sweep import Sweeps
    from bsm.figures.over_time.tracks import Tracks
    from bsm.figures.over_time.unrolled import Slices

SOFTMAX = (
    "Under softmax_pg a share is not P(motivation | selected): it is the weight that this pattern has in the policy."
)
BANDS = "Bands are the central 90 % over parameters, nothing else"
WINNER = (
    "Where draws end with nearly everything in one motivation, as they do under softmax_pg, the edge of a band goes "
    "steeply to it where they become one in twenty."
)


def selection(phases: Sequence[Mapping[str, Any]]) -> str:
    """n and eta of every phase, its dynamics where they differ, and the names of its gates, in order of time."""
    several = len({p["dynamics"] for p in phases if p["selections"] != "0"}) > 1
    return "; then ".join(_phase(p, several) for p in phases)


def _phase(p: Mapping[str, Any], several: bool) -> str:
    parts = [f"{p['name']}, n = {p['selections']} at eta = {p['eta']}"]
    parts += [p["dynamics"]] if several and p["selections"] != "0" else []
    parts += [f"gates {names_of(tuple(dict.fromkeys(p['gates'])))}"] if p["gates"] else []
    return ", ".join(parts)


def _rests_on(tracks: Tracks) -> str:
    about = tracks.about
    kinds = dynamics_of(tracks.panels)
    warning = f" {SOFTMAX}" if "softmax_pg" in kinds else ""
    return (
        f"Dynamics: {', '.join(kinds)}. Reading: {about['reading']}.{_other_readings(tracks)} "
        f"Selection: {selection(about['phases'])}.{warning}"
    )


def _other_readings(tracks: Tracks) -> str:
    """What readings that stand beside say where the path ends, if that is something else."""
    if tracks.credence is None:
        return ""
    at = tracks.path.last[2]
    told = ""
    for one in differing(tracks.names, tracks.credence.middle, tracks.beside, at):
        far = names_of([f"{n} {probability(its)} instead of {probability(own)}" for n, (own, its) in one.far.items()])
        told += (
            f" Not drawn: reading {one.reading}, under which {tracks.moments[at]} has {far}."
            if one.far
            else f" Reading {one.reading}, not drawn, has nothing further than {APART:g} from this at "
            f"{tracks.moments[at]}."
        )
    return told


def _prior(tracks: Tracks) -> str:
    """Shares before selection; where they are not known, those at the first computed moment, under its name."""
    before = tracks.about.get("prior") if START not in tracks.moments else None
    if before is not None:
        named = sum(before[n] for n in tracks.families)
        values = {n: before[n] / named for n in tracks.names if n in tracks.families}
    else:
        k = tracks.path.places[0][2]
        values = {n: float(tracks.share.middle[k, i]) for i, n in enumerate(tracks.names) if n in tracks.families}
    told = ", ".join(f"{n} {probability(p)}" for n, p in values.items())
    if before is None and START not in tracks.moments:
        return f"Shares at {tracks.moments[k]}, the first computed moment: {told}."
    return f"Prior, as shares before selection: {told}."


def _none(tracks: Tracks) -> str:
    if tracks.credence is None:
        return "None of these is no part of shares."
    mass = tracks.about["none_of_these"]
    return f"None of these has no share, but competes for the rows (prior mass {mass})."


def _time(tracks: Tracks) -> str:
    uncertain = " (where n is uncertain, along the part of it that is past in every draw)" if any(
        p.selects and not p.certain for p in tracks.panels
    ) else ""  # fmt: skip
    joined = ", with straight lines in between"
    if _has_gaps(tracks):
        joined = (
            "; straight lines lead to the next where nothing uncomputed lies in between, elsewhere nothing is drawn"
        )
    return (
        f"t runs from the start to the end of {tracks.panels[-1].name}{' to come' * tracks.panels[-1].ahead}, linearly "
        f"within each phase{uncertain}. {many(len(tracks.path.places), 'moment was', 'moments were')} computed (ticks "
        f"and dots){joined}. Names and numbers where lines end are those at "
        f"{tracks.moments[tracks.path.last[2]]}, the last of them."
    )


def _has_gaps(tracks: Tracks) -> bool:
    """Whether there is a piece of the axis over which nothing is drawn."""
    runs, start = tracks.path.runs, tracks.path.runs[0][0][:2]
    joined = all(_same(a[-1], b[0]) for a, b in pairwise(runs))
    return start != (0, 0.0) or tracks.path.last[:2] != (len(tracks.panels) - 1, 1.0) or not joined


def _same(a: Place, b: Place) -> bool:
    """Whether two places are one on the axis."""
    return a[:2] == b[:2] or (a[1] == 1.0 and b[:2] == (a[0] + 1, 0.0))


def _draws(tracks: Tracks) -> str:
    return many(tracks.draws, "draw" if tracks.credence is None else "equal-weight draw")


def influence(tracks: Tracks) -> str:
    """Caption of `bsm.figures.influence`."""
    ledger = ""
    if tracks.credence is not None:
        rows = sum(m.rows for m in tracks.marks)
        ledger = (
            f" Below it the probability of each given all {many(rows, 'row')} of {tracks.subject}, earlier and later "
            "ones alike (smoothed); triangles are where rows were seen, filled where they were selected on, with "
            "their number."
        )
    return (
        f"Share of influence of each motivation in {tracks.model} along its phases, by prior and selection alone, in "
        f"the mean over parameters.{ledger} {BANDS} ({_draws(tracks)}); rows repeat each mean with its "
        f"band and end with its number. "
        f"{_none(tracks)} {_time(tracks)} {_rests_on(tracks)} {_prior(tracks)}"
    )


def odds(tracks: Tracks) -> str:
    """Caption of `bsm.figures.odds`."""
    of = (
        "of shares of influence, without a ledger" if tracks.credence is None else f"given all rows of {tracks.subject}"
    )
    return (
        f"Log odds of each motivation against {tracks.reference}, {of}, in nats: medians over parameters (not the odds "
        f"of the means). {BANDS} ({_draws(tracks)}). Lines and bands that reach the edge go on beyond it. "
        f"{_none(tracks)} {_time(tracks)} {_rests_on(tracks)} {_prior(tracks)}"
    )


def sweep(found: Sweeps) -> str:
    """Caption of `bsm.figures.sweep`."""
    low, high = found.own
    own = f"{low:.3g}" if high <= low * 1.0001 else f"{low:.3g} to {high:.3g} (central 90 %)"
    refused = "".join(f" {d}: {why}" for d, why in found.found.items() if isinstance(why, str))
    winner = f" {WINNER}" if found.draws > 1 and not isinstance(found.found["softmax_pg"], str) else ""
    return (
        f"Shares of influence in {found.model} at the end of all phases, if eta times n of {found.phase} were between "
        f"{found.selection[0]:.3g} and {found.selection[-1]:.3g} and everything else as declared. Its own eta n, "
        f"shaded, is {own}. Each column has its dynamics in every phase; the file has {found.stated} in this one. "
        f"Reading: {found.reading}. No ledger; none of these is no part of shares. {BANDS} "
        f"({many(found.draws, 'draw')}).{winner} {SOFTMAX}{refused}"
    )


def attribution(found: Bars) -> str:
    """Caption of `bsm.figures.attribution`."""
    warning = f" {SOFTMAX}" if "softmax_pg" in found.dynamics else ""
    return (
        f"Nats that prior terms, phases and levers add to the log odds of influence in {found.model} against "
        f"{found.reference}, at the end of {found.at}, without a ledger; means over parameters, which add up to the "
        f"total in every column. {BANDS}. Parts of phases are those with levers at their defaults; a lever adds what "
        f"setting it changes: {found.order}. Bars with a point go on beyond the axis. Terms of the prior fade next to "
        f"what grows with selection. Dynamics: {found.dynamics}. Reading: {found.reading}.{warning}"
    )


def unrolled(found: Slices) -> str:
    """Caption of `bsm.figures.unrolled`."""
    steps = len(found.phases)
    return (
        f"The structure of {found.model} over time as one Bayesian network, for {many(steps, 'selection')}: what "
        "drives at t chooses the action of slice t, and being selected is conditioned on (stressed boxes). Thick edges "
        "lead from one slice to the next. Contexts, actions and what selection reads are shown, the rest is summed "
        "out. Only the replicator with eta = 1 is such a network; phases with another eta or dynamics have this "
        "structure, but not its odds."
    )


def diversity() -> str:
    """Caption of `bsm.figures.diversity`."""
    return (
        "How low the prior share of a pattern may be that all of D environments reward, for it to end level with local "
        "patterns that start at 0.01 in one environment each; both axes are logs. Under softmax_pg it falls as 1/D "
        "(slope −1); under the replicator exponentially in D, which overstates what diversity of environments does. "
        "In this toy s is a log-fitness for the replicator and an expected reward for softmax_pg, with the same "
        "numbers."
    )
