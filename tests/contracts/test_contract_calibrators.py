"""What every registered calibrator keeps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.calibration import CALIBRATORS, calibrator_from_dict, get_calibrator
from weaklabel.errors import ArtifactError, LabelMatrixError, NotCalibratedError, NotFittedError
from weaklabel.types import sigmoid

pytestmark = pytest.mark.same_everywhere

every = pytest.mark.parametrize("name", sorted(CALIBRATORS))
learned = pytest.mark.parametrize("name", sorted(set(CALIBRATORS) - {"identity"}))

finite = st.floats(-50, 50)
gold = st.sampled_from([0.0, 0.5, 1.0, np.nan])
samples = st.lists(st.tuples(finite, gold), min_size=1, max_size=30).filter(
    lambda rows: any(y == y for _, y in rows)
)
PROBE = np.concatenate([np.linspace(0, 60, 200), [1e-300, 1e6]])
# Below 1e-6 is silence; two log-odds that rounding could confuse are no two verdicts.
VERDICTS = st.lists(st.floats(2e-6, 60), min_size=2, max_size=40).map(
    lambda sizes: np.array(
        [s for i, s in enumerate(sorted(sizes)) if i == 0 or s > sorted(sizes)[i - 1] * (1 + 1e-4)]
    )
)


@every
@given(rows=samples)
def test_output_is_odd_finite_and_non_decreasing_whatever_was_fitted(name, rows):
    z, y = (np.array(column) for column in zip(*rows, strict=True))
    fitted = get_calibrator(name).fit(z, y)
    out = fitted.transform(PROBE)
    assert np.isfinite(out).all()
    assert (fitted.transform(-PROBE) == -out).all()
    assert (np.diff(fitted.transform(np.sort(np.append(PROBE, -PROBE)))) >= 0).all()


@every
@given(rows=samples, sizes=VERDICTS)
def test_different_verdicts_stay_different_and_none_becomes_silence(name, rows, sizes):
    z, y = (np.array(column) for column in zip(*rows, strict=True))
    out = get_calibrator(name).fit(z, y).transform(sizes)
    assert out[0] > 0
    assert (np.diff(out) > 0).all()
    assert (sigmoid(out) > 0.5).all()


@every
def test_the_order_of_pairs_of_another_kind_is_kept(name):
    # Fitted where nothing is worth anything up to |z| = 2 and where nothing louder than 3 was seen.
    rng = np.random.default_rng(0)
    z = rng.uniform(-3, 3, 4000)
    y = (rng.random(4000) < sigmoid(np.sign(z) * 2.0 * (np.abs(z) > 2))).astype(float)
    out = get_calibrator(name).fit(z, y).transform(np.linspace(0.001, 30, 3000))
    assert (np.diff(out) > 0).all()


@every
@given(rows=samples, flips=st.lists(st.booleans(), min_size=30, max_size=30))
def test_turning_training_pairs_round_changes_nothing(name, rows, flips):
    z, y = (np.array(column) for column in zip(*rows, strict=True))
    turned = np.array(flips[: len(z)])
    here = get_calibrator(name).fit(z, y)
    there = get_calibrator(name).fit(np.where(turned, -z, z), np.where(turned, 1 - y, y))
    assert here.to_dict() == there.to_dict()


@every
@given(rows=samples)
def test_a_saved_calibrator_transforms_to_the_bit_as_before(name, rows):
    z, y = (np.array(column) for column in zip(*rows, strict=True))
    fitted = get_calibrator(name).fit(z, y)
    again = calibrator_from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    assert (again.transform(PROBE) == fitted.transform(PROBE)).all()


ODD = [None, True, "1", "x", float("nan"), float("inf"), -1.0, 1e300, 10**400, [], [2.0, 1.0], [[1.0]], {}]


@learned
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:8])
def test_a_value_that_no_fit_gives_is_refused_in_one_line(name, odd):
    state = get_calibrator(name).fit([0.5, 1.0, -2.0, 3.0], [1, 0, 0, 1]).to_dict()
    for key in sorted(set(state) - {"name"}):
        with pytest.raises(
            ArtifactError, match=rf"^a saved '{name}' calibrator.*Fit and save the labeler again.$"
        ):
            calibrator_from_dict(state | {key: odd})


@learned
def test_a_value_that_is_missing_is_named(name):
    state = get_calibrator(name).fit([1.0], [1]).to_dict()
    for key in sorted(set(state) - {"name", *CALIBRATORS[name].added}):
        with pytest.raises(ArtifactError, match=f"has no '{key}'"):
            calibrator_from_dict({k: v for k, v in state.items() if k != key})


@pytest.mark.parametrize("state", [None, [], {}, {"name": None}, {"name": ["platt"]}])
def test_what_names_no_calibrator_is_refused(state):
    with pytest.raises(ArtifactError, match="has no 'name'"):
        calibrator_from_dict(state)


@every
@given(rows=samples, factor=st.sampled_from([1e-3, 0.5, 2.0, 1e3]))
def test_saved_numbers_that_were_changed_are_refused_or_still_keep_the_contract(name, rows, factor):
    z, y = (np.array(column) for column in zip(*rows, strict=True))
    state = get_calibrator(name).fit(z, y).to_dict()
    for key in sorted(set(state) - {"name"}):
        changed = (factor * np.asarray(state[key])).tolist()
        try:
            out = calibrator_from_dict(state | {key: changed}).transform(PROBE)
        except ArtifactError:
            continue
        assert np.isfinite(out).all()
        assert (np.diff(out[:-2]) >= 0).all()


@learned
def test_weight_two_is_as_good_as_being_there_twice(name):
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal(40), rng.integers(2, size=40).astype(float)
    twice = get_calibrator(name).fit(np.tile(z, 2), np.tile(y, 2))
    heavy = get_calibrator(name).fit(z, y, weight=np.full(40, 2.0))
    assert heavy.transform(PROBE) == pytest.approx(twice.transform(PROBE), rel=1e-6)


@learned
def test_weight_zero_is_absence(name):
    fitted = get_calibrator(name).fit([1.0, 2.0, -3.0], [1, 0, 0], weight=[1, 0, 1])
    assert fitted.to_dict() == get_calibrator(name).fit([1.0, -3.0], [1, 0]).to_dict()


@every
def test_undecided_pairs_stay_undecided(name):
    assert get_calibrator(name).fit([0.0, 0.0], [1, 0]).transform([0.0])[0] == 0


@every
def test_what_rounding_leaves_of_votes_that_cancel_is_no_verdict(name):
    fitted = get_calibrator(name).fit([0.1, 0.2, 5.0] * 10, [1, 1, 1] * 10)
    assert fitted.transform([0.1 + 0.2 - 0.3])[0] == 0


@every
def test_inputs_are_left_as_they_were(name):
    z, y = np.array([1.0, -2.0, 0.5]), np.array([1.0, 0.0, np.nan])
    copies = z.copy(), y.copy()
    get_calibrator(name).fit(z, y).transform(z)
    np.testing.assert_array_equal(z, copies[0])
    np.testing.assert_array_equal(y, copies[1])


@every
def test_fit_returns_the_calibrator(name):
    calibrator = get_calibrator(name)
    assert calibrator.fit([1.0], [1]) is calibrator


@learned
def test_asking_before_fitting_is_refused(name):
    with pytest.raises(NotFittedError, match="Call fit"):
        get_calibrator(name).transform([1.0])
    with pytest.raises(NotFittedError, match="Call fit"):
        get_calibrator(name).to_dict()


@learned
def test_no_gold_is_refused_with_the_way_out(name):
    with pytest.raises(NotCalibratedError, match=r"none of 2 pairs has gold.*'identity'"):
        get_calibrator(name).fit([1.0, 2.0], [np.nan, np.nan])


@every
@pytest.mark.parametrize(
    ("z", "y", "weight", "words"),
    [
        ([np.nan], [1], None, "not finite in 1 of 1"),
        ([np.inf], [1], None, "not finite"),
        ([[1.0]], [1], None, r"expected \(n,\)"),
        ([1.0, 2.0], [1], None, r"y has shape \(1,\)"),
        ([1.0], [0.7], None, r"y holds \[0\.7\]"),
        ([1.0], [1], [-1.0], "weight must have shape"),
    ],
)
def test_wrong_input_is_refused(name, z, y, weight, words):
    with pytest.raises(LabelMatrixError, match=words):
        get_calibrator(name).fit(z, y, weight=weight)
