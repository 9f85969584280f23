"""XDSL, the XML of GeNIe and SMILE, read as the network it describes; the file need not be trusted.

Columns come in the order of the parents' states, the last parent's fastest. pgmpy 1.1.2 does so too, but reads `cpt`
nodes only, leaves others out without a word, and refuses a node whose name has a blank. pyAgrum 3.3.1 writes the first
parent's states fastest, unlike GeNIe: its files are refused where that matters.

Source: BayesFusion, *GeNIe* manual, "XDSL file format"; the order as in its example network AsiaDiagnosis.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np

from bsm.network.reading import Reading, brief, hint
from bsm.network.tables import Network, NetworkError
from bsm.network.xdsl_writing import BLANK, NAME, PLACE, VALUES

KINDS = {"cpt": "probabilities", "deterministic": "resultingstates"}  # node -> the element with its table
CHUNK, LONGEST_TAG = 2**16, 2**20  # bytes
DEEPEST = 64  # elements within an element that is passed over
_PIECE = re.compile("[^ \t\r\n]++")


@dataclass(slots=True)
class _Node:
    kind: str
    id: str
    line: int
    states: list[str] = field(default_factory=list)
    texts: dict[str, tuple[int, str]] = field(default_factory=dict)  # element or property -> its line and text

    @property
    def name(self) -> str:
        return self.texts[NAME][1] if NAME in self.texts else self.id


def parse(document: bytes, reading: Reading) -> Network:
    """The network that an XDSL document describes. Layout, comments and costs are not part of it.

    Raises:
        NetworkError: a DOCTYPE, XML that is not well formed, a kind of node or element that would be lost, or what
            makes no network, with its line.
    """
    found = _Document(reading)
    nodes = found.nodes_of(document)
    for node in _in_place(nodes, reading):
        values = None
        if VALUES in node.texts:
            line, text = node.texts[VALUES]
            values = reading.numbers(text, len(node.states), line, f"the values of {brief(node.name)}").tolist()
        reading.declare(node.name, node.states, node.line, values)
    names: dict[str, str] = {}
    for node in nodes:
        if node.id in names:
            raise reading.error(node.line, f"the id {brief(node.id)} is used twice; ids must differ")
        names[node.id] = node.name
    for node in nodes:
        parents = _parents(node, names, reading)
        if len(parents) > 1 and "agrum" in found.app.lower():
            raise reading.error(
                node.line,
                f"written by {brief(found.app)}, whose columns for several parents ({brief(node.id)}) come in another "
                "order than GeNIe's; have it write a .bif file instead",
            )
        _read_table(node, parents, reading)
    return reading.network()


class _Document:
    """The nodes of a document, gathered as its elements go by; nothing else is kept."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.nodes = reading, list[_Node]()
        self.open: list[str] = []  # smile, nodes, a node, an element of the node
        self.passed_over = 0  # elements open that are no part of the network
        self.text: list[str] | None = None  # of the element that is open, where it may have text
        self.key, self.line, self.nodes_line = "", 0, 0
        self.app = ""  # what says that it wrote the file
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def nodes_of(self, document: bytes) -> list[_Node]:
        try:
            for start in range(0, len(document), CHUNK):
                self.parser.Parse(document[start : start + CHUNK], False)
                if start - self.parser.CurrentByteIndex > LONGEST_TAG:
                    raise self.error(f"a tag or comment of more than {LONGEST_TAG} bytes; this is no network")
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise self.reading.error(error.lineno, f"not well-formed XML: {expat.ErrorString(error.code)}") from None
        except NetworkError:
            raise
        except (LookupError, ValueError) as error:  # an encoding that Python does not know, or not of single bytes
            raise self.error(f"XML that cannot be read: {error}; save it as UTF-8") from None
        return self.nodes

    def error(self, message: str) -> NetworkError:
        return self.reading.error(self.parser.CurrentLineNumber, message)

    def _doctype(self, *_: object) -> None:
        raise self.error("a DOCTYPE, which can define entities, is not accepted; XDSL needs none: remove it")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if self.passed_over:
            self.passed_over += 1
            if self.passed_over > DEEPEST:
                raise self.error(f"elements within elements, {DEEPEST} deep; this is no network")
            self.app = attributes.get("app", "") if tag == "genie" else self.app
            return
        match len(self.open), tag:
            case 0, "smile":
                pass
            case 1, "nodes":
                if self.nodes_line:
                    raise self.error(f"a second <nodes>; the first is on line {self.nodes_line}")
                self.nodes_line = line
            case 2, ("cpt" | "deterministic"):
                self.nodes.append(_Node(tag, self._id(tag, attributes), line))
            case 3, "state":
                self.nodes[-1].states.append(self._id(tag, attributes))
            case 3, ("parents" | "probabilities" | "resultingstates"):
                self._expect_text(tag, line)
            case 3, "property" if attributes.get("id") in (NAME, VALUES, PLACE):
                self._expect_text(attributes["id"], line)
            case (1, "extensions" | "properties" | "property" | "observationcost") | (3, "property" | "comment"):
                self.passed_over = 1
                return
            case 0, _:
                raise self.error(f"the document is {brief(tag)}; an XDSL document is 'smile'")
            case 2, _:
                kinds = " and ".join(KINDS)
                raise self.error(f"a node of kind {brief(tag)}; only {kinds} nodes can be held, and it would be lost")
            case _:
                raise self.error(f"{brief(tag)} within {brief(self.open[-1])} is not understood and would be lost")
        self.open.append(tag)

    def _id(self, tag: str, attributes: dict[str, str]) -> str:
        if "id" not in attributes:
            raise self.error(f"this {tag} has no id")
        self.reading.count_names(1, self.parser.CurrentLineNumber)
        return attributes["id"]

    def _expect_text(self, key: str, line: int) -> None:
        node = self.nodes[-1]
        if key in node.texts:
            raise self.error(f"a second {key} of {brief(node.id)}; the first is on line {node.texts[key][0]}")
        self.text, self.key, self.line = [], key, line

    def _characters(self, data: str) -> None:
        if self.text is not None:
            self.text.append(data)
        elif not self.passed_over and data.strip(" \t\r\n"):
            raise self.error(f"text that belongs to nothing: {brief(data.strip())}")

    def _end(self, _: str) -> None:
        if self.passed_over:
            self.passed_over -= 1
            return
        self.open.pop()
        if self.text is not None:
            self.nodes[-1].texts[self.key] = (self.line, "".join(self.text))
            self.text = None


