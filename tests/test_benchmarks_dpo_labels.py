"""The toy of the benchmark of DPO's losses: where its functions err, what its arms train on, and what a killed run leaves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weaklabel as wl

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("_dpo_labels_task", "_dpo_labels_arms"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import _dpo_labels_arms
    import _dpo_labels_task

    return _dpo_labels_task, _dpo_labels_arms


def drawn(task: Any, n: int = 400, **more: Any) -> Any:
    rng = np.random.default_rng(0)
    return task.drawn_task(task.drawn_prompts(n, rng), rng, **more)


def lead(task: Any, made: Any, unknown: tuple[int, ...]) -> Any:
    L = wl.apply(task.functions(unknown), made.pairs).L
    return (L == 1).sum(1) - (L == 0).sum(1)


def test_quality_is_the_share_of_right_digits_less_the_cost_of_a_flourish(benchmark: Any) -> None:
    task, _ = benchmark
    assert task.quality("Repeat the code 1 2 3 4 5", "1 2 3 4 5") == 1
    assert task.quality("Repeat the code 1 2 3 4 5", "Surely the answer is 1 2 3 9 !") == pytest.approx(0.45)
    assert task.quality("Repeat the code 1 2 3 4 5", "") == 0


def test_the_truth_is_more_right_digits_and_higher_quality(benchmark: Any) -> None:
    task, _ = benchmark
    made = drawn(task)
    rows = made.pairs.table.select(["prompt", "response_a", "response_b"]).to_pylist()
    for row, better in zip(rows, made.truth, strict=True):
        a, b = (task.quality(row["prompt"], row[name]) for name in ("response_a", "response_b"))
        assert (b > a) == bool(better)


def test_on_unknown_topics_the_majority_errs_exactly_where_the_worse_response_has_the_flourish(
    benchmark: Any,
) -> None:
    task, _ = benchmark
    made = drawn(task)
    voted, unknown = lead(task, made, (0, 1)), np.isin(made.topics, (0, 1))
    wrong = voted * (2 * made.truth - 1) < 0
    fooled = unknown & made.split
    assert wrong[fooled].all()
    assert wrong[unknown & ~made.split].mean() < 0.1
    assert wrong[~unknown].mean() < 0.01


def test_texts_do_not_depend_on_where_gold_is(benchmark: Any) -> None:
    task, _ = benchmark
    one, other = drawn(task, n_gold=40), drawn(task, n_gold=40, gold_topics=(2, 3))
    assert one.pairs.table["response_a"] == other.pairs.table["response_a"]
    assert one.pairs.has_gold.sum() == other.pairs.has_gold.sum() == 40
    assert set(other.topics[other.pairs.has_gold]) == {2, 3}
    assert (one.pairs.y[one.pairs.has_gold] == one.truth[one.pairs.has_gold]).all()


def test_arms_make_of_a_doubtful_pair_what_their_names_say(benchmark: Any) -> None:
    task, arms = benchmark
    made = drawn(task, n_gold=100)
    case = arms.labelled(made, task.functions((0, 1)), (0, 1), seed=0)
    p, voted = case.labels.p, case.majority
    doubtful = (p - 0.5) * (voted - 0.5) < 0
    assert 0.02 < doubtful.mean() < 0.4
    said = {name: arm(case) for name, arm in arms.ARMS.items()}
    assert (said["majority"].p == voted).all()
    assert (said["hard"].p == (p > 0.5)).all()
    assert (said["hard"].p[doubtful] == 1 - voted[doubtful]).all()
    assert (said["majority, doubtful removed"].w[doubtful] == 0).all()
    assert (said["soft"].p == p).all()
    assert (said["soft, doubtful at .5"].p[doubtful] == 0.5).all()
    low, high = case.bounds
    at = said["nearest point"].p
    assert ((at >= low) & (at <= high) & (abs(at - 0.5) <= abs(p - 0.5) + 1e-12)).all()
    assert said["hard"].shares(case)["flipped"] == pytest.approx(doubtful.mean())
    assert said["gold of the fit alone"].shares(case)["left out"] == 0.75


def test_a_row_that_was_cut_short_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, benchmark: Any
) -> None:
    pytest.importorskip("torch")
    monkeypatch.delitem(sys.modules, "dpo_labels", raising=False)
    import dpo_labels

    file = tmp_path / "0.jsonl"
    row = {"level": "0%", "arm": "soft", "measures": {"quality": 0.5}}
    dpo_labels.keep(file, row)
    with file.open("a", encoding="utf-8") as torn:
        torn.write('{"level": "0%", "arm": "hard", "meas')
    assert dpo_labels.kept_rows(file) == {("0%", "soft"): {"quality": 0.5}}
    dpo_labels.keep(file, row | {"arm": "gold"})
    assert set(dpo_labels.kept_rows(file)) == {("0%", "soft"), ("0%", "gold")}
