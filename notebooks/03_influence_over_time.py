# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What has influence at time t?
#
# An AI is selected many times: in pretraining, in RL, by an audit that decides what is released, and
# then, as long as it is trained on what it does in deployment or shares memory with other instances, ever
# after. So there is no single "in deployment". A prediction names its t, and this notebook asks at several.
#
# Two models stand on published stages *before and after* training: `reward_hacking_rl` (RL on tasks whose
# checker can be gamed) and `continual_deployment` (safety training under a cue, an audit, and a deployment
# that goes on selecting). What is seen at a stage is a row of the ledger with its `phase`; it was seen
# there, not selected on.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["retina"]

# %%
import warnings

import pandas as pd
import torch
from IPython.display import display

import bsm
from bsm.figures.over_time.pictures import of_tracks, sweeps_of
from bsm.figures.over_time.tracks import of_result
from bsm.figures.theme import LIGHT
from bsm.motives.diversity import threshold
from bsm.spec.phase_words import phases

torch.set_num_threads(1)
warnings.filterwarnings("ignore", "IProgress not found")  # progress bars are not shown here
pd.options.display.float_format = "{:.3f}".format
pd.options.display.max_colwidth = 110

rl = bsm.load("models/reward_hacking_rl")
deployed = bsm.load("models/continual_deployment")

# %% [markdown]
# ## Phases
#
# Each phase has its number of selections n (not the number of RL steps), their strength eta, its own
# contexts and levers, gates that had to be passed, and drift: reasons other than selection for which one
# motivation turns into another.

# %%
pd.DataFrame(
    [
        {
            "phase": p.name,
            "kind": p.kind,
            "n": told["selections"],
            "gates": ", ".join(g.name for g in p.gates),
            "drift": ", ".join(dict.fromkeys(d.kind for d in p.drift)),
            "about": p.about,
        }
        for p, told in zip(deployed.phases, phases(deployed), strict=True)
    ]
)

# %% [markdown]
# ## The course without any ledger
#
# Prior, selection, gates and drift alone, every parameter at its prior median. A share is how much of the
# influence inside the AI a pattern holds, not our credence in it.

# %%
course = bsm.course(deployed)
moments = ["start", "safety_training", "audit", "deployment:100", "deployment"]
pd.DataFrame({m: course.shares(m)[0].tolist() for m in moments}, index=list(deployed.motivations))

# %% [markdown]
# What made it so, in nats of log-odds against the intended motivation, summing exactly. Terms of the prior
# are paid once and fade next to what grows; disuse presses at every selection and does not.

# %%
parts = bsm.attribution(deployed, at="deployment").table()
parts.pivot(index="part", columns="motivation", values="nats").loc[parts["part"].unique(), list(deployed.motivations)]

# %% [markdown]
# ## How long does a clean audit say anything?

# %%
print(bsm.audit_half_life(deployed))
print(bsm.audit_half_life(deployed.with_parameters({"honest_offers": 10})))

# %% [markdown]
# The look before release says next to nothing: it is made under the cue of training, where safety training
# has left nobody who acts covertly *there*. A pattern bound to the cue of deployment passes it. Ten credible
# offers of reward for what is not wanted, had they been made, would have told more. A step count past the 300
# selections of the phase takes deployment to go on as it was. Drift between motivations is what washes the
# bits out.
#
# ## Two dynamics
#
# `replicator` multiplies shares by fitness, which is conditioning on being selected each time.
# `softmax_pg` moves logits by the share times the advantage: the rich get richer. They disagree about how
# much selection it takes:

# %%
for picture in sweeps_of(rl):
    display(picture.draw(LIGHT))

# %% [markdown]
# and about how far diverse environments can overcome a low prior of a general motivation. In the toy of our
# notes (D environments, one general pattern against one local pattern in each), the prior at which both end
# equal, as its log10:

# %%
pd.DataFrame(
    {
        dynamics: {d: float(threshold(d, dynamics)) for d in (1, 2, 4, 8, 16, 32)}
        for dynamics in ("softmax_pg", "replicator")
    }
).rename_axis("environments")

