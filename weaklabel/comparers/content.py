"""What a pair is by its texts: one key for both of its orders, so that an answer to one order answers the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.pair import swapped_name


@dataclass(frozen=True, slots=True)
class Content:
    """The pairs of a table by what stands in them.

    Attributes:
        keys: a hash per pair of its prompt, responses and declared columns; swapping the responses does not change it.
        turned: `(n_pairs,)` bool: whether response b comes before response a in the order of the key.
        same: `(n_pairs,)` bool: whether the two responses are one text, so that neither can be better.
    """

    keys: tuple[str, ...]
    turned: NDArray[np.bool_]
    same: NDArray[np.bool_]

    @classmethod
    def of(cls, pairs: Pairs, *salt: str, columns: Sequence[str] = ()) -> Content:
        """The content of `pairs`.

        Args:
            pairs: whose texts count.
            salt: what else the key rests on, such as who is asked.
            columns: columns of the source that count beside the texts; `*_a` and `*_b` change places with the responses.

        Raises:
            DataError: a column that is not there, or that can hold the answer.

        >>> from weaklabel.types import Pair
        >>> pairs = Pairs.of([Pair("1", "2 + 2?", "5", "4")])
        >>> Content.of(pairs).keys == Content.of(pairs.swapped()).keys, Content.of(pairs).turned.tolist()
        (True, [True])
        """
        next(pairs.iter_pairs(columns), None)  # which refuses columns that nobody may see
        names = set(pairs.table.column_names)
        held = [pairs.table[name].to_pylist() for name in ("prompt", "messages", "response_a", "response_b")]
        more = [pairs.table[name].to_pylist() for name in columns]
        turned_more = [pairs.table[swapped_name(name, names)].to_pylist() for name in columns]
        keys, turned, same = [], [], []
        for row, (prompt, messages, a, b) in enumerate(zip(*held, strict=True)):
            is_turned = b < a
            first, second = (b, a) if is_turned else (a, b)
            values = turned_more if is_turned else more
            read = [[name, column[row]] for name, column in zip(columns, values, strict=True)]
            asked = json.dumps([prompt, messages, read], sort_keys=True, default=_told)
            keys.append(content_hash(*salt, asked, first, second))
            turned.append(is_turned)
            same.append(a == b)
        return cls(tuple(keys), np.array(turned, dtype=np.bool_), np.array(same, dtype=np.bool_))

    def straightened(self, p: FloatArray) -> FloatArray:
        """`(n_pairs,)` answers to the keys' own order as answers to the pairs as they stand; 1/2 for equal responses."""
        return np.where(self.same, 0.5, np.where(self.turned, 1.0 - p, p))


def in_key_order(pairs: Pairs, rows: NDArray[np.intp], turned: NDArray[np.bool_]) -> Pairs:
    """The pairs of `rows`, each in the order of its key."""
    some, where = pairs.take(rows), turned[rows]
    if not where.any():
        return some
    as_they_are, swapped = some.take(~where), some.take(where).swapped()
    schema = as_they_are.table.schema
    # A score of a may be whole where that of b is not; `swapped` also forgets that a text is never null.
    table = pa.concat_tables(
        [as_they_are.table, swapped.table.select(schema.names)], promote_options="permissive"
    )
    places = np.concatenate([np.flatnonzero(~where), np.flatnonzero(where)])
    return Pairs(table).take(np.argsort(places))


def _told(value: object) -> str:
    return f"{type(value).__name__} {value}"


def uniform(key: str) -> float:
    """A number in [0, 1) that the key decides, as if drawn; the same on every machine.

    >>> 0 <= uniform("a" * 64) < 1
    True
    """
    return int(key[:13], 16) / 16**13
