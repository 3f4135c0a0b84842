"""`PairFeatures`: rows follow the pairs, views turn with them, the context stays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from weaklabel.types import PairFeatures


def made(context=True):
    view = sp.csr_matrix([[1.0, 0.0], [0.0, -1.0], [0.0, 0.0], [2.0, 3.0]])
    return PairFeatures({"words": view, "style": -view}, sp.csr_matrix(np.eye(4)) if context else None)


@pytest.mark.parametrize(
    "rows", [np.array([3, 0]), np.array([True, False, False, True]), np.array([], dtype=np.intp)]
)
def test_taken_rows_are_those_rows_of_everything(rows):
    whole, part = made(), made().take(rows)
    assert list(part.views) == ["words", "style"]
    for name, view in whole.views.items():
        assert (part.views[name].toarray() == view.toarray()[rows]).all()
    assert (part.context.toarray() == whole.context.toarray()[rows]).all()


def test_turned_round_the_views_flip_and_the_context_stays():
    whole, turned = made(), made().swapped()
    for name, view in whole.views.items():
        assert (turned.views[name].toarray() == -view.toarray()).all()
    assert (turned.context != whole.context).nnz == 0


def test_turned_round_twice_it_is_what_it_was():
    for name, view in made().swapped().swapped().views.items():
        assert (view != made().views[name]).nnz == 0


def test_without_a_context_there_is_none_afterwards():
    assert made(context=False).take(np.array([1])).context is None
    assert made(context=False).swapped().context is None
    assert PairFeatures().take(np.array([True])) == PairFeatures()
