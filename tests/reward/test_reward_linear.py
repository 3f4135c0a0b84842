"""The linear reward against known truth: a planted vocabulary, brute-force twins, exact symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_labels import build_pairs

from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.logistic import fit_logistic
from weaklabel.reward import features, get_reward_model, load_reward
from weaklabel.reward.features import Differences
from weaklabel.reward.linear import LinearReward
from weaklabel.text.ngrams import HashedText
from weaklabel.types import sigmoid

FILLER = [
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "is",
    "it",
    "on",
    "as",
    "at",
    "by",
    "an",
    "or",
    "if",
    "so",
    "we",
    "he",
    "she",
    "they",
    "one",
    "two",
    "out",
    "up",
]
GOOD, BAD = ["therefore", "precisely", "stepwise"], ["whatever", "dunno", "lol"]


def planted(n: int, seed: int = 0, n_prompts: int | None = None):
    """Pairs whose log-odds are the planted words' worth: +1.5 per good and -1.5 per bad word."""
    rng = np.random.default_rng(seed)

    def response():
        planted_words = [w for w in GOOD + BAD if rng.random() < 0.3]
        words = [*rng.choice(FILLER, 12), *planted_words]
        return " ".join(rng.permutation(words)), sum(1.5 if w in GOOD else -1.5 for w in planted_words)

    a, b = [response() for _ in range(n)], [response() for _ in range(n)]
    logit = np.array([y - x for (_, x), (_, y) in zip(a, b, strict=True)])
    prompts = [f"question {i % (n_prompts or n)}" for i in range(n)]
    pairs = build_pairs(prompts, [t for t, _ in a], [t for t, _ in b])
    return pairs, logit, (rng.random(n) < sigmoid(logit)).astype(float)


@pytest.fixture(scope="module")
def small():
    """Pairs, random soft labels, weights, and the differences of a few hashed columns."""
    pairs, _, _ = planted(40)
    rng = np.random.default_rng(1)
    d = Differences.of(pairs, HashedText(64))
    return pairs, rng.uniform(size=40), rng.uniform(0.1, 2.0, 40), d


def test_a_planted_vocabulary_is_recovered():
    pairs, _, y = planted(600)
    model = LinearReward(n_features=2**12).fit(pairs, y)
    scores = model.score([""] * 6, GOOD + BAD)
    assert scores[:3].min() > 0.2 > -0.2 > scores[3:].max()
    new, logit, _ = planted(400, seed=1)
    decided = logit != 0
    assert ((model.compare(new) > 0.5) == (logit > 0))[decided].mean() > 0.9


def test_it_is_scikit_learns_logistic_regression_on_hard_labels(small):
    from sklearn.linear_model import LogisticRegression

    _, p, w, d = small
    y = (p > 0.5).astype(float)
    ours = fit_logistic(d, y, w, precision=0.5).theta
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10, max_iter=5000)
    theirs.fit(d.blocks[0].astype(np.float64), y, sample_weight=w)
    np.testing.assert_allclose(ours, theirs.coef_[0], atol=1e-5)


def test_no_small_change_of_the_coefficients_makes_the_stated_loss_smaller(small):
    pairs, p, w, d = small
    model = LinearReward(n_features=64, l2=0.7).fit(pairs, p, w)
    rows = d.blocks[0].toarray().astype(float)
    coef, words = model.coef_[d.columns], d.columns < 64
    # The loss of the docstring, in features scaled so that each kind's mean squared difference is 1/2.
    scale = np.empty(len(coef))
    for kind in (words, ~words):
        scale[kind] = 1 / np.sqrt(2 * np.average((rows[:, kind] ** 2).sum(axis=1), weights=w))

    def loss(theta):
        z = rows @ (scale * theta)
        return w @ (p * np.logaddexp(0, -z) + (1 - p) * np.logaddexp(0, z)) + 0.35 * theta @ theta

    theta, rng = coef / scale, np.random.default_rng(0)
    steps = 1e-2 * rng.normal(size=(50, len(theta)))
    assert min(loss(theta + step) for step in steps) > loss(theta)
    assert loss(theta) < min(loss(0.99 * theta), loss(1.01 * theta), loss(0 * theta))


def test_turning_a_pair_round_gives_exactly_one_minus_p():
    pairs, _, y = planted(80)
    model = LinearReward(n_features=2**10).fit(pairs, y)
    p, turned = model.compare(pairs), model.compare(pairs.swapped())
    assert (turned == 1.0 - p).all()
    assert not (p == 0.5).all()


