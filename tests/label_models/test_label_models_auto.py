"""`auto`: what it chooses and why, known truth, and the figures it must reach on published matrices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_for_pairs import draw_texts
from synthetic import KNOWN_TRUTH, draw_classes, draw_margins, draw_votes, even_accuracies

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.label_models.auto.gold import best_temperature, gold_shares, held_out_logit
from weaklabel.label_models.auto.held_out_votes import TEMPERATURES, foretell, share_of_one_sided
from weaklabel.label_models.auto.model import Auto
from weaklabel.label_models.auto.votes import vote_chances
from weaklabel.label_models.k_class.dawid_skene import DawidSkene
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.k_class.moments import Moments
from weaklabel.label_models.pair.model import PairModel
from weaklabel.text.ngrams import pair_features

pytestmark = pytest.mark.same_everywhere


def right_and_ece(p: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Share right, ties sharing, and the calibration error over 15 equal bins of the largest probability."""
    best = np.isclose(p, p.max(axis=1, keepdims=True), atol=1e-9)
    right = best[np.arange(len(y)), y] / best.sum(axis=1)
    confidence = p.max(axis=1)
    where = np.minimum((confidence * 15).astype(int), 14)
    return right.mean(), sum(abs((confidence - right)[where == b].sum()) for b in range(15)) / len(y)


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-6)).mean())


def fitted(case: str, n: int, seed: int, k: int = 2) -> tuple[Auto, tuple[float, float], tuple[float, float]]:
    """`auto` on a case with known truth: the model, its accuracy and ECE, and majority vote's."""
    L, y, _ = KNOWN_TRUTH[case](n, seed)
    model, votes = Auto(n_classes=k).fit(L), MajorityVote(n_classes=k).fit(L)
    return model, right_and_ece(model.predict_proba(L), y), right_and_ece(votes.predict_proba(L), y)


@pytest.mark.parametrize("case", ["five near-copies among 20", "five near-copies among 20, all vote"])
@pytest.mark.parametrize("seed", range(3))
def test_near_copies_cost_neither_accuracy_nor_calibration(case, seed):
    _, (right, gap), (votes, _) = fitted(case, 10_000, seed)
    assert right >= votes
    assert gap <= 0.05


def test_copies_that_foretell_each_other_do_not_choose_the_model():
    model, (right, _), (votes, _) = fitted("five near-copies among 20", 1000, 0)
    assert model.chosen_ == "moments"  # Dawid-Skene takes what the copies share for the truth: .64
    assert right > votes


@pytest.mark.parametrize(
    ("case", "k", "most"),
    [
        ("20 independent LFs", 2, 0.03),
        ("two of ten LFs below chance", 2, 0.04),
        ("coverage of 1%", 2, 0.03),
        ("3 LFs", 2, 0.05),
        ("four classes", 4, 0.04),
        ("class balance .05", 2, 0.04),
    ],
)
def test_probabilities_mean_what_they_say_where_the_truth_is_known(case, k, most):
    _, (right, gap), (votes, _) = fitted(case, 6000, 0, k)
    assert right >= votes - 0.005
    assert gap <= most


def test_rare_classes_are_found_to_be_rare():
    model, (right, _), (votes, _) = fitted("class balance .05", 6000, 1)
    assert model.model_.class_balance_ == pytest.approx([0.95, 0.05], abs=0.02)
    assert right > votes + 0.05


def test_too_few_overlaps_leave_the_majority_vote():
    L = np.full((50, 3), -1)
    L[:, 0] = 1
    L[:19, 1] = 1
    model = Auto(n_classes=2).fit(L)
    assert (model.chosen_, model.hedge_) == ("majority_vote", 0.0)
    assert model.why_ == "votes: 19 rows have two votes, fewer than min_rows=20"


def test_rules_that_vote_one_class_are_read_as_such():
    rng = np.random.default_rng(0)
    L = np.where(rng.random((300, 6)) < 0.4, np.arange(6) % 3, -1)
    model = Auto(n_classes=3).fit(L)
    assert model.chosen_ == "one_sided"
    assert model.why_ == "votes: 100% come from LFs that only ever vote one class"


def test_errors_that_differ_by_class_call_for_confusion_matrices():
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=3000)
    right = rng.random((3000, 6)) < np.where(y[:, None] == 1, 0.95, [0.55, 0.6, 0.65, 0.55, 0.6, 0.5])
    L = np.where(right, y[:, None], 1 - y[:, None])
    model = Auto(n_classes=2).fit(L)
    assert model.chosen_ == "dawid_skene"
    assert (
        right_and_ece(model.predict_proba(L), y)[0]
        > right_and_ece(Moments(n_classes=2).fit(L).predict_proba(L), y)[0]
    )


