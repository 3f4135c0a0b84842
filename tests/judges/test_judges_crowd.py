"""Crowd workers with identities: a table of annotations as labeling functions."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import draw_votes

import weaklabel as wl
from weaklabel.engine import apply
from weaklabel.errors import DataError, LabelingFunctionError
from weaklabel.judges.crowd import crowd_match, crowd_workers
from weaklabel.lf.checks import check_labeling_function
from weaklabel.lf.discovery import fingerprint, load_spec, settings_of
from weaklabel.types import CANONICAL, Pairs, swap_votes


def made_pairs(n=4, swapped=None):
    rows = [
        {
            "id": f"p{i}",
            "prompt": f"{i}?",
            "response_a": "x",
            "response_b": "y",
            "swapped": bool(swapped and swapped[i]),
        }
        for i in range(n)
    ]
    return Pairs(pa.Table.from_pylist(rows, schema=CANONICAL))


def written(folder, rows, name="votes.jsonl", columns=("worker", "id", "vote")):
    """A file of annotations, one tuple a row."""
    table = [dict(zip(columns, row, strict=True)) for row in rows]
    path = folder / name
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(table), path)
    elif path.suffix == ".csv":
        lines = [",".join(columns), *(",".join("" if v is None else str(v) for v in row) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    return path


ROWS = [
    ("ann", "p0", "a"),
    ("ann", "p1", "b"),
    ("ann", "p2", "tie"),
    ("bob", "p0", "b"),
    ("bob", "p3", None),
    ("cyd", "p1", "b"),
]


@pytest.mark.parametrize("name", ["votes.jsonl", "votes.csv", "votes.parquet"])
def test_each_worker_is_a_labeling_function_whatever_the_file(tmp_path, name):
    lfs = crowd_workers(written(tmp_path, ROWS, name), min_votes=1)
    votes = apply(lfs, made_pairs())
    assert votes.lf_names == ("crowd.ann", "crowd.bob", "crowd.cyd")
    assert votes.L.T.tolist() == [[0, 1, -1, -1], [1, -1, -1, -1], [-1, 1, -1, -1]]
    assert votes.margins[:3, 0].tolist() == [-1.0, 1.0, 0.0]
    assert np.isnan(votes.margins[3, 0])


def test_workers_with_few_votes_are_pooled_and_their_majority_votes(tmp_path):
    rows = [("ann", f"p{i}", "a") for i in range(3)]
    rows += [("w1", "p0", "b"), ("w2", "p0", "b"), ("w3", "p0", "a"), ("w1", "p1", "a"), ("w2", "p1", "b")]
    lfs = crowd_workers(written(tmp_path, rows), min_votes=3)
    votes = apply(lfs, made_pairs())
    assert votes.lf_names == ("crowd.ann", "crowd.others")
    assert votes.L[:, 1].tolist() == [1, -1, -1, -1]
    assert votes.margins[:2, 1].tolist() == [1.0, 0.0]


def test_a_worker_who_voted_for_both_sides_of_a_pair_abstains_there(tmp_path):
    lfs = crowd_workers(
        written(tmp_path, [("ann", "p0", "a"), ("ann", "p0", "b"), ("ann", "p1", "a")]), min_votes=1
    )
    assert apply(lfs, made_pairs()).L[:, 0].tolist() == [-1, 0, -1, -1]
    assert crowd_match(lfs, made_pairs())[0].n_repeated == 1


@given(
    st.lists(st.tuples(st.sampled_from("abt"), st.sampled_from("ab"), st.booleans()), min_size=4, max_size=4)
)
def test_votes_turn_with_the_pair_whatever_they_speak_of(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("crowd")
    swapped = [turned for _, _, turned in rows]
    side = {"a": "a", "b": "b", "t": "tie"}
    place = {("a", "a"): "1", ("a", "b"): "2", ("b", "b"): "1", ("b", "a"): "2"}
    path = written(
        folder,
        [
            *(("sides", f"p{i}", "a", side[v]) for i, (v, _, _) in enumerate(rows)),
            *(("places", f"p{i}", o, place.get((v, o), "0")) for i, (v, o, _) in enumerate(rows)),
        ],
        columns=("worker", "id", "order", "vote"),
    )
    votes = {"a": "a", "b": "b", "tie": "tie", "1": "first", "2": "second", "0": "tie"}
    lfs = crowd_workers(path, votes=votes, shown="order", min_votes=1)
    plain, turned = apply(lfs, made_pairs(4)), apply(lfs, made_pairs(4, swapped))
    where = np.array(swapped)[:, None]
    assert np.array_equal(plain.L[:, 0], plain.L[:, 1])
    assert np.array_equal(turned.L, np.where(where, swap_votes(plain.L), plain.L))
    assert np.array_equal(turned.margins, np.where(where, -plain.margins, plain.margins))


def test_it_keeps_the_contract_of_a_labeling_function(tmp_path):
    pairs = made_pairs(4, [True, False, True, False])
    for lf in crowd_workers(written(tmp_path, ROWS), min_votes=1):
        assert check_labeling_function(lf, pairs) == []


def test_the_share_of_the_first_place_is_known_where_the_order_is(tmp_path):
    rows = [
        ("ann", "p0", "a", "a"),
        ("ann", "p1", "b", "b"),
        ("ann", "p2", "b", "a"),
        ("ann", "p3", "tie", "a"),
    ]
    lfs = crowd_workers(
        written(tmp_path, rows, columns=("worker", "id", "vote", "order")), shown="order", min_votes=1
    )
    assert crowd_match(lfs, made_pairs())[0].share_first == {"ann": pytest.approx(2 / 3)}


def test_annotations_of_no_pair_are_counted_and_told_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "weaklabel")
    lfs = crowd_workers(written(tmp_path, [*ROWS, ("ann", "zz", "a")]), min_votes=1)
    apply(lfs, made_pairs())
    (match,) = crowd_match(lfs, made_pairs())
    assert (match.n_annotations, match.n_workers, match.n_unmatched, match.first_unmatched) == (6, 3, 1, "zz")
    assert caplog.text.count("votes.jsonl: 1 of 6 annotations are of no pair here, first 'zz'") == 1


def test_pool_workers_and_another_process_find_it(tmp_path):
    lfs = crowd_workers(written(tmp_path, ROWS), min_votes=2)
    for lf in lfs:
        assert replace(load_spec(lf.spec), **settings_of(lf)) == lf
    one, two = apply(lfs, made_pairs()), apply(lfs, made_pairs(), workers=2, shard_size=2)
    assert np.array_equal(one.L, two.L)
    assert one.margins.tobytes() == two.margins.tobytes()


def test_a_labeler_with_a_crowd_is_saved_loaded_and_labels_the_same(tmp_path):
    lfs = crowd_workers(written(tmp_path, ROWS), min_votes=1)
    labeler = wl.fit(lfs, made_pairs())
    labeler.save(tmp_path / "labeler")
    again = wl.Labeler.load(tmp_path / "labeler", lfs)
    assert np.array_equal(again.label(made_pairs()).p, labeler.label(made_pairs()).p)


def test_new_annotations_count_at_once_and_leave_the_function_what_it_was(tmp_path):
    path = written(tmp_path, ROWS)
    lfs = crowd_workers(path, min_votes=1)
    before = fingerprint(lfs[0])
    written(tmp_path, [*ROWS, ("ann", "p3", "a")])
    os.utime(path, ns=(1, 1))
    assert apply(lfs, made_pairs()).L[3, 0] == 0
    assert fingerprint(lfs[0]) == before


def test_a_label_model_learns_who_is_right_more_often(tmp_path):
    accuracies = [0.95, 0.6, 0.6, 0.6]
    L, y = draw_votes(1500, accuracies, seed=3)
    rows = [(f"w{j}", f"p{i}", "ab"[L[i, j]]) for i in range(len(y)) for j in range(4) if L[i, j] >= 0]
    lfs = crowd_workers(written(tmp_path, rows), min_votes=1)
    pairs = made_pairs(len(y))
    crowd = wl.fit(lfs, pairs, model="dawid_skene").label(pairs).p
    majority = wl.fit(lfs, pairs, model="majority_vote").label(pairs).p
    right = lambda p: ((p > 0.5) == (y == 1)).mean()  # noqa: E731
    assert right(crowd) > right(majority) + 0.1


@pytest.mark.parametrize(
    ("rows", "settings", "words"),
    [
        (
            [("ann", "p0", "left")],
            {},
            r"votes.jsonl:1: 'vote' is 'left'. votes defines 'a', 'b', 'tie'",
        ),
        ([(None, "p0", "a")], {}, "a vote without 'worker' or 'id'"),
        ([("", "p0", "a")], {}, "votes.jsonl:1: a vote without 'worker' or 'id'"),
        ([("ann", "p0", "a"), ("ann", "", "a")], {}, "votes.jsonl:2: a vote without 'worker' or 'id'"),
        ([("ann", float("nan"), "a")], {}, "votes.jsonl:1: a vote without 'worker' or 'id'"),
        ([], {}, "votes.jsonl: there is no vote in it"),
        ([("ann", "p0", ""), ("bob", "p0", None)], {}, "votes.jsonl: there is no vote in it"),
        (
            [("ann", "p0", "a")],
            {"id": "pair"},
            r"votes.jsonl:1: there is no column 'pair'. It has: worker, id, vote",
        ),
        ([("ann", "p0", "a")], {"votes": {"a": "left"}}, "votes maps to 'left'"),
        ([("ann", "p0", "a")], {"votes": {"1": "first"}}, "need shown"),
        ([("ann", "p0", "a")], {"shown": "vote", "votes": {"x": "a"}}, "'vote' is 'a'. votes defines 'x'"),
        ([("ann", "p0", "tie")], {"shown": "vote"}, "'vote' is 'tie'. Allowed: 'a', 'b'"),
        ([("a::b", "p0", "a")], {}, "ends a source"),
        (
            [("others", "p0", "a"), ("others", "p1", "a"), ("x", "p0", "a")],
            {"min_votes": 2},
            "Rename that worker",
        ),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_place(tmp_path, rows, settings, words):
    with pytest.raises((DataError, LabelingFunctionError), match=words):
        crowd_workers(written(tmp_path, rows), **{"min_votes": 1} | settings)


def test_a_file_that_is_missing_torn_or_of_another_kind_is_told(tmp_path):
    with pytest.raises(DataError, match="Name an existing file"):
        crowd_workers(tmp_path / "no.jsonl")
    (tmp_path / "torn.jsonl").write_text('{"worker": "a", "id"')
    with pytest.raises(DataError, match=r"torn.jsonl:1: .* Repair the line"):
        crowd_workers(tmp_path / "torn.jsonl")
    (tmp_path / "votes.xlsx").write_text("")
    with pytest.raises(DataError, match="Convert the file"):
        crowd_workers(tmp_path / "votes.xlsx")
    for line in ("[1]", '"worker"', "{"):
        (tmp_path / "odd.jsonl").write_text('{"worker": "a", "id": "p0", "vote": "a"}\n' + line + "\n")
        with pytest.raises(DataError, match=r"odd.jsonl:2: .* Repair the line"):
            crowd_workers(tmp_path / "odd.jsonl")


def test_annotations_none_of_which_is_of_a_pair_are_warned_of(tmp_path, caplog):
    lfs = crowd_workers(written(tmp_path, [("ann", "1", "a"), ("bob", "2", "b")]), min_votes=1)
    apply(lfs, made_pairs())
    assert [(r.levelname, r.message) for r in caplog.records if "annotations" in r.message] == [
        ("WARNING", "votes.jsonl: none of its 2 annotations is of a pair here, first '1'")
    ]
