"""Rows of evidence as state codes, and as weights: how well each state of a variable explains each row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from bsm.network.tables import Network, NetworkError, Variable

if TYPE_CHECKING:
    import pandas as pd

Seen = str | Mapping[str, float] | float | None  # a float only as NaN, a blank cell of a table
Rows = "Tensor | pd.DataFrame | Sequence[Mapping[str, Seen]]"


def read(network: Network, seen: Sequence[str], rows: object) -> tuple[Tensor, dict[str, Tensor]]:
    """Codes [row, seen], -1 for a blank, and weights [row, state] of the variables that some row gives a likelihood.

    Args:
        rows: such codes; or a DataFrame, or a list of mappings, from variables to states. A blank is None, "", NaN
            or left out; in a mapping a variable may have P(seen | state) for every state, up to a constant
            (virtual evidence, Pearl 1988 section 2.2.2).

    Raises:
        NetworkError: codes of another shape or type, a column or variable that is not among `seen`, an unknown state,
            or a likelihood that leaves a state out, is negative, not finite or zero everywhere.
    """
    if isinstance(rows, Tensor):
        return _codes(seen, rows), {}
    if hasattr(rows, "columns"):
        return _from_frame(network, seen, cast("pd.DataFrame", rows)), {}
    if isinstance(rows, Mapping) or not isinstance(rows, Sequence) or isinstance(rows, str):
        raise NetworkError(f"rows are a tensor of codes, a DataFrame or a list of mappings; got {_kind(rows)}")
    return _from_mappings(network, seen, rows)


def _kind(rows: object) -> str:
    return "one mapping: put it in a list" if isinstance(rows, Mapping) else type(rows).__name__


def _codes(seen: Sequence[str], rows: Tensor) -> Tensor:
    if rows.ndim != 2 or rows.shape[1] != len(seen):
        raise NetworkError(f"codes need shape [row, {len(seen)}], columns being {list(seen)}; got {list(rows.shape)}")
    if seen and (rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool):
        raise NetworkError(f"codes are integers, positions of states, -1 for a blank; got {rows.dtype}")
    return rows if seen else rows.to(torch.int64)


def _from_frame(network: Network, seen: Sequence[str], frame: pd.DataFrame) -> Tensor:
    """A column of `seen` that the frame lacks is blank; one of the frame that is not seen is an error."""
    _only(seen, map(str, frame.columns), "column")
    if twice := frame.columns[frame.columns.duplicated()].tolist():
        raise NetworkError(f"the rows have the column {twice[0]!r} twice; give each variable one column")
    codes = torch.full((len(frame), len(seen)), -1, dtype=torch.int64)
    for c, name in enumerate(seen):
        if name not in frame.columns:
            continue
        numbers, labels = frame[name].factorize()  # a blank gets -1
        first = (int((numbers == number).argmax()) for number in range(len(labels)))
        found = [_code(network.variable(name), label, row) for label, row in zip(labels, first, strict=True)]
        place = torch.tensor([*found, -1], dtype=torch.int64)
        codes[:, c] = place[torch.from_numpy(numbers.copy())]
    return codes


def _code(variable: Variable, label: object, row: int) -> int:
    if label == "":
        return -1
    if label in variable.states:
        return variable.code(label)
    raise NetworkError(f"row {row}: {_unknown(variable, label)}")


def _from_mappings(
    network: Network, seen: Sequence[str], rows: Sequence[Mapping[str, Seen]]
) -> tuple[Tensor, dict[str, Tensor]]:
    _only(seen, dict.fromkeys(n for row in rows for n in row), "variable")
    codes = torch.full((len(rows), len(seen)), -1, dtype=torch.int64)
    weights: dict[str, Tensor] = {}
    for c, name in enumerate(seen):
        variable = network.variable(name)
        place = {state: code for code, state in enumerate(variable.states)}
        column = []
        for r, row in enumerate(rows):
            said = row.get(name)
            if isinstance(said, Mapping):
                held = weights.setdefault(name, torch.ones(len(rows), len(variable.states), dtype=torch.float64))
                held[r] = torch.tensor(_likelihood(variable, said, r), dtype=torch.float64)
                column.append(-1)
            else:
                column.append(-1 if _blank(said) else place.get(said, -2) if isinstance(said, str) else -2)
                if column[-1] == -2:
                    raise NetworkError(f"row {r}: {_unknown(variable, said)}")
        codes[:, c] = torch.tensor(column, dtype=torch.int64)
    return codes, weights


def _unknown(variable: Variable, said: object) -> str:
    try:
        variable.code(said)  # type: ignore[arg-type]
    except NetworkError as error:
        return str(error)
    return f"{variable.name} = {said!r} is a number; name the state"


def _only(seen: Sequence[str], given: object, what: str) -> None:
    if others := [n for n in given if n not in seen]:  # type: ignore[attr-defined]
        raise NetworkError(
            f"the rows have a {what} {others[0]!r} that this query was not compiled to see: it sees {list(seen)}. "
            f"Leave the {what} out, or compile the query with it among `seen`"
        )


def _blank(said: Seen) -> bool:
    return said is None or said == "" or (isinstance(said, float) and math.isnan(said))


def _likelihood(variable: Variable, seen: Mapping[str, float], row: int) -> list[float]:
    found = {variable.code(state): float(weight) for state, weight in seen.items()}
    where = f"row {row}: the likelihood of {variable.name}"
    if missing := [s for i, s in enumerate(variable.states) if i not in found]:
        raise NetworkError(f"{where} leaves out {missing}; name every state, zeros too")
    if not all(math.isfinite(w) and w >= 0 for w in found.values()):
        raise NetworkError(f"{where} is negative or not finite: {dict(seen)}")
    if not any(found.values()):
        raise NetworkError(f"{where} is zero for every state: {dict(seen)}; a blank is a likelihood of ones")
    return [found[i] for i in range(len(variable.states))]


# --- weights ----------------------------------------------------------------------------------------------


def one_hot(network: Network, seen: Sequence[str], codes: Tensor) -> dict[str, Tensor]:
    """Weights [1, row, state] of the columns that see something: 0 and 1 where a state was seen, ones for a blank."""
    found = {}
    for c, name in enumerate(seen):
        count = len(network.variables[name].states)
        rows = torch.cat([torch.eye(count, dtype=torch.float64), torch.ones(1, count, dtype=torch.float64)])
        code = codes[:, c].to(torch.int64)
        if bool((code >= 0).any()):
            found[name] = rows.to(network.device)[torch.where(code < 0, count, code)].unsqueeze(0)
    return found


def tensor(name: str, given: object) -> Tensor:
    """Likelihoods given beside the rows, of which `checked` checks the rest."""
    if isinstance(given, Tensor):
        return given
    kind = type(given).__name__
    raise NetworkError(f"the likelihoods of {name} are a {kind}; give a torch.float64 tensor [row, state]")


def checked(network: Network, weights: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
    """Weights as [draw, row, state].

    Args:
        weights: [row, state] or [draw, row, state] per variable; a row axis of size 1 stands for all rows.

    Raises:
        NetworkError: an unknown variable, another shape or type, rows or draws that disagree, a weight that is negative
            or not finite, or weights on another device than the tables.
    """
    given = {n: _shaped(network.variable(n), w) for n, w in weights.items()}
    _agree({"the rows": rows, **{n: w.shape[1] for n, w in given.items()}}, "rows")
    _agree({"the tables": network.draws, **{n: w.shape[0] for n, w in given.items()}}, "draws")
    for name, w in given.items():
        if w.device != network.device:
            raise NetworkError(f"the weights of {name} lie on {w.device} and the tables on {network.device}")
        low, high = torch.stack(w.detach().aminmax()).tolist()
        if not (low >= 0 and high < math.inf):
            raise NetworkError(f"the weights of {name} have an entry that is negative or not finite")
    return given


def _shaped(variable: Variable, weights: Tensor) -> Tensor:
    count = len(variable.states)
    if weights.ndim not in (2, 3) or weights.shape[-1] != count or not weights.numel():
        raise NetworkError(
            f"the weights of {variable.name} need shape [row, {count}] or [draw, row, {count}] with at least "
            f"one row; got {tuple(weights.shape)}"
        )
    if weights.dtype != torch.float64:
        raise NetworkError(f"the weights of {variable.name} are {weights.dtype}; weights are torch.float64")
    return weights if weights.ndim == 3 else weights.unsqueeze(0)


def _agree(counts: Mapping[str, int], what: str) -> None:
    if len(set(counts.values()) - {1}) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items() if count != 1)
        raise NetworkError(f"the evidence disagrees on the number of {what}: {listed}; give all the same, or one")
