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
# # Ask the right fifty
#
# An expert has time for fifty answers. First labeling functions say what they can, and `next_pairs` chooses which fifty pairs are worth
# asking about. Then the stage `proxy` spends another fifty on what a policy really says: they teach an evaluation model, which
# labels all the other samples, and the policy learns from those. The task is **made up** and the model starts from random weights, so
# that everything runs anywhere in a minute, and truth is known: it is used for figures, and no decision rests on it.

# %%
import json
import os
import random
import tempfile
import warnings
from pathlib import Path

import numpy as np
from IPython.display import SVG, display

import weaklabel as wl
from weaklabel.reward import load_reward

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.simplefilter("ignore")
folder = Path(tempfile.mkdtemp())
draw = random.Random(0)

# %% [markdown]
# ## 1. Postcards, and what people like of them
#
# A card is to tell of a place. People want the place named and up to four different words, none of them said twice, and none of them gloomy.

# %%
PLACES = ("harbour", "castle", "market", "river", "garden", "museum", "beach", "village", "bridge", "forest")
GLOOMY = ("grey", "dull", "damp", "noisy")
WORDS = (
    *GLOOMY,
    "old",
    "sunny",
    "quiet",
    "wide",
    "green",
    "lively",
    "bright",
    "small",
    "warm",
    "steep",
    "clean",
    "busy",
)
ASKED = ("how is the", "what is the", "tell me of the", "did you see the")


def asked(card: int) -> str:
    return f"card {card}: {draw.choice(ASKED)} {draw.choice(PLACES)} ?"


def place_of(prompt: str) -> str:
    return prompt.split()[-2]


def written(prompt: str, care: float = 0.7) -> str:
    """By somebody who names the place with that probability, and says a word twice or a gloomy one with what is left."""
    place = place_of(prompt) if draw.random() < care else draw.choice(PLACES)
    words = draw.sample(WORDS[4:] if draw.random() < care - 0.2 else WORDS, draw.randint(1 + round(care), 4))
    if draw.random() > care:
        words.append(draw.choice(words))
    return f"the {place} is " + " and ".join(words)


def liked(prompt: str, response: str) -> float:
    said = [word for word in response.split() if word in WORDS]
    named = 2.0 * (place_of(prompt) in response.split())
    return (
        named + min(len(set(said)), 4) - (len(said) - len(set(said))) - sum(word in GLOOMY for word in said)
    )


rows = [
    {"id": f"pair-{k}", "prompt": (p := asked(k)), "response_a": written(p), "response_b": written(p)}
    for k in range(400)
]
for row in rows[:3]:
    print(row["prompt"])
    for name in ("response_a", "response_b"):
        print(f"  {liked(row['prompt'], row[name]):4.0f}  {row[name]}")

# %% [markdown]
# ## 2. Weak labels first
#
# Three functions, in a file: what is taught with functions is saved with their names, and finds them there again. None knows that
# gloomy words are disliked. Without any gold, the labeler goes by how far they agree.

# %%
(folder / "functions.py").write_text("""
import weaklabel as wl

@wl.response_scorer()
def names_the_place(prompt, response):
    return str(prompt).split()[-2] in str(response).split()

@wl.response_scorer()
def longer(response):
    return len(str(response).split())

@wl.response_scorer(prefer="less")
def says_twice(response):
    words = [word for word in str(response).split() if word not in ("the", "is", "and")]
    return len(words) - len(set(words))
""")
lfs = wl.load_lfs(str(folder / "functions.py"))
pairs = wl.read_pairs(rows)
labels = wl.fit(lfs, pairs).label(pairs)
print("calibrated:", labels.calibrated)

# %%
truth = {}
for row in rows:
    gap = liked(row["prompt"], row["response_b"]) - liked(row["prompt"], row["response_a"])
    truth[row["id"]] = "b" if gap > 0 else "a" if gap < 0 else "tie"


def right(labels, of=None) -> float:
    """Among pairs that people tell apart."""
    told = [
        (pair, label)
        for pair, label in zip(pairs.ids, labels.label, strict=True)
        if truth[pair] != "tie" and (of is None or pair in of)
    ]
    return float(np.mean([label == truth[pair] for pair, label in told]))


print(f"labels right: {right(labels):.3f}")

# %% [markdown]
# ## 3. Which fifty, and why
#
# `next_pairs` reads labels and chooses pairs whose answer is worth most now. `expected_gain` takes those after whose answer all
# other pairs are expected to be least uncertain. A fifth of the questions is drawn at random whatever the rule: these are a fair sample.

# %%
chosen = wl.next_pairs(labels, 50, acquisition="expected_gain")
print(chosen.summary)
for question in chosen.questions[:4]:
    print(question.text())
