"""The linear reward on real pairs, five folds by prompt with everything fitted inside the fold."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.data import read_pairs
from weaklabel.groups import folds_by_prompt
from weaklabel.metrics import accuracy, nll
from weaklabel.reward import get_reward_model


# Floors stand two to three standard deviations of the shuffle below the figures in reward/linear.py.
@pytest.mark.parametrize(
    ("source", "least_accuracy", "most_nll"),
    [("mt_bench_train", 0.73, 0.575), ("hh_rlhf_train", 0.53, 0.692)],
)
def test_held_out_prompts_are_ranked_better_than_by_chance(shared, source, least_accuracy, most_nll):
    pairs = read_pairs(shared / "data" / "preferences" / f"{source}.parquet")
    fold = folds_by_prompt(pairs.prompt_groups, 5, seed=0)
    p = np.empty(len(pairs))
    for k in range(5):
        train = pairs.take(fold != k)
        model = get_reward_model("linear").fit(train, train.y)
        p[fold == k] = model.compare(pairs.take(fold == k))
    assert accuracy(p, pairs.y) > least_accuracy
    assert nll(p, pairs.y) < most_nll
