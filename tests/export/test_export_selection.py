from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_labels import build_labels

from weaklabel.errors import ConfigError, DataError, NotCalibratedError
from weaklabel.export import select
from weaklabel.export.selection import REASONS, chosen_first


def test_every_pair_is_kept_or_counted_under_one_reason(labels):
    kept, report = select(labels, min_confidence=0.6)
    assert kept.pairs.ids == ("b-wins", "a-wins")
    assert report.dropped == {"test": 1, "no_vote": 1, "tie": 1, "low_confidence": 1}
    assert report.n_kept + sum(report.dropped.values()) == report.n_pairs == 6


@given(st.data())
def test_counts_add_up_whatever_the_labels(data):
    row = st.tuples(
        st.sampled_from(["dev", "test", "pool"]),
        st.sampled_from([0.0, 0.3, -2.0]),
        st.sampled_from([0.0, 1.0]),
    )
    drawn = data.draw(st.lists(row, min_size=1, max_size=12))
    rows = [(str(i), "q", None, None, part, z, w) for i, (part, z, w) in enumerate(drawn)]
    try:
        kept, report = select(build_labels(rows=rows), min_confidence=0.7)
    except DataError:
        return
    assert len(kept) == report.n_kept == report.n_pairs - sum(report.dropped.values())
    assert (kept.confidence >= 0.7).all()


def test_test_prompts_are_written_only_when_asked_for(labels):
    assert "locked" not in select(labels)[0].pairs.ids
    assert "locked" in select(labels, include_test=True)[0].pairs.ids


def test_soft_formats_may_keep_ties_and_silent_pairs(labels):
    kept, report = select(labels, keep_undecided=True)
    assert {"tie", "silent"} <= set(kept.pairs.ids)
    assert report.dropped["tie"] == report.dropped["no_vote"] == 0


def test_expected_accuracy_is_the_mean_confidence_of_what_is_kept(labels):
    report = select(labels, min_confidence=0.6)[1]
    by_hand = (1 / (1 + np.exp(-2.0)) + 1 / (1 + np.exp(-1.5))) / 2
    assert report.expected_accuracy == pytest.approx(by_hand)


def test_agreement_with_gold_is_counted_on_dev_and_flagged_in_sample(labels):
    # b-wins agrees with its gold, a-wins does not; both were used to fit.
    report = select(labels, include_test=True)[1]
    assert (report.gold_agreement, report.n_gold, report.gold_in_sample) == (0.5, 2, True)
    assert "in-sample" in str(report)


def test_uncalibrated_labels_are_refused_and_say_what_to_do(make_labels):
    with pytest.raises(NotCalibratedError, match=r"never calibrated.*gold.*allow_uncalibrated=True"):
        select(make_labels(calibrated=False))


def test_uncalibrated_labels_have_no_expected_accuracy(make_labels):
    report = select(make_labels(calibrated=False), allow_uncalibrated=True)[1]
    assert report.expected_accuracy is None
    assert "unknown: not calibrated" in str(report)


@pytest.mark.parametrize("value", [-0.1, 0.3, 0.4999, 1.0, float("nan")])
def test_a_confidence_out_of_range_is_refused(labels, value):
    with pytest.raises(ConfigError, match="min_confidence"):
        select(labels, min_confidence=value)


def test_a_filter_that_leaves_nothing_names_one_that_leaves_a_tenth(labels):
    # The surest of the three that may be written; the surest of all is a locked test pair.
    with pytest.raises(
        DataError, match=r"none of 6 pairs is left .*min_confidence = 0\.880 would keep 1 of them"
    ):
        select(labels, min_confidence=0.99)
    assert select(labels, min_confidence=0.88)[0].pairs.ids == ("b-wins",)


@given(st.lists(st.floats(-3, 3).filter(lambda z: abs(z) > 1e-3), min_size=1, max_size=60))
def test_the_threshold_that_is_named_keeps_a_tenth_and_the_next_does_not(logits):
    rows = [(f"p{i}", "q", None, None, "pool", z, 1.0) for i, z in enumerate(logits)]
    made = build_labels(rows=rows)
    with pytest.raises(DataError) as error:
        select(made, min_confidence=0.99)
    named, kept = re.search(r"min_confidence = (0\.\d+) would keep (\d+)", str(error.value)).groups()
    assert len(select(made, min_confidence=float(named))[0]) == int(kept) >= len(logits) / 10
    finer = [c for c in made.confidence if c >= float(named) + 0.001]
    assert len(finer) < len(logits) / 10


def test_chosen_is_the_response_that_the_label_prefers(labels):
    kept = select(labels)[0]
    chosen, rejected, logit = chosen_first(kept)
    assert chosen[0] == "second answer\nto b-wins"
    assert rejected[1] == "second answer\nto a-wins"
    assert (logit > 0).all()


def test_turning_all_pairs_round_exports_the_same_choice(labels):
    kept = select(labels)[0]
    turned = replace(kept, pairs=kept.pairs.swapped(), votes=kept.votes.swapped(), logit=-kept.logit)
    assert chosen_first(turned)[:2] == chosen_first(kept)[:2]


def test_the_report_reads_well_and_is_json(labels):
    report = select(labels, min_confidence=0.6)[1]
    assert str(report).splitlines()[:2] == [
        "kept 2 of 6 labelled pairs (33.3%)",
        "left out: 1 locked test prompts, 1 no labeling function voted (w = 0), 1 exact ties (p = .5), "
        "1 below the confidence filter",
    ]
    assert set(report.to_dict()["dropped"]) == set(REASONS)
