"""Every layout is recognised by itself and brings texts, gold and columns to their places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from weaklabel.data import LAYOUTS, detect_layout, read_pairs
from weaklabel.errors import LayoutError, UnknownNameError
from weaklabel.types import Pairs
from weaklabel.types.messages import copied

USER = {"role": "user", "content": "Hi"}


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def only(rows: Sequence[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """The one pair that these rows make."""
    table = read_pairs(rows, **settings).table
    assert table.num_rows == 1
    row = dict(table.to_pylist()[0])
    return row | {"messages": list(copied(row["messages"])) or None}


def better(row: dict[str, Any]) -> str:
    return str(row[f"response_{row['gold']}"])


def test_canonical_rows_keep_their_order_and_columns() -> None:
    row = only([{"id": "p1", "prompt": "Q", "response_a": "x", "response_b": "y", "label": 1, "topic": "t"}])
    assert (row["response_a"], row["gold"], row["topic"], row["swapped"]) == ("x", "b", "t", False)
    assert "label" not in row


@pytest.mark.parametrize(
    ("name", "value", "gold"),
    [
        ("label", 0, "a"),
        ("label", 1.0, "b"),
        ("label", -1, None),
        ("label", "B", "b"),
        ("gold", "tie", "tie"),
        ("gold", None, None),
        ("winner", "model_b", "b"),
        ("preferred", "response_a", "a"),
        ("gold", float("nan"), None),
    ],
)
def test_canonical_gold_is_read_from_the_usual_columns(name: str, value: Any, gold: str | None) -> None:
    assert only([{"prompt": "Q", "response_a": "x", "response_b": "y", name: value}])["gold"] == gold


def test_a_column_called_label_is_carried_along_where_gold_is_there() -> None:
    row = only([{"prompt": "Q", "response_a": "x", "response_b": "y", "gold": "a", "label": "b"}])
    assert (row["gold"], row["label"]) == ("a", "b")


def test_messages_given_as_json_text_become_a_conversation() -> None:
    messages = [USER, answer("Yes?"), {"role": "user", "content": "Go"}]
    row = only([{"messages": json.dumps(messages), "response_a": "x", "response_b": "y"}])
    assert row["messages"] == messages
    assert row["prompt"] == "Human: Hi\n\nAssistant: Yes?\n\nHuman: Go"


def test_hh_transcripts_are_split_at_the_last_assistant_turn() -> None:
    shared = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Why?\n\nAssistant:"
    row = only([{"chosen": f"{shared} Because.", "rejected": f"{shared} No idea."}])
    assert better(row) == "Because."
    assert row["prompt"] == "Human: Hi\n\nAssistant: Hello.\n\nHuman: Why?"
    assert [turn["content"] for turn in row["messages"]] == ["Hi", "Hello.", "Why?"]


def test_hh_dialogues_that_differ_earlier_are_set_aside() -> None:
    rows = [
        {"chosen": "\n\nHuman: Hi\n\nAssistant: x", "rejected": "\n\nHuman: Hi\n\nAssistant: y"},
        {"chosen": "\n\nHuman: Hi\n\nAssistant: x", "rejected": "\n\nHuman: Ho\n\nAssistant: y"},
    ]
    pairs = read_pairs(rows)
    assert len(pairs) == 1
    assert "differ before" in pairs.set_aside[0].reason


def test_trl_with_an_explicit_plain_prompt() -> None:
    row = only([{"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}])
    assert (row["prompt"], better(row), row["messages"]) == ("The sky is", " blue.", None)


def test_trl_with_an_implicit_plain_prompt_is_read_where_the_layout_is_named() -> None:
    rows = [{"chosen": "The sky is blue.", "rejected": "The sky is black."}]
    row = only(rows, layout="trl_implicit")
    assert (row["prompt"], better(row)) == ("The sky is", "blue.")
    with pytest.raises(LayoutError, match=r"no prompt column beside chosen and rejected.*--columns prompt="):
        read_pairs(rows)


def test_trl_with_an_explicit_conversational_prompt() -> None:
    row = only([{"prompt": [USER], "chosen": [answer("yes")], "rejected": [answer("no")]}])
    assert (row["prompt"], better(row), row["messages"]) == ("Hi", "yes", [USER])


def test_trl_with_an_implicit_conversational_prompt() -> None:
    row = only([{"chosen": [USER, answer("yes")], "rejected": [USER, answer("no")]}])
    assert (row["prompt"], better(row)) == ("Hi", "yes")


def test_a_system_message_stays_in_messages() -> None:
    system = {"role": "system", "content": "Be brief."}
    row = only([{"chosen": [system, USER, answer("yes")], "rejected": [system, USER, answer("no")]}])
    assert (row["prompt"], row["messages"]) == ("Hi", [system, USER])


def ultrafeedback(chosen: float, rejected: float, **more: Any) -> dict[str, Any]:
    sides = {"chosen": [USER, answer("good")], "rejected": [USER, answer("bad")]}
    return {"prompt": "Hi", **sides, "score_chosen": chosen, "score_rejected": rejected, **more}


def test_ultrafeedback_scores_go_where_their_texts_go() -> None:
    row = only([ultrafeedback(9.0, 2.0)])
    assert better(row) == "good"
    assert row[f"score_{row['gold']}"] == 9.0
    assert "score_chosen" not in row


def test_ultrafeedback_equal_scores_are_a_tie() -> None:
    assert only([ultrafeedback(5.0, 5.0)])["gold"] == "tie"


def test_ultrafeedback_messages_hold_the_chosen_answer_and_are_left_behind() -> None:
    row = only([ultrafeedback(9.0, 2.0, messages=[USER, answer("good")])])
    assert row["messages"] == [USER]


def test_ultrafeedback_scores_against_the_choice_are_set_aside() -> None:
    pairs = read_pairs([ultrafeedback(9.0, 2.0), ultrafeedback(1.0, 2.0)])
    assert "score_chosen 1 is below score_rejected 2" in pairs.set_aside[0].reason


def mt_bench(turn: int, winner: str = "model_a") -> dict[str, Any]:
    def side(name: str) -> list[dict[str, str]]:
        return [USER, answer(f"{name}1"), {"role": "user", "content": "More"}, answer(f"{name}2")]

    sides = {"conversation_a": side("a"), "conversation_b": side("b")}
    return {**sides, "winner": winner, "turn": turn, "model_a": "alpaca", "judge": "x"}


def test_mt_bench_takes_the_texts_of_the_judged_turn() -> None:
    first, second = only([mt_bench(1)]), only([mt_bench(2)])
    assert (first["prompt"], first["response_a"], first["response_b"]) == ("Hi", "a1", "b1")
    assert (second["response_a"], second["response_b"]) == ("a2", "b2")
    assert second["prompt"] == "Human: Hi\n\nHuman: More"
    own = [[turn["content"] for turn in json.loads(second[f"messages_{side}"])] for side in "ab"]
    assert own == [["Hi", "a1", "More"], ["Hi", "b1", "More"]]
    assert first["messages_a"] is None


@pytest.mark.parametrize(
    ("winner", "gold"), [("model_a", "a"), ("model_b", "b"), ("tie", "tie"), ("tie (inconsistent)", "tie")]
)
def test_mt_bench_winner_is_gold(winner: str, gold: str) -> None:
    row = only([mt_bench(1, winner)])
    assert (row["gold"], row["model_a"], row["judge"]) == (gold, "alpaca", "x")


def test_mt_bench_turn_beyond_the_conversation_is_set_aside() -> None:
    pairs = read_pairs([mt_bench(1), mt_bench(3)])
    assert "turn is 3 but conversation_a has 2 answers" in pairs.set_aside[0].reason


def test_k_responses_with_ratings_become_their_pairs() -> None:
    rows = [
        {"id": "g", "prompt": "Q", "responses": ["x", "y", "z"], "ratings": [3, 1, 3], "models": list("klm")}
    ]
    table = read_pairs(rows).table.to_pylist()
    assert [row["id"] for row in table] == ["g/0-1", "g/0-2", "g/1-2"]
    assert (better(table[0]), table[1]["gold"], better(table[2])) == ("x", "tie", "z")
    assert table[0][f"model_{table[0]['gold']}"] == "k"
    assert table[2][f"score_{table[2]['gold']}"] == 3.0


def test_ranks_prefer_the_smaller_number() -> None:
    assert better(only([{"prompt": "Q", "completions": ["x", "y"], "ranks": [2, 1]}])) == "y"


def test_completions_as_objects_use_the_fine_grained_score() -> None:
    completions = [
        {"response": "x", "overall_score": 10, "fine-grained_score": 1.5, "model": "k"},
        {"response": "y", "overall_score": 5, "fine-grained_score": 4.0, "model": "l"},
    ]
    row = only([{"instruction": "Q", "completions": completions, "source": "flan"}])
    assert (better(row), row[f"model_{row['gold']}"], row["source"]) == ("y", "l", "flan")


@pytest.mark.parametrize("rating", [None, float("nan"), "N/A"])
def test_an_unrated_response_gives_pairs_without_gold(rating: Any) -> None:
    row = only([{"prompt": "Q", "responses": ["x", "y"], "ratings": [3, rating]}])
    assert row["gold"] is None


def test_responses_without_ratings_are_unlabelled_pairs() -> None:
    pairs = read_pairs([{"prompt": "Q", "responses": ["x", "y", "z"]}])
    assert len(pairs) == 3
    assert not pairs.has_gold.any()


def test_columns_bring_any_table_to_the_canonical_names() -> None:
    columns = {"prompt": "question", "response_a": "ans1", "response_b": "ans2", "gold": "best"}
    row = only([{"question": "Q", "ans1": "x", "ans2": "y", "best": "b", "prompt": "old"}], columns=columns)
    assert (row["prompt"], row["response_a"], row["gold"], row["source_prompt"]) == ("Q", "x", "b", "old")


def test_columns_serve_every_layout() -> None:
    row = only(
        [{"q": "Q", "good": "x", "bad": "y"}], columns={"prompt": "q", "chosen": "good", "rejected": "bad"}
    )
    assert better(row) == "x"


def test_a_one_sided_column_still_moves_with_its_text() -> None:
    rows = [{"prompt": f"Q{i}", "chosen": "x", "rejected": "y", "chosen-model": "k"} for i in range(20)]
    for row in read_pairs(rows).table.to_pylist():
        assert row[f"model_{row['gold']}"] == "k"
        assert row["model_b" if row["gold"] == "a" else "model_a"] is None


def test_every_layout_can_be_named() -> None:
    row = only(
        [{"chosen": "\n\nHuman: Hi\n\nAssistant: x", "rejected": "\n\nHuman: Hi\n\nAssistant: y"}],
        layout="trl",
    )
    assert row["prompt"] == "Hi"
    assert set(LAYOUTS) == {
        "canonical",
        "hh",
        "trl",
        "trl_implicit",
        "swift",
        "ultrafeedback",
        "mt_bench",
        "ranked",
    }


def test_an_unknown_layout_is_named_with_a_guess() -> None:
    with pytest.raises(UnknownNameError, match=r"no layout 'mtbench'.*Did you mean 'mt_bench'"):
        read_pairs([{"a": 1}], layout="mtbench")


def test_columns_of_no_layout_are_listed_with_the_way_out() -> None:
    with pytest.raises(LayoutError, match=r"columns id, prompt, response_a\. Known: .*--columns"):
        detect_layout(["id", "prompt", "response_a"])


def test_a_missing_column_of_a_named_layout_is_told() -> None:
    with pytest.raises(LayoutError, match=r"needs the column 'rejected'. Found: chosen.*--columns rejected="):
        read_pairs([{"chosen": "x"}], layout="hh")


def test_a_mapped_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"q": "Q"}\n')
    with pytest.raises(LayoutError, match=r"x\.jsonl: there is no column 'question'\. Found: q"):
        read_pairs(path, columns={"prompt": "question"})


def test_a_misspelt_target_column_is_told() -> None:
    with pytest.raises(UnknownNameError, match=r"no column 'promt'.*Did you mean 'prompt'"):
        read_pairs([{"q": "Q"}], columns={"promt": "q"})


def test_pairs_repeat_with_numbered_ids() -> None:
    rows = [{"prompt": "Q", "response_a": "x", "response_b": "y"}] * 3
    first, second, third = read_pairs(rows).ids
    assert (second, third) == (f"{first}#2", f"{first}#3")
    assert len(first) == 16


def test_the_id_of_a_pair_does_not_depend_on_its_order() -> None:
    one = read_pairs([{"prompt": "Q", "response_a": "x", "response_b": "y"}])
    other: Pairs = read_pairs([{"prompt": "Q", "response_a": "y", "response_b": "x"}])
    assert one.ids == other.ids


def test_whole_number_ids_become_text() -> None:
    assert only([{"id": 7.0, "prompt": "Q", "response_a": "x", "response_b": "y"}])["id"] == "7"
