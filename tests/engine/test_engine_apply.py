"""`apply` in this process: votes, faults, what a function can see, and settings."""

from __future__ import annotations

import re
import signal
import threading
import time

import numpy as np
import pytest

from weaklabel.config import LfsSettings
from weaklabel.engine import apply, apply_with_costs
from weaklabel.errors import (
    ArgumentError,
    DataError,
    FaultShareError,
    FaultWarning,
    LabelingFunctionError,
    UnknownNameError,
    VoteError,
    WeaklabelError,
)
from weaklabel.labeler import fit
from weaklabel.lf import labeling_function, load_lfs, response_scorer
from weaklabel.lf.settings import MAX_FAULT_SHARE
from weaklabel.types import ABSTAIN, Pair, Pairs

faults_are_expected = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")


@response_scorer
def longer(response):
    return len(response)


@labeling_function
def always_b(pair):
    return 1


@labeling_function
def fragile(pair):
    if pair.id in ("p3", "p11"):
        raise ValueError("cannot say")
    return 0


def pairs_with(**columns: object) -> Pairs:
    return Pairs.of(
        [Pair("p1", "?", "x", "yy", columns=columns), Pair("p2", "?", "x", "yy", columns=columns)]
    )


# ----------------------------------------------------------------------------------------------------- votes


def test_votes_are_those_of_the_functions_pair_by_pair(pairs):
    votes = apply([longer, always_b], pairs)
    assert votes.lf_names == ("longer", "always_b")
    assert votes.ids == pairs.ids
    assert votes.L.tolist() == [[longer(pair), 1] for pair in pairs]
    assert (votes.L.dtype, votes.margins.dtype) == (np.int8, np.float32)


@faults_are_expected
@pytest.mark.parametrize("shard_size", [1, 7, 100, 1000])
def test_the_size_of_a_shard_changes_nothing(pairs, steady, shard_size):
    lfs = load_lfs(steady)
    whole, cut = (apply(lfs, pairs, shard_size=n, max_fault_share=None) for n in (8192, shard_size))
    assert (whole.L == cut.L).all()
    assert np.array_equal(whole.margins, cut.margins, equal_nan=True)
    assert whole.faults == cut.faults


def test_one_pair_and_no_pairs_work(pairs):
    assert apply([longer], pairs.take(np.array([0]))).L.shape == (1, 1)
    assert apply([longer], pairs.take(np.array([], dtype=int))).L.shape == (0, 1)


def test_identical_and_empty_responses_abstain():
    pairs = Pairs.of([Pair("1", "?", "same", "same"), Pair("2", "?", "", "")])
    assert apply([longer], pairs).L.tolist() == [[ABSTAIN], [ABSTAIN]]


def test_ten_megabytes_in_one_response_are_voted_on():
    pairs = Pairs.of([Pair("1", "?", "word " * 2_000_000, "short")])
    assert apply([longer], pairs).L.tolist() == [[0]]


def test_progress_counts_pairs_up_to_all(pairs):
    seen = []
    apply([longer, always_b], pairs, shard_size=30, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(30, 100), (60, 100), (90, 100), (100, 100)]


def test_the_report_says_what_each_function_cost(pairs):
    report = apply_with_costs([longer, always_b], pairs)
    assert set(report.seconds) == {"longer", "always_b"}
    assert (report.reused, report.computed, report.notes) == (0, 2, ())


# ---------------------------------------------------------------------------------------------------- faults


@faults_are_expected
def test_a_failure_is_recorded_by_function_and_pair_apart_from_abstains(pairs):
    votes = apply([longer, fragile], pairs, shard_size=10, max_fault_share=None)
    assert [(f.lf, f.pair_id) for f in votes.faults] == [("fragile", "p3"), ("fragile", "p11")]
    assert "'fragile' raised ValueError: cannot say" in str(votes.faults[0])
    assert (votes.L[:, 1] == ABSTAIN).sum() == 2


def test_the_first_failure_can_be_raised_with_function_and_pair(pairs):
    with pytest.raises(VoteError, match=r"'fragile' raised ValueError: cannot say \(pair 'p3'\)"):
        apply([longer, fragile], pairs, on_fault="raise")


def test_too_large_a_share_of_failures_ends_the_run_with_what_to_do(pairs):
    message = r"'fragile' failed on 2 of 100 pairs \(2.0%\); 1.0% is allowed. First: .*'p3'.*max_fault_share"
    with pytest.raises(FaultShareError, match=message):
        apply([longer, fragile], pairs, max_fault_share=0.01)


