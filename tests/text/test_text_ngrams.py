"""Hashed n-grams: what each kind reads, written out by hand, and how pairs become differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import made_pairs
from sklearn.utils import murmurhash3_32

from weaklabel.errors import UnknownNameError
from weaklabel.text import ngrams as hashed_text
from weaklabel.text.ngrams import (
    CONTEXT_COLUMNS,
    KINDS,
    VIEW_COLUMNS,
    HashedText,
    asked_features,
    pair_features,
    response_features,
)

WIDE = 2**22  # no collisions among a handful of n-grams
ODD_TEXTS = [
    "",
    " ",
    "\n\n",
    "a",
    "¶",
    "_",
    "\x00",
    "日本語、テスト。",
    "👩‍👩‍👧 ☃",
    "a\u0301\u2028b",
    "½²٣",
    "İ ß Ǆ",
]
texts_of_any_kind = st.text(max_size=40) | st.sampled_from(ODD_TEXTS)
of_every_kind = pytest.mark.parametrize("kind", sorted(KINDS))


def columns_of(*grams, n=WIDE):
    return sorted({abs(murmurhash3_32(gram, seed=0)) % n for gram in grams})


def read(text, kind, n=WIDE):
    return HashedText(n, (kind,)).transform([text]).indices.tolist()


def test_words_are_lower_case_words_signs_and_line_breaks_one_and_two_at_a_time():
    grams = ["yes", ",", "two", "¶", "yes ,", ", two", "two ¶"]
    assert read("Yes, TWO\n", "words") == columns_of(*grams)


def test_characters_are_runs_of_two_to_four_with_edges_marked():
    grams = [" a", "ab", "b ", " ab", "ab ", " ab ", " c", "c ", " c "]
    assert read("aB   C", "characters") == columns_of(*grams)


def test_layout_sees_capitals_letters_digits_and_lines_but_not_which():
    shape = "Xx 9¶.!"
    grams = [shape[i : i + n] for n in (2, 3, 4, 5, 6) for i in range(8 - n)]
    assert grams[0] == "Xx"
    assert grams[-1] == "x 9¶.!"
    for text in ("Hi 42\n.!", "Hello 7\n.!", "NOté 007\n.!"):
        assert read(text, "layout") == columns_of(*grams)


def test_style_keeps_function_words_and_signs_and_masks_the_rest():
    one = ["the", "Xx", ",", "9", "¶", "x", "."]
    two = ["the Xx", "Xx ,", ", 9", "9 ¶", "¶ x", "x ."]
    three = ["the Xx ,", "Xx , 9", ", 9 ¶", "9 ¶ x", "¶ x ."]
    assert read("The Cat, 12\nsat.", "style") == columns_of(*one, *two, *three)
    assert read("THE Dog, 9\nran.", "style") == columns_of(*one, *two, *three)


def test_kinds_stand_side_by_side_in_the_order_asked_for():
    text = "One two.\nThree 4!"
    both = HashedText(512, ("style", "words")).transform([text]).toarray()[0]
    assert both.shape == (1024,)
    assert np.flatnonzero(both[:512]).tolist() == read(text, "style", 512)
    assert np.flatnonzero(both[512:]).tolist() == read(text, "words", 512)


def test_an_unknown_kind_is_refused_with_a_guess():
    with pytest.raises(UnknownNameError, match=r"no kind of n-gram 'word'.*'words'"):
        HashedText(64, ("word",))


@given(st.lists(texts_of_any_kind, max_size=6), texts_of_any_kind)
def test_each_row_is_zeros_and_ones_that_depend_on_its_text_alone(texts, text):
    kinds = tuple(KINDS)
    batch = HashedText(128, kinds).transform([*texts, text, *texts])
    alone = HashedText(128, kinds).transform([text])
    assert batch.shape == (2 * len(texts) + 1, 512)
    assert set(batch.data.tolist()) <= {1}
    assert batch[len(texts)].indices.tolist() == alone.indices.tolist()
    assert batch.has_canonical_format


@of_every_kind
def test_no_texts_and_empty_texts_are_empty_rows(kind):
    assert HashedText(64, (kind,)).transform([]).shape == (0, 64)
    assert HashedText(64, (kind,)).transform(["", ""]).nnz == 0


@of_every_kind
@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_are_read_and_stay_inside_their_columns(kind, text):
    assert all(0 <= column < 7 for column in read(text, kind, 7))


@of_every_kind
@pytest.mark.parametrize("part", ["- {", "🎉\n", "1 日a; "])
def test_a_megabyte_of_one_thing_reads_as_a_little_of_it(kind, part):
    once = read(part * 200, kind)
    assert read(part * (1_000_000 // len(part)), kind) == once != []


RESPONSES = [
    ("A short answer.", "A longer answer,\n- with a list\n- of two."),
    ("same", "same"),
    ("", "Something 12!"),
    ("日本語", "👩‍👩‍👧"),
]
PROMPTS = ["Which of these is it?", "the of and", "", "Paris Paris London"]


def made():
    return made_pairs(RESPONSES, prompts=PROMPTS)


def dense(features):
    views = {name: view.toarray() for name, view in features.views.items()}
    return {**views, "context": features.context.toarray()}


def test_views_are_what_b_holds_less_what_a_holds():
    features = pair_features(made())
    assert list(features.views) == list(KINDS)
    for kind, view in features.views.items():
        hashed = HashedText(VIEW_COLUMNS, (kind,))
        a = hashed.transform([a for a, _ in RESPONSES]).toarray()
        b = hashed.transform([b for _, b in RESPONSES]).toarray()
        assert (view.toarray() == b.astype(float) - a).all()
        assert view.dtype == np.float64


def test_pairs_turned_round_have_negated_views_and_the_same_context():
    features, turned = pair_features(made()), pair_features(made().swapped())
    for name, view in features.swapped().views.items():
        assert (view.indices == turned.views[name].indices).all()
        assert (view.data == turned.views[name].data).all()
    assert (features.context != turned.context).nnz == 0


def test_two_responses_that_are_the_same_say_nothing():
    assert all(view[1].nnz == 0 for view in pair_features(made()).views.values())


def test_context_counts_the_words_of_the_prompt_but_function_words():
    context = pair_features(made()).context.toarray()
    assert context.shape == (4, CONTEXT_COLUMNS)
    assert np.flatnonzero(context[0]).size == 0  # which, of, these, is and it are all function words
    assert not context[1].any()
    assert not context[2].any()
    (paris,), (london,) = columns_of("paris", n=CONTEXT_COLUMNS), columns_of("london", n=CONTEXT_COLUMNS)
    length = np.hypot(np.log(3), np.log(2))
    assert context[3, paris] == pytest.approx(np.log(3) / length)
    assert context[3, london] == pytest.approx(np.log(2) / length)
    assert np.count_nonzero(context[3]) == 2


@pytest.mark.parametrize("mask", [[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]])
def test_rows_not_needed_are_left_empty_and_the_others_are_the_same(mask):
    rows = np.array(mask, dtype=bool)
    whole, some = dense(pair_features(made())), dense(pair_features(made(), rows))
    for name, table in whole.items():
        assert (some[name][rows] == table[rows]).all()
        assert not some[name][~rows].any()


def test_blocks_of_rows_change_nothing(monkeypatch):
    whole = dense(pair_features(made()))
    monkeypatch.setattr(hashed_text, "_ROWS", 3)
    assert all((table == whole[name]).all() for name, table in dense(pair_features(made())).items())


def test_no_pairs_have_features_without_rows():
    features = pair_features(made().take(np.array([], dtype=np.intp)))
    assert {view.shape for view in features.views.values()} == {(0, VIEW_COLUMNS)}
    assert features.context.shape == (0, CONTEXT_COLUMNS)


@given(st.lists(st.tuples(texts_of_any_kind, texts_of_any_kind, texts_of_any_kind), min_size=1, max_size=4))
def test_a_pair_alone_has_the_features_that_it_has_among_others(rows):
    pairs = made_pairs([(a, b) for a, b, _ in rows], prompts=[prompt for _, _, prompt in rows])
    together, last = pair_features(pairs), pair_features(pairs.take(np.array([len(rows) - 1])))
    for name, view in last.views.items():
        assert (together.views[name][-1] != view).nnz == 0
    assert (together.context[-1] != last.context).nnz == 0


@given(st.lists(st.tuples(texts_of_any_kind, texts_of_any_kind, texts_of_any_kind), min_size=1, max_size=5))
def test_features_for_predicting_multiply_as_those_for_fitting_and_turn_to_the_bit(rows):
    pairs = made_pairs([(a, b) for a, b, _ in rows], prompts=[prompt for _, _, prompt in rows])
    weights = np.random.default_rng(0).normal(size=VIEW_COLUMNS)
    whole, asked, turned = pair_features(pairs), asked_features(pairs), asked_features(pairs.swapped())
    assert (asked.context != whole.context).nnz == 0
    for name, view in whole.views.items():
        product = asked.views[name] @ weights
        assert asked.views[name].shape == view.shape
        assert product == pytest.approx(view @ weights, abs=1e-9)
        assert ((-asked.views[name]) @ weights == -product).all()
        assert (turned.views[name] @ weights == -product).all()
        last = asked_features(pairs.take(np.array([len(rows) - 1]))).views[name] @ weights
        assert last[0] == product[-1]  # whatever stands beside it


def test_views_are_the_parts_of_all_columns_side_by_side():
    texts = ["One two.\n3!", "", "One two.\n3!", "4 - the END"]
    hashed = HashedText(512, ("style", "words"))
    side_by_side = hashed.transform(texts).toarray()
    assert (np.hstack([view.toarray() for view in hashed.views(texts)]) == side_by_side).all()


def test_the_features_of_pairs_are_differences_of_those_of_responses():
    pairs = made_pairs(
        [("One two.", "Two, one!\n"), ("", "x y"), ("same", "same")], prompts=["Why?", "red fox", ""]
    )
    prompts = pairs.table["prompt"].to_pylist()
    (a, context), (b, _) = (
        response_features(prompts, pairs.table[name].to_pylist()) for name in ("response_a", "response_b")
    )
    of_pairs = pair_features(pairs)
    both = (b.astype(float) - a.astype(float)).toarray().reshape(3, len(KINDS), VIEW_COLUMNS)
    for i, kind in enumerate(KINDS):
        assert (of_pairs.views[kind].toarray() == both[:, i]).all()
    assert (of_pairs.context != context).nnz == 0
