"""A whole run in 100 columns of text: everything that is printed together, always."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from bsm.figures.account import Account, account
from bsm.figures.captions import basis, counts
from bsm.figures.choice_table import Choices, Setting, choices_of, verdict
from bsm.figures.numbers import count, many, nats, probability, within
from bsm.figures.pairs import contexts_of, paired
from bsm.figures.standings import Standing, alike, leading, names_of, selected, standings
from bsm.inference.result import Result
from bsm.report.misfit import by_chance, worst
from bsm.report.sentences import headline, likeliest

WIDTH = 100
SHOWN = 8  # most rows of the predictive check that are listed


def as_text(result: Result, subject: str | None = None) -> str:
    """One subject in full, the others in a line each.

    Printed together: the headline in words; prior, share, posterior with its interval; nats per block against the
    reference; the choices table; the predictive check; what the run rests on.
    """
    who = subject or leading(result)
    parts = [
        _title(result, who),
        _paragraphs(headline(result)) if who == leading(result) else [],
        _motivations(result, who),
        _nats(account(result, who), standings(result, who)),
        choices_lines(choices_of(result)) if who == leading(result) else [],
        _check(result, who),
        _rests(result, who),
        _others(result, who),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts if part) + "\n"


def _title(result: Result, subject: str) -> list[str]:
    about = result.about
    left = f"{about['model']}: {subject}" + (f", overlay {about['overlay']}" if about["overlay"] else "")
    right = f"seed {about['seed']}, {about['draws']} draws per motivation"
    room = WIDTH - len(right)
    told = [f"{left:<{room}}{right}"] if len(left) < room else [*_wrapped(left, "", "    "), right]
    return [*told, "=" * WIDTH]


def _paragraphs(sentences: Sequence[str], mark: str = "* ") -> list[str]:
    indent = " " * len(mark)
    return [line for s in sentences for line in _wrapped(s, mark, indent)]


def _wrapped(words: str, first: str, rest: str) -> list[str]:
    return wrap(words, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _heading(words: str, note: str = "") -> list[str]:
    return [*_wrapped(f"{words.upper()}  {note}".rstrip(), "", "    "), "-" * WIDTH]


# --- motivations -------------------------------------------------------------------------------------------


def letters(number: int) -> list[str]:
    """Short names of columns.

    >>> letters(28)[-3:]
    ['z', 'aa', 'ab']
    """
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return [(alphabet[i // 26 - 1] if i >= 26 else "") + alphabet[i % 26] for i in range(number)]


def _motivations(result: Result, subject: str) -> list[str]:
    rows, shared = standings(result, subject), selected(result)
    head = f"{'':3}{'motivation':<27}{'prior':>7}"
    head += f"{'share':>8}" if shared else ""
    head += f"{'nats':>7}{'posterior':>11}  {'90 % interval':<17}family"
    found = [*_heading("posterior", counts(result, subject)), head]
    for letter, s in zip(letters(len(rows)), rows, strict=True):
        line = f"{letter:<3}{_cut(s.name + ' *' * s.intended, 26):<27}{probability(s.prior):>7}"
        if shared:
            line += f"{'-' if s.share is None else probability(s.share):>8}"
        line += f"{nats(s.nats, '-'):>7}{probability(s.probability):>11}"
        found.append(line + f"  {_interval(s.low, s.high):<17}{s.family or '-'}")
    share = "share: prior x selection, no ledger. " if shared else ""
    intended = " * intended." if any(s.intended for s in rows) else ""
    note = (
        f"{share}nats: log likelihood ratio of the ledger against {account(result, subject).reference}. "
        f"90 % interval: over parameters.{intended}"
    )
    found += _wrapped(note, "    ", "    ")
    place = {s.name: letter for letter, s in zip(letters(len(rows)), rows, strict=True)}
    for c in alike(result, subject):
        how = "not told apart" if c.exact else f"alike within {within(c.variation)}"
        found.append(f"    {how}: {', '.join(sorted(place[m] for m in c.members))}")
    return found


def _interval(low: float, high: float) -> str:
    return f"{probability(low)} to {probability(high)}"


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 3] + "..."


# --- nats --------------------------------------------------------------------------------------------------


LABEL, CELL = 37, 7


def _nats(found: Account, rows: Sequence[Standing]) -> list[str]:
    """Stages down, motivations across by letter, as many tables as the width needs; columns add up."""
    note = f"added to the log odds against {found.reference}, in this order; columns add up"
    lines, names = _heading("nats", note), letters(len(rows))
    across = (WIDTH - LABEL) // CELL
    parts = -(-len(names) // across)
    across = -(-len(names) // parts)
    for start in range(0, len(names), across):
        part = range(start, min(start + across, len(names)))
        lines += [""] if start else []
        lines.append(" " * LABEL + "".join(f"{names[j]:>{CELL}}" for j in part))
        for i, stage in enumerate(found.stages):
            said = ("" if i == 0 else "+ ") + stage + (" *" if found.few[i] else "")
            *above, last = wrap(said, LABEL - 1, subsequent_indent="  ")
            lines += above
            lines.append(f"{last:<{LABEL}}" + "".join(f"{nats(float(found.steps[i, j]), '-'):>{CELL}}" for j in part))
        total = "".join(f"{nats(float(found.total[j]), '-'):>{CELL}}" for j in part)
        lines += [" " * LABEL + "-" * CELL * len(part), f"{'= log odds':<{LABEL}}{total}"]
    if any(found.few):
        lines.append("* fewer than 200 effective draws behind this stage")
    return lines


# --- choices, check ----------------------------------------------------------------------------------------


def choices_lines(found: Choices | None) -> list[str]:
    """The headline under every setting; no line where none was tried."""
    if found is None:
        return []
    at = f" at {found.at}" if found.at else ""
    lines = _heading("choices", f"probability of {names_of(found.headline, 'or')} for {found.subject}{at}")
    lines.append(f"{'setting':<58}{'about':<14}{'p':>7}  90 % interval")
    for s in found.settings:
        lines.append(f"{_cut(s.name, 57):<58}{_cut(s.about, 13):<14}{_chance(s)}")
        if s.note:
            lines += _wrapped(s.note, "    ", "    ")
    for name, why in found.without:
        lines += _wrapped(f"{name}: not tried, {why}", "", "    ")
    return [*lines, f"{verdict(found)}; may move by {found.limit:g} to count as determined"]


def _chance(s: Setting) -> str:
    if s.headline is None:
        return f"{'-':>7}  no answer"
    band = "" if s.low is None or s.high is None else f"  {_interval(s.low, s.high)}"
    return f"{probability(s.headline):>7}{band}"


def _check(result: Result, subject: str) -> list[str]:
    told = result.about["subjects"][subject]
    expected = count(round(by_chance(told["rows"]), 1))
    note = f"{told['outside_band']} of {many(told['rows'], 'row')} outside the 90 % band, about {expected} by chance"
    lines, found = _heading("predictive check", note), worst(result, subject, SHOWN)
    if not len(found):
        return lines
    by = paired(result, subject).by or ""
    head = f"{'farthest outside':<20}{'seen':>6}{'mean':>6}  {'90 % band':<14}{'k of n':>14}"
    lines.append(f"{head}  {_cut(by, 9):<10}wording")
    for row in found.itertuples():
        numbers = f"{row.seen:>6.2f}{row.mean:>6.2f}  {f'{row.low:.2f} to {row.high:.2f}':<14}"
        of = f"{count(round(row.k, 1))} of {count(round(row.n, 1))}"
        state = contexts_of(row.context).get(by, "")
        where = row.variant or f"default; {row.block}"
        lines.append(f"{_cut(row.row, 19):<20}{numbers}{of:>14}  {_cut(state, 9):<10}{_cut(where, 26)}")
    return lines


# --- what it rests on --------------------------------------------------------------------------------------


def _rests(result: Result, subject: str) -> list[str]:
    about = result.about
    uncertain = [p["name"] for p in about["parameters"] if p["uncertain"]]
    held = len(about["parameters"]) - len(uncertain)
    said = [
        basis(result),
        f"Parameters: {len(uncertain)} uncertain, integrated out; {held} held fixed. "
        f"Prior probability of none_of_these: {about['none_of_these']}.",
        *_excluded(result, subject),
        *_base_rates(result),
        *(f"Note: {note}" for note in about["subjects"][subject]["notes"]),
    ]
    return [*_heading("what this rests on"), *_paragraphs(said)]


def _excluded(result: Result, subject: str) -> Iterator[str]:
    found = [e for e in result.about["excluded"] if e["subject"] == subject]
    if found:
        yield "Excluded: " + "; ".join(f"{e['id']} (line {e['line']}: {e['reason']})" for e in found) + "."


def _base_rates(result: Result) -> Iterator[str]:
    for b in result.about["base_rates"]:
        of = "" if b["k"] is None or b["n"] is None else f" {count(b['k'])} of {count(b['n'])}"
        yield f"Base rate, no likelihood: {b['observation']}{of}, {b['citation']}."


def _others(result: Result, subject: str) -> list[str]:
    others = [s for s in result.subjects if s != subject]
    if not others:
        return []
    lines = _heading("other subjects", "same model, one posterior each, never pooled; prior in brackets")
    lines.append(f"{'subject':<25}{'rows':>5}{'worth':>7}  likeliest")
    for other in others:
        told = result.about["subjects"][other]
        start = f"{_cut(other, 24):<25}{told['rows']:>5}{count(round(told['effective_episodes'])):>7}  "
        lines.append(_cut(start + likeliest(result, other), WIDTH))
    return lines


__all__ = ["as_text", "headline", "letters"]
