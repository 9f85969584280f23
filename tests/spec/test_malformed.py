"""Every kind of malformed model file is refused with its file, its line and a remedy."""

import re

import pytest

from bsm.spec import SpecError, load
from tests.spec.examples import FULL, write

# (what is wrong, text of the good file, what stands there instead, words of the message); the line that the
# error must name carries the comment HERE.
SD = ('variant_sd: {value: "0.1 to 1", opinion of: us, why: seen elsewhere}\n', "")
CASES = [
    (
        "unknown key",
        "    parents: [action, style]",
        "    parnets: [action, style]  # HERE",
        "did you mean 'parents'?",
    ),
    ("unknown top key", "closeness: 0.8", "closenes: 0.8  # HERE", "did you mean 'closeness'?"),
    (
        "missing key",
        "  inf: {seeks: influence, strength: 3,",
        "  inf: {seeks: influence,  # HERE\n   ",
        "'strength' is",
    ),
    (
        "no phases key",
        "phases:\n  - name: training",
        "phase:  # HERE\n  - name: training",
        "did you mean 'phases'?",
    ),
    ("list for mapping", "observations:\n", "observations: [] # HERE\nabouts:\n", "a mapping is accepted"),
    ("text for list", "    parents: [action, scene]", "    parents: action  # HERE", "write [ ] around it"),
    (
        "choice named like another setting",
        "{name: no noise, about",
        "{name: as declared,  # HERE\n     about",
        "'as declared' is given, which is a setting that is always there; rename the choice",
    ),
    (
        "unknown role",
        "  t1:\n    role: outcome",
        "  t1:\n    role: outcom  # HERE",
        "did you mean 'outcome'?",
    ),
    ("bad boolean", "    intended: true", "    intended: maybe  # HERE", "`true` or `false` is accepted"),
    (
        "duplicate key",
        "    scope: bounded",
        "    scope: bounded\n    scope: bounded  # HERE",
        "keep one of them",
    ),
    ("anchor", "closeness: 0.8", "closeness: &close 0.8  # HERE", "remove it and write values out"),
    ("alias", "closeness: 0.8", "closeness: *close  # HERE", "write the value out here"),
    ("tag", "closeness: 0.8", "closeness: !!float 0.8  # HERE", "remove it, all values are text"),
    ("list as key", "closeness: 0.8", "? [a, b]  # HERE\n: 0.8", "keys are text"),
    (
        "second document",
        "closeness: 0.8",
        "closeness: 0.8\n---  # HERE\nname: other",
        "a model file is one document",
    ),
    (
        "broken flow",
        "closeness: 0.8",
        "closeness: [0.8\nvariant: 3 # HERE",
        "check the indentation, brackets",
    ),
    ("tab", "closeness: 0.8", "closeness: 0.8\n\tname: x  # HERE", "this is not YAML"),
    ("control character", "about: it did", 'about: "it \\0 did" # HERE', "only printable text"),
    ("not a number", "closeness: 0.8", "closeness: high  # HERE", "a finite number is accepted"),
    ("out of range", "closeness: 0.8", "closeness: 1.8  # HERE", "above 0 and at most 1"),
    (
        "infinite",
        "  inf: {seeks: influence, strength: 3,",
        "  inf: {seeks: influence, strength: .inf, # HERE\n",
        "finite",
    ),
    ("overflowing number", "      leak: 0.01", "      leak: 1e999  # HERE", "must be finite"),
    ("percent", "      leak: 0.01", "      leak: 1%  # HERE", "30 % is 0.3"),
    ("probability above one", "      leak: 0.01", "      leak: 10  # HERE", "write percents as fractions"),
    (
        "dash interval",
        "      leak: 0.01",
        '      leak: "0.01-0.1"  # HERE',
        'write an interval as "low to high"',
    ),
    ("reversed interval", "      leak: 0.01", "      leak: 0.1 to 0.01  # HERE", 'write "0.01 to 0.1"'),
    ("interval ends at 1", "      leak: 0.01", "      leak: 0.9 to 1  # HERE", "use 0.001 or 0.999"),
    (
        "unknown distribution",
        "      leak: 0.01",
        "      leak: {betta: [1, 2]}  # HERE",
        "did you mean 'beta'?",
    ),
    (
        "distribution arguments",
        "      leak: 0.01",
        "      leak: {beta: [1]}  # HERE",
        "accepted is {beta: [a, b]}",
    ),
    (
        "distribution too wide",
        "      leak: 0.01",
        "      leak: {normal: [0, 1]}  # HERE",
        "{beta: [a, b]} or",
    ),
    (
        "negative sd",
        "  base: {value: {normal: [-2, 1]},",
        "  base: {value: {normal: [-2, -1]},  # HERE\n",
        "sd above 0",
    ),
    ("extreme beta", "      leak: 0.01", "      leak: {beta: [1e-9, 1]}  # HERE", "less extreme numbers"),
    ("unknown parameter", "strength: $beta", "strength: $bata  # HERE", "did you mean 'beta'?"),
    ("unwritten dollar", "strength: $beta", "strength: beta  # HERE", "a parameter is written $beta"),
    (
        "parameter support",
        "      leak: 0.01",
        "      leak: $beta  # HERE",
        "give beta the support probability",
    ),
    (
        "parameter in two kinds of place",
        "  base: {value: {normal: [-2, 1]}, opinion of: us}",
        "  base: {value: 0.3, opinion of: us}  # HERE\n  unused: "
        "{value: 1, opinion of: us, used by: ledger, support: real}",
        "write `support: probability` here",
        ("      leak: 0.01", "      leak: $base"),
    ),
    (
        "unused parameter",
        "parameters:\n",
        "parameters:\n  gamma: {value: 1, opinion of: us}  # HERE\n",
        "remove it, or, if evidence.csv uses it",
    ),
    (
        "ledger parameter without support",
        'rho: {value: "0.01 to 0.1", support: probability,',
        'rho: {value: "0.01 to 0.1",  # HERE\n   ',
        "give its support",
    ),
    (
        "parameter of a parameter",
        "  base: {value: {normal: [-2, 1]}, opinion of: us}",
        "  base: {value: $beta, opinion of: us}  # HERE",
        "a parameter's value is a number",
    ),
    (
        "parameter without source",
        "3, support: positive, opinion of: bsm authors",
        "3, support: positive # HERE\n ",
        "add one",
    ),
    (
        "node without source",
        "    source: somewhere\n    table:",
        "    about: x\n    table:",
        "`source: ...` or",
        ("  t1:", "  t1:  # HERE"),
    ),
    (
        "two sources",
        "    source: somewhere",
        "    source: somewhere\n    opinion of: us  # HERE",
        "keep what is true",
    ),
    (
        "term without reason",
        "      why: longer is rarer\n",
        "",
        "add `why`",
        ("    - name: description length", "    - name: description length  # HERE"),
    ),
    (
        "unknown parent",
        "    parents: [action, style]",
        "    parents: [action, stile]  # HERE",
        "did you mean 'style'?",
    ),
    (
        "parent twice",
        "    parents: [action, style]",
        "    parents: [action, style, style]  # HERE",
        "remove one",
    ),
    (
        "unused parent",
        "    parents: [action, style]",
        "    parents: [action, style, dev]  # HERE",
        "use it or remove it",
    ),
    (
        "cycle",
        "  t1:\n    role: outcome\n    parents: [action, scene]",
        "  t1:\n    role: outcome\n    parents: [action, scene, x]  # HERE",
        "t1 -> r -> x -> t1",
    ),
    (
        "influence twice",
        "  x:\n    role: outcome",
        "  x:\n    role: influence",
        "give the others role selection",
        ("  i:\n", "  i:  # HERE\n"),
    ),
    (
        "no influence",
        "nodes:\n",
        "nodes:  # HERE\n",
        "add it",
        ("  i:\n    role: influence", "  i:\n    role: outcome"),
    ),
    (
        "influence values",
        "  i:\n    role: influence",
        "  i:  # HERE\n    values: [0, 2]\n    role: influence",
        "`values: [0, 1]`",
    ),
    (
        "action sees selection",
        "[scene, tier, dev], base",
        "[scene, tier, r], # HERE\n    base",
        "let it see an observation",
        ("    parents: [action, style]", "    parents: [style]"),
        ("        - {when: {action: hack}, p: 0.3}\n", ""),
        (
            "      - {when: {action: solve}, p: 0.8}\n      - {when: {action: [hack], scene",
            "      - {when: {scene",
        ),
        ("    parents: [action, scene]\n    source", "    parents: [scene]\n    source"),
    ),
    (
        "context from outcome",
        "  tier: {role: context,",
        "  tier: {role: context, parents: [style], # HERE\n    ",
        "use role outcome",
    ),
    (
        "lever without default",
        "states: [off, on], default: off",
        "states: [off, on] # HERE\n  ",
        "give `default`",
    ),
    (
        "lever with parents",
        "  dev: {role: lever,",
        "  dev: {role: lever, parents: [tier], # HERE\n ",
        "people set it",
    ),
    ("default state", "default: off", "default: of  # HERE\n   ", "did you mean 'off'?"),
    (
        "default of an outcome",
        "  th: {role: outcome,",
        "  th: {role: outcome, default: yes, # HERE\n ",
        "only contexts and levers",
    ),
    ("reserved node name", "  th: {role", "  motivation: {  # HERE\n    role", "rename it"),
    ("double underscore", "  th: {role", "  th__1: {  # HERE\n    role", "reserved for time"),
    ("node name", "  th: {role", "  3th: {  # HERE\n    role", "a letter first"),
    (
        "column name",
        "  tier: {role",
        "  variant: {  # HERE\n    role",
        "the ledger has a column",
        ("[scene, tier, dev]", "[scene, variant, dev]"),
    ),
    ("motivation name", "  inf: {", "  none_of_these: { # HERE\n ", "the name is reserved"),
    ("states twice", "states: [a0, a1, a2, top]", "states: [a0, a1, a1, top]  # HERE", "remove one"),
    (
        "one state",
        "states: [free, paid], p: 0.5",
        "states: [free], p: 0.5 # HERE\n ",
        "a node has two or more",
    ),
    ("empty state", "states: [free, paid]", 'states: [free, ""] # HERE\n ', "some text on one line"),
    (
        "too few values",
        "    values: [0, 1, 2, 3]",
        "    values: [0, 1, 2]  # HERE",
        "one for each, in their order",
    ),
    ("equal values", "    values: [0, 1, 2, 3]", "    values: [0, 1, 2, 2]  # HERE", "join the states"),
    (
        "sum over one",
        "{clean: 0.6, broken-test: 0.4}\n",
        "{clean: 0.6, broken-test: 0.41}  # HERE\n",
        "nothing is renormalised",
    ),
    (
        "state left out",
        "{otherwise: {a: 0.2, b: 0.3, c: 0.5}}",
        "{otherwise: {a: 0.2, b: 0.8}}  # HERE",
        "given for c",
    ),
    (
        "unknown state",
        "{otherwise: {a: 0.2, b: 0.3, c: 0.5}}",
        "{otherwise: {a: 0.2, b: 0.3, d: 0.5}}  # HERE",
        "are a, b, c",
    ),
    (
        "number for three states",
        "{otherwise: {a: 0.2, b: 0.3, c: 0.5}}",
        "{otherwise: 0.2}  # HERE",
        "{dirichlet: {...}}",
    ),
    ("dirichlet amount", "{a: 2, b: 3, c: 5}", "{a: 0, b: 3, c: 5} # HERE\n      ", "above 0"),
    (
        "uncertain mapping",
        "p: {no: 0.7, yes: 0.3}}",
        'p: {no: 0.7, yes: "0.2 to 0.4"}} # HERE',
        "the probability of 'yes' alone",
    ),
    (
        "two tables",
        "    noisy_or:\n",
        "    p: 0.3\n    noisy_or:\n",
        "p and noisy_or",
        ("  t2:\n", "  t2:  # HERE\n"),
    ),
    (
        "no table",
        "  tier: {role: context, states: [free, paid], p: 0.5,",
        "  tier: {role: context, states: [free, paid], # HERE\n",
        "exactly one of",
    ),
    (
        "base of an outcome",
        "  th: {role: outcome,",
        "  th: {role: outcome, base: uniform, # HERE\n ",
        "use `table`",
    ),
    (
        "uncovered",
        '      - {otherwise: "0.05 to 0.3"}\n',
        "",
        "{action: hack, scene: broken-test} (and 2 more)",
        (
            "    table:\n      - {when: {action: solve}, p: 0.8}",
            "    table:  # HERE\n      - {when: {action: solve}, p: 0.8}",
        ),
    ),
    (
        "covered twice",
        "{when: {action: [hack], scene: clean}",
        "{when: {scene: clean} # HERE\n      ",
        "{action: solve, scene: clean} matches this row and the row at line 2",
    ),
    (
        "otherwise first",
        "      - {when: {action: solve}, p: 0.8}\n",
        "      - {otherwise: 0.8}  # HERE\n",
        "in the last row",
    ),
    (
        "idle otherwise",
        '      - {otherwise: "0.05 to 0.3"}',
        "      - {when: {action: tamper}, p: 0}\n      - "
        "{when: {action: hack, scene: broken-test}, p: 0}\n      - {otherwise: 0.1}  # HERE",
        "remove it",
    ),
    (
        "row without p",
        "      - {when: {action: solve}, p: 0.8}\n",
        "      - {when: {action: solve}}  # HERE\n",
        "without a probability",
    ),
    (
        "when on a stranger",
        "        - {when: {action: hack}, p: 0.3}",
        "        - {when: {scene: clean}, p: 0.3}  # HERE",
        "add 'scene' to its parents",
    ),
    (
        "when on no state",
        "        - {when: {action: hack}, p: 0.3}",
        "        - {when: {action: hck}, p: 0.3}  # HERE",
        "did you mean 'hack'?",
    ),
    (
        "when empty",
        "        - {when: {action: hack}, p: 0.3}",
        "        - {when: {action: []}, p: 0.3}  # HERE",
        "leave the key out",
    ),
    (
        "logistic with three states",
        "  x:\n    role: outcome",
        "  x:\n    states: [a, b, c]\n    role: outcome",
        "write a `table`",
        ("    logistic:\n      intercept", "    logistic:  # HERE\n      intercept"),
    ),
    (
        "rule between values",
        "    values: [0, 1, 2, 3]",
        "    values: [0, 1, 5, 3]",
        "{action: solve, r: 2}",
        ("    rule: {if: {action: tamper}", "    rule: {if: {action: tamper} # HERE\n      "),
    ),
    ("rule operator", "rule: {sum: [t1, t2]}", "rule: {sums: [t1, t2]} # HERE\n   ", "did you mean 'sum'?"),
    ("rule as text", "rule: {sum: [t1, t2]}", "rule: t1 + t2 # HERE\n   ", "the parents of r are t1, t2"),
    (
        "rule on labels",
        "rule: {sum: [t1, t2]}",
        "rule: {sum: [t1, t2, style, action]} # HERE\n  ",
        "give action `values`",
        ("parents: [t1, t2],", "parents: [t1, t2, style, action],"),
    ),
    ("rule state", "then: good, else: bad}", "then: goood, else: bad} # HERE\n  ", "did you mean 'good'?"),
    (
        "half an if",
        "then: good, else: bad}",
        "then: good} # HERE\n  ",
        "{if: {parent: state}, then: ..., else: ...}",
    ),
    ("threshold form", "{of: {max: [r, t1]}, at_least: 1}", "{of: r} # HERE\n  ", "{of: ..., at_least: ...}"),
    ("target", "    seeks: r\n", "    seeks: rr  # HERE\n", "did you mean 'r'?"),
    ("target without values", "    seeks: r\n", "    seeks: word  # HERE\n", "{target: ..., state: ...}"),
    ("target state", "state: top, weight: -1", "state: tip, weight: -1 # HERE\n ", "did you mean 'top'?"),
    ("weight zero", "state: top, weight: -1", "state: top, weight: 0 # HERE\n ", "remove the target"),
    (
        "active in nothing seen",
        "active_in: {scene: clean}",
        "active_in: {t2: yes} # HERE\n",
        "contexts that an action sees: scene, tier",
    ),
    ("planning zero", "    planning: 1", "    planning: 0  # HERE", "above 0 and at most 1"),
    ("awareness", "    awareness: 1", "    awareness: 2  # HERE", "2 is given; a probability, 0 to 1, is accepted"),
    (
        "intended twice",
        "  inf: {seeks: influence,",
        "  inf: {seeks: influence, intended: true, # HERE\n",
        "keep one",
    ),
    (
        "belief edge",
        "drop_edges: [[scene, t1]]",
        "drop_edges: [[scene, t2]]  # HERE",
        "edges into t2: [action, t2], [style, t2]",
    ),
    (
        "belief about actions",
        "drop_edges: [[scene, t1]]",
        "drop_edges: [[scene, action]]  # HERE",
        "`awareness`",
    ),
    (
        "says of an outcome",
        "says: {thinks: {",
        "says: {power: { # HERE\n      ",
        "tables of observation nodes: thinks",
    ),
    ("amount missing", "kludge: 20, inf: 14,", "kludge: 20, # HERE\n      ", "nothing is given for inf"),
    (
        "amount of a stranger",
        "kludge: 20, inf: 14,",
        "kludge: 20, inf: 14, info: 3, # HERE\n      ",
        "did you mean 'inf'?",
    ),
    ("none of these", "  none_of_these: 0.05", "  none_of_these: 1  # HERE", "lower it"),
    (
        "no none of these",
        "  none_of_these: 0.05\n",
        "",
        "'none_of_these' is missing",
        ("prior:\n", "prior:  # HERE\n"),
    ),
    ("dynamics", "    dynamics: replicator", "    dynamics: replicater  # HERE", "did you mean 'replicator'?"),
    ("kind of phase", "    kind: audit\n", "    kind: audits  # HERE\n", "did you mean 'audit'?"),
    ("reading", "reading: dirichlet", "reading: dirichelt  # HERE", "did you mean 'dirichlet'?"),
    ("no alpha", "reading: dirichlet\nalpha:", "reading: dirichlet # HERE\nvariant_sd:", "add `alpha: ", SD),
    ("needless alpha", "alpha: {", "alpha: { # HERE\n  ", "the reading is mixture", ("g: dirichlet", "g: mixture")),
    ("alpha of 0", 'alpha: {value: "0.3 to 30"', "alpha: {value: 0 # HERE\n  ", "write `reading: hypothesis`"),
    (
        "votes selected by replicator",
        "    dynamics: replicator",
        "    dynamics: replicator  # HERE",
        "the reading is votes; votes are shares of one policy",
        ('reading: dirichlet\nalpha: {value: "0.3 to 30", opinion of: us}\n', "reading: votes\n"),
    ),
    (
        "two phases of a name",
        "support:\n",
        "  - {selections: 3, eta: 1, opinion of: us,\n    name: training}  # HERE\nsupport:\n",
        "names differ, the ledger uses them",
    ),
    (
        "phase with a colon",
        "  - name: training\n",
        '  - name: "training:1"  # HERE\n',
        "a moment is written phase:step",
    ),
    ("phase called now", "  - name: training\n", "  - name: now  # HERE\n", "reserved for a moment"),
    ("phase without a name", "  - name: training\n", '  - name: " "  # HERE\n', "an empty name is given"),
    (
        "too many phases",
        "phases:\n",
        "phases:  # HERE\n" + "".join(f"  - {{name: p{i}, selections: 0, eta: 1}}\n" for i in range(48)),
        "51 phases are given; at most 50",
    ),
    ("lever of a phase", "    levers: {dev: on}", "    levers: {dve: on}  # HERE", "did you mean 'dev'?"),
    ("lever's state", "    levers: {dev: on}", "    levers: {dev: full}  # HERE", "the states of dev are off, on"),
    ("context as lever", "    levers: {dev: on}", "    levers: {scene: clean}  # HERE", "under `contexts`"),
    (
        "lever as context",
        "    contexts: {tier: 0.1}",
        "    contexts: {dev: 0.1}  # HERE",
        "is given under `levers` too",
    ),
    (
        "lever without levers",
        "    contexts: {tier: 0.1}\n    levers: {dev: on}",
        "    contexts: {dev: 0.1}  # HERE",
        "dev is a lever, give its state under `levers`",
    ),
    (
        "uncertain context",
        "    contexts: {tier: 0.1}",
        '    contexts: {tier: "0.1 to 0.3"}  # HERE',
        "plain numbers over",
    ),
    ("selected node", "    selected: {r: [", "    selected: {w: 2, # HERE\n      r: [", "the nodes are scene"),
    ("selected state", '["1", "2"], i: yes}', '["1", "2"],\n      i: yess}  # HERE', "did you mean 'yes'?"),
    ("selected always", '["1", "2"], i: yes}', '["1", "2"],\n      i: [no, yes]}  # HERE', "leave i out"),
    ("selected context", '["1", "2"], i: yes}', '["1", "2"],\n      dev: on}  # HERE', "levers by `levers`"),
    (
        "unexplored outcome",
        "{action: tamper, style: yes}",
        "{t1: yes}  # HERE",
        "exploring is about actions: action, style",
    ),
    ("unexplored stranger", "{action: tamper, style: yes}", "{acton: tamper}  # HERE", "did you mean 'action'?"),
    ("unexplored state", "{action: tamper, style: yes}", "{action: temper}  # HERE", "did you mean 'tamper'?"),
    ("nothing unexplored", "{action: tamper, style: yes}", "{}  # HERE", "name states of the actions action, style"),
    (
        "exploration of nothing",
        '    exploration: "0.001 to 0.01"',
        "    exploration: 0  # HERE",
        "nothing is unexplored; list actions",
        ("    unexplored:\n      - {action: tamper, style: yes}\n      - {action: [hack, tamper], style: no}\n", ""),
    ),
    (
        "exploration above one",
        '    exploration: "0.001 to 0.01"',
        "    exploration: 5  # HERE",
        "write percents as fractions",
    ),
    ("gate without a name", "{name: audit, looks", '{name: "", # HERE\n        looks', "a gate has a name"),
    ("gate without looks", '{name: audit, looks: "1 to 10",', "{name: audit, # HERE\n       ", "'looks' is missing"),
    (
        "gate that catches in no way",
        "caught: {t2: yes}, held_out",
        "about: x, # HERE\n        held_out",
        "neither `caught` nor `detection`",
    ),
    (
        "gate that catches in two ways",
        "{name: probe, looks: 2, detection",
        "{name: probe, looks: 2, caught: {t1: yes},  # HERE\n        detection",
        "both `caught` and `detection` are given",
    ),
    ("caught node", "caught: {t2: yes}", "caught: {stile: yes}  # HERE\n     ", "did you mean 'style'?"),
    ("caught state", "caught: {t2: yes}", "caught: {t2: maybe}  # HERE\n     ", "the states of t2 are no, yes"),
    (
        "caught in a context",
        "caught: {t2: yes}",
        "caught: {tier: paid}  # HERE\n     ",
        "contexts are those of the phase",
    ),
    (
        "detection missing",
        "kludge: $q0, inf:",
        "kludge: $q0, # HERE\n        reward: 0, reward",
        "nothing is given for inf",
    ),
    (
        "detection of a stranger",
        "kludge: $q0, inf:",
        "kludge: $q0, inf: 0,\n        inff: # HERE\n        ",
        "did you mean 'inf'?",
    ),
    ("detection of the overlay's", ", added: 0}, source", "}, # HERE\n        source", "nothing is given for added"),
    (
        "evasion of a held-out gate",
        "held_out: no, evasion: 0.2",
        "held_out: yes,\n      evasion: 0.2 # HERE\n      ",
        "write `held_out: no`",
    ),
    ("no evasion", "held_out: no, evasion: 0.2", "held_out: no # HERE\n      ", "add it (0 if none)"),
    ("not held out", "held_out: no, evasion: 0.2", "held_out: sometimes # HERE\n      ", "`true` or `false`"),
    (
        "gate without source",
        "    gates: [{name: probe, looks: 3,",
        "    gates: [{name: probe,\n      looks: 3,",
        "`source: ...` or",
        (
            "  - name: audit before release\n    kind: audit\n    selections: 0",
            "  - name: audit before release  # HERE\n    kind: audit\n    selections: 0",
        ),
        ("evasion: 0.2}]\n    opinion of: us\n", "evasion: 0.2}]\n"),
    ),
    (
        "drift from a stranger",
        "{from: inf, to: kludge,",
        "{from: inff, # HERE\n        to: kludge,",
        "did you mean 'inf'?",
    ),
    (
        "drift to a stranger",
        "{from: inf, to: kludge,",
        "{from: inf, to: kludg, # HERE\n       ",
        "did you mean 'kludge'?",
    ),
    (
        "drift to what an overlay adds",
        "{from: inf, to: kludge,",
        "{from: inf, to: added, # HERE\n       ",
        "the motivations are reward_seeker, kludge, inf",
    ),
    ("drift to itself", "{from: inf, to: kludge,", "{from: inf, to: inf, # HERE\n       ", "what does not turn stays"),
    (
        "drift twice",
        "{from: inf, to: reward_seeker, rate: 0.2",
        "{from: inf, to: kludge, rate: 0.2 # HERE\n       ",
        "add the rates in one",
    ),
    (
        "drift above one",
        "rate: 0.2, transmission: 0.6",
        "rate: 0.2, # HERE\n        transmission: 0.9",
        "narrow the intervals",
    ),
    (
        "drift above one in some draws",
        '"0.0001 to 0.01", kind: atrophy',
        '"0.1 to 0.9", kind: atrophy',
        "with probability up to 1.79309 per selection (rates, and the largest transmission, each at the end that",
        ("rate: 0.2, transmission", "rate: 0.2, # HERE\n        transmission"),
    ),
    (
        "drift above one by a parameter that is drawn",
        "rate: 0.2, transmission: 0.6",
        "rate: $base_rate, # HERE\n        transmission: 0.6",
        "at most 1 is accepted; lower them, or narrow the intervals",
        ("parameters:\n  beta", "parameters:\n  base_rate: {value: {beta: [5, 5]}, opinion of: us}\n  beta"),
    ),
    (
        "drift above one in an overlay",
        "rate: $q}]",
        "rate: $q},\n          {from: added, to: kludge, rate: 0.8}]  # HERE",
        "with probability 1.1 per selection",
    ),
    ("kind of drift", "kind: atrophy", "kind: atropy  # HERE\n       ", "did you mean 'atrophy'?"),
    (
        "key of a gate",
        "{name: audit, looks",
        "{name: audit, looks: 1,\n        lookss: 2, # HERE\n        about",
        "did you mean 'looks'?",
    ),
    (
        "overlay's new phase",
        "    phases:\n      - name: audit before release",
        "    phases:\n      - name: audit before  # HERE",
        "did you mean 'audit before release'?",
    ),
    (
        "overlay that a phase no longer fits",
        "    drop_edges: [[action, word]]\n    nodes:\n",
        "    drop_edges: [[action, word]]\n    nodes:\n      dev: {states: [off, half], default: off}\n",
        "the phase tuned for reward no longer fits the graph of this overlay",
        ("  bypass:\n", "  bypass:  # HERE\n"),
    ),
    (
        "phase context",
        "    contexts: {scene: {clean: 0.5, broken-test: 0.5}}",
        "    contexts: {dev: {off: 0.5, on: 0.5}}  # HERE",
        "are accepted: scene, tier",
    ),
    (
        "negative selections",
        '    selections: "10 to 1000"',
        "    selections: -3  # HERE",
        "-3 is given; 0 or a positive number is accepted",
    ),
    (
        "support context",
        "  - {scene: clean, tier: free}",
        "  - {scen: clean, tier: free}  # HERE",
        "did you mean 'scene'?",
    ),
    ("support default", "  - {tier: paid}", "  - {scene: clean}  # HERE", "which has no default"),
    ("support twice", "  - {tier: paid}", "  - {tier: free}  # HERE", "each is listed once"),
    (
        "variant_sd source",
        'variant_sd: {value: "0.1 to 1", opinion of: us, why: seen elsewhere}',
        'variant_sd: "0.1 to 1"  # HERE',
        "`opinion of: ...`",
    ),
    ("event node", "event: {action: [hack]}", "event: {acton: [hack]} # HERE\n ", "did you mean 'action'?"),
    ("event state", "event: {action: [hack]}", "event: {action: [hak]} # HERE\n ", "did you mean 'hack'?"),
    (
        "event on a context",
        "event: {action: [hack]}",
        "event: {scene: clean} # HERE\n ",
        "columns of the ledger",
    ),
    ("event always", "event: {action: [hack]}", "event: {t1: [no, yes]} # HERE\n ", "leave t1 out"),
    (
        "no event",
        "  models_that_fake: {base_rate: true,",
        "  models_that_fake: { # HERE\n ",
        "`base_rate: true` is accepted",
    ),
    (
        "headline",
        "reference: reward_seeker",
        "reference: rewardseeker # HERE\n ",
        "did you mean 'reward_seeker'?",
    ),
    ("choice kind", "about: coding", "about: codings # HERE\n   ", "did you mean 'coding'?"),
    ("choice parameter", "set: {base: -3.5}", "set: {bse: -3.5} # HERE\n   ", "did you mean 'base'?"),
    ("choice number", "set: {base: -3.5}", "set: {beta: -3.5} # HERE\n   ", "beta is a positive number"),
    ("choice context", "code: {tier: free}", "code: {tiers: free} # HERE\n   ", "did you mean 'tier'?"),
    ("choice observation", "drop: [complied]", "drop: [compiled] # HERE\n   ", "did you mean 'complied'?"),
    ("choice overlay", "overlay: bypass", "overlay: by_pass # HERE\n   ", "did you mean 'bypass'?"),
    ("idle choice", ", overlay: bypass", " # HERE\n   ", "changes nothing"),
    (
        "overlay edge",
        "drop_edges: [[action, word]]",
        "drop_edges: [[acton, word]]  # HERE",
        "edges into word: [action, word]",
    ),
    (
        "overlay node without role",
        "      extra:\n        role: outcome",
        "      extra:  # HERE\n        about: new",
        "add `role`",
    ),
    (
        "overlay parameter elsewhere",
        "      leak: 0.01",
        "      leak: $q  # HERE",
        "declare it under `parameters`",
    ),
    (
        "overlay cycle",
        "        parents: [i, action]",
        "        parents: [i, action, extra]  # HERE",
        "power -> extra -> power",
    ),
    (
        "overlay motivation",
        "      kludge: {seeks: extra}",
        "      kludge: {seeks: extras}  # HERE",
        "did you mean 'extra'?",
    ),
    (
        "new overlay motivation",
        "added: {seeks: extra, strength: 3,",
        "added: {seeks: extra, # HERE\n        ",
        "is new here",
    ),
]


