# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A policy that a reward likes, without PPO
#
# A reward is quickly written down; what people like is not. Here a small policy learns from samples of its own: first the best of n,
# chosen once, then SuperHF, which chooses again as the policy changes. A second reward, which has no part in the choice, says whether
# people would like what comes out. The task is **made up** and the model starts from random weights, so that everything runs anywhere
# in a minute, and truth is known: it is used for figures, and no decision rests on it.

# %%
import json
import os
import random
import tempfile
import warnings
from pathlib import Path

from IPython.display import SVG, display

import weaklabel as wl
from weaklabel.stages.audit import Audit

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.simplefilter("ignore")
folder = Path(tempfile.mkdtemp())
draw = random.Random(0)

# %% [markdown]
# ## 1. A policy of middling care
#
# Guests ask how a dish is. A good answer names the dish and says several things of it. In our demonstrations one answer in four names
# another dish, and one in three says a word twice. `sft` teaches them to a model of random weights.

# %%
DISHES = ("soup", "bread", "cheese", "salad", "rice", "fish", "cake", "tea", "pie", "beans")
TASTES = ("mild", "sweet", "plain", "spicy", "salty", "rich", "tender", "fresh")
WORDS = (*TASTES, "warm", "light", "crisp", "hot", "cold", "fine", "soft", "dark")
ASKED = ("how is the", "what is the", "tell me of the", "is it good, the")


def question(table: int) -> str:
    return f"table {table}: {draw.choice(ASKED)} {draw.choice(DISHES)} ?"


def dish_of(prompt: str) -> str:
    return prompt.split()[-2]


def demonstrated(prompt: str) -> str:
    dish = dish_of(prompt) if draw.random() < 0.75 else draw.choice(DISHES)
    words = draw.sample(WORDS, draw.randint(1, 4))
    if draw.random() < 0.3:
        words.append(draw.choice(words))
    return f"the {dish} is " + " and ".join(words)


shown = [{"prompt": (asked := question(k)), "completion": demonstrated(asked)} for k in range(600)]
prompts = [{"prompt": question(k)} for k in range(96)]
eval_data = folder / "eval.jsonl"
eval_data.write_text("".join(json.dumps({"prompt": question(k)}) + "\n" for k in range(100, 164)))
for row in shown[:4]:
    print(f"{row['prompt']:<40}{row['completion']}")

# %%
base = wl.stages.sft(
    shown,
    output_dir=folder / "base",
    from_scratch="tiny",
    learning_rate=3e-3,
    lr_scheduler_type="cosine",
    num_train_epochs=8,
    groups_per_batch=32,
    max_length=64,
    audit=False,
)
print(base)

# %% [markdown]
# ## 2. Two rewards
#
# `count` is what we train on: three lines. `liked` is what a guest thinks: nothing that is said twice, and nobody needs more than four
# words. On demonstrations the two mostly agree. They part where a policy goes on and on.


# %%
def count(prompt: str, response: str) -> float:
    words = response.split()
    return 2.0 * (dish_of(prompt) in words) + sum(word in WORDS for word in words)


def liked(prompt: str, response: str) -> float:
    said = [word for word in response.split() if word in WORDS]
    named = 2.0 * (dish_of(prompt) in response.split())
    return named + min(len(set(said)), 4) - (len(said) - len(set(said)))


# %% [markdown]
# ## 3. The best of n
#
# Eight samples to each prompt; `count` chooses, `liked` looks on. The eight tell what the best of n would be worth for every n up to eight.

# %%
best = wl.stages.best_of(
    prompts,
    output_dir=folder / "best_of",
    comparer=count,
    held_out=liked,
    model=str(base.model),
    num_generations=8,
    max_new_tokens=32,
    batch_size=128,
)
print(best)

# %% [markdown]
# A gain is a mean over prompts, with its interval. As far as eight samples go, the guests gain with the count: of what this policy says
# by itself, the answer with the most words is rarely one that goes on for too long.

# %%
made = best.rounds[0].folder
display(SVG(filename=str(made / "curve.svg")))
curve = json.loads((made / "curve.json").read_text())
for row in curve:
    print(f"best of {row['n']}: count {row['reward']['value']:.2f}, liked {row['held_out']['value']:.2f}")
rewards = [row["reward"]["value"] for row in curve]
assert rewards == sorted(
    rewards
)  # more samples never lower the reward that chooses; the held-out one they can
print(sorted(path.name for path in made.iterdir()))

# %% [markdown]
# ## 4. SuperHF
#
# The best of eight is as far as one choice goes: what no sample of this policy has, it cannot choose. SuperHF draws eight samples to eight
# prompts, learns the best of each, and goes on with the policy that this made. Without the KL term (`beta = 0`) nothing holds it.

# %%
settings = {
    "comparer": count,
    "held_out": liked,
    "model": str(base.model),
    "eval_data": str(eval_data),
    "superbatch_size": 8,
    "prompt_accumulation_steps": 8,
    "minibatch_size": 8,
    "max_new_tokens": 32,
    "max_length": 64,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "save_steps": 0.5,
    "audit": {"audit_prompts": 64},
}
loose = wl.stages.superhf(prompts, output_dir=folder / "loose", beta=0.0, **settings)
print(loose)

# %% [markdown]
# The table is long; the lines to read are the last ones, "... gained", and what the audit says below the table. The rewards of the *kept*
# samples are high by choice alone. A KL term at a coefficient of 1 keeps the policy near its start:

