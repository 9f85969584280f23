"""One random network asked in every way, and each answer against counting worlds; `many_networks` does very many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bsm.engine import ImpossibleEvidence, Query, compile, conditional
from bsm.engine.factors import RangeLost
from bsm.network.surgery import Shift, intervene
from bsm.network.tables import Network, Table
from tests.engine.asking import Asked, agree, counted, masses, normalised, random_question, random_soft, summed
from tests.engine.forcing import forced, found
from tests.engine.networks import random_network

WITHIN = 1e-10
ROWS = 6
ASKED = 2  # of KINDS, besides calling
INTEGERS = (torch.int8, torch.int32, torch.int64)


@dataclass(frozen=True)
class Engine:
    """What is checked; a test puts something wrong in its place."""

    compile: Callable[..., Query] = compile
    intervene: Callable[..., Network] = intervene
    conditional: Callable[..., Tensor] = conditional


def check(seed: int, engine: Engine) -> None:
    """The network and questions of this seed: calling, and ASKED of the other kinds of questions, by lot.

    Raises:
        AssertionError: something was answered wrongly.
    """
    rng = np.random.default_rng([20, seed])
    network = random_network(rng, draws=int(rng.choice([1, 1, 1, 2, 3])), most_worlds=1_000)
    asked = random_question(network, rng, ROWS)
    calling(engine, asked, rng)
    for kind in rng.choice(len(KINDS), size=ASKED, replace=False):
        KINDS[kind](engine, asked, rng)


def calling(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """Joint targets, evidence on them, blanks, draws; codes of some type of integer."""
    query = engine.compile(asked.network, asked.target, asked.seen)
    agree(query.drawn(asked.codes.to(INTEGERS[rng.integers(3)]), on_impossible="mask"), asked)


def weighed(engine: Engine, asked: Asked, rng: np.random.Generator) -> tuple[Query, Asked]:
    """The question with likelihoods, in half of the cases."""
    soft = random_soft(asked, rng) if rng.random() < 0.5 else {}
    return engine.compile(asked.network, asked.target, asked.seen), replace(asked, soft=soft)


def likelihoods(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """Of variables seen, unseen or asked about."""
    soft = random_soft(asked, rng)
    query = engine.compile(asked.network, asked.target, asked.seen)
    agree(query.drawn(asked.codes, soft=soft, on_impossible="mask"), replace(asked, soft=soft))


def impossible_rows(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """An error there, and only there."""
    query, asked = weighed(engine, asked, rng)
    possible = bool(np.isfinite(normalised(counted(asked))[1]).all())
    try:
        query(asked.codes, soft=asked.soft)
    except ImpossibleEvidence:
        assert not possible, "evidence that can happen is called impossible"
    else:
        assert possible, "impossible evidence is answered"


def marginals(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """Of every variable."""
    query, asked = weighed(engine, asked, rng)
    ours = query.marginals(asked.codes, soft=asked.soft, on_impossible="mask")
    found = masses(asked)
    for name, p in ours.items():
        expected = normalised(summed(found, asked.network, (name,)))[0]
        close(p.reshape(expected.shape), expected, f"the marginal of {name}")


def most_probable(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """No joint state of the targets is more probable than the one found."""
    query, asked = weighed(engine, asked, rng)
    joint, log_evidence = normalised(counted(asked))
    codes, log_p, _ = query.most_probable(asked.codes, soft=asked.soft, on_impossible="mask")
    codes, log_p = codes.reshape(*log_evidence.shape, -1).numpy(), log_p.reshape(log_evidence.shape).numpy()
    flat = joint.reshape(*log_evidence.shape, -1)
    possible = np.isfinite(log_evidence)
    assert (codes[~possible] == -1).all(), "an impossible row has a most probable state"
    assert np.isneginf(log_p[~possible]).all(), "an impossible row has a most probable state"
    at = np.ravel_multi_index(tuple(codes[possible].T), joint.shape[2:]) if asked.target else 0
    here = flat[possible][np.arange(possible.sum()), at]
    close(here, flat[possible].max(-1), "the most probable state")
    close(np.exp(log_p[possible]), flat[possible].max(-1), "its probability")


def samples(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """Each can happen, an impossible row has none, and a seed decides all. (`test_sample` has the frequencies.)"""
    query, asked = weighed(engine, asked, rng)
    seed = int(rng.integers(2**31))
    joint, log_evidence = normalised(counted(asked))
    codes = query.sample(asked.codes, 8, seed, soft=asked.soft, on_impossible="mask")
    assert torch.equal(codes, query.sample(asked.codes, 8, seed, soft=asked.soft, on_impossible="mask"))
    drawn = codes.reshape(8, *log_evidence.shape, len(asked.target)).numpy()
    for draw, row in np.ndindex(log_evidence.shape):
        if np.isneginf(log_evidence[draw, row]):
            assert (drawn[:, draw, row] == -1).all(), "an impossible row has samples"
        else:
            assert (joint[draw, row][tuple(drawn[:, draw, row].T)] > 0).all(), "a sample that cannot be"


def another_way(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """In loops and in torch from tables of another size, or by elimination."""
    query = engine.compile(asked.network, asked.target, asked.seen)
    with suppress(RangeLost):
        forced(query, int(rng.choice([0, 30, 3_000_000])), int(rng.choice([1, 100, 1_000_000])))
    prepared = query.prepared
    ways = [prepared.by_loops, prepared.by_torch, lambda codes: prepared.by_elimination(codes, {})]
    agree(found(ways[rng.integers(3)](asked.codes), asked), asked)


def intervention(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """One or two mechanisms replaced, each in one of four ways."""
    settings, tables = {}, dict(asked.network.tables)
    for name in map(str, rng.permutation(list(asked.network.variables))[: rng.integers(1, 3)]):
        kind = ("hard", "distribution", "shift", "new parents")[rng.integers(4)]
        settings[name], tables[name] = new_mechanism(asked.network, name, kind, rng)
    query = engine.compile(engine.intervene(asked.network, settings), asked.target, asked.seen)
    by_hand = replace(asked, network=Network(asked.network.variables, tables))
    agree(query.drawn(asked.codes, on_impossible="mask"), by_hand)


def conditional_table(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """P(some | others) at every configuration, NaN where impossible."""
    names = [str(n) for n in rng.permutation(list(asked.network.variables))]
    target, given = names[: rng.integers(1, 3)], names[2 : 2 + rng.integers(3)]
    joint = summed(masses(replace(asked, codes=asked.codes[:1] * 0 - 1)), asked.network, (*given, *target))[:, 0]
    total = joint.sum(tuple(range(1 + len(given), joint.ndim)), keepdims=True)
    with np.errstate(invalid="ignore"):
        close(engine.conditional(asked.network, target, given, "nan"), joint / total, f"P({target} | {given})")


def gradients(engine: Engine, asked: Asked, rng: np.random.Generator) -> None:
    """Of the log evidence, by the entries of one table and by one likelihood.

    Its slope along an entry is the mass of the worlds that use it, without it, over the evidence. Compared along
    changes that keep each row of the table summing to one, for what is barren has no slope in other directions.
    """
    asked = replace(asked, soft=random_soft(asked, rng))
    name, by = str(rng.choice(list(asked.network.variables))), str(rng.choice(list(asked.soft)))
    entries = asked.network.tables[name].values.clone().requires_grad_()
    likelihood = asked.soft[by].clone().requires_grad_()
    tables = {**asked.network.tables, name: replace(asked.network.tables[name], values=entries)}
    changed = Network(asked.network.variables, tables)
    query = engine.compile(changed, asked.target, asked.seen)
    log_p = query.drawn(asked.codes, soft={**asked.soft, by: likelihood}, on_impossible="mask").log_evidence
    possible = ~torch.isneginf(log_p)
    if not bool(possible.any()):
        return
    slopes = torch.autograd.grad(log_p[possible].sum(), [entries, likelihood], allow_unused=True)
    evidence = counted(asked).sum(tuple(range(2, 2 + len(asked.target))))
    over = np.divide(1.0, evidence, out=np.zeros_like(evidence), where=evidence > 0)
    at = summed(masses(asked, without=name), asked.network, asked.network.tables[name].axes)
    expected = fitted((at * over.reshape(*over.shape, *[1] * (at.ndim - 2))).sum(1), entries.shape)
    ours = np.zeros(entries.shape) if slopes[0] is None else slopes[0].numpy()
    close(centred(ours), centred(expected), f"the gradient by the table of {name}", 1e-8)
    others = replace(asked, soft={n: w for n, w in asked.soft.items() if n != by})
    at = summed(masses(others), asked.network, (by,)) * over[..., None]
    close(slopes[1], fitted(at, (1, *likelihood.shape)[-3:]).reshape(likelihood.shape), f"by {by}", 1e-8)


KINDS = (
    likelihoods,
    impossible_rows,
    marginals,
    most_probable,
    samples,
    another_way,
    intervention,
    conditional_table,
    gradients,
)


def fitted(slopes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Slopes by draw, summed where all draws share what they are slopes by."""
    return slopes.sum(0, keepdims=True) if shape[0] == 1 and len(slopes) > 1 else slopes


