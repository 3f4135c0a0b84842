"""The generated sample: the same bytes for the same seed, hard for any one function, possible for all together."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from weaklabel.data.sample import SamplePaths, sample_pairs, write_sample
from weaklabel.errors import DataError
from weaklabel.lf.discovery import load_lfs
from weaklabel.types import ABSTAIN, Pair

pytestmark = pytest.mark.same_everywhere


def read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> SamplePaths:
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def rows(paths: SamplePaths) -> list[dict[str, str]]:
    truth = {row["id"]: row["truth"] for row in read(paths.truth)}
    return [row | {"truth": truth[row["id"]]} for row in read(paths.pairs)]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = write_sample(tmp_path / "1", 200, 50, 3), write_sample(tmp_path / "2", 200, 50, 3)
    assert one.pairs.read_bytes() == two.pairs.read_bytes()
    assert one.gold.read_bytes() == two.gold.read_bytes()


def test_another_seed_gives_other_pairs(tmp_path: Path) -> None:
    one, two = write_sample(tmp_path / "1", 50, 10, 1), write_sample(tmp_path / "2", 50, 10, 2)
    assert one.pairs.read_bytes() != two.pairs.read_bytes()


def test_pairs_are_as_many_as_asked_for_and_of_four_kinds(rows: list[dict[str, str]]) -> None:
    assert (len(rows), len({row["id"] for row in rows})) == (3000, 3000)
    assert min(Counter(row["category"] for row in rows).values()) > 500


def test_no_pair_holds_an_empty_response_or_one_twice(rows: list[dict[str, str]]) -> None:
    assert all(row["response_a"].strip() and row["response_b"].strip() for row in rows)
    assert all(row["response_a"] != row["response_b"] for row in rows)


def test_the_files_of_the_pipeline_hold_no_truth(paths: SamplePaths) -> None:
    assert set(read(paths.pairs)[0]) == {"id", "prompt", "response_a", "response_b", "category"}


def test_gold_is_mostly_right_and_on_whole_prompts(paths: SamplePaths, rows: list[dict[str, str]]) -> None:
    gold = {row["id"]: row["gold"] for row in read(paths.gold)}
    truth = {row["id"]: row["truth"] for row in rows}
    wrong = np.mean([gold[i] == {"a": "b", "b": "a"}[truth[i]] for i in gold])
    with_gold = {row["prompt"] for row in rows if row["id"] in gold}
    cut = {row["prompt"] for row in rows if row["prompt"] in with_gold and row["id"] not in gold}
    assert len(gold) == 400
    assert 0.04 < wrong < 0.13
    assert "tie" in gold.values()
    assert len(cut) <= 1


def test_neither_position_nor_length_is_the_answer(rows: list[dict[str, str]]) -> None:
    b_wins = np.array([row["truth"] == "b" for row in rows])
    longer = np.array([len(row["response_b"]) > len(row["response_a"]) for row in rows])
    assert 0.45 < b_wins.mean() < 0.55
    assert 0.42 < (b_wins == longer).mean() < 0.58


@pytest.fixture(scope="module")
def voted(rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs = [Pair(row["id"], row["prompt"], row["response_a"], row["response_b"]) for row in rows]
    columns = [lf.vote_all(pairs) for lf in load_lfs("shipped")]
    votes = np.array([c.votes for c in columns]).T
    margins = np.nan_to_num(np.array([c.margins for c in columns]).T.astype(float))
    return votes, margins, np.array([row["truth"] == "b" for row in rows]).astype(int)


def test_no_shipped_function_is_right_on_more_than_three_in_four(
    voted: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    votes, _, y = voted
    right = np.where(votes == ABSTAIN, 0.5, votes == y[:, None]).mean(axis=0)
    assert right.min() > 0.25
    assert right.max() <= 0.75


def test_the_shipped_functions_together_are_right_on_four_in_five(
    voted: tuple[np.ndarray, np.ndarray, np.ndarray], rows: list[dict[str, str]]
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    _, margins, y = voted
    scale = [np.median(np.abs(m[m != 0])) if m.any() else 1.0 for m in margins.T]
    model = LogisticRegression(C=0.1, fit_intercept=False, max_iter=2000)
    prompts = np.unique([row["prompt"] for row in rows], return_inverse=True)[1]
    guess = cross_val_predict(model, np.tanh(margins / scale), y, groups=prompts, cv=GroupKFold(5))
    assert (guess == y).mean() >= 0.79


@pytest.mark.parametrize(("n_pairs", "n_gold"), [(0, 0), (10, 11), (10, -1)])
def test_sizes_that_cannot_be_are_refused(tmp_path: Path, n_pairs: int, n_gold: int) -> None:
    with pytest.raises(DataError, match="0 <= n_gold <= n_pairs"):
        write_sample(tmp_path, n_pairs, n_gold)


def test_sample_pairs_reads_what_was_written() -> None:
    pairs = sample_pairs(120, 40, seed=1)
    assert (len(pairs), int(pairs.has_gold.sum())) == (120, 40)
