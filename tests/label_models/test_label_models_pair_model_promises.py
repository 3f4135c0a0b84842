"""What the pair model promises of every fit: symmetry, shares that add up, saving, and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
from drawn_for_pairs import (
    VIEWS,
    draw_features,
    draw_margins,
    draw_texts,
    turned_votes,
    votes_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_pairs import made_pairs
from synthetic import draw_votes

from weaklabel.errors import ConfigError, LabelMatrixError, NotFittedError
from weaklabel.label_models import get_label_model
from weaklabel.label_models.pair import model as pair_model
from weaklabel.label_models.pair.effects import SHAPES, margin_effects
from weaklabel.label_models.pair.model import PairModel
from weaklabel.text.ngrams import pair_features
from weaklabel.types import PairFeatures, sigmoid

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
