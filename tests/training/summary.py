"""The finding in words and tables, its numbers read from the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.training.protocol import ALGORITHMS, GOAL_MATCHING, GOAL_SWAPPED, JUDGED, VARIANTS

Found = Mapping[str, Mapping[str, Any]]
PLACES = ("training", "deployment")
FROZEN = "frozen features"
ODDS = ("hack, training", "hack, deployed", "seize, training", "seize, deployed")


def text(found: Found) -> str:
    """Markdown."""
    return "\n".join([*_head(found), *_parts(found), *_odds(found), *_why(found)]) + "\n"


def _head(found: Found) -> Iterator[str]:
    met = [
        f"{which}, {place}"
        for which in ALGORITHMS
        for place in PLACES
        if _inside(found, JUDGED, which, ALGORITHMS[which].matching, place) >= GOAL_MATCHING
        and _inside(found, JUDGED, which, ALGORITHMS[which].swapped, place) < GOAL_SWAPPED
    ]
    _, protocol = VARIANTS[JUDGED]
    yield "# Selection of planted patterns against real training"
    yield ""
    yield (
        f"Goal: the matching dynamics inside the central 90 % band of {protocol.test_seeds} seeds at "
        f"{GOAL_MATCHING:.0%} of (checkpoint, pattern) pairs, the swapped one at under {GOAL_SWAPPED:.0%}. Met in "
        f"networks (`{JUDGED}`) for: {'; '.join(met) or 'nothing'}. The protocol is `tests/training/protocol.py`; "
        "`python -m tests.training.run` makes this page."
    )
    yield ""


def _parts(found: Found) -> Iterator[str]:
    yield "Pairs of influence shares inside the band, in training contexts / deployed:"
    yield ""
    yield "| variant | algorithm | matching | swapped | actions as units | frozen features | oracle |"
    yield "|---|---|---|---|---|---|---|"
    for variant, records in found.items():
        for which, algorithm in ALGORITHMS.items():
            names = (algorithm.matching, algorithm.swapped, f"actions, {algorithm.matching}", FROZEN, "oracle")
            cells = [_both(records[which]["claims"], name) for name in names]
            yield f"| {variant} | {which} | " + " | ".join(cells) + " |"
    yield ""


def _both(claims: Mapping[str, Any], name: str) -> str:
    if name not in claims:
        return "–"
    return " / ".join(f"{100 * claims[name]['inside'][place]:.0f} %" for place in PLACES)


def _odds(found: Found) -> Iterator[str]:
    yield f"Change of log-odds against solving over training, `{JUDGED}`, all gates on, in nats (medians of seeds):"
    yield ""
    yield "| algorithm | | " + " | ".join(ODDS) + " |"
    yield "|---|---|---|---|---|---|"
    for which, algorithm in ALGORITHMS.items():
        record = found[JUDGED][which]
        said = {name: record["claims"][name]["predicted"]["log_odds"] for name in (algorithm.matching, FROZEN)}
        for name, values in {"measured": record["measured"]["log_odds"]["median"], **said}.items():
            moved = [b - a for a, b in zip(record["at_start"]["log_odds"], values[-1], strict=True)]
            yield f"| {which} | {name} | " + " | ".join(f"{x:+.2f}" for x in moved) + " |"
    yield ""


def _why(found: Found) -> Iterator[str]:
    def part(variant: str, which: str, claim: str, place: str) -> str:
        return f"{_inside(found, variant, which, claim, place):.0%}"

    bare = "replicator, nothing fitted"
    frozen = [f"{part(JUDGED, w, FROZEN, place)} ({w}, {place})" for w in ALGORITHMS for place in PLACES]
    yield "What this says:"
    yield ""
    yield (
        "1. **The instrument sees the difference.** With one logit per pattern (`control`) the matching dynamics is "
        f"inside at {part('control', 'reinforce', 'softmax_pg', 'training')} and "
        f"{part('control', 'natural', 'replicator', 'training')}, the swapped one at "
        f"{part('control', 'reinforce', 'replicator', 'training')} and "
        f"{part('control', 'natural', 'softmax_pg', 'training')} (REINFORCE and natural, training contexts)."
    )
    yield (
        "2. **The replicator is right about behaviour in training under natural policy gradient**, nothing fitted: "
        f"P(solve), P(hack) and P(idle) are inside at {part(JUDGED, 'natural', bare, 'behaviour')} "
        f"({part('apart', 'natural', bare, 'behaviour')} in `apart`). It is wrong about what no episode visits: "
        f"policies with a gate off ({part(JUDGED, 'natural', bare, 'training')}), and deployment "
        f"({part(JUDGED, 'natural', bare, 'deployment')}). With ablated policies trained too (`gates dropped`, half "
        f"the seeds) influence in training is at {part('gates dropped', 'natural', bare, 'training')}. Where the "
        "network can see which tasks pay for a hack (`visible`), behaviour too is at "
        f"{part('visible', 'natural', bare, 'behaviour')}: it is selected task by task, and patterns come apart."
    )
    yield (
        "3. **Reward moves actions; motives come along as far as features carry them.** The schemer is rewarded in "
        "training exactly as the hacker is. Under natural policy gradient the replicator has its log-odds of seizing "
        f"power when deployed change by {_change(found, 'natural', bare):+.2f}; they change by "
        f"{_change(found, 'natural'):+.2f}, as seizing in training does, that no pattern does there and reward "
        "discourages. Under REINFORCE, that hardly moves an action rarely taken, they change by "
        f"{_change(found, 'reinforce'):+.2f}: between selection of actions alone "
        f"({_change(found, 'reinforce', 'actions, softmax_pg'):+.2f}) and of patterns "
        f"({_change(found, 'reinforce', 'softmax_pg'):+.2f}), so that softmax_pg is inside in deployment is no "
        "sign that patterns are what is selected."
    )
    least, where = min(
        (_inside(found, variant, which, FROZEN, place), f"{variant}, {which}, {place}")
        for variant in found
        if variant not in (JUDGED, "control")
        for which in ALGORITHMS
        for place in PLACES
    )
    yield (
        "4. **What the theory lacks is a kernel**: which changes come with which. The tangent kernel of step 0, "
        f"nothing fitted, is inside at {', '.join(frozen)}; so it is neither sampling nor the learning of new features "
        f"that was missed. (Its least elsewhere is {least:.0%}: {where}.) softmax_pg and replicator are the case in "
        "which the kernel joins what one pattern does and nothing else. softmax_pg also depends on how patterns are "
        "counted: two that act alike grow more slowly than one with their joint share, and a network reinforces the "
        "action that they share."
    )
    yield (
        "5. **Limits.** Small networks, five tasks, planted (not grown) patterns, one-action episodes, gates as "
        "ablation, the mixture reading alone. A network in which what drives an action is itself computed and reused "
        "across situations would have a kernel nearer to that of the theory; that was not tried."
    )


def _change(found: Found, which: str, claim: str | None = None) -> float:
    """Change of the log-odds of seizing when deployed from step 0 to the end, measured or as claimed."""
    record = found[JUDGED][which]
    last = record["claims"][claim]["predicted"] if claim else {"log_odds": record["measured"]["log_odds"]["median"]}
    return float(last["log_odds"][-1][3] - record["at_start"]["log_odds"][3])


def _inside(found: Found, variant: str, which: str, claim: str, place: str) -> float:
    return float(found[variant][which]["claims"][claim]["inside"][place])
