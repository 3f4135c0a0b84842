"""Thresholds with a guarantee: kept in simulations, exact by hand, and refused with the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.metrics import Refusal, Threshold, find_threshold
from weaklabel.metrics.sequence import binomial_tail, drawn_counts, first_stop, stops_of
from weaklabel.types import sigmoid


def sure(n: int, k: int, confidence: float = 0.95) -> tuple[list[float], list[float]]:
    """`n` rows of one confidence, `k` of them right."""
    return [confidence] * n, [1.0] * k + [0.0] * (n - k)


def joined(*parts: tuple[list[float], list[float]]) -> tuple[list[float], list[float]]:
    return [p for part in parts for p in part[0]], [y for part in parts for y in part[1]]


# ------------------------------------------------------------------------------------ the guarantee
N, DRAWS, WANTED, LEVEL = 300, 1000, 0.9, 0.9
MOST = DRAWS * (1 - LEVEL) + 3 * np.sqrt(DRAWS * LEVEL * (1 - LEVEL))  # false certificates that noise allows


def test_no_more_false_certificates_than_promised_where_every_threshold_is_just_too_bad():
    rng = np.random.default_rng(0)
    p = np.linspace(0.6, 0.99, N)
    false = sum(bool(find_threshold(p, rng.random(N) < WANTED - 1e-3)) for _ in range(DRAWS))
    assert 0.02 * DRAWS < false <= MOST


def test_a_scanned_bound_certifies_wrongly_far_more_often():
    rng = np.random.default_rng(0)
    kept = np.arange(22, N + 1)
    right = (rng.random((DRAWS, N)) < WANTED - 1e-3).cumsum(axis=1)[:, 21:]
    bound = beta.ppf(1 - LEVEL, right, kept - right + 1)  # Clopper-Pearson, at each threshold by itself
    assert (bound >= WANTED).any(axis=1).sum() > 2.5 * DRAWS * (1 - LEVEL)


def test_no_more_false_certificates_than_promised_where_the_top_is_good_and_the_rest_is_not():
    # Right 97 times of 100 above the middle, 75 of 100 below it: what is kept falls under .9 at one third.
    p, chance = np.linspace(0.99, 0.6, N), np.where(np.arange(N) < N / 4, 0.97, 0.75)
    too_low = p[int(np.argmax(chance.cumsum() < WANTED * np.arange(1, N + 1)))]
    false = useful = 0
    rng = np.random.default_rng(1)
    for _ in range(DRAWS):
        found = find_threshold(p, (rng.random(N) < chance).astype(float))
        false += isinstance(found, Threshold) and found.threshold <= too_low
        useful += isinstance(found, Threshold)
    assert false <= MOST
    assert useful > 0.6 * DRAWS


def clustered(rng: np.random.Generator, n_prompts: int, size: int) -> tuple[np.ndarray, ...]:
    """Random confidences; the rows of a prompt are all right or all wrong."""
    p = rng.uniform(0.6, 0.99, n_prompts * size)
    y = np.repeat(rng.random(n_prompts) < WANTED - 1e-3, size).astype(float)
    return p, y, np.repeat(np.arange(n_prompts), size)


def test_rows_of_one_prompt_do_not_count_as_many():
    rng = np.random.default_rng(2)
    draws = 300
    by_prompt = by_row = 0
    for _ in range(draws):
        p, y, groups = clustered(rng, 40, 25)
        by_prompt += bool(find_threshold(p, y, groups))
        by_row += bool(find_threshold(p, y))
    assert by_prompt <= draws * 0.1 + 3 * np.sqrt(draws * 0.09)
    assert by_row > draws * 0.2


def test_a_good_labeler_gets_most_of_what_it_deserves():
    rng, kept = np.random.default_rng(3), []
    for _ in range(50):
        z = rng.standard_normal(1000) * 2
        found = find_threshold(sigmoid(z), (rng.random(1000) < sigmoid(z)).astype(float))
        kept.append(found.kept_share if isinstance(found, Threshold) else 0.0)
    assert 0.35 < np.mean(kept) < 0.52  # 52% of the pairs are right 90 times of 100


# ------------------------------------------------------------------------------------ by hand
def test_the_binomial_tail_is_the_exact_one():
    for n, k, share in ((10, 0, 0.5), (22, 22, 0.9), (100, 93, 0.9), (7, 3, 0.2)):
        assert binomial_tail(k, n, share) == pytest.approx(binom.sf(k - 1, n, share))


@pytest.mark.parametrize(("accuracy", "rate"), [(0.9, 0.1), (0.8, 0.05), (0.55, 0.1), (0.99, 0.2)])
def test_stops_are_where_one_more_error_is_bearable(accuracy, rate):
    n, e = np.arange(201)[:, None], np.arange(120)
    bearable = (binom.cdf(e, n, 1 - accuracy) <= rate).sum(axis=1)  # numbers of errors, 0 among them
    by_hand = [int(np.argmax(bearable > k)) for k in range(bearable.max())]
    assert stops_of(200, accuracy, rate) == by_hand


def test_the_search_begins_with_three_errors_or_within_a_quarter_of_the_gold():
    stops = stops_of(1000, 0.9, 0.1)
    assert [stops[first_stop(stops, n)] for n in (60, 100, 160, 400, 1000)] == [22, 22, 38, 65, 65]


def test_twenty_two_of_twenty_two_are_enough_for_nine_in_ten():
    assert find_threshold(*sure(22, 22)) == Threshold(0.95, 0.9, 0.9, 1.0, 22, 22, 22)
    assert not find_threshold(*sure(21, 21))
    assert not find_threshold(*sure(22, 21))


def test_the_lowest_threshold_before_the_first_failure_is_taken():
    p, y = joined(sure(60, 60, 0.95), sure(60, 58, 0.8), sure(60, 20, 0.7))
    found = find_threshold(p, y)
    assert isinstance(found, Threshold)
    assert (found.threshold, found.n_kept, found.n_right, found.kept_share) == (0.8, 120, 118, 120 / 180)


def test_a_failure_at_the_strictest_ends_the_search():
    # Over all pairs 465 of 500 would pass; the surest 100 do not.
    p, y = joined(sure(100, 80, 0.95), sure(400, 385, 0.8))
    assert binomial_tail(465, 500, 0.9) < 0.1
    assert not find_threshold(p, y)


def test_a_tie_counts_as_wrong():
    p, y = sure(22, 22)
    assert not find_threshold(p, [*y[1:], 0.5])


def test_an_undecided_label_counts_as_wrong():
    assert not find_threshold([0.5] * 100, [1.0] * 100, accuracy=0.51)


@given(st.integers(0, 50))
def test_turning_pairs_round_changes_no_answer(seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(0.3, 0.3, 120) * 1024) / 1024
    y, groups = (rng.random(120) < p).astype(float), rng.integers(60, size=120)
    turned = rng.random(120) < 0.5
    here = find_threshold(p, y, groups, accuracy=0.8)
    assert here == find_threshold(
        np.where(turned, 1 - p, p), np.where(turned, 1 - y, y), groups, accuracy=0.8
    )


def test_a_printed_threshold_keeps_the_pairs_it_was_certified_on():
    rng = np.random.default_rng(5)
    p = sigmoid(rng.standard_normal(500) * 3)
    found = find_threshold(p, p > 0.5)
    assert isinstance(found, Threshold)
    assert (np.maximum(p, 1 - p) >= float(f"{found.threshold:.4f}")).sum() == found.n_kept


# ------------------------------------------------------------------------------------ one row per prompt
def test_one_row_of_each_prompt_is_drawn_among_those_kept():
    rng = np.random.default_rng(6)
    prompts, right = rng.integers(10, size=60), rng.random(60) < 0.5
    lots = np.random.default_rng(0).permutation(60)
    n_of, right_of = drawn_counts(prompts, right, 0)
    for kept in (1, 7, 30, 60):
        drawn = [min(np.flatnonzero(prompts[:kept] == g), key=lambda i: lots[i]) for g in set(prompts[:kept])]
        assert (n_of[kept - 1], right_of[kept - 1]) == (len(drawn), right[drawn].sum())


def test_the_same_seed_draws_the_same_rows():
    rng = np.random.default_rng(7)
    p, y, groups = rng.uniform(0.8, 1, 400), rng.random(400) < 0.96, rng.integers(90, size=400)
    assert find_threshold(p, y, groups, seed=3) == find_threshold(p, y, groups, seed=3)
    assert len({str(find_threshold(p, y, groups, seed=s)) for s in range(10)}) > 1


# ------------------------------------------------------------------------------------ refusals
def test_too_few_prompts_are_refused_with_the_least_that_could_do():
    found = find_threshold(*sure(10, 10))
    assert isinstance(found, Refusal)
    assert "takes 22 kept ones even where all are right; 260 in all" in str(found)


def test_the_gold_that_a_refusal_asks_for_is_enough_four_times_in_five():
    # A refusal draws its accuracy in a little, so that what it asks for is rather too much than too little.
    p, y = sure(100, 93)
    asked = find_threshold(p, y)
    assert isinstance(asked, Refusal)
    assert asked.needed is not None
    rng = np.random.default_rng(8)
    found = [find_threshold([0.95] * asked.needed, rng.random(asked.needed) < 0.93) for _ in range(200)]
    assert sum(map(bool, found)) >= 160
    assert f"{asked.needed - 100} more" in str(asked)


def test_labels_that_are_nowhere_that_good_are_told_so():
    found = find_threshold(*joined(sure(200, 150), sure(200, 120, 0.6)))
    assert isinstance(found, Refusal)
    assert found.needed is None
    assert "at best 150 of 200 prompts are right at confidence 0.95" in str(found)
    assert "more gold of this kind is unlikely to help" in str(found)


def test_answers_are_json_and_a_refusal_counts_as_false():
    yes, no = find_threshold(*sure(60, 60)), find_threshold(*sure(60, 30))
    assert yes
    assert not no
    assert json.loads(json.dumps(yes.to_dict()))["certified"] is True
    assert json.loads(json.dumps(no.to_dict()))["needed"] is None
    assert "at least 90.0% of the kept pairs are right (certain to 90%)" in str(yes)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"accuracy": 0.5}, "accuracy is 0.5"),
        ({"accuracy": 1.0}, "accuracy is 1.0"),
        ({"level": 1.0}, "level is 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        find_threshold(*sure(30, 30), **settings)


def test_groups_of_another_length_are_refused():
    with pytest.raises(LabelMatrixError, match=r"groups have shape \(1,\)"):
        find_threshold([0.9, 0.9], [1, 1], [0])
