"""`PairBatch` and `TextColumn`: a shard in the forms in which labeling functions want it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pairs import made_pairs
from odd_texts import odd_texts

from weaklabel.lf import ABSTAIN, FloatArray, Pair, TextColumn, features, labeling_function, response_scorer
from weaklabel.lf.batch import PairBatch
from weaklabel.lf.discovery import load_lfs
from weaklabel.types import Text

SHIPPED = load_lfs("shipped", "shipped:mathematics")


def batch_of(*responses: tuple[str, str], **more: list[str]) -> PairBatch:
    return PairBatch(made_pairs(responses, **more).table)  # type: ignore[arg-type]


def test_equal_responses_are_one() -> None:
    batch = batch_of(("x", "y"), ("y", "x"), ("x", "z"))
    assert sorted(batch.responses.raw) == ["x", "y", "z"]
    again = np.array(batch.responses.raw)[batch.response_rows]
    assert again.tolist() == [["x", "y"], ["y", "x"], ["x", "z"]]


def test_a_response_counts_once_for_each_of_its_prompts() -> None:
    batch = batch_of(("x", "y"), ("x", "y"), ("x", "y"), prompts=["p", "q", "p"])
    response, prompt, rows = batch.asked
    asked = list(zip(response.raw, prompt.raw, strict=True))
    assert sorted(asked) == [("x", "p"), ("x", "q"), ("y", "p"), ("y", "q")]
    assert [[asked[i] for i in row] for row in rows][1] == [("x", "q"), ("y", "q")]


def test_pairs_show_the_columns_that_are_asked_for() -> None:
    table = made_pairs([("x", "y")], columns={"score": [3], "other": [4]}).table
    (shown,) = PairBatch(table).pairs(("score",))
    assert dict(shown.columns) == {"score": 3}
    assert (shown.id, shown.prompt, shown.response_a, shown.messages) == ("p0", "prompt p0", "x", ())


def test_messages_come_with_the_pairs() -> None:
    table = made_pairs([("x", "y")]).table
    turns = pa.array([[{"role": "user", "content": "Hi"}]], table.schema.field("messages").type)
    table = table.set_column(table.column_names.index("messages"), "messages", turns)
    assert PairBatch(table).pairs()[0].messages == ({"role": "user", "content": "Hi"},)


def test_an_empty_shard_has_no_votes() -> None:
    batch = batch_of()
    for lf in SHIPPED:
        assert len(lf.vote_batch(batch).votes) == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(odd_texts, odd_texts, odd_texts), min_size=1, max_size=20))
def test_every_shipped_function_votes_alike_on_a_shard_and_on_single_pairs(
    texts: list[tuple[str, str, str]],
) -> None:
    pairs = made_pairs([(a, b) for a, b, _ in texts], prompts=[p for _, _, p in texts])
    batch, single = PairBatch(pairs.table), list(pairs)
    for lf in SHIPPED:
        together = lf.vote_batch(batch)
        alone = [lf.vote_all([pair]) for pair in single]
        assert together.votes.tolist() == [int(column.votes[0]) for column in alone], lf.name
        margins = np.array([column.margins[0] for column in alone])
        assert np.array_equal(together.margins, margins, equal_nan=True), lf.name
        assert not together.faults


def test_a_column_works_out_what_it_remembers_once() -> None:
    calls = []
    column = TextColumn.of(["x", "y"])
    for _ in range(2):
        assert column.numbers("key", lambda c: calls.append(1) or [1, 2]).tolist() == [1, 2]
    assert calls == [1]


def test_shared_numbers_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        features.n_words(TextColumn.of(["x"]))[0] = 3


def test_a_column_is_freed_although_its_texts_know_it() -> None:
    column = TextColumn(TextColumn.of(["one two", "three"]).arrow)
    texts, gone = list(column.texts), weakref.ref(column)
    gc.disable()
    try:
        del column
        assert gone() is None
    finally:
        gc.enable()
    assert texts[0].words == ("one", "two")


def test_some_rows_of_a_column_are_a_column() -> None:
    column = TextColumn.of(["a", "b c", "d"]).take(np.array([1, 1, 0]))
    assert column.take(np.array([2, 0])).raw == ["a", "b c"]
    assert features.n_words(column).tolist() == [2, 2, 1]
    assert isinstance(column.series, pl.Series)
    assert len(column) == 3


def test_one_body_serves_a_response_and_a_column() -> None:
    @response_scorer(batch=True)
    def gap(response: TextColumn, prompt: TextColumn) -> FloatArray:
        return (features.n_words(response) - features.n_words(prompt)).clip(0)

    assert gap.score("a b c", "a") == 2
    assert gap(Pair("1", "p", "one two", "one")) == 0  # type: ignore[arg-type]


def test_a_pair_function_reads_features_from_the_shards_columns() -> None:
    @labeling_function
    def wordier(pair: Pair) -> int:
        a, b = features.n_words(pair.response_a), features.n_words(pair.response_b)
        return ABSTAIN if a == b else int(b > a)

    batch = batch_of(("x", "y z"), ("x y", "z"), ("x", "y"))
    assert wordier.vote_batch(batch).votes.tolist() == [1, 0, -1]
    assert "tokens" in vars(batch.responses)


def test_texts_that_exist_keep_what_they_remember() -> None:
    pairs = [Pair("1", Text("p"), Text("x"), Text("y"))]
    assert PairBatch.of(pairs).responses.texts[0] is pairs[0].response_a
