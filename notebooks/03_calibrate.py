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
# # When can I trust a soft label?
#
# A label says `p = .8`. Is B better eight times in ten where it says so? This notebook looks, repairs what can be
# repaired, and chooses what to keep. The pairs are **generated**, so that the claims can be checked against the truth.
# The last section asks the same of people's judgements, where the real data is at hand.

# %%
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from IPython.display import display

import weaklabel as wl
from weaklabel import metrics, pictures
from weaklabel.calibration import VennAbers, choose_calibrator, get_calibrator
from weaklabel.data.sample import write_sample
from weaklabel.report import judge
from weaklabel.report.ceiling import gold_agreement

folder = Path(tempfile.mkdtemp())
paths = write_sample(folder, n_pairs=3000, n_gold=2000, seed=2)
truth = {row["id"]: row["truth"] for row in map(json.loads, paths.truth.read_text().splitlines())}
pairs = wl.read_pairs(paths.pairs, gold=paths.gold)
families = (
    "arithmetic",
    "instructions",
    "refusal",
    "relevance",
    "politeness",
    "hedging",
    "repetition",
    "length",
)
lfs = wl.load_lfs(*(f"shipped:{family}" for family in families))
votes = wl.apply(lfs, pairs)
print(pairs)

# %% [markdown]
# ## 1. Probabilities as they come
#
# The simplest label model counts votes and calls the share a probability. Nobody has told it how often its voters are
# right. It never saw gold, so all dev gold may judge it: the dots show how often it was right, the grey band what a model
# would show that means what it says.

# %%
counted = wl.fit(lfs, pairs, model="majority_vote", calibration="none", votes=votes).label(pairs, votes=votes)
raw = judge(counted, None)
print(raw.basis)
pictures.reliability_picture(raw.p, raw.y, raw.groups, note=raw.basis)

# %%
gap = metrics.calibration_gap(raw.p, raw.y)
perfect = metrics.calibration_gap_when_perfect(raw.p)
print(
    f"gap {gap:.3f}; a perfect model of these probabilities would show {perfect.low:.3f} to {perfect.high:.3f}"
)
assert gap > perfect.high

# %% [markdown]
# ## 2. Calibrators, side by side
#
# A calibrator learns one curve: what becomes of the model's own confidence. Each is scored on prompts that it did not
# see. The simplest one wins whose NLL is within a standard error of the best.

# %%
logit = counted.logit[raw.rows]
chosen, scores = choose_calibrator(logit, raw.y, raw.groups)
for name, score in ({"as it comes": metrics.nll(raw.p, raw.y)} | scores).items():
    print(f"{name:<12}{score:.4f} nats per pair")
print("chosen:", chosen.name)
fitted = {name: get_calibrator(name).fit(logit, raw.y) for name in scores}
band = VennAbers().fit(logit, raw.y)
pictures.calibration_map_picture(fitted, band, note="Fitted on all dev gold.")

# %%
assert min(scores.values()) < metrics.nll(raw.p, raw.y)

# %% [markdown]
# ## 3. How sure is the probability itself?
#
# Venn-Abers gives two probabilities instead of one: with the pair added to the gold as right, and as wrong. Much gold, and
# they are close; little gold, and they are not. The width is about the calibration, not about the pair.

# %%
some = np.random.default_rng(0).permutation(len(logit))[:60]
few = VennAbers().fit(logit[some], raw.y[some])
spoken = logit[logit != 0]  # where votes cancel out, either direction is possible, whatever the gold
wide, narrow = (np.diff(v.intervals(spoken), axis=1).mean() for v in (few, band))
print(f"mean width with 60 gold pairs {wide:.3f}, with {len(logit)} {narrow:.3f}")
assert narrow < wide / 2
# Turned round, the interval turns round: exactly.
assert (band.intervals(-logit) == 1 - band.intervals(logit)[:, ::-1]).all()

# %% [markdown]
# ## 4. A labeler that is calibrated from the start
#
# `fit` learns the label model and its calibrator from dev gold. Of a pair that was fitted on, its own label says nothing
# any more; `judge` gives what the gold of **other** prompts makes of it.

# %%
labeler = wl.fit(lfs, pairs, votes=votes, settings={"text": False})
labels = labeler.label(pairs, votes=votes)
judged = judge(labels, labeler)
print(judged.basis)
pictures.reliability_picture(judged.p, judged.y, judged.groups, note=judged.basis)

# %%
gap = metrics.calibration_gap(judged.p, judged.y)
perfect = metrics.calibration_gap_when_perfect(judged.p)
print(
    f"gap {gap:.3f}; a perfect model of these probabilities would show {perfect.low:.3f} to {perfect.high:.3f}"
)
assert gap < 1.5 * perfect.high

