"""The pair model against truth: known weights, known accuracies, planted texts, and its own symmetry."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_pairs import made_pairs
from numpy.typing import NDArray
from scipy.optimize import minimize
from synthetic import draw_votes

from weaklabel.errors import ConfigError, LabelMatrixError, NotFittedError
from weaklabel.label_models import get_label_model
from weaklabel.label_models.agreement_weights import agreement_weights, class_means
from weaklabel.label_models.auto.model import Auto
from weaklabel.label_models.pair import mixture
from weaklabel.label_models.pair import model as pair_model
from weaklabel.label_models.pair.effects import SHAPES, half_margins, margin_effects
from weaklabel.label_models.pair.map_logistic import map_logistic
from weaklabel.label_models.pair.model import PairModel
from weaklabel.label_models.pair.recipes import Recipe
from weaklabel.text.ngrams import pair_features
from weaklabel.types import PairFeatures, sigmoid

VIEWS = ("words", "characters", "layout", "style")


def votes_of(margins: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.where(margins == 0, -1, np.asarray(margins) > 0).astype(np.int8)


def draw_margins(n, weights, seed=0):
    """Gaussian margins; gold drawn from the logistic model on their sharp effects with the given weights."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(size=(n, len(weights))).astype(np.float32)
    logit = logit_of(margins, weights)
    return margins, (rng.random(n) < sigmoid(logit)).astype(np.float64)


def logit_of(margins, weights):
    half = np.full(len(weights), 0.6745 * SHAPES["sharp"])  # the median size of a standard normal number
    return margin_effects(votes_of(margins), margins, half) @ np.array(weights)


def draw_features(n, seed=0, width=12):
    """Views of -1, 0 and 1, and a context that is one of four kinds of prompt."""
    rng = np.random.default_rng(seed)
    views = {name: sp.csr_matrix(rng.integers(-1, 2, (n, width)).astype(float)) for name in VIEWS}
    return PairFeatures(views, sp.csr_matrix(np.eye(4)[rng.integers(0, 4, n)]))


def turned_votes(L):
    return np.where(L < 0, L, 1 - L)


def accuracy(logit, y):
    return float(np.where(logit == 0, 0.5, (logit > 0) == (y == 1)).mean())


def nll(logit, y):
    return float((np.logaddexp(0, logit) - y * logit).mean())


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


def test_without_gold_the_weights_are_those_of_agreement():
    margins, _ = draw_margins(300, [1.0, 0.5])
    model = PairModel().fit(votes_of(margins), margins=margins, features=draw_features(300))
    scale = half_margins(margins) * SHAPES["sharp"]
    prior = agreement_weights(margin_effects(votes_of(margins), margins, scale))
    assert (model.prior_ == prior).all()
    assert (model.weights_.effects["sharp"] == prior).all()
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
    moved = np.abs(sum(model.weights_.effects.values()) - model.prior_)
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


TOPICS = ["rivers", "poems", "taxes", "knots", "bread", "stars"]


