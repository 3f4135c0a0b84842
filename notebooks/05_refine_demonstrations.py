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
# # Refining demonstrations with labeling functions
#
# Demonstrations are wrong in places. Here five labeling functions, fitted without any gold, say where a model's proposal is
# better than a demonstration; two rounds of `ilr` replace those, and train the policy again from its base. The task is
# **made up** and the model starts from random weights, so that everything runs anywhere in a minute, and truth is known:
# it is used for figures, and no decision rests on it.

# %%
import json
import os
import random
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np

import weaklabel as wl

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.simplefilter("ignore")
folder = Path(tempfile.mkdtemp())
draw = random.Random(0)

# %% [markdown]
# ## 1. Weak demonstrations
#
# "Ann buys 3 pens at 4 dollars" is to be answered "3 * 4 = 12 dollars". In nearly half of our demonstrations the two
# numbers are added, which a model can learn as well as the right way; some are wrong at random: another result, or no currency.

# %%
NAMES, THINGS, MONEY = ("Ann", "Ben", "Eva", "Jim"), ("pens", "caps", "maps"), ("dollars", "euros", "pounds")


def drawn_prompts(n: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < n:
        n_things, each = draw.randint(2, 6), draw.randint(2, 6)
        found[
            f"{draw.choice(NAMES)} buys {n_things} {draw.choice(THINGS)} at {each} {draw.choice(MONEY)}"
        ] = None
    return list(found)


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", text)]


def answer(prompt: str, sign: str = "*", off: int = 0) -> str:
    n_things, each = numbers(prompt)
    result = n_things * each if sign == "*" else n_things + each
    return f"{n_things} {sign} {each} = {result + off} {prompt.split()[-1]}"


def is_right(prompt: str, response: str) -> bool:
    return response == answer(prompt)


def demonstrated(prompt: str) -> str:
    kind = draw.random()
    if kind < 0.45:
        return answer(prompt, "+")
    if kind < 0.6:
        off = draw.choice((-2, -1, 1, 2))
        return answer(prompt, draw.choice("*+"), off) if kind < 0.525 else answer(prompt).rsplit(" ", 1)[0]
    return answer(prompt)


prompts = drawn_prompts(700)
tested, prompts = prompts[:150], prompts[150:]
demos = [
    {"prompt": prompt, "completion": demonstrated(prompt), "pinned": k < 5}
    for k, prompt in enumerate(prompts)
]
for row in demos[:5]:
    row["completion"] = answer(row["prompt"])  # a person has looked at these
(folder / "test.jsonl").write_text(
    "".join(json.dumps({"prompt": p, "completion": answer(p)}) + "\n" for p in tested)
)
right = np.mean([is_right(row["prompt"], row["completion"]) for row in demos])
print(f"{len(demos)} demonstrations, {right:.2f} of them right, 5 pinned. For example:")
for row in demos[5:10]:
    print(f"  {row['prompt']:<34}{row['completion']}")

# %% [markdown]
# ## 2. A comparer of labeling functions
#
# Each function looks at one trait. None knows the answer, several are silent most of the time, and the last one is a bad idea.
# They are fitted on pairs without gold: the demonstrations of 300 prompts beside what a second person wrote there.


# %%
@wl.response_scorer()
def calculation_holds(response):
    step = re.match(r"(\d+) ([+*]) (\d+) = (\d+)", str(response))
    if step is None:
        return False
    a, sign, b, c = step.groups()
    return int(c) == (int(a) + int(b) if sign == "+" else int(a) * int(b))


@wl.response_scorer()
def names_the_currency(response, prompt):
    return str(response).split()[-1:] == str(prompt).split()[-1:]


@wl.response_scorer()
def larger_result(response):
    found = numbers(str(response))
    return found[-1] if found else 0


@wl.response_scorer()
def even_where_one_is_even(response, prompt):
    found, given = numbers(str(response)), numbers(str(prompt))
    return bool(found) and found[-1] % 2 == given[0] * given[1] % 2


@wl.response_scorer(prefer="less")
def concise(response):
    return len(str(response))


lfs = [calculation_holds, names_the_currency, larger_result, even_where_one_is_even, concise]
pairs = wl.read_pairs(
    [
        {"prompt": row["prompt"], "response_a": row["completion"], "response_b": second}
        for row in demos[5:305]
        if (second := demonstrated(row["prompt"])) != row["completion"]
    ]
)
labeler = wl.fit(lfs, pairs)
print(pairs)
print("calibrated:", labeler.calibrated)

# %% [markdown]
# Without gold a labeler cannot be calibrated, and exports refuse such labels unless they are told otherwise. A round of `ilr` asks
# less of it: on which side of .5 a pair lies, and which pairs are surest. Here truth says how far that holds.

# %%
rows = list(pairs)
truth = np.array(
    [[is_right(str(r.prompt), str(text)) for text in (r.response_a, r.response_b)] for r in rows]
)
decided = truth[:, 0] != truth[:, 1]
p = labeler.compare(pairs)
accuracy = float(np.mean((p > 0.5) == truth[:, 1], where=decided))
print(f"right on {accuracy:.2f} of the {decided.sum()} pairs of which one answer is right")
assert not labeler.calibrated
assert accuracy > 0.7

# %% [markdown]
# ## 3. Two rounds
#
# Prompts are divided into two folds; the model that learned one fold proposes answers for the other. Where a proposal differs from
# the demonstration the labeler compares them, and at most three in ten of those that differ are replaced.

# %%
settings = {
    "from_scratch": "tiny",
    "num_train_epochs": 14,
    "groups_per_batch": 32,
    "learning_rate": 3e-3,
    "lr_scheduler_type": "cosine",
    "max_length": 64,
    "audit": False,
}
result = wl.stages.ilr(
    demos,
    output_dir=folder / "ilr",
    comparer=labeler,
    truth=is_right,
    test_data=str(folder / "test.jsonl"),
    num_rounds=2,
    alpha=0.3,
    agree="exact",
    proposals={"max_new_tokens": 20, "num_beams": 1, "batch_size": 256},
    **settings,
)
print(result)

# %%
first, last = (result.rounds[k].figures for k in (0, 2))
print(f"labels right: {first['label accuracy']:.2f} -> {last['label accuracy']:.2f}")
print(f"answers to new prompts right: {first['test accuracy']:.2f} -> {last['test accuracy']:.2f}")
assert last["label accuracy"] > first["label accuracy"] + 0.05

# %% [markdown]
# ## 4. What was replaced
#
# `decisions.jsonl` of a round holds every comparison: label, proposal, who proposed it, the belief that it is better, and whether
# it was taken.

# %%
decisions = [
    json.loads(line) for line in (result.rounds[1].folder / "decisions.jsonl").read_text().splitlines()
]
taken = sorted((row for row in decisions if row["accepted"]), key=lambda row: -row["belief"])
print(
    f"{len(decisions)} compared in round 1, {len(taken)} taken. The surest, and the least sure that were taken:"
)
for row in (*taken[:4], *taken[-4:]):
    print(f"  {row['belief']:.2f}  {row['label']:<20} -> {row['proposal']:<20} for {row['prompt']}")
assert len(taken) <= -(-3 * len(decisions) // 10)
assert all(row["belief"] > 0.5 for row in taken)

# %% [markdown]
# The labels themselves carry where they come from. What a person pinned stands as it was.

# %%
labels = [json.loads(line) for line in (result.rounds[2].folder / "labels.jsonl").read_text().splitlines()]
written = {number: sum(row["round"] == number for row in labels) for number in range(3)}
print("labels by the round that wrote them:", written)
print(json.dumps(next(row for row in labels if row["round"] == 2), indent=1))
pinned = [row for row in labels if row["pinned"]]
assert [row["completion"] for row in pinned] == [row["completion"] for row in demos[:5]]
assert written[1] > 0
assert written[2] > 0

# %% [markdown]
# ## 5. The labels of a round, elsewhere
#
# `labels.jsonl` is data for any stage, and rows of prompt and completion for any other tool. Here `sft` learns those of round 2;
# on the command line that is `weaklabel sft --data runs/base/ilr/round-02/labels.jsonl`.

# %%
again = wl.stages.sft(
    str(result.rounds[2].folder / "labels.jsonl"), output_dir=folder / "sft", **settings | {"max_steps": 40}
)
print(again)
assert again.rounds[0].figures["demonstrations"] == len(demos)

# %% [markdown]
# ## When this works
#
# 1. Models that learned other folds must be right more often than the labels that they are to replace, where these are wrong.
#    `proposals right` among the figures says how often they are, where truth is known.
# 2. The functions must tell the model's mistakes from the demonstrations' mistakes. One that likes what the demonstrations do
#    wrong is taken for what it is only as long as others disagree with it.
# 3. A policy follows the more frequent of two ways. Where no wrong way is as frequent as the right one it learns past the errors by
#    itself, and has little to gain although its labels get better.
# 4. Where somebody reliable can answer a few questions a round, `audit_sample` and `expert` keep a round from making labels
#    worse: see docs/ilr.md.
