"""What a trained reward model learns from: groups in a fixed form, gold set apart for the scale."""

from __future__ import annotations

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.reward.teaching import plan_gold, teaching_groups


def gold_of(n, share=1.0):
    y = np.where(np.arange(n) % 2 == 0, 1.0, 0.0)
    y[int(share * n) :] = np.nan
    return y


def test_turning_pairs_round_gives_the_same_groups():
    pairs = made_pairs([("b", "a"), ("a", "c"), ("c", "b")], prompts=["q", "q", "q"])
    p = np.array([0.75, 0.25, 1.0])
    groups = teaching_groups(pairs, p, np.ones(3))
    assert groups == teaching_groups(pairs.swapped(), 1 - p, np.ones(3))
    (group,) = groups
    assert group.responses == ("a", "b", "c")
    assert [(c.i, c.j, c.p) for c in group.comparisons] == [(0, 1, 0.25), (0, 2, 0.25), (1, 2, 0.0)]


@pytest.mark.parametrize(
    ("n", "gold_share", "n_folds", "kind", "judging", "trainings"),
    [
        (49, 1.0, None, "none", 0, 0),  # too little gold
        (100, 1.0, None, "folds", 100, 5),  # affordable
        (100, 1.0, 0, "held out", 50, 0),  # half of little gold
        (400, 1.0, None, "held out", 100, 0),  # a quarter of more
        (400, 0.3, None, "held out", 60, 0),
        (400, 1.0, 3, "folds", 400, 3),
    ],
)
def test_the_rule_by_size(n, gold_share, n_folds, kind, judging, trainings):
    plan = plan_gold(gold_of(n, gold_share), np.arange(n), n_folds, seed=0)
    assert (plan.kind, int((plan.fold >= 0).sum()), plan.n_folds) == (kind, judging, trainings)
    assert not (plan.fold >= 0)[np.isnan(gold_of(n, gold_share))].any()


def test_prompts_are_never_divided():
    prompts = np.arange(400) // 4
    fold = plan_gold(gold_of(400), prompts, 0, seed=1).fold
    assert all(len(set(fold[prompts == k].tolist())) == 1 for k in range(100))


def test_gold_on_too_few_prompts_calibrates_nothing():
    assert plan_gold(gold_of(60), np.zeros(60, dtype=np.int64), 0, seed=0).kind == "none"
