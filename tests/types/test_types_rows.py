"""What stands in the brackets of pairs, votes and labels: the rows that Python and numpy mean by it, or one line."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from weaklabel.errors import MissingExtraError, RowError
from weaklabel.types import Labels, Pair, Pairs, Votes
from weaklabel.types.rows import as_pandas

N = 7
PAIRS = Pairs.of([Pair(f"p{i}", "2 + 2?", "4", "5" * i) for i in range(N)])
L = np.arange(2 * N, dtype=np.int8).reshape(N, 2) % 3 - 1
VOTES = Votes(L, np.full(L.shape, np.nan, np.float32), ("id", "longer"), PAIRS.ids)
LABELS = Labels(
    PAIRS,
    VOTES,
    np.arange(N) - 3.0,
    np.ones(N),
    None,
    False,
    np.zeros(N, dtype=np.bool_),
    p_tie=np.arange(N) / 10,
)
MASK = np.array([i % 3 == 0 for i in range(N)])
# What is meant, as numpy would take it of an array.
MEANT: list[Any] = [
    slice(None, 3), slice(-2, None), slice(None, None, -2), slice(5, 2), slice(2, 900), slice(np.int64(1), np.int32(4)),
    MASK, MASK.tolist(), pd.Series(MASK), pa.array(MASK), ~MASK & MASK,
    [4, 0, -1], np.array([1, 2]), np.array([6], dtype=np.uint8), np.array([1, -2], dtype=np.int8), pd.Series([3, 1]), range(2, 4), [np.int64(3)], [],
]  # fmt: skip


@pytest.mark.parametrize("rows", MEANT, ids=str)
@pytest.mark.parametrize("made", [PAIRS, VOTES, LABELS], ids=lambda made: type(made).__name__)
def test_rows_are_those_that_an_array_gives(made: Any, rows: Any) -> None:
    ids = np.array(PAIRS.ids)
    plain = rows if isinstance(rows, slice) else np.asarray(rows)
    wanted = ids[plain if isinstance(plain, slice) or len(plain) else []].tolist()
    found = made[rows]
    assert type(found) is type(made)
    assert list((found.pairs if made is LABELS else found).ids) == wanted
    if not isinstance(rows, slice):
        assert [*getattr(made.take(rows), "pairs", made.take(rows)).ids] == wanted


def test_what_belongs_to_a_row_goes_with_it() -> None:
    some = LABELS[[4, 0]]
    assert some.logit.tolist() == [1.0, -3.0]
    assert some.p_tie is not None
    assert some.p_tie.tolist() == [0.4, 0.0]
    assert some.votes.L.tolist() == L[[4, 0]].tolist()
    assert some.pairs[0].response_b == "5555"


@pytest.mark.parametrize("row", [0, -1, 3, np.int64(3), np.uint8(6)])
def test_a_number_is_one_pair(row: int) -> None:
    assert PAIRS[row] == list(PAIRS)[int(row)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (N, r"pairs\[7\]: there are 7 rows. Allowed: -7 to 6"),
        (-N - 1, r"pairs\[-8\]: there are 7 rows"),
        ([0, 7], "there is no row 7 among 7. Allowed: -7 to 6"),
        ([-8], "there is no row -8"),
        (np.array([2**63], dtype=np.uint64), "there is no row 9223372036854775808"),
        (MASK[:-1], "the mask has 6 values for 7 rows. Allowed: one a row"),
        ([True], "the mask has 1 values"),
        ([1, -6], "row 1 is named twice"),
        ([0.5], "means no rows"),
        ([True, None], "means no rows"),
        ([[1], [2, 3]], "means no rows"),
        (np.zeros((7, 1), dtype=np.bool_), "means no rows"),
        ("p1", "'p1'. means no rows. Allowed: a slice, a list"),
        ((1, 2), "means no rows"),
        (None, "means no rows"),
        (True, "means no rows"),
        (slice("a", "b"), "slice indices must be integers"),
        (slice(None, None, 0), "zero"),
    ],
)  # fmt: skip
def test_what_means_no_rows_is_one_line(rows: Any, said: str) -> None:
    with pytest.raises(RowError, match=said) as caught:
        PAIRS[rows]
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("made", [VOTES, LABELS], ids=["votes", "labels"])
def test_one_row_of_votes_or_labels_is_asked_for_as_a_slice(made: Any) -> None:
    with pytest.raises(RowError, match=r"\[3\] is one row. Write (votes|labels)\[3:4\], or"):
        made[3]
    with pytest.raises(RowError, match="there are 7 rows"):
        made[7]


@pytest.mark.parametrize("made", [VOTES, LABELS], ids=["votes", "labels"])
def test_brackets_do_not_make_a_loop_that_ends_at_once(made: Any) -> None:
    with pytest.raises(TypeError, match="not iterable"):
        list(made)
    with pytest.raises(TypeError, match="not"):
        assert "p1" in made


def test_pairs_are_pairs_one_by_one_forwards_and_backwards() -> None:
    assert [pair.id for pair in reversed(PAIRS)] == list(PAIRS.ids)[::-1]
    assert [pair.id for pair in PAIRS] == list(PAIRS.ids)


@pytest.mark.parametrize("made", [PAIRS, VOTES, LABELS], ids=lambda made: type(made).__name__)
def test_a_mask_of_another_length_takes_nothing_in_silence(made: Any) -> None:
    with pytest.raises(RowError, match=f"{type(made).__name__}.take: the mask has 3 values for 7 rows"):
        made.take(np.array([True, False, True]))


def test_take_repeats_a_row_that_is_named_twice() -> None:
    assert PAIRS.take(np.array([2, 2, 0])).ids == ("p2", "p2", "p0")


def test_slicing_leaves_the_whole_as_it_was() -> None:
    before = PAIRS.has_gold
    part = PAIRS[before | MASK]
    assert not before.flags.writeable
    assert len(PAIRS) == N
    assert len(part) == MASK.sum()


def test_frames_hold_a_row_per_pair() -> None:
    assert PAIRS.to_pandas()["response_b"].tolist() == ["5" * i for i in range(N)]
    votes = VOTES.to_pandas()
    assert votes.columns.tolist() == ["id", "vote:id", "vote:longer"]
    assert votes[["vote:id", "vote:longer"]].to_numpy().tolist() == L.tolist()
    assert votes["vote:id"].dtype == np.int8
    labels = LABELS.to_pandas()
    assert labels["p"].to_numpy() == pytest.approx(LABELS.p)
    assert labels["id"].tolist() == list(PAIRS.ids)


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Table:
        def to_pandas(self) -> pd.DataFrame:
            import pandas

            return pandas.DataFrame()

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="to_pandas needs pandas"):
        as_pandas(Table())
