"""Planted position and length bias of labels is measured; figures equal a count by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from made_labels import build_pairs, labels_of
from made_pairs import made_pairs

from weaklabel.errors import DataError, GoldError
from weaklabel.types import Labels
from weaklabel.workbench.bias import label_bias


def drawn(n: int, seed: int, *, soft: float, gold: float, position: float = 0.0) -> Labels:
    """One response 1.5 times as long; belief `soft` in it plus noise, and gold that prefers it with rate `gold`."""
    rng = np.random.default_rng(seed)
    longer = rng.integers(2, size=n)
    says = np.log(soft / (1 - soft)) + rng.standard_normal(n) * 0.5
    y = np.where(rng.random(n) < gold, longer, 1 - longer)
    texts = [("x" * 150, "y" * 100) if side == 0 else ("x" * 100, "y" * 150) for side in longer]
    pairs = build_pairs(
        [f"q{i}" for i in range(n)],
        [a for a, _ in texts],
        [b for _, b in texts],
        ["ab"[v] for v in y],
        ["dev"] * n,
    )
    return labels_of(pairs, np.where(longer == 1, says, -says) + position)


def test_hard_labels_exaggerate_what_soft_ones_state_rightly() -> None:
    found = label_bias(drawn(2000, 0, soft=0.62, gold=0.62))
    assert found.length is not None
    assert found.length.soft_minus_gold is not None
    assert found.length.hard_minus_gold is not None
    assert found.length.soft_minus_gold.low < 0.01
    assert found.length.soft_minus_gold.high > -0.03
    assert found.length.hard_minus_gold.low > 0.1
    assert "Hard labels exaggerate length" in str(found)


def test_position_bias_shows_and_its_absence_too() -> None:
    fair = [label_bias(drawn(300, seed, soft=0.6, gold=0.6)).position for seed in range(40)]
    assert sum(found.low <= 0.5 <= found.high for found in fair) >= 34  # 38 expected
    leaning = label_bias(drawn(1000, 1, soft=0.6, gold=0.6, position=0.5))
    assert leaning.position.low > 0.55
    assert "leans to one position" in str(leaning)


def test_figures_equal_a_count_by_hand() -> None:
    pairs = build_pairs(
        ["1", "2", "3", "4"],
        ["aa", "aaaa", "aa", "a"],
        ["bbbb", "b", "bb", "bbb"],
        ["b", "b", "a", None],
        ["dev"] * 4,
    )
    found = label_bias(labels_of(pairs, np.array([2.0, 1.0, 3.0, -1.0])))
    p = 1 / (1 + np.exp(-np.array([2.0, 1.0, 3.0, -1.0])))
    assert found.position.value == pytest.approx(p.mean())
    assert found.length is not None
    assert found.length.soft.value == pytest.approx(np.mean([p[0], 1 - p[1], p[3]]))  # pair 3: equal lengths
    assert found.length.hard.value == pytest.approx(1 / 3)
    assert found.length.gold is not None
    assert found.length.gold.value == pytest.approx(1 / 2)
    assert found.length.hard_minus_gold is not None
    assert found.length.hard_minus_gold.value == pytest.approx(0.0)
    assert [row.name for row in found.by_ratio] == ["ratio from 2 to 3", "ratio from 3"]


def test_length_figures_do_not_change_when_pairs_are_turned_round() -> None:
    labels = drawn(200, 2, soft=0.7, gold=0.6)
    turned = labels_of(labels.pairs.swapped(), -labels.logit)
    one, other = label_bias(labels), label_bias(turned)
    assert one.by_ratio == other.by_ratio
    assert one.length == other.length
    assert one.position.value == pytest.approx(1 - other.position.value)


def test_gold_of_its_own_is_matched_by_id_and_turned_where_it_is_turned() -> None:
    labels = drawn(100, 3, soft=0.7, gold=0.6)
    inside = label_bias(labels)
    outside = label_bias(labels, labels.pairs.swapped())
    assert (inside.length, inside.gold_position) == (outside.length, outside.gold_position)


def test_gold_of_other_texts_is_refused_instead_of_turned() -> None:
    labels = labels_of(made_pairs([("x" * 9, "y" * 3)] * 30, gold=["a"] * 30), np.ones(30))
    other = made_pairs([("x" * 8, "y" * 3)] * 30, gold=["a"] * 30)
    with pytest.raises(GoldError, match="30 of 30 gold pairs hold other responses"):
        label_bias(labels, other)


def test_locked_test_gold_is_not_looked_at() -> None:
    n, longer = 40, [("x" * 9, "y" * 3)] * 40
    pairs = made_pairs(longer, gold=["a"] * n, part=["dev"] * 10 + ["test"] * 30)
    assert label_bias(labels_of(pairs, np.ones(n))).n_gold == 10


def test_columns_get_rows_of_their_own() -> None:
    texts: list[tuple[str, str]] = [("x" * 9, "y" * 3)] * 40
    kinds: list[Any] = ["maths", "poems"] * 20
    pairs = made_pairs(texts, columns={"category": kinds, "other": ["one"] * 40})
    labels = labels_of(pairs, np.where(np.arange(40) % 2, 1.0, -1.0))
    rows = label_bias(labels).by_column
    assert [(row.name, row.hard.value) for row in rows["category"]] == [
        ("category: maths", 1.0),
        ("category: poems", 0.0),
    ]
    assert "other" not in rows
    assert list(label_bias(labels, by=["other"]).by_column) == ["other"]
    with pytest.raises(DataError, match="there is no column 'zz'"):
        label_bias(labels, by=["zz"])


def test_without_gold_the_labels_stand_alone() -> None:
    pairs = made_pairs([("x" * 9, "y" * 3)] * 30)
    found = label_bias(labels_of(pairs, np.ones(30)))
    assert found.length is not None
    assert (found.gold_position, found.length.gold, found.n_gold) == (None, None, 0)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["length"]["gold"] is None


def test_equal_lengths_say_nothing_about_length() -> None:
    found = label_bias(labels_of(made_pairs([("xx", "yy")] * 30), np.ones(30)))
    assert found.length is None
    assert "No two responses differ in length" in str(found)


def test_labels_without_a_vote_are_left_out() -> None:
    labels = labels_of(made_pairs([("xx", "y")] * 3), np.array([1.0, 1.0, 1.0]))
    silent = Labels(
        labels.pairs, labels.votes, labels.logit, np.array([1.0, 0.0, 0.0]), None, True, labels.in_sample
    )
    assert label_bias(silent).n_pairs == 1
    with pytest.raises(DataError, match="no label has a vote"):
        label_bias(silent.take(np.array([1, 2])))