def centred(slopes: np.ndarray) -> np.ndarray:
    return slopes - slopes.mean(-1, keepdims=True)


def close(ours: Tensor | np.ndarray, expected: np.ndarray, what: str, within: float = WITHIN) -> None:
    """Equal to within this, absolutely or relatively."""
    found = ours.detach().numpy() if isinstance(ours, Tensor) else ours
    np.testing.assert_allclose(found, expected, rtol=within, atol=within, err_msg=what)


Mechanism = tuple[str | Mapping[str, float] | Shift | Table, Table]


def new_mechanism(network: Network, name: str, kind: str, rng: np.random.Generator) -> Mechanism:
    """What is passed to `intervene`, and the table that the variable then has, worked out here."""
    table, states = network.tables[name], network.variables[name].states
    if kind == "hard":
        code = int(rng.integers(len(states)))
        return states[code], Table(name, (), torch.eye(len(states), dtype=torch.float64)[[code]])
    p = rng.dirichlet(np.ones(len(states)), size=1)
    if kind == "distribution":
        return dict(zip(states, p[0].tolist(), strict=True)), Table(name, (), torch.from_numpy(p))
    if kind == "shift":
        nats = rng.normal(size=len(states)) * 3
        tilted = table.values.numpy() * np.exp(nats)
        moved = Table(name, table.parents, torch.from_numpy(tilted / tilted.sum(-1, keepdims=True)))
        return Shift(dict(zip(states, nats.tolist(), strict=True))), moved
    before = network.order[: network.order.index(name)]
    parents = tuple(str(n) for n in rng.permutation(before)[:2])
    shape = (1, *(len(network.variables[p].states) for p in parents))
    made = Table(name, parents, torch.from_numpy(rng.dirichlet(np.ones(len(states)), size=shape)))
    return made, made
