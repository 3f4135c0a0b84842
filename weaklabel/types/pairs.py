"""`Pairs`: a table of pairs in the canonical schema, and the parts that gold divides it into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel._arguments import check_value
from weaklabel._shown import ROWS, Shown, Sketch
from weaklabel.errors import DataError
from weaklabel.types.frozen import frozen
from weaklabel.types.messages import copied
from weaklabel.types.pair import Pair, declared_columns, swapped_name
from weaklabel.types.prompt_key import prompt_key
from weaklabel.types.rows import Rows, as_pandas, checked_rows, distinct_rows, one_row
from weaklabel.types.text import Text
from weaklabel.types.votes import FloatArray

if TYPE_CHECKING:
    import pandas as pd

GOLD_VALUES: Final = ("a", "b", "tie")
TURNED_GOLD: Final = {"a": "b", "b": "a", "tie": "tie"}
"""Gold of the same pair with its responses in the other order."""
PARTS: Final = ("dev", "test", "pool")
HIDDEN: Final = ("gold", "part", "swapped")
"""Canonical columns that can hold the answer: no labeling function sees them."""
_P_OF_GOLD: Final = {"a": 0.0, "b": 1.0, "tie": 0.5}

MESSAGE_TYPE: Final = pa.struct([("role", pa.string()), ("content", pa.string()), ("extra", pa.string())])
"""A `Message`; `extra` is null for all but tool calls and what tools gave back."""
CANONICAL: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("response_a", pa.string(), nullable=False),
        pa.field("response_b", pa.string(), nullable=False),
        pa.field("messages", pa.list_(MESSAGE_TYPE)),
        pa.field("gold", pa.string()),
        # dev: gold to explore, tune, fit and calibrate on; test: locked; pool: prompts without gold.
        pa.field("part", pa.string()),
        pa.field("source", pa.string()),
        # True where a is the origin's second response; never shown to a labeling function.
        pa.field("swapped", pa.bool_()),
    ]
)
"""The canonical Arrow schema. Any further column is carried through behind these."""


@dataclass(frozen=True, slots=True, repr=False)
class SetAside(Shown):
    """A row that could not be used: where it stood and why. Counted and reported, never dropped in silence."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(frozen=True, repr=False)
