"""BIF text written so that every reader finds the same names and numbers in it; what BIF cannot hold is refused.

BIF has no quotation that its readers agree on: pgmpy drops quotation marks, and blanks, brackets and commas part its
names. So plain names only are written, and numbers in as many digits as it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from bsm.network.reading import brief
from bsm.network.tables import Network, NetworkError, Table, Variable

KEYWORDS = ("network", "variable", "probability", "property", "type", "discrete", "default", "table")
_PLAIN = re.compile(r"[^\s{}()\[\],;|\"'`\\]+")


def text_of(network: Network) -> str:
    """A network of one draw as BIF text, its numbers as the shortest decimals that read back the same.

    Raises:
        NetworkError: names that BIF's readers would alter or take for something else, or values of states.
    """
    _check_names(network)
    parts = ["network unknown {\n}\n"]
    for variable in network.variables.values():
        listed = ", ".join(variable.states)
        parts.append(f"variable {variable.name} {{\n  type discrete [ {len(variable.states)} ] {{ {listed} }};\n}}\n")
    for name in network.variables:
        parts.extend(_probability(network, network.tables[name]))
    return "".join(parts)


def _probability(network: Network, table: Table) -> Iterator[str]:
    columns = table.values[0].reshape(-1, table.values.shape[-1]).tolist()
    if not table.parents:
        yield f"probability ( {table.child} ) {{\n  table {', '.join(map(repr, columns[0]))};\n}}\n"
        return
    yield f"probability ( {table.child} | {', '.join(table.parents)} ) {{\n"
    given = product(*(network.variables[p].states for p in table.parents))
    for states, column in zip(given, columns, strict=True):
        yield f"  ({', '.join(states)}) {', '.join(map(repr, column))};\n"
    yield "}\n"


def _check_names(network: Network) -> None:
    in_lower_case: dict[str, str] = {}
    for variable in network.variables.values():
        _check_name(variable.name, f"the name {brief(variable.name)}")
        for state in variable.states:
            _check_name(state, f"the state {brief(state)} of {brief(variable.name)}")
        if (other := in_lower_case.setdefault(variable.name.lower(), variable.name)) != variable.name:
            raise NetworkError(
                f"{other!r} and {variable.name!r} differ only in case, and readers of BIF (pgmpy) take them for one; "
                "write an .xdsl file instead, or rename one"
            )
        if variable.values is not None:
            raise NetworkError(
                f"the states of {brief(variable.name)} stand for numbers, {_some(variable)}, which BIF cannot hold; "
                f"write an .xdsl file instead, or leave them out: Variable(name, states)"
            )


def _check_name(name: str, what: str) -> None:
    if _PLAIN.fullmatch(name) and name.isprintable() and "//" not in name and "/*" not in name:
        if name not in KEYWORDS:
            return
        raise NetworkError(f"{what} is a word of BIF itself; write an .xdsl file instead, or rename it")
    raise NetworkError(
        f"{what} cannot be written as BIF, whose readers would alter it: names there have no blanks, brackets, commas, "
        "semicolons, bars, quotation marks, backslashes, // or /*; write an .xdsl file instead, or rename it"
    )


def _some(variable: Variable) -> str:
    values = ", ".join(map(repr, (variable.values or ())[:4]))
    return f"({values}{', …' if len(variable.states) > 4 else ''})"
