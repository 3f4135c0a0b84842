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
# # What do my labeling functions know?
#
# You have written a dozen labeling functions. Which of them are right, which say the same thing twice, which add
# nothing, which point the wrong way? Every question here is asked of gold of the `dev` part; the locked `test` part is
# not looked at. The pairs are **generated**, so their truth is known and the claims below can be checked. The last
# section does the same on real pairs, where there are any.

# %%
import os
import tempfile
import zlib
from pathlib import Path

from IPython.display import display

import weaklabel as wl
from weaklabel import pictures
from weaklabel.data.sample import write_sample
from weaklabel.report import honest_labels, judge

folder = Path(tempfile.mkdtemp())
paths = write_sample(folder, n_pairs=2500, n_gold=2000, seed=1)
pairs = wl.read_pairs(paths.pairs, gold=paths.gold, test_share=0.3)
print(pairs)

# %% [markdown]
# ## 1. Some functions, and three mistakes of the kind that people make
#
# `hedges_too` looks for the same words as `hedges`, under another name. `names_itself` has the right idea and the
# wrong sign. `tosses_a_coin` knows nothing: a checksum of the text.


# %%
def hedging(response):
    return sum(response.words.count(word) for word in ("maybe", "perhaps", "probably", "might"))


@wl.response_scorer(prefer="less")
def hedges(response):
    """An answer that commits itself wins."""
    return hedging(response)


@wl.response_scorer(prefer="less")
def hedges_too(response):
    """The same again, by another author."""
    return hedging(response)


@wl.response_scorer(prefer="more")
def names_itself(response):
    """The wrong way round: the answer that says "as an AI" wins."""
    return response.words.count("ai")


@wl.response_scorer(prefer="more")
def tosses_a_coin(response):
    """Knows nothing."""
    return zlib.crc32(response.text.encode()) % 1000


lfs = [
    hedges,
    hedges_too,
    names_itself,
    tosses_a_coin,
    *wl.load_lfs("shipped:arithmetic", "shipped:instructions", "shipped:refusal", "shipped:relevance"),
]
votes = wl.apply(lfs, pairs)
visible = pairs.parts != "test"
votes, seen = votes.take(visible), pairs.take(visible)
analysis = wl.analyze(votes, gold=seen.dev)
print(analysis)

# %% [markdown]
# The dot is the share of right votes on gold, the bar its 95% interval over prompts. Blue lies clear above a coin,
# orange clear below, grey tells nothing yet.

# %%
analysis.plot()

# %%
assert analysis["names_itself"].accuracy.high < 0.5  # below chance: it knows something, and says the opposite
assert analysis["tosses_a_coin"].accuracy.low < 0.5 < analysis["tosses_a_coin"].accuracy.high
assert analysis["hedges"].accuracy.low > 0.5

# %% [markdown]
# ## 2. Which say the same thing?
#
# Functions that are both good agree, and that is no harm. Harm is done by functions that **err** together: a label
# model that takes them for two witnesses believes the same mistake twice. `dependencies` looks at errors given the
# truth.

# %%
found = wl.dependencies(votes, seen.dev)
names = [lf.name for lf in analysis.lfs]
pictures.heatmap_picture(
    analysis.agreement,
    names,
    "Agreement",
    middle=0.5,
    top=0.5,
    order=[j for j in found.order if analysis.lfs[j].coverage],
    words="Blue: they agree more than half the time. Empty: they never meet.",
)

# %%
print(found)
found.plot()

# %%
copies = {frozenset((link.one, link.other)) for link in found.near_duplicates}
assert frozenset(("hedges", "hedges_too")) in copies
assert not any("tosses_a_coin" in couple for couple in copies)
assert found.effective < len(lfs)

# %% [markdown]
# ## 3. What does each add?
#
# Left out one at a time, a copy seems to add nothing: the other one covers for it. So copies are left out together as
# well. The figure is what the labels lose, in nats per pair, out of fold.

# %%
added = wl.added_value(votes, seen, together=[("hedges", "hedges_too")])
print(added)
added.plot()

# %%
adds = {row.lfs: row.adds for row in added.rows}
assert adds[("hedges",)].low <= 0 < adds[("hedges", "hedges_too")].low  # one covers for the other
assert adds[("tosses_a_coin",)].low <= 0
assert adds[("wrong_sums",)].low > 0

