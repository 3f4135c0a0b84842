"""The prompt and its conversation, from whatever columns they stand in, in every layout."""

from __future__ import annotations

from typing import Any

import pytest

from weaklabel.data import read_pairs
from weaklabel.data.readers.context import PROMPT_NAMES, SYSTEM_NAMES
from weaklabel.errors import DataError, LayoutError
from weaklabel.types.messages import copied

# Both answers begin with the same words, which must not become the prompt.
GOOD, BAD = "The tide turns at six.", "The tide turns never."
SIDES: dict[str, dict[str, Any]] = {
    "canonical": {"response_a": GOOD, "response_b": BAD, "gold": "a"},
    "trl": {"chosen": GOOD, "rejected": BAD},
    "ultrafeedback": {"chosen": GOOD, "rejected": BAD, "score_chosen": 4, "score_rejected": 1},
    "ranked": {"responses": [BAD, GOOD], "ratings": [1, 4]},
}
every_layout = pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)


def only(row: dict[str, Any], **settings: Any) -> tuple[str, list[Any] | None, str]:
    """Prompt, messages and the better response of the one pair that a row makes."""
    (read,) = read_pairs([row], **settings).table.to_pylist()
    return read["prompt"], list(copied(read["messages"])) or None, read[f"response_{read['gold']}"]


def turns(*said: tuple[str, str]) -> list[Any]:
    return [{"role": role, "content": content} for role, content in said]


@every_layout
@pytest.mark.parametrize("name", ["prompt", "question", "instruction", "query", "input", "Problem", "post"])
def test_the_prompt_is_found_under_every_usual_name(name: str, sides: dict[str, Any]) -> None:
    assert only({name: "When does it turn?", **sides}) == ("When does it turn?", None, GOOD)


@every_layout
@pytest.mark.parametrize(
    "name", ["messages", "conversations", "conversation", "context", "trajectory", "history"]
)
def test_a_conversation_is_found_under_every_usual_name(name: str, sides: dict[str, Any]) -> None:
    said = [
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Yes?"},
        {"from": "human", "value": "When?"},
    ]
    prompt, messages, better = only({name: said, **sides})
    assert messages == turns(("user", "Hi"), ("assistant", "Yes?"), ("user", "When?"))
    assert (prompt, better) == ("Human: Hi\n\nAssistant: Yes?\n\nHuman: When?", GOOD)


@every_layout
def test_instruction_and_input_are_joined_as_in_alpacas_files(sides: dict[str, Any]) -> None:
    row = {"instruction": "Sum up.", "input": "It rained.", **sides}
    assert only(row)[0] == "Sum up.\n\nIt rained."
    assert only({**row, "input": ""})[0] == "Sum up."


def test_an_input_that_fills_late_in_the_file_is_joined_too() -> None:
    rows = [{"instruction": f"Do {i}.", "input": "", **SIDES["trl"]} for i in range(60)]
    rows[55]["input"] = "With this."
    assert read_pairs(rows).table["prompt"][55].as_py() == "Do 55.\n\nWith this."


def test_alpacas_history_comes_before_the_prompt() -> None:
    row = {"instruction": "And why?", "input": "", "history": [["Hi", "Yes?"]], **SIDES["trl"]}
    assert only(row)[1] == turns(("user", "Hi"), ("assistant", "Yes?"), ("user", "And why?"))


@every_layout
@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_a_system_column_is_the_first_turn_where_it_says_something(name: str, sides: dict[str, Any]) -> None:
    row = {name: "Be brief.", "question": "When?", **sides}
    assert only(row)[:2] == ("When?", turns(("system", "Be brief."), ("user", "When?")))
    filled = [row, {**row, name: None, "question": "Why?"}, {**row, name: " ", "question": "How?"}]
    assert [m is None for m in read_pairs(filled).table["messages"].to_pylist()] == [False, True, True]


