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
# # From labels to a trained policy
#
# Labels are means to an end. Here a small language model is trained on them twice, by TRL's `SFTTrainer` from an export and
# by our own stage, and the notebook says where the two are the same and where they are not. The pairs are **generated** and
# the model starts from random weights, so that everything runs anywhere in a minute; nothing here says how good a policy is.

# %%
import json
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

import weaklabel as wl
from weaklabel.data.sample import write_sample

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.simplefilter("ignore")
folder = Path(tempfile.mkdtemp())
paths = write_sample(folder, n_pairs=400, n_gold=200, seed=3)
pairs = wl.read_pairs(paths.pairs, gold=paths.gold)
families = ("arithmetic", "instructions", "refusal", "relevance", "politeness", "hedging", "length")
lfs = wl.load_lfs(*(f"shipped:{family}" for family in families))
labeler = wl.fit(lfs, pairs)
labels = labeler.label(pairs)
print(labels)

# %% [markdown]
# ## 1. An export for TRL
#
# The export writes `chosen` and `rejected` as TRL reads them, and keeps the belief beside them in a column that TRL ignores.
# Locked test prompts stay here.

# %%
report = wl.export_trl(labels, folder / "trl", min_confidence=0.6)
print(report)
rows = [json.loads(line) for line in (folder / "trl" / "train.jsonl").read_text().splitlines()]
print(json.dumps(rows[0], indent=1)[:700])
assert {"chosen", "rejected", "p_chosen"} <= set(rows[0])
assert len(rows) == report.n_kept

# %% [markdown]
# ## 2. Our own stage on the same labels
#
# Without a file of demonstrations the stage learns the better response of every label. The same filter gives the same pairs.

# %%
settings = {
    "learning_rate": 2e-3,
    "lr_scheduler_type": "constant",
    "max_steps": 30,
    "save_steps": 15,
    "groups_per_batch": 8,
    "max_length": 192,
}
result = wl.stages.sft(
    labels,
    output_dir=folder / "sft",
    from_scratch="tiny",
    min_confidence=0.6,
    lfs=lfs,
    comparer=labeler,
    audit={"max_new_tokens": 32, "audit_prompts": 16},
    **settings,
)
print(result)
figures = result.rounds[0].figures
assert figures["demonstrations"] == report.n_kept
log = map(json.loads, (result.rounds[0].folder / "log.jsonl").read_text().splitlines())
losses = [line["loss"] for line in log if "loss" in line]
assert losses[-1] < losses[0]

# %% [markdown]
# The audit is part of the round. At the start and at every checkpoint the policy answered prompts that were held out, and the
# labeling functions that made the labels looked at the answers. A model of random weights that learns for thirty steps changes
# a great deal, so warnings are no surprise; what they say is what a person would look at first.

# %%
from weaklabel.stages.audit import Audit  # noqa: E402

audit = Audit.load(result.rounds[0].folder / "audit")
print(audit)
assert [look.step for look in audit.looks] == [0, 15, 30]

# %% [markdown]
# ## 3. The same in TRL
#
# TRL's `SFTTrainer` reads prompt and completion. We begin from the same weights, a policy of random weights that we save first,
# and give it the chosen side of the export.

# %%
import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

base = result.model
model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
made = model.generate(
    **tokenizer("What is 3 + 4?\n\n", return_tensors="pt"), max_new_tokens=16, do_sample=False, pad_token_id=0
)
print("our policy, loaded by transformers:", repr(tokenizer.decode(made[0])))


def text(messages: list[dict[str, str]]) -> str:
    return messages[-1]["content"]


demonstrations = [
    {"prompt": text(row["prompt"]) + "\n\n", "completion": text(row["chosen"]) + tokenizer.eos_token}
    for row in rows
]
trainer = SFTTrainer(
    model,
    args=SFTConfig(
        output_dir=str(folder / "trl-out"),
        max_steps=10,
        per_device_train_batch_size=8,
        learning_rate=settings["learning_rate"],
        lr_scheduler_type="constant",
        max_length=192,
        completion_only_loss=True,
        report_to="none",
        logging_steps=1,
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    ),
    train_dataset=Dataset.from_list(demonstrations),
    processing_class=tokenizer,
)
trainer.train()
theirs = [line["loss"] for line in trainer.state.log_history if "loss" in line]
print("TRL goes on from our policy, loss", theirs[0], "->", theirs[-1])
assert np.isfinite(theirs).all()

# %% [markdown]
# And a step of ours on what TRL saved: the folders are the same kind of thing.

# %%
trainer.save_model(str(folder / "theirs"))
onward = wl.stages.sft(
    labels,
    output_dir=folder / "onward",
    model=str(folder / "theirs"),
    min_confidence=0.6,
    audit=False,
    **settings | {"max_steps": 2, "save_steps": 2},
)
print(onward)

# %% [markdown]
# ## The worse response teaches too
#
# The stage `hindsight` puts both responses of a pair into one text, each behind words that say how good it is, as strong as the
# label is sure; the policy is then asked with the words that mean good. Labels, weights and locked prompts are the same as above.

# %%
from weaklabel.stages.hindsight.asking import answers  # noqa: E402
from weaklabel.stages.hindsight.templates import TEMPLATES  # noqa: E402
from weaklabel.training.decoding import Responder  # noqa: E402

told = wl.stages.hindsight(
    labels,
    output_dir=folder / "hindsight",
    model=str(base),
    template="questions",
    feedback="soft",
    audit=False,
    **settings | {"max_steps": 10, "save_steps": 10},
)
print(told)
asked = [labels.pairs.table["prompt"][0].as_py()]
print(answers(Responder.load(told.model), TEMPLATES["questions"], asked))
assert np.isfinite(told.rounds[-1].figures["loss"])

# %% [markdown]
# ## What differs
#
# | | TRL's `SFTTrainer` | the stage `sft` |
# |---|---|---|
# | loss on equal batches | tokens of the completion | the same, to 1e-5 over 20 steps (a test holds that) |
# | weight of an example | none | `w` of the label, down to the loss |
# | rows that are too long | cut, or dropped in silence | cut and counted; a cut response teaches no end |
# | string of a special token in a text | read as the token | text |
# | uncalibrated labels | it cannot know | refused, unless told otherwise |
# | after a kill | `resume_from_checkpoint` by hand | the same command, the same files |
# | while it trains | loss | loss, and the audit: answers to held-out prompts, functions as monitors, KL, log-probabilities |
# | what is left | a folder of checkpoints | one model, its figures, and what it was made of |

# %%
before = AutoModelForCausalLM.from_pretrained(base)
after = AutoModelForCausalLM.from_pretrained(onward.model)
moved = max(
    float((a - b).detach().abs().max()) for a, b in zip(before.parameters(), after.parameters(), strict=True)
)
assert moved > 0
print("largest change of a weight since our first policy:", round(moved, 4))
with torch.inference_mode():
    print("done")