def draw_texts(n, seed, mark):
    """Pairs of short answers of which the better one is set or worded in a way that `mark` gives it."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    plain = [" ".join(rng.choice(TOPICS, 6)) for _ in range(n)]
    good = [mark(" ".join(rng.choice(TOPICS, 6))) for _ in range(n)]
    pairs = made_pairs([(g, p) if k == 0 else (p, g) for g, p, k in zip(good, plain, y, strict=True)])
    return pairs, y.astype(float), rng.integers(0, 2, (n, 2)).astype(np.int8)


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


# Symmetry, and what may not matter


@settings(max_examples=25)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(-1e6, 1e6, width=32)),
    st.data(),
)
def test_turning_pairs_round_flips_every_logit_exactly(margins, data):
    L = votes_of(margins)
    y = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(L), max_size=len(L))))
    model = PairModel().fit(L, margins=margins, y=y)
    logit = model.predict_logit(L, margins=margins)
    assert (logit == -model.predict_logit(turned_votes(L), margins=-margins)).all()
    alone = [model.predict_logit(L[i : i + 1], margins=margins[i : i + 1])[0] for i in range(len(L))]
    assert (logit == alone).all()


@pytest.fixture(scope="module")
def reader():
    """A model that learned from votes, margins, texts and prompts, and what it was fitted on."""
    pairs, y, _ = draw_texts(80, 0, lambda text: text.replace(" ", " the ", 1) + "!")
    rng = np.random.default_rng(5)
    margins = (rng.normal(size=(80, 3)) + (2 * y - 1)[:, None] * [1.0, 0.3, -0.5]).astype(np.float32)
    margins[rng.random((80, 3)) < 0.2] = np.nan
    L = np.where(rng.random((80, 3)) < 0.2, -1, np.nan_to_num(margins) > 0).astype(np.int8)
    model = PairModel().fit(L, margins=margins, y=y, features=pair_features(pairs))
    assert model.weights_.gate is not None
    assert all(w.any() for w in model.weights_.views.values())
    return model, pairs, L, margins, y


def test_with_texts_and_prompts_turning_pairs_round_flips_every_logit_exactly(reader):
    model, pairs, L, margins, _ = reader
    logit = model.predict_logit(L, margins=margins, features=pair_features(pairs))
    turned = model.predict_logit(turned_votes(L), margins=-margins, features=pair_features(pairs.swapped()))
    assert (logit == -turned).all()
    assert np.abs(logit).min() > 0


def test_with_texts_and_prompts_a_row_alone_says_what_it_says_in_a_batch(reader):
    model, pairs, L, margins, _ = reader
    logit = model.predict_logit(L, margins=margins, features=pair_features(pairs))
    for i in range(0, 80, 4):
        row = np.array([i])
        alone = model.predict_logit(L[row], margins=margins[row], features=pair_features(pairs.take(row)))
        assert alone[0] == logit[i]


def test_turning_training_rows_round_does_not_change_the_fit():
    margins, y = draw_margins(120, [1.0, -0.5, 0.2])
    features, turn = draw_features(120), np.random.default_rng(1).random(120) < 0.5
    signs = sp.diags(np.where(turn, -1.0, 1.0))
    model = PairModel().fit(votes_of(margins), margins=margins, y=y, features=features)
    turned = np.where(turn[:, None], -margins, margins)
    views = {name: (signs @ view).tocsr() for name, view in features.views.items()}
    again = PairModel().fit(
        votes_of(turned),
        margins=turned,
        y=np.where(turn, 1 - y, y),
        features=PairFeatures(views, features.context),
    )
    new, new_margins = draw_features(120, seed=7), draw_margins(120, [1.0, 1.0, 1.0], seed=8)[0]
    logits = [
        m.predict_logit(votes_of(new_margins), margins=new_margins, features=new) for m in (model, again)
    ]
    assert np.abs(logits[0] - logits[1]).max() < 1e-9
    assert np.abs(np.where(turn, -1, 1) * again.held_out_ - model.held_out_).max() < 1e-9


def test_fitting_twice_gives_the_same_bits():
    margins, y = draw_margins(80, [1.0, -0.5])
    states = [
        PairModel().fit(votes_of(margins), margins=margins, y=y, features=draw_features(80)).to_dict()
        for _ in range(2)
    ]
    assert states[0] == states[1]


def test_rows_without_gold_do_not_bring_their_texts_in():
    margins, y = draw_margins(120, [1.0, -0.5])
    gold, features, other = (
        np.where(np.arange(120) < 60, y, np.nan),
        draw_features(120),
        draw_features(120, 9),
    )
    views = {
        name: sp.vstack([view[:60], other.views[name][60:]], format="csr")
        for name, view in features.views.items()
    }
    context = sp.vstack([features.context[:60], other.context[60:]], format="csr")
    state, same = (
        PairModel().fit(votes_of(margins), margins=margins, y=gold, features=f).to_dict()
        for f in (features, PairFeatures(views, context))
    )
    assert state == same


# What is said of the logit


def test_shares_of_lfs_and_views_add_up_to_the_logit(reader):
    model, pairs, L, margins, _ = reader
    features = pair_features(pairs)
    shares = model.contributions(L, margins=margins, features=features)
    assert model.extra_names == tuple(f"text:{name}" for name in sorted(VIEWS))
    assert shares.shape == (80, 3 + len(VIEWS))
    logit = model.predict_logit(L, margins=margins, features=features)
    assert np.abs(shares.sum(axis=1) - logit).max() < 1e-12


def test_a_share_is_weight_times_effect_by_hand(reader):
    model, pairs, L, margins, _ = reader
    features = pair_features(pairs)
    by_hand = np.zeros(80)
    for shape, w in model.weights_.effects.items():
        by_hand += margin_effects(L, margins, model.scale_ * SHAPES[shape])[:, 1] * w[1]
    sharp = margin_effects(L, margins, model.scale_ * SHAPES["sharp"])[:, 1]
    by_hand += sharp * (features.context.toarray() @ model.weights_.gate[:, 1])
    shares = model.contributions(L, margins=margins, features=features)
    assert np.abs(shares[:, 1] - by_hand).max() < 1e-12
    words = features.views["words"].toarray() @ model.weights_.views["words"]
    assert np.abs(shares[:, 3 + model.extra_names.index("text:words")] - words).max() < 1e-12


def test_two_responses_that_are_the_same_give_the_texts_no_share(reader):
    model = reader[0]
    same = pair_features(made_pairs([("the rivers!", "the rivers!")]))
    shares = model.contributions(np.array([[1, 0, -1]]), features=same)
    assert not shares[0, 3:].any()
    assert shares[0, :3].any()


def test_probabilities_are_those_of_the_logit(reader):
    model, pairs, L, margins, _ = reader
    features = pair_features(pairs)
    p = model.predict_proba(L, margins=margins, features=features)
    assert (p[:, 1] == sigmoid(model.predict_logit(L, margins=margins, features=features))).all()
    assert (p.sum(axis=1) == 1).all()


def test_a_row_without_votes_and_margins_gets_a_logit_of_zero():
    L, y = draw_votes(200, [0.7, 0.8])
    assert PairModel().fit(L, y=y).predict_logit(np.full((1, 2), -1))[0] == 0.0


def test_an_lf_inside_its_abstain_band_still_says_a_little():
    margins, y = draw_margins(200, [2.0, 0.5])
    model = PairModel().fit(votes_of(margins), margins=margins, y=y)
    silent = np.array([[-1, -1]])
    small = model.predict_logit(silent, margins=np.array([[0.05, np.nan]], dtype=np.float32))[0]
    large = model.predict_logit(silent, margins=np.array([[1.0, np.nan]], dtype=np.float32))[0]
    assert 0 < small < large


def test_saved_as_json_with_sorted_keys_it_says_the_same_to_the_bit(reader):
    model, pairs, L, margins, _ = reader
    text = json.dumps(model.to_dict(), sort_keys=True, allow_nan=False)
    again, features = PairModel.from_dict(json.loads(text)), pair_features(pairs)
    assert json.dumps(again.to_dict(), sort_keys=True) == text
    assert (again.mixture_, again.extra_names) == (model.mixture_, model.extra_names)
    logits = [m.predict_logit(L, margins=margins, features=features) for m in (model, again)]
    assert (logits[0] == logits[1]).all()


@pytest.mark.parametrize("n_gold", [0, 5, 60])
def test_saved_without_texts_it_says_the_same_to_the_bit(n_gold):
    margins, y = draw_margins(60, [1.0, -0.5])
    margins[:, 1] = np.nan
    L = votes_of(np.nan_to_num(margins))
    gold = np.where(np.arange(60) < n_gold, y, np.nan)
    model = PairModel(declared=[(0, 1)], seed=3, leave_out=("even",)).fit(L, margins=margins, y=gold)
    again = PairModel.from_dict(json.loads(json.dumps(model.to_dict(), sort_keys=True, allow_nan=False)))
    assert (again.predict_logit(L, margins=margins) == model.predict_logit(L, margins=margins)).all()
    assert np.array_equal(again.scale_, model.scale_, equal_nan=True)


# Settings and mistakes


@pytest.mark.parametrize("part", sorted(pair_model._PARTS))
def test_a_part_left_out_takes_part_in_no_recipe(part):
    L, y = draw_votes(30, [0.8, 0.7])
    model = PairModel(leave_out=[part]).fit(L, y=y, features=draw_features(30, width=3))
    assert all(part not in recipe.variance for recipe, _ in model.mixture_)
    assert part not in model.weights_.views
    assert part not in ("wide", "votes") or not model.weights_.effects[part].any()
    assert part != "gate" or model.weights_.gate is None
    shared = any(recipe.share for recipe, _ in model.mixture_)
    assert shared == (part not in ("agreement", "sharp"))


def test_leaving_out_everything_but_a_view_leaves_that_view():
    L, y = draw_votes(60, [0.9, 0.9])
    rest = sorted(pair_model._PARTS - {"style"})
    features = draw_features(60)
    model = PairModel(leave_out=rest).fit(L, y=y, features=features)
    assert model.extra_names == ("text:style",)
    assert not model.contributions(L, features=features)[:, :2].any()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (PairModel(leave_out=["word"]), r"leave_out names 'word'\. Allowed: agreement, characters, even"),
        (PairModel(declared=[[0, 1], [1, 2]]), "declared names column 2, but L has 2 columns, 0 to 1"),
        (PairModel(declared=[[-1]]), "declared names column -1"),
        (PairModel(leave_out=sorted(pair_model._PARTS)), "nothing is left after leave_out=.*Leave out less"),
    ],
)
def test_settings_that_cannot_be_are_refused(model, words):
    with pytest.raises(ConfigError, match=words):
        model.fit(np.array([[0, 1], [1, 1]]), y=np.array([0.0, 1.0]))


def test_a_model_that_learned_from_texts_does_not_guess_without_them(reader):
    model, _, L, margins, _ = reader
    for ask in (model.predict_logit, model.predict_proba, model.contributions):
        with pytest.raises(
            LabelMatrixError, match=r"votes alone are not enough.*features=pair_features\(pairs\)"
        ):
            ask(L, margins=margins)


def test_features_of_other_pairs_are_refused(reader):
    model, pairs, L, margins, y = reader
    features = pair_features(pairs)
    with pytest.raises(LabelMatrixError, match="features have 80 rows but L has 79"):
        model.predict_logit(L[1:], margins=margins[1:], features=features)
    with pytest.raises(LabelMatrixError, match="features have 80 rows but L has 79"):
        PairModel().fit(L[1:], y=y[1:], features=features)


@pytest.mark.parametrize("name", ["pair_model", "auto"])
def test_prompts_of_other_pairs_are_refused(name):
    L, y = draw_votes(60, [0.7, 0.6])
    for n in (59, 61):
        with pytest.raises(LabelMatrixError, match=rf"groups has shape \({n},\), expected \(60,\)"):
            get_label_model(name).fit(L, y=y, groups=np.arange(n))


def test_asking_before_fitting_and_wrong_shapes_are_named():
    with pytest.raises(NotFittedError, match="PairModel is not fitted"):
        PairModel().predict_logit(np.zeros((1, 1), dtype=np.int8))
    model = PairModel().fit(np.array([[0, 1]]))
    with pytest.raises(LabelMatrixError, match="3 columns but the model was fitted on 2"):
        model.predict_logit(np.zeros((1, 3), dtype=np.int8))


# Odd input


MARGINS = {
    "none": lambda rng, n: np.full((n, 3), np.nan),
    "constant": lambda rng, n: np.full((n, 3), 2.0),
    "zero": lambda rng, n: np.zeros((n, 3)),
    "infinite": lambda rng, n: rng.choice([np.inf, -np.inf, 1.0, np.nan], (n, 3)),
    "huge": lambda rng, n: 1e38 * rng.uniform(-1, 1, (n, 3)),
    "tiny": lambda rng, n: 1e-44 * rng.normal(size=(n, 3)),
    "wild": lambda rng, n: 10.0 ** rng.uniform(-30, 30, (n, 3)) * rng.choice([-1, 1], (n, 3)),
}
GOLD = {
    "no gold": lambda rng, n: np.full(n, np.nan),
    "one": lambda rng, n: np.where(np.arange(n) == 0, 1.0, np.nan),
    "ties": lambda rng, n: np.full(n, 0.5),
    "one side": lambda rng, n: np.ones(n),
    "mixed": lambda rng, n: rng.choice([0.0, 0.5, 1.0, np.nan], n),
}


@pytest.mark.parametrize("texts", [False, True], ids=["votes", "texts"])
@pytest.mark.parametrize("y", GOLD)
@pytest.mark.parametrize("margins", MARGINS)
def test_odd_margins_and_odd_gold_are_no_trouble(margins, y, texts):
    rng = np.random.default_rng(0)
    L, gaps = rng.integers(-1, 2, (40, 3)).astype(np.int8), MARGINS[margins](rng, 40).astype(np.float32)
    features = draw_features(40, width=3) if texts else None
    model = PairModel().fit(L, margins=gaps, y=GOLD[y](rng, 40), features=features)
    logit = model.predict_logit(L, margins=gaps, features=features)
    assert np.isfinite(logit).all()
    turned = None if features is None else features.swapped()
    assert (logit == -model.predict_logit(turned_votes(L), margins=-gaps, features=turned)).all()


@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (0, 0), (1, 1), (40, 1), (25, 12)])
def test_odd_sizes_are_no_trouble(shape):
    L = np.random.default_rng(0).integers(-1, 2, shape).astype(np.int8)
    model = PairModel().fit(L, y=np.ones(shape[0]), features=draw_features(shape[0], width=3))
    features = draw_features(shape[0], width=3)
    assert model.predict_logit(L, features=features).shape == (shape[0],)
    assert np.isfinite(model.contributions(L, features=features)).all()


def test_one_prompt_is_no_trouble_and_neither_are_prompts_with_names():
    L, y = draw_votes(60, [0.8, 0.7])
    assert PairModel().fit(L, y=y, groups=np.zeros(60)).predict_logit(np.array([[1, 1]]))[0] > 0
    named = PairModel().fit(
        L, y=y, groups=np.array(["one", "two", "six", "ten", "few", "all"])[np.arange(60) % 6]
    )
    numbered = PairModel().fit(L, y=y, groups=np.array([4, 5, 3, 2, 1, 0])[np.arange(60) % 6])
    assert named.mixture_ == numbered.mixture_


def test_silent_lfs_say_nothing_however_much_gold_there_is():
    L = np.full((50, 3), -1, dtype=np.int8)
    model = PairModel().fit(L, y=np.ones(50))
    assert (model.predict_logit(L) == 0).all()
    assert model.prior_.tolist() == [0.0, 0.0, 0.0]


def test_gold_on_rows_where_every_lf_is_silent_teaches_nothing_about_them():
    L, y = draw_votes(100, [0.7, 0.7])
    L[:30] = -1
    model = PairModel().fit(L, y=np.where(np.arange(100) < 30, y, np.nan))
    kept = sum(share * recipe.share for recipe, share in model.mixture_)
    assert np.abs(model.weights_.effects["sharp"] - kept * model.prior_).max() < 1e-12


# Effects, and the logistic regression that the workbench uses


def test_effect_is_the_vote_where_there_is_no_margin_and_half_at_the_median_margin():
    L = np.array([[1, 0], [0, -1]], dtype=np.int8)
    margins = np.array([[4.0, np.nan], [-12.0, np.nan]], dtype=np.float32)
    assert margin_effects(L, margins, np.array([4.0, np.nan])).tolist() == [[0.5, -1.0], [-0.75, 0.0]]


def test_half_margins_are_medians_of_what_is_neither_zero_nor_infinite_nor_missing():
    margins = np.array([[1, np.nan, 0], [-3, np.nan, 0], [0, np.inf, 0], [8, 5, np.nan]], dtype=np.float32)
    assert half_margins(margins).tolist()[:2] == [3.0, 5.0]
    assert np.isnan(half_margins(margins)[2])
    assert (half_margins(-margins)[:2] == half_margins(margins)[:2]).all()


def test_map_logistic_finds_the_minimum_that_a_general_optimiser_finds():
    rng = np.random.default_rng(3)
    X, y, centre = rng.normal(size=(60, 4)), rng.choice([0.0, 0.5, 1.0], 60), rng.normal(size=4)

    def objective(beta):
        z = X @ beta
        return float((np.logaddexp(0, z) - y * z).sum() + 1.5 * ((beta - centre) ** 2).sum())

    found = minimize(objective, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    assert np.allclose(map_logistic(X, y, centre, 3.0), found, atol=1e-6)


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