def test_what_fails_is_told_with_its_count_and_its_first_line_where_it_was_asked(pairs):
    with pytest.warns(FaultWarning) as caught:
        votes = apply([longer, fragile], pairs, max_fault_share=None)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    said = str(caught[0].message)
    assert said.startswith(
        "2 votes failed and count as abstains: 'fragile' on 2 of 100 pairs. First: 'fragile' raised "
    )
    assert re.search(r"cannot say \(pair 'p3'\) in test_engine_apply.py:\d+\. Repair it", said)
    assert len(votes.faults) == 2


def test_whoever_says_nothing_gets_the_share_of_the_command(pairs):
    assert LfsSettings().max_fault_share == MAX_FAULT_SHARE == 0.01
    with pytest.raises(
        FaultShareError, match=r"'fragile' failed on 2 of 100 pairs \(2.0%\); 1.0% is allowed"
    ):
        apply([longer, fragile], pairs)


def test_a_warning_names_the_line_outside_however_deep_the_call(pairs):
    with pytest.warns(FaultWarning) as caught:
        fit([longer, fragile], pairs, model="majority_vote", max_fault_share=0.5)
    assert [one.filename for one in caught] == [__file__]


@pytest.mark.parametrize("ask", [lambda columns: columns["mood"], lambda columns: columns.get("mood", 0)])
def test_a_column_that_was_not_declared_is_a_fault_that_says_how_to_declare_it(ask):
    @labeling_function(columns=["score"])
    def undeclared(pair):
        return int(ask(pair.columns) == "good")

    message = r"does not hold column 'mood': .* declares \(score\). Declare it: @labeling_function\(columns=\['mood'\]\)"
    with pytest.raises(FaultShareError, match=message):
        apply([undeclared], pairs_with(mood="good", score=1.0))
    with pytest.raises(VoteError, match=message):
        undeclared(Pair("1", "?", "x", "y", columns={"score": 1.0}).swapped())


@faults_are_expected
def test_a_share_of_failures_at_the_limit_is_allowed(pairs):
    assert len(apply([fragile], pairs, max_fault_share=0.02).faults) == 2


@faults_are_expected
def test_a_function_that_returns_two_is_a_fault_on_every_pair(pairs):
    votes = apply([labeling_function(name="two")(lambda pair: 2)], pairs, max_fault_share=None)
    assert len(votes.faults) == 100
    assert "'two' returned 2 for pair 'p0'" in str(votes.faults[0])


def test_a_function_that_never_votes_is_no_fault(pairs):
    votes = apply([labeling_function(name="silent")(lambda pair: ABSTAIN)], pairs)
    assert (votes.coverage, votes.faults) == (0.0, ())


# --------------------------------------------------------------------------------------------- what is seen


def test_a_function_sees_the_columns_it_declared_and_no_others():
    seen = []

    @labeling_function(columns=["size"])
    def sizes(pair):
        seen.append(dict(pair.columns))
        return ABSTAIN

    @labeling_function
    def nothing(pair):
        seen.append(dict(pair.columns))
        return ABSTAIN

    @labeling_function(columns=["hue", "size"])
    def both(pair):
        seen.append(dict(pair.columns))
        return ABSTAIN

    apply([sizes, nothing, both], pairs_with(size=3, hue="red", other=1).take(np.array([0])))
    assert seen == [{"size": 3}, {}, {"hue": "red", "size": 3}]


def test_functions_with_different_columns_share_what_a_text_remembers():
    counted = []

    def words(pair):
        return pair.response_a.remember("counted", lambda text: counted.append(text) or 1) - 2

    lfs = [
        labeling_function(name=name, columns=columns)(words) for name, columns in (("x", ["size"]), ("y", []))
    ]
    apply(lfs, pairs_with(size=3))
    assert counted == ["x"]


@pytest.mark.parametrize("name", ["swapped", "gold", "part"])
def test_a_column_that_can_hold_the_answer_may_not_be_declared(pairs, name):
    lf = labeling_function(name="cheat", columns=[name])(lambda pair: 0)
    with pytest.raises(DataError, match=f"'cheat' declares column '{name}', which can hold the answer"):
        apply([lf], pairs)


def test_a_declared_column_that_is_not_there_is_named_with_the_function(pairs):
    lf = labeling_function(name="sizes", columns=["size"])(lambda pair: 0)
    with pytest.raises(DataError, match=r"'sizes' declares column 'size'. The pairs have: id, prompt"):
        apply([lf], pairs)


# -------------------------------------------------------------------------------------------------- settings


def test_no_functions_are_refused(pairs):
    with pytest.raises(ArgumentError, match="lfs is empty"):
        apply([], pairs)


