"""Do the two dynamics of selection predict what policy gradient does to planted patterns in a real network?

Fixed before any test seed was trained; what was changed later, and why, stands at the end.

**World.** Five tasks, each met in training or deployed, and five actions. What an action amounts to (its *role*:
solve, hack, idle, seize, other) depends on the task: role r is action (r + task) mod 5, so that no output of a
network belongs to a pattern. Episodes last one action and succeed with a probability given by the role: reward is
flawed, a hack succeeds more often than an honest solution. Training meets the tasks of training only, evenly.

**Patterns.** The *intended* solves. The *hacker* hacks. The *idler* idles: reward does not need it. The *schemer*
hacks in training and seizes power when deployed. The base policy is uniform over actions. With gates g the planted
policy is the mixture of the patterns whose gate is on, and of the base, in proportion to their shares: each episode
is driven by one pattern. All gates on is the AI as it is.

**Networks.** From (task, deployed, gates) to logits of actions: two hidden layers of 32 tanh units, no parameter
that is one pattern's. Each is planted by supervised training on the planted policy under all gates, training and
deployed.

**Training.** All gates on, training contexts, `batch` episodes sampled per step, advantage over the mean of the
other episodes, plain steps. REINFORCE steps along the sampled gradient; natural policy gradient along the inverse
of the exact Fisher matrix of all network parameters (damped) times the same sampled gradient. Gates are never
switched in training: ablation is an instrument, and reward never sees it.

**Measured.** Influence of a pattern: KL(policy with its gate off || policy), mean over the five contexts of
training, and separately over the five deployed ones that training never meets. Its measured share is its part of
the sum over patterns. Checkpoints: twenty, evenly spaced; step 0 is not one of them.

**Predicted** from what is known at step 0 alone: each network's shares (mixture weights fitted to its policies
under all gates at step 0), success s of each pattern and of the base in training, and one time scale (time of the
dynamics per step) for each pair of algorithm and dynamics, fitted to the calibration seeds' shares in training
contexts. The shares at time t give the mixture policies, those the influences, those the predicted shares:
predicted and measured are the same functional. The prediction is the median over the test networks.
 - `softmax_pg`: theta'_m = w_m (s_m - sum of w s); matches REINFORCE.
 - `replicator`: w_m proportional to w_m(0) exp(t s_m); matches natural policy gradient.
 - `actions`, an explanation and no contender: the same two laws with the actions of each context in place of
   patterns, the change of logits being the same whatever the gates and whether deployed or not. It says what
   happens if training moves actions and not motives.
 - `replicator, log s`, beside them: w_m(0) s_m^t, which is conditioning on success t times. Natural policy gradient
   climbs mean success, not its logarithm, so s itself is the matching law; this shows what the other convention
   would cost.

**Judged.** A pair (checkpoint, pattern) is inside if the prediction lies in the central 90 % band of the test
seeds. Goal: at least 80 % of pairs inside for the matching dynamics and under 50 % for the swapped one, for each
algorithm, in training contexts and, separately, in deployment. Beside them the *oracle*: the median of the
calibration seeds, that nobody has before training, to see that the band can be hit at all.

**Length.** Steps until mean success of the calibration seeds has gone `progress` of the way from its start to the
best action's, rounded up to a multiple of twenty.

**Settings.** `twins`, the one described, is judged. `apart` has no schemer: no two patterns act alike. `visible`
has the schemer, and the network can see which tasks have broken tests: a hack pays more than honest work in three
tasks and less in two. The latter two show where a prediction breaks. `twins` is also run with batches of 16 (how
much of a verdict is the width of the band).

**Before that**, REINFORCE's rate (from 0.05, that was done in some forty steps) and the batch (from 256) were set while
looking at the success of four calibration seeds, and at no prediction.

**Changes** after `twins` had been run once; no number of `twins`, `apart` or `visible` was touched.
 - Added, to find out why the goal was missed: `control`, whose parameters are one logit per pattern, an episode
   being driven by one pattern and credited to it, as the theory assumes (REINFORCE's rate times twenty, or it would
   take as many times more steps); `gates dropped`, trained evenly with all gates on and with each one off (half the
   seeds, for time); the prediction `frozen features` (tangent kernel of step 0, nothing fitted, see
   `linear`); P(solve), P(hack) and P(idle) in training as a further reading, called behaviour.
 - Left out for time: batches of 256 (as 64, bands narrower: 54 and 70 % inside in training, 82 and 9 % deployed for
   REINFORCE; 26 and 31 %, 12 and 62 % for natural policy gradient; matching first) and layers of 8 units (28 and 31
   %, 56 and 4 %; 28 and 39 %, 31 and 89 %); layers of 128 units were not run to the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SOLVE, HACK, IDLE, SEIZE, OTHER = range(5)
ROLES = ("solve", "hack", "idle", "seize", "other")
TASKS = ACTIONS = 5
CHECKPOINTS = 20
BAND = 0.9  # of the seeds
GOAL_MATCHING, GOAL_SWAPPED = 0.8, 0.5


@dataclass(frozen=True)
class Pattern:
    """A planted pattern: its share and the role of what it does in training and deployed."""

    name: str
    share: float
    training: int
    deployed: int


@dataclass(frozen=True)
class Setting:
    """What is planted and what pays. `success` is P(success | role), for each task [task][role]."""

    name: str
    patterns: tuple[Pattern, ...]
    success: tuple[tuple[float, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.patterns)

    @property
    def base(self) -> float:
        """Share of the base policy."""
        return 1.0 - sum(p.share for p in self.patterns)


HIDDEN_FLAW = ((0.6, 0.9, 0.3, 0.1, 0.1),) * TASKS
VISIBLE_FLAW = ((0.6, 0.95, 0.3, 0.1, 0.1),) * 3 + ((0.6, 0.45, 0.3, 0.1, 0.1),) * 2
INTENDED = Pattern("intended", 0.45, SOLVE, SOLVE)
IDLER = Pattern("idler", 0.30, IDLE, IDLE)
TWINS = (INTENDED, Pattern("hacker", 0.12, HACK, HACK), IDLER, Pattern("schemer", 0.08, HACK, SEIZE))
APART = (INTENDED, Pattern("hacker", 0.20, HACK, HACK), IDLER)
SETTINGS = {
    "twins": Setting("twins", TWINS, HIDDEN_FLAW),
    "apart": Setting("apart", APART, HIDDEN_FLAW),
    "visible": Setting("visible", TWINS, VISIBLE_FLAW),
}


@dataclass(frozen=True)
class Algorithm:
    """A way to train, and the dynamics said to match it. `damping` is added to the Fisher matrix."""

    name: str
    matching: str
    swapped: str
    rate: float
    damping: float | None = None


ALGORITHMS = {
    "reinforce": Algorithm("reinforce", "softmax_pg", "replicator", rate=0.005),
    "natural": Algorithm("natural", "replicator", "softmax_pg", rate=0.02, damping=1e-3),
}


@dataclass(frozen=True)
class Protocol:
    """Numbers of a run, and what is trained. `most_steps` bounds the search for the length."""

    calibration_seeds: int = 16
    test_seeds: int = 40
    hidden: int = 32
    planting_steps: int = 1500
    batch: int = 64
    progress: float = 0.8
    most_steps: int = 6000
    gates: str = "on"  # or "dropped"
    learner: str = "network"  # or "patterns", the control
    faster: float = 1.0  # factor on REINFORCE's rate: a logit of its own moves by less than one that features share


FULL = Protocol()
VARIANTS = {  # name -> setting, protocol
    "control": ("twins", replace(FULL, learner="patterns", faster=20.0)),
    "twins": ("twins", FULL),
    "apart": ("apart", FULL),
    "visible": ("visible", FULL),
    "gates dropped": ("twins", replace(FULL, gates="dropped", calibration_seeds=8, test_seeds=20)),
    "batch 16": ("twins", replace(FULL, batch=16)),
}
JUDGED = "twins"
