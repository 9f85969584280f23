"""The tables of a page that say what was found: motivations, classes, nats, choices, predictive check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bsm.figures.account import account
from bsm.figures.choice_table import Choices
from bsm.figures.numbers import count, interval, many, nats, probability, within
from bsm.figures.pairs import contexts_of, paired
from bsm.figures.standings import Standing, alike, names_of, plain, sampled, selected, standings
from bsm.inference.result import NONE, Result
from bsm.report.html import Markup, details, table, tag
from bsm.report.misfit import by_chance, checked
from bsm.report.sentences import split_words
from bsm.spec.model import Model

FARTHEST = 8  # rows outside their band that are shown first


def motivations(result: Result, model: Model | None, subject: str) -> Markup:
    """Prior, share, posterior, interval, nats, draws and family of every motivation; what it wants, from the model."""
    rows, shared = standings(result, subject), selected(result)
    share = ["share"] if shared else []
    heads = ["motivation", "prior", *share, "posterior", "90 % interval", "nats", "draws", "family"]
    lines = [_standing(result, s, shared) for s in rows]
    if model:
        lines = [[*line, wants(model, s.name)] for line, s in zip(lines, rows, strict=True)]
    caption = (
        f"Probabilities for {subject}. Nats: log likelihood ratio of the ledger against "
        f"{plain(account(result, subject).reference)}. Interval: central 90 % over parameters. Draws: effective ones "
        "behind the number."
    )
    last = ["what it wants"] if model else []
    return table([*heads, *last], lines, range(1, len(heads) - 1), caption, prose=[len(heads)])


def _standing(result: Result, s: Standing, shared: bool) -> list[object]:
    share = ["–" if s.share is None else probability(s.share)] if shared else []
    draws = f"{s.effective:,.0f}" if sampled(result) and s.effective < 9e5 else "exact"
    numbers = [tag("strong", probability(s.probability)), interval(s.low, s.high), nats(s.nats), draws]
    return [plain(s.name), probability(s.prior), *share, *numbers, _family(result, s.name)]


def _family(result: Result, name: str) -> str:
    told = result.about["families"].get(name)
    if told is None:
        return "–"
    more = [f"closeness {told['closeness']:.2f}"] if told["closeness"] is not None else []
    more += ["intended"] if told["intended"] else []
    more += [f"bypass {' → '.join(map(plain, route))}" for route in told["bypasses"]]
    return told["family"] + (f" ({'; '.join(more)})" if more else "")


def wants(model: Model, name: str) -> str:
    """What a motivation seeks, in words."""
    if name == NONE:
        return "behaviour of another kind, free in every context"
    found = model.motivations.get(name)
    if found is None:
        return "not in the model file as it is now"
    sought = ", ".join(
        plain(s.target) + (f" = {plain(s.state)}" if s.state else "") + _when(s.active_in) for s in found.seeks
    )
    return f"{found.about} (seeks {sought})" if found.about else f"seeks {sought}"


def _when(contexts: Mapping[str, Sequence[str]]) -> str:
    told = [f"{plain(name)} is {names_of(states, 'or')}" for name, states in contexts.items()]
    return " when " + " and ".join(told) if told else ""


def classes(result: Result, subject: str) -> Markup:
    """Classes not told apart, with what would."""
    found = alike(result, subject)
    tolerance = result.about["subjects"][subject]["tolerance"]
    if not found:
        return tag("p", f"None: every two motivations differ by more than {tolerance:g} in some episode seen.")
    rows = {s.name: s for s in standings(result, subject)}
    lines = []
    for c in found:
        before, now = sum(rows[m].prior for m in c.members), sum(rows[m].probability for m in c.members)
        kind = "exact" if c.exact else f"within {within(c.variation)}"
        gained = "0, by construction" if c.exact else nats(c.nats).lstrip("+")
        lines.append([names_of(c.members), kind, probability(before), probability(now), gained, split_words(c)])
    heads = ["class", "difference", "prior", "posterior", "nats inside", "what would tell them apart"]
    caption = (
        "Exact classes act the same in every context trained on or seen, so their odds stay at the prior odds. Others "
        f"differ by at most {tolerance:g} (total variation per episode); nats inside is what these rows still gave."
    )
    return table(heads, lines, (2, 3, 4), caption, prose=[5])


def decomposition(result: Result, subject: str) -> Markup:
    """Nats by stage and motivation, and their sums."""
    found = account(result, subject)
    lines: list[list[object]] = []
    for i, stage in enumerate(found.stages):
        said = ("+ " if i else "") + stage + (" †" if found.few[i] else "")
        lines.append([said, *(nats(float(x)) for x in found.steps[i])])
    lines.append(["= log odds", *(nats(float(x)) for x in found.total)])
    heads = ["stage", *(plain(name) for name in found.names)]
    return table(heads, lines, range(1, len(heads)), f"Nats of log odds against {plain(found.reference)}, in order.")


# --- choices -----------------------------------------------------------------------------------------------


def choices(found: Choices) -> list[Markup]:
    """The headline under every setting, with why; and how far every motivation moves."""
    lines: list[list[object]] = []
    for s in found.settings:
        band = "–" if s.low is None or s.high is None else interval(s.low, s.high)
        p = "no answer" if s.headline is None else probability(s.headline)
        lines.append([s.name, s.about, p, band, ". ".join(words for words in (s.why, s.note) if words)])
    lines += [[name, "–", "not tried", "–", why] for name, why in found.without]
    caption = (
        f"Probability of {names_of(found.headline, 'or')} for {found.subject}{f' at {found.at}' if found.at else ''}; "
        f"its prior as declared is {probability(found.before)}. It may move by {found.limit:g} to count as determined."
    )
    heads = ["setting", "about", "posterior", "90 % interval", "why it is defensible"]
    spans = [
        [plain(m), probability(found.prior[m]), probability(a), probability(b), f"{b - a:.2f}"]
        for m, (a, b) in found.ranges.items()
    ]
    every = table(["motivation", "prior as declared", "least", "greatest", "moved by"], spans, (1, 2, 3, 4))
    return [
        table(heads, lines, (2, 3), caption, prose=[4]),
        details("How far every motivation moves across these settings", every),
    ]


# --- predictive check --------------------------------------------------------------------------------------


def check(result: Result, subject: str) -> list[Markup]:
    """Rows farthest outside their band, then all rows."""
    told, frame = result.about["subjects"][subject], checked(result, subject)
    by, usual = paired(result, subject).by, _usual(list(frame["context"]))
    pair = [plain(by)] if by else []
    heads = ["row", *pair, "wording", "k of n", "effective n", "seen", "predicted", "90 % band", "block"]
    numbers = range(2 + len(pair), 7 + len(pair))
    lines = [_row(row, by, usual) for row in frame.itertuples()]
    out = [i for i, inside in enumerate(frame["inside"]) if not inside]
    worst = sorted(out, key=lambda i: -frame["beyond"].iloc[i])[:FARTHEST]
    expected = count(round(by_chance(told["rows"]), 1))
    caption = (
        f"{many(len(out), 'row')} outside, in colour; about {expected} expected by chance. Coded as: where a row "
        "departs from the most common coding."
    )
    every = table([*heads, "coded as", "observation", "source"], lines, numbers, caption, out)
    first = table(heads, [lines[i][: len(heads)] for i in worst], numbers, "Farthest outside their band.")
    return [*([first] if worst else []), details(f"All {many(len(lines), 'row')}", every, printed=False)]


def _row(row: Any, by: str | None, usual: Mapping[str, str]) -> list[object]:
    contexts = contexts_of(row.context)
    of = f"{count(round(row.k, 1))} of {count(round(row.n, 1))}" + ("" if row.basis == "counts" else f" ({row.basis})")
    coded = "; ".join(f"{plain(n)} {plain(s)}" for n, s in contexts.items() if s != usual[n] and n != by)
    return [
        row.row,
        *([plain(contexts.get(by, ""))] if by else []),
        row.variant or "default",
        *(of, count(round(row.n_eff, 1)), f"{row.seen:.3f}", f"{row.mean:.3f}", f"{row.low:.3f}–{row.high:.3f}"),
        *(row.block, coded or "–", row.observation, f"{row.citation}, {row.figure_or_table}".strip(", ")),
    ]


def _usual(contexts: Sequence[str]) -> dict[str, str]:
    """The most common state of every context, which a table need not repeat."""
    seen: dict[str, Counter[str]] = {}
    for words in contexts:
        for name, state in contexts_of(words).items():
            seen.setdefault(name, Counter())[state] += 1
    return {name: states.most_common(1)[0][0] for name, states in seen.items()}