chosen.write(folder / "queue.jsonl", blind=True)

# %% [markdown]
# People fill in `gold`. Here truth does. Answers join the pairs, and the labeler is fitted again.


# %%
def answered(found):
    """The pairs, with answers to these questions."""
    found.write(folder / "queue.jsonl", blind=True)
    told = [json.loads(line) for line in (folder / "queue.jsonl").read_text().splitlines()]
    filled = "".join(json.dumps(row | {"gold": truth[row["id"]]}) + "\n" for row in told)
    (folder / "answered.jsonl").write_text(filled)
    return wl.read_pairs(rows, answers=folder / "answered.jsonl", test_share=0.0)


again = wl.fit(lfs, answered(chosen)).label(pairs)
others = set(pairs.ids) - set(chosen.ids)
print(
    f"labels right on the pairs that were not asked: {right(labels, others):.3f} before, {right(again, others):.3f} after; ",
    end="",
)
print(f"on the fifty, before: {right(labels, set(chosen.ids)):.3f}")
print("calibrated:", again.calibrated)

# %% [markdown]
# Which rule is best is another question, and one draw does not answer it. Three draws of three rules:

# %%
after = {}
for rule in ("random", "uncertainty", "expected_gain"):
    for seed in (1, 2, 3):
        found = wl.next_pairs(labels, 50, acquisition=rule, seed=seed)
        again = wl.fit(lfs, answered(found)).label(pairs)
        after.setdefault(rule, []).append(right(again, set(pairs.ids) - set(found.ids)))
    print(f"{rule:<16}", *(f"{share:.3f}" for share in after[rule]))

# %% [markdown]
# Fifty answers help whoever chooses them. `random` and `expected_gain` differ by no more than their draws do; the pairs nearest to a coin's
# toss taught least in all three, for on most of them both answers are about as good. Chance is the default for that reason: take a rule where you have
# measured that it pays.

# %%
assert min(after["random"] + after["expected_gain"]) > right(labels) + 0.03

# %% [markdown]
# ## 4. What a policy says is something else
#
# A small policy learns 600 cards of middling care. From here on the expert is asked about *its* answers: pairs that somebody else wrote
# say little of the mistakes that it makes.

# %%
base = wl.stages.sft(
    [{"prompt": (p := asked(k)), "completion": written(p)} for k in range(600)],
    output_dir=folder / "base",
    from_scratch="tiny",
    learning_rate=3e-3,
    lr_scheduler_type="cosine",
    num_train_epochs=8,
    groups_per_batch=32,
    max_length=64,
    audit=False,
)
prompts = [{"prompt": asked(k)} for k in range(300)]
new = [{"prompt": asked(k)} for k in range(600, 700)]
(folder / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in new))
print(base)

# %% [markdown]
# ## 5. Fifty answers, and what they are worth
#
# Eight samples to each of 300 prompts. Fifty pairs of samples go to the expert, in two batches: after the first the evaluation model
# is fitted again, and has its say in what is asked next. It then labels the best and the worst sample of every prompt, and DPO learns
# those pairs beside the fifty. `held_out` only looks on.

# %%
settings = {
    "model": str(base.model),
    "expert": liked,
    "held_out": liked,
    "lfs": lfs,
    "evaluator": "functions",
    "acquisition": "expected_gain",
    "queries": 50,
    "query_batch": 25,
    "num_generations": 8,
    "max_new_tokens": 32,
    "batch_size": 256,
    "learning_rate": 1e-3,
    "num_train_epochs": 2,
    "groups_per_batch": 16,
    "max_length": 64,
    "audit": False,
}
proxy = wl.stages.proxy(prompts, output_dir=folder / "proxy", **settings)
print(proxy)

# %% [markdown]
# Every answer is kept with its provenance: who chose the question and why, what the evaluation model believed before, and what the
# expert said. Nobody believed anything before the first batch, so `belief` is empty there.

# %%
made = proxy.rounds[0].folder
answers = [json.loads(line) for line in (made / "answers.jsonl").read_text().splitlines()]
print(json.dumps(answers[-1], indent=1))
by_rule = {rule: sum(row["rule"] == rule for row in answers) for rule in ("random", "expected_gain")}
print(by_rule)
assert len(answers) == 50
assert by_rule == {"random": 10, "expected_gain": 40}
assert [row["belief"] is None for row in answers] == [True] * 25 + [False] * 25

# %% [markdown]
# The learning curve says whether more answers would teach more. It is of the answers themselves, each judged by a model that did not see
# its prompt; four in five of them were chosen by a rule and are no fair sample of what the policy says. The step in it is the functions':
# below 20 decided answers nothing weighs them, and n-grams alone are near a coin's toss. The second picture shows where the questions lie
# among all samples, in tenths by the evaluation model's score.

