"""Files and tables as blocks of raw rows, each row with its line, never a whole file at once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel.data.class_names import with_class_names
from weaklabel.data.delimited import check_names, csv_row, csv_rows, delimiter_of
from weaklabel.data.readers.base import encodes, shown
from weaklabel.errors import DataError
from weaklabel.types import SetAside

BLOCK_ROWS: Final = 8192
BLOCK_BYTES: Final = 64 << 20
_READ_AT_ONCE: Final = 1 << 20  # bytes of a column of a Parquet file
_HEAD: Final = 1 << 16
# What stands above the rows where a file is one object.
_WRAPPERS: Final = (
    "data",
    "rows",
    "records",
    "items",
    "examples",
    "instances",
    "train",
    "validation",
    "test",
)
KNOWN: Final = ".parquet, .jsonl, .ndjson, .json, .csv, .tsv (text files also with .gz or .zst)"


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of one file: either as a table or as dicts, with the rows that no parser could read.

    Attributes:
        file: name for messages.
        lines: 1-based line of each row (row number in Parquet and in tables).
        data: the rows.
        set_aside: rows that could not be parsed.
        text_only: True for CSV, which cannot tell 1 from "1".
    """

    file: str
    lines: Sequence[int]
    data: pa.Table | list[dict[str, Any]]
    set_aside: tuple[SetAside, ...] = ()
    text_only: bool = False

    @property
    def columns(self) -> list[str]:
        if isinstance(self.data, pa.Table):
            return list(self.data.column_names)
        return list(dict.fromkeys(name for row in self.data for name in row))

    @property
    def types(self) -> dict[str, pa.DataType]:
        """Arrow types where the source has them; text alone where it does not."""
        if isinstance(self.data, pa.Table):
            return {f.name: plain_type(f.type) for f in self.data.schema}
        return {}

    def rows(self, count: int | None = None) -> list[dict[str, Any]]:
        data = self.data if count is None else self.data[:count]
        return cast("list[dict[str, Any]]", data.to_pylist() if isinstance(data, pa.Table) else data)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type with large, view and dictionary variants of text replaced by plain text."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def file_blocks(path: Path, name: str | None = None, what: str = "pairs") -> Iterator[Block]:
    """The blocks of one file, which should hold `what`.

    Raises:
        DataError: when it is missing, empty, torn, or of no known kind.
    """
    name = name or str(path)
    if not path.is_file():
        raise DataError(f"{name} does not exist. Check the path.")
    if path.stat().st_size == 0:
        raise DataError(f"{name} is empty. Expected {what} as {KNOWN}.")
    reader = _reader(path, name)
    try:
        yield from reader(path, name)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{name} cannot be read ({error}). Is it complete? Fetch or write it again."
        ) from None


def _reader(path: Path, name: str) -> Callable[[Path, str], Iterator[Block]]:
    suffixes = [s.lower() for s in path.suffixes]
    kind = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in (".gz", ".zst") else path.suffix.lower()
    readers = {
        ".parquet": _parquet,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json,
        ".csv": _csv,
        ".tsv": _csv,
    }
    if kind not in readers:
        raise DataError(
            f"{name}: the ending {path.suffix!r} is not known. Known: {KNOWN}. Rename or convert it."
        )
    return readers[kind]


def _open(path: Path) -> BinaryIO:
    # Arrow's streams read every frame of a .zst and notice a torn end; the zstandard module's do neither unasked.
    stream = pa.input_stream(str(path), compression="detect")
    return cast(BinaryIO, io.BufferedReader(stream, buffer_size=1 << 20))


def _parquet(path: Path, name: str) -> Iterator[Block]:
    # Unbuffered, the columns of a whole row group are loaded at once, and others write a million rows into one.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_AT_ONCE) as file:
        yield from table_blocks(
            (pa.Table.from_batches([batch]) for batch in file.iter_batches(batch_size=BLOCK_ROWS)), name
        )


def table_blocks(tables: Iterable[pa.Table], name: str) -> Iterator[Block]:
    """Blocks of Arrow tables; a row whose text is not UTF-8 is set aside.

    Raises:
        LayoutError: when two columns have one name.
    """
    start = 0
    for table in map(with_class_names, tables):
        check_names(table.column_names, name)
        for at in range(0, table.num_rows, BLOCK_ROWS):
            part = table.slice(at, BLOCK_ROWS)
            yield _checked(part, range(start + at + 1, start + at + part.num_rows + 1), name)
        start += table.num_rows


def _checked(table: pa.Table, lines: range, name: str) -> Block:
    try:
        table.validate(full=True)
        return Block(name, lines, _plain(table))
    except pa.ArrowInvalid:
        keep, bad = [], []
        for i, line in enumerate(lines):
            try:
                table.slice(i, 1).validate(full=True)
                keep.append(i)
            except pa.ArrowInvalid as error:
                bad.append(SetAside(name, line, f"not valid Arrow data or UTF-8 ({str(error)[:80]})"))
        rows = pa.concat_tables([table.slice(0, 0), *(table.slice(i, 1) for i in keep)])
        return Block(name, [lines[i] for i in keep], _plain(rows), tuple(bad))


