"""`read_pairs` and `iter_batches`: whatever holds pairs, as canonical tables, whole or in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from weaklabel._validation import lookup
from weaklabel.data.blocks import Block
from weaklabel.data.build import Batch, Builder, conform, unify
from weaklabel.data.gold import GoldTable
from weaklabel.data.readers import LAYOUTS, Layout, check_layout, detect_layout
from weaklabel.data.readers.base import CANONICAL_NAMES, is_missing
from weaklabel.data.readers.canonical import GOLD_COLUMNS
from weaklabel.data.sources import Stream, open_source
from weaklabel.data.splits import split_by_prompt
from weaklabel.errors import ConfigError, DataError, UnknownNameError
from weaklabel.types import PARTS, Pairs, SetAside

_PROBE: Final = 50
_TARGETS: Final = (
    CANONICAL_NAMES
    | set(GOLD_COLUMNS)
    | {
        "chosen",
        "rejected",
        "score_chosen",
        "score_rejected",
        "conversation_a",
        "conversation_b",
        "turn",
        "responses",
        "ratings",
        "ranks",
    }
)


def read_pairs(
    source: Any,
    *,
    gold: Any = None,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
    test_share: float = 0.5,
    max_gold: int | None = None,
    seed: int = 0,
    near_duplicates: bool = False,
    max_set_aside: float = 0.5,
) -> Pairs:
    """Preference pairs in the canonical schema, gold split by prompt into `dev` and a locked `test`.

    Args:
        source: a path (Parquet, JSONL, CSV; text also .gz or .zst), a glob, a folder, a list of paths or of
            dicts, a pandas or polars DataFrame, a pyarrow Table, a `datasets.Dataset`, a data set's name as
            "hf:org/name:split", or `Pairs`, which are returned as they are (or joined with `gold`).
        gold: gold in a source of its own: `id` and `gold` (or label, winner, preferred); where it repeats
            the responses they are checked, and their reversed order is recognised.
        layout: a name of `LAYOUTS`; by itself recognised from the columns and first rows.
        columns: our names -> yours, as ``{"prompt": "question", "response_a": "ans1"}``.
        test_share, max_gold, seed, near_duplicates: see `split_by_prompt`; `seed` also draws the order of
            pairs whose source puts the better answer first.
        max_set_aside: share of unusable rows above which reading fails, 0 to 1.

    Returns:
        `Pairs` in file order; `.set_aside` lists every row that could not be used, with file, line, reason.

    Raises:
        DataError: nothing to read, or too many rows set aside; names the first reasons.
        LayoutError: columns that no layout has; names those found.
        GoldError: a gold value that the layout does not define, or gold of other pairs.

    >>> pairs = read_pairs([{"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}])
    >>> pairs.table["gold"].to_pylist() in (["a"], ["b"]) and len(pairs) == 1
    True
    """
    if isinstance(source, Pairs) and gold is None:
        return source
    settings: dict[str, Any] = {"gold": gold, "layout": layout, "columns": columns, "seed": seed}
    batches = list(iter_batches(source, max_set_aside=max_set_aside, **settings))
    schema = unify(batch.table.schema for batch in batches)
    table = pa.concat_tables([conform(batch.table, schema) for batch in batches])
    pairs = Pairs(table, tuple(row for batch in batches for row in batch.set_aside))
    return split_by_prompt(
        pairs, test_share=test_share, seed=seed, near_duplicates=near_duplicates, max_gold=max_gold
    )


def as_pairs(obj: Any) -> Pairs:
    """`Pairs` from anything that `read_pairs` takes; `Pairs` unchanged."""
    return read_pairs(obj)


def iter_batches(
    source: Any,
    *,
    gold: Any = None,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
    seed: int = 0,
    max_set_aside: float = 0.5,
) -> Iterator[Batch]:
    """The same pairs in batches of at most some thousand rows, a file at a time, never a whole file in memory.

    `part` is filled only where the source has it, because splitting needs all prompts. Ids are kept in
    memory to find repeats. Arguments and errors are those of `read_pairs`; too many rows set aside is
    raised at the end, when the share is known.
    """
    if not 0 <= max_set_aside <= 1:
        raise ConfigError(f"max_set_aside is {max_set_aside}. Allowed: 0 to 1, a share of the rows.")
    _check_columns(columns)
    chosen = lookup("layout", LAYOUTS, layout) if layout else None
    table = None if gold is None else GoldTable(gold)
    builder, tally = Builder(seed), _Tally(max_set_aside)
    # Rows that were set aside when `Pairs` were read stay on record, but are not counted again.
    held = Batch(source.table[:0], source.set_aside) if isinstance(source, Pairs) else None
    for stream in open_source(source):
        for batch in _stream_batches(stream, builder, chosen, columns, table, tally):
            if held is not None:
                yield held
            held = batch
    tally.check(source)
    if held is None:
        raise DataError(f"{_name(source)} holds no pairs.")
    if table is not None:
        held = Batch(held.table, (*held.set_aside, *table.set_aside, *table.unmatched(tally.some_ids)))
    yield held


def _stream_batches(
    stream: Stream,
    builder: Builder,
    chosen: Layout | None,
    columns: Mapping[str, str] | None,
    gold: GoldTable | None,
    tally: _Tally,
) -> Iterator[Batch]:
    layout: Layout | None = None
    foreign_part = False
    for block in stream.blocks():
        block = block.renamed(columns or {}, strict=layout is None)
        if layout is None and len(block.lines):
            layout = _layout(block, chosen)
            foreign_part = _has_foreign_part(block)
        if foreign_part:
            block = _rename_part(block)
        batch = builder.build(block, layout or LAYOUTS["canonical"])
        tally.add(batch)
        if gold is not None and layout is not None:
            batch = gold.join(batch, layout.redraws)
        yield batch


class _Tally:
    """How many pairs were read and how many rows set aside, with the first reasons."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.read = self.lost = 0
        self.first: list[SetAside] = []
        self.some_ids: list[str] = []

    def add(self, batch: Batch) -> None:
        self.read += batch.table.num_rows
        self.lost += len(batch.set_aside)
        self.first = (self.first + list(batch.set_aside))[:3]
        if len(self.some_ids) < 3:
            self.some_ids += batch.table["id"].slice(0, 3).to_pylist()

    def check(self, source: Any) -> None:
        reasons = "; ".join(f"{row.file}, line {row.line}: {row.reason}" for row in self.first)
        total = self.read + self.lost
        if self.lost and not self.read:
            raise DataError(f"{_name(source)}: none of {total} rows can be used. First: {reasons}.")
        if not total:
            raise DataError(f"{_name(source)} holds no rows. Expected one pair per row.")
        if self.lost > self.limit * total:
            raise DataError(
                f"{_name(source)}: {self.lost} of {total} rows cannot be used, more than max_set_aside = "
                f"{self.limit:g} allows. First: {reasons}. Repair them, or raise max_set_aside."
            )


def _layout(block: Block, chosen: Layout | None) -> Layout:
    if chosen is None:
        return detect_layout(block.columns, block.rows(_PROBE), block.file)
    check_layout(chosen, block.columns, block.file)
    return chosen


def _has_foreign_part(block: Block) -> bool:
    """Whether `part` means something else in this file: a column of that name with values that are not ours."""
    values = (row.get("part") for row in block.rows(_PROBE))
    return any(not is_missing(value) and value not in (*PARTS, "") for value in values)


def _rename_part(block: Block) -> Block:
    return block.renamed({"source_part": "part"}) if "part" in block.columns else block


def _check_columns(columns: Mapping[str, str] | None) -> None:
    for name in columns or ():
        if name not in _TARGETS and not name.endswith(("_a", "_b")):
            raise UnknownNameError.for_name("column", name, _TARGETS)
    ours_of: dict[str, str] = {}
    for ours, theirs in (columns or {}).items():
        if ours_of.setdefault(theirs, ours) != ours:
            raise ConfigError(
                f"columns gives {theirs!r} both as {ours_of[theirs]} and as {ours}. Name two columns."
            )


def _name(source: Any) -> str:
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | Path):
        return str(source[0]) + (f" and {len(source) - 1} more" if len(source) > 1 else "")
    return f"the {type(source).__name__}"
