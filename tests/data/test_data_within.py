"""Gold inside lists, objects and scales; files that are no rows; what is told where nothing is recognised."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from weaklabel.data import read_pairs
from weaklabel.data.inspect import Found, look_at
from weaklabel.data.readers import LAYOUTS
from weaklabel.data.readers.gold_rule import GoldRule
from weaklabel.errors import ConfigError, DataError, GoldError, LayoutError

SECOND = (False, True, True, False)
RIGHT = ["b" if second else "a" for second in SECOND]


def rows(a: str = "response_a", b: str = "response_b", **columns: Any) -> list[dict[str, Any]]:
    """Four rows; a column given as a pair holds its first value where the first response is better, else its second."""
    made = []
    for i, second in enumerate(SECOND):
        cells = {name: v[second] if isinstance(v, tuple) else v for name, v in columns.items()}
        made.append({"prompt": f"How deep is lake {i}?", a: f"It is {i} feet.", b: f"Some {i}.", **cells})
    return made


def written(folder: Path, made: list[dict[str, Any]], name: str = "d.jsonl") -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in made))
    return str(folder / name)


def gold_as_told(path: str, told: Found) -> list[str | None]:
    """Gold read with the settings that were found and those that the hint says."""
    (line,) = [line for line in told.lines if "may be in" in line]
    columns = dict(told.columns)
    columns |= dict(re.findall(r'(gold|gold_a|gold_b|ratings) = "([^"]+)"', line))
    coded = re.search(r"gold_values = \{ (.*?) \}", line)
    values = dict(re.findall(r'"([^"]+)" = "([^"]*)"', coded[1])) if coded else None
    return list(read_pairs(path, columns=columns, gold_values=values).table["gold"].to_pylist())


def side(first: Any, second: Any) -> tuple[Any, Any]:
    return first, second


INSIDE = {
    "annotators": ({"votes": side(["a", "a", "b"], ["b", "b", "a"])}, "votes.0"),
    "one object": (
        {"verdict": side({"by": "x", "choice": "A"}, {"by": "x", "choice": "B"})},
        "verdict.choice",
    ),
    "an object as text": (
        {"answer": side('{"selected": "left"}', '{"selected": "right"}')},
        "answer.selected",
    ),
    "a list of objects in a list": (
        {
            "marks": side(
                [{"result": [{"value": {"pick": "first"}}]}], [{"result": [{"value": {"pick": "second"}}]}]
            )
        },
        "marks.0.result.0.value.pick",
    ),
    "a column with a dot": ({"marks.said": side([["model_a"]], [["model_b"]])}, "marks.said.0.0"),
}


@pytest.mark.parametrize("name", INSIDE)
def test_a_verdict_inside_lists_and_objects_is_told_and_reached(name: str, tmp_path: Path) -> None:
    columns, path = INSIDE[name]
    file = written(tmp_path, rows(**columns))
    told = look_at(file)
    assert f'gold = "{path}"' in " ".join(told.lines)
    assert gold_as_told(file, told) == RIGHT


def test_sides_inside_an_object_are_recognised_with_the_names_that_verdicts_give_them(tmp_path: Path) -> None:
    flat = rows("answer1", "answer2", pick=side("answer1", "answer2"))
    nested = [{"task": {k: v for k, v in row.items() if k != "pick"}, "marks": [row["pick"]]} for row in flat]
    file = written(tmp_path, nested)
    told = look_at(file)
    assert told.columns == {
        "prompt": "task.prompt",
        "response_a": "task.answer1",
        "response_b": "task.answer2",
    }
    assert gold_as_told(file, told) == RIGHT


@pytest.mark.parametrize("value", [["b", "a"], [{"by": 1, "said": "b"}], {"said": "b"}])
def test_a_gold_column_of_lists_asks_for_one_verdict(value: Any, tmp_path: Path) -> None:
    file = written(tmp_path, rows(label=value))
    with pytest.raises(
        GoldError, match=r'Reach into it, such as columns = \{ gold = "label\.(0|0\.said|said)" \}'
    ):
        read_pairs(file)
    assert "from which one verdict has to be taken" in look_at(file).lines[0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a_is_better", (True, False)),
        ("b_better", (False, True)),
        ("first_wins", (True, False)),
        ("is_2_best", (False, True)),
    ],
)
def test_what_true_means_is_in_the_name(name: str, values: Any, tmp_path: Path) -> None:
    file = written(tmp_path, rows(**{name: values}))
    assert gold_as_told(file, look_at(file)) == RIGHT


# ------------------------------------------------------------------------------------------ scales
@pytest.mark.parametrize(
    ("values", "coded"),
    [
        (side(2, 7), {"<4.5": "a", ">4.5": "b"}),
        (side(1, 5), {"<3": "a", "3": "tie", ">3": "b"}),
        (side(0.2, 0.75), {"<0.5": "a", ">0.5": "b"}),
        (side(-3, 2), {"<0": "a", "0": "tie", ">0": "b"}),
        (side(90, 10), {"> 50": "a", "< 50": "b"}),
    ],
)
def test_a_scale_is_read_by_its_middle(values: Any, coded: dict[str, str]) -> None:
    assert list(read_pairs(rows(label=values), gold_values=coded).table["gold"].to_pylist()) == RIGHT


def test_the_question_about_a_scale_names_its_middle(tmp_path: Path) -> None:
    file = written(tmp_path, rows(rating=side(2, 7)))
    told = look_at(file)
    assert '{ "<4.5" = "a", ">4.5" = "b" }' in told.lines[0]
    assert gold_as_told(file, told) == RIGHT


def test_an_entry_of_its_own_comes_before_a_bound_and_a_gap_between_bounds_is_told() -> None:
    coded = {"<3": "a", ">3": "b", "9": ""}
    made = [{**row, "label": n} for row, n in zip(rows(), (1, 5, 9, 2), strict=True)]
    assert list(read_pairs(made, gold_values=coded).table["gold"].to_pylist()) == ["a", "b", None, "a"]
    with pytest.raises(GoldError, match="line 2: gold value 3 in column 'label'"):
        read_pairs(
            [{**row, "label": n} for row, n in zip(rows(), (1, 3, 5, 2), strict=True)], gold_values=coded
        )


@pytest.mark.parametrize("coded", [{"<4": "a", ">3": "b"}, {"<4": "a", "<3": "b"}, {">1": "a", "> 1.0": "b"}])
def test_bounds_that_overlap_are_refused(coded: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="which overlap"):
        read_pairs(rows(label=1), gold_values=coded)


# ------------------------------------------------------------------------------------------ lists of responses
def test_ratings_inside_responses_are_told_and_read(tmp_path: Path) -> None:
    made = [
        {
            "prompt": f"Q{i}",
            "answers": [{"text": "x", "up_score": 1 + 8 * (not s)}, {"text": "y", "up_score": 2 + s}],
        }
        for i, s in enumerate(SECOND)
    ]
    file = written(tmp_path, made)
    told = look_at(file)
    assert 'ratings = "answers.up_score"' in told.lines[0]
    table = read_pairs(file, columns=dict(told.columns) | {"ratings": "answers.up_score"}).table.to_pylist()
    assert {row[f"response_{row['gold']}"] for row in table} == {"x", "y"}
    assert [row[f"response_{row['gold']}"] == "y" for row in table] == list(SECOND)


def test_the_number_of_the_better_of_two_listed_responses_is_asked_about(tmp_path: Path) -> None:
    made = [{"prompt": f"Q{i}", "responses": ["x", "y"], "best": int(s)} for i, s in enumerate(SECOND)]
    told = look_at(written(tmp_path, made))
    assert 'add gold = "best" to columns and gold_values = { "0" = "a", "1" = "b" }' in told.lines[0]


def test_a_list_under_the_name_of_one_response_is_recognised_and_its_order_not_guessed(
    tmp_path: Path,
) -> None:
    file = written(tmp_path, [{"instruction": f"Q{i}", "output": ["good", "bad"]} for i in range(4)])
    told = look_at(file)
    assert told.columns == {"prompt": "instruction", "responses": "output"}
    assert "if the first is, write columns chosen and rejected" in told.lines[0]
    assert not read_pairs(file, columns=told.columns).has_gold.any()
    with pytest.raises(
        LayoutError, match=r"'output' holds lists of responses\. Name it with --columns responses=output"
    ):
        read_pairs(file)


def test_several_rejected_answers_say_how_to_write_them() -> None:
    made = [{"prompt": "Q", "chosen": ["x"], "rejected": ["y", "z"]}]
    with pytest.raises(
        DataError, match="rejected is a list of 2 texts, expected one response: write a row for each"
    ):
        read_pairs(made)


def test_messages_of_a_tree_are_refused_with_the_way_forward(tmp_path: Path) -> None:
    made = [
        {"message_id": f"m{i}", "parent_id": i and "m0", "role": "prompter", "text": f"t{i}", "rank": None}
        for i in range(3)
    ]
    with pytest.raises(LayoutError, match="one message of a tree of conversations"):
        look_at(written(tmp_path, made))


# ------------------------------------------------------------------------------------------ files
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("key", ["data", "rows", "train"])
def test_an_object_around_the_rows_is_told(tmp_path: Path, indent: int | None, key: str) -> None:
    (tmp_path / "d.json").write_text(json.dumps({"version": 1, key: rows()}, indent=indent))
    for read in (look_at, read_pairs):
        with pytest.raises(DataError, match=f"is one object, whose rows stand in '{key}' .4 of them."):
            read(str(tmp_path / "d.json"))


@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_per_column_is_told(tmp_path: Path, indent: int | None) -> None:
    columns = {name: {str(i): row[name] for i, row in enumerate(rows())} for name in rows()[0]}
    (tmp_path / "d.json").write_text(json.dumps(columns, indent=indent))
    with pytest.raises(DataError, match=r'one object per column, .*orient="records", lines=True'):
        read_pairs(tmp_path / "d.json")


def test_one_pair_may_be_a_whole_file_and_lines_stay_lines(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(rows()[0], indent=2))
    written(tmp_path, rows(), "lines.json")
    assert len(read_pairs(tmp_path / "one.json")) == 1
    assert len(read_pairs(tmp_path / "lines.json")) == 4


def test_a_file_in_another_encoding_says_so(tmp_path: Path) -> None:
    text = "prompt;response_a;response_b\n" + "Größe?;groß;klein\n" * 3
    (tmp_path / "d.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(
        DataError, match=r"none of 3 rows can be read\. The first, line 2: invalid UTF-8\. .* UTF-8"
    ):
        look_at(str(tmp_path / "d.csv"))


def test_where_nothing_can_be_chosen_from_it_says_what_to_do(tmp_path: Path) -> None:
    told = look_at(written(tmp_path, [{"chosen": f"Q{i} yes", "rejected": f"Q{i} no"} for i in range(4)]))
    assert not told.asked["prompt"]
    assert 'if both answers begin with the prompt, write layout = "trl_implicit"' in told.lines[0]


# ------------------------------------------------------------------------------------------ better and worse
OPPOSED = [
    ("accepted", "rejected"),
    ("best_reply", "worst_reply"),
    ("goodAnswer", "badAnswer"),
    ("winner", "loser"),
    ("positive", "negative"),
    ("preferred_response", "dispreferred_response"),
    ("preferred_output", "non_preferred_output"),
    ("response_j", "response_k"),
]


@pytest.mark.parametrize(("better", "worse"), OPPOSED)
def test_columns_that_say_which_is_better_are_chosen_and_rejected(
    better: str, worse: str, tmp_path: Path
) -> None:
    made = [{"question": f"Q{i}?", worse: f"no {i}", better: f"yes {i}"} for i in range(8)]
    told = look_at(written(tmp_path, made))
    assert told.columns == {"prompt": "question", "chosen": better, "rejected": worse}
    table = read_pairs(made, columns=told.columns).table.to_pylist()
    assert all(row[f"response_{row['gold']}"].startswith("yes") for row in table)
    assert {row["gold"] for row in table} == {"a", "b"}  # the side was drawn


@pytest.mark.parametrize(("better", "worse"), [*OPPOSED, ("chosen", "rejected")])
@pytest.mark.parametrize("turned", [False, True])
def test_better_and_worse_named_as_sides_are_refused(better: str, worse: str, turned: bool) -> None:
    made = [{"prompt": "Q?", better: "yes", worse: "no"}]
    sides = (worse, better) if turned else (better, worse)
    with pytest.raises(ConfigError, match=f"Write chosen={better} and rejected={worse}"):
        read_pairs(made, columns=dict(zip(("response_a", "response_b"), sides, strict=True)))


def test_messages_inside_an_object_are_found(tmp_path: Path) -> None:
    asked, said = [{"role": "user", "content": "Q?"}], lambda text: [{"role": "assistant", "content": text}]
    made = [
        {
            "input": {"messages": asked, "tools": []},
            "preferred_output": said("yes"),
            "non_preferred_output": said("no"),
        }
    ]
    file = written(tmp_path, made)
    told = look_at(file)
    assert told.columns["prompt"] == "input.messages"
    (row,) = read_pairs(file, columns=told.columns).table.to_pylist()
    assert (row["prompt"], row[f"response_{row['gold']}"]) == ("Q?", "yes")


@pytest.mark.parametrize(
    "said",
    [("Answer 1", "answer-2"), ("answer_1", "ANSWER_2"), ("It is {i} feet.", "Some {i}.")],
    ids=["spelt otherwise", "case", "the text itself"],
)
def test_verdicts_that_name_or_repeat_a_response(said: tuple[str, str]) -> None:
    made = [
        {**row, "pick": said[s].format(i=i)}
        for i, (row, s) in enumerate(zip(rows("answer_1", "answer_2"), SECOND, strict=True))
    ]
    columns = {"response_a": "answer_1", "response_b": "answer_2", "gold": "pick"}
    assert list(read_pairs(made, columns=columns).table["gold"].to_pylist()) == RIGHT


def test_a_letter_that_is_also_an_answer_stays_a_verdict() -> None:
    made = [{"prompt": "Which?", "response_a": "B", "response_b": "A", "winner": "A"}]
    assert list(read_pairs(made).table["gold"].to_pylist()) == ["a"]


@pytest.mark.parametrize(
    ("word", "meaning"), [("neither", "tie"), ("both fine", "tie"), ("about the same", "tie"), ("left", "a")]
)
def test_the_question_about_an_unknown_word_offers_what_it_may_mean(word: str, meaning: str) -> None:
    with pytest.raises(GoldError, match=rf'gold_values = \{{ "{word}" = "{meaning}" \}}'):
        read_pairs(rows(winner=word))


def test_dialogues_may_be_transcripts() -> None:
    made = [
        {
            "conversation_a": "User: Q?\n\nAssistant: yes",
            "conversation_b": "User: Q?\n\nAssistant: no",
            "winner": "a",
        }
    ]
    (row,) = read_pairs(made).table.to_pylist()
    assert (row["prompt"], row["response_a"], row["response_b"]) == ("Q?", "yes", "no")


def test_what_objects_hold_beside_their_text_is_no_dialogue_of_their_own() -> None:
    row = {"prompt": "Q", "response_a": {"text": "x", "score": 1}, "response_b": {"text": "y", "score": 2}}
    (draft,) = LAYOUTS["canonical"].read(row, GoldRule())
    assert (draft.note, draft.extra) == (None, {"score_a": 1, "score_b": 2})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("answer_b", "answer_a"), ("answer_2", "answer_1"), ("response_1", "response_0"), ("output_second", "output_first"),
        ("replyB", "replyA"), ("right_text", "left_text"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stem", ["response", "conversation", "model"])
def test_sides_that_are_exchanged_are_refused_since_verdicts_would_be_too(a: str, b: str, stem: str) -> None:
    made = [{"prompt": "Q?", a: "x", b: "y", "response_a": "r", "response_b": "s", "winner": "A"}]
    with pytest.raises(ConfigError, match=f"exchanges the sides.*Write {stem}_a={b} and {stem}_b={a}"):
        read_pairs(made, columns={f"{stem}_a": a, f"{stem}_b": b})


def test_ranks_may_be_named_the_other_way_round_and_chosen_may_not() -> None:
    made = rows(rank_a=side(1, 2), rank_b=side(2, 1))
    assert (
        list(read_pairs(made, columns={"gold_a": "rank_b", "gold_b": "rank_a"}).table["gold"].to_pylist())
        == RIGHT
    )
    with pytest.raises(ConfigError, match="Write chosen=best and rejected=worst"):
        read_pairs(
            [{"prompt": "Q?", "best": "x", "worst": "y"}], columns={"chosen": "worst", "rejected": "best"}
        )


@pytest.mark.parametrize("first", [0, 1])
def test_a_ranking_that_may_be_an_order_is_asked_about(first: int) -> None:
    made = [{"prompt": "Q?", "responses": ["x", "y", "z"], "ranking": [first + n for n in (2, 0, 1)]}]
    with pytest.raises(DataError, match="can be the rank of each response or their order, best first"):
        read_pairs(made)
    table = read_pairs(made, columns={"ranks": "ranking"}).table.to_pylist()
    better = {
        frozenset((row["response_a"], row["response_b"])): row[f"response_{row['gold']}"] for row in table
    }
    assert better == {frozenset("xy"): "y", frozenset("xz"): "z", frozenset("yz"): "y"}
    same = [{**made[0], "ranking": [first + n for n in (1, 0, 2)]}]  # says the same either way
    assert read_pairs(same).has_gold.all()
