"""What a function adds is what is lost without it; sets side by side are judged on the same folds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs
from synthetic import draw_votes

from weaklabel.errors import ConfigError, GoldError, UnknownNameError
from weaklabel.metrics import nll, paired_difference
from weaklabel.types import Pairs, Votes
from weaklabel.workbench._dev import dev_gold
from weaklabel.workbench._out_of_fold import Ridge, effects, out_of_fold_p
from weaklabel.workbench.added_value import added_value
from weaklabel.workbench.compare_sets import compare_sets


def world(n: int, accuracies: list[float], seed: int = 0, **settings: Any) -> tuple[Votes, Pairs]:
    L, y = draw_votes(n, accuracies, settings.pop("coverages", 1.0), seed, **settings)
    pairs = made_pairs([("x", "y")] * n, gold=["ab"[int(v)] for v in y])
    names = tuple(f"lf{j}" for j in range(L.shape[1]))
    return Votes(L, np.full(L.shape, np.nan, np.float32), names, pairs.ids), pairs


def test_a_good_function_adds_and_noise_does_not() -> None:
    found = added_value(*world(800, [0.85, 0.7, 0.5, 0.5]))
    assert [row.lfs for row in found.rows[:2]] == [("lf0",), ("lf1",)]
    assert [row.verdict for row in found.rows[:2]] == ["+", "+"]
    assert all(row.verdict != "+" for row in found.rows[2:])


def test_alone_is_what_the_accuracy_is_worth() -> None:
    rows = added_value(*world(4000, [0.8, 0.6])).rows
    for row, accuracy in zip(rows, (0.8, 0.6), strict=True):
        worth = np.log(2) + accuracy * np.log(accuracy) + (1 - accuracy) * np.log(1 - accuracy)
        assert row.alone.low < worth < row.alone.high


def test_copies_cover_for_each_other_until_they_are_left_out_together() -> None:
    votes, pairs = world(800, [0.8, 0.6], copies=1, copy_noise=0.0)
    found = added_value(votes, pairs, together=[("lf0", "lf2")])
    adds = {row.lfs: row.adds for row in found.rows}
    assert abs(adds["lf0",].value) < 0.01
    assert adds["lf0", "lf2"].low > 0.1
    assert "left out together" in str(found)


def test_the_figure_is_the_paired_difference_of_two_fits_from_scratch() -> None:
    votes, pairs = world(300, [0.8, 0.7, 0.6])
    gold = dev_gold(votes, pairs, "test")
    everything = out_of_fold_p(votes, pairs, gold, model="ridge", seed=3)
    ridge = Ridge(votes, gold, seed=3)
    without = np.empty(300)
    for fold, strength in enumerate(ridge.strengths):
        held = ridge.folds == fold
        without[held] = twin(effects(votes)[:, 1:], gold.y, ~held, held, strength)
    expected = paired_difference("nll", without, everything, gold.y, gold.groups, seed=3)
    row = next(r for r in added_value(votes, pairs, seed=3).rows if r.lfs == ("lf0",))
    assert row.adds.value == pytest.approx(expected.value, abs=1e-6)
    assert row.adds.low == pytest.approx(expected.low, abs=1e-6)


def twin(X: Any, y: Any, seen: Any, held: Any, strength: float) -> Any:
    """Ridge logistic regression through the origin by scikit-learn."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / strength, fit_intercept=False, tol=1e-10, max_iter=10000)
    return model.fit(X[seen], y[seen]).predict_proba(X[held])[:, 1]


def test_a_label_model_by_name_is_fitted_and_calibrated_out_of_fold() -> None:
    votes, pairs = world(200, [0.8, 0.7])
    found = added_value(votes, pairs, model="majority_vote")
    assert found.model == "majority_vote"
    assert found.rows[0].lfs == ("lf0",)
    assert found.rows[0].adds.low > 0


def test_gold_of_a_pair_never_reaches_its_own_prediction() -> None:
    votes, pairs = world(200, [0.7, 0.6])
    gold = dev_gold(votes, pairs, "test")
    for model in ("ridge", "majority_vote"):
        p = out_of_fold_p(votes, pairs, gold, model=model, seed=0)
        y = gold.y.copy()
        y[:1] = 1 - y[:1]
        other = made_pairs([("x", "y")] * 200, gold=["ab"[int(v)] for v in y])
        again = out_of_fold_p(votes, other, dev_gold(votes, other, "test"), model=model, seed=0)
        assert again[0] == pytest.approx(p[0], abs=0 if model == "ridge" else 1e-12)