def test_fitting_does_not_change_when_training_pairs_are_turned_round():
    pairs, _, _ = planted(80)
    p = np.random.default_rng(0).uniform(size=80)
    one = LinearReward(n_features=2**10).fit(pairs, p)
    other = LinearReward(n_features=2**10).fit(pairs.swapped(), 1.0 - p)
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-9)


def test_a_score_does_not_depend_on_its_neighbours():
    pairs, _, y = planted(60)
    model = LinearReward(n_features=2**10).fit(pairs, y)
    texts = pairs.table["response_a"].to_pylist()
    together = model.score([""] * 60, texts)
    assert [model.score([""], [t])[0] for t in texts] == together.tolist()


def test_the_same_training_set_gives_the_same_model():
    pairs, _, y = planted(60)
    one, two = (LinearReward(n_features=2**10).fit(pairs, y) for _ in range(2))
    assert (one.coef_ == two.coef_).all()


def test_rows_of_weight_zero_change_nothing():
    pairs, _, y = planted(80)
    w = np.ones(80)
    w[50:] = 0.0
    p = np.where(w > 0, y, np.nan)  # not even an unknown belief
    whole = LinearReward(n_features=2**10).fit(pairs, p, w)
    part = LinearReward(n_features=2**10).fit(pairs.take(np.arange(50)), y[:50])
    np.testing.assert_allclose(whole.coef_, part.coef_, atol=1e-8)


def test_weight_two_is_the_pair_given_twice():
    pairs, _, y = planted(30)
    heavy = LinearReward(n_features=2**10).fit(pairs, y, np.where(np.arange(30) < 10, 2.0, 1.0))
    twice = pairs.take(np.concatenate([np.arange(30), np.arange(10)]))
    again = LinearReward(n_features=2**10).fit(twice, np.concatenate([y, y[:10]]))
    np.testing.assert_allclose(heavy.coef_, again.coef_, atol=1e-6)


def test_ties_alone_teach_nothing():
    pairs, _, _ = planted(20)
    model = LinearReward(n_features=2**10).fit(pairs, np.full(20, 0.5))
    assert (model.compare(pairs) == 0.5).all()


def test_blocks_give_the_products_of_the_whole_matrix(small, monkeypatch):
    pairs, p, _, d = small
    monkeypatch.setattr("weaklabel.reward.features._ROWS", 14)
    blocks = Differences.of(pairs, HashedText(64))
    assert len(blocks.blocks) == 6
    theta = np.random.default_rng(0).normal(size=d.shape[1])
    assert (blocks @ theta == d @ theta).all()
    np.testing.assert_allclose(blocks.T @ p, d.T @ p, rtol=1e-12)
    whole = d.blocks[0].toarray().astype(float)
    np.testing.assert_allclose(d @ theta, whole @ theta)
    words = d.columns < 64
    assert (blocks.squared_norms(words) == (whole[:, words] ** 2).sum(axis=1)).all()
    full = HashedText(64).transform(pairs.table["response_b"].to_pylist()).toarray().astype(float)
    full -= HashedText(64).transform(pairs.table["response_a"].to_pylist()).toarray()
    assert (full[:, d.columns] == whole).all()
    assert not np.delete(full, d.columns, axis=1).any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_text_has_a_finite_score(texts):
    pairs, _, y = planted(20)
    model = LinearReward(n_features=64).fit(pairs, y)
    assert np.isfinite(model.score([""] * len(texts), texts)).all()


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_columns_are_those_of_scikit_learns_hashing(kind):
    from sklearn.feature_extraction.text import HashingVectorizer

    more = {
        "words": {"ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]"},
        "characters": {"ngram_range": (2, 4), "analyzer": "char_wb"},
    }[kind]
    texts = ["Hello,  wörld! It's 12 * 3.", "", "a", "\n- one\n- two 日本語\t\u2028x"]
    twin = HashingVectorizer(n_features=512, norm=None, alternate_sign=False, binary=True, **more).transform(
        [t.replace("\n", " ¶ ") for t in texts]
    )
    start = 0 if kind == "words" else 512
    ours = HashedText(512).transform(texts)[:, start : start + 512]
    assert (ours.toarray() == twin.toarray()).all()