def test_a_plain_function_is_refused_with_what_to_do(pairs):
    with pytest.raises(ArgumentError, match=r"the function 'len'. Allowed: .* made with @labeling_function"):
        apply([len], pairs)


def test_two_functions_of_one_name_are_refused(pairs):
    with pytest.raises(LabelingFunctionError, match="two labeling functions are named 'longer'"):
        apply([longer, longer.with_settings(min_gap=3)], pairs)


def test_what_is_no_pairs_is_refused():
    with pytest.raises(ArgumentError, match=r"pairs is a list. Allowed: Pairs, as read_pairs returns"):
        apply([longer], [Pair("1", "?", "a", "b")])


@pytest.mark.parametrize(
    "setting",
    [
        {"workers": 0},
        {"workers": "2"},
        {"shard_size": 0},
        {"time_limit": 0},
        {"time_limit": "2"},
        {"time_limit": -1},
        {"max_fault_share": 2},
    ],
)
def test_a_setting_out_of_range_is_named(pairs, setting):
    (name,) = setting
    with pytest.raises(WeaklabelError, match=f"{name} is .*Allowed"):
        apply([longer], pairs, **setting)


def test_an_unknown_fault_rule_is_guessed_at(pairs):
    with pytest.raises(UnknownNameError, match="Did you mean 'record'"):
        apply([longer], pairs, on_fault="recrod")


def test_workers_cannot_find_a_function_of_this_process(pairs):
    lf = labeling_function(name="cell")(lambda pair: 0)
    with pytest.raises(
        LabelingFunctionError, match=r"'cell' lives only in this process, so 2 workers cannot find it"
    ):
        apply([longer, lf], pairs, workers=2)


# ----------------------------------------------------------------------------------- a time limit in process


def make_slow(swallows: bool = False):
    @labeling_function
    def slow(pair):
        while pair.id == "p12":
            try:
                time.sleep(0.01)
            except Exception:
                if not swallows:
                    raise
        return 0

    return slow


@faults_are_expected
@pytest.mark.parametrize("swallows", [False, True])
def test_a_hanging_function_of_this_process_loses_its_own_votes_on_that_shard_alone(pairs, swallows):
    lfs = [longer, make_slow(swallows), always_b]
    report = apply_with_costs(lfs, pairs, shard_size=10, time_limit=0.3, max_fault_share=None)
    votes = report.votes
    assert (votes.L[10:20, 1] == ABSTAIN).all()
    assert (votes.L[20:, 1] == 0).all()
    assert (votes.L[:, 2] == 1).all()
    assert [f.pair_id for f in votes.faults] == [f"p{i}" for i in range(10, 20)]
    assert {f.kind for f in votes.faults} == {"timed_out"}
    assert str(votes.faults[0]) == "'slow' exceeded the time limit of 0.3 s on 10 pairs (pair 'p10')"
    assert "the time limit cannot end a call into a C library" in report.notes[0]


@faults_are_expected
def test_the_alarm_of_the_caller_is_put_back(pairs):
    def mine(signum, frame):
        raise AssertionError("not during the test")

    before = signal.signal(signal.SIGALRM, mine)
    try:
        signal.setitimer(signal.ITIMER_REAL, 600)
        apply([make_slow()], pairs, shard_size=50, time_limit=0.2, max_fault_share=None)
        assert signal.getsignal(signal.SIGALRM) is mine
        assert signal.setitimer(signal.ITIMER_REAL, 0)[0] > 500
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_time_limit_outside_the_main_thread_asks_for_a_file(pairs):
    caught = []

    def run():
        try:
            apply([make_slow()], pairs, time_limit=1)
        except LabelingFunctionError as error:
            caught.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "Move the labeling functions into a file" in caught[0]


def test_one_function_in_place_of_a_list_is_refused(pairs):
    lf = labeling_function(name="alone")(lambda pair: 0)
    with pytest.raises(
        ArgumentError, match=r"lfs is a PairFunction. Allowed: a list .*; put the one into a list"
    ):
        apply(lf, pairs)


@faults_are_expected
def test_a_function_cannot_change_the_columns_that_others_see():
    @labeling_function(columns=["mood"])
    def changes(pair):
        pair.columns["mood"] = "bad"
        return 0

    @labeling_function(columns=["mood"])
    def reads(pair):
        return int(pair.columns["mood"] == "good")

    votes = apply([changes, reads], pairs_with(mood="good"), max_fault_share=None)
    assert votes.select(["reads"]).L.tolist() == [[1], [1]]
    assert "TypeError" in str(votes.faults[0])
