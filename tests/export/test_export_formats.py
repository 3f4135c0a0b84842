"""Every export read back equal. What holds for all of them stands in tests/contracts."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_labels import ROWS, TURNS, labels_of

from weaklabel.data import read_pairs
from weaklabel.errors import (
    ConfigError,
    MissingExtraError,
    UnknownNameError,
)
from weaklabel.export import EXPORTERS, export_openrlhf, export_parquet, export_trl, get_exporter, select

PREFERENCE = ["trl", "openrlhf"]
COLUMNS = [
    *("prompt", "chosen", "rejected", "p_chosen", "p_chosen_low", "p_chosen_high", "w", "logit", "id"),
    "label_source",
]


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def bytes_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_failed_export_leaves_the_earlier_one_whole(labels, tmp_path, monkeypatch):
    export_trl(labels, tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    monkeypatch.setattr("weaklabel.export.trl._card", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_trl(labels, tmp_path / "out", min_confidence=0.85)
    assert bytes_of(tmp_path / "out") == before


@pytest.mark.parametrize("name", PREFERENCE)
def test_preference_rows_come_back_equal_and_in_order(name, labels, tmp_path):
    get_exporter(name)(labels, tmp_path / "out")
    rows = read_jsonl(tmp_path / "out" / "train.jsonl")
    kept = select(labels)[0]
    assert [list(row) for row in rows] == [COLUMNS] * 3
    assert [row["id"] for row in rows] == ["b-wins", "a-wins", "unsure"]
    assert [row["logit"] for row in rows] == np.abs(kept.logit).tolist()
    assert [row["p_chosen"] for row in rows] == kept.confidence.tolist()
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "second answer\nto b-wins"}]
    assert rows[1]["chosen"] == [{"role": "assistant", "content": "first answer to a-wins ünï"}]


def test_no_export_holds_a_margin_column(labels, tmp_path):
    # TRL and OpenRLHF would subtract it inside the loss.
    for name in PREFERENCE:
        get_exporter(name)(labels, tmp_path / name)
        assert not any("margin" in row for row in read_jsonl(tmp_path / name / "train.jsonl"))


def test_the_conversation_is_the_prompt_where_there_is_one(labels, tmp_path):
    export_trl(labels, tmp_path / "out")
    rows = read_jsonl(tmp_path / "out" / "train.jsonl")
    assert rows[1]["prompt"] == TURNS
    assert rows[0]["prompt"] == [{"role": "user", "content": "2 + 2?"}]  # no messages
    assert rows[2]["prompt"] == [{"role": "user", "content": "Name a fruit."}]  # an empty list of them


@pytest.mark.parametrize("name", PREFERENCE)
def test_plain_rows_hold_strings(name, labels, tmp_path):
    get_exporter(name)(labels, tmp_path / "out", conversational=False)
    row = read_jsonl(tmp_path / "out" / "train.jsonl")[0]
    assert (row["prompt"], row["chosen"]) == ("2 + 2?", "second answer\nto b-wins")


@pytest.mark.parametrize("conversational", [True, False])
def test_trl_parquet_holds_what_trl_jsonl_holds(labels, tmp_path, conversational):
    export_trl(labels, tmp_path / "j", conversational=conversational)
    export_trl(labels, tmp_path / "p", conversational=conversational, file_format="parquet")
    table = pq.read_table(tmp_path / "p" / "train.parquet")
    assert table.to_pylist() == read_jsonl(tmp_path / "j" / "train.jsonl")


def test_an_unknown_file_format_is_refused(labels, tmp_path):
    with pytest.raises(ConfigError, match=r"file_format is 'csv'. Allowed: jsonl, parquet"):
        export_trl(labels, tmp_path / "out", file_format="csv")


def test_the_card_says_what_a_user_must_know(labels, tmp_path):
    export_trl(labels, tmp_path / "out", min_confidence=0.6)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for words in (
        "kept 2 of 6",
        "confidence at least 0.6",
        "calibrated on gold",
        "gold test part are left out",
        "TRL ignores `p_chosen` and `w`",
        "load_dataset(",
    ):
        assert words in card


def test_the_card_warns_of_test_prompts_and_uncalibrated_labels(make_labels, tmp_path):
    export_trl(make_labels(calibrated=False), tmp_path / "out", include_test=True, allow_uncalibrated=True)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "INCLUDED" in card
    assert "never calibrated" in card


def test_load_dataset_opens_the_trl_folder_by_its_card(labels, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    export_trl(labels, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].to_list() == read_jsonl(tmp_path / "out" / "train.jsonl")


def test_parquet_comes_back_equal_with_soft_labels_of_ties(labels, tmp_path):
    report = export_parquet(labels, tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "pairs.parquet")
    assert table.equals(select(labels, keep_undecided=True)[0].to_table())
    assert report.n_kept == 5
    assert dict(zip(table["id"].to_pylist(), table["p"].to_pylist(), strict=True))["tie"] == 0.5


def test_a_saved_dataset_comes_back_equal(labels, tmp_path):
    datasets = pytest.importorskip("datasets")
    EXPORTERS["datasets"](labels, tmp_path / "out")
    loaded = datasets.load_from_disk(str(tmp_path / "out"))
    assert loaded.to_list() == select(labels, keep_undecided=True)[0].to_table().to_pylist()


def test_without_datasets_the_message_names_the_extra(labels, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'weaklabel\[datasets\]'"):
        EXPORTERS["datasets"](labels, tmp_path / "out")


def test_an_unknown_exporter_is_named_with_a_guess():
    with pytest.raises(UnknownNameError, match=r"no exporter 'tlr'.*Did you mean 'trl'"):
        get_exporter("tlr")


@pytest.mark.parametrize("conversational", [True, False])
@pytest.mark.parametrize("export", [export_trl, export_openrlhf])
def test_our_own_reader_keeps_the_chosen_response_chosen(export, conversational, labels, tmp_path):
    export(labels, tmp_path / "out", conversational=conversational)
    pairs = read_pairs(tmp_path / "out" / "train.jsonl")
    table = pairs.table.to_pylist()
    won = {row["id"]: row["response_b" if row["p_b"] is not None else "response_a"] for row in table}
    assert not pairs.has_gold.any()  # a label is not gold
    assert won == {
        "b-wins": "second answer\nto b-wins",
        "a-wins": "first answer to a-wins ünï",
        "unsure": "second answer\nto unsure",
    }


def test_our_own_reader_opens_the_parquet_export(labels, tmp_path):
    export_parquet(labels, tmp_path / "out")
    pairs = read_pairs(tmp_path / "out" / "pairs.parquet")
    assert pairs.ids == ("b-wins", "a-wins", "unsure", "tie", "silent")


def test_labels_read_back_without_gold_are_not_taken_for_gold(make_labels, tmp_path):
    rows = [(*row[:3], None, "pool", *row[5:]) for row in ROWS]
    export_parquet(make_labels(rows=rows), tmp_path / "out")
    assert not read_pairs(tmp_path / "out" / "pairs.parquet").has_gold.any()


@pytest.mark.parametrize("source", ["hh_rlhf_train", "ultrafeedback_train"])
def test_real_pairs_survive_the_way_to_trl_and_back(source, shared, tmp_path):
    pairs = read_pairs(shared / "data" / "preferences" / f"{source}.parquet").visible
    logit = np.random.default_rng(0).normal(size=len(pairs))
    export_trl(labels_of(pairs, logit), tmp_path / "out")
    back = read_pairs(tmp_path / "out" / "train.jsonl").table.to_pylist()
    won = {row["id"]: row["response_b" if row["p_b"] is not None else "response_a"] for row in back}
    a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
    expected = [y if z > 0 else x for x, y, z in zip(a, b, logit, strict=True)]
    assert won == dict(zip(pairs.ids, expected, strict=True))
    assert [row["prompt"] for row in back] == pairs.table["prompt"].to_pylist()