def test_ten_megabytes_without_a_space_are_read_in_a_moment():
    row = HashedText(2**12).transform(["A" * 10_000_000])
    assert row.nnz <= 10  # one word and nine runs


def test_forgetting_words_changes_nothing(monkeypatch):
    texts = [f"word{i} again" for i in range(20)]
    plain = HashedText(512).transform(texts)
    monkeypatch.setattr("weaklabel.text.pieces._MEMORY", 3)
    monkeypatch.setattr("weaklabel.text.ngrams._AT_ONCE", 40)
    assert (HashedText(512).transform(texts) != plain).nnz == 0


def test_an_empty_response_scores_nothing():
    pairs, _, y = planted(20)
    assert LinearReward(n_features=64).fit(pairs, y).score(["q"], [""]).tolist() == [0.0]


def test_lines_and_signs_are_visible():
    text = HashedText(2**12)
    assert (text.transform(["a\nb"]) != text.transform(["a b"])).nnz
    assert (text.transform(["Yes!"]) != text.transform(["Yes"])).nnz


def test_gold_calibrates_the_scale_but_not_the_order():
    pairs, _, y = planted(300, n_prompts=60)
    overconfident = np.where(y == 1, 1.0, 0.0)
    plain = LinearReward(n_features=2**10, l2=0.01).fit(pairs, overconfident)
    scaled = LinearReward(n_features=2**10, l2=0.01).fit(pairs, overconfident, gold=y)
    assert (plain.scale_, plain.n_gold_) == (1.0, 0)
    assert scaled.scale_ < 0.9  # too weak a penalty overfits, and the scale says so
    assert scaled.n_gold_ == 300
    np.testing.assert_allclose(scaled.score([""] * 3, GOOD), scaled.scale_ * plain.score([""] * 3, GOOD))


def test_calibration_is_better_on_new_pairs():
    from weaklabel.metrics import nll

    pairs, _, y = planted(300, n_prompts=60)
    new, _, truth = planted(500, seed=5)
    plain = LinearReward(n_features=2**10, l2=0.01).fit(pairs, y)
    scaled = LinearReward(n_features=2**10, l2=0.01).fit(pairs, y, gold=y)
    assert nll(scaled.compare(new), truth) < nll(plain.compare(new), truth)


def test_too_little_gold_leaves_the_scale_alone():
    pairs, _, y = planted(100)
    gold = np.where(np.arange(100) < 49, y, np.nan)
    assert LinearReward(n_features=2**8).fit(pairs, y, gold=gold).scale_ == 1.0


def test_a_file_put_beside_a_saved_model_is_not_swept_away(tmp_path):
    pairs, _, y = planted(30)
    model = LinearReward(n_features=64).fit(pairs, y)
    model.save(tmp_path / "m")
    model.save(tmp_path / "m")
    (tmp_path / "m" / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"'notes.txt'"):
        model.save(tmp_path / "m")


def test_a_folder_of_something_else_is_no_reward_model(tmp_path):
    (tmp_path / "manifest.json").write_text('{"kind": "export:trl"}')
    with pytest.raises(ArtifactError, match="holds 'export:trl', which is no reward model"):
        load_reward(tmp_path)
    with pytest.raises(ArtifactError, match="does not exist"):
        load_reward(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ArtifactError, match="is no manifest"):
        load_reward(tmp_path)


def test_a_model_never_replaces_a_folder_of_other_files(tmp_path):
    pairs, _, y = planted(30)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="Name another folder"):
        LinearReward(n_features=64).fit(pairs, y).save(tmp_path)


@pytest.mark.parametrize("setting", [{"l2": 0.0}, {"l2": float("nan")}, {"n_features": 0}, {"n_folds": 1}])
def test_a_setting_out_of_range_is_refused(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        LinearReward(**setting)


def test_an_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match="strength"):
        get_reward_model("linear", strength=3)


def test_models_of_the_same_pairs_share_their_differences_and_others_do_not(monkeypatch):
    pairs, _, _ = planted(12)
    first = features.differences(pairs, 64)
    assert features.differences(pairs.take(np.arange(12)), 64) is first
    assert features.differences(pairs, 128) is not first
    turned = features.differences(pairs.swapped(), 64)
    assert (turned.blocks[0] != -first.blocks[0]).nnz == 0
    monkeypatch.setattr(features, "_MOST_ENTRIES", first.n_entries - 1)
    assert features.differences(planted(12, seed=3)[0], 64) is not None
    assert not features._kept  # too many to keep