def spoilt(good: str, bad: str, *also: tuple[str, str]) -> str:
    """The good file with one thing wrong."""
    text = FULL
    for old, new in ((good, bad), *also):
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    assert text.count("# HERE") == 1
    return text


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_malformed_file_is_refused_with_file_line_and_remedy(case, tmp_path):
    _, good, bad, words, *also = case
    text = spoilt(good, bad, *also)
    file = write(tmp_path, text)
    with pytest.raises(SpecError) as refusal:
        load(tmp_path)
    line = 1 + next(i for i, written in enumerate(text.split("\n")) if "# HERE" in written)
    told = [row for row in str(refusal.value).split("\n") if row.startswith(f"{file}:{line}:")]
    assert any(words in row for row in told), str(refusal.value)


def test_the_good_file_loads(tmp_path):
    assert load(write(tmp_path, FULL)).name == "full"


def test_all_problems_of_a_stage_come_together_in_the_order_of_the_file(tmp_path):
    text = FULL.replace("leak: 0.01", "leak: 7").replace("seeks: r\n", "seeks: q\n").replace("{a: 2,", "{a: -2,")
    with pytest.raises(SpecError) as refusal:
        load(write(tmp_path, text))
    first, *rest = str(refusal.value).split("\n")
    assert first.startswith("3 problems in ")
    lines = [int(re.match(r".*?model\.yaml:(\d+): ", row)[1]) for row in rest]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "content", [b"", b"   \n", b"# only a comment\n", b"- a\n- b\n", b"name", b"\xff\xfe", b"name: \xe9"]
)
def test_what_is_no_mapping_of_text_is_refused(content, tmp_path):
    (tmp_path / "model.yaml").write_bytes(content)
    with pytest.raises(SpecError, match=r"model\.yaml:1: "):
        load(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SpecError, match="there is no such file; give a model folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(SpecError, match="there is no such file"):
        load(tmp_path)


def test_a_wide_joint_action_is_refused_with_the_count(tmp_path):
    states = ", ".join(f"s{i}" for i in range(90))
    text = FULL.replace("states: [solve, hack, tamper]", f"states: [solve, hack, tamper, {states}]")
    text = text.replace(
        "    role: action\n    parents: [scene]\n    base: {log",
        "    role: action\n    states: [no, yes, a]\n    parents: [scene]\n    base: {log",
    )
    with pytest.raises(SpecError, match="make 279 joint actions; at most 256 are accepted"):
        load(write(tmp_path, text))


def test_a_table_too_large_is_refused_before_it_is_built(tmp_path):
    certain = "states: [a, b, c, d], values: [0, 1, 2, 3], p: {a: 1, b: 0, c: 0, d: 0}, source: definition"
    nodes = "".join(f"  c{i}: {{role: outcome, {certain}}}\n" for i in range(12))
    for parents, words in ((12, "33554432 entries, all tables "), (10, "2097152 entries; at most 1048576")):
        everyone = ", ".join(f"c{i}" for i in range(parents))
        wide = f"  wide: {{role: outcome, parents: [{everyone}], rule: {{max: [{everyone}]}}}}\n"
        text = FULL.replace("nodes:\n", f"nodes:\n{nodes}{wide}", 1)
        with pytest.raises(SpecError, match=rf"model\.yaml:22: nodes\.wide: the table of wide would have {words}"):
            load(write(tmp_path, text))
