"""What the benchmarks of acquisition say of numbers: how far from all gold, from which number on, and what is read once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
OURS = ("acquisition_weak_first", "_acquisition_arms", "_acquisition_tasks", "_figures")


@pytest.fixture
def weak_first(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in OURS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import acquisition_weak_first

    return acquisition_weak_first


def test_all_gold_is_reached_where_no_later_number_falls_short(weak_first: Any) -> None:
    assert weak_first.reached([0, 25, 50], [0.2, 0.01, -0.3]) == 25
    assert weak_first.reached([0, 25, 50], [0.0, 0.02, 0.0]) == 50
    assert weak_first.reached([0, 25, 50], [0.0, 0.0, 0.0]) == 0
    assert weak_first.reached([0, 25, 50], [0.0, 0.0, 0.011]) is None


def test_less_accuracy_and_more_nats_are_both_short_of_all_gold(weak_first: Any) -> None:
    from _acquisition_tasks import Arm, Scores

    arm = Arm("uncertainty")
    everything = {("random", 0): [Scores(0.8, 0.5)], ("random", 1): [Scores(0.7, 0.6)]}
    found = {(str(arm), 0): [Scores(0.75, 0.55)], (str(arm), 1): [Scores(0.75, 0.55)]}
    _, _, column, sign = weak_first.METRICS[0]
    assert weak_first.short_of_all(found, arm, 0, column, sign, everything) == pytest.approx([0.05, -0.05])
    _, _, column, sign = weak_first.METRICS[1]
    assert weak_first.short_of_all(found, arm, 0, column, sign, everything) == pytest.approx([0.05, -0.05])


def test_a_response_to_a_prompt_is_read_once(weak_first: Any) -> None:
    from _acquisition_tasks import remembered

    asked: list[tuple[str, str]] = []

    def reader(prompts: list[str], responses: list[str]) -> np.ndarray:
        asked.extend(zip(prompts, responses, strict=True))
        return np.array([[len(p), len(r)] for p, r in zip(prompts, responses, strict=True)]).reshape(-1, 2)

    read = remembered(reader)
    assert read(["p", "pp", "p"], ["x", "x", "x"]).tolist() == [[1, 1], [2, 1], [1, 1]]
    assert read(["pp", "p"], ["x", "xyz"]).tolist() == [[2, 1], [1, 3]]
    assert asked == [("p", "x"), ("pp", "x"), ("p", "xyz")]
    assert read([], []).shape == (0, 2)


def test_decided_pairs_alone_count_in_accuracy_and_a_tie_counts_in_nats(weak_first: Any) -> None:
    from _acquisition_tasks import scores

    found = scores(np.array([2.0, -1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.5]))
    assert found.accuracy == pytest.approx(0.5)  # right, wrong, and half for nothing said
    by_hand = [np.log1p(np.exp(-2.0)), np.log1p(np.exp(1.0)), np.log(2), np.log(2)]
    assert found.nll == pytest.approx(np.mean(by_hand))