def test_sources_that_share_mistakes_raise_the_temperature():
    rng = np.random.default_rng(2)
    y = rng.integers(2, size=(2000, 1))
    hard = rng.random((2000, 1)) < 0.3  # on these everybody guesses: errors come together
    L = np.where(rng.random((2000, 12)) < np.where(hard, 0.5, 0.85), y, 1 - y)
    even = np.where(rng.random((2000, 12)) < 0.745, y, 1 - y)
    assert Auto(n_classes=2).fit(L).hedge_ > Auto(n_classes=2).fit(even).hedge_ + 0.02


def test_the_temperature_of_independent_votes_is_one_and_of_tripled_votes_three():
    L, _ = draw_classes(4000, even_accuracies(6), seed=3)
    model = Moments(n_classes=2).fit(L)
    plain = foretell(L, model.evidence(), model.balance(), vote_chances(model), np.ones(6))
    tripled = foretell(L, 3 * model.evidence(), model.balance(), vote_chances(model), np.ones(6))
    assert plain.temperature == pytest.approx(1.0, abs=0.2)
    assert tripled.temperature == pytest.approx(3 * plain.temperature, rel=0.15)
    assert plain.n_votes == 24_000


def test_foretelling_follows_its_formula():
    rng = np.random.default_rng(4)
    L = rng.integers(-1, 2, (12, 3)).astype(np.int8)
    model = DawidSkene(n_classes=2).fit(rng.integers(0, 2, (40, 3)))
    theta, worth, T = model.confusion_, np.array([1.0, 0.5, 0.25]), TEMPERATURES[0]
    total, weight = 0.0, 0.0
    for row in L:
        for j in np.flatnonzero(row >= 0):
            others = [i for i in np.flatnonzero(row >= 0) if i != j]
            if others:
                q = np.array([np.prod([theta[i, c, row[i]] for i in others]) ** (1 / T) for c in (0, 1)])
                total -= worth[j] * np.log((q / q.sum()) @ theta[j, :, row[j]])
                weight += worth[j]
    found = foretell(L, model.evidence(), model.balance(), vote_chances(model), worth)
    assert found.nll == pytest.approx(total / weight, rel=2e-3)


def test_gold_chooses_and_the_reason_lists_what_was_compared():
    L, y = draw_classes(1500, [0.9, 0.85, 0.6, 0.55], 0.8, seed=5)
    gold = np.where(np.arange(1500) < 400, y, np.nan)
    model = Auto(n_classes=2).fit(L, y=gold)
    assert model.why_.startswith("gold: cross-validated NLL in nats: ")
    assert all(name in model.why_ for name in ("votes", "majority_vote", "dawid_skene", "moments", "triplet"))
    held = y[400:]
    ours = log_loss(model.predict_proba(L)[400:], held)
    counted = log_loss(MajorityVote(n_classes=2).fit(L).predict_proba(L)[400:], held)
    assert ours < counted - 0.02


def test_gold_repairs_votes_that_are_too_sure():
    L, y = draw_classes(1000, [0.62], seed=6)
    L = np.repeat(L, 8, axis=1)  # eight copies, which votes alone cannot tell from eight that agree
    without = Auto(n_classes=2).fit(L)
    with_gold = Auto(n_classes=2).fit(L, y=np.where(np.arange(1000) < 500, y, np.nan))
    assert with_gold.predict_proba(L).max() == pytest.approx(0.62, abs=0.05)
    assert without.predict_proba(L).max() > 0.75


def test_pair_model_is_fitted_to_gold_once_for_all_its_folds(monkeypatch):
    pairs, y, L = draw_texts(120, 0, lambda text: text + " splendid")
    fits: list[int] = []
    learn = PairModel._learn_from_gold

    def counted(model, seen, known, spread, **settings):
        fits.append(len(known))
        learn(model, seen, known, spread, **settings)

    monkeypatch.setattr(PairModel, "_learn_from_gold", counted)
    model = Auto().fit(L, y=y, features=pair_features(pairs))
    assert fits == [120]
    found = model.model_.held_out_ / model.gold_temperature_
    assert (
        np.corrcoef(found, model.held_out_)[0, 1] > 0.999
    )  # but for the temperature, which saw other folds alone


def test_gold_of_a_fold_says_nothing_of_who_answers_it():
    rng = np.random.default_rng(9)
    y, folds = rng.integers(2, size=200), np.arange(200) % 5
    logits = [(2 * y - 1) * rng.normal(0.5 * i, 1, 200) for i in (1, 2)]
    answers = [np.column_stack([np.zeros(200), logit]) for logit in logits]
    truth = gold_shares(y.astype(float), None)
    other = np.where((folds == 3)[:, None], truth[:, ::-1], truth)
    one, two = (held_out_logit(answers, shares, folds) for shares in (truth, other))
    assert (one[folds == 3] == two[folds == 3]).all()
    assert not (one[folds != 3] == two[folds != 3]).any()


