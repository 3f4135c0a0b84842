from __future__ import annotations

import json

import numpy as np
import pytest
from made_labels import build_pairs, with_column

from weaklabel.errors import ArgumentError, GoldError, LabelMatrixError
from weaklabel.metrics import METRICS, accuracy
from weaklabel.reward import evaluate
from weaklabel.reward.evaluation.evaluation import LONGER, longer_wins


class Says:
    """A comparer with a fixed answer per id."""

    def __init__(self, answers, name=None):
        self.answers = answers
        if name:
            self.name = name

    def compare(self, pairs):
        return np.array([self.answers[i] for i in pairs.ids])


@pytest.fixture
def gold():
    """Forty pairs on twenty prompts; b wins in the first thirty, where it is also the longer one in twenty."""
    n = 40
    return build_pairs(
        [f"q{i // 2}" for i in range(n)],
        ["aaa"] * n,
        ["bbbb" if i < 20 else "bb" for i in range(n)],
        gold=["b" if i < 30 else "a" for i in range(n)],
        part=["test"] * n,
    )


def knows(gold, share):
    """Answers .8 for the truth on the first `share` of pairs, against it on the rest."""
    right = np.arange(len(gold)) < share * len(gold)
    p = np.where(right == (gold.y == 1), 0.8, 0.2)
    return dict(zip(gold.ids, p, strict=True))


def test_figures_are_those_of_the_metrics(gold):
    said = knows(gold, 0.75)
    found = evaluate({"judge": Says(said)}, gold)
    p = np.array(list(said.values()))
    assert found.figures["judge"]["accuracy"].value == accuracy(p, gold.y) == 0.75
    assert set(found.figures["judge"]) == set(METRICS)
    assert found.figures["judge"]["nll"].value == pytest.approx(-0.75 * np.log(0.8) - 0.25 * np.log(0.2))


def test_the_longer_response_rule_stands_beside_with_an_accuracy_alone(gold):
    found = evaluate(Says(knows(gold, 1.0)), gold)
    # right on the 20 longer b and, of the shorter ones, on the 10 where a wins
    assert found.figures[LONGER]["accuracy"].value == 0.75
    assert list(found.figures[LONGER]) == ["accuracy"]


def test_equal_lengths_are_half():
    pairs = build_pairs(["q"] * 3, ["aa", "a", "äh"], ["bb", "bb", "b"])
    assert longer_wins(pairs).tolist() == [0.5, 1.0, 0.0]


def test_differences_are_paired_and_against_the_first(gold):
    found = evaluate({"base": Says(knows(gold, 0.5)), "better": Says(knows(gold, 0.75))}, gold)
    difference = found.differences["better"]["accuracy"]
    assert difference.value == 0.25
    assert 0.0 <= difference.low < 0.25 < difference.high
    assert "base" not in found.differences
    same = evaluate({"x": Says(knows(gold, 0.5)), "y": Says(knows(gold, 0.5))}, gold).differences["y"]
    assert (same["nll"].low, same["nll"].high) == (0.0, 0.0)


def test_the_same_seed_gives_the_same_intervals(gold):
    said = Says(knows(gold, 0.75))
    assert evaluate(said, gold, seed=3).to_dict() == evaluate(said, gold, seed=3).to_dict()
    assert evaluate(said, gold, seed=3).to_dict() != evaluate(said, gold, seed=4).to_dict()


def test_a_list_is_named_after_its_comparers(gold):
    said = knows(gold, 0.75)
    found = evaluate([Says(said), Says(said), Says(said, "judge")], gold)
    assert list(found.figures) == ["Says", "Says (2)", "judge", LONGER]


def test_pairs_without_gold_are_counted_and_left_alone(gold):
    some = with_column(gold, "gold", [None if i < 10 else "b" for i in range(40)])
    found = evaluate(Says(knows(gold, 1.0)), some)
    assert (found.n_pairs, found.n_without_gold) == (30, 10)
    assert "10 pairs without gold" in str(found)


def test_dev_gold_is_called_in_sample(gold):
    dev = with_column(gold, "part", ["dev"] * 40)
    assert "in-sample: 40" in str(evaluate(Says(knows(gold, 1.0)), dev))
    assert "in-sample" not in str(evaluate(Says(knows(gold, 1.0)), gold))


def test_gold_that_a_comparer_was_fitted_on_is_in_sample_whatever_its_part(gold):
    class Fitted(Says):
        calibrated = True

        def saw(self, pairs):
            return np.isin(pairs.ids, gold.ids[:7])

    found = evaluate([Says(knows(gold, 1.0)), Fitted(knows(gold, 1.0))], gold)
    assert found.n_in_sample == 7
    assert found.unsaid == ("Says",)
    assert "whose gold it saw is not said by Says" in str(found)


def test_ties_are_counted_apart(gold):
    tied = with_column(gold, "gold", ["tie"] * 4 + ["b"] * 36)
    found = evaluate(Says(knows(gold, 1.0)), tied)
    assert found.n_ties == 4
    assert found.figures["Says"]["accuracy"].n == 36


def test_the_table_is_text_json_and_html(gold):
    found = evaluate({"<judge>": Says(knows(gold, 0.75)), "other": Says(knows(gold, 0.5))}, gold)
    assert str(found).splitlines()[1].startswith("<judge>          .750 [")
    assert "&lt;judge&gt;" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["n_prompts"] == 20


def test_no_gold_is_refused_with_what_to_do(gold):
    blank = with_column(gold, "gold", [None] * 40)
    for pairs in (blank, gold.take(np.array([], dtype=int))):
        with pytest.raises(GoldError, match=r"has gold.*pairs\.test"):
            evaluate(Says({}), pairs)


@pytest.mark.parametrize("answer", [np.zeros(3), np.full(40, 1.5), np.full(40, np.nan)])
def test_an_answer_that_is_no_probability_names_the_comparer(gold, answer):
    class Odd:
        def compare(self, pairs):
            return answer

    with pytest.raises(LabelMatrixError, match="'Odd' returned shape"):
        evaluate(Odd(), gold)


@pytest.mark.parametrize(
    ("comparers", "words"),
    [([], "no comparer"), ({LONGER: Says({})}, "built-in rule")],
)
def test_comparers_that_do_not_go_together_are_refused(gold, comparers, words):
    with pytest.raises(LabelMatrixError, match=words):
        evaluate(comparers, gold)


def test_what_is_no_comparer_is_refused(gold):
    with pytest.raises(ArgumentError, match=r"comparers\['x'\] is 3. Allowed: a comparer"):
        evaluate({"x": 3}, gold)
