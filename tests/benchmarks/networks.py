"""What is asked of which network: the four that ship with pgmpy and two behavioural ones.

Evidence decides what an exact engine has to do, so each network is asked with two fixed sets of it: `sinks`,
nodes without children only, and `mixed`, roots, inner nodes and sinks alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from bsm.network.tables import Network
from tests.benchmarks.behavioural import BSM15, BSM42, behavioural
from tests.peers.shipped import shipped


@dataclass(frozen=True)
class Task:
    """P(target | seen) in one network, for many rows of evidence."""

    name: str  # of the network
    evidence: str  # which set of evidence: sinks or mixed
    target: str
    seen: tuple[str, ...]

    @property
    def network(self) -> Network:
        return named(self.name)

    @property
    def title(self) -> str:
        return f"{self.name}, {self.evidence}"


TARGETS = {
    "asia": "lung",
    "child": "Disease",
    "insurance": "RiskAversion",
    "alarm": "VENTLUNG",
    "bsm15": "motivation",
    "bsm42": "motivation",
}

SEEN: Mapping[str, Mapping[str, str]] = {
    "asia": {
        "sinks": "xray dysp",
        "mixed": "asia smoke bronc xray dysp",
    },
    "child": {
        "sinks": "LVHreport LowerBodyO2 RUQO2 CO2Report XrayReport GruntingReport Age",
        "mixed": "BirthAsphyxia Sick HypDistrib CO2 Age LVHreport LowerBodyO2 XrayReport GruntingReport",
    },
    "insurance": {
        "sinks": "GoodStudent OtherCar PropCost MedCost ILiCost DrivHist",
        "mixed": "Age Mileage VehicleYear HomeBase AntiTheft Airbag ThisCarCost OtherCarCost MedCost ILiCost DrivHist",
    },
    "alarm": {
        "sinks": "HISTORY CVP PCWP HRBP HREKG HRSAT EXPCO2 MINVOL PAP PRESS BP",
        "mixed": "HYPOVOLEMIA FIO2 MINVOLSET DISCONNECT ANAPHYLAXIS STROKEVOLUME HR SAO2 EXPCO2 PRESS BP HRBP",
    },
    "bsm15": {
        "sinks": "influence_1 observation_1 observation_2 observation_3 observation_4 observation_5",
        "mixed": "context_1 context_2 action_2 outcome_1 influence_1 observation_1 observation_2 observation_3",
    },
    "bsm42": {
        "sinks": "influence_1 influence_2 " + " ".join(f"observation_{i}" for i in range(1, 15)),
        "mixed": "context_1 context_2 context_3 action_1 action_5 outcome_2 outcome_3 influence_1 influence_2 "
        + " ".join(f"observation_{i}" for i in range(1, 8)),
    },
}

GENERATED = {"bsm15": BSM15, "bsm42": BSM42}
NAMES = tuple(TARGETS)


@lru_cache
def named(name: str) -> Network:
    """The network of this name, the same object each time."""
    return behavioural(GENERATED[name]) if name in GENERATED else shipped(name)


def tasks(names: tuple[str, ...] = NAMES) -> Iterator[Task]:
    """Every network asked with every set of evidence."""
    for name in names:
        for evidence, seen in SEEN[name].items():
            yield Task(name, evidence, TARGETS[name], tuple(seen.split()))
