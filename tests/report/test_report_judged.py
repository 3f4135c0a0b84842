"""What the figures rest on: never on a pair's own gold, never on the locked test part, never on the order of responses."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from made_labels import build_pairs, with_column
from made_report import drawn_labels, swapped_labels
from synthetic import draw_votes

from weaklabel.label_models.pair.model import PairModel
from weaklabel.labeler import Labeler, cross_calibrated, out_of_fold_logit
from weaklabel.metrics import accuracy, nll
from weaklabel.report import honest_labels, judge
from weaklabel.report.baselines import baselines, longer_sign
from weaklabel.report.ceiling import gold_agreement
from weaklabel.report.disagreement import disputes
from weaklabel.report.functions import mean_weights
from weaklabel.report.judged import Judged
from weaklabel.types import Labels, sigmoid


def noise_labels(n: int = 150, m: int = 40) -> tuple[Labels, Labeler]:
    """Labels of a model fitted to gold on functions that know nothing: right in-sample, coins out of fold."""
    L, _ = draw_votes(n, [0.5] * m, 1.0, seed=3)
    made = drawn_labels(n, (0.5,) * m, gold=n, in_sample=True)
    labels = replace(made, votes=replace(made.votes, L=L))
    labels = labels.take(labels.pairs.parts == "dev")
    y, groups = labels.pairs.y, labels.pairs.prompt_groups
    model = PairModel(text=False).fit(labels.votes.L, y=y, groups=groups)
    labeler = Labeler((), model, None, frozenset(labels.votes.ids))
    return replace(labels, logit=model.predict_logit(labels.votes.L)), labeler


def judged(labels: Labels) -> Judged:
    found = judge(labels, None)
    assert isinstance(found, Judged)
    return found


def test_gold_that_was_fitted_on_is_judged_out_of_fold() -> None:
    labels, labeler = noise_labels()
    found = judge(labels, labeler)
    assert isinstance(found, Judged)
    assert "out of fold" in found.basis
    assert nll(found.p, found.y) > 0.69 > nll(labels.p, labels.pairs.y)


def test_out_of_fold_is_what_fit_does() -> None:
    labels, labeler = noise_labels()
    found = judge(labels, labeler)
    assert isinstance(found, Judged)
    y, groups = labels.pairs.y, labels.pairs.prompt_groups
    logit = out_of_fold_logit(lambda: PairModel(text=False), labeler.model, labels.votes, y, groups, seed=0)
    wanted = sigmoid(cross_calibrated(logit, y, groups, candidates=("identity",), seed=0))
    np.testing.assert_allclose(found.p, wanted)


def test_other_rows_than_those_of_the_fit_are_judged_on_their_own() -> None:
    """A model in memory knows left-out logits by row: rows of other pairs, or in another order, are other rows."""
    labels, labeler = noise_labels()
    turned = labels.take(np.arange(len(labels))[::-1])
    there, back = judge(labels, labeler), judge(turned, labeler)
    assert isinstance(there, Judged)
    assert isinstance(back, Judged)
    assert np.corrcoef(there.p, back.p[::-1])[0, 1] > 0.9
    fewer = judge(labels.take(np.arange(50, 150)), labeler)
    assert isinstance(fewer, Judged)
    assert nll(fewer.p, fewer.y) > 0.69


def test_labels_that_never_saw_gold_are_judged_as_they_are() -> None:
    labels = drawn_labels()
    found = judged(labels)
    np.testing.assert_array_equal(found.p, labels.p[found.rows])
    assert "none of them used in fitting" in found.basis


def test_without_gold_or_without_a_way_to_be_honest_there_is_a_sentence() -> None:
    assert "No gold in the dev part" in str(judge(drawn_labels(gold=0), None))
    assert "labeler=" in str(judge(drawn_labels(in_sample=True), None))


def test_too_little_gold_to_fit_without_is_said() -> None:
    labels = drawn_labels(gold=8, in_sample=True)
    labeler = Labeler((), PairModel().fit(labels.votes.L), None)
    assert "At least 20 pairs" in str(judge(labels, labeler))


def test_known_out_of_fold_probabilities_are_taken() -> None:
    labels = drawn_labels(in_sample=True)
    kept = dict.fromkeys(labels.votes.ids, 0.25)
    found = judge(labels, None, out_of_fold=kept)
    assert isinstance(found, Judged)
    assert set(found.p) == {0.25}


def test_the_test_part_is_never_judged() -> None:
    labels = drawn_labels()
    assert set(labels.pairs.parts[judged(labels).rows]) == {"dev"}


def test_honest_labels_say_on_dev_what_was_judged_and_nothing_else_changes() -> None:
    labels = drawn_labels(in_sample=True)
    found = judge(labels, None, out_of_fold=dict.fromkeys(labels.votes.ids, 0.3))
    assert isinstance(found, Judged)
    honest = honest_labels(labels, found)
    np.testing.assert_allclose(honest.p[found.rows], 0.3)
    pool = labels.pairs.parts == "pool"
    np.testing.assert_array_equal(honest.logit[pool], labels.logit[pool])
    assert not honest.in_sample.any()


def test_the_single_best_function_is_the_one_that_knows_most() -> None:
    labels = drawn_labels(400, (0.55, 0.9, 0.55), gold=360, coverage=1.0)
    arms = {arm.name: arm for arm in baselines(labels, judged(labels))}
    dev = labels.pairs.parts == "dev"
    knows = accuracy(labels.votes.L[dev, 1].astype(float), labels.pairs.y[dev])
    assert arms["single best function"].figures["accuracy"].value == pytest.approx(knows)


def test_the_single_best_of_many_coins_is_a_coin() -> None:
    labels, labeler = noise_labels(300, 60)
    found = judge(labels, labeler)
    assert isinstance(found, Judged)
    arms = {arm.name: arm for arm in baselines(labels, found)}
    best_in_sample = max(accuracy(column.astype(float), found.y) for column in labels.votes.L.T)
    assert best_in_sample > 0.56
    assert arms["single best function"].figures["accuracy"].value < best_in_sample - 0.03


def test_who_was_picked_and_who_is_best_in_hindsight_are_named() -> None:
    labels = drawn_labels(400, (0.55, 0.9, 0.1), gold=360, coverage=1.0)
    arms = {arm.name: arm for arm in baselines(labels, judged(labels))}
    dev = labels.pairs.parts == "dev"
    right = [accuracy(column[dev].astype(float), labels.pairs.y[dev]) for column in labels.votes.L.T]
    best = max(right[1], 1 - right[2])
    assert arms["best function in hindsight"].figures["accuracy"].value == pytest.approx(best)
    names = {f"{labels.lf_names[1]}", f"{labels.lf_names[2]}, turned round"}
    assert arms["best function in hindsight"].chosen in names
    picked = dict(re.findall(r"([^()]+?) \((\d)\)(?:, )?", arms["single best function"].chosen))
    assert set(picked) <= names
    assert sum(map(int, picked.values())) == 5


def test_majority_vote_counts_heads() -> None:
    labels = drawn_labels(coverage=1.0, accuracies=(0.6, 0.7, 0.8))
    dev = labels.pairs.parts == "dev"
    heads = (labels.votes.L[dev] == 1).mean(axis=1)
    arms = {arm.name: arm for arm in baselines(labels, judged(labels))}
    assert arms["majority vote"].figures["accuracy"].value == accuracy(heads, labels.pairs.y[dev])


def test_figures_do_not_depend_on_the_order_of_responses() -> None:
    labels = drawn_labels()
    there = baselines(labels, judged(labels))
    back = baselines(swapped_labels(labels), judged(swapped_labels(labels)))
    for one, other in zip(there, back, strict=True):
        for metric, interval in one.figures.items():
            assert interval.value == pytest.approx(other.figures[metric].value, abs=1e-9)


def test_the_longer_response_is_told_by_characters() -> None:
    pairs = build_pairs(["p", "q", "r"], ["ab", "abc", "ñ"], ["abc", "ab", "x"])
    assert longer_sign(pairs).tolist() == [1.0, -1.0, 0.0]


def test_gold_agrees_with_itself_as_often_as_counted_by_hand() -> None:
    # One pair judged three times (a, a, b, the last one given turned round), one twice (b, b), one once.
    pairs = build_pairs(
        ["p", "p", "p", "q", "q", "r"],
        ["x", "x", "y", "x", "x", "x"],
        ["y", "y", "x", "y", "y", "y"],
        ["a", "a", "a", "b", "b", "a"],
        ["dev"] * 6,
    )
    found = gold_agreement(pairs)
    assert found.agree is not None
    assert (found.agree.value, found.agree.n) == (0.5, 4)
    assert (found.n_repeated, found.n_judgements, found.n_ties) == (2, 5, 0)


def test_ties_are_left_out_of_gold_with_itself_and_counted() -> None:
    pairs = build_pairs(["p"] * 3, ["x"] * 3, ["y"] * 3, ["a", "tie", "a"], ["dev"] * 3)
    found = gold_agreement(pairs)
    assert found.agree is not None
    assert (found.agree.value, found.agree.n, found.n_ties) == (1.0, 1, 2)


def test_gold_of_the_test_part_is_not_asked_whether_it_agrees() -> None:
    pairs = build_pairs(["p"] * 2, ["x"] * 2, ["y"] * 2, ["a", "b"], ["test"] * 2)
    assert gold_agreement(pairs).agree is None


def test_disputes_are_the_most_even_votes_and_the_same_when_turned() -> None:
    labels = drawn_labels(200, (0.6,) * 7, coverage=1.0)
    found = disputes(labels, 10)
    assert all(min(d.n_a, d.n_b) == 3 for d in found if d.chosen_by == "votes")
    assert [d.row for d in found] == [d.row for d in disputes(swapped_labels(labels), 10)]
    assert len({d.row for d in found}) == len(found) == 10


def test_no_dispute_is_of_the_test_part_or_of_the_same_texts() -> None:
    labels = drawn_labels(200, (0.5,) * 5, gold=40)
    same = with_column(labels.pairs, "prompt", ["one prompt"] * 200)
    same = with_column(same, "response_a", ["x", "y"] * 100)
    same = with_column(same, "response_b", ["y", "x"] * 100)
    assert len(disputes(replace(labels, pairs=same))) == 1
    assert all(labels.pairs.parts[d.row] != "test" for d in disputes(labels, 200))


def test_without_a_sum_of_weights_disputes_are_told_by_votes() -> None:
    found = disputes(replace(drawn_labels(), contributions=None), 10)
    assert {d.chosen_by for d in found} == {"votes"}
    assert all(np.isnan(d.against) for d in found)


def test_functions_that_never_contradict_have_no_dispute() -> None:
    assert disputes(drawn_labels(50, (0.7,), gold=0)) == []


def test_the_weight_of_a_function_is_what_one_of_its_votes_gives() -> None:
    labels = drawn_labels(accuracies=(0.8, 0.6))
    np.testing.assert_allclose(mean_weights(labels), np.log([0.8 / 0.2, 0.6 / 0.4]))
    assert np.isnan(mean_weights(replace(labels, contributions=None))).all()


def test_what_the_texts_say_is_no_dispute_between_functions() -> None:
    labels = drawn_labels()
    assert labels.contributions is not None
    extra = np.full((len(labels), 1), 99.0)
    more = replace(
        labels, contributions=np.hstack([labels.contributions, extra]), extra_names=("text:words",)
    )
    assert disputes(more, 10) == disputes(labels, 10)
    np.testing.assert_allclose(mean_weights(more), mean_weights(labels))
