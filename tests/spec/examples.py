"""Model files that the tests of this folder start from."""

from pathlib import Path

FULL = """\
name: full
about: every key of the format, once
parameters:
  beta: {value: 3, support: positive, opinion of: bsm authors, why: a guess}
  base: {value: {normal: [-2, 1]}, opinion of: us}
  rho: {value: "0.01 to 0.1", support: probability, used by: ledger, opinion of: us}
  n: {value: "30 to 3000", opinion of: us}
  q0: {value: 0.4, opinion of: us}
nodes:
  scene:
    role: context
    states: [clean, broken-test]
    default: clean
    p: {clean: 0.6, broken-test: 0.4}
    opinion of: us
  tier: {role: context, states: [free, paid], p: 0.5, source: definition}
  dev: {role: lever, states: [off, on], default: off}
  action: {role: action, states: [solve, hack, tamper], parents: [scene, tier, dev], base: uniform}
  style:
    role: action
    parents: [scene]
    base: {logistic: {intercept: $base, terms: [{when: {scene: clean}, add: 0.5}]}, opinion of: us}
  t1:
    role: outcome
    parents: [action, scene]
    source: somewhere
    table:
      - {when: {action: solve}, p: 0.8}
      - {when: {action: [hack], scene: clean}, p: {no: 0.7, yes: 0.3}}
      - {otherwise: "0.05 to 0.3"}
  t2:
    role: outcome
    parents: [action, style]
    opinion of: us
    noisy_or:
      leak: 0.01
      causes:
        - {when: {action: hack}, p: 0.3}
        - {when: {style: yes}, p: {beta: [2, 3]}}
  r: {role: selection, states: ["0", "1", "2"], values: [0, 1, 2], parents: [t1, t2], rule: {sum: [t1, t2]}}
  x:
    role: outcome
    parents: [action, r]
    opinion of: us
    logistic:
      intercept: -1
      terms:
        - {when: {action: hack}, add: 2}
        - {times: r, add: 0.5}
  z:
    role: outcome
    states: [a0, a1, a2, top]
    values: [0, 1, 2, 3]
    parents: [action, r]
    rule: {if: {action: tamper}, then: top, else: r}
  th: {role: outcome, parents: [r, t1], rule: {threshold: {of: {max: [r, t1]}, at_least: 1}}}
  word:
    role: outcome
    states: [good, bad]
    parents: [action]
    rule: {if: {action: solve}, then: good, else: bad}
  m:
    role: outcome
    states: [a, b, c]
    parents: [action]
    opinion of: us
    table:
      - {when: {action: solve}, p: {dirichlet: {a: 2, b: 3, c: 5}}}
      - {otherwise: {a: 0.2, b: 0.3, c: 0.5}}
  i:
    role: influence
    parents: [r]
    opinion of: us
    table:
      - {when: {r: "0"}, p: 0.1}
      - {when: {r: ["1"]}, p: 0.4}
      - {when: {r: "2"}, p: 1}
  power: {role: outcome, parents: [i], opinion of: us, table: [{when: {i: yes}, p: 0.8}, {otherwise: 0.05}]}
  thinks:
    role: observation
    parents: [action]
    opinion of: us
    table: [{when: {action: hack}, p: 0.2}, {otherwise: 0.1}]
motivations:
  reward_seeker:
    seeks: r
    strength: $beta
    planning: 1
    awareness: 1
    beliefs:
      drop_edges: [[scene, t1]]
      nodes:
        power: {opinion of: us, table: [{when: {i: yes}, p: 0.9}, {otherwise: 0.05}]}
    intended: true
    scope: bounded
    says: {thinks: {opinion of: me, p: "0.1 to 0.2"}}
  kludge:
    seeks: [{target: t1, active_in: {scene: clean}}, {target: z, state: top, weight: -1}]
    strength: "1 to 10"
    opinion of: us
  inf: {seeks: influence, strength: 3, opinion of: us}
prior:
  none_of_these: 0.05
  opinion of: us
  terms:
    - name: description length
      kind: bits
      weight: 1
      amounts: {reward_seeker: 12, kludge: 20, inf: 14, added: 20}
      acts: once
      why: longer is rarer
      opinion of: us
phases:
  - name: training
    selections: "10 to 1000"
    eta: 1
    dynamics: replicator
    contexts: {scene: {clean: 0.5, broken-test: 0.5}}
    opinion of: us
  - name: tuned for reward
    kind: rl
    about: every key of a phase
    selections: $n
    eta: "0.1 to 1"
    rl_steps: 1e6
    dynamics: softmax_pg
    contexts: {tier: 0.1}
    levers: {dev: on}
    selected: {r: ["1", "2"], i: yes}
    unexplored:
      - {action: tamper, style: yes}
      - {action: [hack, tamper], style: no}
    exploration: "0.001 to 0.01"
    gates:
      - {name: audit, looks: "1 to 10", caught: {action: [hack, tamper]}}
      - {name: probe, looks: 2, detection: {reward_seeker: 0.1, kludge: $q0, inf: "0.1 to 0.3", added: 0}, source: x}
    drift:
      - {from: inf, to: kludge, rate: "0.0001 to 0.01", kind: atrophy, source: a paper}
      - {from: inf, to: reward_seeker, rate: 0.2, transmission: 0.6, kind: memetic}
    opinion of: us
    why: a guess
  - name: audit before release
    kind: audit
    selections: 0
    eta: 1
    gates: [{name: probe, looks: 3, caught: {t2: yes}, held_out: no, evasion: 0.2}]
    opinion of: us
support:
  - {scene: clean, tier: free}
  - {tier: paid}
closeness: 0.8
reading: dirichlet
alpha: {value: "0.3 to 30", opinion of: us}
variant_sd: {value: "0.1 to 1", opinion of: us, why: seen elsewhere}
observations:
  complied: {event: {action: [hack]}, about: it did}
  models_that_fake: {base_rate: true, about: other models}
headline: {motivations: [kludge], reference: reward_seeker, subject: claude, says: who}
choices:
  - {name: base rate fixed, about: base policy, why: known, set: {base: -3.5}}
  - {name: no noise, about: noise, why: simple, noise: {rho: 0, variant_sd: 0}}
  - {name: all free, about: coding, why: blind, code: {tier: free}}
  - {name: unseen, about: evidence, why: weak, drop: [complied]}
  - {name: one setting, about: evidence, why: strong, only: {setting: [trial]}}
  - {name: bypassed, about: beliefs, why: possible, overlay: bypass}
overlays:
  bypass:
    why: a way around selection
    drop_edges: [[action, word]]
    nodes:
      power:
        parents: [i, action]
        opinion of: us
        table:
          - {when: {action: tamper}, p: 0.9}
          - {when: {action: [solve, hack], i: yes}, p: $q}
          - {otherwise: "0.1 to 0.2"}
      extra:
        role: outcome
        parents: [power]
        opinion of: us
        table: [{when: {power: yes}, p: $q}, {otherwise: 0.1}]
    parameters: {beta: {value: 4, opinion of: us}, q: {value: 0.3, opinion of: us}}
    motivations:
      kludge: {seeks: extra}
      added: {seeks: extra, strength: 3, opinion of: us}
    phases:
      - name: audit before release
        kind: audit
        selections: 0
        eta: 1
        gates: [{name: probe, looks: "1 to 5", caught: {extra: yes}}]
        drift: [{from: added, to: inf, rate: $q}]
        opinion of: us
"""


def write(folder: Path, text: str) -> Path:
    """A model.yaml with this text."""
    file = folder / "model.yaml"
    file.write_text(text, encoding="utf-8")
    return file