def test_gold_of_too_few_rows_does_not_choose():
    L, y = draw_classes(400, [0.8, 0.7, 0.7, 0.6], seed=7)
    model = Auto(n_classes=2, min_gold=50).fit(L, y=np.where(np.arange(400) < 49, y, np.nan))
    assert model.why_.startswith("votes: ")
    assert model.gold_temperature_ == 1.0


def test_pairs_with_margins_go_to_the_model_that_uses_them():
    L, margins, _ = draw_margins(300, [1.0, 0.5, 0.3], min_gap=0.3)
    model = Auto().fit(L, margins=margins)
    assert model.chosen_ == "pair_model"
    assert model.why_.startswith(
        "votes: there are margins; as sure as held-out votes allow: log-odds divided by "
    )


def test_contributions_of_pairs_add_up_after_tempering():
    L, _ = draw_votes(600, [0.7] * 4, copies=4, copy_noise=0.0)
    model = Auto().fit(L)
    assert model.contributions(L).sum(axis=1) == pytest.approx(model.predict_logit(L))


def test_gold_is_shared_between_the_classes_of_a_tie():
    shares = gold_shares(np.array([2, np.nan, 0]), 3)
    assert shares[[0, 2]].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert np.isnan(shares[1]).all()


def test_the_best_temperature_undoes_a_scale():
    rng = np.random.default_rng(8)
    logit = rng.normal(0, 2, 20_000)
    y = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    S = np.column_stack([np.zeros(20_000), 4 * logit])
    assert best_temperature(S, np.column_stack([~y, y]).astype(float)) == pytest.approx(4, rel=0.15)


def test_votes_of_one_sided_functions_are_counted():
    assert share_of_one_sided(np.full((3, 2), -1, dtype=np.int8), 2) == 0.0
    assert share_of_one_sided(np.array([[0, 0], [1, -1], [-1, 0]], dtype=np.int8), 2) == pytest.approx(0.5)


def test_gold_that_is_no_class_is_refused():
    with pytest.raises(LabelMatrixError, match=r"y holds \[0.5\]. Gold is a class 0..2, or NaN"):
        Auto(n_classes=3).fit([[0, 1], [2, 1]], y=[0.5, 1])


def test_settings_of_auto_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"auto: min_gold is 3, .*Allowed: min_gold >= 10"):
        Auto(min_gold=3).fit([[0, 1]])


BEST_PEER = {
    "crowd_bluebird": 0.889,
    "crowd_face_sentiment": 0.666,
    "crowd_rte": 0.927,
    "mt_bench_judges": 0.808,
    "sms_rules": 0.685,
    "trec_rules": 0.523,
    "video_tennis": 0.891,
}
"""Accuracy of the best peer on each matrix, with hindsight; docs/results/label_models.json has them all."""


def test_seven_published_matrices(shared: Path):
    right, counted, nll, gaps = {}, {}, [], []
    for name in BEST_PEER:
        with np.load(shared / "data" / "label_matrices" / f"{name}.npz") as data:
            L, gold, k = data["L"], data["gold"].astype(int), len(data["classes"])
        known = gold >= 0
        p, q = (kind(n_classes=k).fit(L).predict_proba(L) for kind in (Auto, MajorityVote))
        p[(L < 0).all(axis=1)] = 1 / k
        right[name], gap = right_and_ece(p[known], gold[known])
        counted[name], _ = right_and_ece(q[known], gold[known])
        gaps.append(gap)
        nll.append(log_loss(p[known], gold[known]))
    assert np.mean(list(right.values())) >= 0.775
    assert all(right[name] >= best - 0.0101 for name, best in BEST_PEER.items())
    assert all(right[name] >= counted[name] - 0.005 for name in BEST_PEER)
    assert np.mean(gaps) < 0.10
    assert np.mean(nll) < 0.62  # smoothed majority vote .674, the best peer 1.18


def test_auto_hands_the_texts_on_to_the_model_that_reads_them():
    pairs, y, L = draw_texts(120, 0, lambda text: text + " splendid")
    features = pair_features(pairs)
    model = Auto().fit(L, y=y, features=features)
    logit = model.predict_logit(L, features=features)
    assert (model.chosen_, model.extra_names[-1]) == ("pair_model", "text:words")
    assert (model.predict_logit(1 - L, features=features.swapped()) == -logit).all()
    assert np.allclose(model.contributions(L, features=features).sum(axis=1), logit)
    again = Auto.from_dict(json.loads(json.dumps(model.to_dict(), sort_keys=True)))
    assert (again.predict_logit(L, features=features) == logit).all()
