"""The pair model against truth: known weights, known accuracies, planted texts, and prompts left out."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from drawn_for_pairs import (
    VIEWS,
    accuracy,
    draw_features,
    draw_margins,
    draw_texts,
    logit_of,
    nll,
    votes_of,
)
from synthetic import draw_votes

from weaklabel.label_models.agreement_weights import agreement_weights, class_means
from weaklabel.label_models.pair import mixture
from weaklabel.label_models.pair.effects import SHAPES, half_margins, margin_effects
from weaklabel.label_models.pair.model import PairModel
from weaklabel.label_models.pair.recipes import Recipe
from weaklabel.text.ngrams import pair_features
from weaklabel.types import PairFeatures

# Without gold


def test_accuracies_of_independent_lfs_are_recovered_from_agreement_alone():
    accuracies = [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]
    L, _ = draw_votes(20_000, accuracies)
    signs = 2.0 * L - 1.0
    mu = class_means(signs.T @ signs / len(signs), np.ones(len(accuracies)))
    assert np.abs((mu + 1) / 2 - accuracies).max() < 0.03


def test_one_lf_of_known_accuracy_gets_its_log_odds():
    # LFs right six times in ten that agree only through the truth: each speaks with log(.6 / .4) or close to it.
    L, _ = draw_votes(50_000, [0.6, 0.6, 0.6, 0.6])
    weights = agreement_weights(2.0 * L - 1.0)
    assert np.abs(weights - np.log(0.6 / 0.4)).max() < 0.1


def test_five_copies_of_one_lf_weigh_about_as_much_as_one():
    alone, _ = draw_votes(20_000, [0.6] + [0.7] * 15)
    copied, _ = draw_votes(20_000, [0.6] + [0.7] * 15, copies=5)
    one = PairModel().fit(alone).prior_[0]
    family = PairModel().fit(copied).prior_[[0, 16, 17, 18, 19, 20]].sum()
    assert family == pytest.approx(one, rel=0.4)


def test_declared_copies_weigh_about_as_much_as_one():
    # A majority of copies, which nothing but being told can tell from three LFs that know the truth.
    alone, _ = draw_votes(20_000, [0.65, 0.7, 0.7])
    copied, _ = draw_votes(20_000, [0.65, 0.7, 0.7], copies=3, copy_noise=0.01)
    one = PairModel().fit(alone).prior_[0]
    told = PairModel(declared=[[0, 3, 4, 5]]).fit(copied).prior_
    untold = PairModel().fit(copied).prior_
    assert told[[0, 3, 4, 5]].sum() == pytest.approx(one, rel=0.2)
    assert untold[[0, 3, 4, 5]].sum() > 1.5 * one


def test_without_gold_copies_leave_it_better_than_majority_vote():
    L, y = draw_votes(10_000, [0.6] + [0.7] * 15, 0.3, copies=5)
    majority = np.where(L >= 0, 2.0 * L - 1.0, 0.0).sum(axis=1)
    assert accuracy(PairModel().fit(L).predict_logit(L), y) > accuracy(majority, y) + 0.02


def test_without_gold_the_weights_are_those_of_agreement_as_sure_as_held_out_votes_allow():
    margins, _ = draw_margins(300, [1.0, 0.5])
    model = PairModel().fit(votes_of(margins), margins=margins, features=draw_features(300))
    scale = half_margins(margins) * SHAPES["sharp"]
    prior = agreement_weights(margin_effects(votes_of(margins), margins, scale))
    assert (model.prior_ == prior).all()
    assert (model.weights_.effects["sharp"] == 0.8 * model.factor_ * prior).all()
    assert 0 < model.factor_ < 1
    assert (model.mixture_, model.held_out_, model.uses_features) == ((), None, False)


# With gold


def test_with_much_gold_the_logits_that_drew_it_are_recovered(monkeypatch):
    monkeypatch.setattr(mixture, "_MAX_ROWS", 300)
    weights = [2.0, -1.0, 0.0]
    margins, y = draw_margins(20_000, weights)
    model = PairModel().fit(votes_of(margins), margins=margins, y=y)
    off = model.predict_logit(votes_of(margins), margins=margins) - logit_of(margins, weights)
    assert np.sqrt((off**2).mean()) < 0.12
    slopes = sum(model.weights_.effects.values())
    assert np.abs(slopes - weights).max() < 0.3


def test_gold_turns_an_lf_below_chance_round():
    L, y = draw_votes(400, [0.2, 0.7, 0.7, 0.7])
    model = PairModel().fit(L, y=y)
    assert model.prior_[0] >= 0
    assert model.predict_logit(np.array([[1, -1, -1, -1]]))[0] < -0.5
    assert model.predict_logit(np.array([[-1, 1, -1, -1]]))[0] > 0.3


def test_gold_helps():
    L, y = draw_votes(1_200, [0.9, 0.55, 0.55, 0.55, 0.4])
    gold = np.where(np.arange(1_200) < 150, y, np.nan)
    with_gold = PairModel().fit(L, y=gold).predict_logit(L)[150:]
    without = PairModel().fit(L).predict_logit(L)[150:]
    assert nll(with_gold, y[150:]) < nll(without, y[150:]) - 0.05


@pytest.mark.parametrize("n_gold", [1, 19])
def test_little_gold_corrects_the_weights_of_agreement_and_judges_no_recipe(n_gold):
    L, y = draw_votes(500, [0.8, 0.7, 0.6])
    gold = np.where(np.arange(500) < n_gold, y, np.nan)
    model = PairModel().fit(L, y=gold, features=draw_features(500))
    assert (model.mixture_, model.held_out_, model.uses_features) == ((), None, False)
    without = PairModel().fit(L)
    moved = np.abs(sum(model.weights_.effects.values()) - without.weights_.effects["sharp"])
    assert (model.count_share_, model.factor_) == (0.2, without.factor_)
    assert 0 < moved.max() < (0.05 if n_gold == 1 else 0.5)


def test_from_twenty_gold_pairs_on_five_prompts_recipes_are_judged():
    L, y = draw_votes(20, [0.8, 0.7])
    assert PairModel().fit(L, y=y, groups=np.arange(20) % 4).mixture_ == ()
    shares = [share for _, share in PairModel().fit(L, y=y, groups=np.arange(20) % 5).mixture_]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)


def test_ties_are_gold_that_pulls_towards_zero():
    L, y = draw_votes(400, [0.8, 0.8])
    tied = np.where(np.arange(400) % 2 == 0, y, 0.5)
    plain, torn = PairModel().fit(L, y=y), PairModel().fit(L, y=tied)
    row = np.array([[1, 1]])
    assert 0 < torn.predict_logit(row)[0] < plain.predict_logit(row)[0] - 0.5


# Texts


def test_a_planted_word_is_found_and_noise_in_the_texts_hurts_little():
    rng = np.random.default_rng(0)
    L, y = draw_votes(900, [0.65, 0.65])
    gold = np.where(np.arange(900) < 250, y, np.nan)
    noise = draw_features(900, seed=1)
    words = noise.views["words"].toarray()
    words[:, 3] = np.where(rng.random(900) < 0.8, 2 * y - 1, 1 - 2 * y)
    planted = PairFeatures({**noise.views, "words": sp.csr_matrix(words)}, noise.context)

    def tried(features):
        model = PairModel().fit(L, y=gold, features=features)
        return nll(model.predict_logit(L, features=features)[250:], y[250:])

    blind = nll(PairModel().fit(L, y=gold).predict_logit(L)[250:], y[250:])
    assert tried(planted) < blind - 0.05
    assert tried(noise) < blind + 0.02


@pytest.mark.parametrize(
    ("mark", "view"),
    [
        (lambda text: "- " + text.replace(" ", "\n- "), "layout"),
        (lambda text: text + " splendid", "words"),
        (lambda text: text.replace(" ", " the ", 2), "style"),
    ],
    ids=["lists", "a word", "function words"],
)
def test_what_people_prefer_in_texts_is_learned_from_the_texts(mark, view):
    pairs, y, L = draw_texts(120, 0, mark)
    new, y_new, L_new = draw_texts(120, 1, mark)
    model = PairModel().fit(L, y=y, features=pair_features(pairs))
    features = pair_features(new)
    assert accuracy(model.predict_logit(L_new, features=features), y_new) > 0.95
    shares = model.contributions(L_new, features=features)
    j = 2 + model.extra_names.index(f"text:{view}")
    assert accuracy(shares[:, j], y_new) > 0.95


def draw_gated(n, seed):
    """One LF that is right where the prompt is of the first kind and wrong where it is of the second."""
    rng = np.random.default_rng(seed)
    kind, y = rng.integers(0, 2, n), rng.integers(0, 2, n)
    right = (rng.random(n) < 0.9) == (kind == 0)
    L = np.column_stack([np.where(right, y, 1 - y), rng.integers(0, 2, n)]).astype(np.int8)
    return L, y.astype(float), PairFeatures({}, sp.csr_matrix(np.eye(2)[kind]))


def test_an_lf_that_is_right_on_some_prompts_and_wrong_on_others_is_found():
    (L, y, features), (L_new, y_new, new) = draw_gated(200, 0), draw_gated(500, 1)
    gated = PairModel().fit(L, y=y, features=features)
    plain = PairModel(leave_out=["gate"]).fit(L, y=y, features=features)
    assert accuracy(gated.predict_logit(L_new, features=new), y_new) > 0.85
    assert abs(accuracy(plain.predict_logit(L_new), y_new) - 0.5) < 0.1
    assert (gated.extra_names, plain.uses_features) == ((), False)


def test_without_text_the_texts_are_not_looked_at():
    L, y = draw_votes(100, [0.7, 0.6])
    model = PairModel(text=False).fit(L, y=y, features=draw_features(100))
    assert not PairModel(text=False).uses_features
    assert not model.uses_features
    assert (model.predict_logit(L) == PairModel().fit(L, y=y).predict_logit(L)).all()


# What is held out


def test_left_out_logits_stand_at_the_gold_and_nowhere_else():
    L, y = draw_votes(200, [0.7, 0.6])
    gold = np.where(np.arange(200) % 3 == 0, y, np.nan)
    model = PairModel().fit(L, y=gold)
    assert (np.isfinite(model.held_out_) == ~np.isnan(gold)).all()


@pytest.mark.parametrize("max_rows", [1500, 60], ids=["over rows", "over columns"])
def test_what_only_memory_could_know_is_not_known_of_prompts_left_out(monkeypatch, max_rows):
    monkeypatch.setattr(mixture, "_MAX_ROWS", max_rows)
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(60), 3)
    y, name = rng.integers(0, 2, 60)[prompts].astype(float), sp.csr_matrix(np.eye(60)[prompts])
    L = rng.integers(0, 2, (180, 2)).astype(np.int8)
    features = PairFeatures(dict.fromkeys(VIEWS, name), name)
    model = PairModel().fit(L, y=y, groups=prompts, features=features)
    assert accuracy(model.predict_logit(L, features=features), y) > 0.9
    assert accuracy(model.held_out_, y) < 0.6
    assert nll(model.held_out_, y) > 0.65


@pytest.mark.parametrize("max_rows", [1500, 100], ids=["over rows", "over columns"])
def test_left_out_logits_are_those_of_a_model_that_never_saw_the_prompts(monkeypatch, max_rows):
    monkeypatch.setattr(mixture, "_MAX_ROWS", max_rows)
    margins, y = draw_margins(300, [1.5, -0.7, 0.2])
    groups, features = np.arange(300) // 2, draw_features(300, width=4)
    model = PairModel().fit(votes_of(margins), margins=margins, y=y, groups=groups, features=features)
    seen, held = np.arange(300) < 240, np.arange(300) >= 240
    again = PairModel().fit(
        votes_of(margins),
        margins=margins,
        y=np.where(seen, y, np.nan),
        groups=groups,
        features=features,
    )
    logit = again.predict_logit(votes_of(margins), margins=margins, features=features)[held]
    assert np.corrcoef(model.held_out_[held], logit)[0, 1] > 0.95
    assert nll(model.held_out_[held], y[held]) == pytest.approx(nll(logit, y[held]), abs=0.04)


def test_the_shares_that_judge_a_prompt_were_learned_without_its_gold():
    rng = np.random.default_rng(0)
    y, prompts = rng.integers(0, 2, 60).astype(float), np.repeat(np.arange(20), 3)
    logits = 2 * rng.normal(size=(4, 60)) + rng.normal(size=(4, 1)) * (2 * y - 1)
    turned = np.where(prompts == 7, 1 - y, y)
    mixed, again = (mixture.Gold(g, prompts, y, 0).held_out_mixture(logits) for g in (y, turned))
    assert (mixed == again)[prompts == 7].all()
    assert (mixed != again).any()  # of the prompts in other folds, which saw it


# Much gold


ONE = [Recipe({"sharp": 0.4, "wide": 0.1, "words": 0.2, "even": 0.1, "gate": 0.2}, 0.3)]


def fitted_with(monkeypatch, max_rows, groups):
    margins, y = draw_margins(300, [1.5, -0.7, 0.2])
    monkeypatch.setattr(mixture, "_MAX_ROWS", max_rows)
    monkeypatch.setattr(mixture, "recipes_for", lambda blocks: ONE)
    features = draw_features(300)
    model = PairModel().fit(votes_of(margins), margins=margins, y=y, groups=groups, features=features)
    return model, model.predict_logit(votes_of(margins), margins=margins, features=features)


@pytest.mark.parametrize("n_prompts", [300, 60, 2], ids=["one each", "five each", "too few to judge"])
def test_fitted_over_columns_it_is_what_it_is_over_rows(monkeypatch, n_prompts):
    groups = np.arange(300) % n_prompts
    over_rows, logit = fitted_with(monkeypatch, 1500, groups)
    over_columns, same = fitted_with(monkeypatch, 50, groups)
    assert np.abs(logit - same).max() < 1e-4
    assert np.abs(over_rows.weights_.gate - over_columns.weights_.gate).max() < 1e-4
    assert over_rows.mixture_ == over_columns.mixture_
    if n_prompts > 2:
        assert np.corrcoef(over_rows.held_out_, over_columns.held_out_)[0, 1] > 0.97


@pytest.mark.parametrize("n_prompts", [300, 2], ids=["many prompts", "two prompts"])
def test_no_matrix_over_rows_is_larger_than_allowed(monkeypatch, n_prompts):
    sizes, really = [], mixture.leave_group_out
    monkeypatch.setattr(mixture, "leave_group_out", lambda K, *rest: sizes.append(len(K)) or really(K, *rest))
    monkeypatch.setattr(mixture, "_MAX_ROWS", 50)
    L, y = draw_votes(300, [0.7, 0.6])
    PairModel().fit(L, y=y, groups=np.arange(300) % n_prompts)
    assert max(sizes, default=0) <= 50


def test_more_gold_than_can_be_judged_is_used_all_the_same(monkeypatch):
    monkeypatch.setattr(mixture, "_MAX_ROWS", 40)
    L, y = draw_votes(2_000, [0.55, 0.9, 0.6], seed=3)
    model = PairModel().fit(L, y=y)
    alone = model.predict_logit(np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]))
    assert np.abs(alone - np.log(np.array([0.55, 0.9, 0.6]) / (1 - np.array([0.55, 0.9, 0.6])))).max() < 0.25
    assert np.isfinite(model.held_out_).all()
