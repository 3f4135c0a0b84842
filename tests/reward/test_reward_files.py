"""Beliefs in a file's own columns, and rewards added to a file."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_labels import build_labels, with_interval
from made_pairs import made_pairs

from weaklabel.data import read_pairs
from weaklabel.errors import ConfigError, DataError, LayoutError, NotCalibratedError
from weaklabel.export import get_exporter
from weaklabel.reward import read_taught, score_file, taught_interval, train_reward, training_targets
from weaklabel.types import LabelsFile

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


LOW, HIGH = [0.75, 0.125, 0.25, 0.5, 0.5, 0.0], [0.9375, 0.25, 0.75, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("parquet", {}),
        ("datasets", {}),
        ("trl", {"conversational": True}),
        ("trl", {"conversational": False, "file_format": "parquet"}),
        ("openrlhf", {}),
    ],
)
def test_what_our_exports_say_of_a_pair_is_read_back(tmp_path, name, settings):
    labels = with_interval(build_labels(), LOW, HIGH)
    source = exported(name, labels, tmp_path / name, settings)
    pairs, (p, w) = read_taught(source, test_share=0.0)
    low, high = taught_interval(pairs)
    at = [labels.votes.ids.index(pair_id) for pair_id in pairs.ids]
    turned = np.array([text.startswith("second") for text in pairs.table["response_a"].to_pylist()])
    assert {"b-wins", "a-wins", "unsure"} <= set(pairs.ids)
    np.testing.assert_array_equal(w, labels.w[at])
    counts = w > 0  # where a pair counts nothing its p is not read
    np.testing.assert_allclose(
        p[counts], np.where(turned, 1 - labels.p[at], labels.p[at])[counts], atol=1e-15
    )
    np.testing.assert_array_equal(low, np.where(turned, 1 - labels.p_high[at], labels.p_low[at]))
    np.testing.assert_array_equal(high, np.where(turned, 1 - labels.p_low[at], labels.p_high[at]))


def exported(name, labels, folder, settings):
    """What a reader of ours takes for an export."""
    if name == "datasets":
        datasets = pytest.importorskip("datasets")
        get_exporter(name)(labels, folder)
        return datasets.load_from_disk(str(folder))
    get_exporter(name)(labels, folder, **settings)
    return next(file for file in folder.iterdir() if file.stem in ("train", "pairs"))


def test_a_parquet_export_is_labels_again(tmp_path):
    labels = with_interval(build_labels(), LOW, HIGH)
    get_exporter("parquet")(labels, tmp_path / "out", include_test=True)
    (back,) = LabelsFile(tmp_path / "out" / "pairs.parquet")
    for name in ("p", "w", "p_low", "p_high", "logit", "label"):
        np.testing.assert_array_equal(getattr(back, name), getattr(labels, name))


def test_single_responses_are_not_read_as_pairs(tmp_path):
    get_exporter("trl_kto")(build_labels(), tmp_path / "out")
    with pytest.raises(LayoutError, match="each row holds one response, in column 'completion'"):
        read_taught(tmp_path / "out" / "train.jsonl")


def test_labels_without_an_interval_give_none_back(tmp_path):
    get_exporter("trl")(build_labels(), tmp_path / "out")
    assert taught_interval(read_taught(tmp_path / "out" / "train.jsonl", test_share=0.0)[0]) is None
    assert taught_interval(read_pairs([ROW])) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"p_low": 0.9, "p_high": 0.6}, r"p_low is 0.9 and p_high is 0.6 \(1 of 1 pairs\)"),
        ({"p_low": 0.4}, r"p_low is 0.4 and p_high is nan"),
        ({"p_low": 0.4, "p_high": 1.5}, r"p_high is float 1.5. Allowed: 0 to 1"),
    ],
)
def test_bounds_that_are_none_are_refused_with_the_pairs_id(more, said):
    with pytest.raises(DataError, match=f"pair 'seven': {said}"):
        taught_interval(read_pairs([ROW | {"id": "seven", "p": 0.5} | more]))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"p": 0.9, "p_low": 0.4, "p_high": 0.6},
            "pair 'seven': the belief that response b is better is 0.9, outside",
        ),
        (
            {"p": 0.5, "p_chosen_low": 0.4, "p_chosen_high": 0.6},
            "p_chosen_low and p_chosen_high stand beside p. ",
        ),
    ],
)
def test_bounds_that_are_of_another_belief_are_refused(more, said):
    with pytest.raises(DataError, match=said):
        taught_interval(read_taught([ROW | {"id": "seven"} | more], test_share=0.0)[0])


def test_bounds_of_a_choice_hold_its_belief_in_whatever_order_it_is_read():
    rows = [
        {
            "prompt": f"q{i}",
            "chosen": "x",
            "rejected": "y",
            "p_chosen": 0.8,
            "p_chosen_low": 0.7,
            "p_chosen_high": 0.9,
        }
        for i in range(9)
    ]
    pairs, (p, _) = read_taught(rows, test_share=0.0)
    low, high = taught_interval(pairs)
    assert len(set(p.round(6))) == 2  # some stand as A and some as B
    assert ((low < p) & (p < high)).all()
    with pytest.raises(
        DataError, match=r"p_low and p_high stand beside p_chosen. Those of p_chosen are called p_chosen_low"
    ):
        taught_interval(
            read_taught([*({**row, "p_low": 0.1, "p_high": 0.2} for row in short(rows))], test_share=0.0)[0]
        )
    with pytest.raises(DataError, match="outside its interval"):
        taught_interval(read_taught([row | {"p_chosen": 0.95} for row in rows], test_share=0.0)[0])


def short(rows):
    """Without bounds."""
    return [{name: value for name, value in row.items() if not name.startswith("p_chosen_")} for row in rows]


@pytest.mark.parametrize("more", [{}, {"p": 0.3}, {"gold": "a"}])
def test_a_belief_in_a_choice_that_is_not_there_is_refused(more):
    with pytest.raises(DataError, match="p_chosen is about a chosen response, and the rows have response_a"):
        read_taught([ROW | {"p_chosen": 0.8} | more])


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


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "chosen": "x", "rejected": "y"},
        {"prompt": "q", "responses": ["x", "y"], "ratings": [5, 1]},
        {"chosen": "Human: q\n\nAssistant: x", "rejected": "Human: q\n\nAssistant: y"},
        {"prompt": "q", "chosen": "x", "rejected": "y", "score_chosen": 9.0, "score_rejected": 2.0},
    ],
)
def test_a_belief_in_b_has_no_sense_where_the_order_is_drawn(row):
    with pytest.raises(
        DataError, match=r"column p stands in a file of the layout .* whose responses have no order"
    ):
        read_taught([row | {"p": 0.8}] * 4)


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


@pytest.mark.parametrize("names", [("chosen", "rejected", "p_chosen"), ("response_a", "response_b", "p")])
def test_locked_test_prompts_of_a_file_with_beliefs_stay_locked(names):
    rows = [
        {"prompt": f"q{i}", **dict(zip(names, ("good", "bad", 0.8), strict=True)), "part": part}
        for i, part in enumerate(["test", "test", "pool", "pool", "pool"])
    ]
    pairs, beliefs = read_taught(rows, test_share=0.4)
    assert pairs.parts.tolist() == ["test", "test", "pool", "pool", "pool"]
    assert len(training_targets(pairs, beliefs=beliefs)[0]) == 3
