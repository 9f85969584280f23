"""BIF text read strictly, as the bnlearn repository, pgmpy and pyAgrum write it.

pgmpy 1.1.2 reads it by searches that can be fooled: a row that is left out or misspelt becomes a column of zeros,
parentheses in a state too, a comma in a name ends in a traceback, and names that differ only in case become one.

Source: Cozman (1998), *The Interchange Format for Bayesian Networks*, version 0.15,
http://www.cs.washington.edu/dm/vfml/appendixes/bif.htm
"""

from __future__ import annotations

import re

import numpy as np

from bsm.network.reading import Reading, brief
from bsm.network.tables import Network, NetworkError

BLANK = " \t\r\n\f\v"  # of ASCII: other blanks are part of a name, and refused there
_TOKEN = re.compile(rf'[{BLANK}]*+(?:"([^"\n]*+)"|([{{}}()\[\],;|])|([^{BLANK}{{}}()\[\],;|"]++))')
_INK = re.compile(rf"[^{BLANK}]")
_COMMENT = re.compile(r'"[^"\n]*+"|//[^\n]*+|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TO_SEMICOLON = re.compile(r'(?:[^;"]++|"[^"\n]*+")*+;')
_TO_MARK = re.compile(r"([^;{}()]*+)([;{}()])")
_TO_BRACE = re.compile(r'(?:[^}"]++|"[^"\n]*+")*+\}')


def parse(text: str, reading: Reading) -> Network:
    """The network that BIF text describes. Properties and the network's own name are not part of it.

    Raises:
        NetworkError: what is not BIF, is not discrete or makes no network, with its line.
    """
    scanner = _Scanner(_without_comments(text, reading), reading)
    scanner.expect("network")
    scanner.name("the name of the network")
    scanner.expect("{")
    scanner.skip(_TO_BRACE, "the network block")
    blocks = []
    while scanner.more():
        if scanner.expect("variable", "probability") == "variable":
            _read_variable(scanner, reading)
        else:
            blocks.append(scanner.at)
            scanner.skip(_TO_BRACE, "this probability block")
    for start in blocks:  # by now every variable is known, wherever it was declared
        scanner.at = start
        _read_probability(scanner, reading)
    return reading.network()


class _Scanner:
    """The text, how far it has been read, and the token read last."""

    def __init__(self, text: str, reading: Reading) -> None:
        self.text, self.reading = text, reading
        self.at = 0  # where the next token is looked for
        self.kind = ""  # of the last token: mark, word, quoted, end
        self._start, self._counted, self._line = 0, 0, 1

    @property
    def line(self) -> int:
        """The line of the last token."""
        if self._start < self._counted:
            self._counted, self._line = 0, 1
        self._line += self.text.count("\n", self._counted, self._start)
        self._counted = self._start
        return self._line

    def error(self, message: str) -> NetworkError:
        return self.reading.error(self.line, message)

    def next(self) -> str:
        """The next token; nothing at the end of the text."""
        found = _TOKEN.match(self.text, self.at)
        if not found:
            if rest := self.text[self.at :].lstrip(BLANK):
                self._start = len(self.text) - len(rest)
                raise self.error(f"a quotation mark that is not closed on its line: {brief(rest)}")
            self._start, self.kind = len(self.text), "end"
            return ""
        self.at, self._start = found.end(), found.start(found.lastindex or 0)
        self.kind = ("", "quoted", "mark", "word")[found.lastindex or 0]
        token = found[found.lastindex or 0]
        if not token.isprintable():
            raise self.error(f"{brief(token)} has a character that cannot be printed: remove it, or use an .xdsl file")
        return token

    def more(self) -> bool:
        """Whether another token comes."""
        return bool(_INK.search(self.text, self.at))

    def _got(self, token: str) -> str:
        return "the end of the file" if self.kind == "end" else brief(token)

    def expect(self, *wanted: str) -> str:
        """The next token, which must be one of these words or marks."""
        token = self.next()
        if self.kind == "quoted" or token not in wanted:
            raise self.error(f"{' or '.join(map(repr, wanted))} is needed here; got {self._got(token)}")
        return token

    def name(self, what: str) -> str:
        """The next token, which must be a name."""
        token = self.next()
        if self.kind not in ("word", "quoted"):
            raise self.error(f"{what} is needed here; got {self._got(token)}")
        return token

    def names(self, end: str, what: str, most: int) -> list[str]:
        """Names up to a closing mark, with blanks or commas between them; a bar may follow the first variable."""
        found: list[str] = []
        while (token := self.next()) != end or self.kind != "mark":
            if self.kind in ("word", "quoted"):
                found.append(token)
            elif token != "," and not (token == "|" and what == "variables" and len(found) == 1):
                raise self.error(f"{what} and then {end!r} are needed here; got {self._got(token)}")
            if len(found) > most:
                raise self.error(f"more than {most} {what} here; a name with a blank in it needs quotation marks")
        return found

    def skip(self, pattern: re.Pattern[str], what: str) -> None:
        found = pattern.match(self.text, self.at)
        if not found:
            raise self.error(f"{what} does not end")
        self.at = found.end()

    def numbers(self) -> str:
        """What comes before the next semicolon, its commas made blanks."""
        found = _TO_MARK.match(self.text, self.at)
        if not found or found[2] != ";":
            raise self.error("the numbers that begin here do not end with ';'")
        self.at = found.end()
        return found[1].replace(",", " ")


def _without_comments(text: str, reading: Reading) -> str:
    """The text with comments made blank, every line where it was."""

    def blank(found: re.Match[str]) -> str:
        if found[0][0] == '"':
            return found[0]
        before = text[max(found.start() - 1, 0) : found.start()]
        if before and before not in BLANK + '{}()[],;|"':
            line = text.count("\n", 0, found.start()) + 1
            raise reading.error(line, f"a comment that begins within a word: a name with {found[0][:2]} needs quotes")
        if found[0].startswith("/*") and (len(found[0]) < 4 or not found[0].endswith("*/")):
            raise reading.error(text.count("\n", 0, found.start()) + 1, "a comment that does not end with */")
        return " " + "\n" * found[0].count("\n")

    return _COMMENT.sub(blank, text) if "//" in text or "/*" in text else text


def _read_variable(scanner: _Scanner, reading: Reading) -> None:
    name, line = scanner.name("the name of a variable"), scanner.line
    states: list[str] | None = None
    scanner.expect("{")
    while (word := scanner.expect("type", "property", "}")) != "}":
        if word == "property":
            scanner.skip(_TO_SEMICOLON, "this property")
            continue
        if states is not None:
            raise scanner.error(f"{brief(name)} has a second type; a variable has one")
        if (kind := scanner.name("the type of the variable")) != "discrete":
            raise scanner.error(f"{brief(name)} is {brief(kind)}; only discrete variables can be held")
        scanner.expect("[")
        count = scanner.name("the number of states")
        if not re.fullmatch("[0-9]{1,9}", count):
            raise scanner.error(f"{brief(count)} is not a number of states, such as 2")
        reading.count_names(1 + int(count), line)
        scanner.expect("]")
        scanner.expect("{")
        states = scanner.names("}", "states", int(count))
        if len(states) < int(count):
            raise scanner.error(f"{brief(name)} has {len(states)} states and says that it has {count}")
        scanner.expect(";")
    if states is None:
        raise reading.error(line, f"{brief(name)} has no type; write: type discrete [ 2 ] {{ no, yes }};")
    reading.declare(name, states, line)


def _read_probability(scanner: _Scanner, reading: Reading) -> None:
    scanner.expect("(")
    names = scanner.names(")", "variables", len(reading.variables) + 1)
    if not names:
        raise scanner.error("the name of a variable is needed between the parentheses")
    child, *parents = names
    block = scanner.line
    scanner.expect("{")
    filled = reading.room(child, parents, block)
    columns = filled.reshape(-1, filled.shape[-1])  # the same memory
    lines = np.zeros(len(columns), dtype=np.int64)  # where each column is; 0 where it has not come yet
    default: np.ndarray | None = None
    while (word := scanner.expect("table", "default", "(", "property", "}")) != "}":
        line = scanner.line
        if word == "property":
            scanner.skip(_TO_SEMICOLON, "this property")
        elif word == "table":  # the child's states come slowest
            if lines.any():
                raise scanner.error(f"'table' gives all of {brief(child)}, and other numbers came before it")
            found = reading.probabilities(scanner.numbers(), filled.size, line, f"table of {brief(child)}")
            columns[:], lines[:] = found.reshape(columns.shape[::-1]).T, line
        elif word == "default":
            if default is not None:
                raise scanner.error(f"a second 'default' for {brief(child)}; there can be one")
            default = reading.probabilities(scanner.numbers(), filled.shape[-1], line, f"default of {brief(child)}")
            default_line = line
        else:
            states = scanner.names(")", "states", len(parents))
            if len(states) < len(parents):
                raise scanner.error(f"{len(states)} states here, and {brief(child)} has {len(parents)} parents")
            codes = [reading.code(parent, state, line) for parent, state in zip(parents, states, strict=True)]
            at = int(np.ravel_multi_index(codes, filled.shape[:-1])) if codes else 0
            if lines[at]:
                raise scanner.error(f"{reading.column(child, parents, at)} was given before, on line {lines[at]}")
            what = f"this column of {brief(child)}"
            columns[at], lines[at] = reading.probabilities(scanner.numbers(), filled.shape[-1], line, what), line
    if default is not None:
        columns[lines == 0], lines[lines == 0] = default, default_line
    if not lines.all():
        first = reading.column(child, parents, int((lines == 0).argmax()))
        missing = int((lines == 0).sum())
        raise reading.error(block, f"{missing} column(s) of {brief(child)} are not given, the first {first}")
    reading.settle(child, parents, filled, lines)