def test_a_system_column_beside_a_conversation_is_its_first_turn_once() -> None:
    said = turns(("user", "Hi"))
    assert only({"system": "S", "messages": said, **SIDES["canonical"]})[1] == turns(
        ("system", "S"), ("user", "Hi")
    )
    own = turns(("system", "S"), ("user", "Hi"))
    assert only({"system": "S ", "messages": own, **SIDES["canonical"]})[1] == own
    with pytest.raises(DataError, match="system differs from the system turn of messages"):
        only({"system": "other", "messages": own, **SIDES["canonical"]})


@every_layout
def test_a_transcript_in_the_prompt_is_split_into_turns(sides: dict[str, Any]) -> None:
    text = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: When?\n\nAssistant: "
    prompt, messages, _ = only({"question": text, **sides})
    assert messages == turns(("user", "Hi"), ("assistant", "Yes?"), ("user", "When?"))
    assert prompt == "Human: Hi\n\nAssistant: Yes?\n\nHuman: When?"
    assert only({"prompt": "\n\nHuman: When?\n\nAssistant:", **sides})[:2] == ("When?", None)


def test_a_prompt_whose_answer_has_begun_stays_text() -> None:
    text = "Human: When?\n\nAssistant: I think"
    assert only({"prompt": text, **SIDES["trl"]})[:2] == (text, None)


@pytest.mark.parametrize("others", [{"context": "A tide table."}, {"query": "When?"}])
def test_two_columns_that_can_be_the_prompt_are_a_question(others: dict[str, str]) -> None:
    (name,) = others
    with pytest.raises(LayoutError, match=rf"question \('When does.*{name} \(.*--columns prompt=question"):
        read_pairs([{"question": "When does it turn?", **others, **SIDES["trl"]}])
    assert only({"question": "Q", **others, **SIDES["trl"]}, columns={"prompt": "question"})[0] == "Q"


def test_a_column_without_text_is_no_prompt() -> None:
    assert only({"question": "Q", "history": [], "context": None, "input": 3, **SIDES["trl"]})[0] == "Q"


def test_words_that_two_answers_share_make_no_prompt() -> None:
    with pytest.raises(
        LayoutError, match=r"no prompt column beside chosen and rejected. .*prompt=.*trl_implicit"
    ):
        read_pairs([SIDES["trl"]])
    prompt, _, better = only(SIDES["trl"], layout="trl_implicit")
    assert (prompt, better) == ("The tide turns", "at six.")


@pytest.mark.parametrize("prompt", ["Hi", "\n\nHuman: Hi\n\nAssistant:", None])
def test_transcripts_in_both_answers_give_their_last_turns(prompt: str | None) -> None:
    row = {"chosen": "Human: Hi\n\nAssistant: yes", "rejected": "Human: Hi\n\nAssistant: no"}
    assert only(row if prompt is None else {"prompt": prompt, **row})[::2] == ("Hi", "yes")


def test_transcripts_of_another_prompt_are_set_aside() -> None:
    row = {"prompt": "Ho", "chosen": "Human: Hi\n\nAssistant: yes", "rejected": "Human: Hi\n\nAssistant: no"}
    pairs = read_pairs([row, {"prompt": "Q", "chosen": "x", "rejected": "y"}])
    assert "the prompt is not what the dialogues" in pairs.set_aside[0].reason


def test_a_conversation_in_the_answers_is_more_than_the_prompt_beside_it() -> None:
    before = turns(("user", "Hi"), ("assistant", "Yes?"), ("user", "When?"))
    row = {
        "prompt": "Hi",
        "chosen": [*before, *turns(("assistant", "x"))],
        "rejected": [*before, *turns(("assistant", "y"))],
    }
    assert only(row) == ("Human: Hi\n\nAssistant: Yes?\n\nHuman: When?", before, "x")


def test_every_name_on_the_list_is_lower_case_and_there_once() -> None:
    assert len(set(PROMPT_NAMES)) == len(PROMPT_NAMES)
    assert all(name == name.lower() for name in PROMPT_NAMES)
