"""What the evaluation model labels, and what a round reports: the curve, where scores lie, how far responses of other hands are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_answers import (
    answers_of,
    draws_of,
    settings_of,
    taught,
    vars_of,
    worth,
)

from weaklabel.reward.linear import LinearReward
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.proxy.answers import Answer, Answers
from weaklabel.stages.proxy.curve import curve_of
from weaklabel.stages.proxy.evaluation import Evaluated, EvaluationModel
from weaklabel.stages.proxy.labelling import BY_EXPERT, BY_PROXY, Labelled, learned_pairs
from weaklabel.stages.proxy.reports import Histogram, told_apart


# ---------------------------------------------------------------------------------------- what is labelled
class Knows(LinearReward):
    """An evaluation model that makes no mistake."""

    def __init__(self) -> None:
        super().__init__()
        self._fitted = True

    def _raw(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        return np.array([worth(text) for text in responses])


def labelled(draws: Draws, **more: Any) -> Labelled:
    given = {"tie_margin": 0.0, "max_pairs": None, "seed": 0} | more
    return Labelled.of(draws, Evaluated(Knows()), policy="tiny", number=0, **given)


def test_the_best_and_the_worst_are_compared_with_their_belief() -> None:
    draws = draws_of(20)
    found = labelled(draws)
    for row in found.table.to_pylist():
        of = [k for k, asked in enumerate(draws.asked) if asked == row["prompt"]]
        values = [worth(draws.texts[k]) for k in of]
        ours = worth(row["response_a"]), worth(row["response_b"])
        assert {min(values), max(values)} == set(ours)
        assert np.isclose(row["p"], 1 / (1 + np.exp(ours[0] - ours[1])))
    n_equal = sum(len({worth(draws.texts[k]) for k in rows}) == 1 for rows in draws.rows)
    assert len(found) == 20 - n_equal


def test_ties_are_left_out_and_pairs_are_drawn() -> None:
    draws = draws_of(40)
    every = labelled(draws)
    far = np.abs(every.table["p"].to_numpy() - 0.5)
    some = labelled(draws, tie_margin=0.25)
    assert (len(some), some.n_ties) == ((far > 0.25).sum(), (far <= 0.25).sum())
    few = labelled(draws, max_pairs=5)
    assert (len(few), few.n_beyond) == (5, len(every) - 5)
    assert set(few.table["id"].to_pylist()) <= set(every.table["id"].to_pylist())


def test_a_pair_that_the_expert_answered_is_the_experts() -> None:
    draws = draws_of(10)
    found, answers = labelled(draws), answers_of(draws, 30)
    table = learned_pairs(found, answers)
    by = table["labelled_by"].to_pylist()
    assert by.count(BY_EXPERT) == 30
    pairs = [frozenset((row["prompt"], row["response_a"], row["response_b"])) for row in table.to_pylist()]
    assert len(pairs) == len(set(pairs))
    assert 0 < by.count(BY_PROXY) < len(found)
    assert table.filter(np.array(by) == BY_EXPERT)["p"].to_pylist() == answers.said.tolist()


# ---------------------------------------------------------------------------------------- reports
def test_the_curve_rises_with_the_answers_and_is_judged_by_others() -> None:
    answers = answers_of(draws_of(80), 300)
    curve = curve_of(EvaluationModel(settings_of()), answers, None, 4, 0)
    assert curve is not None
    assert [point.answers for point in curve.points] == sorted(point.answers for point in curve.points)
    first, last = curve.points[0], curve.points[-1]
    assert last.accuracy.value > 0.8
    assert last.nll.value < first.nll.value
    assert last.accuracy.low <= last.accuracy.value <= last.accuracy.high
    assert curve.judged_on.endswith("answers")


def test_answers_that_a_rule_chose_do_not_judge_where_there_are_others() -> None:
    rows = answers_of(draws_of(80), 300).rows
    chosen = tuple(
        Answer(**{**vars_of(row), "rule": "random" if k % 5 == 0 else "badge"}) for k, row in enumerate(rows)
    )
    curve = curve_of(EvaluationModel(settings_of()), Answers(chosen), None, 2, 0)
    assert curve is not None
    assert curve.judged_on == "out of fold on 60 answers drawn at random"
    biased = tuple(Answer(**{**vars_of(row), "rule": "badge"}) for row in rows)
    curve = curve_of(EvaluationModel(settings_of()), Answers(biased), None, 2, 0)
    assert curve is not None
    assert "no fair sample" in curve.judged_on


def test_a_curve_on_gold_and_one_of_too_few_answers() -> None:
    gold = taught().pairs
    assert curve_of(EvaluationModel(settings_of()), answers_of(draws_of(10), 12), None, 3, 0) is None
    single = answers_of(draws_of(60), 200, single=True)
    curve = curve_of(EvaluationModel(settings_of(unit="responses")), single, None, 2, 0)
    assert curve is not None
    assert curve.points[-1].accuracy.value > 0.7
    assert len(gold)


def test_a_histogram_says_where_what_was_asked_lies(tmp_path: Path) -> None:
    samples = np.arange(100.0)
    found = Histogram.of(samples, {"seed responses": np.full(10, 95.0)}, ["5", "5", "4"])
    assert found.counts["samples of the policy"] == [10] * 10
    assert found.upper("seed responses") == 1.0
    assert found.imbalance == pytest.approx(2 / 3)
    found.write(tmp_path)
    told = json.loads((tmp_path / "scores.json").read_text())
    assert told["answers"] == {"4": 1, "5": 2}
    assert (tmp_path / "scores.svg").read_text().startswith("<svg")


def test_answers_that_are_beliefs_judge_by_the_side_they_are_on() -> None:
    rows = answers_of(draws_of(80), 300).rows
    soft = Answers(tuple(Answer(**{**vars_of(row), "said": 0.5 + 0.3 * (row.said - 0.5)}) for row in rows))
    hard, unsure = (
        curve_of(EvaluationModel(settings_of()), each, None, 1, 0) for each in (Answers(rows), soft)
    )
    assert hard is not None
    assert unsure is not None
    assert unsure.points[-1].accuracy.n == hard.points[-1].accuracy.n == sum(row.said != 0.5 for row in rows)
    assert unsure.points[-1].accuracy.value > 0.8
    assert {"tie", "decided"} == set(soft.words)


def test_two_hands_are_told_apart_where_they_differ() -> None:
    one, two = draws_of(60, 2, seed=0), draws_of(60, 2, seed=1)
    ours, same = (one.asked, list(one.texts)), (two.asked, list(two.texts))
    other = (two.asked, [f"Well , {text} !" for text in two.texts])
    alike, apart = told_apart(ours, same, 0), told_apart(ours, other, 0)
    assert alike is not None
    assert apart is not None
    assert alike.low <= 0.5 <= alike.high
    assert apart.value > 0.95
    assert told_apart(ours, ([], []), 0) is None
