"""`Pair` and `Pairs`: turning round, parts, groups, and what a labeling function gets to see."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pyarrow as pa
import pytest

from weaklabel.errors import DataError
from weaklabel.types import CANONICAL, Pair, Pairs, Text, collapse_whitespace


def make_pairs(**more: list[object]) -> Pairs:
    """Five pairs: two dev, one test, one pool, one dev without gold."""
    rows = {
        "id": ["1", "2", "3", "4", "5"],
        "prompt": ["p", "p ", "q", "r", "p"],
        "response_a": ["x", "x", "x", "x", "y"],
        "response_b": ["y", "z", "y", "y", "z"],
        "messages": [None] * 5,
        "gold": ["a", "tie", "b", None, None],
        "part": ["dev", "dev", "test", "pool", "dev"],
        "source": ["s"] * 5,
        "swapped": [True, False, None, False, False],
    }
    table = pa.table(rows, schema=CANONICAL)
    for name, column in more.items():
        table = table.append_column(name, pa.array(column))
    return Pairs(table)


def test_gold_is_the_position_of_b_on_the_line_from_a_to_b():
    np.testing.assert_array_equal(make_pairs().y, [0.0, 0.5, 1.0, np.nan, np.nan])


@pytest.mark.parametrize("name", ["ids", "y", "has_gold", "parts", "prompt_groups", "prompt_keys"])
def test_what_is_worked_out_is_worked_out_once_and_stays_as_it_is(name):
    pairs = make_pairs()
    found = getattr(pairs, name)
    assert getattr(pairs, name) is found
    with pytest.raises((TypeError, ValueError)):
        found[0] = found[1]


def test_some_rows_and_turned_pairs_are_worked_out_anew():
    pairs = make_pairs()
    assert (pairs.ids, pairs.y[2]) == (("1", "2", "3", "4", "5"), 1.0)
    assert (pairs.take(np.array([2])).ids, pairs.swapped().y[2]) == (("3",), 0.0)


def test_copies_carry_the_table_alone():
    pairs = make_pairs()
    assert len(pairs.prompt_keys) == 5
    again = pickle.loads(pickle.dumps(pairs))
    assert again.table.equals(pairs.table)
    assert "prompt_keys" not in vars(again)
    assert again.prompt_keys == pairs.prompt_keys


def test_parts_hold_gold_pairs_and_visible_leaves_test_out():
    pairs = make_pairs()
    assert pairs.dev.ids == ("1", "2")
    assert pairs.test.ids == ("3",)
    assert pairs.visible.ids == ("1", "2", "4", "5")


def test_equal_prompts_share_a_group_whatever_their_white_space():
    assert make_pairs().prompt_groups.tolist() == [0, 0, 1, 2, 0]


def test_a_conversation_is_the_prompt_where_there_is_one():
    turns = [[{"role": "user", "content": c}] for c in ("hi", "hi", "ho", "hi  ", "ho")]
    table = make_pairs().table
    table = table.set_column(4, "messages", pa.array(turns, CANONICAL.field("messages").type))
    assert Pairs(table).prompt_groups.tolist() == [0, 0, 1, 0, 1]


def test_turning_round_moves_texts_gold_and_partner_columns():
    pairs = make_pairs(score_a=[1, 2, 3, 4, 5], score_b=[6, 7, 8, 9, 0], schema_a=[0] * 5)
    turned = pairs.swapped().table.to_pylist()[0]
    assert (turned["response_a"], turned["response_b"], turned["gold"]) == ("y", "x", "b")
    assert (turned["score_a"], turned["score_b"], turned["schema_a"]) == (6, 1, 0)
    assert turned["swapped"] is False


def test_turning_round_twice_gives_the_same_table():
    pairs = make_pairs(score_a=[1, 2, 3, 4, 5], score_b=[6, 7, 8, 9, 0])
    assert pairs.swapped().swapped().table.to_pylist() == pairs.table.to_pylist()


def test_a_pair_turns_round_like_its_row():
    pairs = make_pairs(score_a=[1, 2, 3, 4, 5], score_b=[6, 7, 8, 9, 0])
    columns = ("score_a", "score_b")
    turned_rows = list(pairs.swapped().iter_pairs(columns))
    assert [pair.swapped() for pair in pairs.iter_pairs(columns)] == turned_rows


def test_a_function_sees_the_columns_it_declared_and_no_other():
    pair = next(make_pairs(secret=[1] * 5, shown=[2] * 5).iter_pairs(["shown"]))
    assert pair.columns == {"shown": 2}


def test_bookkeeping_is_no_part_of_a_pair():
    assert set(Pair.__slots__) == {"id", "prompt", "response_a", "response_b", "messages", "columns"}


def test_equal_responses_are_one_text_so_that_work_on_it_is_done_once():
    first, second = list(make_pairs())[:2]
    assert first.response_a is second.response_a
    assert isinstance(first.response_a, Text)


def test_an_undeclared_column_is_named_with_those_there_are():
    with pytest.raises(DataError, match=r"there is no column 'score'. The pairs have: id, prompt"):
        list(make_pairs().iter_pairs(["score"]))


def test_rows_are_taken_by_mask_and_by_index():
    pairs = make_pairs()
    assert pairs.take(np.array([True, False, False, False, True])).ids == ("1", "5")
    assert pairs.take(np.array([4, 0])).ids == ("5", "1")
    assert len(pairs.take(np.array([], dtype=np.int64))) == 0


def test_pairs_made_in_memory_read_back_equal():
    given = [Pair("1", "q", "x", "y", ({"role": "user", "content": "q"},), {"score": 2})]
    assert list(Pairs.of(given).iter_pairs(["score"])) == given


def test_a_missing_canonical_column_is_named():
    with pytest.raises(DataError, match="no column 'gold'"):
        Pairs(make_pairs().table.drop_columns(["gold"]))


def test_a_canonical_column_of_another_type_is_named():
    table = make_pairs().table
    with pytest.raises(DataError, match="column 'id' is int64, expected string"):
        Pairs(table.set_column(0, "id", pa.array(range(5))))


def test_repr_counts_the_parts():
    assert repr(make_pairs()) == "Pairs(5 pairs: 3 dev, 1 test, 1 pool; 0 rows set aside)"


def test_fold_makes_one_space_of_any_white_space():
    assert collapse_whitespace(" a\n\tb\u00a0c ") == "a b c"


@pytest.mark.parametrize("name", ["gold", "part", "swapped"])
def test_columns_that_can_hold_the_answer_are_shown_to_nobody(name):
    with pytest.raises(DataError, match="can hold the answer"):
        next(make_pairs().iter_pairs([name]))


def test_where_no_prompt_is_locked_all_pairs_are_visible_and_nothing_is_worked_out_again():
    pairs = make_pairs()
    assert pairs.visible.ids == ("1", "2", "4", "5")
    assert pairs.visible.visible.ids == ("1", "2", "4", "5")
    seen = pairs.visible
    assert seen.visible is seen


def test_rows_are_taken_in_any_order_and_more_than_once():
    rows = np.array([3, 1, 1])
    assert make_pairs().take(rows).ids == ("4", "2", "2")
    assert make_pairs().take(np.array([1, 4])).ids == ("2", "5")
    assert make_pairs().take(np.array([], dtype=np.int64)).ids == ()


@pytest.mark.parametrize("value", [None, 3])
def test_a_pair_of_anything_but_text_is_refused(value):
    with pytest.raises(DataError, match=r"response_a is .*, expected text"):
        Pair("1", "Q", value, "y")


def test_a_notebook_does_not_show_the_gold_of_locked_prompts():
    rows = re.findall("<tr>(.*?)</tr>", make_pairs()._repr_html_())[1:]
    gold = [re.findall("<td[^>]*>(.*?)</td>", row)[4] for row in rows]
    assert gold == ["a", "tie", "locked", "", ""]


def test_a_notebook_names_the_columns_besides_ours():
    assert "more columns: mood, &lt;b&gt;" in make_pairs(mood=["x"] * 5, **{"<b>": [1] * 5})._repr_html_()