def _plain(table: pa.Table) -> pa.Table:
    """The table with columns that Arrow cannot pick rows from (views, run-end encoded) in a plain form."""
    for at, column in enumerate(table.columns):
        try:
            pa.nulls(0, column.type).take(pa.array([], pa.int64()))
        except pa.ArrowNotImplementedError:
            table = table.set_column(at, table.field(at).name, pa.array(column.to_pylist()))
    return table


def record_blocks(records: Iterable[Any], name: str) -> Iterator[Block]:
    """Blocks of dicts that are already in memory, numbered from 1."""
    yield from gather(enumerate(records, 1), name, lambda value: (value, 0))


def _csv(path: Path, name: str) -> Iterator[Block]:
    with _open(path) as head:
        delimiter = "\t" if ".tsv" in [s.lower() for s in path.suffixes] else delimiter_of(head.read(_HEAD))
    with _open(path) as file:
        for block in gather(csv_rows(file, name, delimiter), name, csv_row):
            yield replace(block, text_only=True)


def _json_lines(path: Path, name: str) -> Iterator[Block]:
    with _open(path) as file:
        lines = ((n, line) for n, line in enumerate(file, 1) if line.strip())
        yield from gather(lines, name, _parse_line)


def _parse_line(line: bytes) -> tuple[Any, int]:
    value, size = _parse_json(line)
    if isinstance(value, list):
        raise ValueError(f"{shown(value)}, expected an object; a file that is one array must end in .json")
    return value, size


def _parse_json(line: bytes) -> tuple[Any, int]:
    try:
        return json.loads(line.decode("utf-8-sig")), len(line)
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start + 1} of the line") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not a whole JSON object ({error.msg} at character {error.pos + 1}); expected one object per line"
        ) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _json(path: Path, name: str) -> Iterator[Block]:
    """A `.json` file: one array of objects or one object, read whole, or in truth JSON lines."""
    with _open(path) as file:
        head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"["):
        one = _one_object(path)
        if one is None:
            yield from _json_lines(path, name)
            return
        _refuse_wrapped(one, name)
        yield from record_blocks([one], name)
        return
    with _open(path) as file:
        try:
            records = _parse_json(file.read())[0]
        except ValueError as error:
            raise DataError(f"{name}: {error}. Store it as .jsonl to read the rest.") from None
    yield from record_blocks(records, name)


def _one_object(path: Path) -> dict[str, Any] | None:
    """The object that a whole file is; None where its first line is one, and others follow, or nothing is."""
    with _open(path) as file:
        first, more = file.readline(), file.readline()
    try:
        found = _parse_json(first)[0]
        return found if isinstance(found, dict) and not more.strip() else None
    except ValueError:  # JSON lines that are torn, or an object over several lines
        pass
    with _open(path) as file:
        try:
            found = _parse_json(file.read())[0]
        except ValueError:
            return None
    return found if isinstance(found, dict) else None


def _refuse_wrapped(one: Mapping[str, Any], name: str) -> None:
    """Raises DataError, which says how to write them, where the one object of a file only wraps its rows."""
    lists = [key for key in _WRAPPERS if isinstance(one.get(key), list)]
    if lists:
        raise DataError(
            f"{name} is one object, whose rows stand in {lists[0]!r} ({len(one[lists[0]])} of them). Write that list alone into "
            "a .json file, or one object per line into a .jsonl file."
        )
    if one and all(isinstance(v, dict) and v and all(map(str.isdecimal, v)) for v in one.values()):
        raise DataError(
            f"{name} holds one object per column, as pandas writes by default. Write rows: "
            'frame.to_json(path, orient="records", lines=True).'
        )


def gather(
    items: Iterable[tuple[int, Any]], name: str, parse: Callable[[Any], tuple[Any, int]]
) -> Iterator[Block]:
    """Parse numbered items into blocks of at most `BLOCK_ROWS` rows and about `BLOCK_BYTES` bytes."""
    lines: list[int] = []
    rows: list[dict[str, Any]] = []
    bad: list[SetAside] = []
    size = 0
    for line, item in items:
        try:
            row, length = parse(item)
            if not isinstance(row, Mapping):
                raise ValueError(f"{shown(row)}, expected an object with named columns")
            named = {str(k): v for k, v in row.items()}
            if not all(map(encodes, named)):
                raise ValueError("the name of a column holds half a character (a lone surrogate)")
            lines.append(line)
            rows.append(named)
            size += length
        except ValueError as error:
            bad.append(SetAside(name, line, str(error)))
        if len(rows) + len(bad) >= BLOCK_ROWS or size >= BLOCK_BYTES:
            yield Block(name, lines, rows, tuple(bad))
            lines, rows, bad, size = [], [], [], 0
    if rows or bad:
        yield Block(name, lines, rows, tuple(bad))