def _in_place(nodes: list[_Node], reading: Reading) -> list[_Node]:
    """The nodes in the order of the network that was written."""
    placed = [node.texts[PLACE] for node in nodes if PLACE in node.texts]
    if not placed:
        return nodes
    places = [int(text) if re.fullmatch("[0-9]{1,9}", text) else -1 for _, text in placed]
    if sorted(places) != list(range(len(nodes))):
        raise reading.error(placed[0][0], f"the {PLACE} of the nodes must be 0 to {len(nodes) - 1}, each once")
    return [node for _, node in sorted(zip(places, nodes, strict=True), key=lambda pair: pair[0])]


def _parents(node: _Node, names: dict[str, str], reading: Reading) -> list[str]:
    line, text = node.texts.get("parents", (node.line, ""))
    ids = [found[0] for found, _ in zip(_PIECE.finditer(text), range(len(names) + 1), strict=False)]
    if unknown := [i for i in ids if i not in names]:
        raise reading.error(line, f"{brief(unknown[0])} is not the id of a node of this file{hint(unknown[0], names)}")
    return [names[i] for i in ids]


def _read_table(node: _Node, parents: list[str], reading: Reading) -> None:
    needed = KINDS[node.kind]
    if needed not in node.texts or any(other in node.texts for other in KINDS.values() if other != needed):
        raise reading.error(node.line, f"the {node.kind} node {brief(node.id)} needs {needed} and no other table")
    line, text = node.texts[needed]
    filled = reading.room(node.name, parents, line)
    columns = filled.reshape(-1, len(node.states))  # the same memory
    if node.kind == "cpt":
        found = reading.probabilities(text, filled.size, line, f"probabilities of {brief(node.id)}")
        columns[:] = found.reshape(columns.shape)
    else:
        columns[np.arange(len(columns)), _resulting(node, len(columns), reading)] = 1
    reading.settle(node.name, parents, filled, np.full(len(columns), line))


def _resulting(node: _Node, count: int, reading: Reading) -> np.ndarray:
    """For each combination of the parents' states, the code of the state that a deterministic node then has."""
    line, text = node.texts[KINDS["deterministic"]]
    if blank := [state for state in node.states if not state or BLANK.search(state)]:
        raise reading.error(line, f"the state {brief(blank[0])} has a blank: the resulting states are not clear")
    codes, found = np.empty(count, dtype=np.int64), 0
    for piece in _PIECE.finditer(text):
        if found < count:
            codes[found] = reading.code(node.name, piece[0], line)
        found += 1
    if found != count:
        raise reading.error(line, f"{found} resulting states of {brief(node.id)} where {count} are needed")
    return codes
