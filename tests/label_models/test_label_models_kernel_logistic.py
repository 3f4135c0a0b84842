"""Logistic regression over rows: against a general optimiser, and against really leaving out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from weaklabel.label_models.pair.kernel_logistic import fit_columns, fit_rows, leave_group_out
from weaklabel.types import sigmoid


def drawn(n=40, d=5, size=1.0, seed=0):
    """`X`, gold that follows it (a tenth of it ties), and an offset."""
    rng = np.random.default_rng(seed)
    X = size * rng.normal(size=(n, d))
    y = (rng.random(n) < sigmoid(X @ rng.normal(size=d))).astype(float)
    return X, np.where(rng.random(n) < 0.1, 0.5, y), 0.5 * rng.normal(size=n)


def primal_optimum(X, y, offset):
    """The weights that a general optimiser finds for the textbook objective."""

    def objective(beta):
        f = offset + X @ beta
        return np.logaddexp(0, f).sum() - y @ f + 0.5 * beta @ beta

    def slope(beta):
        return X.T @ (sigmoid(offset + X @ beta) - y) + beta

    return minimize(objective, np.zeros(X.shape[1]), jac=slope, method="BFGS", options={"gtol": 1e-10}).x


def refitted_without(K, y, offset, rows):
    """The logits of `rows` by a fit to all the others."""
    kept = np.setdiff1d(np.arange(len(y)), rows)
    a = fit_rows(K[np.ix_(kept, kept)], y[kept], offset[kept])
    return offset[rows] + K[np.ix_(rows, kept)] @ a


def in_groups(n, sizes):
    """Row numbers dealt out, scattered, to groups of the given sizes over and over."""
    order, groups = np.random.default_rng(1).permutation(n), []
    while len(order):
        size = sizes[len(groups) % len(sizes)]
        groups.append(order[:size])
        order = order[size:]
    return groups


@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
def test_the_fit_over_rows_is_the_optimum_over_columns(size):
    X, y, offset = drawn(size=size)
    a = fit_rows(X @ X.T, y, offset)
    assert np.abs(X.T @ a - primal_optimum(X, y, offset)).max() < 1e-6


def test_with_more_columns_than_rows_it_is_the_same_optimum():
    X, y, offset = drawn(n=15, d=60)
    assert np.abs(X.T @ fit_rows(X @ X.T, y, offset) - primal_optimum(X, y, offset)).max() < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_over_columns_is_the_fit_over_rows(seed):
    import scipy.sparse as sp

    X, y, offset = drawn(seed=seed)
    over_rows = X.T @ fit_rows(X @ X.T, y, offset)
    assert np.abs(fit_columns(X, y, offset) - over_rows).max() < 1e-5
    assert np.abs(fit_columns(sp.csr_matrix(X), y, offset) - over_rows).max() < 1e-5


def test_one_row_has_the_answer_that_can_be_found_by_hand():
    # f = k (1 - sigmoid(f)): with f = 2, 1 - sigmoid(2) = .1192, so k = 2 / .1192.
    tail = 1 - sigmoid(np.array([2.0]))[0]
    K = np.array([[2.0 / tail]])
    assert fit_rows(K, np.array([1.0]))[0] == pytest.approx(tail, abs=1e-9)


@given(st.integers(0, 10_000), st.sampled_from([1e-3, 1.0, 100.0, 1e4]))
def test_at_the_optimum_each_dual_weight_is_what_is_left_unexplained(seed, size):
    X, y, offset = drawn(n=20, d=3, size=size, seed=seed)
    K = X @ X.T
    a = fit_rows(K, y, offset)
    # K a may be a million here: what is left of 16 digits bounds a.
    assert np.abs(a - (y - sigmoid(offset + K @ a))).max() < 1e-6 * max(1.0, size)


def test_ties_alone_teach_nothing():
    X, _, _ = drawn()
    assert (fit_rows(X @ X.T, np.full(40, 0.5)) == 0).all()


def test_gold_that_repeats_the_offset_leaves_it_where_it_is():
    X, _, offset = drawn()
    assert np.abs(fit_rows(X @ X.T, sigmoid(offset), offset)).max() < 1e-9


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
