"""Prompts left out of a logistic regression without fitting it again: against really leaving them out."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.label_models.pair.leave_out import leave_group_out
from weaklabel.logistic import fit_gram
from weaklabel.types import sigmoid


def drawn(n=40, d=5, size=1.0, seed=0):
    """`X`, gold that follows it (a tenth of it ties), and an offset."""
    rng = np.random.default_rng(seed)
    X = size * rng.normal(size=(n, d))
    y = (rng.random(n) < sigmoid(X @ rng.normal(size=d))).astype(float)
    return X, np.where(rng.random(n) < 0.1, 0.5, y), 0.5 * rng.normal(size=n)


def refitted_without(K, y, offset, rows):
    """The logits of `rows` by a fit to all the others."""
    kept = np.setdiff1d(np.arange(len(y)), rows)
    a = fit_gram(K[np.ix_(kept, kept)], y[kept], offset=offset[kept]).theta
    return offset[rows] + K[np.ix_(rows, kept)] @ a


def in_groups(n, sizes):
    """Row numbers dealt out, scattered, to groups of the given sizes over and over."""
    order, groups = np.random.default_rng(1).permutation(n), []
    while len(order):
        size = sizes[len(groups) % len(sizes)]
        groups.append(order[:size])
        order = order[size:]
    return groups


@pytest.mark.parametrize("sizes", [[1], [3], [1, 2, 5]])
def test_leaving_out_is_close_to_fitting_again_without_the_group(sizes):
    X, y, offset = drawn(n=80, size=0.5)
    K, groups = X @ X.T, in_groups(80, sizes)
    a, held = leave_group_out(K, y, groups, offset)
    truth = np.empty(80)
    for rows in groups:
        truth[rows] = refitted_without(K, y, offset, rows)
    moved = np.abs(truth - (offset + K @ a))
    assert np.abs(held - truth).max() < 0.15 * moved.max()
    assert np.corrcoef(held, truth)[0, 1] > 0.999


@pytest.mark.parametrize("sizes", [[1], [4], [1, 2, 5]])
def test_where_little_is_learned_leaving_out_is_exact(sizes):
    # Small logits have constant curvature: the Gaussian limit. The error falls with the cube of what is learned.
    X, y, offset = drawn(size=0.01)
    K, groups = X @ X.T, in_groups(40, sizes)
    _, held = leave_group_out(K, y, groups, 0.0 * offset)
    for rows in groups:
        assert np.abs(held[rows] - refitted_without(K, y, 0.0 * offset, rows)).max() < 1e-7
    assert np.abs(held).max() > 1e-4


def test_leaving_out_is_the_gaussian_regression_that_it_is_derived_from():
    X, y, offset = drawn()
    K, groups = X @ X.T, in_groups(40, [1, 2, 5])
    a, held = leave_group_out(K, y, groups, offset)
    p = sigmoid(offset + K @ a)
    noise = np.diag(1 / (p * (1 - p)))
    target = K @ a + np.linalg.solve(np.diag(p * (1 - p)), y - p)
    for rows in groups:
        kept = np.setdiff1d(np.arange(40), rows)
        solved = np.linalg.solve((K + noise)[np.ix_(kept, kept)], target[kept])
        assert np.abs(held[rows] - offset[rows] - K[np.ix_(rows, kept)] @ solved).max() < 1e-7


def test_with_everything_in_one_group_nothing_but_the_offset_is_known():
    X, y, offset = drawn()
    _, held = leave_group_out(X @ X.T, y, [np.arange(40)], offset)
    assert np.abs(held - offset).max() < 1e-8


def test_a_copy_in_another_group_tells_and_a_copy_in_the_own_group_does_not():
    X = np.repeat(np.eye(10), 2, axis=0) * 3
    y = np.repeat(np.tile([0.0, 1.0], 5), 2)
    rows = np.arange(20)
    apart = leave_group_out(X @ X.T, y, [rows[i : i + 1] for i in rows])[1]
    together = leave_group_out(X @ X.T, y, [rows[i : i + 2] for i in rows[::2]])[1]
    assert ((apart > 0.5) == (y == 1)).all()
    assert np.abs(together).max() < 1e-9


def test_gold_that_is_decided_on_one_side_of_everything_is_survived():
    X = np.full((50, 1), 1e4)
    a, held = leave_group_out(X @ X.T, np.ones(50), in_groups(50, [1]))
    assert np.isfinite(a).all()
    assert (held > 0).all()