# %%
held = wl.stages.superhf(prompts, output_dir=folder / "held", beta=1.0, **settings)


def gained(figures, name: str) -> str:
    value, low, high = (figures[f"{name} gained{end}"] for end in ("", " low", " high"))
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


for title, result in (("beta 0", loose), ("beta 1", held)):
    figures = result.rounds[0].figures
    print(f"{title}: count {gained(figures, 'reward')}, liked {gained(figures, 'held-out reward')}")
    for warning in Audit.load(result.rounds[0].folder / "audit").warnings:
        print(f"  {warning}")
a, b = (result.rounds[0].figures for result in (loose, held))
print(
    f"sameness of answers: {a['sameness']:.2f} and {b['sameness']:.2f}; KL per token: {a['kl']:.2f} and {b['kl']:.2f}"
)
warned = {warning.name for warning in Audit.load(loose.rounds[0].folder / "audit").warnings}
assert "over_optimised" in warned
assert a["reward gained low"] > b["reward gained high"]  # the count likes the policy that nothing holds,
assert a["held-out reward gained high"] < 0  # and guests like it less than the start,
assert b["held-out reward after"] > a["held-out reward after"]  # and than the policy that is held
assert a["kl"] > b["kl"]

# %% [markdown]
# ## 5. Read some
#
# The audit keeps the answers of every look at the same prompts, drawn with the same random numbers.


# %%
def answers(result) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    looks = Audit.load(result.rounds[0].folder / "audit").looks
    for look in (looks[0], looks[-1]):
        lines = (result.rounds[0].folder / "audit" / "samples" / f"step-{look.step}.jsonl").read_text()
        for row in map(json.loads, lines.splitlines()):
            found.setdefault(row["prompt"], []).append(row["answer"])
    return found


before_and_loose, before_and_held = answers(loose), answers(held)
for prompt in list(before_and_loose)[:4]:
    print(prompt)
    for title, text in (
        ("before", before_and_loose[prompt][0]),
        ("beta 0", before_and_loose[prompt][1]),
        ("beta 1", before_and_held[prompt][1]),
    ):
        print(f"  {title:<10}{count(prompt, text):4.0f}{liked(prompt, text):4.0f}  {text}")

# %% [markdown]
# ## 6. Where to stop
#
# One call makes a stage per value of a setting and draws the reward against sameness. Take several `seeds` where you decide by it: with one,
# a difference may be chance. On the command line it is `weaklabel superhf ... --frontier beta=.3,3 --seeds 0,1,2`.

# %%
frontier = wl.stages.superhf_frontier(
    prompts, output_dir=folder / "frontier", setting="beta", values=[0.3, 3.0], **settings
)
print(frontier)
frontier.picture()

# %% [markdown]
# ## 7. What to hand on
#
# The files of the best of n are data for any other stage: demonstrations for `sft`, pairs for `dpo`. The pairs say 0, 1/2 or 1, which was
# never fitted to anyone's judgement; `dpo` wants to be told that this is known.

# %%
short = {
    "model": str(base.model),
    "learning_rate": 1e-3,
    "max_length": 64,
    "groups_per_batch": 16,
    "audit": False,
}
imitated = wl.stages.sft(
    str(made / "demonstrations.jsonl"), output_dir=folder / "imitated", num_train_epochs=2, **short
)
preferred = wl.stages.dpo(
    str(made / "pairs.parquet"), output_dir=folder / "preferred", allow_uncalibrated=True, **short
)

# %% [markdown]
# All policies answer the same new prompts. With two samples a prompt, the curve of `best_of` at n = 1 is the mean of what a policy says.

# %%
policies = {
    "base": base,
    "best of 8, sft": imitated,
    "best of 8, dpo": preferred,
    "superhf, beta 1": held,
    "superhf, beta 0": loose,
}
worth = {}
for name, result in policies.items():
    judged = wl.stages.best_of(
        str(eval_data),
        output_dir=folder / "judged" / name,
        comparer=count,
        held_out=liked,
        model=str(result.model),
        num_generations=2,
        max_new_tokens=32,
        batch_size=128,
        groups=False,
    )
    figures = judged.rounds[0].figures
    worth[name] = figures["reward of one"], figures["held out of one"]
    print(f"{name:<22}count {worth[name][0]:5.2f}  liked {worth[name][1]:5.2f}")
loosest, start = worth["superhf, beta 0"], worth["base"]
assert loosest[0] > start[0]
assert loosest[1] < start[1]

# %% [markdown]
# Three ways from 768 scored samples to a policy that guests like somewhat better come to about as much here; one seed of a toy does not rank
# them. The one that the count likes by far the most is the only one that guests like less than the policy at the start.

# %% [markdown]
# ## When this works
#
# 1. Best of n first: it is cheap, trains nothing, and its curve shows whether the reward and what people like part already among the
#    samples of the policy as it is. Where they do, mend the reward before anything is trained on it.
# 2. That they go together up to n says nothing of answers that this policy does not give yet. SuperHF goes there, and finds the reward's mistakes
#    there. Keep a second reward that has no part in the choice; without it the audit sees length, sameness and the distance from the start.
# 3. Raise `beta`, or stop earlier, where the held-out reward no longer gains. What the right coefficient is depends on the learning rate and on
#    how long is trained: look at the frontier, with several seeds.
# 4. Read answers. Both rewards here are blind to what neither was written for.
