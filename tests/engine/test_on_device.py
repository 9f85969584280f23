"""The engine on a CUDA device: the same answers as on the CPU, made and left there. `make test-gpu` runs these."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsm.engine import Answer, compile
from tests.engine.asking import WITHIN, agree, random_question, random_soft
from tests.engine.networks import from_logits, random_network

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device was found"),
]
SEEDS = range(20)


def close(found, expected, within: float = WITHIN) -> None:  # type: ignore[no-untyped-def]
    assert found.device.type == "cuda"
    torch.testing.assert_close(found.cpu(), expected, atol=within, rtol=within)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("draws", [1, 3])
def test_rows_with_blanks_in_every_draw(seed: int, draws: int):
    rng = np.random.default_rng(seed)
    asked = random_question(random_network(rng, draws=draws), rng, rows=50)
    query = compile(asked.network, asked.target, asked.seen, device="cuda")
    p, log_p = query.drawn(asked.codes.cuda(), on_impossible="mask")
    assert p.device.type == log_p.device.type == "cuda"
    agree(Answer(p.cpu(), log_p.cpu()), asked)


@pytest.mark.parametrize("seed", SEEDS)
def test_likelihoods_marginals_and_most_probable_states(seed: int):
    rng = np.random.default_rng(seed)
    asked = random_question(random_network(rng), rng, rows=20)
    soft = random_soft(asked, rng)
    here = compile(asked.network, asked.target, asked.seen)
    there = compile(asked.network, asked.target, asked.seen, device="cuda")
    on_device = {n: w.cuda() for n, w in soft.items()}
    expected = here(asked.codes, soft=soft, on_impossible="mask")
    found = there(asked.codes.cuda(), soft=on_device, on_impossible="mask")
    close(found.probabilities, expected.probabilities)
    close(found.log_evidence, expected.log_evidence)
    marginals = here.marginals(asked.codes, on_impossible="mask")
    for name, p in there.marginals(asked.codes.cuda(), on_impossible="mask").items():
        close(p, marginals[name])
    best = here.most_probable(asked.codes, on_impossible="mask")
    close(there.most_probable(asked.codes.cuda(), on_impossible="mask").log_probability, best.log_probability)


def test_samples_are_possible_and_follow_the_seed():
    rng = np.random.default_rng(0)
    asked = random_question(random_network(rng), rng, rows=20)
    query = compile(asked.network, asked.target, asked.seen, device="cuda")
    drawn = [query.sample(asked.codes.cuda(), 50, seed=3, on_impossible="mask") for _ in range(2)]
    assert torch.equal(*drawn)
    assert drawn[0].device.type == "cuda"


def test_gradients_are_those_of_the_cpu():
    rng = np.random.default_rng(1)
    network = random_network(rng, kinds=("dense",))
    asked = random_question(network, rng, rows=10)
    slopes = []
    for device in ("cpu", "cuda"):
        logits = {
            n: torch.zeros_like(t.values, device=device).requires_grad_() for n, t in network.to(device).tables.items()
        }
        query = compile(from_logits(network.to(device), logits), asked.target, asked.seen)
        p, log_p = query(asked.codes.to(device), on_impossible="mask")
        possible = torch.isfinite(log_p)
        ((p**2).sum() + log_p[possible].sum()).backward()
        slopes.append({n: logit.grad.cpu() for n, logit in logits.items() if logit.grad is not None})
    for name, slope in slopes[0].items():
        torch.testing.assert_close(slopes[1][name], slope, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("fused", [False, True, None])
@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, WITHIN), (torch.float32, 1e-5)])
def test_fused_or_not_many_rows_are_those_of_the_cpu(fused: bool | None, dtype: torch.dtype, within: float):
    rng = np.random.default_rng(2)
    asked = random_question(random_network(rng, kinds=("dense",)), rng, rows=1)
    sizes = torch.tensor([len(asked.network.variables[n].states) for n in asked.seen])
    codes = (torch.rand(30_000, len(sizes), generator=torch.Generator().manual_seed(0)) * sizes).long()
    expected = compile(asked.network, asked.target, asked.seen)(codes)
    query = compile(asked.network, asked.target, asked.seen, device="cuda", dtype=dtype, fused=fused)
    found = query(codes.cuda())
    close(found.probabilities.double(), expected.probabilities, within)
    close(found.log_evidence.double(), expected.log_evidence, 10 * within)
    assert fused is False or "torch.compile" in "".join(query.plan.notes)


def test_no_row_is_copied_to_the_host(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(4)
    asked = random_question(random_network(rng, kinds=("dense",)), rng, rows=2_000)
    query = compile(asked.network, asked.target, asked.seen, device="cuda")
    codes = asked.codes.cuda()
    query(codes)  # tables are made on the first call
    for name in ("cpu", "numpy", "tolist"):
        whole = getattr(torch.Tensor, name)

        def small(tensor, *args, _whole=whole, **kwargs):  # type: ignore[no-untyped-def]
            assert tensor.numel() < 1_000, f"{tuple(tensor.shape)} was copied to the host"
            return _whole(tensor, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, small)
    query(codes)