# %% [markdown]
# Being calibrated is not everything: who says .5 of every pair is calibrated as well. NLL asks for both, so it is the
# score. The difference is paired: both models answer the same prompts.

# %%
counting = wl.fit(lfs, pairs, model="majority_vote", votes=votes)
peer = judge(counting.label(pairs, votes=votes), counting)
difference = metrics.paired_difference("nll", judged.p, peer.p, judged.y, judged.groups)
print("NLL of the pair model less that of calibrated majority vote:", difference)
assert difference.high < 0

# %% [markdown]
# ## 5. Keep the labels that are good enough
#
# The higher the wanted confidence, the fewer labels are kept and the more of them are right. The picture is for looking.
# Whoever takes the first point that looks good takes the luckiest.

# %%
pictures.kept_share_picture(judged.p, judged.y, judged.groups, note=judged.basis)

# %% [markdown]
# `find_threshold` tests thresholds in an order that is fixed beforehand and stops at the first that fails; its promise
# survives the search. It takes gold that neither fit nor calibration has seen: here the locked test part, for this one
# look. With too little gold it refuses, and says how much it would take.

# %%
test = np.flatnonzero((labels.pairs.parts == "test") & labels.pairs.has_gold)
held = labels.take(test)
found = metrics.find_threshold(held.p, held.pairs.y, held.pairs.prompt_groups, accuracy=0.7)
print(found)
refused = metrics.find_threshold(judged.p[:20], judged.y[:20], judged.groups[:20], accuracy=0.8)
print(refused)
assert found
assert not refused

# %% [markdown]
# Here the truth is known, so the promise can be checked on pairs that never had gold.

# %%
right = labels.label == np.array([truth[i] for i in pairs.ids])
pool = pairs.parts == "pool"
kept = pool & (labels.confidence >= found.threshold)
print(
    f"right: {right[pool].mean():.3f} of all unlabelled pairs, {right[kept].mean():.3f} of the {kept.sum()} kept ones"
)
assert right[kept].mean() > found.accuracy
assert right[kept].mean() > right[pool].mean()

# %% [markdown]
# ## 6. Other pairs
#
# Calibration is learned on your gold and holds for pairs like it. A labeler remembers, in numbers, what its pairs looked
# like, and says so when it meets others. Here it was fitted on three kinds of tasks and meets the fourth.

# %%
tone = np.array([c == "tone" for c in pairs.table["category"].to_pylist()])
known, new = pairs.take(~tone), pairs.take(tone)
home = wl.fit(lfs, known, votes=votes.take(~tone), settings={"text": False})
report = home.shift(new, votes.take(tone))
print(report)
assert report.shifted
assert not home.shift(known.visible, votes.take(~tone).take(known.parts != "test")).shifted

# %% [markdown]
# ## 7. So when?
#
# 1. `labels.calibrated` is true.
# 2. The reliability picture on gold that had no part in the fit stays in its band.
# 3. The pairs are like those that the gold was of: no shift warning.
# 4. NLL, not the calibration error alone, is below that of simpler models.
#
# And a single label? Nine of ten labels at .9 are right. Which one is the tenth, nobody knows.
#
# ## 8. Real pairs
#
# Where the variable `WEAKLABEL_SHARED` names the folder of real data: MT-Bench, judged by people, who agree with each other
# about eight times in ten. No label can be expected to agree with single judgements much more often than that.

# %%
named = os.environ.get("WEAKLABEL_SHARED")
folders = [Path(named)] if named else [parent / "shared" for parent in Path.cwd().parents]
files = [folder / "data/preferences/mt_bench_train.parquet" for folder in folders]
real = next((file for file in files if file.exists()), None)
if real:
    mt = wl.read_pairs(real)
    mt_lfs = wl.load_lfs("shipped:mt_bench")
    mt_labeler = wl.fit(mt_lfs, mt, settings={"text": False})
    mt_judged = judge(mt_labeler.label(mt), mt_labeler)
    people = gold_agreement(mt)
    print(f"people with each other {people.agree}")
    print("labels with people   ", metrics.bootstrap("accuracy", mt_judged.p, mt_judged.y, mt_judged.groups))
    assert 0.7 < people.agree.value < 0.9
    assert metrics.nll(mt_judged.p, mt_judged.y) < np.log(2)
    display(pictures.reliability_picture(mt_judged.p, mt_judged.y, mt_judged.groups, note=mt_judged.basis))
    display(pictures.kept_share_picture(mt_judged.p, mt_judged.y, mt_judged.groups, note=mt_judged.basis))
