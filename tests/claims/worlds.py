"""A slow, obvious second version of the theory: every world is walked one by one, straight from the YAML.

It shares no code with bsm. It knows what the shipped models use: rows, rules, named numbers, overlays,
several targets with contexts, one stage of actions; not intervals, beliefs or dropped edges.
"""

from __future__ import annotations

from copy import copy
from functools import cache
from itertools import product
from math import exp, isclose
from pathlib import Path

import yaml


class Worlds:
    def __init__(self, path: Path, overlay: str | None = None, **held: float) -> None:
        raw = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
        self.base = Worlds(path, None, **held) if overlay else self
        edits = raw["overlays"][overlay] if overlay else {}
        self.nodes = {**raw["nodes"], **edits.get("nodes", {})}
        self.motivations = raw["motivations"]
        self.says = {m: edit["says"] for m, edit in edits.get("motivations", {}).items() if "says" in edit}
        given = {**raw["parameters"], **edits.get("parameters", {})}
        self.held = {name: held.get(name, p["value"]) for name, p in given.items()}
        self.actions = [n for n, d in self.nodes.items() if d["role"] == "action"]
        self.contexts = [n for n, d in self.nodes.items() if d["role"] == "context"]

    def number(self, text: str) -> float:
        return float(self.held[text[1:]] if text.startswith("$") else text)

    def states(self, name: str) -> list[str]:
        return self.nodes[name].get("states", ["no", "yes"])

    def value(self, name: str, state: str) -> float:
        values = self.nodes[name].get("values", [0, 1])
        return float(values[self.states(name).index(state)])

    def chance(self, name: str, world: dict[str, str]) -> dict[str, float]:
        """P(state of this node | the part of the world that is already there)."""
        node, states = self.nodes[name], self.states(name)
        if "rule" in node:
            result = self.rule(node["rule"], world)
            return {s: float(isclose(self.value(name, s), result)) for s in states}
        if node.get("base") == "uniform":
            return {s: 1 / len(states) for s in states}
        given = node.get("base", node)
        rows = given.get("table") or [{"otherwise": given["p"]}]
        for row in rows:
            if all(world[k] in ([v] if isinstance(v, str) else v) for k, v in row.get("when", {}).items()):
                p = row.get("p", row.get("otherwise"))
                if isinstance(p, dict):
                    return {s: self.number(p[s]) for s in states}
                return {states[0]: 1 - self.number(p), states[1]: self.number(p)}
        raise AssertionError(f"no row of {name} for {world}")

    def rule(self, rule: str | dict, world: dict[str, str]) -> float:
        if isinstance(rule, str):
            return self.value(rule, world[rule]) if rule in self.nodes else float(rule)
        if "sum" in rule:
            return sum(self.rule(part, world) for part in rule["sum"])
        met = all(world[k] == v for k, v in rule["if"].items())
        return self.rule(rule["then"] if met else rule["else"], world)

    @cache  # noqa: B019 - one object per test
    def chain(self, targets: tuple[str, ...]) -> tuple[str, ...]:
        """The targets and their causes, causes first."""
        placed: list[str] = []

        def place(name: str) -> None:
            for parent in self.nodes[name].get("parents", []):
                place(parent)
            if name not in placed:
                placed.append(name)

        for target in targets:
            place(target)
        return tuple(placed)

    def worlds(self, fixed: dict[str, str], targets: tuple[str, ...]):
        """Every world with its probability, given the situation and the joint action."""
        found = [(dict(fixed), 1.0)]
        for name in self.chain(targets):
            if name not in fixed:
                found = [
                    ({**world, name: state}, p * q)
                    for world, p in found
                    for state, q in self.chance(name, world).items()
                    if q
                ]
        return found

    def situations(self) -> list[dict[str, str]]:
        return [dict(zip(self.contexts, s, strict=True)) for s in product(*(self.states(c) for c in self.contexts))]

    def frequency(self, situation: dict[str, str]) -> float:
        p = 1.0
        for c in self.contexts:
            p *= self.chance(c, situation)[situation[c]]
        return p

    def joint_actions(self) -> list[dict[str, str]]:
        return [dict(zip(self.actions, a, strict=True)) for a in product(*(self.states(x) for x in self.actions))]

    def base_policy(self, situation: dict[str, str]) -> list[float]:
        found = []
        for joint in self.joint_actions():
            p = 1.0
            for name in self.actions:
                p *= self.chance(name, situation)[joint[name]]
            found.append(p)
        return found

    def targets(self, motivation: str) -> list[tuple[str, float, dict[str, str]]]:
        seeks = self.motivations[motivation]["seeks"]
        listed = [{"target": seeks}] if isinstance(seeks, str) else [seeks] if isinstance(seeks, dict) else seeks
        return [(s["target"], float(s.get("weight", 1)), s.get("active_in", {})) for s in listed]

    def expected(self, target: str, situation: dict[str, str], joint: dict[str, str]) -> float:
        key = (target, *sorted({**situation, **joint}.items()))
        return self._expected(key)

    @cache  # noqa: B019
    def _expected(self, key: tuple) -> float:
        target, *fixed = key
        return sum(p * self.value(target, world[target]) for world, p in self.worlds(dict(fixed), (target,)))

    def q(self, motivation: str, planning: float) -> list[list[float]]:
        """Expected weighted target, discounted, per situation and joint action."""
        return [
            [
                sum(
                    weight * planning ** self.distance(target) * self.expected(target, s, a)
                    for target, weight, when in self.targets(motivation)
                    if all(s[k] == v for k, v in when.items())
                )
                for a in self.joint_actions()
            ]
            for s in self.situations()
        ]

    def unit(self, motivation: str) -> float:
        entries = [x for row in self.base.q(motivation, 1.0) for x in row]
        return max(entries) - min(entries)

    def distance(self, target: str) -> int:
        """Nodes that stand between the action and the target, on the shortest way."""
        reached, steps = set(self.actions), 0
        while target not in reached:
            reached |= {n for n, d in self.nodes.items() if reached & set(d.get("parents", []))}
            steps += 1
        return max(steps - 1, 0)

    def policy(self, motivation: str, greedy: bool = False) -> list[list[float]]:
        given = self.motivations[motivation]
        strength, planning = self.number(given["strength"]), self.number(given["planning"])
        aware = self.number(given.get("awareness", "1"))
        unit, found = self.unit(motivation), []
        for situation, row in zip(self.situations(), self.q(motivation, planning), strict=True):
            base, best = self.base_policy(situation), max(row)
            if greedy:
                votes = [b * isclose(x, best, rel_tol=1e-9) for b, x in zip(base, row, strict=True)]
            else:
                votes = [b * exp(strength * (x - best) / unit) for b, x in zip(base, row, strict=True)]
            found.append([v / sum(votes) for v in votes])
        weights = [self.frequency(s) for s in self.situations()]
        blurred = [sum(w * row[a] for w, row in zip(weights, found, strict=True)) for a in range(len(found[0]))]
        return [[aware * x + (1 - aware) * b for x, b in zip(row, blurred, strict=True)] for row in found]

    def selected(self, policy: list[list[float]]) -> float:
        """P(influence) when every action is drawn from this policy."""
        target = next(n for n, d in self.nodes.items() if d["role"] == "influence")
        return sum(
            self.frequency(s) * p * self.expected(target, s, a)
            for s, row in zip(self.situations(), policy, strict=True)
            for a, p in zip(self.joint_actions(), row, strict=True)
        )

    def fitness(self, motivation: str, greedy: bool = False) -> float:
        return self.read_as(motivation).selected(self.policy(motivation, greedy))

    def read_as(self, motivation: str) -> Worlds:
        """The same world, observations reading as they do of an AI that this drives."""
        found = copy(self)
        found.nodes = {n: {**node, **self.says.get(motivation, {}).get(n, {})} for n, node in self.nodes.items()}
        return found

    def base_fitness(self) -> float:
        return self.selected([self.base_policy(s) for s in self.situations()])