# %% [markdown]
# Whoever takes the replicator for granted exaggerates what diversity can do. Which of them is right about
# real training? `make training` trains small networks with planted patterns and compares. In short: with one
# logit for each pattern the matching dynamics is right and the other wrong; in networks each fails
# somewhere, because reward moves *actions* and motives come along only as far as features carry them
# (`tests/training/results/summary.md`).
#
# ## With the ledger: before, after, and later
#
# `bsm.posterior(model, ledger, at=...)` follows the hidden motivation through time, with each row where it
# was seen. *Filtered* is what rows and selection up to a moment say, *smoothed* what all of them say.

# %%
AI = "qwen3-4b"
ledger = bsm.Evidence.read("models/reward_hacking_rl/evidence.csv", rl)
pd.DataFrame([{"phase": r.phase, "observed": r.observation, "rate": r.printed, "where": r.citation[:70]}
              for r in ledger.for_subject(AI).rows])  # fmt: skip

# %%
moments = ["start", "pretraining", "coding_rl:25%", "coding_rl:50%", "coding_rl", "online"]
found = bsm.posterior(rl, ledger, at=moments, subjects=(AI,))
print(found)

# %%
for picture in of_tracks(of_result(found, AI)):
    display(picture.draw(LIGHT))

# %% [markdown]
# The two readings disagree, and should. Under *hypothesis* one pattern drives all that was seen, so an AI
# that never gamed the checker before RL and mostly did after it fits none on the list: `none_of_these`
# leads. Under *mixture* a share can grow, and the local trick that fools the checker takes nearly all of
# it. Rows of one AI cannot say which reading is right; that needs several AIs, or several samples of one
# item (alpha). So both are printed.
#
# ## What would it do?
#
# A share is of little use by itself. What people decide on is behaviour in a context at a time:

# %%
for moment in moments:
    print(found.forecast("hacked", {"task": "gameable"}, at=moment))

# %% [markdown]
# ## What it hinges on
#
# How many independent episodes stand behind a rate without n is our opinion, "20 to 200"; the reading is
# a setting like any other. Three are tried here; without `only` every choice of the file and the other
# dynamics are tried too, which takes minutes. The first number is the mean, and the band beside it is wide: what
# does not move here is the mean, not our ignorance.

# %%
tried = [
    "rows without n worth 20 episodes",
    "rows without n worth 200 episodes",
    "reading hypothesis",
]
print(bsm.choices_over_time(rl, ledger, at="coding_rl", subject=AI, only=tried))

# %% [markdown]
# ## Deployment that goes on selecting
#
# `o4-mini` before and after training against scheming (Schoen et al. 2025). Covert action on the
# evaluations fell from 0.087 to 0.003. What remains at the end of safety training, and what would it do
# where the cue says that this is deployment?

# %%
AI = "o4-mini"
after = bsm.Evidence.read("models/continual_deployment/evidence.csv", deployed)
later = bsm.posterior(deployed, after, at=["before", "safety_training"], subjects=(AI,))
print(later)
for cue in ("training", "deployment"):
    print(later.forecast("acted_covertly", {"cue": cue, "probe": "tasks"}, at="safety_training"))

# %% [markdown]
# The evaluations were made under the cue of training. There the forecast is next to nothing, with the rows or
# without: safety training acted there. Under the cue of deployment it is about a quarter, hardly other than
# without any row: nothing seen so far speaks for or against a pattern bound to that cue. That number rests on
# the prior, and the band says how far it could be off. How different each family behaves in deployment from
# training, in nats:

# %%
apart = bsm.course(deployed).divergence("safety_training", "deployment")
pd.Series({family: float(nats[0]) for family, nats in apart.families.items()}, name="KL(training || deployment)")

# %% [markdown]
# ## The same as a Bayesian network
#
# For a few selections the model over time is one static network, whose conditioning on having been
# selected gives the shares. Every exact tool then applies:

# %%
short = bsm.load("models/tiny")
network = bsm.unroll(short, steps=3)
query = bsm.engine.compile(network, "motivation__t3", tuple(network.selected))
exact = query([network.selected]).probabilities[0]
pd.DataFrame(
    {"network": exact.tolist(), "course": bsm.shares(short, at="training:3")[0].tolist()}, index=list(short.motivations)
)

# %% [markdown]
# ## What to take from this
#
# - Name the t. At the end of training, after an audit and after a year of deployment are three answers.
# - A clean audit under the cue of training says nearly nothing of patterns bound to another cue.
# - Per-step pressures and drift decide in the long run; terms of the prior fade.
# - Dynamics and reading are choices, and the answer can turn on them. Real training of small networks
#   follows neither dynamics where patterns share features.