# %%
display(SVG(filename=str(made / "curve.svg")))
display(SVG(filename=str(made / "scores.svg")))

# %% [markdown]
# ## 6. The same fifty, spent otherwise
#
# Two others start from the same policy. One learns the fifty answers and nothing else. The other asks about pairs that careful people wrote,
# which are mostly good: *off-policy* data. Its round says so: a linear classifier tells those responses from the policy's samples, and most of
# them lie in the upper half of its scores.

# %%
alone = wl.stages.proxy(prompts, output_dir=folder / "alone", learn="answers", curve_points=0, **settings)
others = [
    {"prompt": (p := asked(k)), "response_a": written(p, 0.95), "response_b": written(p, 0.95)}
    for k in range(300)
]
(folder / "others.jsonl").write_text("".join(json.dumps(row) + "\n" for row in others))
off = wl.stages.proxy(
    prompts,
    output_dir=folder / "off",
    off_policy_data=str(folder / "others.jsonl"),
    curve_points=0,
    **settings,
)
figures = off.rounds[0].figures
for name in (
    "told apart",
    "told apart low",
    "told apart high",
    "seed responses in the upper half",
    "commonest answer",
):
    print(f"{name:<34}{figures[name]:.3f}")
display(SVG(filename=str(off.rounds[0].folder / "scores.svg")))
assert figures["told apart low"] > 0.5
assert figures["seed responses in the upper half"] > 0.55

# %% [markdown]
# How good is each evaluation model at what it is used for? Its pairs are asked of truth, and then all policies answer the same new prompts.

# %%
policies = {"base": base, "fifty answers": alone, "proxy": proxy, "proxy, off-policy": off}
worth = {}
for name, result in policies.items():
    judged = wl.stages.best_of(
        str(folder / "new.jsonl"),
        output_dir=folder / "judged" / name,
        comparer=liked,
        model=str(result.model),
        num_generations=4,
        max_new_tokens=32,
        batch_size=256,
        groups=False,
    )
    worth[name] = judged.rounds[0].figures["reward of one"]
    found = result.rounds[0].figures
    told = f"{found['held-out agreement']:.3f} right" if "held-out agreement" in found else "-"
    print(
        f"{name:<20}{found.get('pairs learned', '-'):>4} pairs learned   by the evaluation model: {told:<14}liked {worth[name]:.2f}"
    )
assert all(value > worth["base"] + 0.2 for name, value in worth.items() if name != "base")

# %% [markdown]
# The fifty alone move the policy, and the pairs of the evaluation model move it further. That it was taught by other hands' responses cost nothing
# here, although the reports warn: what the functions read (a name, a length, a repetition) is worth the same in whoever's response. An evaluation
# model of n-grams alone has to have seen the words. One seed ranks nobody: `benchmarks/proxy_toy.py` has five, and docs/proxy.md its figures.

# %%
assert worth["proxy"] > worth["fifty answers"] > worth["base"]

# %% [markdown]
# ## 7. What to hand on
#
# `pairs.parquet` is data for `dpo` and for any trainer of rewards; each pair says who labelled it, with what belief. `evaluator/` is a reward
# model: a comparer wherever one is asked for. Here it chooses the best of four answers to new prompts, and truth looks on.

# %%
again = wl.stages.dpo(
    str(made / "pairs.parquet"),
    output_dir=folder / "again",
    model=str(base.model),
    learning_rate=1e-3,
    groups_per_batch=16,
    max_length=64,
    audit=False,
)
evaluator = load_reward(made / "evaluator", lfs)
best = wl.stages.best_of(
    str(folder / "new.jsonl"),
    output_dir=folder / "best",
    comparer=evaluator,
    held_out=liked,
    model=str(again.model),
    num_generations=4,
    max_new_tokens=32,
    batch_size=256,
)
found = best.rounds[0].figures
print({name: value for name, value in found.items() if "held out" in name})

# %% [markdown]
# ## When this works
#
# 1. The evaluation model must be right more often than what the policy does by chance, on *the policy's* samples. `evaluation accuracy` says
#    so, out of fold; best against worst, which is learned, is easier.
# 2. Functions make few answers go far: what they read need not be learned, only weighed. Below 20 decided answers they cannot be weighed
#    (the stage says so), and n-grams have to do.
# 3. Where the curve is flat, more answers teach no more: change what the model can see.
# 4. Look at `told apart` and at the scores before you teach with responses that were there anyway.
# 5. The evaluation model is a reward, and rewards are hacked: `audit` is on by default, and was left out here for time alone.