# %% [markdown]
# ## 4. Where is one of them wrong?
#
# Reading ten mistakes of a function teaches more than any figure. On top stand kinds of pairs in which it is wrong
# more often than elsewhere, then the mistakes, the most confident first.

# %%
wrong = wl.mistakes("subject_early", votes, seen)
assert all(mistake.gold != mistake.vote for mistake in wrong.mistakes)
assert not {mistake.id for mistake in wrong.mistakes} & set(pairs.test.ids)
wrong

# %% [markdown]
# ## 5. Would other settings be better?
#
# `tune` searches direction and thresholds. What a search promises on the pairs that it searched is flattery, so it is
# done again inside each fold and scored outside: that is the honest gain.

# %%
tuning = wl.tune(lfs, seen, votes=votes)
proposed = {row.lf: row for row in tuning.suggestions}
assert proposed["names_itself"].proposed.prefer == "less"
assert "tosses_a_coin" not in proposed
tuning

# %% [markdown]
# So we turn that one round, drop the copy and the coin, and compare the sets on the same folds.

# %%
turned = names_itself.with_settings(prefer="less", name="does_not_name_itself")
better = [lf for lf in [*lfs, turned] if lf.name not in ("hedges_too", "names_itself", "tosses_a_coin")]
after = wl.apply(better, seen)
print(wl.analyze(after, gold=seen.dev)["does_not_name_itself"])
assert wl.analyze(after, gold=seen.dev)["does_not_name_itself"].accuracy.low > 0.5

# %% [markdown]
# ## 6. Do the labels lean to one side?

# %%
labeler = wl.fit(better, pairs, settings={"text": False})  # functions alone: it is they that we look at
labels = labeler.label(pairs)
judged = judge(labels, labeler)  # dev gold pairs, each as the other prompts' gold would have it
bias = wl.label_bias(honest_labels(labels, judged))
print(bias)
assert bias.n_in_sample == 0
bias.plot()

# %%
assert bias.position.low < 0.5 < bias.position.high

# %% [markdown]
# ## 7. All of it on one page
#
# `weaklabel report` writes the same for a run. The file needs no network, and the texts of models cannot do anything
# in it.

# %%
page = wl.write_report(
    labels,
    folder / "report.html",
    labeler=labeler,
    dependencies=wl.dependencies(after, seen.dev),
    added_value=wl.added_value(after, seen),
    bias=bias,
    out_of_fold=dict(zip(labels.pairs.take(judged.rows).ids, judged.p, strict=True)),
)
text = page.read_text(encoding="utf-8")
print(f"{page.name}: {len(text) / 1e6:.1f} MB")
assert "<script" not in text
assert len(text) < 2_000_000

# %% [markdown]
# ## 8. Real pairs
#
# Where the variable `WEAKLABEL_SHARED` names the folder of real data: the shipped functions for MT-Bench on people's
# own judgements.

# %%
named = os.environ.get("WEAKLABEL_SHARED")
folders = [Path(named)] if named else [parent / "shared" for parent in Path.cwd().parents]
files = [folder / "data/preferences/mt_bench_train.parquet" for folder in folders]
real = next((file for file in files if file.exists()), None)
if real:
    mt = wl.read_pairs(real)
    mt_votes = wl.apply(wl.load_lfs("shipped:mt_bench"), mt)
    mt_seen, mt_votes = mt.visible, mt_votes.take(mt.parts != "test")
    mt_found = wl.dependencies(mt_votes, mt_seen.dev)
    mt_added = wl.added_value(mt_votes, mt_seen)
    print(mt_found.text(5))
    print(f"with all functions: NLL {mt_added.nll}, a coin .693")
    assert mt_added.nll.value < 0.693
    # People like long answers here, and a dozen functions are length under another name.
    assert mt_found.effective < len(mt_found.lf_names) / 1.2

# %%
if real:
    mt_picture = pictures.dependency_picture(
        [(link.one, link.other, link.correlation) for link in mt_found.links],
        order=[mt_found.lf_names[j] for j in mt_found.order],
        title="Functions that err together on MT-Bench",
    )
    display(mt_picture)
