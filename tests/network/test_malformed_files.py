"""Files that lose something or contradict themselves: each is refused, and the line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsm.network.files import read_network
from bsm.network.tables import NetworkError
from tests.network.texts import BIF, XDSL, put

MALFORMED_BIF = [
    ("network rain {", "net rain {", 1, "'network' is needed here; got 'net'"),
    ("network rain {\n}", "network rain {", 3, "'variable' or 'probability' is needed here; got"),
    ("discrete [ 2 ]", "continuous [ 2 ]", 4, "'rain' is 'continuous'; only discrete variables can be held"),
    ("[ 2 ] { no", "[ 3 ] { no", 4, "'rain' has 2 states and says that it has 3"),
    ("no, yes }", "no, oh yes }", 4, "more than 2 states here; a name with a blank in it needs quotation marks"),
    ("no, yes }", "no, no }", 3, "'rain' lists the state 'no' twice; states must differ"),
    ("[ 2 ]", "[ two ]", 4, "'two' is not a number of states"),
    ("[ 2 ] { no, yes }", "[ 0 ] { }", 3, "'rain' has no states"),
    ("  type discrete [ 2 ] { no, yes };\n", "", 3, "'rain' has no type; write: type discrete"),
    ("no, yes };", "no, yes }; type discrete [ 1 ] { no };", 4, "'rain' has a second type"),
    ("{ no, yes }", "{ no (never), yes }", 4, r"states and then '}' are needed here; got '\('"),
    ("{ no, yes }", '{ "no, yes }', 4, "a quotation mark that is not closed on its line"),
    ("{ no, yes }", "{ n\xa0o, yes }", 4, "has a character that cannot be printed"),
    ("{ no, yes }", "{ n//o, yes }", 4, "a comment that begins within a word"),
    ("{ no, yes }", "/* { no, yes }", 4, r"a comment that does not end with \*/"),
    ("variable grass {", "variable rain {", 6, "'rain' is declared twice, first on line 3"),
    ("variable grass {", "decision grass {", 6, "'variable' or 'probability' is needed here; got 'decision'"),
    ("variable grass {", "variable wet grass {", 6, "'{' is needed here; got 'grass'"),
    ("( rain ) {", "( reign ) {", 9, "'reign' is not a variable of this file"),
    ("( rain ) {", "( Rain ) {", 9, "'Rain' is not a variable of this file; did you mean 'rain'"),
    ("( rain ) {", "( ) {", 9, "the name of a variable is needed"),
    ("( rain ) {", "rain {", 9, r"'\(' is needed here; got 'rain'"),
    (
        "table 0.7, 0.3;",
        "table 0.7, 0.3, 0.0;",
        10,
        "table of 'rain': more than the 2 numbers needed; then comes '0.0'",
    ),
    ("table 0.7, 0.3;", "table 1.0;", 10, "table of 'rain': 1 numbers where 2 are needed"),
    ("table 0.7, 0.3;", "table 0,7 0,3;", 10, "more than the 2 numbers needed"),
    ("table 0.7, 0.3;", "table 0.7, 0.3", 10, "the numbers that begin here do not end with ';'"),
    ("0.1, 0.1;", "0.1, 0.1", 13, "the numbers that begin here do not end with ';'"),
    ("table 0.7, 0.3;", "table 0.7, nan;", 10, "'nan' is not a number, such as 0.25"),
    ("table 0.7, 0.3;", "table 0.7, 1e-101e-10;", 10, "'1e-101e-10' is not a number"),
    ("table 0.7, 0.3;", "table 0.7, 0_3;", 10, "'0_3' is not a number"),
    ("table 0.7, 0.3;", "table 0.7, ٣;", 10, "is not a number"),
    ("table 0.7, 0.3;", "table 1.7, -0.7;", 10, "1.7 is not a probability, which is from 0 to 1"),
    ("table 0.7, 0.3;", "table 1.0, -1e-9;", 10, "-1e-09 is not a probability"),
    ("table 0.7, 0.3;", "table 1e999, 0.3;", 10, "'1e999' is larger than any float64"),
    ("table 0.7, 0.3;", "table 1.0, 1e-999;", 10, "'1e-999' is not zero and smaller than any float64"),
    ("table 0.7, 0.3;", f"table 1.0, 0.{'0' * 3000};", 10, "is not a number"),
    ("table 0.7, 0.3;", "table 0.7, 0.3; table 0.7, 0.3;", 10, "and other numbers came before it"),
    ("table 0.7, 0.3;", "table 0.7, 0.4;", 10, r"P\(rain\) sums to 1.1; each column must sum to one within 1e-06"),
    ("table 0.7, 0.3;", "tabel 0.7, 0.3;", 10, "is needed here; got 'tabel'"),
    ("table 0.7, 0.3;", "", 9, r"1 column\(s\) of 'rain' are not given, the first P\(rain\)"),
    (
        "  (yes) 0.05, 0.15, 0.8;\n",
        "",
        12,
        r"1 column\(s\) of 'grass' are not given, the first P\(grass \| rain = yes\)",
    ),
    ("(yes)", "(yess)", 14, "'yess' is not a state of 'rain'; did you mean 'yes'"),
    ("(yes)", "(no)", 14, r"P\(grass \| rain = no\) was given before, on line 13"),
    ("(yes)", "(yes, dry)", 14, "more than 1 states here"),
    ("(yes)", "()", 14, "0 states here, and 'grass' has 1 parents"),
    ("(yes)", "default 0 0 1; default", 14, "a second 'default' for 'grass'"),
    ("(yes) 0.05", "(yes) 0.06", 14, r"P\(grass \| rain = yes\) sums to 1.01"),
    ("| rain )", "| rain, rain )", 12, "'grass' lists 'rain' twice, or itself, among its parents"),
    ("| rain )", "| grass )", 12, "'grass' lists 'grass' twice, or itself"),
    ("| rain )", "| rain | rain )", 12, r"variables and then '\)' are needed here; got '\|'"),
    ("grass | rain )", "grass, rain | rain )", 12, r"variables and then '\)' are needed here; got '\|'"),
    ("  (yes) 0.05, 0.15, 0.8;\n}\n", "  (yes) 0.05, 0.15, 0.8;\n", 12, "this probability block does not end"),
    ("probability ( rain ) {\n  table 0.7, 0.3;\n}\n", "", 3, "'rain' has no table; every variable needs exactly one"),
    ("probability ( grass | rain ) {", "probability ( rain ) {", 12, "a second table for 'rain'"),
    (BIF, "", 1, "'network' is needed here; got the end of the file"),
    (BIF, "network rain {\n}\n", 1, "no variable is declared; is the file complete"),
]

MALFORMED_XDSL = [
    ("</smile>", "", 21, "not well-formed XML: no element found"),
    ("</nodes>", "</node>", 16, "not well-formed XML: mismatched tag"),
    ("<smile version", "<network version", 2, "not well-formed XML|the document is 'network'"),
    ('<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.0" encoding="utf-7"?>', 1, "cannot be read"),
    ('<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.0" encoding="rot13"?>', 1, "save it as UTF-8"),
    ('"UTF-8"?>\n', '"UTF-8"?><!DOCTYPE smile>\n', 1, "a DOCTYPE, which can define entities, is not accepted"),
    ('<state id="no" />', '<state id="&no;" />', 5, "not well-formed XML: undefined entity"),
    ('<state id="no" />', '<state id="&#0;" />', 5, "reference to invalid character number"),
    ('<state id="no" />', "<state />", 5, "this state has no id"),
    ('<state id="no" />', '<state id="yes" />', 4, "'rain' lists the state 'yes' twice"),
    ('<state id="no" />', '<state id="no">never</state>', 5, "text that belongs to nothing: 'never'"),
    ('<state id="no" />', "never", 6, "text that belongs to nothing: 'never'"),
    (
        '<state id="no" />',
        "<intervals>0 1</intervals>",
        5,
        "'intervals' within 'cpt' is not understood and would be lost",
    ),
    ('<cpt id="grass">', '<cpt id="rain">', 9, "'rain' is declared twice, first on line 4"),
    (
        "<nodes>",
        '<nodes><utility id="u"/>',
        3,
        "a node of kind 'utility'; only cpt and deterministic nodes can be held",
    ),
    ("<nodes>", '<nodes><noisymax id="u"/>', 3, "a node of kind 'noisymax'"),
    ("<nodes>", '<dynamic numslices="3"/><nodes>', 3, "'dynamic' within 'smile' is not understood and would be lost"),
    ("</nodes>", "</nodes><nodes></nodes>", 16, "a second <nodes>; the first is on line 3"),
    ("<parents>rain<", "<parents>rainn<", 13, "'rainn' is not the id of a node of this file; did you mean 'rain'"),
    ("<parents>rain<", "<parents>rain rain<", 14, "'grass' lists 'rain' twice, or itself"),
    ("<parents>rain</parents>", "<parents>rain</parents><parents/>", 13, "a second parents of 'grass'"),
    ("<parents>rain</parents>", "", 14, "probabilities of 'grass': more than the 3 numbers needed"),
    ("<probabilities>0.7 0.3<", "<probabilities>0.7<", 7, "probabilities of 'rain': 1 numbers where 2 are needed"),
    ("0.7 0.3", "0,7 0,3", 7, "'0,7' is not a number"),
    ("0.7 0.3", "0.7 <b/> 0.3", 7, "'b' within 'probabilities' is not understood"),
    ("0.7 0.3", "0.7 0.31", 7, r"P\(rain\) sums to 1.01"),
    ("0.05 0.15 0.8", "0.05 0.15 -0.8", 14, "-0.8 is not a probability"),
    ("<probabilities>0.7 0.3</probabilities>", "", 4, "the cpt node 'rain' needs probabilities and no other table"),
    ("probabilities>", "resultingstates>", 4, "the cpt node 'rain' needs probabilities and no other table"),
    ('<state id="no" />', '<state id="no" /><property id="bsm_values">0</property>', 5, "1 numbers where 2 are needed"),
    ('<state id="no" />', '<state id="no" /><property id="bsm_values">0 inf</property>', 5, "'inf' is not a number"),
    ('<state id="no" />', '<state id="no" /><property id="bsm_place">0</property>', 5, "must be 0 to 1, each once"),
    ('<state id="no" />', '<state id="no" /><property id="bsm_name">grass</property>', 9, "'grass' is declared twice"),
    (XDSL, "", 1, "not well-formed XML: no element found"),
    (XDSL, "<smile><nodes/></smile>", 1, "no variable is declared; is the file complete"),
]


@pytest.mark.parametrize(
    ("text", "ending", "before", "after", "line", "message"),
    [(BIF, ".bif", *case) for case in MALFORMED_BIF] + [(XDSL, ".xdsl", *case) for case in MALFORMED_XDSL],
)
def test_malformed(text: str, ending: str, before: str, after: str, line: int, message: str, tmp_path: Path):
    assert before in text
    path = put(tmp_path, text.replace(before, after), ending)
    with pytest.raises(NetworkError, match=message) as told:
        read_network(path)
    assert str(told.value).startswith(f"{path}:{line}: "), told.value


@pytest.mark.parametrize("ending", [".bif", ".xdsl"])
def test_cycles(ending: str, tmp_path: Path):
    text = BIF.replace("( rain ) {\n  table", "( rain | grass ) {\n  default") if ending == ".bif" else XDSL
    text = text.replace("<probabilities>0.7 0.3<", "<parents>grass</parents><probabilities>0.7 0.3 0.7 0.3 0.7 0.3<")
    with pytest.raises(NetworkError, match=rf"net{ending}: the tables form a cycle: "):
        read_network(put(tmp_path, text, ending))
