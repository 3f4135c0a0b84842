"""Delimited text: CSV with whatever stands between the fields, a row at a time with its line."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final

from weaklabel.data.readers.base import encodes
from weaklabel.errors import DataError, LayoutError

_DELIMITERS: Final = (",", ";", "\t", "|")
_LOOKED_AT: Final = 30


def delimiter_of(head: bytes) -> str:
    """What stands between the fields of a CSV file: the mark that divides most of the first rows as it does the header.

    >>> delimiter_of(b"prompt;response_a;response_b\\nHi, you;x;y\\n")
    ';'
    """
    text = head.decode("utf-8-sig", errors="replace")
    return max(_DELIMITERS, key=lambda mark: _fit(text, mark))


def _fit(text: str, mark: str) -> tuple[bool, float, int]:
    csv.field_size_limit(sys.maxsize)  # the default, 128 KiB, is less than one long answer
    try:
        rows = [row for row in islice(csv.reader(io.StringIO(text), delimiter=mark), _LOOKED_AT) if row]
    except csv.Error:
        return False, 0.0, 0
    width = len(rows[0]) if rows else 0
    # The last row may be cut where the head ends.
    alike = sum(len(row) == width for row in rows[1:-1] or rows) / len(rows[1:-1] or rows) if rows else 0.0
    return width > 1, alike, width


def csv_rows(file: BinaryIO, name: str, delimiter: str) -> Iterator[tuple[int, Any]]:
    """Line, and (header, cells) or what is wrong, of every row behind the header.

    Raises:
        DataError: no header, or not in UTF-8.
        LayoutError: a column name that occurs twice.
    """
    csv.field_size_limit(sys.maxsize)
    # Bytes that are no UTF-8 pass as lone surrogates, so that only their own row is set aside.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    header = _header(reader, name)
    return ((line, (header, cells)) for line, cells in _rows(reader))


def csv_row(item: tuple[list[str], list[str] | csv.Error]) -> tuple[dict[str, Any], int]:
    """One row as a dict, and how many characters it has; raises ValueError for a row that is not whole."""
    header, cells = item
    return _row(header, cells), 0 if isinstance(cells, csv.Error) else sum(map(len, cells))


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        header = next(reader)
    except (StopIteration, csv.Error):
        raise DataError(f"{name} has no header line. The first line must name the columns.") from None
    if not all(map(encodes, header)):
        raise DataError(f"{name}: the header line is not UTF-8. Save the file as UTF-8.")
    check_names(header, name)
    return header


def _rows(reader: Any) -> Iterator[tuple[int, list[str] | csv.Error]]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # One mark that is never closed can take thousands of rows with it: each of its lines is counted.
            for lost in range(line, reader.line_num + 1):
                yield (
                    lost,
                    csv.Error(f"{error}; behind the quotation mark on line {line}" if lost > line else error),
                )
            continue
        if cells:
            yield line, cells


def _row(header: list[str], cells: list[str] | csv.Error) -> dict[str, Any]:
    if isinstance(cells, csv.Error):
        raise ValueError(f"not a whole CSV row ({cells})")
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} fields but the header names {len(header)}: half of a row?")
    if any("\udc80" <= c <= "\udcff" for cell in cells if not cell.isascii() for c in cell):
        raise ValueError("invalid UTF-8")
    return dict(zip(header, cells, strict=True))


def check_names(names: Sequence[str], where: str) -> None:
    """Whether every column has a name of its own.

    Raises:
        LayoutError: names the first that has not.
    """
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise LayoutError(f"{where}: the column {twice!r} occurs twice. Rename one.")
