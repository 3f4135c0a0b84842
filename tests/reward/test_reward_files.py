"""Beliefs in a file's own columns, and rewards added to a file."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_labels import build_labels
from made_pairs import made_pairs

from weaklabel.errors import ConfigError, DataError, LayoutError, NotCalibratedError
from weaklabel.export import get_exporter
from weaklabel.reward import read_taught, score_file, train_reward, training_targets

ROW = {"prompt": "q", "response_a": "x", "response_b": "y"}


@pytest.mark.parametrize("name", ["parquet", "trl", "openrlhf"])
def test_our_exports_teach_what_the_labels_taught(tmp_path, name):
    labels = build_labels()
    get_exporter(name)(labels, tmp_path / name)
    (data,) = [f for f in (tmp_path / name).iterdir() if f.name not in ("manifest.json", "README.md")]
    pairs, beliefs = read_taught(data, test_share=0.0)
    found = {i: (p, w) for i, p, w in zip(pairs.ids, *beliefs, strict=True)}
    said = {i: (p, w) for i, p, w in zip(labels.votes.ids, labels.p, labels.w, strict=True)}
    for pair_id, (p, w) in found.items():
        # An export may have redrawn the order; the text says which response is meant.
        turned = pairs.table["response_a"].to_pylist()[pairs.ids.index(pair_id)].startswith("second")
        assert p == pytest.approx(1 - said[pair_id][0] if turned else said[pair_id][0])
        assert w == said[pair_id][1]
    assert {"b-wins", "a-wins", "unsure"} <= set(found)


def test_a_choice_with_a_belief_is_a_label_and_no_gold():
    rows = [
        {"prompt": f"q{i}", "chosen": "x", "rejected": "y", "p_chosen": 0.8 if i < 3 else None}
        for i in range(4)
    ]
    pairs, (p, w) = read_taught(rows, test_share=0.0)
    chosen_is_b = np.array(pairs.table["response_b"].to_pylist()) == "x"
    assert p[:3] == pytest.approx(np.where(chosen_is_b, 0.8, 0.2)[:3])
    assert w.tolist() == [1, 1, 1, 0]
    assert pairs.has_gold.tolist() == [False, False, False, True]


def test_gold_comes_before_beliefs_and_rows_that_count_nothing_teach_nothing():
    rows = [
        ROW | {"prompt": "q0", "p": 0.9, "w": 2.0, "gold": None},
        ROW | {"prompt": "q1", "p": 0.9, "w": 1.0, "gold": "a"},
        ROW | {"prompt": "q2", "p": None, "w": 1.0, "gold": None},
        ROW | {"prompt": "q3", "p": 0.4, "w": 0.0, "gold": None},
    ]
    pairs, beliefs = read_taught(rows, test_share=0.0)
    taught, p, w, _ = training_targets(pairs, beliefs=beliefs)
    assert [taught.table["prompt"].to_pylist(), p.tolist(), w.tolist()] == [["q0", "q1"], [0.9, 0.0], [2, 1]]
    assert train_reward(pairs, beliefs=beliefs, n_features=64).n_gold_ == 1


def test_a_file_without_beliefs_has_none():
    assert read_taught([ROW | {"gold": "a"}])[1] is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"p": 1.2}, r"p is float 1.2. Allowed: 0 to 1"),
        ({"p": "much"}, r"p is str 'much'"),
        ({"p": 0.5, "w": -1}, r"w is int -1. Allowed: 0 or more"),
    ],
)
def test_a_belief_that_is_none_is_refused_with_the_pairs_id(more, said):
    with pytest.raises(DataError, match=f"pair 'seven': {said}"):
        read_taught([ROW | {"id": "seven"} | more])


def test_p_beside_chosen_and_rejected_has_no_direction():
    with pytest.raises(DataError, match="column p stands beside chosen and rejected"):
        read_taught([{"prompt": "q", "chosen": "x", "rejected": "y", "p": 0.8}])


@pytest.mark.parametrize("mark", [{"calibrated": False}, {"label_source": "weaklabel:uncalibrated"}])
def test_beliefs_that_were_never_calibrated_are_refused_unless_allowed(mark):
    rows = [ROW | {"p": 0.8} | mark]
    with pytest.raises(NotCalibratedError, match="never calibrated on gold"):
        read_taught(rows)
    assert read_taught(rows, allow_uncalibrated=True)[1][0].tolist() == [0.8]


@pytest.fixture(scope="module")
def model():
    return train_reward(
        made_pairs([("bad", "good one"), ("good two", "bad")], gold=["b", "a"]), n_features=64
    )


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_file_gets_a_column_of_rewards_and_keeps_the_others(tmp_path, model, ending):
    rows = [{"prompt": "q", "answer": "good one", "n": 1}, {"prompt": "q", "answer": "bad", "n": None}]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    target = tmp_path / f"out.{ending}"
    assert score_file(model, source, target, {"response": "answer"}) == 2
    found = (
        pq.read_table(target).to_pylist()
        if ending == "parquet"
        else [json.loads(line) for line in target.read_text().splitlines()]
    )
    assert [row["reward"] for row in found] == model.score(["q", "q"], ["good one", "bad"]).tolist()
    assert [(row["response"], row["n"]) for row in found] == [("good one", 1), ("bad", None)]


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        (['{"prompt": "q"}'], LayoutError, "no column 'response'. Found: prompt"),
        (['{"prompt": "q", "response": "x", "reward": 1}'], LayoutError, "has a column 'reward' already"),
        (
            ['{"prompt": "q", "response": "x"}', '{"prompt": "q", "response": 3}'],
            DataError,
            "line 2: response is int 3",
        ),
        (['{"prompt": "q", "response": "x"}', "{"], DataError, "line 2: .*not a whole JSON object"),
    ],
)
def test_a_file_that_cannot_be_scored_leaves_nothing_behind(tmp_path, model, lines, error, said):
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(lines))
    with pytest.raises(error, match=said):
        score_file(model, source, tmp_path / "out.jsonl")
    assert [f.name for f in tmp_path.iterdir()] == ["in.jsonl"]


def test_an_unknown_ending_is_refused(tmp_path, model):
    with pytest.raises(ConfigError, match=r"'.csv'. Allowed: .parquet, .jsonl"):
        score_file(model, tmp_path / "in.jsonl", tmp_path / "out.csv")
