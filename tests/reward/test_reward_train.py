from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from made_labels import build_labels, with_column

import weaklabel
import weaklabel.reward
from weaklabel.errors import ConfigError, DataError, MissingExtraError, NotCalibratedError, UnknownNameError
from weaklabel.reward import RewardModel, train_reward, training_targets


class Recorder(RewardModel):
    """Remembers what it was fitted to."""

    name = "recorder"

    def _learn(self, pairs, p, w, y, judges):
        self.seen = {i: (x, y, z) for i, x, y, z in zip(pairs.ids, p, w, y, strict=True)}
        return 1.0

    def _raw(self, prompts, responses):
        return np.zeros(len(responses))


def test_gold_comes_before_labels_and_labels_before_nothing():
    labels = build_labels()
    seen = train_reward(labels, Recorder()).seen
    assert seen["b-wins"] == (1.0, 1.0, 1.0)
    assert seen["a-wins"] == (1.0, 1.0, 1.0)  # its gold says b, its label a
    p, w, gold = seen["unsure"]
    assert (p, w) == (pytest.approx(1 / (1 + np.exp(-0.25))), 1.0)
    assert np.isnan(gold)
    assert seen["tie"][0] == 0.5


def test_locked_test_prompts_and_silent_pairs_are_never_learned_from():
    assert set(train_reward(build_labels(), Recorder()).seen) == {"b-wins", "a-wins", "unsure", "tie"}


def test_pairs_alone_teach_their_dev_gold():
    assert set(train_reward(build_labels().pairs, Recorder()).seen) == {"b-wins", "a-wins"}


def test_gold_of_its_own_replaces_that_of_the_labels():
    labels = build_labels()
    gold = labels.pairs.take(np.array([0, 2]))  # b-wins has gold, unsure has none
    y = training_targets(labels, gold)[3]
    assert y[0] == 1.0
    assert np.isnan(y[1:]).all()


def test_test_prompts_of_separate_gold_are_left_out_as_well():
    labels = build_labels()
    gold = with_column(labels.pairs, "part", ["dev", "dev", "test", "dev", "dev", "dev"])
    assert labels.pairs.parts[2] == "pool"
    assert "unsure" not in training_targets(labels, gold)[0].ids


def test_prompts_that_only_their_conversations_tell_apart_are_not_taken_for_locked_ones():
    turns = [[{"role": "user", "content": f"question {i}"}] for i in range(6)]
    labels = build_labels()
    pairs = with_column(with_column(labels.pairs, "prompt", [""] * 6), "messages", turns)
    assert set(training_targets(replace(labels, pairs=pairs), pairs)[0].ids) == {
        "b-wins",
        "a-wins",
        "unsure",
        "tie",
    }


def test_gold_in_the_other_order_is_turned():
    labels = build_labels()
    assert training_targets(labels, labels.pairs.swapped())[1] == pytest.approx(training_targets(labels)[1])


def test_gold_of_other_responses_is_refused():
    labels = build_labels()
    other = with_column(labels.pairs, "response_b", ["something else"] * 6)
    with pytest.raises(DataError, match="'b-wins' has other responses in gold"):
        training_targets(labels, other)


def test_gold_that_shares_no_id_is_refused():
    labels = build_labels()
    renamed = with_column(labels.pairs, "id", list("uvwxyz"))
    with pytest.raises(DataError, match="none with the id"):
        training_targets(labels, renamed)


def test_uncalibrated_labels_are_refused_unless_allowed():
    labels = build_labels(calibrated=False)
    with pytest.raises(NotCalibratedError, match=r"train_reward: the labels were never calibrated"):
        train_reward(labels, Recorder())
    assert train_reward(labels, Recorder(), allow_uncalibrated=True).seen


def test_nothing_to_learn_from_is_refused():
    labels = build_labels()
    silent = replace(labels, w=np.zeros(6)).take(np.array([3, 4, 5]))
    with pytest.raises(DataError, match="nothing to learn from in 3 pairs"):
        train_reward(silent, Recorder())


def test_an_unknown_model_is_named_with_a_guess():
    with pytest.raises(UnknownNameError, match=r"no reward model 'liner'.*Did you mean 'linear'"):
        train_reward(build_labels(), "liner")


def test_settings_beside_a_made_model_are_refused_not_ignored():
    with pytest.raises(ConfigError, match="l2 came with a model"):
        train_reward(build_labels(), Recorder(), l2=2.0)


def test_the_linear_model_trains_from_labels_by_name():
    model = train_reward(build_labels(), l2=2.0, n_features=64)
    assert model.compare(build_labels().pairs).shape == (6,)


def test_without_torch_the_train_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("minilm", "transformer"):
        monkeypatch.delitem(sys.modules, f"weaklabel.reward.{name}", raising=False)
    for name in [n for n in sys.modules if n.startswith("weaklabel.training")]:
        monkeypatch.delitem(sys.modules, name)
    # What is imported anew also takes the old one's place in its parent: later tests look there.
    for parent, name in ((weaklabel, "training"), (weaklabel.reward, "minilm")):
        if name in vars(parent):
            monkeypatch.setattr(parent, name, vars(parent)[name])
    with pytest.raises(MissingExtraError, match=r"reward model 'minilm' needs the 'train' extra"):
        train_reward(build_labels(), "minilm")


def test_the_reward_room_opens_without_torch():
    code = "import sys, weaklabel.reward, weaklabel.cli.labels.reward; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
