"""What an arm is worth in gold, where labels are said not to help, and the rule that says what to export."""

from __future__ import annotations

import numpy as np
import pytest
from made_world import world

from weaklabel.metrics import Interval
from weaklabel.pipeline.advice import (
    GOLD,
    LABELS,
    NOTHING,
    TAUGHT,
    drawn_gold,
    in_words,
    less_gold_only,
    recommended,
    worth_in_gold,
)
from weaklabel.pipeline.run_figures import RunFigures
from weaklabel.pipeline.sweep.making import with_gold
from weaklabel.reward import train_reward
from weaklabel.types import FloatArray, Pairs

ENOUGH = np.arange(20)
BETTER, SAME, WORSE = (Interval(v, v - 0.02, v + 0.02, 40) for v in (-0.05, 0.0, 0.05))


@pytest.fixture(scope="module")
def gold() -> Pairs:
    return world(160)


@pytest.fixture(scope="module")
def rows() -> Pairs:
    return world(400, seed=1)


def taught_by(gold: Pairs, n: int, rows: Pairs) -> FloatArray:
    some = gold.take(np.arange(n))
    return train_reward(with_gold(some, some.y), "linear").compare(rows)


def test_an_arm_is_worth_the_gold_that_taught_it(gold: Pairs, rows: Pairs) -> None:
    oracle = np.where(rows.y == 1, 0.9, 0.1)
    found = worth_in_gold(
        {"half": taught_by(gold, 80, rows), "oracle": oracle, "coin": np.full(400, 0.5), "wrong": 1 - oracle},
        gold,
        rows,
    )
    assert 50 < found["half"].size < 130
    assert found["half"].low < 80 < found["half"].high
    assert str(found["oracle"]) == ">160 [>160, >160]"
    assert str(found["wrong"]) == "<20 [<20, <20]"
    assert found["coin"].size < found["half"].size


def test_too_little_gold_says_nothing_of_worth(gold: Pairs, rows: Pairs) -> None:
    assert worth_in_gold({"coin": np.full(400, 0.5)}, gold.take(np.arange(38)), rows) == {}


def test_slices_of_gold_are_nested_by_prompt_and_drawn_anew(gold: Pairs) -> None:
    small, large = drawn_gold(gold, [40, 80], seed=0)
    assert (len(small), len(large)) == (40, 80)
    assert set(small.tolist()) < set(large.tolist())
    assert len(np.unique(gold.prompt_groups[small])) == 20  # prompts have two pairs each
    assert drawn_gold(gold, [40], seed=1)[0].tolist() != small.tolist()


def test_differences_from_gold_only_are_paired(rows: Pairs) -> None:
    p = np.where(rows.y == 1, 0.8, 0.2)
    found = less_gold_only({GOLD: np.full(400, 0.5), TAUGHT: p}, rows)
    assert set(found) == {TAUGHT}
    assert found[TAUGHT]["nll"].value == pytest.approx(np.log(1 / 0.8) - np.log(2))
    assert less_gold_only({TAUGHT: p}, rows) == {}


def test_labels_that_do_not_help_are_said_not_to() -> None:
    def said(nll: Interval) -> list[str]:
        return in_words({TAUGHT: {"accuracy": SAME, "nll": nll}})

    assert said(BETTER) == in_words({}) == []
    assert said(SAME)[0].startswith(
        "the reward model + our labels is not shown to be better than gold only: accuracy .000"
    )
    assert said(WORSE)[0].startswith("the labels do harm here")


@pytest.mark.parametrize(
    ("labels_less_gold", "taught_less_gold", "taught_less_labels", "chosen"),
    [
        (SAME, SAME, SAME, GOLD),
        (WORSE, SAME, BETTER, GOLD),
        (BETTER, SAME, WORSE, LABELS),
        (BETTER, BETTER, SAME, LABELS),
        (BETTER, BETTER, BETTER, TAUGHT),
        (SAME, BETTER, SAME, TAUGHT),
        (BETTER, None, None, LABELS),  # no reward model was trained on the labels
    ],
)
def test_what_to_export(
    labels_less_gold: Interval,
    taught_less_gold: Interval | None,
    taught_less_labels: Interval | None,
    chosen: str,
) -> None:
    less_gold = {LABELS: {"nll": labels_less_gold}}
    if taught_less_gold is not None:
        less_gold[TAUGHT] = {"nll": taught_less_gold}
    less_labels = {} if taught_less_labels is None else {TAUGHT: {"nll": taught_less_labels}}
    arm, why = recommended({}, less_gold, less_labels, ENOUGH)
    assert arm == chosen
    assert "better" in why


@pytest.mark.parametrize(("low", "chosen"), [(0.51, LABELS), (0.49, NOTHING)])
def test_without_dev_gold_labels_have_to_beat_a_coin(low: float, chosen: str) -> None:
    assert recommended({LABELS: {"accuracy": Interval(0.6, low, 0.7, 40)}}, {}, {}, ENOUGH)[0] == chosen


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (range(19), "19 decided held-out pairs on 19 prompts are too few to choose by"),
        ([1, 2, 3, 4] * 9, "36 decided held-out pairs on 4 prompts are too few to choose by"),
        ([], "the held-out gold is all ties"),
    ],
)
def test_on_too_little_held_out_gold_nothing_is_recommended(prompts, said: str) -> None:
    less_gold = {LABELS: {"nll": BETTER}, TAUGHT: {"nll": BETTER}}
    arm, why = recommended({}, less_gold, {TAUGHT: {"nll": BETTER}}, np.array(prompts, dtype=np.int64))
    assert arm == NOTHING
    assert why.startswith(said)


def test_a_table_with_worths_shows_them_and_comes_back_from_disk(tmp_path, gold: Pairs, rows: Pairs) -> None:
    found = worth_in_gold({"coin": np.full(400, 0.5), "half": taught_by(gold, 80, rows)}, gold, rows)
    figure = {"accuracy": SAME, "nll": SAME}
    arms = dict.fromkeys(("coin", "half", GOLD), figure)
    table = RunFigures("base", arms, {}, {}, True, {}, (), {"coin": figure}, found, "half")
    table.save(tmp_path)
    again = RunFigures.load(tmp_path)
    assert again == table
    header, body = again.table()
    assert header[-1] == "worth in gold"
    assert [row[-1] for row in body] == [str(found["coin"]), str(found["half"]), "-"]
    assert "worth in gold: the dev gold at which" in str(again)
