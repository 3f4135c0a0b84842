"""The section on calibration says how far gold leaves the probabilities open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_labels import build_labels

from weaklabel.report.trust import calibration_section

WORDS = "Gold leaves p open by"


def test_intervals_are_summed_up_over_the_pairs_with_a_vote_outside_the_test_part() -> None:
    labels = build_labels()
    p_low, p_high = np.maximum(labels.p - 0.1, 0.0), np.minimum(labels.p + 0.05, 1.0)
    section = calibration_section(replace(labels, p_low=p_low, p_high=p_high), "too little gold")
    # Four such pairs: of "unsure" and "tie" the interval holds .5 inside.
    (said,) = [note for note in section.notes if note.startswith(WORDS)]
    assert "by 0.150 in the median" in said
    assert "in 50.0% of the pairs it does not say which response is better" in said


def test_without_intervals_nothing_is_said() -> None:
    section = calibration_section(build_labels(calibrated=False), "too little gold")
    assert not any(note.startswith(WORDS) for note in section.notes)
