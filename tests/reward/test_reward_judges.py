"""The scale rests on gold that neither a model nor what taught it has seen: by hand, by twins, and by turning that gold."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from made_labels import build_labels, build_pairs

import weaklabel as wl
from weaklabel.errors import LabelMatrixError
from weaklabel.logistic import nll_of_logit
from weaklabel.report.card import model_card
from weaklabel.reward import load_reward, train_reward
from weaklabel.reward.judges import Judges
from weaklabel.reward.linear import LinearReward
from weaklabel.shift import Reference
from weaklabel.types import Labels, Pairs

WORDS = [f"word{k}x" for k in range(12)]


@wl.response_scorer
def good_words(response):
    return sum(response.text.count(word) for word in WORDS[:6])


@wl.response_scorer(prefer="less")
def bad_words(response):
    return sum(response.text.count(word) for word in WORDS[3:9])


LFS = [good_words, bad_words]


def world(n: int = 300, n_gold: int = 120, seed: int = 0) -> Pairs:
    """Responses of five drawn words; the better one has more of the first six, but for a third of the gold."""
    rng = np.random.default_rng(seed)
    a, b = (rng.choice(WORDS, (n, 5)) for _ in range(2))
    right = np.isin(b, WORDS[:6]).sum(axis=1) > np.isin(a, WORDS[:6]).sum(axis=1)
    better = right != (rng.random(n) < 0.33)
    gold = [("b" if w else "a") if i < n_gold else None for i, w in enumerate(better)]
    part = ["dev" if i < n_gold else "pool" for i in range(n)]
    prompts = [f"question {i // 2}" for i in range(n)]
    return build_pairs(prompts, [" ".join(x) for x in a], [" ".join(x) for x in b], gold, part)


@cache
def reference() -> Reference:
    """What pairs look like: nothing here is about a shift, and it takes longest."""
    return Reference.of(wl.apply(LFS, world()), world())


def labelled(pairs: Pairs) -> Labels:
    votes = wl.apply(LFS, pairs)
    few = {"text": False, "leave_out": ("wide", "even")}
    labeler = wl.fit(LFS, pairs, settings=few, calibration="temperature", votes=votes, reference=reference())
    return labeler.label_known(pairs, votes)


def as_if_blind(labels: Labels) -> Labels:
    """The same labels, which deny that they saw any gold."""
    return replace(labels, refit=None, in_sample=np.zeros(len(labels), dtype=np.bool_))


@pytest.fixture
def seen(monkeypatch):
    """What the folds of each trained model said: `(z, y)` per call."""
    calls = []

    def remember(z, y, groups, *, spread):
        calls.append((z.copy(), y.copy()))
        return 1.0

    monkeypatch.setattr("weaklabel.reward.scale.gentle_factor", remember)
    return calls


def turned_gold(pairs: Pairs, rows: np.ndarray) -> Pairs:
    turn = {"a": "b", "b": "a", None: None}
    gold = [turn[g] if r else g for g, r in zip(pairs.table["gold"].to_pylist(), rows, strict=True)]
    at = pairs.table.schema.get_field_index("gold")
    return Pairs(pairs.table.set_column(at, pairs.table.schema.field(at), pa.array(gold, pa.string())))


def test_gold_that_judges_has_no_part_in_what_it_judges(seen, monkeypatch):
    # Solved to the end: a model begins at the whole one, and stopping early leaves a trace of that.
    monkeypatch.setattr("weaklabel.reward.ridge._GAIN", 1e-14)
    pairs = world()
    # The gold of one prompt is turned: the model that it judges says the same of it.
    for one in (pairs, turned_gold(pairs, pairs.prompt_groups == 7)):
        train_reward(labelled(one), "linear", n_features=2**8)
        train_reward(as_if_blind(labelled(one)), "linear", n_features=2**8)
    (ours, y), (leaky, _), (ours_turned, y_turned), (leaky_turned, _) = seen
    rows = np.flatnonzero(y != y_turned)
    assert len(rows) == 2
    np.testing.assert_allclose(ours[rows], ours_turned[rows], atol=1e-9)
    assert np.abs(leaky[rows] - leaky_turned[rows]).min() > 1e-4  # as it is where labels know the gold


def test_labels_that_know_the_gold_make_a_model_look_surer_of_it_than_it_is(seen):
    ours, leaky = [], []
    for seed in range(3):
        labels = labelled(world(n=240, n_gold=80, seed=seed))
        train_reward(labels, "linear", n_features=2**8)
        train_reward(as_if_blind(labels), "linear", n_features=2**8)
        for found, (z, y) in zip((ours, leaky), seen[-2:], strict=True):
            found.append(nll_of_logit(z, y).mean())
    assert np.mean(leaky) < np.mean(ours) - 0.005


def test_turning_pairs_round_changes_no_scale():
    pairs = world()
    one = train_reward(labelled(pairs), "linear", n_features=2**8)
    other = train_reward(labelled(pairs.swapped()), "linear", n_features=2**8)
    assert one.scale_ == pytest.approx(other.scale_, abs=1e-9)
    assert one.scale_ != 1.0


def test_gold_alone_judges_itself(seen):
    train_reward(world(), n_features=2**8)
    assert len(seen[0][0]) == 120


def test_labels_that_cannot_be_made_again_leave_the_gold_they_saw_no_say(tmp_path):
    labels = replace(labelled(world()), refit=None)
    model = train_reward(labels, "linear", n_features=2**8)
    assert (model.scale_, model.n_gold_) == (1.0, 120)
    assert model.scale_note_.startswith("120 of 120 gold pairs have no say in the factor")
    assert model.scale_note_ in model_card(model, None)["README.md"]
    model.save(tmp_path / "model")
    assert load_reward(tmp_path / "model").scale_note_ == model.scale_note_


def test_gold_that_such_labels_never_saw_still_judges(seen):
    labels = labelled(world(n_gold=240))
    half = np.arange(300) < 120
    train_reward(replace(labels, refit=None, in_sample=half), "linear", n_features=2**8)
    assert len(seen[0][0]) == 120


def test_labels_that_saw_no_gold_may_be_judged_by_all(seen):
    train_reward(as_if_blind(labelled(world())), "linear", n_features=2**8)
    assert len(seen[0][0]) == 120


@pytest.mark.parametrize(
    ("in_sample", "judging", "note"),
    [
        (None, 0, "do not say whose gold"),
        ([False] * 300, 120, ""),
        ([True] * 60 + [False] * 240, 60, "60 of 120 gold pairs"),
        ([True] * 60 + [None] * 240, 0, "do not say whose gold"),
    ],
)
def test_beliefs_of_a_file_are_judged_by_what_it_says_of_them(seen, in_sample, judging, note):
    pairs = world()
    if in_sample is not None:
        pairs = Pairs(pairs.table.append_column("in_sample", pa.array(in_sample, pa.bool_())))
    beliefs = (np.random.default_rng(0).random(300), np.ones(300))
    model = train_reward(pairs, beliefs=beliefs, n_features=2**8)
    assert note in model.scale_note_
    assert bool(note) == bool(model.scale_note_)
    assert sum(len(z) for z, _ in seen) == judging


def test_a_file_without_gold_has_nothing_to_say_of_it():
    pairs = world(n_gold=0)
    model = train_reward(pairs, beliefs=(np.full(300, 0.7), np.ones(300)), n_features=2**8)
    assert (model.scale_, model.scale_note_) == (1.0, "")


def test_judges_of_other_pairs_or_without_gold_are_refused():
    labels = build_labels()
    for rows in (np.ones(3, dtype=np.bool_), np.ones(6, dtype=np.bool_)):
        with pytest.raises(LabelMatrixError, match=r"LinearReward.fit: judges are of"):
            LinearReward(n_features=64).fit(
                labels.pairs, labels.p, gold=np.full(6, np.nan), judges=Judges(rows)
            )
