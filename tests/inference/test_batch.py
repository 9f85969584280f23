"""A batch says of every row what `bsm.ask` says of it, in every format, and says what it rests on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import bsm
from bsm.engine import ImpossibleEvidence, TooLarge, compile
from bsm.inference.ask import weighted_interval
from bsm.inference.batch.answers import Asker, Impossible, intervals, summarised
from bsm.inference.batch.question import Posed
from bsm.network.tables import Network, Table, Variable
from bsm.spec.model import Model, SpecError
from tests.inference.batches import one_by_one, random_cases, read, uncertain, written
from tests.inference.examples import small

MODELS = Path(__file__).parents[2] / "models"
TINY = bsm.load(MODELS / "tiny")
AGENT = bsm.load(MODELS / "coding_agent")
SEEN = ("suite", "action", "reward", "influence")
CASES = {
    "tiny": (TINY, "motivation", SEEN, {}),
    "target seen too": (TINY, "power", ("action", "power", "reward"), {}),
    "motivation seen": (TINY, ("power", "reward"), ("motivation", "suite"), {}),
    "joint": (TINY, ("motivation", "influence"), ("suite", "power"), {}),
    "do": (TINY, "influence", ("suite", "reward"), {"do": {"action": "hack"}}),
    "do a distribution": (TINY, "reward", ("power",), {"do": {"suite": {"clean": 0.5, "broken-test": 0.5}}}),
    "overlay": (TINY, "power", ("action",), {"overlay": "bypass"}),
    "given": (TINY, "motivation", ("action", "power"), {"given": {"suite": "clean"}}),
    "likelihood": (
        TINY,
        "motivation",
        ("suite", "power"),
        {"given": {"reward": {"0": 0.1, "1": 2.0, "2": 0.0, "3": 4.0}, "influence": {"no": 1.0, "yes": 0.25}}},
    ),
    "agent": (AGENT, "motivation", ("action", "reward", "praise", "power"), {}),
    "uncertain": (uncertain(), "motivation", ("c", "z", "r"), {"draws": 60, "seed": 3}),
    "uncertain, joint": (uncertain(), ("motivation", "influence"), ("a", "z"), {"draws": 25}),
    "uncertain, given and do": (
        uncertain(),
        "influence",
        ("z", "r"),
        {"draws": 40, "do": {"c": "u"}, "given": {"a": {"x": 0.5, "y": 0.2, "z": 0.9}}},
    ),
}


@pytest.mark.parametrize(("model", "target", "nodes", "more"), CASES.values(), ids=CASES)
def test_every_row_gets_the_answer_of_ask(model, target, nodes, more, tmp_path):
    rows = random_cases(model, nodes, 24)
    expected = one_by_one(model, target, nodes, rows, **more)
    cases = written(tmp_path / "cases.csv", nodes, rows)
    batch = bsm.ask_batch(model, target, cases, tmp_path / "out.csv", chunk=7, on_impossible="mask", **more)
    found = read(batch.out)
    assert (batch.rows, len(found)) == (24, 24)
    assert batch.masked == sum(e is None for e in expected) < 24
    for number, (row, answer) in enumerate(zip(found, expected, strict=True), start=1):
        assert row.pop("row") == str(number)
        note = row.pop("note")
        if answer is None:
            assert float(row.pop("log_evidence")) == -math.inf
            assert set(row.values()) == {""}
            assert "cannot happen" in note
        else:
            assert note == ""
            assert {name: float(cell) for name, cell in row.items()} == pytest.approx(answer, rel=1e-9, abs=1e-12)


def test_intervals_are_those_of_ask():
    """Equal weights put whole steps exactly on the tail, ties and zero weights lie beside it."""
    rng = np.random.default_rng(1)
    values = torch.tensor(
        rng.choice([0.1, 0.2, 0.25, 0.9], size=(40, 6, 3)) + rng.random((40, 6, 1)) * (np.arange(6) > 2)[:, None]
    )
    raw = torch.tensor(rng.random((40, 6)) * (rng.random((40, 6)) < 0.7))
    raw[:, 0] = 1.0
    weights = raw / raw.sum(0)
    low, high = intervals(values, weights)
    for row in range(6):
        for state in range(3):
            told = weighted_interval(values[:, row, state], weights[:, row])
            assert (float(low[row, state]), float(high[row, state])) == told


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_the_size_of_chunks_changes_no_answer(chunk, tmp_path):
    nodes = ("c", "a", "z")
    cases = written(tmp_path / "cases.csv", nodes, random_cases(uncertain(), nodes, 20))
    plain = bsm.ask_batch(uncertain(), "motivation", cases, tmp_path / "a.csv", draws=30)
    other = bsm.ask_batch(uncertain(), "motivation", cases, tmp_path / "b.csv", draws=30, chunk=chunk)
    for one, two in zip(read(plain.out), read(other.out), strict=True):
        assert {n: float(c) for n, c in one.items()} == pytest.approx({n: float(c) for n, c in two.items()}, abs=1e-12)


def test_many_columns_are_told_apart_where_one_number_cannot_hold_them():
    """Equal rows are found by one integer per row, made anew before it would overflow."""
    network = _chain(draws=1, names=[f"n{i}" for i in range(70)])
    seen = tuple(f"n{i}" for i in range(1, 70))
    asker = Asker(Posed(network, ("n0",), {}, 0.0), compile(network, "n0", seen), seen, mask=True)
    codes = np.random.default_rng(0).integers(-1, 2, size=(60, 69))
    codes[30:] = codes[:30]
    codes[45, 68] = (codes[45, 68] + 2) % 3 - 1
    first, which = asker.distinct(codes)
    assert len(first) == 31
    assert (codes[first][which] == codes).all()
    assert (np.diff(first) > 0).all()


# --- rows that cannot happen -------------------------------------------------------------------------------


def test_an_impossible_row_stops_the_work_and_is_named(tmp_path):
    cases = written(tmp_path / "cases.csv", ("suite", "reward"), [["clean", "0"], ["clean", ""], ["clean", "3"]])
    with pytest.raises(ImpossibleEvidence) as error:
        bsm.ask_batch(TINY, "motivation", cases, tmp_path / "out.csv", chunk=1)
    assert str(error.value).startswith(f"{cases}:4: suite = clean, reward = 3 cannot happen together: the zero is in")
    assert [p.name for p in tmp_path.iterdir()] == ["cases.csv"]


def test_a_note_names_only_what_excludes_each_other(tmp_path):
    rows = [["hack", "clean", "3", "yes"], ["", "clean", "3", ""]]
    cases = written(tmp_path / "cases.csv", ("action", "suite", "reward", "power"), rows)
    batch = bsm.ask_batch(TINY, "motivation", cases, tmp_path / "out.csv", on_impossible="mask")
    one, two = (row["note"] for row in read(batch.out))
    assert one == two
    assert one.startswith("suite = clean, reward = 3 cannot happen together: the zero is in the table of reward")


def test_what_is_given_for_all_rows_must_be_possible(tmp_path):
    cases = written(tmp_path / "cases.csv", ("power",), [["yes"]])
    given = {"reward": "0", "instructions": "yes", "action": "hack"}
    for on_impossible in ("raise", "mask"):
        with pytest.raises(
            ImpossibleEvidence, match=r"what is given for all rows: instructions = yes, action = hack cannot"
        ):
            bsm.ask_batch(TINY, "motivation", cases, tmp_path / "out.csv", given=given, on_impossible=on_impossible)


def _chain(draws: int, names: list[str], zero_in: tuple[int, ...] = ()) -> Network:
    """no/yes variables, each the cause of the next; in some draws the second cannot be yes."""
    variables = {n: Variable(n, ("no", "yes")) for n in names}
    step = torch.tensor([[0.8, 0.2], [0.3, 0.7]], dtype=torch.float64).expand(draws, 2, 2).clone()
    first = torch.rand(draws, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 2
    tables = {n: Table(n, (before,), step.clone()) for before, n in pairwise(names)}
    for draw in zero_in:
        tables[names[1]].values[draw, :] = torch.tensor([1.0, 0.0], dtype=torch.float64)
    return Network(variables, {**tables, names[0]: Table(names[0], (), torch.cat([first, 1 - first], 1))})


def test_draws_in_which_a_row_cannot_happen_have_no_weight_and_are_noted():
    network = _chain(4, ["a", "b"], zero_in=(1, 3))
    others = replace(network, tables={n: replace(t, values=t.values[[0, 2]]) for n, t in network.tables.items()})
    codes = np.array([[1], [0], [-1]])

    def answers(net: Network, mask: bool = True):
        return Asker(Posed(net, ("a",), {}, 0.0), compile(net, "a", "b"), ("b",), mask).answers(codes)

    found, without = answers(network), answers(others)
    assert found.notes == ["impossible in 2 of 4 parameter draws, which have no weight", "", ""]
    assert not found.masked.any()
    np.testing.assert_allclose(found.values[0], without.values[0], atol=1e-12)
    assert found.log_evidence[0] == pytest.approx(without.log_evidence[0] - math.log(2))
    with pytest.raises(Impossible, match="b = yes cannot happen"):
        answers(network, mask=False)


def test_a_summary_has_no_number_that_is_not_one():
    p = torch.tensor([[[0.0, 0.0], [0.4, 0.6]], [[0.0, 0.0], [0.0, 0.0]]], dtype=torch.float64)
    log_p = torch.tensor([[-math.inf, -1.0], [-math.inf, -math.inf]], dtype=torch.float64)
    found = summarised(p, log_p)
    assert not any(bool(torch.isnan(part).any()) for part in found)
    assert found.possible.tolist() == [0, 1]
    np.testing.assert_allclose(found.mean[1], [0.4, 0.6])


# --- what is said of the answers ---------------------------------------------------------------------------


def test_what_the_answers_rest_on_is_told_and_kept_beside_them(tmp_path):
    cases = written(tmp_path / "cases.csv", ("id", "z"), [["one", "yes"], ["two", ""]])
    told: list[str] = []
    batch = bsm.ask_batch(
        uncertain(), "motivation", cases, tmp_path / "out.csv", draws=30, seed=5, keep=["id"], tell=told.append
    )
    about = json.loads((tmp_path / "out.csv.json").read_text(encoding="utf-8"))
    assert about == batch.about
    rests = about["rests_on"]
    prior = rests["prior_over_motivations"]
    assert set(prior) == {"m", "n", "k"}
    assert sum(prior.values()) == pytest.approx(1)
    assert rests["prior_terms"][0]["opinion_of"] == "us"
    assert (rests["draws"], rests["seed"], rests["none_of_these"][:3]) == (30, 5, "0.2")
    assert set(rests["uncertain_parameters"]) == set(uncertain().uncertain)
    assert about["evidence"] == ["z"]
    assert list(about["columns"]) == list(read(batch.out)[0])
    nothing = read(batch.out)[1]
    assert {n: float(nothing[n]) for n in rests["where_nothing_is_seen"]} == rests["where_nothing_is_seen"]
    (line,) = told
    assert line.startswith("these answers rest on small: prior m 0.")
    assert line.endswith("30 draw(s) of 3 uncertain parameters, seed 5")
    assert str(tmp_path) not in json.dumps(about)


def test_uncertain_numbers_that_do_not_enter_make_no_intervals(tmp_path):
    model = small(PHASES='[{name: tr, selections: "3 to 300", eta: 1, opinion of: us}]')
    assert model.uncertain
    cases = written(tmp_path / "cases.csv", ("z",), [["yes"]])
    told: list[str] = []
    batch = bsm.ask_batch(model, "influence", cases, tmp_path / "out.csv", tell=told.append)
    assert list(read(batch.out)[0]) == ["row", "i=no", "i=yes", "log_evidence"]
    assert told[0].endswith("no number that they use is uncertain")


def test_a_name_of_a_role_names_its_node_in_columns_too(tmp_path):
    cases = written(tmp_path / "cases.csv", ("influence",), [["yes"], [""]])
    batch = bsm.ask_batch(small(), "motivation", cases, tmp_path / "out.csv")
    assert batch.about["evidence"] == ["i"]
    expected = one_by_one(small(), "motivation", ("i",), [["yes"]])[0]
    first = {n: float(c) for n, c in read(batch.out)[0].items() if n != "row"}
    assert first == pytest.approx(expected)


# --- too much ----------------------------------------------------------------------------------------------


def test_too_many_draws_are_refused_before_they_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr("bsm.inference.ask.default_limit", lambda tensors: 100_000)
    cases = written(tmp_path / "cases.csv", ("z",), [["yes"]])
    with pytest.raises(
        TooLarge, match=r"10000 parameter draws .* At most \d+ draws fit: ask with --draws \d+ or fewer"
    ):
        bsm.ask_batch(uncertain(), "motivation", cases, tmp_path / "out.csv", draws=10_000)


def test_too_many_joint_states_are_refused(tmp_path):
    cases = written(tmp_path / "cases.csv", ("suite",), [["clean"]])
    target = [n for n in TINY.nodes if n != "suite"]
    with pytest.raises(TooLarge, match="8,192 joint states, each a column of the answers; at most 1,000"):
        bsm.ask_batch(TINY, target, cases, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"draws": 0}, "draws=0 is given; 1 or more"),
        ({"chunk": 0}, "chunk=0 is given; 1 or more"),
        ({"on_impossible": "skip"}, "on_impossible='skip' is not one of 'raise', 'mask'"),
    ],
)
def test_options_that_mean_nothing_are_refused(more, said, tmp_path):
    model: Model = TINY
    cases = written(tmp_path / "cases.csv", ("suite",), [["clean"]])
    with pytest.raises(SpecError, match=said):
        bsm.ask_batch(model, "motivation", cases, tmp_path / "out.csv", **more)
