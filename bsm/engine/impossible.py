"""Why evidence has probability zero: which observations exclude each other, and which table holds the zero.

Runs only after a zero has been found; every question here is about one row in one parameter draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from bsm.engine.contraction import answered, question
from bsm.engine.errors import TooLarge
from bsm.engine.factors import RangeLost
from bsm.network.tables import Network, Table

SHOWN = 3  # tables, and zeros of each, that a message lists
LOOKED = 8  # tables looked at for a zero, from the observations upward
SEEN = 8  # observations of a row that a message lists


def impossible_rows(network: Network, weights: Mapping[str, Tensor], zero: Tensor) -> str:
    """The message for evidence of probability zero.

    Args:
        weights: [draw or 1, 1, state] per variable, of the first impossible row.
        zero: [draw, row], whether the evidence is impossible there.
    """
    rows = zero.any(0)
    row = _first(rows)[0]
    draw = _first(zero[:, row])[0]
    there = {name: _chosen(w.detach(), draw) for name, w in weights.items()}
    listed = ", ".join(str(int(i)) for i in rows.nonzero()[:5])
    count = int(rows.sum())
    which = f"row {row}" if count == 1 else f"{count} rows ({listed}{', ...' if count > 5 else ''})"
    return (
        f"the evidence of {which} out of {len(rows)}, counted from 0, has probability zero"
        f"{_in_draws(zero[:, row])}. Row {row} says {_all_described(network, there)}. "
        f"{explained(_one_draw(network, draw), there)}. Correct the row, or the table if this can happen"
    )


def impossible_configurations(network: Network, given: Sequence[str], zero: Tensor) -> str:
    """The message for conditioning on what has probability zero; `zero` is [draw, *given]."""
    draw, *codes = _first(zero)
    there = {}
    for name, code in zip(given, codes, strict=True):
        states = len(network.variables[name].states)
        there[name] = torch.eye(states, dtype=torch.float64, device=network.device)[code].reshape(1, 1, -1)
    return (
        f"cannot condition on {_all_described(network, there)}: this has probability zero"
        f"{_in_draws(zero[(slice(None), *(slice(c, c + 1) for c in codes))].flatten())}, as have "
        f"{int(zero.any(0).sum())} of the {zero[0].numel()} configurations of {', '.join(given)}. "
        f"{explained(_one_draw(network, draw), there)}. To ask what would follow if it were made so, "
        "intervene instead of conditioning; to get NaN in such places, pass impossible='nan'"
    )


def explained(network: Network, weights: Mapping[str, Tensor]) -> str:
    """Which observations of this row exclude each other, and the zero responsible.

    Args:
        network: one parameter draw.
        weights: [1, 1, state] per variable, together of probability zero.
    """
    for name, w in weights.items():
        if not bool((w > 0).any()):
            return f"The weights of {name} are zero for every state; a blank is a row of ones"
    strict = {n: w for n, w in weights.items() if bool((w == 0).any())}
    try:
        clash = _smallest(list(strict), lambda names: not _possible(network, {n: strict[n] for n in names}))
        seen = {n: strict[n] for n in clash}
        together = "" if len(seen) == 1 else " together"
        return f"There {_all_described(network, seen)} cannot happen{together}: {_zeros(network, seen)}"
    except TooLarge:
        return "The zero responsible was not looked for: that needs more memory than allowed"


def _all_described(network: Network, weights: Mapping[str, Tensor]) -> str:
    said = [_described(network, n, w.flatten()) for n, w in weights.items()]
    more = f" and {len(said) - SEEN} more" if len(said) > SEEN else ""
    return ", ".join(said[:SEEN]) + more


def _described(network: Network, name: str, weights: Tensor) -> str:
    """What the weights of one row allow: `goal = kind`, or `goal in {kind, cruel}`."""
    allowed = [s for s, w in zip(network.variables[name].states, weights.tolist(), strict=True) if w > 0]
    return f"{name} = {allowed[0]}" if len(allowed) == 1 else f"{name} in {{{', '.join(allowed)}}}"


def _in_draws(zero: Tensor) -> str:
    if len(zero) == 1:
        return ""
    return f" in {int(zero.sum())} of {len(zero)} parameter draws, the first draw {_first(zero)[0]}"


def _smallest(names: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> list[str]:
    """Names that fail together and of which none can be left out; all of them together must fail.

    Source: QuickXplain (Junker 2004): a few questions per name found, however many there are.
    """

    def narrowed(base: list[str], grown: bool, left: list[str]) -> list[str]:
        if grown and fails(base):
            return []
        if len(left) == 1:
            return left
        first, second = left[: len(left) // 2], left[len(left) // 2 :]
        of_second = narrowed(base + first, True, second)
        return narrowed(base + of_second, bool(of_second), first) + of_second

    return narrowed([], False, list(names))


def _possible(network: Network, weights: Mapping[str, Tensor]) -> bool:
    asked = question(network, (), weights)
    if not asked.tensors:
        return True
    try:
        values, _ = answered(asked, wide=False, max_bytes=None)
    except RangeLost:
        values, _ = answered(asked, wide=True, max_bytes=None)
    return bool((values > 0).all())


def _zeros(network: Network, seen: Mapping[str, Tensor]) -> str:
    """The tables without whose zeros this evidence would be possible: any one of them would do.

    No member of `seen` can be left out, so the table of its last variable is always one of them.
    """
    holders = [n for n in reversed(network.order) if bool((network.tables[n].values == 0).any())]
    last = next(n for n in holders if n in seen)
    found = [last]
    for name in holders[holders.index(last) + 1 :][:LOOKED]:
        lifted = replace(network, tables={**network.tables, name: _without_zeros(network.tables[name])})
        found += [name] if _possible(lifted, seen) else []
    said = [f"that of {n}, {_entries(network, n, seen)}" for n in found[:SHOWN]]
    said[0] = said[0].replace("that of", "the zero is in the table of", 1)
    more = f"; or {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; or in ".join(said) + more


def _without_zeros(table: Table) -> Table:
    filled = table.values.masked_fill(table.values == 0, 1.0)
    return replace(table, values=filled / filled.sum(-1, keepdim=True))


def _entries(network: Network, name: str, seen: Mapping[str, Tensor]) -> str:
    """The zeros of one table that the evidence runs into."""
    table = network.tables[name]
    met = table.values[0] == 0
    for axis, variable in enumerate(table.axes):
        if variable in seen:
            shape = [-1 if i == axis else 1 for i in range(met.ndim)]
            met = met & (seen[variable].flatten() > 0).reshape(shape)
    places = met.nonzero().tolist()
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(_entry(network, table, codes) for codes in places[:SHOWN]) + more


def _entry(network: Network, table: Table, codes: list[int]) -> str:
    named = [f"{a} = {network.variables[a].states[c]}" for a, c in zip(table.axes, codes, strict=True)]
    given = f" | {', '.join(named[:-1])}" if len(named) > 1 else ""
    return f"P({named[-1]}{given}) = 0"


def _one_draw(network: Network, draw: int) -> Network:
    """The network in one parameter draw."""
    tables = {n: replace(t, values=_chosen(t.values.detach(), draw)) for n, t in network.tables.items()}
    return replace(network, tables=tables)


def _chosen(tensor: Tensor, index: int) -> Tensor:
    """One entry along the first axis, which stays; an axis of size 1 stands for any entry."""
    return tensor[index : index + 1] if len(tensor) > 1 else tensor


def _first(zero: Tensor) -> tuple[int, ...]:
    """Where the first True lies."""
    return tuple(int(i) for i in zero.nonzero()[0])
