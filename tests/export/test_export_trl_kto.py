"""Single responses for KTO: what each row says, in which order, and what is told of contradictions."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_labels import TURNS, build_labels, build_pairs, labels_of, with_interval

from weaklabel.errors import ConfigError
from weaklabel.export import export_trl, export_trl_kto
from weaklabel.export.unpaired import apart
from weaklabel.types import Labels, LabelsFile
from weaklabel.types.messages import as_messages

COLUMNS = [
    *(
        "prompt",
        "completion",
        "label",
        "p_desirable",
        "p_desirable_low",
        "p_desirable_high",
        "w",
        "logit",
        "id",
    ),
    "label_source",
]


def read(folder: Path, name: str = "train.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").split("\n") if line]


def by_side(rows: list[dict[str, Any]]) -> dict[tuple[str, bool], dict[str, Any]]:
    return {(row["id"], row["label"]): row for row in rows}


def made(*pairs: tuple[str, str, str], z: list[float]) -> Labels:
    """Labels of (prompt, response a, response b) with these log-odds that b wins."""
    prompts, a, b = (list(column) for column in zip(*pairs, strict=True))
    return labels_of(build_pairs(prompts, a, b), np.array(z))


def test_each_pair_gives_its_chosen_and_its_rejected_response(labels, tmp_path):
    report = export_trl_kto(labels, tmp_path / "out")
    rows = read(tmp_path / "out")
    assert [list(row) for row in rows] == [COLUMNS] * 6
    assert report.n_kept == 3  # pairs, as in every export
    sides = by_side(rows)
    assert sides["b-wins", True]["completion"] == [
        {"role": "assistant", "content": "second answer\nto b-wins"}
    ]
    assert sides["b-wins", False]["completion"] == [
        {"role": "assistant", "content": "first answer to b-wins ünï"}
    ]
    assert sides["a-wins", True]["completion"][0]["content"].startswith("first")
    assert sides["a-wins", True]["prompt"] == sides["a-wins", False]["prompt"] == TURNS


def test_belief_and_interval_are_about_the_completion(make_labels, tmp_path):
    # P(B) of b-wins is .881, of a-wins .182; by hand, the interval of 1 - p is [1 - high, 1 - low].
    made_of = with_interval(
        make_labels(), [0.75, 0.125, 0.25, 0.5, 0.5, 0.0], [0.9375, 0.25, 0.75, 0.5, 0.5, 0.5]
    )
    export_trl_kto(made_of, tmp_path / "out")
    sides = by_side(read(tmp_path / "out"))

    def said(pair_id: str, label: bool) -> list[float]:
        row = sides[pair_id, label]
        return [row[f"p_desirable{end}"] for end in ("_low", "", "_high")]

    assert said("b-wins", True) == pytest.approx([0.75, 0.8808, 0.9375], abs=1e-4)
    assert said("b-wins", False) == pytest.approx([0.0625, 0.1192, 0.25], abs=1e-4)
    assert said("a-wins", True) == pytest.approx([0.75, 0.8176, 0.875], abs=1e-4)
    assert said("a-wins", False) == pytest.approx([0.125, 0.1824, 0.25], abs=1e-4)
    assert (sides["a-wins", True]["logit"], sides["a-wins", False]["logit"]) == (1.5, -1.5)


def test_without_an_interval_its_columns_are_null(labels, tmp_path):
    export_trl_kto(labels, tmp_path / "out")
    assert {row[f"p_desirable_{end}"] for row in read(tmp_path / "out") for end in ("low", "high")} == {None}


def test_the_weight_is_that_of_the_label_and_never_the_confidence(make_labels, tmp_path):
    rows = [("x", "q", None, None, "pool", 0.25, 3.0), ("y", "r", None, None, "pool", 4.0, 0.5)]
    export_trl_kto(make_labels(rows=rows), tmp_path / "out")
    assert {(row["id"], row["w"]) for row in read(tmp_path / "out")} == {("x", 3.0), ("y", 0.5)}


def test_the_rows_are_those_of_export_trl_unpaired(labels, tmp_path):
    export_trl(labels, tmp_path / "pairs", conversational=False)
    export_trl_kto(labels, tmp_path / "single", conversational=False)
    expected = [
        (row["prompt"], row[side], side == "chosen", row["id"])
        for row in read(tmp_path / "pairs")
        for side in ("chosen", "rejected")
    ]
    found = [(row["prompt"], row["completion"], row["label"], row["id"]) for row in read(tmp_path / "single")]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("conversational", [True, False])
def test_parquet_holds_what_jsonl_holds(labels, tmp_path, conversational):
    for file_format in ("jsonl", "parquet"):
        export_trl_kto(labels, tmp_path / file_format, conversational=conversational, file_format=file_format)
    table = pq.read_table(tmp_path / "parquet" / "train.parquet")
    assert table.to_pylist() == read(tmp_path / "jsonl")


def test_an_unknown_file_format_is_refused(labels, tmp_path):
    with pytest.raises(ConfigError, match=r"export_trl_kto: file_format is 'csv'. Allowed: jsonl, parquet"):
        export_trl_kto(labels, tmp_path / "out", file_format="csv")


def test_tool_calls_do_not_get_lost_in_parquet(tmp_path):
    call = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turns = as_messages(
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "-4", "name": "weather"},
        ]
    )
    labels = build_labels(rows=[("p0", "q", turns, None, "pool", 1.0, 1.0)])
    with pytest.raises(ConfigError, match=r"export_trl_kto: the prompt of pair 'p0' holds tool calls"):
        export_trl_kto(labels, tmp_path / "out", file_format="parquet")


def test_a_response_that_won_and_lost_is_written_both_times_and_told(tmp_path):
    # "good" beats "bad"; "best" beats "good": one response of q is on both sides, in two of the six rows.
    labels = made(("q", "bad", "good"), ("q", "best", "good"), ("r", "bad", "good"), z=[1.0, -1.0, 2.0])
    report = export_trl_kto(labels, tmp_path / "out", conversational=False)
    rows = read(tmp_path / "out")
    assert sorted(row["label"] for row in rows if (row["prompt"], row["completion"]) == ("q", "good")) == [
        False,
        True,
    ]
    assert "1 completions are desirable in one row and undesirable in another" in report.notes[0]
    assert "2 of 6 rows, all written" in report.notes[0]
    assert report.notes[0] in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_the_same_text_under_another_prompt_is_no_contradiction(tmp_path):
    labels = made(("q", "bad", "good"), ("r", "good", "bad"), z=[1.0, 1.0])
    assert not any("undesirable" in note for note in export_trl_kto(labels, tmp_path / "out").notes)


def row_of(number: int, prompt: str) -> dict[str, Any]:
    sides = {"prompt": prompt, "chosen": f"yes {number}", "rejected": f"no {number}", "id": str(number)}
    belief = {"p_chosen": 0.75, "p_chosen_low": None, "p_chosen_high": None, "w": 1.0, "logit": 1.1}
    return sides | belief | {"label_source": "weaklabel:calibrated"}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=25), st.integers(5, 12))
def test_neighbours_answer_different_prompts_and_are_desirable_by_turns(sizes, block):
    rows = [row_of(k, f"q{k}") for k, size in enumerate(sizes) for _ in range(size)]
    lists = list(apart(rows, 2 * block))
    found = [row for part in lists for row in part]
    assert sorted((row["id"], row["label"]) for row in found) == sorted(
        (row["id"], label) for row in rows for label in (True, False)
    )
    assert [row["label"] for row in found] == [True, False] * len(rows)
    if len(rows) >= 10:  # four pairs of one prompt are less than half of each list
        assert all(one["prompt"] != other["prompt"] for one, other in pairwise(found))


def test_few_prompts_are_told_as_their_rows_cannot_be_kept_apart(tmp_path):
    one = made(("q", "bad", "good"), ("q", "worse", "better"), z=[1.0, 1.0])
    many = made(*[(f"q{i}", "bad", "good") for i in range(8)], z=[1.0] * 8)
    report = export_trl_kto(one, tmp_path / "one")
    assert (
        "3 of 4 rows follow a row of the same prompt" in report.notes[0]
    )  # the three after the first of four
    assert export_trl_kto(many, tmp_path / "many").notes == ()


def test_the_order_does_not_depend_on_the_parts_that_labels_come_in(tmp_path, monkeypatch):
    monkeypatch.setattr("weaklabel.export.trl_kto.apart", lambda rows: apart(rows, 4))
    labels = made(*[(f"q{i}", "bad", "good") for i in range(11)], z=[float(i - 5) or 0.5 for i in range(11)])
    pq.write_table(labels.to_table(), tmp_path / "labels.parquet", row_group_size=3)
    export_trl_kto(labels, tmp_path / "memory")
    export_trl_kto(LabelsFile(tmp_path / "labels.parquet"), tmp_path / "file")
    assert read(tmp_path / "memory") == read(tmp_path / "file")


def test_the_card_says_what_a_user_must_know(make_labels, tmp_path):
    export_trl_kto(make_labels(calibrated=False), tmp_path / "out", allow_uncalibrated=True)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for words in (
        "kept 3 of 6",
        "never calibrated on gold**: p_desirable",
        "TRL ignores `p_desirable` and `w`",
        "Keep the order of the rows",
        "from trl import KTOTrainer\n",
    ):
        assert words in card


def test_load_dataset_opens_the_folder_by_its_card(labels, tmp_path):
    datasets = pytest.importorskip("datasets")
    export_trl_kto(labels, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].to_list() == read(tmp_path / "out")