class Pairs(Shown):
    """Pairs in the canonical schema, with the rows that were set aside while reading them.

    Made by `read_pairs` (files, DataFrames, data sets) or, inside the package, from a canonical table. What is worked
    out from the table is worked out once, and cannot be written to.

    Attributes:
        table: `pyarrow.Table` whose first columns are `CANONICAL`, one row per pair.
        set_aside: rows of the source that could not be used.

    Raises:
        DataError: when a canonical column is missing or has another type.
    """

    table: pa.Table
    set_aside: tuple[SetAside, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        check_value("Pairs: table", self.table, "pa.Table")
        for wanted in CANONICAL:
            index = self.table.schema.get_field_index(wanted.name)
            if index < 0:
                raise DataError(f"the table has no column {wanted.name!r}. Use read_pairs to make Pairs.")
            found = self.table.schema.field(index).type
            if found != wanted.type:
                raise DataError(f"column {wanted.name!r} is {found}, expected {wanted.type}. Use read_pairs.")
            if str(found) != str(wanted.type):
                # Parquet calls the items of a list `element`, Arrow `item`: equal types, but other bytes in a file.
                schema = self.table.schema.set(index, self.table.schema.field(index).with_type(wanted.type))
                object.__setattr__(self, "table", pa.Table.from_arrays(self.table.columns, schema=schema))

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Pairs:
        """Unlabelled pairs made in memory, their declared columns included.

        >>> Pairs.of([Pair("1", "2 + 2?", "4", "5")])
        Pairs(1 pairs: 1 pool; 0 rows set aside)
        """
        check_value("Pairs.of: pairs", pairs, "Iterable[Pair]")
        given = list(pairs)
        check_value("Pairs.of: pairs", given, "list[Pair]")
        rows = [
            {
                "id": pair.id,
                "prompt": str(pair.prompt),
                "response_a": str(pair.response_a),
                "response_b": str(pair.response_b),
                "messages": list(pair.messages) or None,
                "part": "pool",
            }
            for pair in given
        ]
        table = pa.Table.from_pylist(rows, schema=CANONICAL)
        for name in dict.fromkeys(name for pair in given for name in pair.columns):
            table = table.append_column(name, pa.array([pair.columns.get(name) for pair in given]))
        return cls(table)

    def __reduce__(self) -> tuple[type[Pairs], tuple[pa.Table, tuple[SetAside, ...]]]:
        # What was worked out stays behind: it is cheap to work out again where it is wanted.
        return Pairs, (self.table, self.set_aside)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        parts = {part: int((self.parts == part).sum()) for part in PARTS}
        shown = ", ".join(f"{count} {part}" for part, count in parts.items() if count)
        return f"Pairs({len(self)} pairs: {shown or 'no part'}; {len(self.set_aside)} rows set aside)"

    def _sketch(self) -> Sketch:
        columns = ["id", "prompt", "response_a", "response_b", "gold", "part"]
        rows = self.table.select(columns).slice(0, ROWS).to_pylist()
        for row in rows:
            row["gold"] = row["gold"] and ("locked" if row["part"] == "test" else row["gold"])
        more = [name for name in self.table.column_names if name not in CANONICAL.names]
        summary = f"{self!r}; more columns: {', '.join(more)}" if more else repr(self)
        return Sketch(summary, columns, [[row[name] or "" for name in columns] for row in rows], len(self), 6)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.table["id"].to_pylist())

    @cached_property
    def y(self) -> FloatArray:
        """Gold as `(n_pairs,)` float64: 0 (A), 1 (B), .5 (tie), NaN (unknown). The position of P(B)."""
        gold = self.table["gold"].to_pylist()
        return _read_only(np.array([_P_OF_GOLD.get(g, np.nan) for g in gold], dtype=np.float64))

    @cached_property
    def has_gold(self) -> NDArray[np.bool_]:
        """`(n_pairs,)`: whether there is gold, a tie included."""
        return _read_only(np.array(pc.is_valid(self.table["gold"]), dtype=np.bool_))

    @cached_property
    def parts(self) -> NDArray[np.object_]:
        """`(n_pairs,)`: which of `PARTS` each pair is in."""
        return _read_only(np.array(self.table["part"].to_pylist(), dtype=np.object_))

    @cached_property
    def prompt_groups(self) -> NDArray[np.int64]:
        """`(n_pairs,)` int64: equal numbers for prompts that are the same (`prompt_keys`). The unit of every split."""
        codes: dict[str, int] = {}
        keys = self.prompt_keys
        return _read_only(np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64))

    @cached_property
    def prompt_keys(self) -> tuple[str, ...]:
        """What makes two prompts the same: the conversation, or the prompt where there is none, as `prompt_key` sees it."""
        return tuple(prompt_key(text) for text in self.asked)

    @property
    def asked(self) -> list[str]:
        """The text that each pair's responses answer: the conversation in one, or the prompt where there is none."""
        prompts: list[str] = self.table["prompt"].to_pylist()
        messages = self.table["messages"]
        if messages.null_count == len(messages):
            return prompts
        return [
            p if not m else " ".join(turn["content"] or "" for turn in m)
            for p, m in zip(prompts, messages.to_pylist(), strict=True)
        ]

    @property
    def dev(self) -> Pairs:
        """Pairs with gold that may be looked at: explore, tune, fit and calibrate on these."""
        return self.take((self.parts == "dev") & self.has_gold)

    @property
    def test(self) -> Pairs:
        """Pairs with gold that only final figures see."""
        return self.take((self.parts == "test") & self.has_gold)

    @property
    def visible(self) -> Pairs:
        """Everything but the locked test prompts: what may be fitted on, shown and exported."""
        seen = self.parts != "test"
        # Where nothing is locked, what was worked out of these pairs serves again.
        return self if seen.all() else self.take(seen)

    def take(self, rows: Rows) -> Pairs:
        """Some rows, in the order given; a row that is named twice comes twice.

        Raises:
            RowError: rows that are not there.
        """
        return self._rows(checked_rows(rows, len(self), "Pairs.take"))

    def _rows(self, rows: NDArray[np.int64]) -> Pairs:
        if (np.diff(rows) > 0).all():
            # Unlike take(), filter() copies no column into one piece, which text above 2 GB does not fit.
            mask = np.zeros(len(self), dtype=np.bool_)
            mask[rows] = True
            return Pairs(self.table.filter(pa.array(mask)), self.set_aside)
        return Pairs(self.table.take(pa.array(rows, type=pa.int64())), self.set_aside)

    @overload
    def __getitem__(self, rows: int) -> Pair: ...
    @overload
    def __getitem__(self, rows: Rows) -> Pairs: ...
    def __getitem__(self, rows: int | Rows) -> Pair | Pairs:
        """The pair at a row, without columns of the source; or the pairs at several rows, each at most once.

        Args:
            rows: a number, below 0 from the end; a slice; a list or `(k,)` array of numbers; `(n_pairs,)` True or False.

        Raises:
            RowError: rows that are not there, a mask of another length, a row that is named twice.

        >>> pairs = Pairs.of([Pair(str(i), "2 + 2?", "4", "5") for i in range(9)])
        >>> pairs[-1].id, pairs[:3].ids, pairs[[7, 2]].ids, len(pairs[pairs.has_gold])
        ('8', ('0', '1', '2'), ('7', '2'), 0)
        """
        row = one_row(rows, len(self), "pairs")
        if row is None:
            return self._rows(distinct_rows(rows, len(self), "pairs"))
        return next(iter(self._rows(np.array([row], dtype=np.int64))))

    def swapped(self) -> Pairs:
        """The same pairs with the two responses, their gold and every `*_a`/`*_b` column in the other order."""
        names = set(self.table.column_names)
        flipped = {name: self.table[swapped_name(name, names)] for name in self.table.column_names}
        flipped["gold"] = pa.chunked_array(
            [pa.array([TURNED_GOLD.get(g) for g in self.table["gold"].to_pylist()], pa.string())]
        )
        flipped["swapped"] = pc.invert(self.table["swapped"])
        return Pairs(pa.table(flipped), self.set_aside)

    def iter_pairs(self, columns: Sequence[str] = ()) -> Iterator[Pair]:
        """`Pair` objects in row order, with the declared `columns` and nothing else of the source.

        Equal texts are one `Text` object, so that what is computed from it is computed once.

        Raises:
            DataError: for a column that is not there, or that can hold the answer (gold, part, swapped).
        """
        if leaks := [name for name in columns if name in HIDDEN]:
            raise DataError(
                f"column {leaks[0]!r} can hold the answer, so no pair shows it. Declare another column."
            )
        missing = [name for name in columns if name not in self.table.column_names]
        if missing:
            raise DataError(
                f"there is no column {missing[0]!r}. The pairs have: {', '.join(self.table.column_names)}."
            )
        texts: dict[str, Text] = {}

        def intern(raw: str) -> Text:
            return texts.get(raw) or texts.setdefault(raw, Text(raw))

        wanted = ["id", "prompt", "response_a", "response_b", "messages", *columns]
        for batch in self.table.select(list(dict.fromkeys(wanted))).to_batches(max_chunksize=4096):
            for row in batch.to_pylist():
                yield Pair(
                    row["id"],
                    intern(row["prompt"]),
                    intern(row["response_a"]),
                    intern(row["response_b"]),
                    frozen(copied(row["messages"])),  # several functions read them
                    declared_columns({name: frozen(row[name]) for name in columns}),
                )

    def __iter__(self) -> Iterator[Pair]:
        return self.iter_pairs()

    def to_pandas(self) -> pd.DataFrame:
        """A pandas DataFrame with one row per pair and the columns of `table`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return as_pandas(self.table)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
