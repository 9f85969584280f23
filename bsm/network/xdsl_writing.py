"""XDSL, the XML of GeNIe and SMILE, with every name and every number of a network of one draw.

pgmpy 1.1.2 writes 16 decimals, which loses small numbers, and places nodes at random. What the format has no room
for lies here in `property` elements, which other programs pass over: a name with blanks (`bsm_name`; the id is then
the name with underscores), the numbers that states stand for (`bsm_values`), and the place of a variable
(`bsm_place`) where the order of the network is not one of parents before children.

Source: BayesFusion, *GeNIe* manual, "XDSL file format".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from bsm.network.reading import brief
from bsm.network.tables import Network, NetworkError, Variable

NAME, VALUES, PLACE = "bsm_name", "bsm_values", "bsm_place"
BLANK = re.compile(r"[ \t\r\n]+")  # as XML has it; str.split() would cut names at other blanks
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text_of(network: Network) -> str:
    """A network of one draw as XDSL, its numbers as the shortest decimals that read back the same.

    Raises:
        NetworkError: a name with a character that XML cannot hold, or a value of a state that is not finite.
    """
    listed = list(network.variables)
    ids, order = _ids(network), _parents_first(network)
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<smile version="1.0" id="network">\n  <nodes>\n']
    for name in order:
        extra = {NAME: name} if ids[name] != name else {}
        if (values := network.variables[name].values) is not None:
            extra[VALUES] = " ".join(repr(float(value)) for value in values)
        if order != listed:
            extra[PLACE] = str(listed.index(name))
        parts.extend(_node(network, name, ids, extra))
    parts.append('  </nodes>\n  <extensions>\n    <genie version="1.0" app="bsm" name="network">\n')
    parts.extend(f"      <node id={quoteattr(ids[name])}><name>{_text(name)}</name></node>\n" for name in order)
    parts.append("    </genie>\n  </extensions>\n</smile>\n")
    return "".join(parts)


def _node(network: Network, name: str, ids: dict[str, str], extra: dict[str, str]) -> Iterator[str]:
    variable, table = network.variables[name], network.tables[name]
    _check(variable)
    yield f"    <cpt id={quoteattr(ids[name])}>\n"
    yield from (f"      <state id={quoteattr(state)} />\n" for state in variable.states)
    if table.parents:
        yield f"      <parents>{_text(' '.join(ids[parent] for parent in table.parents))}</parents>\n"
    yield f"      <probabilities>{' '.join(map(repr, table.values[0].reshape(-1).tolist()))}</probabilities>\n"
    yield from (f'      <property id="{key}">{_text(text)}</property>\n' for key, text in extra.items())
    yield "    </cpt>\n"


def _text(text: str) -> str:
    return escape(text, {"\r": "&#13;"})


def _ids(network: Network) -> dict[str, str]:
    """An id for each variable: its name, with underscores for the blanks that part ids in a list of parents."""
    ids = {name: name for name in network.variables if name and not BLANK.search(name)}
    taken = set(ids)
    for name in network.variables:
        if name not in ids:
            base = BLANK.sub("_", name) or "_"
            ids[name] = next(i for i in (base, *(f"{base}_{k}" for k in range(2, len(taken) + 3))) if i not in taken)
            taken.add(ids[name])
    return ids


def _parents_first(network: Network) -> list[str]:
    """The variables as listed where every parent stands before its children, else in an order that is so."""
    seen: set[str] = set()
    for name in network.variables:
        if not seen.issuperset(network.tables[name].parents):
            return list(network.order)
        seen.add(name)
    return list(network.variables)


def _check(variable: Variable) -> None:
    for name in (variable.name, *variable.states):
        if found := NOT_XML.search(name):
            character = f"U+{ord(found[0]):04X}"
            raise NetworkError(f"{variable.name!r}: {brief(name)} has {character}, which XML cannot hold: rename it")
    if not all(math.isfinite(value) for value in variable.values or ()):
        raise NetworkError(f"the states of {variable.name!r} stand for {variable.values}; files hold finite numbers")
