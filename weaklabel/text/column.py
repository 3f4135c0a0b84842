"""`TextColumn`: the distinct texts of a shard, which remember what was computed from all of them at once.

What `Text` is to one response. A feature asked of a column is an array, worked out once however many labeling
functions ask; asked of a `Text` that lives in a column, it is read from that array.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel.text.timings import TIMINGS
from weaklabel.text.tokens import BeyondOfTexts, Ints, Tokens, arrow_of, beyond_of, strings_of, tokenize
from weaklabel.types import FloatArray, Text

T = TypeVar("T")

FEW: Final = 16
"""Up to so many texts, one by one is faster than as a column."""


class TextColumn:
    """Texts in rows. Equal texts are one: what is computed is computed once for each that is distinct.

    Attributes:
        rows: `(n,)` int64, where each row stands in `distinct`; None where they are the same.

    >>> column = TextColumn.of(["Don't panic.", "So long!"])
    >>> len(column), column.series.str.len_chars().to_list(), column.words[1]
    (2, [12, 8], ('so', 'long'))
    """

    def __init__(
        self,
        arrow: pa.LargeStringArray | None = None,
        *,
        texts: Sequence[Text] | None = None,
        distinct: TextColumn | None = None,
        rows: Ints | None = None,
    ) -> None:
        self._arrow, self._given = arrow, texts
        if rows is not None and rows.flags.writeable:  # several functions read them
            rows = rows.view()
            rows.flags.writeable = False
        self._distinct, self.rows = distinct, rows
        self._memo: dict[Hashable, Any] = {}

    @classmethod
    def of(cls, texts: Sequence[str]) -> TextColumn:
        """A column of texts made in memory; equal ones are not looked for."""
        return cls(texts=[t if isinstance(t, Text) else Text(t) for t in texts])

    @property
    def distinct(self) -> TextColumn:
        """The column of distinct texts behind this one; a column may be its own."""
        return self if self._distinct is None else self._distinct

    def take(self, rows: Ints) -> TextColumn:
        """Some rows of this column, in any order and any number of times."""
        return TextColumn(distinct=self.distinct, rows=rows if self.rows is None else self.rows[rows])

    def __len__(self) -> int:
        if self.rows is not None:
            return len(self.rows)
        return len(self.arrow if self._given is None else self._given)

    @cached_property
    def arrow(self) -> pa.LargeStringArray:
        """The texts in Arrow."""
        if self.rows is not None:
            return self.distinct.arrow.take(arrow_of(self.rows))
        if self._arrow is None:
            self._arrow = strings_of(self._given or ())
        return self._arrow

    @property
    def series(self) -> pl.Series:
        """The texts as a polars column of strings; a view of one's own, because a Series can be changed in place."""
        return self._series.clone()

    @cached_property
    def _series(self) -> pl.Series:
        return pl.Series("text", self.arrow)

    @property
    def indices(self) -> Ints:
        """`(n,)` int64: where each row stands in `distinct`."""
        return np.arange(len(self)) if self.rows is None else self.rows

    @property
    def raw(self) -> list[str]:
        """The texts as Python strings."""
        return self.series.to_list()

    @cached_property
    def texts(self) -> Sequence[Text]:
        """The texts one by one; equal rows are one object. They read from the column what it knows."""
        if self.rows is not None:
            texts = self.distinct.texts
            return tuple(texts[row] for row in self.rows.tolist())
        if self._given is not None:
            return tuple(self._given)
        home = weakref.ref(self)  # else the two would keep each other alive
        return tuple(Text.at(raw, home, row) for row, raw in enumerate(self.raw))

    # --- what is remembered ---

    def remember(self, key: Hashable, compute: Callable[[TextColumn], T]) -> T:
        """`compute(self)`, run once per `key` for the life of this column."""
        try:
            return self._memo[key]  # type: ignore[no-any-return]
        except KeyError:
            with TIMINGS.charged(key):
                value = self._memo[key] = compute(self)
            return value

    def numbers(self, key: Hashable, compute: Callable[[TextColumn], Any]) -> FloatArray:
        """`(n,)` float64, read-only: `compute` of the distinct texts, run once per `key`, for every row."""
        values = self.distinct.remember(key, lambda column: read_only(compute(column)))
        return values if self.rows is None else values[self.rows]

    def knows(self, key: Hashable) -> bool:
        """Whether `Text.remember` finds here what it keeps under `key`."""
        return key == "words"

    def recall(self, key: Hashable, row: int, at_once: Callable[[TextColumn], Any] | None) -> Any:
        """One text's part of `at_once(self)`, which is run once per `key`."""
        items = self._memo.get(("items", key))
        if items is None:
            values = self.tokens if at_once is None else self.remember(key, at_once)
            items = values.tolist() if isinstance(values, np.ndarray) else values
            self._memo["items", key] = items
        return items[row]

    # --- what many features share; of the distinct texts ---

    @cached_property
    def tokens(self) -> Tokens:
        """The words of the distinct texts, as `Text.words` has them."""
        if self.distinct is not self:
            return self.distinct.tokens
        with TIMINGS.charged("words"):
            return tokenize(self.arrow, self.beyond)

    @cached_property
    def words(self) -> Tokens:
        """The words of the distinct texts with straight apostrophes, so that one word has one spelling."""
        return self.tokens.straight() if self.distinct is self else self.distinct.words

    @cached_property
    def beyond(self) -> BeyondOfTexts:
        """The characters beyond ASCII of the distinct texts, and the text that each stands in."""
        if self.distinct is not self:
            return self.distinct.beyond
        return beyond_of(self.arrow)


def read_only(values: Any) -> FloatArray:
    """Numbers as float64 that nobody can write to, because several functions read them."""
    numbers: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    numbers.flags.writeable = False
    return numbers
