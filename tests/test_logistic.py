"""The logistic solver against a general optimiser, against answers found by hand, and its ways against each other."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from weaklabel import logistic
from weaklabel.logistic import fit_gram, fit_logistic, nll_of_logit
from weaklabel.types import sigmoid


def drawn(n, d, size=1.0, seed=0):
    """`X`, soft labels among them 0, .5 and 1, weights of which some are 0, precisions, and an offset."""
    rng = np.random.default_rng(seed)
    X = size * rng.normal(size=(n, d))
    p = np.where(rng.random(n) < 0.5, rng.choice([0.0, 0.5, 1.0], n), rng.random(n))
    w = np.where(rng.random(n) < 0.2, 0.0, rng.uniform(0.1, 3.0, n))
    return X, p, w, rng.uniform(0.5, 4.0, d), 0.5 * rng.normal(size=n)


def textbook_optimum(X, p, w, precision, offset):
    """What a general optimiser finds for the objective as it is printed."""

    def objective(theta):
        z = offset + X @ theta
        cost = p * np.logaddexp(0, -z) + (1 - p) * np.logaddexp(0, z)
        return w @ cost + (precision * theta**2).sum() / 2

    def slope(theta):
        return X.T @ (w * (sigmoid(offset + X @ theta) - p)) + precision * theta

    return minimize(objective, np.zeros(X.shape[1]), jac=slope, method="BFGS", options={"gtol": 1e-9}).x


class Rows:
    """Anything that multiplies: what the solver may ask of a matrix, and no more."""

    def __init__(self, X):
        self.X, self.shape = X, X.shape

    def __matmul__(self, other):
        return self.X @ other

    @property
    def T(self):
        return Rows(self.X.T)


def by_gram(X, p, w=None, *, precision=1.0, offset=0.0):
    fit = fit_gram((X / precision) @ X.T, p, w, offset=offset)
    return X.T @ fit.theta / precision


def by(kind):
    return lambda X, *given, **more: fit_logistic(kind(X), *given, **more).theta


WAYS = {"array": by(np.asarray), "sparse": by(sp.csr_matrix), "anything": by(Rows), "gram": by_gram}
every = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


# The optimum


@every
@pytest.mark.parametrize(("n", "d"), [(40, 3), (12, 30), (1, 1), (300, 1)])
@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
def test_it_is_the_optimum_that_a_general_optimiser_finds(way, n, d, size):
    X, p, w, precision, offset = drawn(n, d, size)
    found = way(X, p, w, precision=precision, offset=offset)
    assert np.abs(found - textbook_optimum(X, p, w, precision, offset)).max() < 1e-6


def test_wide_and_tall_matrices_of_many_columns_have_the_optimum_of_the_rows():
    X, p, w, precision, offset = drawn(280, 300, size=0.2)
    fit = fit_logistic(X, p, w, precision=precision, offset=offset)
    expected = by_gram(X, p, w, precision=precision, offset=offset)
    assert fit.converged
    assert np.abs(fit.theta - expected).max() < 1e-5
    assert np.abs(fit.logit - (offset + X @ expected)).max() < 1e-5


@pytest.mark.parametrize("way", [by(np.asarray), by(sp.csr_matrix)], ids=["array", "sparse"])
def test_one_column_of_ones_says_the_weighted_share_of_successes(way):
    p, w = np.array([1.0, 0.0, 0.5, 0.25]), np.array([3.0, 1.0, 2.0, 0.0])
    share = (3 + 0 + 1) / 6
    assert way(np.ones((4, 1)), p, w)[0] == pytest.approx(np.log(share / (1 - share)), abs=1e-6)


def test_an_offset_is_taken_off_the_answer():
    p = np.array([1.0, 1.0, 1.0, 0.0])
    theta = fit_logistic(np.ones((4, 1)), p, offset=0.7).theta
    assert theta[0] == pytest.approx(np.log(3) - 0.7, abs=1e-12)


@every
def test_one_row_with_a_prior_has_the_answer_that_can_be_found_by_hand(way):
    # precision theta = 1 - sigmoid(theta), which theta = 2 solves for precision = (1 - sigmoid(2)) / 2.
    precision = np.array([(1 - sigmoid(np.array([2.0]))[0]) / 2])
    assert way(np.ones((1, 1)), np.ones(1), precision=precision)[0] == pytest.approx(2.0, abs=1e-5)


def test_over_rows_theta_is_what_is_left_of_each_label():
    X, p, w, _, offset = drawn(30, 4)
    fit = fit_gram(X @ X.T, p, w, offset=offset)
    assert np.abs(fit.theta - w * (p - sigmoid(fit.logit))).max() < 1e-9


@given(st.integers(0, 10_000), st.sampled_from([1e-3, 1.0, 100.0, 1e4]))
def test_of_any_size_theta_over_rows_is_what_is_left_of_each_label(seed, size):
    X, p, w, _, offset = drawn(20, 3, size, seed)
    fit = fit_gram(X @ X.T, p, w, offset=offset)
    # K theta may be a million here: what is left of 16 digits bounds theta.
    assert np.abs(fit.theta - w * (p - sigmoid(fit.logit))).max() < 1e-6 * max(1.0, size)


def test_labels_that_repeat_the_offset_leave_it_where_it_is():
    X, _, _, _, offset = drawn(40, 5)
    assert np.abs(fit_gram(X @ X.T, sigmoid(offset), offset=offset).theta).max() < 1e-9


# Labels and weights


@every
def test_rows_that_can_be_separated_are_held_by_the_prior(way):
    X = np.repeat([[1.0], [-1.0]], 20, axis=0)
    theta = way(X, (X[:, 0] > 0).astype(float), precision=np.array([0.01]))[0]
    assert 0.01 * theta == pytest.approx(40 * (1 - sigmoid(np.array([theta]))[0]), rel=1e-4)


def test_rows_that_can_be_separated_and_nothing_holds_end_at_certainty_without_trouble():
    X = np.array([[1.0], [-2.0], [0.5]])
    fit = fit_logistic(X, [1.0, 0.0, 1.0])
    assert nll_of_logit(fit.logit, np.array([1.0, 0.0, 1.0])).sum() < 1e-6


@every
def test_all_ties_say_nothing(way):
    X = drawn(20, 5)[0]
    assert (way(X, np.full(20, 0.5), precision=1.0) == 0).all()


@every
@given(copies=st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(any))
def test_a_weight_is_how_often_a_row_is_there(way, copies):
    X, p, _, precision, offset = drawn(12, 3)
    w = np.array(copies)
    heavy = way(X, p, w, precision=precision, offset=offset)
    often = way(np.repeat(X, w, axis=0), np.repeat(p, w), precision=precision, offset=np.repeat(offset, w))
    assert np.abs(heavy - often).max() < 1e-6


@every
@given(turned=st.lists(st.booleans(), min_size=30, max_size=30))
def test_turning_rows_round_changes_no_bit(way, turned):
    X, _, w, precision, offset = drawn(30, 8)
    p = np.random.default_rng(1).integers(0, 65, 30) / 64  # such that 1 - p has no rounding
    sign = np.where(turned, -1.0, 1.0)
    one = way(X, p, w, precision=precision, offset=offset)
    other = way(X * sign[:, None], np.where(turned, 1 - p, p), w, precision=precision, offset=sign * offset)
    assert (one == other).all()


def test_without_weights_only_the_prior_speaks():
    X, p, *_ = drawn(6, 2)
    assert (fit_logistic(X, p, np.zeros(6), precision=2.0).theta == 0).all()
    assert (fit_logistic(np.empty((0, 2)), [], precision=2.0).theta == 0).all()


# How it gets there


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["array", "sparse"])
@pytest.mark.parametrize(("n", "d"), [(50, 4), (10, 20)])
def test_where_it_begins_does_not_matter(kind, n, d):
    X, p, w, precision, offset = drawn(n, d)
    given = {"precision": precision, "offset": offset}
    cold = fit_logistic(kind(X), p, w, **given)
    far = fit_logistic(kind(X), p, w, **given, start=np.full(d, 3.0))
    warm = fit_logistic(kind(X), p, w, **given, start=cold.theta)
    assert np.abs(far.theta - cold.theta).max() < 1e-5
    assert warm.iterations <= 1 < cold.iterations


def test_columns_of_very_different_sizes_are_told_apart():
    X, p, w, *_ = drawn(60, 3)
    units = np.array([1e-7, 1.0, 1e7])
    plain, scaled = fit_logistic(X, p, w).theta, fit_logistic(X * units, p, w).theta
    assert scaled * units == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_the_unit_of_the_weights_does_not_matter(factor):
    X, p, w, precision, _ = drawn(60, 3)
    plain = fit_logistic(X, p, w, precision=precision)
    scaled = fit_logistic(X, p, factor * w, precision=factor * precision)
    assert scaled.theta == pytest.approx(plain.theta, rel=1e-9)
    assert scaled.iterations == plain.iterations


def test_a_column_that_nothing_can_tell_is_an_error():
    with pytest.raises(np.linalg.LinAlgError):
        fit_logistic(np.array([[1.0, 0.0], [1.0, 0.0]]), [1.0, 0.0])


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["array", "sparse"])
def test_a_fit_that_was_cut_short_says_so(monkeypatch, kind):
    monkeypatch.setattr(logistic, "_NEWTON_STEPS", 1)
    X, p, *_ = drawn(60, 3)
    fit = fit_logistic(kind(X), p, precision=0.1)
    assert (fit.converged, fit.iterations) == (False, 1)


def test_steps_that_overshoot_are_made_shorter():
    # From far out the curve is flat, and the first whole step of Newton would go further out on the other side.
    fit = fit_logistic(np.ones((4, 1)), [1.0, 1.0, 1.0, 0.0], start=[12.0])
    assert fit.theta[0] == pytest.approx(np.log(3), abs=1e-9)


# The loss


@given(st.floats(-20, 20), st.floats(0, 1))
def test_the_loss_is_the_textbook_cross_entropy(z, p):
    by_hand = -(p * np.log(1 / (1 + np.exp(-z))) + (1 - p) * np.log(1 / (1 + np.exp(z))))
    assert nll_of_logit(np.array([z]), np.array([p]))[0] == pytest.approx(by_hand, rel=1e-6, abs=1e-12)


def test_the_loss_of_certainty_is_finite_and_the_same_turned_round():
    z, p = np.array([1000.0, 1000.0, -1e6]), np.array([1.0, 0.0, 0.25])
    assert nll_of_logit(z, p).tolist() == [0.0, 1000.0, 250000.0]
    assert (nll_of_logit(-z, 1 - p) == nll_of_logit(z, p)).all()


ONE_THREAD = """
import threadpoolctl
from weaklabel.logistic import one_thread
with one_thread():
    import scipy.linalg
    print({pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"})
"""


def test_one_thread_holds_the_blas_of_scipy_too():
    # In a process of its own: here scipy is loaded long since, and would be held anyway.
    said = subprocess.run([sys.executable, "-c", ONE_THREAD], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "{1}"