def test_turning_pairs_round_changes_nothing() -> None:
    votes, pairs = world(150, [0.8, 0.6], coverages=0.7)
    one, other = added_value(votes, pairs), added_value(votes.swapped(), pairs.swapped())
    for row, turned in zip(one.rows, other.rows, strict=True):
        assert row.lfs == turned.lfs
        assert row.adds.value == pytest.approx(turned.adds.value, abs=1e-9)


def test_locked_test_gold_is_not_looked_at() -> None:
    votes, pairs = world(200, [0.8, 0.6])
    parts = ["dev"] * 100 + ["test"] * 100
    gold = pairs.table["gold"].to_pylist()
    lied = gold[:100] + ["a"] * 100
    one, two = (made_pairs([("x", "y")] * 200, gold=g, part=parts) for g in (gold, lied))
    for model in ("ridge", "majority_vote"):
        assert (
            added_value(votes, one, model=model).to_dict() == added_value(votes, two, model=model).to_dict()
        )


def test_a_silent_function_adds_nothing() -> None:
    votes, pairs = world(100, [0.8, 0.6])
    L = np.column_stack([votes.L, np.full(100, -1)]).astype(np.int8)
    silent = Votes(L, np.full(L.shape, np.nan, np.float32), ("x", "y", "silent"), votes.ids)
    row = next(r for r in added_value(silent, pairs).rows if r.lfs == ("silent",))
    assert (row.adds.value, row.alone.value, row.coverage) == (pytest.approx(0.0, abs=1e-7), 0.0, 0.0)


def test_report_prints_and_gives_json() -> None:
    found = added_value(*world(100, [0.8, 0.6]))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["model"] == "ridge"
    assert "out of fold on 100 dev pairs" in str(found)
    assert list(found.to_pandas()["lfs"]) == ["lf0", "lf1"]


def test_bad_input_is_told_in_one_line() -> None:
    votes, pairs = world(60, [0.8, 0.6])
    with pytest.raises(GoldError, match="added_value: 10 dev gold pairs on 10 prompts"):
        added_value(votes, pairs.take(np.arange(10)))
    with pytest.raises(UnknownNameError, match="no label model 'rigde'"):
        added_value(votes, pairs, model="rigde")
    with pytest.raises(UnknownNameError, match="no labeling function 'nobody'"):
        added_value(votes, pairs, together=[("nobody",)])


class TestCompareSets:
    def test_the_better_set_wins_with_a_paired_interval(self) -> None:
        votes, pairs = world(600, [0.6, 0.85, 0.8])
        sets = {"weak": votes.select(["lf0"]), "strong": votes.select(["lf1", "lf2"])}
        weak, strong = compare_sets(sets, pairs, model="ridge").sets
        assert strong.against_first["nll"].high < 0
        assert strong.against_first["accuracy"].low > 0
        assert weak.against_first == {}

    def test_figures_are_those_of_the_out_of_fold_probabilities(self) -> None:
        votes, pairs = world(300, [0.7, 0.6], coverages=0.5)
        found = compare_sets({"all": votes}, pairs, model="majority_vote").sets[0]
        gold = dev_gold(votes, pairs, "test")
        p = out_of_fold_p(votes, pairs, gold, model="majority_vote", seed=0)
        assert found.scores["nll"].value == nll(p, gold.y)
        assert found.coverage == (votes.L >= 0).any(axis=1).mean()

    def test_equal_sets_differ_by_nothing(self) -> None:
        votes, pairs = world(100, [0.7, 0.6])
        second = compare_sets({"one": votes, "two": votes}, pairs, model="ridge").sets[1]
        assert {(d.value, d.low, d.high) for d in second.against_first.values()} == {(0.0, 0.0, 0.0)}

    def test_sets_may_hold_other_functions_of_one_name(self) -> None:
        votes, pairs = world(100, [0.7, 0.6])
        opposite = Votes(votes.swapped().L, votes.margins, votes.lf_names, votes.ids)
        found = compare_sets({"one": votes, "opposite": opposite}, pairs, model="ridge")
        assert found.sets[1].against_first["nll"].value == pytest.approx(0.0, abs=1e-9)

    def test_report_prints_and_gives_json(self) -> None:
        votes, pairs = world(100, [0.7, 0.6])
        found = compare_sets({"one": votes, "two": votes.select(["lf0"])}, pairs, model="ridge")
        assert "minus one" in str(found)
        assert len(json.loads(json.dumps(found.to_dict(), allow_nan=False))["sets"]) == 2

    def test_no_set_at_all_is_a_config_error(self) -> None:
        with pytest.raises(ConfigError, match="got no set"):
            compare_sets({}, world(30, [0.7])[1])
