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
# # First labels
#
# From response pairs and a few hundred gold labels to calibrated soft labels, an export for training, and a first
# reward model. The pairs are **generated** by `weaklabel.data.sample`: their truth is known, so this notebook can
# check what it claims. The figures say that the machinery works, not how good it will be on your data.

# %%
import json
import tempfile
from pathlib import Path

import numpy as np

import weaklabel as wl
from weaklabel.data.sample import write_sample

folder = Path(tempfile.mkdtemp())
paths = write_sample(folder, n_pairs=1200, n_gold=500, seed=1)
truth = {row["id"]: row["truth"] for row in map(json.loads, paths.truth.read_text().splitlines())}

# %% [markdown]
# ## 1. Pairs and gold
#
# `read_pairs` recognises the layout, joins gold by id, and splits the gold by prompt: `dev` is ours to look at,
# `test` stays locked until the last cell. What cannot be read is set aside, never lost.

# %%
pairs = wl.read_pairs(paths.pairs, gold=paths.gold)
assert len(pairs) == 1200
assert len(pairs.set_aside) == 0
assert len(pairs.dev) + len(pairs.test) == 500
assert not set(pairs.dev.table["prompt"].to_pylist()) & set(pairs.test.table["prompt"].to_pylist())
pairs

# %% [markdown]
# ## 2. What goes with preference?
#
# `explore` ranks the shipped features, words and patterns on the dev gold, with intervals and a control of false
# discoveries.

# %%
clues = wl.explore(pairs, limit=5)
clues

# %%
clues.plot()

# %% [markdown]
# ## 3. Labeling functions
#
# A response scorer gives one response a number; the sign of the difference is its vote, and the size of the
# difference is kept as its margin. It cannot depend on which response stands first.


# %%
@wl.response_scorer(prefer="less")
def hedges(response):
    """An answer that commits itself wins."""
    return sum(response.words.count(word) for word in ("maybe", "perhaps", "probably", "might"))


@wl.labeling_function
def ends_properly(pair):
    """Prefer the response that ends like a sentence. Abstains when both do, or neither does."""
    a, b = (text.rstrip().endswith((".", "!", "?")) for text in (pair.response_a, pair.response_b))
    return wl.ABSTAIN if a == b else (wl.PREFER_B if b else wl.PREFER_A)


lfs = [
    hedges,
    ends_properly,
    *wl.load_lfs("shipped:arithmetic", "shipped:instructions", "shipped:refusal", "shipped:relevance"),
]
# Every one of them keeps its contract: legal votes, the same twice, turned round with the pair.
assert [finding for lf in lfs for finding in wl.check_labeling_function(lf, pairs)] == []

# %% [markdown]
# ## 4. Votes
#
# `votes.L` is the label matrix: -1 abstain, 0 prefers a, 1 prefers b.

# %%
votes = wl.apply(lfs, pairs)
assert votes.L.shape == (1200, len(lfs))
assert not votes.faults
visible = votes.take(pairs.parts != "test")
wl.analyze(visible, gold=pairs.dev)

# %% [markdown]
# ## 5. A labeler: label model and calibrator
#
# Fitted on all pairs but the locked test prompts. The figures are out of fold: nothing that speaks on a prompt has
# seen it.

# %%
labeler = wl.fit(lfs, pairs, votes=votes)
labels = labeler.label(pairs, votes=votes)
for name, interval in labeler.out_of_fold.items():
    print(f"{name:<9}{interval}")
assert labels.calibrated
assert labeler.out_of_fold["nll"].value < np.log(2)  # better than saying one half of everything

# %% [markdown]
# Turning a pair round turns its label round, exactly.

# %%
assert (labeler.compare(pairs.swapped()) == 1 - labeler.compare(pairs)).all()

# %% [markdown]
# Any label can be explained: which functions spoke, and with what weight. The log-odds add up.

# %%
surest = pairs.ids[int(np.argmax(labels.confidence))]
explanation = labels.explain(surest)
assert abs(sum(reason.log_odds for reason in explanation.reasons) - explanation.logit) < 1e-9
explanation

# %% [markdown]
# Here the truth is known, so we can ask it (a label that is itself a tie is half right). More confident labels are
# right more often.

# %%
right = np.where(labels.label == "tie", 0.5, labels.label == np.array([truth[i] for i in pairs.ids]))
unseen = ~pairs.has_gold
sure = labels.confidence >= np.quantile(labels.confidence[unseen], 0.75)
print(
    f"right on all unlabelled pairs: {right[unseen].mean():.3f}, on the surest quarter: {right[unseen & sure].mean():.3f}"
)
assert right[unseen].mean() > 0.55
assert right[unseen & sure].mean() > right[unseen].mean()

# %% [markdown]
# ## 6. Export
#
# Exact ties, pairs without a vote and the locked test prompts are left out, and counted.

# %%
report = wl.export_trl(labels, folder / "trl", min_confidence=0.6)
print(report)
rows = [json.loads(line) for line in (folder / "trl" / "train.jsonl").read_text().splitlines()]
assert len(rows) == report.n_kept
assert report.n_kept + sum(report.dropped.values()) == 1200
assert "margin" not in rows[0]

# %% [markdown]
# ## 7. A first reward model, and the figures on held-out prompts
#
# `evaluate` takes anything that can compare two responses. Intervals resample prompts, differences are paired.

# %%
reward = wl.train_reward(labels, model="linear")
evaluation = wl.evaluate({"labeler": labeler, "reward": reward}, gold=pairs.test)
assert set(evaluation.figures) == {"labeler", "reward", "longer_response"}
assert evaluation.n_in_sample == 0  # nothing here is in-sample
evaluation

# %% [markdown]
# A saved labeler answers for new pairs. Functions typed into a notebook cell live only here, so the one we save is
# made of functions that have a home.

# %%
saved = wl.fit(wl.load_lfs("shipped:arithmetic", "shipped:politeness"), pairs)
saved.save(folder / "labeler")
again = wl.load(folder / "labeler")
assert (again.compare(pairs) == saved.compare(pairs)).all()
