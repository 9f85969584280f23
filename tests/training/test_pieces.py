"""The pieces of the experiment: estimators, steps, influence, planting, predictions, verdict."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from tests.training import learners, linear, measure, networks, planting, predict, train, verdict, worlds
from tests.training.protocol import ACTIONS, ALGORITHMS, HACK, SETTINGS, SOLVE, TASKS, Protocol

TWINS = SETTINGS["twins"]
SMALL = Protocol(calibration_seeds=2, test_seeds=2, hidden=24, planting_steps=400)


@pytest.fixture(scope="module")
def trained() -> learners.Learner:
    return learners.learner(TWINS, SMALL, range(2))


def _policy(rows: int = TASKS, choices: int = ACTIONS) -> torch.Tensor:
    random = torch.Generator().manual_seed(3)
    return torch.randn(2, rows, choices, generator=random, dtype=worlds.DTYPE).softmax(-1)


def test_each_action_plays_each_role_once():
    for action in range(ACTIONS):
        assert sorted(r for t in range(TASKS) for r in range(ACTIONS) if worlds.action(r, t) == action) == list(
            range(5)
        )


def test_the_expected_gradient_is_that_of_mean_success():
    logits = _policy().log().requires_grad_()
    success = worlds.success(TWINS)
    (slope,) = torch.autograd.grad((logits.softmax(-1) * success).sum(-1).mean(-1).sum(), logits)
    torch.testing.assert_close(train.expected(logits.detach().softmax(-1), success), slope)


@pytest.mark.parametrize("batch", [2, 64])
def test_the_sampled_gradient_is_unbiased(batch):
    """Means of many batches within five standard errors; a baseline of the whole batch would be off by 1/2 at 2."""
    policy, success, random = _policy()[:1], worlds.success(TWINS), torch.Generator().manual_seed(0)
    many = train.sampled(policy.expand(20_000, -1, -1), success, batch, random)
    error = (many.mean(0) - train.expected(policy, success)[0]).abs()
    assert bool((error < 5 * many.std(0) / len(many) ** 0.5).all())


def test_the_natural_step_is_the_inverse_fisher_matrix_times_the_gradient(trained):
    """Against the Fisher matrix built in parameters from scores of single actions."""
    parameters = trained.start
    derivatives = train.jacobian(trained.scores, parameters)
    policy = trained.scores(parameters).softmax(-1)
    slope = train.expected(policy, trained.success)
    vector = train.preconditioned(derivatives @ derivatives.mT, policy, slope, damping=1e-3)
    ours = (derivatives.mT @ vector.unsqueeze(-1)).squeeze(-1)
    rows = derivatives.unflatten(1, policy.shape[1:])
    score = rows - (policy.unsqueeze(-1) * rows).sum(2, keepdim=True)
    fisher = torch.einsum("sta,stap,staq->spq", policy, score, score) / TASKS
    damped = fisher + 1e-3 * torch.eye(fisher.shape[-1], dtype=worlds.DTYPE)
    gradient = (derivatives * slope.flatten(1).unsqueeze(-1)).sum(1)
    torch.testing.assert_close(ours, torch.linalg.solve(damped, gradient), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("which", "power"), [("reinforce", 1.0), ("natural", 0.0)])
def test_a_step_of_the_control_is_a_step_of_its_dynamics(which, power):
    """Expected steps: logits of patterns move by w (s - mean) for REINFORCE, by s (up to a constant) for natural."""
    control = learners.one_logit_per_pattern(TWINS, SMALL, range(1))
    policy = control.scores(control.start).softmax(-1)
    slope, derivatives = train.expected(policy, control.success), train.jacobian(control.scores, control.start)
    if which == "natural":
        slope = train.preconditioned(derivatives @ derivatives.mT, policy, slope, 1e-9).view_as(slope)
    step = (derivatives * slope.flatten(1).unsqueeze(-1)).sum(1)[0]
    weights, s = control.shares[0], worlds.fitness(TWINS)
    wanted = weights**power * (s - (weights * s).sum())
    torch.testing.assert_close(step - step.mean(), wanted - wanted.mean(), rtol=1e-5, atol=1e-7)


def test_a_pattern_that_changes_nothing_has_a_share_but_no_influence():
    """Beside a pattern that acts alike and holds the whole policy, switching a pattern off changes nothing."""
    parts = torch.zeros(3, 2 * TASKS, ACTIONS, dtype=worlds.DTYPE)
    parts[0, :, 0] = parts[1, :, 0] = parts[2, :, 0] = 1.0
    made = worlds.mixture(torch.tensor([0.5, 0.3, 0.2], dtype=worlds.DTYPE), worlds.ablations(2), parts)
    assert measure.influence(made[1:], made[:1]).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="no pattern has a share"):
        measure.influence_shares(made, worlds.TRAINING)


def test_influence_of_a_pattern_that_acts_alone_is_minus_log_of_what_is_left():
    parts = torch.eye(ACTIONS, dtype=worlds.DTYPE)[:3].unsqueeze(1).expand(3, 2 * TASKS, ACTIONS)
    made = worlds.mixture(torch.tensor([0.5, 0.3, 0.2], dtype=worlds.DTYPE), worlds.ablations(2), parts)
    torch.testing.assert_close(
        measure.influence(made[1:], made[:1]), -torch.tensor([0.5, 0.7], dtype=worlds.DTYPE).log()
    )


def test_a_planted_network_starts_with_the_planted_shares(trained):
    start, shape = planting.planted(TWINS, SMALL.hidden, SMALL.planting_steps, range(2))
    assert float(planting.divergence(TWINS, start, shape).max()) < 0.02
    torch.testing.assert_close(trained.shares, worlds.shares(TWINS).repeat(2, 1), atol=0.02, rtol=0)


def test_no_seed_depends_on_the_others():
    shape = networks.sizes(10, 4)
    assert torch.equal(networks.fresh(shape, range(3, 5)), networks.fresh(shape, range(2, 5))[1:])


@pytest.mark.parametrize("dynamics", ["softmax_pg", "replicator"])
def test_predictions_begin_with_the_planted_policy_and_follow_success(dynamics):
    start, at = worlds.shares(TWINS).unsqueeze(0), torch.tensor([0.0, 20.0], dtype=worlds.DTYPE)
    (begun, ended) = predict.by_patterns(TWINS, start, dynamics, at)["behaviour"][0]
    torch.testing.assert_close(begun, torch.tensor([0.46, 0.21, 0.31], dtype=worlds.DTYPE))
    assert ended[1] > 2 * begun[1]
    assert ended[2] < 0.5 * begun[2]


def test_actions_and_patterns_agree_where_every_pattern_has_its_own_action():
    """Replicator, all gates on: P(hack) / P(solve) grows by exp(t (s_hack - s_solve)) if actions are the unit too."""
    start = worlds.mixture(worlds.shares(TWINS).unsqueeze(0), worlds.ablations(4), worlds.policies(TWINS))
    at = torch.tensor([0.0, 4.0], dtype=worlds.DTYPE)
    odds = predict.by_actions(TWINS, start, "replicator", at)["log_odds"][0, :, 0]
    success = TWINS.success[0]
    torch.testing.assert_close(odds[1] - odds[0], torch.tensor(4.0 * (success[HACK] - success[SOLVE])).double())


@pytest.mark.parametrize("which", ALGORITHMS)
def test_frozen_features_are_right_at_first(trained, which):
    """One expected step of the network against its tangent: errors of second order in the step."""
    algorithm = ALGORITHMS[which]
    told = linear.policies(trained, algorithm, every=1, checkpoints=1)[:, 0]
    policy, derivatives = trained.scores(trained.start).softmax(-1), train.jacobian(trained.scores, trained.start)
    slope = train.expected(policy, trained.success)
    if algorithm.damping is not None:
        slope = train.preconditioned(derivatives @ derivatives.mT, policy, slope, algorithm.damping).view_as(slope)
    step = algorithm.rate * (derivatives * slope.flatten(1).unsqueeze(-1)).sum(1)
    begun, stepped = trained.policies(trained.start), trained.policies(trained.start + step)
    assert float((told - stepped).abs().max()) < 0.1 * float((stepped - begun).abs().max())


def test_training_raises_success(trained):
    *_, last = islice(train.steps(trained, ALGORITHMS["reinforce"], 64, seed=1), 60)
    assert bool((trained.mean_success(last) > trained.mean_success(trained.start) + 0.02).all())


def test_a_time_scale_is_found_again():
    grid = predict.times("replicator")
    said = predict.by_patterns(TWINS, worlds.shares(TWINS).unsqueeze(0), "replicator", grid)["training"]
    steps = torch.arange(1, 21, dtype=worlds.DTYPE) * 20
    seen = predict.median_at(said, grid, steps * 0.02)
    assert predict.time_scale(said, grid, seen, steps) == pytest.approx(0.02, rel=0.01)


def test_the_band_holds_what_lies_between_its_quantiles():
    seeds = torch.arange(101, dtype=worlds.DTYPE).view(101, 1, 1)
    for value, held in ((4.9, False), (5.0, True), (95.0, True), (95.1, False)):
        assert bool(verdict.inside(torch.tensor([[value]], dtype=worlds.DTYPE), seeds)) is held
