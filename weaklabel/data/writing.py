"""Canonical Parquet on disk, written in row groups as the pairs arrive, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel._arguments import check_value, checked
from weaklabel._shown import Shown
from weaklabel.artifacts import atomic_file
from weaklabel.data.answers import ASKED, Answers
from weaklabel.data.build import Account, Batch, conform, unify
from weaklabel.data.pairs_file import HASHES_KEY, column_hashes
from weaklabel.data.reading import iter_batches
from weaklabel.data.sources import PairSource
from weaklabel.data.splits import draw_parts
from weaklabel.errors import DataError
from weaklabel.types import Pairs, SetAside

ROW_GROUP: Final = 8192


@dataclass(frozen=True, slots=True, repr=False)
class Written(Shown):
    """What `write_pairs` wrote: the number of pairs, the rows of the source that were set aside, what to know of them, and how
    many pairs have their gold from answers."""

    n_pairs: int
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...] = ()
    n_answers: int = 0

    def __str__(self) -> str:
        said = f"{self.n_pairs:,} pairs written, {len(self.set_aside):,} rows set aside"
        return "\n".join([said, *map(str, self.set_aside[:3]), *self.notes])


@checked
def write_pairs(pairs: Pairs | Iterable[Batch], path: str | Path) -> Written:
    """Write pairs as canonical Parquet in row groups of 8192, one batch in memory at a time.

    The file appears under its name only when it is whole; the same pairs give the same bytes, however they
    were batched. Where later batches bring columns or types that the first had not, it is written a second
    time, in the schema that holds them all.

    Raises:
        DataError: when there is no batch.
    """
    batches: Iterable[Batch] = [Batch(pairs.table, pairs.set_aside)] if isinstance(pairs, Pairs) else pairs
    account = Account()
    with atomic_file(Path(path)) as final:
        parts: list[Path] = []
        try:
            n_pairs = _write_parts(batches, final, parts, account)
            if not parts:
                raise DataError(f"there are no pairs to write to {path}.")
            if len(parts) == 1:
                os.replace(parts[0], final)
            else:
                schema = unify(pq.read_schema(part) for part in parts)
                _write(final, schema, (conform(table, schema) for part in parts for table in _tables(part)))
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
    return Written(n_pairs, tuple(account.set_aside), tuple(account.lines()))


def convert_pairs(
    source: PairSource,
    path: str | Path,
    *,
    gold: PairSource | None = None,
    answers: PairSource | None = None,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
    gold_values: Mapping[Any, str] | None = None,
    test_share: float = 0.5,
    max_gold: int | None = None,
    seed: int = 0,
    near_duplicates: bool = False,
    max_set_aside: float = 0.5,
) -> Written:
    """`write_pairs(read_pairs(source, ...), path)` for a source larger than memory, with the same bytes.

    The source is read once into a canonical file without parts; prompts, sources and gold of that file
    settle the split, and the parts are filled in while it is copied. Arguments are those of `read_pairs`.
    """
    settings: dict[str, Any] = {
        "gold": gold,
        "layout": layout,
        "columns": columns,
        "gold_values": gold_values,
    }
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.tmp-", dir=target.parent) as folder:
        staged = Path(folder) / "unsplit.parquet"
        batches = iter_batches(source, seed=seed, max_set_aside=max_set_aside, **settings)
        staged_as = write_pairs(batches, staged)
        parts = draw_parts(
            lambda: _tables(staged, ["id", "prompt", "messages", "gold", "part", "source"]),
            test_share=test_share,
            seed=seed,
            near_duplicates=near_duplicates,
            max_gold=max_gold,
        )
        given = None if answers is None else Answers(answers)
        if given is not None:
            given.settle(parts.fill(given.asked(table)) for table in _tables(staged, ASKED))
            set_aside = (*staged_as.set_aside, *given.set_aside)
            staged_as = replace(staged_as, set_aside=set_aside, n_answers=given.n_used)
        split = map(parts.fill, _tables(staged))
        split = split if given is None else map(given.fill, split)
        written = write_pairs(map(Batch, split), target)
    return replace(staged_as, n_pairs=written.n_pairs)


def _write_parts(batches: Iterable[Batch], final: Path, parts: list[Path], account: Account) -> int:
    """One file per run of batches with equal schemas, beside `final`; how many pairs they hold."""
    n_pairs = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal n_pairs
        for batch in batches:
            check_value("write_pairs: pairs", batch, "Pairs | Batch")
            account.add(batch)
            n_pairs += batch.table.num_rows
            # A batch without pairs knows nothing of the column types.
            if batch.table.num_rows:
                yield conform(batch.table, unify([batch.table.schema]))

    for schema, run in _runs(tables()):
        parts.append(final.with_name(f"{final.name}-{len(parts)}"))
        _write(parts[-1], schema, run)
    return n_pairs


def _runs(tables: Iterator[pa.Table]) -> Iterator[tuple[pa.Schema, Iterator[pa.Table]]]:
    """Consecutive tables with equal schemas, together. Each run must be used up before the next."""
    waiting = next(tables, None)

    def run(schema: pa.Schema) -> Iterator[pa.Table]:
        nonlocal waiting
        while waiting is not None and waiting.schema.equals(schema):
            table, waiting = waiting, None
            yield table
            waiting = next(tables, None)

    while waiting is not None:
        yield waiting.schema, run(waiting.schema)


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    hashes = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in _regrouped(tables):
            writer.write_table(table, row_group_size=ROW_GROUP)
            hashes.append(column_hashes(table))
        writer.add_key_value_metadata({HASHES_KEY: json.dumps(hashes, separators=(",", ":"))})


def _regrouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of `ROW_GROUP`, each in one chunk, so that batching leaves no trace."""
    held: list[pa.Table] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        while rows >= ROW_GROUP:
            whole = pa.concat_tables(held)
            yield whole.slice(0, ROW_GROUP).combine_chunks()
            held, rows = [whole.slice(ROW_GROUP)], rows - ROW_GROUP
    if rows:
        yield pa.concat_tables(held).combine_chunks()


def _tables(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)
