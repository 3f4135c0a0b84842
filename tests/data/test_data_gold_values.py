"""What is gold in a file: verdicts in every coding, scores, outcomes; and what is asked instead of guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel.data import read_pairs
from weaklabel.errors import ConfigError, DataError, GoldError

# Whether the second response is the better one, row by row.
SECOND = (False, True, True, False, True, False)


def rows(**columns: tuple[Any, Any] | Any) -> list[dict[str, Any]]:
    """Six canonical rows; a column given as a pair holds its first value where a is better, else its second."""
    made = []
    for i, second in enumerate(SECOND):
        cells = {name: v[second] if isinstance(v, tuple) else v for name, v in columns.items()}
        made.append({"prompt": f"Q{i}", "response_a": f"x{i}", "response_b": f"y{i}", **cells})
    return made


def renamed(made: list[dict[str, Any]], a: str, b: str) -> list[dict[str, Any]]:
    names = {"response_a": a, "response_b": b}
    return [{names.get(name, name): value for name, value in row.items()} for row in made]


def gold(source: Any, **settings: Any) -> list[str | None]:
    return list(read_pairs(source, **settings).table["gold"].to_pylist())


RIGHT = ["b" if second else "a" for second in SECOND]


# ---------------------------------------------------------------------------------------------- verdicts
@pytest.mark.parametrize(
    "values",
    [
        ("a", "b"),
        ("A", "B"),
        ("model_a", "model_b"),
        ("Response A", "Response B"),
        ("[[A]]", "[[B]]"),
        ("A>>B", "B>A"),
    ],
)
@pytest.mark.parametrize("name", ["gold", "label", "winner", "preferred", "preference", "verdict"])
def test_words_are_read_in_every_gold_column_and_in_one_that_is_named(name: str, values: Any) -> None:
    settings = {"columns": {"gold": name}} if name == "verdict" else {}
    assert gold(rows(**{name: values}), **settings) == RIGHT


@pytest.mark.parametrize(
    "values", [("1", "2"), (1, 2), (1.0, 2.0), (0, 1), (True, False), ("true", "false"), (-2, 3)]
)
@pytest.mark.parametrize("named", [True, False])
def test_a_code_that_can_mean_either_response_is_a_question(values: Any, named: bool) -> None:
    name, settings = ("code", {"columns": {"gold": "code"}}) if named else ("winner", {})
    with pytest.raises(
        GoldError, match=rf"gold in column '{name}' holds .* Say which: write gold_values = \{{ .* = "
    ):
        gold(rows(**{name: values}), **settings)
    assert gold(rows(**{name: values}), gold_values=dict(zip(values, "ab", strict=True)), **settings) == RIGHT
    turned = dict(zip(values, "ba", strict=True))
    assert gold(rows(**{name: values}), gold_values=turned, **settings) == ["a" if s else "b" for s in SECOND]


def test_numbers_that_the_canonical_layout_defines_are_read() -> None:
    made = rows(label=(0, 1))
    assert gold(made) == gold(made, columns={"prompt": "prompt"}) == RIGHT
    made[0]["label"], made[1]["label"] = -1, 0.5
    assert gold(made)[:2] == [None, "tie"]


def test_numbers_of_a_label_beside_other_response_columns_are_a_question() -> None:
    made = renamed(rows(label=(0, 1)), "ans1", "ans2")
    with pytest.raises(GoldError, match="gold in column 'label' holds 0, 1"):
        gold(made, columns={"response_a": "ans1", "response_b": "ans2"})


def test_the_number_of_the_better_response_is_read_where_the_columns_have_these_numbers() -> None:
    made = renamed(rows(better_response_id=(0, 1), safer_response_id=(1, 0)), "response_0", "response_1")
    names = {"response_a": "response_0", "response_b": "response_1", "gold": "better_response_id"}
    assert gold(made, columns=names) == RIGHT
    with pytest.raises(GoldError, match="'safer_response_id' holds"):
        gold(made, columns={**names, "gold": "safer_response_id"})


def test_a_map_wins_over_words_and_says_nothing_with_an_empty_text() -> None:
    made = rows(winner=("a", "b"))
    made[0]["winner"] = "skipped"
    assert gold(made, gold_values={"a": "b", "b": "a", "skipped": ""}) == [None, "a", "a", "b", "a", "b"]


def test_a_map_of_some_numbers_leaves_no_other_number_to_a_guess() -> None:
    with pytest.raises(GoldError, match=r"column 'label' holds|gold value 0 in column 'label'"):
        gold(rows(label=(1, 0)), gold_values={"1": "a"})
    with pytest.raises(GoldError, match=r"'code' holds 0, which gold_values does not map. Mapped: 1"):
        gold(rows(code=(1, 0)), columns={"gold": "code"}, gold_values={"1": "a"})


@pytest.mark.parametrize("word", ["left", "first", "neither", "x"])
def test_a_word_of_ones_own_names_its_line_and_the_setting(word: str, tmp_path: Path) -> None:
    with pytest.raises(
        GoldError, match=rf"line 1: gold value '{word}' in column 'winner'.*gold_values = .*\"{word}\" = "
    ):
        gold(rows(winner=(word, "other")))


def test_signed_strengths_give_the_side_and_their_size() -> None:
    made = rows(strength=(-3, 1))
    made[0]["strength"] = 0
    pairs = read_pairs(made, columns={"gold": "strength"}, gold_values={"<0": "a", "0": "tie", ">0": "b"})
    assert pairs.table["gold"].to_pylist() == ["tie", *RIGHT[1:]]
    assert pairs.table["gold_strength"].to_pylist() == [0.0, 1.0, 1.0, 3.0, 1.0, 3.0]
    assert "strength" not in pairs.table.column_names


def test_a_models_name_is_a_verdict_where_it_stands_beside() -> None:
    made = rows(model_a=("m", "n"), model_b=("n", "m"), winner="m")
    assert gold(made) == RIGHT
    made[0] |= {"model_b": "m"}
    assert "can mean both models" in read_pairs(made).set_aside[0].reason
    made[0] |= {"winner": "unheard of"}
    with pytest.raises(GoldError, match="gold value 'unheard of'"):
        gold(made)


def test_a_models_name_that_is_a_word_for_the_other_side_is_not_guessed() -> None:
    with pytest.raises(DataError, match="winner is 'A', which can mean both models"):
        gold(rows(model_a="B", model_b="A", winner="A"))


def test_the_name_of_a_response_column_is_a_verdict() -> None:
    made = renamed(rows(winner=("ans1", "ans2"), model_1="m", model_2="n"), "ans1", "ans2")
    names = {"response_a": "ans1", "response_b": "ans2"}
    assert gold(made, columns=names) == RIGHT
    by_model = [{**row, "winner": "m" if row["winner"] == "ans1" else "n"} for row in made]
    assert gold(by_model, columns=names) == RIGHT


@pytest.mark.parametrize(("side", "first"), [("a", "chosen"), ("b", "rejected")])
def test_a_named_column_that_knows_one_side_only_is_a_question(side: str, first: str) -> None:
    made = rows(best=side)
    with pytest.raises(
        GoldError, match=rf"every verdict in best is '{side}' \(6 of them\)\..* name the columns {first}"
    ):
        gold(made, columns={"gold": "best"})
    assert gold(made, columns={"gold": "best"}, gold_values={side: side}) == [side] * 6
    assert gold(made[:2], columns={"gold": "best"}) == [side] * 2  # of two, all may be alike by chance
    assert gold(rows(gold=side)) == [side] * 6  # the layout's own


def test_the_names_of_classes_are_used(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {name: datasets.Value("string") for name in ("prompt", "response_a", "response_b")}
        | {"winner": datasets.ClassLabel(names=["model_b", "model_a", "tie"])}
    )
    data = datasets.Dataset.from_list(rows(winner=(1, 0)), features=features)
    assert gold(data) == RIGHT
    table = pa.Table.from_pylist(rows(winner=(1, 0)), features.arrow_schema)
    pq.write_table(table, tmp_path / "p.parquet")
    assert gold(tmp_path / "p.parquet") == RIGHT


# ----------------------------------------------------------------------------------- scores and outcomes
def test_two_named_scores_are_gold_and_equal_ones_a_tie() -> None:
    made = rows(s1=(0.5, -0.5), s2=(-0.5, 0.5))
    made[0]["s2"] = 0.5
    made[3]["s1"] = None
    pairs = read_pairs(made, columns={"gold_a": "s1", "gold_b": "s2"})
    assert pairs.table["gold"].to_pylist() == ["tie", "b", "b", None, "b", "a"]
    assert not {"gold_a", "gold_b", "s1", "s2"} & set(pairs.table.column_names)


def test_scores_that_nobody_named_are_columns_and_are_told_of(caplog: Any) -> None:
    pairs = read_pairs(rows(score_a=(2, 1), score_b=(1, 2)))
    assert not pairs.has_gold.any()
    assert pairs.table["score_a"][0].as_py() == 2
    assert "gold may be in score_a and score_b" in caplog.text
    caplog.clear()
    read_pairs(rows(score_a=(2, 1), score_b=(1, 2), gold=("a", "b")))
    assert "gold may be" not in caplog.text


def test_scores_inside_answers_are_gold_under_a_named_key() -> None:
    made = rows()
    for row, second in zip(made, SECOND, strict=True):
        for name, score in (("response_a", 1 if second else 5), ("response_b", 5 if second else 1)):
            row[name] = {"text": row[name], "quality": score}
    names = {
        "response_a": "response_a.text",
        "response_b": "response_b.text",
        "gold_a": "response_a.quality",
        "gold_b": "response_b.quality",
    }
    assert gold(made, columns=names) == RIGHT


@pytest.mark.parametrize("yes", [(1, 0), (True, False), ("1", "0"), (1.0, 0.0)])
@pytest.mark.parametrize(
    "names",
    [
        ("winner_model_a", "winner_model_b", "winner_tie"),
        ("winner_a", "winner_b", "tie"),
        ("a_wins", "b_wins", "draw"),
    ],
)
def test_a_column_per_outcome_is_gold(names: tuple[str, str, str], yes: tuple[Any, Any]) -> None:
    first, second, tie = names
    made = rows(**{first: yes, second: yes[::-1], tie: yes[1]})
    assert gold(made) == RIGHT
    made[0] |= {first: yes[1], tie: yes[0]}
    made[1] |= {second: yes[1]}
    assert gold(made)[:2] == ["tie", None]
    made[2] |= {first: yes[0]}
    assert "contradict each other" in read_pairs(made).set_aside[0].reason


def test_outcomes_of_other_names_can_be_named() -> None:
    made = rows(x=(1, 0), y=(0, 1), d=0)
    assert gold(made, columns={"gold_a": "x", "gold_b": "y", "gold_tie": "d"}) == RIGHT
    with pytest.raises(ConfigError, match="columns names gold_a=x alone"):
        gold(made, columns={"gold_a": "x"})


@pytest.mark.parametrize(
    "scores",
    [
        {"score_chosen": 5, "score_rejected": 5},
        {"chosen_rating": 5, "rejected_rating": 5.0},
        {"rating_chosen": "5", "rating_rejected": "5.0"},
        {"chosen-score": 5, "rejected-score": 5},
        {"rating": [5, 5]},
        {"ratings": {"chosen": 5, "rejected": 5}},
    ],
)
def test_equal_scores_beside_a_choice_are_a_tie(scores: dict[str, Any]) -> None:
    assert gold([{"prompt": "Q", "chosen": "x", "rejected": "y", **scores}]) == ["tie"]


def test_equal_scores_inside_chosen_and_rejected_are_a_tie() -> None:
    made = [
        {"prompt": "Q", "chosen": {"text": "x", "score": 3}, "rejected": {"text": "y", "score": s}}
        for s in (3, 1, 4)
    ]
    pairs = read_pairs(made)
    assert [row["gold"] == "tie" for row in pairs.table.to_pylist()] == [True, False]
    assert "chosen.score 3 is below rejected.score 4" in pairs.set_aside[0].reason


def test_a_verdict_between_two_summaries_in_a_list() -> None:
    made = [
        {"info": {"post": f"Q{i}"}, "summaries": [{"text": "x"}, {"text": "y"}], "choice": i % 2}
        for i in range(4)
    ]
    names = {"prompt": "info.post", "responses": "summaries", "gold": "choice"}
    table = read_pairs(made, columns=names, gold_values={"0": "a", "1": "b"}).table.to_pylist()
    assert [row[f"response_{row['gold']}"] for row in table] == ["x", "y", "x", "y"]
    with pytest.raises(GoldError, match="'choice' holds 0, 1"):
        read_pairs(made, columns=names)


# --------------------------------------------------------------------------------------------- elsewhere
def test_gold_in_a_file_of_its_own_is_coded_by_the_same_map() -> None:
    made = [{**row, "id": f"p{i}"} for i, row in enumerate(rows())]
    file = [{"id": f"p{i}", "winner": 2 if second else 1} for i, second in enumerate(SECOND)]
    assert gold(made, gold=file, gold_values={1: "a", 2: "b"}) == RIGHT
    with pytest.raises(GoldError, match="gold in column 'winner' holds 1, 2"):
        gold(made, gold=file)


@pytest.mark.parametrize(
    ("made", "columns", "words"),
    [
        ([{"prompt": "Q", "chosen": "x", "rejected": "y"}], None, "the better answer is the chosen one"),
        (rows(), None, "no column is gold. Name it in columns"),
        (rows(s1=(1, 2), s2=(2, 1)), {"gold_a": "s1", "gold_b": "s2"}, "gold stands in s1 and s2"),
    ],
)
def test_a_map_with_nothing_to_map_says_so(made: Any, columns: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        gold(made, columns=columns, gold_values={"1": "a"})


def test_gold_named_beside_a_choice_says_so() -> None:
    row = {"prompt": "Q", "chosen": "x", "rejected": "y", "p": "a"}
    with pytest.raises(ConfigError, match="columns names gold=p, but in the layout 'trl' the chosen answer"):
        gold([row], columns={"gold": "p"})
