"""What a result says, in plain sentences; terminal and page print the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bsm.figures.account import account
from bsm.figures.choice_table import Choices, Setting, choices_of
from bsm.figures.numbers import count, many, nats, rough, rough_interval, within
from bsm.figures.standings import Alike, Standing, alike, leading, names_of, plain, sampled, standings
from bsm.inference.result import NONE, Result
from bsm.report.misfit import by_chance

LOW, HIGH = 0.05, 0.95  # what a motivation stays under, or over, to count as settled either way
SLIGHT = 0.05  # nats under which a block is said to say nothing
FEW = 200.0  # effective draws


def headline(result: Result) -> list[str]:
    """What is determined and what is not, most important first.

    The sentences tell, for the subject of the headline: the posterior of the headline's motivations beside their
    prior, how it moves across defensible settings and whether it counts as determined, what holds under every
    setting, the classes that cannot be told apart, what `none_of_these` got, which blocks favour what, and misfit.
    """
    subject = leading(result)
    return [
        *_answer(result, subject),
        *_verdict(result, subject),
        *_settled(result),
        *_classes(result, subject),
        *_outside(result, subject),
        *_blocks(result, subject),
        *_fit(result, subject),
    ]


def _asked(result: Result) -> tuple[str, ...]:
    """The motivations that the headline asks about; the likeliest named one where the model names none."""
    told = result.about.get("headline") or {}
    if told.get("motivations"):
        return tuple(told["motivations"])
    return (standings(result, leading(result))[0].name,)


def _answer(result: Result, subject: str) -> Iterator[str]:
    asked = _asked(result)
    found = [s for s in standings(result, subject) if s.name in asked]
    p, prior = sum(s.probability for s in found), sum(s.prior for s in found)
    beside = [f"prior {rough(prior)}"]
    if all(s.share is not None for s in found):
        beside.append(f"share after selection {rough(sum(s.share or 0.0 for s in found))}")
    if len(found) == 1 and sampled(result):
        beside.append(f"90 % interval over parameters {rough_interval(found[0].low, found[0].high)}")
    says = (result.about.get("headline") or {}).get("says")
    what = f"{says} ({names_of(asked, 'or')})" if says else f"probability of {names_of(asked, 'or')}"
    yield f"{subject}, {what}: {rough(p)} as declared ({', '.join(beside)})."


def _verdict(result: Result, subject: str) -> Iterator[str]:
    yield across(choices_of(result), subject)


def across(found: Choices | None, subject: str) -> str:
    """How far the headline moves across settings, and whether it is determined."""
    if found is None or len(found.answered) < 2:
        return "No other defensible setting was tried, so it is not known whether this number is determined."
    least, most = _extremes(found)
    who = "" if found.subject == subject else f" for {found.subject}"
    silent = len(found.settings) - len(found.answered)
    missing = f" ({silent} more gave no answer)" if silent else ""
    span = (
        f"across {len(found.answered)} defensible settings{who}{missing} it runs from {rough(found.moved[0])} "
        f"({least.name}) to {rough(found.moved[1])} ({most.name})"
    )
    if found.determined:
        return f"It is determined to within {found.limit:g}: {span}."
    if found.spread <= found.limit:
        return f"It moves by less than {found.limit:g}, but not all settings were computed: {span}."
    return f"It is NOT DETERMINED: {span}, and may move by {found.limit:g} at most to count as determined."


def _extremes(found: Choices) -> tuple[Setting, Setting]:
    told = sorted(found.answered, key=lambda s: s.headline or 0.0)
    return told[0], told[-1]


def _settled(result: Result) -> Iterator[str]:
    """What holds under every setting, and what else does not."""
    found = choices_of(result)
    if found is None or len(found.answered) < 2:
        return
    spans = {m: span for m, span in found.ranges.items() if m != NONE}
    low = [m for m, (_, most) in spans.items() if most < LOW]
    high = [m for m, (least, _) in spans.items() if least > HIGH]
    if low:
        most = max(spans[m][1] for m in low)
        top = "under 0.01" if most < 0.01 else f"{most:.2f} or less"
        yield f"Determined, under every setting tried: {names_of(low)}, {top}{' each' if len(low) > 1 else ''}."
    if high:
        yield f"Determined, under every setting tried: {names_of(high)}, over {HIGH:g}."
    loose = [m for m, (a, b) in spans.items() if b - a > found.limit and m not in found.headline]
    if loose:
        told = "; ".join(f"{plain(m)} {rough_interval(*spans[m])}" for m in loose)
        yield f"Not determined either, across the same settings: {told}."
    yield from _families(result, found)


def _families(result: Result, found: Choices) -> Iterator[str]:
    """Sums over families of more than one motivation: what may be settled where single motivations are not."""
    members: dict[str, list[str]] = {}
    for name, about in result.about["families"].items():
        members.setdefault(about["family"], []).append(name)
    told = []
    for family, names in members.items():
        span = found.together(names)
        if len(names) > 1 and span:
            now, before = _together(result, found.subject, names)
            told.append(f"{family} {rough(now)} (prior {rough(before)}; {rough_interval(*span)})")
    if told:
        yield f"Families as declared (prior; across settings): {', '.join(told)}."


def _together(result: Result, subject: str, names: Sequence[str]) -> tuple[float, float]:
    """Posterior and prior of these motivations together."""
    rows = [s for s in standings(result, subject) if s.name in names]
    return sum(s.probability for s in rows), sum(s.prior for s in rows)


def _classes(result: Result, subject: str) -> Iterator[str]:
    found = choices_of(result)
    for c in alike(result, subject):
        now, before = _together(result, subject, c.members)
        span = found.together(c.members) if found and found.subject == subject else None
        moved = f"; {rough_interval(*span)} across settings" if span else ""
        beside = f"{rough(now)} (prior {rough(before)}{moved})"
        who = _opening(names_of(c.members))
        if c.exact:
            yield (
                f"{who} act exactly alike wherever this AI was trained or seen: only the prior divides what they "
                f"have together, {beside}. {split_words(c)}"
            )
        elif now >= 0.01:
            yield (
                f"{who} differ by {within(c.variation)} at most in any episode seen (total variation), and these "
                f"rows put {nats(c.nats).lstrip('+')} nats between them; together {beside}. {split_words(c)}"
            )


def _opening(words: str) -> str:
    return words[:1].upper() + words[1:]


def split_words(c: Alike) -> str:
    """The observation that would help to tell a class apart."""
    if c.situation is None or c.bits is None:
        return "No situation in the declared support would tell them apart."
    bits = f"about {c.bits:.2g}" if c.bits >= 0.001 else "under 0.001"
    return f"Best to tell them apart: an episode with {c.situation}, {bits} bits expected."


def _outside(result: Result, subject: str) -> Iterator[str]:
    found = next((s for s in standings(result, subject) if s.name == NONE), None)
    if found is None:
        return
    words = f"Behaviour of another kind ({plain(NONE)}) has {rough(found.probability)} (prior {rough(found.prior)})"
    if found.probability > max(0.5, found.prior):
        yield f"{words}: none of the named motivations explains these rows well, so their odds mean little."
    elif found.probability > max(0.01, found.prior):
        yield f"{words}: the rows favour something that the model does not name."
    else:
        yield (
            f"{words}: the named motivations predict these rows better than free behaviour does, which does not show "
            "that the list is complete."
        )


def _blocks(result: Result, subject: str) -> Iterator[str]:
    """The blocks that move the headline most, against the reference or else the strongest rival."""
    found, asked = account(result, subject), _asked(result)
    blocks = [i for i, s in enumerate(found.stages) if s not in ("prior", "selection")]
    if not blocks or asked[0] not in found.names:
        return
    rival = _rival(found.names, asked, found.reference, standings(result, subject))
    if rival is None:
        return
    gain = found.steps[:, found.names.index(asked[0])] - found.steps[:, found.names.index(rival)]
    total = float(sum(gain[i] for i in blocks))
    order = sorted(blocks, key=lambda i: -float(gain[i]))
    for_it = [i for i in order if gain[i] > SLIGHT][:2]
    against = [i for i in reversed(order) if gain[i] < -SLIGHT][:2]
    words = f"The ledger gives {plain(asked[0])} {nats(total, '-')} nats against {plain(rival)}"
    parts = []
    if for_it:
        parts.append("most for it " + _listed(for_it, found.stages, gain))
    if against:
        parts.append("most against it " + _listed(against, found.stages, gain))
    yield f"{words}{': ' if parts else ''}{'; '.join(parts)}."


def _rival(names: Sequence[str], asked: Sequence[str], reference: str, rows: Sequence[Standing]) -> str | None:
    if reference not in asked:
        return reference
    others = [s for s in rows if s.name in names and s.name not in asked and s.name != NONE]
    return max(others, key=lambda s: s.probability).name if others else None


def _listed(at: Sequence[int], stages: Sequence[str], gain: Sequence[float]) -> str:
    return " and ".join(f"“{stages[i]}” ({nats(float(gain[i]), '-')})" for i in at)


def _fit(result: Result, subject: str) -> Iterator[str]:
    told = result.about["subjects"][subject]
    rows, out = told["rows"], told["outside_band"]
    expected = by_chance(rows)
    words = (
        f"{out} of {many(rows, 'row')} outside the 90 % predictive band; about {count(round(expected, 1))} would be, "
        "by chance, if the model were right"
    )
    much = out > expected + 3 * (0.09 * rows) ** 0.5
    yield words + (": the model misses something about these rows." if much else ".")
    weak = [s for s in standings(result, subject) if s.effective < FEW and s.probability > 1e-3]
    if weak and sampled(result):
        each = "; ".join(f"{plain(s.name)} {s.effective:.0f}" for s in weak)
        yield f"Few effective draws stand behind some of these numbers: {each}."


def likeliest(result: Result, subject: str, most: int = 2) -> str:
    """A subject's likeliest motivations, their priors in brackets."""
    best = sorted(standings(result, subject), key=lambda s: -s.probability)[:most]
    return ", ".join(f"{plain(s.name)} {rough(s.probability)} ({rough(s.prior)})" for s in best)
