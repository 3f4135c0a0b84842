"""Counting models at scale: counts by bits, logits by bytes, fits from shards, each against a plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.label_models import get_label_model
from weaklabel.label_models.additive import logits_of_votes, weights_of_votes
from weaklabel.label_models.k_class.bit_counts import bit_planes, count_together
from weaklabel.label_models.k_class.cast_votes import votes_per_class, votes_per_lf
from weaklabel.label_models.row_blocks import BLOCK, row_blocks
from weaklabel.label_models.streaming import fit_on_shards

COUNTING = ("majority_vote", "weighted_vote", "triplet", "moments")


def drawn(n, m, k=2, seed=0, coverage=0.6):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, m)) < coverage, rng.integers(k, size=(n, m)), -1).astype(np.int8)


def counted_plainly(L):
    both = np.array([[((x >= 0) & (z >= 0)).sum() for z in L.T] for x in L.T])
    agree = np.array([[((x >= 0) & (x == z)).sum() for z in L.T] for x in L.T])
    return both, agree


@given(st.integers(0, 200), st.integers(1, 9), st.integers(2, 127), st.integers(0, 100))
@settings(max_examples=60)
def test_counts_by_bits_equal_counts_by_comparison(n, m, k, seed):
    L = drawn(n, m, k, seed)
    both, agree = count_together(L, k)
    plain_both, plain_agree = counted_plainly(L)
    assert (both == plain_both).all()
    assert (agree == plain_agree).all()


@pytest.mark.parametrize("n", [65_535, 65_536, 65_537, 131_100])
def test_a_column_that_always_speaks_is_counted_beyond_sixteen_bits(n):
    both, agree = count_together(np.ones((n, 2), dtype=np.int8), 2)
    assert both.tolist() == agree.tolist() == [[n, n], [n, n]]


def test_a_matrix_without_columns_has_no_counts():
    both, agree = count_together(np.empty((70, 0), dtype=np.int8), 2)
    assert both.shape == agree.shape == (0, 0)


def test_bit_planes_hold_a_bit_for_each_row_and_silence_in_the_padding():
    low, silent = bit_planes(np.array([[1, -1], [0, 1]], dtype=np.int8), 2)
    assert np.bitwise_count(silent).sum(axis=1).tolist() == [62, 63]
    assert np.bitwise_count(low & ~silent).sum(axis=1).tolist() == [1, 1]


@given(st.integers(0, 50), st.integers(0, 11), st.integers(0, 100))
@settings(max_examples=60)
def test_logits_by_bytes_are_sums_of_weights(n, m, seed):
    L = drawn(n, m, seed=seed)
    weights = np.random.default_rng(seed).normal(size=(m, 2))
    plain = weights_of_votes(L, weights).sum(axis=1)
    assert logits_of_votes(L, weights) == pytest.approx(plain, abs=1e-12)


@given(st.integers(1, 50), st.integers(1, 11), st.integers(0, 100))
@settings(max_examples=60)
def test_mirrored_weights_give_exactly_opposite_logits_on_turned_votes(n, m, seed):
    L = drawn(n, m, seed=seed)
    of_b = np.random.default_rng(seed).normal(size=m)
    weights = np.stack([-of_b, of_b], axis=1)
    assert (logits_of_votes(np.where(L < 0, L, 1 - L), weights) == -logits_of_votes(L, weights)).all()


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda L: L[::-1][::-1], lambda L: L.astype(np.int64)])
def test_the_layout_of_the_votes_changes_no_bit(layout):
    L = drawn(300, 8)
    model = get_label_model("moments").fit(L)
    assert get_label_model("moments").fit(layout(L)).to_dict() == model.to_dict()
    assert (model.predict_logit(layout(L)) == model.predict_logit(L)).all()


def test_votes_per_class_and_per_function_equal_a_plain_count():
    L = drawn(BLOCK + 10, 5, 3)
    assert (votes_per_class(L, 3) == np.stack([(c == L).sum(axis=1) for c in range(3)], axis=1)).all()
    assert (votes_per_lf(L) == (L >= 0).sum(axis=0)).all()


@pytest.mark.parametrize("k", [2, 3, 5])
def test_weighted_vote_judges_each_vote_by_the_others(k):
    L = drawn(400, 5, k)
    judged, agreed = np.zeros(5, dtype=int), np.zeros(5, dtype=int)
    for row in L:
        for j, own in enumerate(row):
            others = np.bincount(np.delete(row, j)[np.delete(row, j) >= 0], minlength=k)
            if own >= 0 and others.max() > 0 and (others == others.max()).sum() == 1:
                judged[j] += 1
                agreed[j] += others.argmax() == own
    counts = get_label_model("weighted_vote", n_classes=k).fit(L).counts_
    assert counts["judged"].tolist() == judged.tolist()
    assert counts["agreed"].tolist() == agreed.tolist()


@pytest.mark.parametrize("name", COUNTING)
def test_shards_of_any_size_give_the_model_of_all_rows(name):
    L = drawn(70_000, 6)
    whole = get_label_model(name).fit(L).to_dict()
    for size in (8_192, 65_536, 69_999):
        shards = ((L[rows], None) for rows in row_blocks(len(L), size))
        assert fit_on_shards(get_label_model(name), shards).to_dict() == whole


def test_counts_of_machines_add_up_to_the_model_of_all_rows():
    L = drawn(1000, 4)
    model = get_label_model("moments")
    here, there = model.count(L[:300]), model.count(L[300:])
    together = {name: here[name] + there[name] for name in here}
    assert model.fit_counts(together).to_dict() == get_label_model("moments").fit(L).to_dict()


def test_a_model_that_needs_rows_says_so():
    with pytest.raises(ConfigError, match=r"dawid_skene needs the rows themselves.*Fit it on a sample"):
        fit_on_shards(get_label_model("dawid_skene"), [(drawn(9, 3), None)])


def test_no_shards_are_refused():
    with pytest.raises(LabelMatrixError, match="no shards to fit on"):
        fit_on_shards(get_label_model("moments"), [])


def test_shards_of_different_width_are_refused():
    with pytest.raises(LabelMatrixError, match="shard 1 has 4 columns, those before have 3"):
        fit_on_shards(get_label_model("moments"), [(drawn(9, 3), None), (drawn(9, 4), None)])
