"""A model built in Python, written and read back is the same model; the schema agrees with the reader."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from bsm.spec import (
    DriftDocument,
    GateDocument,
    ModelDocument,
    MotivationDocument,
    NodeDocument,
    ObservationDocument,
    ParameterDocument,
    PhaseDocument,
    PriorDocument,
    RowDocument,
    SeeksDocument,
    SourcedQuantity,
    SpecError,
    load,
    schema,
)
from bsm.spec.model import Ref
from bsm.spec.starter import evidence_text, model_text
from tests.spec.examples import FULL, write


def built() -> ModelDocument:
    return ModelDocument(
        name="built",
        parameters={"beta": ParameterDocument(value="1 to 10", opinion_of="us", why="a guess")},
        nodes={
            "action": NodeDocument(role="action", states=["work", "cheat"], base="uniform"),
            "passed": NodeDocument(
                role="selection",
                parents=["action"],
                source="a paper",
                table=[RowDocument(when={"action": "work"}, p="0.3 to 0.6"), RowDocument(otherwise=0.9)],
            ),
            "kept": NodeDocument(
                role="influence", parents=["passed"], rule={"if": {"passed": "yes"}, "then": 1, "else": 0}
            ),
        },
        motivations={
            "worker": MotivationDocument(seeks=SeeksDocument(target="action", state="work"), strength="$beta"),
            "survivor": MotivationDocument(seeks="influence", strength="$beta"),
        },
        prior=PriorDocument(none_of_these=0.05, opinion_of="us"),
        phases=[],
        observations={"cheated": ObservationDocument(event={"action": "cheat"})},
    )


def same(one, other) -> bool:
    return replace(one, path=None) == replace(other, path=None)


def test_a_model_built_in_python_is_the_model_read_from_its_file(tmp_path):
    document = built()
    file = document.write(tmp_path / "built")
    assert file == tmp_path / "built" / "model.yaml"
    assert same(load(file), load(document))
    assert ModelDocument.read(file) == document
    assert load(document).motivations["survivor"].seeks[0].target == "kept"


def test_reading_and_writing_again_changes_nothing(tmp_path):
    first = ModelDocument.read(write(tmp_path, FULL))
    second = ModelDocument.read(first.write(tmp_path / "again"))
    assert first == second
    assert first.text() == second.text()
    assert same(load(tmp_path / "again"), load(tmp_path))


def test_a_document_changed_in_place_is_written_as_changed(tmp_path):
    """Lists that nobody set are left out of the file only while they are empty."""
    document = built()
    document.observations["worked"] = ObservationDocument(event={"action": ["work"]})
    document.prior.terms.append(ModelDocument.read(write(tmp_path, FULL)).prior.terms[0])
    document.prior.terms[0].amounts = {"worker": 1, "survivor": 2}
    again = load(document.write(tmp_path / "changed.yaml"))
    assert set(again.observations) == {"cheated", "worked"}
    assert again.prior.terms[0].amounts == {"worker": 1.0, "survivor": 2.0}
    assert same(again, load(document))


def test_mistakes_in_python_are_told_by_place():
    with pytest.raises(ValidationError, match="parnets"):
        NodeDocument(role="outcome", parnets=["a"])
    document = built()
    document.nodes["passed"].parents = ["actoin"]
    with pytest.raises(SpecError, match=r"model built: nodes\.passed\.parents\[0\]: .*did you mean 'action'"):
        load(document)
    document = built()
    document.phases = "none"
    with pytest.raises(SpecError, match=r"model built: phases: 'none' is given; a list is accepted"):
        load(document)


def test_phases_built_in_python_are_those_read_from_the_file(tmp_path):
    """Everything that a phase may say, under its Python names, and the reading with its alpha."""
    document = built()
    document.reading = "dirichlet"
    document.alpha = SourcedQuantity(value="0.3 to 30", opinion_of="us")
    document.phases = [
        PhaseDocument(
            name="rl",
            kind="rl",
            selections="20 to 200",
            eta="$beta",
            rl_steps=1_000_000,
            dynamics="softmax_pg",
            selected={"passed": "yes"},
            unexplored=[{"action": ["cheat"]}],
            exploration=0.01,
            gates=[
                GateDocument(name="audit", looks=3, caught={"action": "cheat"}),
                GateDocument(
                    name="audit", looks=1, detection={"worker": 0, "survivor": "$q"}, held_out=False, evasion=0.5
                ),
            ],
            drift=[
                DriftDocument(from_="worker", to="survivor", rate="0.001 to 0.1", transmission="$q", kind="memetic")
            ],
            opinion_of="us",
        ),
        PhaseDocument(name="use", kind="deployment", selections=0, eta=1, opinion_of="us"),
    ]
    document.parameters["q"] = ParameterDocument(value=0.2, opinion_of="us")
    file = document.write(tmp_path / "built")
    assert ModelDocument.read(file).phases[0].drift[0].from_ == "worker"
    assert same(load(file), load(document))
    rl, use = load(file).phases
    assert [gate.held_out for gate in rl.gates] == [True, False]
    assert (rl.gates[1].detection["survivor"], rl.drift[0].transmission) == (Ref("q"), Ref("q"))
    assert (rl.rl_steps, rl.unexplored, use.selections) == ("1000000", ({"action": ("cheat",)},), 0.0)
    assert load(file).parameters["alpha"].prior.family == "lognormal"


def test_an_overlay_gives_a_phase_anew_and_leaves_the_others(tmp_path):
    model = load(write(tmp_path, FULL))
    changed = model.with_overlay("bypass")
    assert [p.name for p in changed.phases] == [p.name for p in model.phases]
    assert changed.phases[:2] == model.phases[:2]
    assert changed.phases[2].gates[0].caught == {"extra": ("yes",)}
    assert changed.phases[2].drift[0].source == "added"
    assert {n for n in changed.uncertain if n.startswith("overlays.bypass.phases")} == {
        "overlays.bypass.phases[0].gates[0].looks"
    }


def test_votes_accept_an_audit_without_selections(tmp_path):
    text = FULL.replace('reading: dirichlet\nalpha: {value: "0.3 to 30", opinion of: us}\n', "reading: votes\n")
    text = text.replace("    dynamics: replicator", "    dynamics: softmax_pg")
    assert load(write(tmp_path, text)).reading == "votes"


def test_overlays_keep_what_they_do_not_change(tmp_path):
    model = load(write(tmp_path, FULL))
    changed = model.with_overlay("bypass")
    kludge = changed.motivations["kludge"]
    assert kludge.seeks[0].target == "extra"
    assert kludge.strength == model.motivations["kludge"].strength
    assert changed.parameters["beta"].value == 4.0
    assert changed.parameters["beta"].support == "positive"
    assert changed.nodes["power"].role == model.nodes["power"].role
    assert set(changed.nodes) - set(model.nodes) == {"extra"}
    assert ("action", "word") not in changed.graph.edges


def test_inherited_tables_keep_their_parameters(tmp_path):
    """An edit that only says more about a node does not make its uncertain numbers into new parameters."""
    text = FULL.replace("      extra:\n", "      t1: {about: the same table}\n      extra:\n")
    model = load(write(tmp_path, text))
    changed = model.with_overlay("bypass")
    assert changed.nodes["t1"].mechanism == model.nodes["t1"].mechanism
    assert changed.nodes["t1"].provenance == model.nodes["t1"].provenance


def test_a_node_given_anew_no_longer_lacks_the_edge_that_an_overlay_dropped(tmp_path):
    text = FULL.replace(
        "      drop_edges: [[scene, t1]]\n      nodes:\n", "      nodes:\n        word: {parents: [action]}\n"
    )
    model = load(write(tmp_path, text))
    overlaid = model.with_overlay("bypass")
    believed = overlaid.edited(overlaid.motivations["reward_seeker"].beliefs)
    assert ("action", "word") not in overlaid.graph.edges
    assert ("action", "word") in believed.graph.edges


def test_an_influence_target_means_the_node_of_that_role(tmp_path):
    assert load(write(tmp_path, FULL)).motivations["inf"].seeks[0].target == "i"


def test_inline_uncertain_numbers_become_parameters_named_by_place(tmp_path):
    model = load(write(tmp_path, FULL))
    assert {
        "nodes.t1.table[2].otherwise",
        "nodes.t2.noisy_or.causes[1].p",
        "motivations.kludge.strength",
    } <= set(model.uncertain)
    sticks = model.nodes["m"].mechanism.rows[0].p.lengths
    priors = [model.parameters[stick.parameter].prior.args for stick in sticks]
    assert priors == [(2.0, 8.0), (3.0, 5.0)]  # Dirichlet(2, 3, 5) as Beta(a_i, a_{i+1} + ...)


def test_situations_are_completed_by_defaults(tmp_path):
    assert load(write(tmp_path, FULL)).support == (
        {"scene": "clean", "tier": "free"},
        {"scene": "clean", "tier": "paid"},
    )


def test_the_starter_loads_and_reads_well(tmp_path):
    model = load(write(tmp_path, model_text("mine")))
    assert model.name == "mine"
    assert set(model.motivations) == {"solver", "scorer", "faker"}
    assert len(model_text("mine").splitlines()) <= 25
    header, *rows = evidence_text().splitlines()
    assert len(rows) in (2, 3)
    assert all(len(row.split(",")) == len(header.split(",")) for row in rows)
    assert {row.split(",")[header.split(",").index("observation")] for row in rows} <= set(model.observations)


def test_the_schema_is_json_and_explains_itself():
    made = schema()
    assert json.loads(json.dumps(made)) == made
    parts = made["$defs"]
    assert "opinion of" in parts["NodeDocument"]["properties"]
    assert parts["NodeDocument"]["additionalProperties"] is False
    assert set(parts["NodeDocument"]["required"]) == {"role"}
    assert parts["Quantity"]["anyOf"][:2] == [{"type": "number"}, {"type": "string"}]
    unexplained = [
        f"{part}.{key}"
        for part, held in {**parts, "": made}.items()
        for key, value in held.get("properties", {}).items()
        if "description" not in value and "$ref" not in value
    ]
    assert not unexplained
    used = set()

    def walk(node):
        if isinstance(node, dict):
            used.add(node.get("$ref", "#/$defs/Rule"))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(made)
    assert {ref.removeprefix("#/$defs/") for ref in used if isinstance(ref, str)} <= set(parts)


def test_the_schema_accepts_what_the_reader_accepts(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    from bsm.spec.yaml_text import read_file

    for text in (FULL, model_text("mine")):
        jsonschema.validate(read_file(write(tmp_path, text)).data, schema())
    jsonschema.validate(built().plain(), schema())
    wrong = read_file(write(tmp_path, FULL.replace("closeness", "closenes"))).data
    with pytest.raises(jsonschema.ValidationError, match="closenes"):
        jsonschema.validate(wrong, schema())
