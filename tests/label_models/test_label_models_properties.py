"""Properties of every model of votes, over matrices that hypothesis draws."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.label_models import get_label_model

NAMES = ("majority_vote", "weighted_vote", "dawid_skene", "one_sided", "triplet", "moments", "auto")
COUNTING = ("majority_vote", "weighted_vote", "triplet", "moments")


@st.composite
def matrices(draw: st.DrawFn, k: int | None = None) -> tuple[np.ndarray, int, np.random.Generator]:
    """A matrix of votes, its number of classes and a generator; some columns silent, copied or one-sided."""
    k = k or draw(st.integers(2, 5))
    n, m = draw(st.integers(1, 60)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    L = np.where(rng.random((n, m)) < draw(st.floats(0, 1)), rng.integers(0, k, (n, m)), -1)
    for j in range(m):
        odd = draw(st.sampled_from(["plain", "plain", "silent", "copy", "one class"]))
        if odd == "silent":
            L[:, j] = -1
        elif odd == "copy":
            L[:, j] = L[:, 0]
        elif odd == "one class":
            L[:, j] = np.where(L[:, j] >= 0, j % k, -1)
    return L.astype(np.int8), k, rng


@pytest.mark.parametrize("name", NAMES)
@given(matrices())
@settings(max_examples=25)
def test_every_answer_is_a_distribution(name, matrix):
    L, k, _ = matrix
    p = get_label_model(name, n_classes=k).fit(L).predict_proba(L)
    assert p.shape == (len(L), k)
    assert (p >= 0).all()
    assert p.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
@given(matrices())
@settings(max_examples=25)
def test_a_saved_model_answers_to_the_bit(name, matrix):
    L, k, _ = matrix
    model = get_label_model(name, n_classes=k).fit(L)
    again = type(model).from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert (again.predict_proba(L) == model.predict_proba(L)).all()


# one_sided and dawid_skene stop when EM hardly moves, which renaming may shift by one step; auto may sit on a fence.
@pytest.mark.parametrize("name", COUNTING)
@given(matrices())
@settings(max_examples=25)
def test_classes_are_only_names(name, matrix):
    L, k, rng = matrix
    names = rng.permutation(k)
    renamed = np.append(names, -1)[L]
    p = get_label_model(name, n_classes=k).fit(L).predict_proba(L)
    q = get_label_model(name, n_classes=k).fit(renamed).predict_proba(renamed)
    assert q[:, names] == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("name", COUNTING)
@given(matrices())
@settings(max_examples=25)
def test_the_order_of_rows_changes_no_bit(name, matrix):
    L, k, rng = matrix
    shuffled = L[rng.permutation(len(L))]
    assert get_label_model(name, n_classes=k).fit(shuffled).to_dict() == (
        get_label_model(name, n_classes=k).fit(L).to_dict()
    )


@pytest.mark.parametrize("name", COUNTING)
@given(matrices(k=2))
@settings(max_examples=25)
def test_turning_training_pairs_round_changes_no_bit(name, matrix):
    L, _, rng = matrix
    turned = np.where((L >= 0) & (rng.random((len(L), 1)) < 0.5), 1 - L, L)
    there, back = (get_label_model(name).fit(votes).predict_logit(L) for votes in (L, turned))
    assert (there == back).all()
    mirrored = np.where(L >= 0, 1 - L, L)
    assert (get_label_model(name).fit(L).predict_logit(mirrored) == -there).all()
