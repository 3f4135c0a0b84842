"""Truth here: a matrix small enough to count by eye, a brute-force twin, and votes drawn from known accuracies."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made_pairs import made_pairs
from synthetic import draw_votes

from weaklabel.errors import ConfigError, GoldError, UnknownNameError
from weaklabel.types import Fault, Pairs, Votes
from weaklabel.workbench.analysis import accuracy_interval, analyze, pairwise_agreement, wilson

#                 x   y   z
BY_EYE = np.array(
    [
        [0, 0, -1],
        [1, 0, -1],
        [1, -1, -1],
        [-1, -1, -1],
        [1, 1, 1],
    ],
    dtype=np.int8,
)
matrices = hnp.arrays(
    np.int8, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.sampled_from([-1, 0, 1])
)


def votes_of(L: np.ndarray, faults: tuple[Fault, ...] = ()) -> Votes:
    names = tuple("xyzuvw"[: L.shape[1]])
    ids = tuple(f"p{i}" for i in range(len(L)))
    return Votes(L, np.full(L.shape, np.nan, dtype=np.float32), names, ids, faults)


def gold_of(letters: str, **settings: object) -> Pairs:
    gold = [{"a": "a", "b": "b", "t": "tie", "-": None}[letter] for letter in letters]
    return made_pairs([("one", "two")] * len(letters), gold=gold, **settings)  # type: ignore[arg-type]


def test_coverage_overlap_and_conflict_are_what_one_counts_by_eye() -> None:
    found = analyze(votes_of(BY_EYE))
    assert [(lf.coverage, lf.overlap, lf.conflict) for lf in found.lfs] == [
        (0.8, 0.6, 0.2),
        (0.6, 0.6, 0.2),
        (0.2, 0.2, 0.0),
    ]
    assert (found.coverage, found.overlap, found.conflict) == (0.8, 0.6, 0.2)


def test_polarity_and_b_share_tell_which_votes_a_function_emits() -> None:
    found = analyze(votes_of(BY_EYE))
    assert [lf.polarity for lf in found.lfs] == [("a", "b"), ("a", "b"), ("b",)]
    assert [round(lf.b_share, 3) for lf in found.lfs] == [0.75, 0.333, 1.0]


def test_agreement_counts_pairs_on_which_both_vote() -> None:
    found = analyze(votes_of(BY_EYE))
    assert found.both.tolist() == [[4, 3, 1], [3, 3, 1], [1, 1, 1]]
    assert found.agreement[0].round(3).tolist() == [1.0, 0.667, 1.0]


def test_agreement_is_unknown_where_two_never_meet() -> None:
    agreement, both = pairwise_agreement(np.array([[0, -1], [-1, 1]], dtype=np.int8))
    assert math.isnan(agreement[0, 1])
    assert both[0, 1] == 0


@given(matrices)
def test_every_share_equals_a_brute_force_count(L: np.ndarray) -> None:
    found, n = analyze(votes_of(L)), len(L)
    for j, lf in enumerate(found.lfs):
        others = [[v for k, v in enumerate(row) if k != j and v != -1] for row in L]
        voted = [row[j] != -1 for row in L]
        assert lf.coverage == pytest.approx(sum(voted) / n)
        assert lf.overlap == pytest.approx(sum(v and bool(o) for v, o in zip(voted, others, strict=True)) / n)
        conflicts = sum(v and any(w != row[j] for w in o) for v, o, row in zip(voted, others, L, strict=True))
        assert lf.conflict == pytest.approx(conflicts / n)


@given(matrices)
def test_agreement_equals_a_brute_force_count(L: np.ndarray) -> None:
    agreement, both = pairwise_agreement(L)
    for j in range(L.shape[1]):
        for k in range(L.shape[1]):
            meet = [(row[j], row[k]) for row in L if row[j] != -1 and row[k] != -1]
            assert both[j, k] == len(meet)
            if meet:
                assert agreement[j, k] == pytest.approx(sum(x == y for x, y in meet) / len(meet))


@given(matrices)
def test_turning_the_pairs_round_changes_nothing_but_sides(L: np.ndarray) -> None:
    one, other = analyze(votes_of(L)), analyze(votes_of(L).swapped())
    assert np.array_equal(one.agreement, other.agreement, equal_nan=True)
    for lf, turned in zip(one.lfs, other.lfs, strict=True):
        assert (lf.coverage, lf.overlap, lf.conflict) == (turned.coverage, turned.overlap, turned.conflict)
        if lf.polarity:
            assert lf.b_share == pytest.approx(1 - turned.b_share)


def test_accuracy_is_over_gold_pairs_on_which_the_function_votes() -> None:
    found = analyze(votes_of(BY_EYE), gold_of("aabbb"))
    assert [lf.accuracy and (round(lf.accuracy.value, 3), lf.accuracy.n) for lf in found.lfs] == [
        (0.75, 4),
        (1.0, 3),
        (1.0, 1),
    ]


def test_over_all_counts_an_abstain_one_half() -> None:
    found = analyze(votes_of(BY_EYE), gold_of("aabbb"))
    assert [lf.over_all for lf in found.lfs] == [(3 + 0.5) / 5, (3 + 1) / 5, (1 + 2) / 5]


def test_gold_may_be_some_of_the_pairs_in_another_order() -> None:
    gold = gold_of("aabbb").take(np.array([4, 1]))
    found = analyze(votes_of(BY_EYE), gold)
    assert found.n_gold == 2
    assert found["x"].accuracy is not None
    assert (found["x"].accuracy.value, found["x"].accuracy.n) == (0.5, 2)


def test_gold_ties_and_unknown_gold_are_left_out_of_accuracies() -> None:
    found = analyze(votes_of(BY_EYE), gold_of("at-bb"))
    assert found.n_gold == 3
    assert found["x"].accuracy is not None
    assert found["x"].accuracy.n == 2
    assert "1 gold ties were left out" in str(found)


def test_gold_for_a_pair_without_votes_is_an_error_that_names_it() -> None:
    with pytest.raises(
        GoldError, match=r"2 of 7 gold pairs have no votes.*'p5'.*matched to votes by pair id"
    ):
        analyze(votes_of(BY_EYE), gold_of("aabbbab"))


def test_locked_test_gold_is_left_out_of_a_mixture() -> None:
    gold = gold_of("aabbb", part=["dev", "test", "dev", "test", "dev"])
    found = analyze(votes_of(BY_EYE), gold)
    assert found.n_gold == 3
    assert "2 locked test pairs were left out" in str(found)


def test_test_gold_handed_in_alone_is_used() -> None:
    assert analyze(votes_of(BY_EYE), gold_of("aabbb", part="test")).n_gold == 5


def test_without_gold_the_table_says_so_and_has_no_accuracies() -> None:
    found = analyze(votes_of(BY_EYE))
    assert found["x"].accuracy is None
    assert "no gold" in str(found)
    assert "accuracy" not in str(found).splitlines()[0]


def test_pairs_without_gold_handed_in_as_gold_are_no_error() -> None:
    found = analyze(votes_of(BY_EYE), gold_of("-----"))
    assert found.n_gold == 0
    assert "hold no gold" in str(found)


def test_faults_are_counted_per_function_apart_from_abstains() -> None:
    faults = (Fault("y", "p3", "raised", "boom"), Fault("y", "p2", "raised", "boom"))
    found = analyze(votes_of(BY_EYE, faults))
    assert [lf.faults for lf in found.lfs] == [0, 2, 0]


def test_the_interval_covers_a_known_accuracy() -> None:
    covered = 0
    for seed in range(40):
        L, y = draw_votes(200, [0.7], 0.8, seed=seed)
        interval = accuracy_interval(L[:, 0], y, np.arange(200), seed=seed)
        assert interval is not None
        covered += interval.low <= 0.7 <= interval.high
    assert covered >= 34  # 38 expected; fewer than 34 has probability .01


def test_pairs_that_share_prompts_widen_the_interval() -> None:
    L, y = draw_votes(60, [0.7], seed=1)
    votes, gold = np.repeat(L[:, 0], 10), np.repeat(y, 10)
    rows = accuracy_interval(votes, gold, np.arange(600))
    prompts = accuracy_interval(votes, gold, np.repeat(np.arange(60), 10))
    assert rows is not None
    assert prompts is not None
    assert prompts.high - prompts.low > 2.5 * (rows.high - rows.low)  # sqrt(10) = 3.2


def test_few_prompts_get_wilsons_interval_on_the_number_of_prompts() -> None:
    votes, y = np.ones(30, np.int8), np.array([1.0] * 20 + [0.0] * 10)
    interval = accuracy_interval(votes, y, np.repeat(np.arange(3), 10))
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(
        [float(b) for b in wilson(np.array(2 / 3), np.array(3))]
    )
    assert interval.n == 30


def test_an_unbroken_record_is_not_taken_for_certainty() -> None:
    interval = accuracy_interval(np.ones(40, np.int8), np.ones(40), np.arange(40))
    assert interval is not None
    assert 0.85 < interval.low < 0.95
    assert interval.high == 1.0


def test_a_function_that_never_votes_has_no_accuracy_and_no_polarity() -> None:
    found = analyze(votes_of(np.full((5, 1), -1, np.int8)), gold_of("aabbb"))
    assert found["x"].accuracy is None
    assert found["x"].polarity == ()
    assert found["x"].over_all == 0.5
    assert math.isnan(found["x"].b_share)


def test_no_pairs_at_all_give_zero_shares() -> None:
    found = analyze(votes_of(np.empty((0, 2), np.int8)))
    assert (found.coverage, found["x"].coverage, found.n_pairs) == (0.0, 0.0, 0)


def test_the_table_is_aligned_and_names_near_copies() -> None:
    L, y = draw_votes(100, [0.8, 0.6], seed=2, copies=1, copy_noise=0.0)
    found = analyze(votes_of(L), made_pairs([("a", "b")] * 100, gold=["ab"[int(v)] for v in y]))
    header, first, *_ = lines = str(found).splitlines()
    assert header.split()[:4] == ["lf", "coverage", "overlap", "conflict"]
    assert len(first) <= len(header) + 2
    assert "x and z agree on 1.000 of the 100 pairs on which both vote." in lines


def test_to_dict_is_json_and_to_pandas_has_a_row_per_function() -> None:
    found = analyze(votes_of(np.full((5, 2), -1, np.int8)), gold_of("aabbb"))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["lfs"][0]["b_share"] is None
    frame = analyze(votes_of(BY_EYE), gold_of("aabbb")).to_pandas()
    assert frame["lf"].tolist() == ["x", "y", "z"]
    assert frame["gold_votes"].tolist() == [4, 3, 1]


def test_the_notebook_table_escapes_names() -> None:
    votes = Votes(BY_EYE[:, :1], np.full((5, 1), np.nan, np.float32), ("<x>",), tuple("abcde"))
    assert "&lt;x&gt;" in analyze(votes)._repr_html_()


def test_asking_for_an_unknown_function_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no labeling function 'q'\. Known: x, y, z"):
        analyze(votes_of(BY_EYE))["q"]


def test_functions_are_ordered_by_a_figure_and_those_that_seldom_vote_left_out() -> None:
    found = analyze(votes_of(BY_EYE), gold_of("bbbbb"))
    assert [lf.name for lf in found.ordered("lf").lfs] == ["x", "y", "z"]
    assert [lf.name for lf in found.ordered("accuracy").lfs] == ["z", "x", "y"]
    assert [lf.name for lf in found.ordered("coverage", min_coverage=0.5).lfs] == ["x", "y"]
    turned = found.ordered("accuracy", min_coverage=0.5)
    assert turned.both.tolist() == [[4, 3], [3, 3]]
    assert found.ordered("accuracy").agreement[0, 1] == found.agreement[2, 0]
    assert "1 functions that vote on less than 50.0% of the pairs were left out." in str(turned)
    assert str(found.ordered()) == str(found)


def test_an_order_that_is_none_and_a_share_above_1_are_refused() -> None:
    found = analyze(votes_of(BY_EYE))
    with pytest.raises(UnknownNameError, match=r"no order 'votes'\. Known: accuracy, conflict"):
        found.ordered("votes")
    with pytest.raises(ConfigError, match=r"min_coverage is 20\. Allowed: a share of the pairs"):
        found.ordered(min_coverage=20)
